"""Tensors that are to be saved: arrays of numpy, tensors of torch, those in a file.

Each is looked at twice: for its shape, and when its turn comes for its bytes. Between the
two nothing is held, so that a mapping may make them as they are asked for.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ipfs_accelerate_py._frameworks import DTYPE_NAMES
from ipfs_accelerate_py._laying_out import Shape
from ipfs_accelerate_py._safetensors import (
    DTYPE_BITS,
    PREFIX_BYTES,
    header_bytes,
    parse_header,
)
from ipfs_kit_py.errors import FileChangedError, InvalidParameterError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO, Self

    from typing_extensions import Buffer

_READ_BYTES = 1 << 20
# By the names of numpy, ml_dtypes and torch.
_DTYPES: Final = {name: dtype for dtype, name in DTYPE_NAMES.items()}


class Tensors(Protocol):
    """Where tensors come from."""

    def shapes(self) -> Iterable[Shape]:
        """Say what each is."""

    def pieces(self, tensor: Shape) -> "Iterator[Buffer]":
        """Give the bytes of one."""


class StateTensors:
    """Those of a mapping, such as the `state_dict()` of a model.

    Args:
        state: Arrays and tensors by name. Two that share their memory are saved twice:
            the repository keeps equal blocks once.

    Raises:
        InvalidParameterError: Something in it is no tensor, or of a type that the format
            has not.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state
        self._shapes = [_shape(name, state[name]) for name in state]

    def shapes(self) -> Iterable[Shape]:
        """Say what each is, in the order of the mapping."""
        return self._shapes

    def pieces(self, tensor: Shape) -> "Iterator[Buffer]":
        """Give the bytes of one."""
        value = self._state[tensor.name]
        if _shape(tensor.name, value) != tensor:
            raise InvalidParameterError(
                f"tensor {tensor.name!r} changed its shape or type while it was saved"
            )
        yield _of_torch(value) if _is_torch(value) else _of_numpy(value)


class FileTensors:
    """Those of a safetensors file. It is read where it lies, piece by piece.

    Raises:
        MalformedDataError: It is none.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("rb")
        try:
            self._stamp = self._now()
            size = self._stamp[0]
            length = header_bytes(self._file.read(PREFIX_BYTES), size)
            header = parse_header(self._file.read(length), size)
        except BaseException:
            self._file.close()
            raise
        self.metadata = header.metadata
        self._places = header.tensors

    def shapes(self) -> Iterable[Shape]:
        """Say what each is."""
        return [
            Shape(it.name, it.dtype, it.shape, it.size) for it in self._places.values()
        ]

    def pieces(self, tensor: Shape) -> "Iterator[Buffer]":
        """Give the bytes of one.

        Raises:
            FileChangedError: The file is not what it was when it was opened.
        """
        place = self._places[tensor.name]
        self._file.seek(place.start)
        left = place.size
        while left:
            piece = self._file.read(min(left, _READ_BYTES))
            if not piece:
                break
            left -= len(piece)
            yield piece
        if left or self._now() != self._stamp:
            raise FileChangedError(f"{self._path} changed while it was read")

    def _now(self) -> tuple[int, int]:
        stat = os.fstat(self._file.fileno())
        return stat.st_size, stat.st_mtime_ns

    def __enter__(self) -> "Self":
        """Be open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Close the file."""
        self._file.close()


def _shape(name: object, value: Any) -> Shape:  # noqa: ANN401 - whatever was given
    if not isinstance(name, str) or name == "__metadata__":
        raise InvalidParameterError(f"{name!r} cannot be the name of a tensor")
    if _is_torch(value):
        _check_torch(name, value)
    elif _is_masked(value):
        raise InvalidParameterError(
            f"array {name!r} is masked, and its mask would be lost: give what its "
            "`filled()` gives, or its `data` and `mask` under two names"
        )
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or shape is None:
        raise InvalidParameterError(
            f"{name!r} is {type(value).__name__}, not an array or a tensor: give what "
            "`state_dict()` of a model gives"
        )
    known = _DTYPES.get(str(getattr(dtype, "name", dtype)).removeprefix("torch."))
    if known is None:
        raise InvalidParameterError(f"safetensors have no type {dtype} ({name!r})")
    sizes = tuple(int(size) for size in shape)
    return Shape(name, known, sizes, prod(sizes) * DTYPE_BITS[known] // 8)


def _is_torch(value: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_masked(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ma.MaskedArray)


def _check_torch(name: str, value: Any) -> None:  # noqa: ANN401 - torch has no types here
    what = _lack(value)
    if what:
        raise InvalidParameterError(f"tensor {name!r} cannot be saved: it is {what}")


def _lack(value: Any) -> str | None:  # noqa: ANN401
    """Say why a tensor has no bytes of its own that are all of it, if it has not."""
    import torch
    from torch.nn.parameter import is_lazy

    if is_lazy(value):
        return "not initialized; call the module once before"
    if value.is_nested:
        return "nested"
    if value.layout is not torch.strided or value.is_quantized:
        return "sparse or quantized"
    if type(value).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        # It is made of others: masked, distributed, fake.
        return f"a {type(value).__name__}, which is no plain tensor"
    if value.device.type == "meta":
        return "without bytes"
    if value.numel() and not value.untyped_storage().nbytes():
        # Torch would read what is not there.
        return "without bytes, as its storage was freed"
    return None


def _of_torch(value: Any) -> "Buffer":  # noqa: ANN401
    import torch

    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    # Of one number any stride is called contiguous, and not taken by `view`.
    flat = plain.as_strided((plain.numel(),), (1,))
    shown: Buffer = flat.view(torch.uint8).numpy()
    return shown


def _of_numpy(value: Any) -> "Buffer":  # noqa: ANN401
    import numpy as np

    array = np.asarray(value)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data
