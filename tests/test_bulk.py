"""Many buffers at once give what one by one gives."""

import gc
import hashlib
import os
import random
import threading
from collections.abc import Callable

import numpy as np
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
