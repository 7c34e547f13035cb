"""The header of a safetensors file: which tensor lies where.

A file is the length of the header (8 bytes, little-endian), the header (JSON), and the
tensors' bytes, one behind the other. Whoever made a file may be hostile, so what does not
agree with itself is refused, as the format demands and a little beyond: a name may stand
once, the tensors fill the file without gaps and overlaps, no shape is beyond what memory
can have.
"""

import json
from itertools import pairwise
from math import prod
from typing import Any, Final, NamedTuple, NoReturn

from ipfs_kit_py.errors import MalformedDataError

PREFIX_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
_MAX_DIMENSIONS = 64
_MOST = (1 << 63) - 1

DTYPE_BITS: Final = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "U16": 16,
    "I16": 16,
    "U32": 32,
    "I32": 32,
    "U64": 64,
    "I64": 64,
    "F16": 16,
    "BF16": 16,
    "F32": 32,
    "F64": 64,
    "C64": 64,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F4": 4,
}
"""What one number of each type takes."""


class TensorPlace(NamedTuple):
    """A tensor in a file."""

    name: str
    dtype: str
    """As the format has it, such as `BF16`."""
    shape: tuple[int, ...]
    start: int
    """Where its bytes begin in the file."""
    stop: int

    @property
    def size(self) -> int:
        """Bytes of it."""
        return self.stop - self.start


class Header(NamedTuple):
    """What a file says of itself."""

    tensors: dict[str, TensorPlace]
    """By name, in the order of the file."""
    metadata: dict[str, str]


def header_bytes(prefix: bytes, file_size: int) -> int:
    """Read how long the header is.

    Args:
        prefix: The first eight bytes.
        file_size: Bytes of the whole file.

    Raises:
        MalformedDataError: It is longer than the file, or than any header.
    """
    if len(prefix) < PREFIX_BYTES:
        _refuse("it ends before its header")
    length = int.from_bytes(prefix[:PREFIX_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        _refuse(f"its header would have more than {MAX_HEADER_BYTES:,} bytes")
    if length > file_size - PREFIX_BYTES:
        _refuse("its header would be longer than the file")
    return length


def may_be_header(head: bytes, file_size: int) -> bool:
    """Tell whether nine first bytes can be those of a safetensors file."""
    length = int.from_bytes(head[:PREFIX_BYTES], "little")
    fits = 2 <= length <= min(MAX_HEADER_BYTES, file_size - PREFIX_BYTES)
    return fits and head[PREFIX_BYTES : PREFIX_BYTES + 1] == b"{"


def parse_header(data: bytes, file_size: int) -> Header:
    """Read a header.

    Args:
        data: The JSON, without the eight bytes before it.
        file_size: Bytes of the whole file.

    Raises:
        MalformedDataError: It is no header, or not that of a file of this size.
    """
    if data[:1] != b"{":
        _refuse("its header does not begin with a brace")
    found = _object(parse_json(data), "its header")
    metadata = found.pop("__metadata__", None)
    begin = PREFIX_BYTES + len(data)
    places = [_place(name, told, begin) for name, told in found.items()]
    places.sort(key=lambda place: (place.start, place.stop))
    ends = [begin, *(place.stop for place in places)]
    for end, place in zip(ends, places, strict=False):
        if place.start != end:
            _refuse(f"there is a gap or an overlap before {place.name!r}")
    if ends[-1] != file_size:
        _refuse(f"its tensors end at {ends[-1]:,}, and the file at {file_size:,}")
    return Header({place.name: place for place in places}, _metadata(metadata))


def parse_json(data: bytes) -> object:
    """Read JSON in which no name stands twice.

    Raises:
        MalformedDataError: It is none.
    """
    try:
        found: object = json.loads(
            data.decode(), object_pairs_hook=_once, parse_constant=_no_number
        )
    except MalformedDataError:
        raise
    except (ValueError, RecursionError) as error:
        _refuse(f"it is no JSON: {error}")
    return found


def _place(name: str, told: object, begin: int) -> TensorPlace:
    what = f"tensor {name!r}"
    if not _is_text(name):
        _refuse(f"{what} has a name that is no text")
    table = _object(told, what)
    dtype, offsets = table.get("dtype"), _numbers(table.get("data_offsets"), what)
    shape = _numbers(table.get("shape"), what)
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        _refuse(f"{what} is of the unknown type {str(dtype)[:40]!r}")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        _refuse(f"{what} has no offsets of a start and an end")
    if len(shape) > _MAX_DIMENSIONS:
        _refuse(f"{what} has {len(shape)} dimensions")
    # What numpy and torch count with, dimensions of zero left aside.
    if prod(size or 1 for size in shape) * DTYPE_BITS[dtype] > _MOST:
        _refuse(f"{what} has a shape beyond all memory")
    start, stop = offsets
    if prod(shape) * DTYPE_BITS[dtype] != (stop - start) * 8:
        _refuse(f"{what} has another size than its shape and type say")
    return TensorPlace(name, dtype, shape, begin + start, begin + stop)


def _metadata(found: object) -> dict[str, str]:
    if found is None:
        return {}
    table = _object(found, "__metadata__")
    if not all(isinstance(value, str) for value in table.values()):
        _refuse("__metadata__ has a value that is no text")
    return table


def _numbers(found: object, what: str) -> tuple[int, ...]:
    if not isinstance(found, list):
        _refuse(f"{what} lacks its shape or its offsets")
    for number in found:
        # A bool is an int of Python's.
        if type(number) is not int or not 0 <= number <= _MOST:
            _refuse(f"{what} has a shape or offsets of something else than numbers")
    return tuple(found)


def _object(found: object, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        _refuse(f"{what} is no JSON object")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = sorted(name for name, _ in pairs)
        twice = next(one for one, other in pairwise(names) if one == other)
        _refuse(f"{twice!r} stands there twice")
    return found


def _no_number(text: str) -> NoReturn:
    _refuse(f"{text} is no number of JSON")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        # Half of a pair of surrogates.
        return False
    return True


def _refuse(reason: str) -> NoReturn:
    raise MalformedDataError(f"this is no safetensors file: {reason}")
