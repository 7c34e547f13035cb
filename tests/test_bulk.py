"""Many buffers at once give what one by one gives."""

import array
import ctypes
import gc
import hashlib
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Buffer

from ipfs_kit_py import CID, CIDColumn, cid_of, cids_of
from ipfs_kit_py._native import hash_functions
from ipfs_kit_py.errors import (
    InvalidParameterError,
    LimitExceededError,
    UnsupportedHashError,
)

ORACLES: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda data: hashlib.sha1(data).digest(),  # noqa: S324 - a multihash like others
    "sha2-256": lambda data: hashlib.sha256(data).digest(),
    "sha2-512": lambda data: hashlib.sha512(data).digest(),
    "sha3-224": lambda data: hashlib.sha3_224(data).digest(),
    "sha3-256": lambda data: hashlib.sha3_256(data).digest(),
    "sha3-384": lambda data: hashlib.sha3_384(data).digest(),
    "sha3-512": lambda data: hashlib.sha3_512(data).digest(),
    "blake2b-256": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
    "blake2s-256": lambda data: hashlib.blake2s(data).digest(),
    "dbl-sha2-256": lambda data: hashlib.sha256(hashlib.sha256(data).digest()).digest(),
}


def buffers(lengths: list[int]) -> list[bytes]:
    return [random.Random(i).randbytes(length) for i, length in enumerate(lengths)]


def digests(column: CIDColumn) -> list[bytes]:
    return [cid.digest for cid in column]


@given(st.lists(st.binary(max_size=300), max_size=80))
def test_lists_agree_with_hashlib(data: list[bytes]) -> None:
    assert digests(cids_of(data)) == [ORACLES["sha2-256"](item) for item in data]


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_every_hash_agrees_with_hashlib(name: str) -> None:
    data = buffers([0, 1, 63, 64, 65, 1000, 4096, 100_000])
    expected = [ORACLES[name](item) for item in data]
    assert digests(cids_of(data, hash=name)) == expected
    assert [cid_of(item, hash=name).digest for item in data] == expected


def test_every_hash_of_the_table_works() -> None:
    for name, _, _ in hash_functions():
        data = buffers([5, 60])
        assert list(cids_of(data, hash=name)) == [
            cid_of(item, hash=name) for item in data
        ]


def test_blake3_agrees_with_its_published_vectors() -> None:
    data = bytes(i % 251 for i in range(2048))
    for length, start in [
        (0, "af1349b9f5f9a1a6a0404dea36dcc949"),
        (1, "2d3adedff11b61f14c886e35afa03673"),
        (1024, "42214739f095a406f3fc83deb889744a"),
        (2048, "e776b6028c7cd22a4d0ba182a8bf6220"),
    ]:
        cids = cids_of([data[:length]] * 40, hash="blake3")
        assert {cid.digest.hex()[:32] for cid in cids} == {start}


def test_all_kinds_of_buffers_are_read() -> None:
    data = buffers([3, 70, 5000])
    mixed: list[Buffer] = [data[0], bytearray(data[1]), memoryview(data[2])]
    assert cids_of(mixed).strings() == cids_of(data).strings()
    assert cids_of(iter(data)).strings() == cids_of(tuple(data)).strings()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    data = buffers([100_000] * 37 + list(range(3000)))
    assert digests(cids_of(data, threads=threads)) == [
        ORACLES["sha2-256"](d) for d in data
    ]


@pytest.mark.parametrize("row", [1, 63, 64, 1024, 5000])
def test_rows_of_an_array_are_buffers(row: int) -> None:
    rows = np.frombuffer(random.Random(row).randbytes(row * 200), np.uint8).reshape(
        200, row
    )
    assert digests(cids_of(rows)) == [ORACLES["sha2-256"](bytes(item)) for item in rows]
    blake3 = cids_of(rows, hash="blake3").strings()
    assert blake3 == cids_of([bytes(item) for item in rows], hash="blake3").strings()


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint32"])
def test_offsets_cut_a_flat_buffer(dtype: str) -> None:
    flat = os.urandom(1000)
    offsets = np.array([0, 0, 10, 500, 1000], dtype)
    expected = [flat[0:0], flat[0:10], flat[10:500], flat[500:1000]]
    assert cids_of((flat, offsets)).strings() == cids_of(expected).strings()


