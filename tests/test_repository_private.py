"""`cat_private`: memory of one's own, over the pages of the packs."""

import ctypes
import multiprocessing
import os
import random
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapped import is_private_map_of_a_pack

from ipfs_kit_py import Repository
from ipfs_kit_py._native import PrivateBlock
from ipfs_kit_py.errors import BlockNotFoundError, IntegrityError

KIB, MIB = 1 << 10, 1 << 20
ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not map pages of packs once more"
)


def data_of(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def packs(folder: Path) -> list[Path]:
    return sorted((folder / "embedded" / "packs").glob("*.car"))


def is_mapped(block: PrivateBlock, at: int = 0) -> bool:
    """Tell whether some of its bytes lie in a pack."""
    start = ctypes.addressof(ctypes.c_char.from_buffer(block))
    return is_private_map_of_a_pack(start + at)


@settings(max_examples=40)
@given(
    size=st.integers(0, 700 * KIB),
    chunk=st.sampled_from([1000, 4 * KIB, 64 * KIB, 68 * KIB, 100_000, 256 * KIB]),
    raw_leaves=st.booleans(),
    trickle=st.booleans(),
    where=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    compress=st.booleans(),
)
def test_it_is_the_bytes_of_the_range_and_what_is_written_stays_there(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    chunk: int,
    raw_leaves: bool,
    trickle: bool,
    where: tuple[float, float],
    compress: bool,
) -> None:
    folder = tmp_path_factory.mktemp("private")
    data = data_of(size, size)
    with Repository(folder) as repository:
        root = repository.add(
            data,
            chunker=f"size-{chunk}",
            raw_leaves=raw_leaves,
            trickle=trickle,
            pin=False,
        ).cid
        start, end = sorted(int(share * size) for share in where)
        mine = repository.cat_private(root, start, end - start)
        other = repository.cat_private(root, start, end - start)
        memory = memoryview(mine)
        assert (memory.readonly, len(mine)) == (False, end - start)
        assert bytes(memory) == data[start:end]
        held = [pack.read_bytes() for pack in packs(folder)]
        memory[:] = bytes(byte ^ 255 for byte in data[start:end])
        assert bytes(memoryview(other)) == data[start:end]
        assert repository.cat(root) == data
        assert [pack.read_bytes() for pack in packs(folder)] == held
        if compress:
            memory[: len(memory) // 2] = data[start : start + len(memory) // 2]
    with Repository(folder, _clock_offset_seconds=7200) as repository:
        repository.gc()
        repository.compact()
    wanted = bytes(byte ^ 255 for byte in data[start:end])
    if compress:
        half = len(wanted) // 2
        wanted = data[start : start + half] + wanted[half:]
    assert bytes(memory) == wanted
    assert bytes(memoryview(other)) == data[start:end]


@ON_LINUX
def test_nothing_is_copied_until_it_is_written_to(tmp_path: Path) -> None:
    data = data_of(5 * MIB + 100 * KIB)
    with Repository(tmp_path / "a b") as repository:
        root = repository.add(data).cid
        whole = repository.cat_private(root)
        middle = repository.cat_private(root, 3_000, 3 * MIB)
        one = repository.cat_private(root, 10, MIB // 2)
    for block, size in ((whole, 5 * MIB), (middle, 3 * MIB), (one, MIB // 2)):
        assert is_mapped(block)
        assert is_mapped(block, size - 1)
    assert bytes(memoryview(middle)) == data[3_000 : 3_000 + 3 * MIB]


@ON_LINUX
def test_of_a_pack_that_has_no_name_any_more_there_is_a_copy(tmp_path: Path) -> None:
    data = data_of(3 * MIB)
    with Repository(tmp_path / "r") as repository:
        root = repository.add(data).cid
        assert repository.cat(root) == data
        (pack,) = packs(tmp_path / "r")
        pack.unlink()
        for name in (pack.name, f"{pack.name} (deleted)"):
            pack.with_name(name).write_bytes(bytes(4 * MIB))
        block = repository.cat_private(root)
        assert bytes(memoryview(block)) == data
        assert not is_mapped(block)


def test_wrong_bytes_are_never_given(tmp_path: Path) -> None:
    data = data_of(3 * MIB)
    with Repository(tmp_path) as repository:
        root = repository.add(data).cid
        absent = Repository(tmp_path / "other")
        with pytest.raises(BlockNotFoundError):
            absent.cat_private(root)
        absent.close()
    (pack,) = packs(tmp_path)
    changed = bytearray(pack.read_bytes())
    changed[changed.index(data[2 * MIB : 2 * MIB + 1000]) + 500] ^= 1
    pack.write_bytes(changed)
    with Repository(tmp_path) as repository:
        with pytest.raises(IntegrityError):
            repository.cat_private(root)
        first = repository.cat_private(root, 0, MIB)
        assert bytes(memoryview(first)) == data[:MIB]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_memory_of_its_own(tmp_path: Path) -> None:
    data = data_of(3 * MIB)
    with Repository(tmp_path) as repository:
        root = repository.add(data).cid
        memory = memoryview(repository.cat_private(root))
        memory[0] ^= 255

        def work() -> None:
            same = memory[0] == data[0] ^ 255 and memory[1:] == data[1:]
            memory[:] = bytes(len(memory))
            os._exit(0 if same and not any(memory) else 1)

        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        assert child.exitcode == 0
        assert memory[0] == data[0] ^ 255
        assert memory[1:] == data[1:]


def test_many_threads_have_memory_of_their_own(tmp_path: Path) -> None:
    data = data_of(3 * MIB)
    found: list[bool] = []
    with Repository(tmp_path) as repository:
        root = repository.add(data).cid

        def work(number: int) -> None:
            for _ in range(10):
                memory = memoryview(repository.cat_private(root))
                same = bytes(memory) == data
                memory[:] = bytes([number]) * len(memory)
                found.append(same and bytes(memory) == bytes([number]) * len(memory))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [True] * 80
