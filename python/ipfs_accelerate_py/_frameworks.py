"""numpy and torch: how each makes tensors of verified bytes.

The bytes are memory of the caller's own: those that are only read lie where the
repository has them, and what is written to is copied then and there, by the page. So
nothing is copied here but what is to become another type, or go to another device.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from ipfs_kit_py.errors import InvalidParameterError, UnsupportedFileError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipfs_accelerate_py._placing import Device
    from ipfs_accelerate_py._safetensors import TensorPlace
    from ipfs_kit_py._native import PrivateBlock

# By the names of safetensors; those of numpy and torch are the same.
DTYPE_NAMES: Final = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}
# What numpy has not by itself.
_OF_ML_DTYPES: Final = ("bfloat16", "float8_")
_FRAMEWORKS: Final = {"pt": "torch", "np": "numpy"}


class Framework(Protocol):
    """What makes tensors."""

    def check(self, places: "Iterable[TensorPlace]", devices: "Iterable[Device]") -> None:
        """See that it can make these, before anything is fetched.

        Raises:
            UnsupportedFileError: It has no such type.
            InvalidParameterError: It has no such device here.
        """

    def tensor(
        self, block: "PrivateBlock", at: int, place: "TensorPlace", device: "Device"
    ) -> Any:  # noqa: ANN401 - numpy's or torch's
        """Make a tensor of bytes that begin somewhere in a block."""

    def without_bytes(self, place: "TensorPlace") -> Any:  # noqa: ANN401
        """Make one that has a shape and a type alone."""

    def from_numpy(self, array: Any, device: "Device") -> Any:  # noqa: ANN401
        """Make one of an array that is nobody else's."""

    def adopted(self, value: Any, device: "Device") -> Any:  # noqa: ANN401
        """Put a tensor of its own where it is wanted; other values stay as they are."""


def framework_for(name: str, dtype: object) -> Framework:
    """Give the framework of a name.

    Args:
        name: `numpy`, `torch`, or `auto` for torch where it is installed.
        dtype: What floating-point numbers are to become.

    Raises:
        ImportError: It is not installed; the message says what installs it.
    """
    chosen = _FRAMEWORKS.get(name, name)
    if chosen == "auto":
        chosen = "numpy" if find_spec("torch") is None else "torch"
    wanted = None if dtype is None else _dtype_name(dtype)
    if chosen == "torch":
        return _Torch(wanted)
    if chosen == "numpy":
        return _Numpy(wanted)
    raise InvalidParameterError(f"framework {name!r} is not auto, numpy or torch")


def needed(package: str) -> Any:  # noqa: ANN401 - a module that may have no types
    """Import a package of the extra.

    Raises:
        ImportError: It is not installed; the message says what installs it.
    """
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{package} is needed for this: pip install 'ipfs-kit-py[ml]' ({error})",
            name=package,
        ) from error


class _Numpy:
    def __init__(self, dtype: str | None) -> None:
        self._numpy = needed("numpy")
        self._dtype = None if dtype is None else self._typed(dtype)

    def check(self, places: "Iterable[TensorPlace]", devices: "Iterable[Device]") -> None:
        for device in devices:
            if device not in ("cpu", "disk"):
                raise InvalidParameterError(
                    f"numpy has no device {device!r}: take framework='torch'"
                )
        for place in places:
            self._typed(_known(place), place)

    def tensor(
        self, block: "PrivateBlock", at: int, place: "TensorPlace", device: "Device"
    ) -> Any:  # noqa: ANN401
        del device
        numpy, dtype = self._numpy, self._typed(_known(place), place)
        if not place.size:
            return self._wanted(numpy.empty(place.shape, dtype), place)
        count = place.size // dtype.itemsize
        array = numpy.frombuffer(block, dtype, count, at).reshape(place.shape)
        return self._wanted(array if array.flags.aligned else array.copy(), place)

    def without_bytes(self, place: "TensorPlace") -> Any:  # noqa: ANN401
        raise InvalidParameterError(f"numpy has no tensor without bytes: {place.name}")

    def from_numpy(self, array: Any, device: "Device") -> Any:  # noqa: ANN401
        del device
        if self._dtype is not None and array.dtype.kind == "f":
            array = array.astype(self._dtype, copy=False)
        return array

    def adopted(self, value: Any, device: "Device") -> Any:  # noqa: ANN401
        return self.from_numpy(value, device)

    def _wanted(self, array: Any, place: "TensorPlace") -> Any:  # noqa: ANN401
        if self._dtype is None or not _is_float(place):
            return array
        return array.astype(self._dtype, copy=False)

    def _typed(self, name: str, place: "TensorPlace | None" = None) -> Any:  # noqa: ANN401
        if not name.startswith(_OF_ML_DTYPES):
            try:
                return self._numpy.dtype(name).newbyteorder("<")
            except TypeError as error:
                raise InvalidParameterError(f"dtype {name!r}: {error}") from error
        try:
            return self._numpy.dtype(getattr(needed("ml_dtypes"), name))
        except (ImportError, AttributeError):
            what = f"tensor {place.name!r} is" if place else "the numbers would be"
            message = (
                f"{what} of {name}, which numpy does not have: pip install ml_dtypes, or "
                "take torch: pip install 'ipfs-kit-py[ml]'"
            )
        raise UnsupportedFileError(message)


