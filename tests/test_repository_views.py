"""Views of whole files: one piece of memory that is the packs' own where it can be."""

import mmap
import random
import sys
import threading
from pathlib import Path

import pytest
from tests.processes import run_python

from ipfs_kit_py import CID, CancelToken, Repository
from ipfs_kit_py.errors import BlockNotFoundError, CancelledError

CHUNK_BYTES = 256 << 10
SIZE = 40 * CHUNK_BYTES + 1000

linux = pytest.mark.skipif(
    sys.platform != "linux" or mmap.PAGESIZE != 4096,
    reason="on other systems, and with other pages, views are copies",
)


@pytest.fixture(scope="module")
def data() -> bytes:
    return random.Random(0).randbytes(SIZE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def add(repository: Repository, data: bytes, *, raw_leaves: bool = True) -> CID:
    chunker = f"size-{CHUNK_BYTES}"
    added = repository.add(data, pin=False, chunker=chunker, raw_leaves=raw_leaves)
    return added.cid


def mapped_packs() -> list[str]:
    """List the maps of packs that this process has."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in maps if ".car" in line]


@linux
def test_a_view_of_many_blocks_is_their_pages_and_not_a_copy(
    folder: Path, data: bytes
) -> None:
    with Repository(folder) as repository:
        root = add(repository, data)
        before = len(mapped_packs())
        view = repository.cat_view(root)
        assert len(mapped_packs()) - before >= 40
        assert view == data
        part = repository.cat_view(root, 12_345, 20 * CHUNK_BYTES)
        assert part == data[12_345:][: 20 * CHUNK_BYTES]
        del view, part
        assert len(mapped_packs()) - before <= 1


@linux
def test_a_view_reads_as_an_array_in_place(folder: Path, data: bytes) -> None:
    numpy = pytest.importorskip("numpy")
    with Repository(folder) as repository:
        view = repository.cat_view(add(repository, data), 8)
    array = numpy.frombuffer(view, dtype=numpy.uint8)
    assert len(array) == SIZE - 8
    assert not array.flags.writeable
    assert (array == numpy.frombuffer(data, dtype=numpy.uint8)[8:]).all()


@pytest.mark.parametrize("raw_leaves", [True, False])
def test_a_view_stays_when_its_packs_are_collected_and_compacted(
    folder: Path, data: bytes, *, raw_leaves: bool
) -> None:
    with Repository(folder) as repository:
        repository.add(b"stays" * 100_000)
        root = add(repository, data, raw_leaves=raw_leaves)
        view = repository.cat_view(root)
    with Repository(folder, _clock_offset_seconds=7200) as repository:
        repository.gc()
        repository.compact()
        with pytest.raises(BlockNotFoundError):
            repository.cat_view(root)
    assert view == data
    assert view != data[:-1]


def test_many_threads_view_one_file(folder: Path, data: bytes) -> None:
    failures = list[int]()
    with Repository(folder) as repository:
        root = add(repository, data)

        def look(number: int) -> None:
            for turn in range(20):
                start = (number * 20 + turn) * 50_000
                if repository.cat_view(root, start) != data[start:]:
                    failures.append(start)

        threads = [threading.Thread(target=look, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_cancelled_view_raises(folder: Path, data: bytes) -> None:
    with Repository(folder) as repository:
        root = add(repository, data)
        with CancelToken() as token:
            token.cancel()
            with pytest.raises(CancelledError):
                repository.cat_view(root)


FORKS = """
import os, sys, warnings
from ipfs_kit_py import Repository

warnings.filterwarnings("ignore", category=DeprecationWarning)
repository = Repository(sys.argv[1])
root, size = sys.argv[2], int(sys.argv[3])
view = repository.cat_view(root)
whole = bytes(view)
assert len(whole) == size
for _ in range(5):
    child = os.fork()
    if child == 0:
        assert view == whole
        other = repository.cat_view(root, 5)
        assert other == whole[5:]
        del view, other
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert view == whole
repository.close()
assert view == whole
"""


@linux
def test_a_view_is_good_in_a_forked_child_and_in_its_parent_after_it(
    folder: Path, data: bytes
) -> None:
    with Repository(folder) as repository:
        root = add(repository, data)
    run_python(FORKS, folder, str(root), str(SIZE))
