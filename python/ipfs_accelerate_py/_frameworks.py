"""numpy and torch: how each shows verified bytes as tensors.

Nothing writes into the repository. numpy marks an array that shows its bytes as
read-only, and refuses to write into it. torch knows no such tensors: to write into one
would end the process. So torch is given copies, unless the caller says that nobody is
going to write; what goes to another device or becomes another type is copied there and
then, and once.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from ipfs_kit_py.errors import InvalidParameterError, UnsupportedFileError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipfs_accelerate_py._placing import Device
    from ipfs_accelerate_py._safetensors import TensorPlace
    from ipfs_kit_py._native import Block

# By the names of safetensors; those of numpy and torch are the same.
_NAMES: Final = {
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

    def shown(self, block: "Block | bytes") -> Any:  # noqa: ANN401 - its own form
        """Take bytes that tensors are made of."""

    def tensor(
        self,
        shown: Any,  # noqa: ANN401
        at: int,
        place: "TensorPlace",
        device: "Device",
    ) -> Any:  # noqa: ANN401
        """Make a tensor of those."""

    def without_bytes(self, place: "TensorPlace") -> Any:  # noqa: ANN401
        """Make one that has a shape and a type alone."""

    def from_numpy(self, array: Any, device: "Device") -> Any:  # noqa: ANN401
        """Make one of an array that is nobody else's."""

    def adopted(self, value: Any, device: "Device") -> Any:  # noqa: ANN401
        """Put a tensor of its own where it is wanted; other values stay as they are."""


def framework_for(name: str, dtype: object, *, writable: bool | None) -> Framework:
    """Give the framework of a name.

    Args:
        name: `numpy`, `torch`, or `auto` for torch where it is installed.
        dtype: What floating-point numbers are to become.
        writable: Whether tensors may be written into; `None` for what is safe with it.

    Raises:
        ImportError: It is not installed; the message says what installs it.
    """
    chosen = _FRAMEWORKS.get(name, name)
    if chosen == "auto":
        chosen = "numpy" if find_spec("torch") is None else "torch"
    wanted = None if dtype is None else _dtype_name(dtype)
    if chosen == "torch":
        return _Torch(wanted, writable=writable is not False)
    if chosen == "numpy":
        return _Numpy(wanted, writable=bool(writable))
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
    def __init__(self, dtype: str | None, *, writable: bool) -> None:
        self._numpy = needed("numpy")
        self._dtype = None if dtype is None else self._typed(dtype)
        self._writable = writable

    def check(self, places: "Iterable[TensorPlace]", devices: "Iterable[Device]") -> None:
        for device in devices:
            if device not in ("cpu", "disk"):
                raise InvalidParameterError(
                    f"numpy has no device {device!r}: take framework='torch'"
                )
        for place in places:
            self._typed(_known(place), place)

    def shown(self, block: "Block | bytes") -> Any:  # noqa: ANN401
        return block

    def tensor(
        self,
        shown: Any,  # noqa: ANN401
        at: int,
        place: "TensorPlace",
        device: "Device",
    ) -> Any:  # noqa: ANN401
        del device
        numpy, dtype = self._numpy, self._typed(_known(place), place)
        if not place.size:
            return self._finished(numpy.empty(place.shape, dtype), place)
        count = place.size // dtype.itemsize
        array = numpy.frombuffer(shown, dtype, count, at).reshape(place.shape)
        if self._writable or not array.flags.aligned:
            array = array.copy()
        return self._finished(array, place)

    def without_bytes(self, place: "TensorPlace") -> Any:  # noqa: ANN401
        raise InvalidParameterError(f"numpy has no tensor without bytes: {place.name}")

    def from_numpy(self, array: Any, device: "Device") -> Any:  # noqa: ANN401
        del device
        if self._dtype is not None and array.dtype.kind == "f":
            array = array.astype(self._dtype, copy=False)
        array.flags.writeable = self._writable
        return array

    def adopted(self, value: Any, device: "Device") -> Any:  # noqa: ANN401
        return self.from_numpy(value, device)

    def _finished(self, array: Any, place: "TensorPlace") -> Any:  # noqa: ANN401
        if self._dtype is not None and _is_float(place):
            array = array.astype(self._dtype, copy=False)
        if not self._writable:
            array.flags.writeable = False
        return array

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
    def __init__(self, dtype: str | None, *, writable: bool) -> None:
        needed("numpy")
        self._torch = needed("torch")
        self._dtype = None if dtype is None else self._typed(dtype)
        self._writable = writable

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

    def shown(self, block: "Block | bytes") -> Any:  # noqa: ANN401
        return _lasting(block) if len(block) else None

    def tensor(
        self,
        shown: Any,  # noqa: ANN401
        at: int,
        place: "TensorPlace",
        device: "Device",
    ) -> Any:  # noqa: ANN401
        torch, dtype = self._torch, self._typed(_known(place))
        if not place.size:
            made = torch.empty(place.shape, dtype=dtype)
        else:
            made = torch.frombuffer(shown, dtype=torch.uint8, count=place.size, offset=at)
            if (made.data_ptr()) % dtype.itemsize:
                made = made.clone()
            made = made.view(dtype).view(place.shape)
        return self._finished(made, device)

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

    def _finished(self, made: Any, device: "Device") -> Any:  # noqa: ANN401
        is_shown = device == "disk" or not self._writable
        target = "cpu" if device == "disk" else device
        # One copy at most: `to` makes none where there is nothing to do.
        moved = made.to(target, self._wanted(made))
        return moved if is_shown or moved is not made else moved.clone()

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


def _lasting(block: "Block | bytes") -> Any:  # noqa: ANN401 - a ctypes array
    """Show bytes as torch takes them without a warning, for as long as it has them.

    torch warns of every buffer that is not writable, once, whether or not anyone writes;
    to silence warnings for a while is no business of one thread among many.
    """
    import ctypes

    address = needed("numpy").frombuffer(block, "uint8").ctypes.data
    shown: Any = (ctypes.c_char * len(block)).from_address(address)
    shown.owner = block
    return shown


def _known(place: "TensorPlace") -> str:
    name = _NAMES.get(place.dtype)
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
