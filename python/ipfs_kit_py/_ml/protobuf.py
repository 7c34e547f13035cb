"""A look into models of ONNX that takes no library: is it one, and is it whole?"""

from collections.abc import Iterator
from typing import BinaryIO, Final

from ipfs_kit_py.errors import InvalidParameterError

# Wire types of protocol buffers.
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
_MOST_VARINT: Final = 10
_DEPTH: Final = 64

# By message: which field is of which message, as onnx.proto has them.
_MESSAGES: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
# TensorProto.data_location, and its value where the data are in another file.
_LOCATION, _EXTERNAL = 14, 1
_GRAPH: Final = 7


def check_onnx(file: BinaryIO) -> None:
    """Refuse what is no model of ONNX, or one whose weights are in other files.

    Weights are stepped over, so that this costs little however large they are.

    Raises:
        InvalidParameterError: It is such.
    """
    end = file.seek(0, 2)
    try:
        is_model = _look(file, 0, end, "model", _DEPTH)
    except ValueError as error:
        raise InvalidParameterError(f"this is no model of ONNX: {error}") from error
    if not is_model:
        raise InvalidParameterError("this is no model of ONNX: it has no graph")


def _look(file: BinaryIO, start: int, end: int, kind: str, depth: int) -> bool:
    """Look at a message and those inside; tell whether it has a field 7, as models do."""
    if depth == 0:
        raise ValueError("it is nested too deeply")
    found = False
    for field, value, size in _fields(file, start, end):
        found = found or field == _GRAPH
        if size is None:
            if (kind, field, value) == ("tensor", _LOCATION, _EXTERNAL):
                raise InvalidParameterError(
                    "weights of this model of ONNX are in other files beside it: add the "
                    "path of the folder that has them all"
                )
        elif inside := _MESSAGES[kind].get(field):
            _look(file, value, value + size, inside, depth - 1)
    return found


def _fields(
    file: BinaryIO, start: int, end: int
) -> Iterator[tuple[int, int, int | None]]:
    """Give number, value and no size of each field, or number, offset and size."""
    at = start
    while at < end:
        file.seek(at)
        tag = _varint(file)
        field, wire = tag >> 3, tag & 7
        value, size = 0, None
        if wire == _VARINT:
            value = _varint(file)
        elif wire == _SIZED:
            size = _varint(file)
        elif wire not in (_EIGHT_BYTES, _FOUR_BYTES) or field == 0:
            raise ValueError("its bytes are no protocol buffer")
        at = file.tell() + (size or {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(wire, 0))
        if at > end or field == 0:
            raise ValueError("its bytes are no protocol buffer, or not all of one")
        yield field, value if size is None else at - size, size


def _varint(file: BinaryIO) -> int:
    value = 0
    for at in range(_MOST_VARINT):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << 7 * at
        if byte[0] < 0x80:
            return value
    raise ValueError("its bytes are no protocol buffer, or not all of one")
