"""Headers of safetensors files: what the reference refuses is refused, and hostile ones.

The reference is the package `safetensors`. We refuse a little more than it does: a name
that stands twice, space before the brace, shapes that no memory has.
"""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from ipfs_accelerate_py._safetensors import (
    DTYPE_BITS,
    MAX_HEADER_BYTES,
    Header,
    header_bytes,
    may_be_header,
    parse_header,
)
from ipfs_kit_py.errors import MalformedDataError

TYPES = ("bool", "u1", "i2", "f2", "f4", "i8", "u8", "f8", "c8")


def framed(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(dtype: object = "U8", shape: object = (1,), at: object = (0, 1)) -> object:
    return {"dtype": dtype, "shape": shape, "data_offsets": at}


def parsed(file: bytes) -> Header:
    length = header_bytes(file[:8], len(file))
    return parse_header(file[8 : 8 + length], len(file))


def by_reference(file: bytes) -> dict[str, tuple[str, list[int], bytes]] | None:
    try:
        found = deserialize(file)  # type: ignore[no-untyped-call]
    except SafetensorError:
        return None
    return {name: (it["dtype"], it["shape"], bytes(it["data"])) for name, it in found}


def by_us(file: bytes) -> dict[str, tuple[str, list[int], bytes]] | None:
    try:
        found = parsed(file).tensors
    except MalformedDataError:
        return None
    return {
        name: (it.dtype, list(it.shape), file[it.start : it.stop])
        for name, it in found.items()
    }


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Files as the reference writes them."""
    names = draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True))
    tensors = {}
    for name in names:
        dtype = np.dtype(draw(st.sampled_from(TYPES)))
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        size = dtype.itemsize * math.prod(shape)
        data = draw(st.binary(min_size=size, max_size=size))
        if dtype == np.bool_:
            data = bytes(byte & 1 for byte in data)
        tensors[name] = np.frombuffer(data, dtype).reshape(shape)
    tensors.pop("__metadata__", None)
    # Of none at all the reference, 0.8.0, makes JSON that it cannot read itself.
    table = st.dictionaries(st.text("ab"), st.text("cd"), min_size=1)
    metadata = draw(st.none() | table)
    return save(tensors, metadata)


@given(file=files())
def test_what_the_reference_writes_is_read(file: bytes) -> None:
    assert by_us(file) == by_reference(file) is not None


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 9)
    | st.sampled_from([1 << 31, (1 << 63) - 1, 1 << 63, 1 << 64, 1 << 200])
    | st.floats()
    | st.sampled_from(["U8", "F4", "BF16", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_SIZES = st.lists(st.integers(0, 4), max_size=3)
_TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from([*DTYPE_BITS, "X"]) | _JSON,
        "shape": _SIZES | _JSON,
        "data_offsets": st.tuples(st.integers(0, 9), st.integers(0, 9)).map(list) | _JSON,
        "more": _JSON,
    },
)


@given(
    header=st.dictionaries(st.sampled_from(["a", "b", "__metadata__", "é"]), _TENSORS),
    size=st.integers(0, 16),
)
@example(header={"a": tensor("F4", [2], [0, 1])}, size=1)
@example(header={"a": tensor("F6_E2M3", [4], [0, 3])}, size=3)
@example(header={"a": tensor("U8", [0, 1 << 63], [0, 0])}, size=0)
def test_what_we_take_the_reference_takes_for_the_same(
    header: dict[str, object], size: int
) -> None:
    file = framed(header, bytes(range(size)))
    ours = by_us(file)
    if ours is not None:
        assert ours == by_reference(file)


@given(file=files(), at=st.integers(0), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_header_is_refused_or_read_as_the_reference_reads_it(
    file: bytes, at: int, bit: int
) -> None:
    changed = bytearray(file)
    changed[at % len(changed)] ^= 1 << bit
    ours = by_us(bytes(changed))
    if ours is not None:
        assert ours == by_reference(bytes(changed))


@given(file=st.binary(max_size=64) | files().map(lambda it: it[:-1]))
def test_bytes_of_any_kind_are_a_header_or_malformed(file: bytes) -> None:
    ours = by_us(file)
    if ours is not None:
        assert ours == by_reference(file)


ONE = b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
HOSTILE = {
    "nothing": b"",
    "a length alone": framed(b""),
    "a header longer than the file": (100).to_bytes(8, "little") + b"{}",
    "a header longer than all files": (1 << 63).to_bytes(8, "little") + b"{}",
    "a header longer than any": (MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{}",
    "no text": framed(b"{\xff}"),
    "no JSON": framed(b"{"),
    "a list": framed(b"[]"),
    "space before the brace": framed(b" {}"),
    "deep nesting": framed(b'{"a":' * 100_000),
    "a number too long": framed(b'{"a":' + b"9" * 10_000 + b"}"),
    "NaN": framed(b'{"a":NaN}'),
    "half a surrogate": framed(b'{"\\ud800":' + ONE + b"}", b"x"),
    "a name twice": framed(b'{"a":' + ONE + b',"a":' + ONE + b"}", b"x"),
    "a key twice": framed(b'{"a":{"dtype":"U8",' + ONE[1:] + b"}", b"x"),
    "a hole at the start": framed({"a": tensor("U8", [1], [1, 2])}, b"xx"),
    "a hole between": framed(
        {"a": tensor("U8", [1], [0, 1]), "b": tensor("U8", [1], [2, 3])}, b"xxx"
    ),
    "an overlap": framed(
        {"a": tensor("U8", [2], [0, 2]), "b": tensor("U8", [2], [1, 3])}, b"xxx"
    ),
    "the same bytes twice": framed({"a": tensor(), "b": tensor()}, b"x"),
    "bytes behind": framed({"a": tensor()}, b"xx"),
    "bytes missing": framed({"a": tensor()}),
    "an end before its start": framed({"a": tensor("U8", [0], [1, 0])}, b"x"),
    "a type unknown": framed({"a": tensor("U7")}, b"x"),
    "a type of no text": framed({"a": tensor(["U8"])}, b"x"),
    "a size that is not the shape's": framed({"a": tensor("F32")}, b"x"),
    "half a byte": framed({"a": tensor("F4", [1], [0, 1])}, b"x"),
    "a shape beyond all memory": framed(
        {"a": tensor("U8", [1 << 62, 1 << 62, 0], [0, 0])}
    ),
    "a shape that would wrap around": framed(
        {"a": tensor("U8", [1 << 32, 1 << 32], [0, 0])}
    ),
    "a negative shape": framed({"a": tensor("U8", [-1], [0, 1])}, b"x"),
    "a shape of truth": framed({"a": tensor("U8", [True], [0, 1])}, b"x"),
    "a shape of floats": framed({"a": tensor("U8", [1.0], [0, 1])}, b"x"),
    "three offsets": framed({"a": tensor("U8", [1], [0, 1, 1])}, b"x"),
    "many dimensions": framed({"a": tensor("U8", [1] * 65, [0, 1])}, b"x"),
    "metadata of numbers": framed({"__metadata__": {"a": 1}}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_malformed(what: str) -> None:
    with pytest.raises(MalformedDataError, match="no safetensors file"):
        parsed(HOSTILE[what])


def test_text_is_not_taken_for_a_header() -> None:
    for text in (b"", b"my file\n", b'{"a": {"b": 1}}', b"12345678{" + bytes(100)):
        assert not may_be_header(text[:9], len(text))
    assert may_be_header(framed(b"{}")[:9], 10)
