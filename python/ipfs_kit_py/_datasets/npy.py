"""The heads of `.npy` files: where their rows lie, and of what they are.

Source: NEP 1, "A Simple File Format for NumPy Arrays".
"""

import ast
import struct
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ipfs_kit_py.errors import MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._native import CID
    from ipfs_kit_py._repository.reading import Reading

_MAGIC: Final = b"\x93NUMPY"
_MOST_BYTES: Final = 1 << 16


class Head(NamedTuple):
    """What a file says of itself."""

    dtype: Any
    """As NumPy describes it: a text, or a list of fields."""
    rows: int
    shape: tuple[int, ...]
    """Of a row."""
    begin: int
    """Where the first row begins, in bytes."""


def head_of(reader: "Reading", cid: "CID", path: str) -> Head:
    """Read the head of a file, and no other byte.

    Raises:
        MalformedDataError: It is no such file, is cut off, or has no rows one behind the
            other.
    """
    data = reader.cat(str(cid), 0, _MOST_BYTES)
    if data[:6] != _MAGIC:
        raise _unreadable(path, "it does not begin as a .npy file does")
    try:
        layout, at = ("<H", 10) if data[6] == 1 else ("<I", 12)
        (length,) = struct.unpack_from(layout, data, 8)
        begin = at + length
        said = ast.literal_eval(data[at:begin].decode("utf-8"))
        dtype, shape = said["descr"], tuple(map(int, said["shape"]))
        by_column = bool(said["fortran_order"]) and len(shape) > 1
    except (
        ValueError,
        LookupError,
        TypeError,
        SyntaxError,
        MemoryError,
        RecursionError,
        struct.error,
    ) as error:
        raise _unreadable(path, f"its head is cut off, or wrong: {error}") from error
    if begin > len(data):
        raise _unreadable(path, "its head is too long, or cut off")
    if by_column:
        raise _unreadable(path, "it is stored column by column: save it in C order")
    if not shape or min(shape) < 0:
        raise _unreadable(path, "it has no rows")
    return Head(dtype, shape[0], shape[1:], begin)


def row_bytes(reader: "Reading", cid: "CID", path: str, head: Head) -> int:
    """Say how many bytes a row has.

    Raises:
        MalformedDataError: Rows are no numbers, or have no bytes, or some are cut off.
    """
    length = _item_bytes(head.dtype, path) * prod(head.shape)
    if not length and head.rows:
        raise MalformedDataError(f"{path} has rows without bytes")
    size = reader.stat(str(cid)).size
    if head.begin + head.rows * length > size:
        raise MalformedDataError(f"{path} is cut off: it has {size} bytes")
    return length


def _item_bytes(dtype: Any, path: str) -> int:  # noqa: ANN401 - as the file says
    if not isinstance(dtype, str):
        raise MalformedDataError(f"{path} holds records, and not plain numbers")
    kind, digits = dtype.lstrip("<>|=")[:1], dtype.lstrip("<>|=")[1:]
    if kind not in "biufc" or not digits.isdecimal() or not 1 <= int(digits) <= 32:
        raise MalformedDataError(f"{path} holds {dtype}, and not numbers")
    return int(digits)


def _unreadable(path: str, reason: str) -> MalformedDataError:
    return MalformedDataError(f"{path} is no array that can be read: {reason}")
