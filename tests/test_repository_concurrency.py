"""Many at once: collections against writers, in threads, forked and spawned processes.

The clock of the collections is far ahead, so that to them everything is old which no pin
and no writer at work keeps.
"""

import json
import multiprocessing
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py import Repository

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
FAR = 100_000
SMALL: dict[str, Any] = {"_pack_bytes": 300_000, "_pack_blocks": 80, "threads": 1}

# Trees of few kinds of files, so that writers share most blocks; the last file makes each
# root one writer's own.
WRITER = """
import json, random, sys, tempfile
from pathlib import Path
from ipfs_kit_py import Repository

folder, seed, rounds, pause = sys.argv[1:]
small = {"_pack_bytes": 300_000, "_pack_blocks": 80, "threads": 1}
repository = Repository(folder, _pause_before_commit_seconds=float(pause), **small)
chance, kept = random.Random(seed), []
with tempfile.TemporaryDirectory(dir=Path(folder).parent) as place:
    for number in range(int(rounds)):
        tree = Path(place, str(number))
        tree.mkdir()
        for kind in chance.sample(range(12), 4):
            (tree / str(kind)).write_bytes(random.Random(kind).randbytes(9000 * kind))
        (tree / "own").write_text(f"{seed} {number}")
        kept.append(str(repository.add(tree, chunker="size-4096").cid))
        if len(kept) > 2 and chance.random() < 0.5:
            repository.pin_rm(kept.pop(chance.randrange(len(kept))))
print(json.dumps(kept))
"""


@contextmanager
def collecting(folder: Path) -> Iterator[list[int]]:
    """Collect all the time, in a thread; give how many blocks each collection removed."""
    removed: list[int] = []
    stop = threading.Event()

    def collect() -> None:
        with Repository(folder, _clock_offset_seconds=FAR, **SMALL) as repository:
            # A moment between two, or those who wait for their end would starve.
            while not stop.wait(0.002):
                removed.append(repository.gc().blocks)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(collect)
        try:
            yield removed
        finally:
            stop.set()
        running.result(60)


def check_whole(folder: Path, roots: list[str]) -> None:
    with Repository(folder, verify="always", **SMALL) as repository:
        assert repository.verify().bad == []
        pins = {str(pin.cid) for pin in repository.pin_ls("recursive")}
        assert set(roots) <= pins
        broken = [found for found in repository.pin_verify() if not found.is_whole]
        assert broken == []
        for root in roots:
            for link in repository.refs(root, recursive=True, unique=True):
                assert repository.has(link.target)


def check_writers(folder: Path, rounds: int) -> None:
    Repository(folder).close()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(seed), str(rounds), pause],
            stdout=subprocess.PIPE,
            text=True,
        )
        # The slow ones stand between "it is there" and their commit most of the time.
        for seed, pause in enumerate(("0", "0.005", "0.03", "0.1"))
    ]
    roots: list[str] = []
    try:
        with collecting(folder) as removed:
            for writer in writers:
                said, _ = writer.communicate(timeout=3000)
                assert writer.returncode == 0
                roots += json.loads(said)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    assert len(removed) > rounds // 4
    assert sum(removed) > 0
    check_whole(folder, roots)


def test_collections_leave_what_writers_rely_on(tmp_path: Path) -> None:
    check_writers(tmp_path / "repo", rounds=15)


@pytest.mark.soak
def test_collections_leave_what_writers_rely_on_for_long(
    tmp_path: Path, scaled: Callable[[int], int]
) -> None:
    check_writers(tmp_path / "repo", rounds=scaled(600))


def test_a_block_found_before_a_collection_is_there_after_the_commit(
    tmp_path: Path,
) -> None:
    """Hold a writer just before its commit, and collect meanwhile."""
    folder, data = tmp_path / "repo", random.Random(1).randbytes(100_000)
    with Repository(folder, **SMALL) as repository:
        repository.pin_rm(repository.add(data, chunker="size-4096").cid)
    slow = Repository(folder, _pause_before_commit_seconds=4.0, **SMALL)
    later = Repository(folder, _clock_offset_seconds=FAR, **SMALL)
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(slow.add, data, chunker="size-4096")
        time.sleep(2)
        assert later.gc().blocks == 0
        assert later.gc().blocks == 0
        added = adding.result(60)
    assert added.new_blocks == 0
    assert slow.cat(added.cid) == data
    later.pin_rm(added.cid)
    assert later.gc().blocks == added.known_blocks


def test_threads_of_one_handle_read_write_and_collect(tmp_path: Path) -> None:
    """No thread waits for another that waits for it."""
    repository = Repository(tmp_path, _clock_offset_seconds=FAR, **SMALL)
    other = Repository(tmp_path, **SMALL)
    stop, roots = time.monotonic() + 4, []
    first = repository.add(b"first" * 10_000, chunker="size-4096").cid

    def write(handle: Repository, name: str) -> int:
        for number in range(10_000):
            if time.monotonic() > stop:
                return number
            data = f"{name} {number // 2} ".encode() * 4000
            root = handle.add(data, chunker="size-4096").cid
            # Every content comes twice; some stay pinned after the second time.
            if number % 6 == 3:
                roots.append((root, data))
            else:
                handle.pin_rm(root)
        raise AssertionError

    def read() -> int:
        for number in range(1_000_000):
            if time.monotonic() > stop:
                return number
            assert repository.cat(first) == b"first" * 10_000
            repository.has("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
        raise AssertionError

    def collect() -> int:
        for number in range(1_000_000):
            if time.monotonic() > stop:
                return number
            repository.gc()
            repository.repo_stat()
            time.sleep(0.001)
        raise AssertionError

    with ThreadPoolExecutor(6) as pool:
        work = [
            pool.submit(write, repository, "one"),
            pool.submit(write, other, "two"),
            pool.submit(read),
            pool.submit(read),
            pool.submit(collect),
            pool.submit(repository.compact),
        ]
        for one in work:
            one.result(60)
    for root, data in dict(roots).items():
        assert repository.cat(root) == data
    check_whole(tmp_path, [str(root) for root, _ in roots])


def work_elsewhere(repository: Repository, seed: int) -> str:
    """For a pool of processes: write, read, and say what is pinned."""
    data = random.Random(seed % 3).randbytes(50_000) + str(seed).encode()
    root = repository.add(data, chunker="size-4096").cid
    assert repository.cat(root) == data
    return str(root)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_handle_goes_to_other_processes(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # New processes find this module where this one does.
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {method}")
    repository = Repository(tmp_path / "repo", **SMALL)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        roots = [
            pool.submit(work_elsewhere, repository, seed).result(100) for seed in range(9)
        ]
        mine = repository.add(b"mine").cid
    assert repository.cat(mine) == b"mine"
    check_whole(tmp_path / "repo", [*roots, str(mine)])


def test_processes_make_one_repository_at_once(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from ipfs_kit_py import Repository
        print(Repository(sys.argv[1]).add(sys.argv[2].encode()).cid)
        """
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "repo"), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    roots = [maker.communicate(timeout=100)[0].strip() for maker in makers]
    assert all(maker.returncode == 0 for maker in makers)
    check_whole(tmp_path / "repo", roots)