@pytest.mark.parametrize("offsets", [[0, 11], [5, 3], [-1, 2]])
def test_offsets_that_leave_the_buffer_are_refused(offsets: list[int]) -> None:
    with pytest.raises(InvalidParameterError, match="offsets"):
        cids_of((b"0123456789", np.array(offsets)))


def test_what_is_no_list_of_buffers_is_refused() -> None:
    with pytest.raises(TypeError, match="cid_of"):
        cids_of(b"one buffer")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        cids_of(["text"])  # type: ignore[list-item]
    with pytest.raises(InvalidParameterError, match="contiguous"):
        cids_of(np.zeros((10, 10), np.uint8)[:, ::2])
    with pytest.raises(UnsupportedHashError):
        cids_of([b""], hash="md5")
    with pytest.raises(InvalidParameterError):
        cids_of([b""], threads=0)


def test_an_identity_cid_has_room_for_128_bytes() -> None:
    column = cids_of([b"", b"abc", bytes(128)], hash="identity")
    assert digests(column) == [b"", b"abc", bytes(128)]
    assert column.strings() == [str(cid) for cid in column]
    with pytest.raises(LimitExceededError):
        cids_of([bytes(129)], hash="identity")


def test_a_column_is_a_sequence_of_cids() -> None:
    data = buffers([10] * 100)
    column = cids_of(data, codec="dag-cbor")
    assert len(column) == 100
    assert column[0] == cid_of(data[0], codec="dag-cbor")
    assert column[-1] == column[99]
    assert [CID(text) for text in column.strings()] == list(column)
    for index in (100, -101):
        with pytest.raises(IndexError):
            column[index]
    assert cids_of([]).strings() == []


def test_digests_are_not_copied_and_outlive_their_column() -> None:
    data = buffers([64] * 1000)
    column = cids_of(data)
    array = column.digests
    assert array.shape == (1000, 32)
    assert not array.flags.writeable
    assert np.shares_memory(array, np.asarray(memoryview(column)))
    del column
    gc.collect()
    assert [bytes(row) for row in array] == [ORACLES["sha2-256"](item) for item in data]


def test_arrow_has_the_same_strings() -> None:
    for name in ("sha2-256", "identity"):
        column = cids_of(buffers([1, 2, 3]), hash=name)
        assert column.to_arrow().to_pylist() == column.strings()


def test_a_list_that_changes_meanwhile_does_no_harm() -> None:
    data = buffers([2000] * 4000)
    expected, shared, stop = cids_of(data).strings(), list(data), threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            shared.clear()
            shared.extend(data)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for _ in range(20):
            assert cids_of(shared).strings() in ([], expected)
    finally:
        stop.set()
        thread.join()


def test_an_array_written_to_meanwhile_does_not_crash() -> None:
    rows, stop = np.zeros((20_000, 64), np.uint8), threading.Event()

    def write() -> None:
        while not stop.is_set():
            rows[:] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert all(len(cids_of(rows)) == 20_000 for _ in range(20))
    finally:
        stop.set()
        thread.join()


def test_a_bytearray_cannot_be_resized_while_it_is_read() -> None:
    data = bytearray(os.urandom(64 << 20))
    failures = []

    def resize() -> None:
        for _ in range(1000):
            try:
                data.append(0)
                data.pop()
            except BufferError:
                failures.append(1)

    thread = threading.Thread(target=resize)
    thread.start()
    cid = cid_of(data)
    thread.join()
    before = bytes(data)
    assert cid.digest in {
        ORACLES["sha2-256"](before),
        ORACLES["sha2-256"](before + b"\0"),
    }


@pytest.mark.parametrize(
    "buffer",
    [
        np.arange(6, dtype=np.uint16),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.linspace(0, 1, 5),
        array.array("i", [1, -2]),
        memoryview(bytes(8)).cast("I"),
        (ctypes.c_ubyte * 4)(1, 2, 3, 4),
        pa.py_buffer(b"arrow"),
    ],
    ids=lambda buffer: type(buffer).__name__,
)
def test_any_contiguous_buffer_is_its_bytes(buffer: Buffer) -> None:
    expected = hashlib.sha256(buffer).digest()
    assert cid_of(buffer).digest == expected
    assert digests(cids_of([b"", buffer])) == [hashlib.sha256().digest(), expected]