class _Torch:
    def __init__(self, dtype: str | None) -> None:
        self._torch = needed("torch")
        self._dtype = None if dtype is None else self._typed(dtype)

    def check(self, places: "Iterable[TensorPlace]", devices: "Iterable[Device]") -> None:
        for device in set(devices) - {"disk", "meta"}:
            try:
                self._torch.empty(0, device=device)
            except (RuntimeError, AssertionError, NotImplementedError) as error:
                reason = str(error).partition("\n")[0]
                raise InvalidParameterError(
                    f"device {device!r} cannot be used here: {reason}"
                ) from error
        for place in places:
            self._typed(_known(place))

    def tensor(
        self, block: "PrivateBlock", at: int, place: "TensorPlace", device: "Device"
    ) -> Any:  # noqa: ANN401
        torch, dtype = self._torch, self._typed(_known(place))
        if not place.size:
            return self.adopted(torch.empty(place.shape, dtype=dtype), device)
        made = torch.frombuffer(block, dtype=torch.uint8, count=place.size, offset=at)
        if made.data_ptr() % dtype.itemsize:
            made = made.clone()
        return self.adopted(made.view(dtype).view(place.shape), device)

    def without_bytes(self, place: "TensorPlace") -> Any:  # noqa: ANN401
        dtype = self._typed(_known(place))
        made = self._torch.empty(place.shape, dtype=dtype, device="meta")
        return made.to(dtype=self._wanted(made))

    def from_numpy(self, array: Any, device: "Device") -> Any:  # noqa: ANN401
        try:
            made = self._torch.from_numpy(array)
        except TypeError as error:
            raise UnsupportedFileError(f"an array is no tensor: {error}") from error
        return self.adopted(made, device)

    def adopted(self, value: Any, device: "Device") -> Any:  # noqa: ANN401
        if not isinstance(value, self._torch.Tensor):
            return value
        return value.to("cpu" if device == "disk" else device, self._wanted(value))

    def _wanted(self, made: Any) -> Any:  # noqa: ANN401
        is_float = made.is_floating_point() and self._dtype is not None
        return self._dtype if is_float else made.dtype

    def _typed(self, name: str) -> Any:  # noqa: ANN401
        found = getattr(self._torch, name, None)
        if not isinstance(found, self._torch.dtype):
            raise UnsupportedFileError(
                f"torch {self._torch.__version__} has no type {name!r}"
            )
        return found


def _known(place: "TensorPlace") -> str:
    name = DTYPE_NAMES.get(place.dtype)
    if name is None:
        _refuse(place)
    return name


def _refuse(place: "TensorPlace") -> NoReturn:
    raise UnsupportedFileError(
        f"tensor {place.name!r} is of {place.dtype}, numbers smaller than a byte, which "
        "this version does not load"
    )


def _is_float(place: "TensorPlace") -> bool:
    return place.dtype.startswith(("F", "BF"))


def _dtype_name(dtype: object) -> str:
    """Give the name that numpy and torch have in common."""
    if isinstance(dtype, type):
        return dtype.__name__
    return str(dtype).removeprefix("torch.")