def test_the_columns_of_arrow_are_hashed_where_they_lie() -> None:
    data = [*buffers([0, 1, 70, 5000]), b""]
    for kind, width in ((pa.binary(), np.int32), (pa.large_binary(), np.int64)):
        _, offsets, flat = pa.array(data, kind).buffers()
        cuts: Any = np.frombuffer(offsets, width)
        column = cids_of((flat, cuts))
        assert column.strings() == cids_of(data).strings()


def test_pairs_are_lists_unless_the_second_holds_more_than_bytes() -> None:
    pair = (b"one", bytearray(b"two"))
    assert cids_of(pair).strings() == cids_of(list(pair)).strings()
    for offsets in (np.array([], np.int64), np.array([0], np.int64)):
        assert len(cids_of((b"flat", offsets))) == 0
    spaced = np.array([0, 9, 2, 9, 4])[::2]
    assert cids_of((b"flat", spaced)).strings() == cids_of([b"fl", b"at"]).strings()


@pytest.mark.parametrize("kind", ["int16", "float64", ">i8", ">u4"])
def test_offsets_of_another_kind_are_refused(kind: str) -> None:
    offsets: Any = np.array([0, 5, 10], kind)
    with pytest.raises(InvalidParameterError, match="offsets must be"):
        cids_of((b"0123456789", offsets))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(5, np.uint8),
        np.zeros((2, 3, 4), np.uint8),
        np.zeros((2, 3), np.float32),
        np.array([b"ab", b"c"]),
        bytearray(5),
        memoryview(b"one"),
    ],
    ids=lambda array: f"{type(array).__name__}-{getattr(array, 'dtype', '')}",
)
def test_one_buffer_that_is_no_rows_of_bytes_is_refused(array: Any) -> None:
    with pytest.raises(TypeError, match="two-dimensional uint8"):
        cids_of(array)


def test_arrays_of_objects_are_lists_and_no_buffers() -> None:
    objects: Any = np.array([b"one", b"three"], dtype=object)
    assert cids_of(objects).strings() == cids_of([b"one", b"three"]).strings()
    with pytest.raises(TypeError, match="Python objects"):
        cid_of(objects)


def test_rows_without_bytes_and_arrays_out_of_order_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="one byte"):
        cids_of(np.zeros((3, 0), np.uint8))
    assert len(cids_of(np.zeros((0, 3), np.uint8))) == 0
    with pytest.raises(InvalidParameterError, match="contiguous"):
        cids_of(np.asfortranarray(np.zeros((3, 4), np.uint8)))
    with pytest.raises(InvalidParameterError, match="contiguous"):
        cids_of([memoryview(bytes(10))[::2]])


def test_a_column_is_a_buffer_to_read() -> None:
    column = cids_of([b"a", b"b"])
    view = memoryview(column)
    assert (view.shape, view.strides, view.format) == ((2, 32), (32, 1), "B")
    assert view.readonly
    assert bytes(column) == column[0].digest + column[1].digest
    with pytest.raises(TypeError, match="writable"):
        ctypes.c_char.from_buffer(column)
    assert memoryview(cids_of([])).shape == (0, 32)
    assert cids_of([]).digests.shape == (0, 32)
    assert len(cids_of([]).to_arrow()) == 0


def test_identity_cids_have_no_array_of_digests() -> None:
    column = cids_of([b"a", b"bc"], hash="identity")
    with pytest.raises(InvalidParameterError, match="identity"):
        column.digests  # noqa: B018 - a property
    with pytest.raises(BufferError, match="identity"):
        memoryview(column)


def test_other_threads_run_while_buffers_are_hashed() -> None:
    data = [bytes(1 << 20)] * 500
    worker = threading.Thread(target=cids_of, args=(data,), kwargs={"threads": 1})
    worker.start()
    turns = 0
    while worker.is_alive():
        worker.join(0.001)
        turns += 1
    assert turns > 10
