"""Cancelling tasks of `ipfs_kit_py.aio`: calls stop soon, and nothing stays behind."""

import asyncio
import gc
import io
import mmap
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.soon import SOON_SECONDS, wait_until
from tests.test_cancel import endless

from ipfs_kit_py import CID, Repository, aio

GIB = 1 << 30


def own_threads() -> int:
    """Count the threads of this process, Rust's too where the system tells."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def core_threads() -> int:
    """Count those that Python knows nothing of."""
    return own_threads() - threading.active_count()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test; no thread that was not there before outlives it."""
    before = own_threads()
    asyncio.run(work)
    gc.collect()
    wait_until(lambda: own_threads() <= before)


def leases(folder: Path) -> list[Path]:
    return [*folder.glob("**/leases/*")]


@pytest.fixture
def gibibyte(tmp_path: Path) -> Path:
    path = tmp_path / "gibibyte"
    with path.open("wb") as file:
        file.truncate(GIB)
    return path


async def cancelled_after(work: Awaitable[object], seconds: float) -> float:
    """Cancel a task and wait for it; say how long that took."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(seconds)
    assert not task.done()
    task.cancel()
    asked = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - asked


def test_cancelling_an_add_of_a_gibibyte_stops_it_and_leaves_nothing(
    tmp_path: Path, gibibyte: Path
) -> None:
    folder = tmp_path / "repository"

    async def work() -> None:
        async with aio.Repository(folder, threads=1) as repository:
            before = await repository.repo_stat()
            # Small chunks, or a quick machine is done too soon.
            for _ in range(2):
                adding = repository.add(gibibyte, chunker="size-4096")
                assert await cancelled_after(adding, 0.2) < SOON_SECONDS
                assert leases(folder) == []
            assert await repository.repo_stat() == before
            assert [cid async for cid in repository.blocks()] == []
            assert [pin async for pin in repository.pin_ls()] == []

    run(work())


def test_a_timeout_stops_the_call(tmp_path: Path, gibibyte: Path) -> None:
    async def work() -> None:
        async with aio.Repository(tmp_path / "repository", threads=1) as repository:
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await repository.add(gibibyte, chunker="size-4096")
            assert time.monotonic() - begun < SOON_SECONDS
            cid = (await repository.add(b"as if nothing had been")).cid
            assert await repository.cat(cid) == b"as if nothing had been"

    run(work())


def test_an_operation_of_the_kit_that_is_cancelled_gives_no_result(
    tmp_path: Path, gibibyte: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    settings = {"ipfs_path": str(tmp_path / "kit"), "engine": "embedded"}

    async def work() -> None:
        async with aio.ipfs_kit(metadata=settings) as kit:
            adding = kit("ipfs_add", file_path=gibibyte, chunker="size-4096")
            assert await cancelled_after(adding, 0.2) < SOON_SECONDS
            cid = (await kit.ipfs.add(b"hello"))["cid"]
            pinning = kit.ipfs.pin_multiple(_endlessly(cid))
            assert await cancelled_after(pinning, 0.2) < SOON_SECONDS
        async with aio.IPFSSimpleAPI(**settings) as api:
            adding = api.add(gibibyte, chunker="size-4096")
            assert await cancelled_after(adding, 0.2) < SOON_SECONDS

    run(work())


def _endlessly(cid: str) -> Any:
    while True:
        yield cid


def test_iterating_is_cancelled_between_and_within_batches(tmp_path: Path) -> None:
    with Repository(tmp_path / "repository") as plain:
        root = endless(plain)
        cid = plain.dag_put(0)
        for _ in range(40):
            cid = plain.dag_put([cid, cid])

    async def read(repository: aio.Repository) -> int:
        return sum([len(piece) async for piece in repository.iter_file(root)])

    async def follow(repository: aio.Repository) -> None:
        async for _ in repository.refs(cid, recursive=True, unique=False):
            await asyncio.sleep(0)

    async def lines(repository: aio.Repository) -> None:
        async with repository.open(root) as file:
            async for _ in file:
                pass

    async def work() -> None:
        async with aio.Repository(tmp_path / "repository") as repository:
            # What other tests left has its threads too.
            gc.collect()
            before = core_threads()
            for iterate in (read, follow, lines):
                assert await cancelled_after(iterate(repository), 0.2) < SOON_SECONDS
            # Stopping early ends the thread of the core as well.
            links = repository.refs(cid, recursive=True)
            async for _ in links:
                break
            await links.aclose()
            assert core_threads() == before
            assert await repository.has(cid)

    run(work())


def test_who_cancels_twice_does_not_wait(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Stuck(io.RawIOBase):
        def read(self, _size: int = -1, /) -> bytes:
            entered.set()
            leave.wait(30)
            return b""

    async def work() -> None:
        async with aio.Repository(tmp_path / "repository") as repository:
            task = asyncio.create_task(repository.add(Stuck()))
            while not entered.is_set():
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.sleep(0.1)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            leave.set()
        with Repository(tmp_path / "repository") as plain:
            assert list(plain.blocks()) == []

    run(work())
    assert leases(tmp_path) == []


def test_what_has_not_begun_never_does(tmp_path: Path) -> None:
    leave = threading.Event()
    begun: list[int] = []

    class Stuck(io.RawIOBase):
        def read(self, _size: int = -1, /) -> bytes:
            begun.append(1)
            leave.wait(30)
            return b""

    async def work() -> None:
        async with aio.Repository(tmp_path / "repository", threads=1) as repository:
            most = min(32, (os.cpu_count() or 1) + 4)
            tasks = [
                asyncio.create_task(repository.add(Stuck())) for _ in range(most + 3)
            ]
            while len(begun) < most:
                await asyncio.sleep(0.01)
            for task in tasks[most:]:
                task.cancel()
            done, _ = await asyncio.wait(tasks[most:], timeout=SOON_SECONDS)
            assert all(task.cancelled() for task in done)
            assert len(done) == 3
            leave.set()
            await asyncio.gather(*tasks[:most])
            assert len(begun) == most

    run(work())


@pytest.mark.parametrize("seed", range(3))
def test_of_64_operations_half_are_cancelled_and_nothing_stays(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "repository"
    data = [chance.randbytes(chance.randrange(1, 4 << 20)) for _ in range(8)]
    added: dict[CID, bytes] = {}

    async def add(repository: aio.Repository, number: int) -> None:
        content = b"%d" % number + data[number % 8]
        added[(await repository.add(content, chunker="size-65536")).cid] = content

    async def work() -> None:
        async with aio.Repository(folder, threads=2) as repository:
            first = (await repository.add(data[0], chunker="size-65536")).cid

            async def get(number: int) -> None:
                await repository.get(first, tmp_path / f"out {number}")

            operations: list[Callable[[int], Awaitable[object]]] = [
                lambda number: add(repository, number),
                lambda number: add(repository, number),
                lambda _: repository.cat(first),
                get,
                lambda _: repository.pin_add(first, name="again"),
                lambda _: repository.gc(),
                lambda number: repository.files_write(
                    f"/{number}", data[number % 8], create=True
                ),
                lambda _: repository.verify(),
            ]
            tasks = [
                asyncio.ensure_future(operations[number % len(operations)](number))
                for number in range(64)
            ]
            for task in chance.sample(tasks, 32):
                await asyncio.sleep(chance.random() * 0.03)
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert outcome is None or not isinstance(outcome, Exception), outcome

            assert leases(folder) == []
            assert await repository.cat(first) == data[0]
            for cid, content in added.items():
                assert await repository.cat(cid) == content
            async for check in repository.pin_verify():
                assert check.is_whole
            async for entry in repository.files_ls("/"):
                found = await repository.files_read(f"/{entry.name}")
                assert found == data[int(entry.name) % 8]
            assert (await repository.verify()).bad == []
            # No lock is left: whoever comes next can write and collect.
            await repository.files_mkdir("/last")
        with Repository(folder, _clock_offset_seconds=7200) as later:
            later.gc()
            later.compact()
            assert later.cat(first) == data[0]

    run(work())
    whole = {path.read_bytes() for path in tmp_path.glob("out *")}
    assert whole <= {data[0]}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another Ctrl-C")
def test_ctrl_c_ends_a_program_and_leaves_nothing(tmp_path: Path, gibibyte: Path) -> None:
    program = """
        import asyncio, sys
        from ipfs_kit_py import aio

        async def main():
            async with aio.Repository(sys.argv[1], threads=1) as repository:
                await repository.repo_stat()
                print("ready", flush=True)
                await repository.add(sys.argv[2], chunker="size-4096")

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    folder = tmp_path / "repository"
    command = [sys.executable, "-c", textwrap.dedent(program), str(folder), str(gibibyte)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        assert child.wait(10) == 0
        assert time.monotonic() - sent < SOON_SECONDS
    assert leases(folder) == []
    with Repository(folder) as plain:
        assert list(plain.blocks()) == []


def test_reading_into_a_buffer_is_cancelled(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows sets memory aside at once")
    with Repository(tmp_path / "repository") as plain:
        root = endless(plain)

    async def work() -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        with mmap.mmap(-1, 4 << 30, flags) as memory:
            async with aio.Repository(tmp_path / "repository") as repository:
                reading = repository.readinto(root, memory)
                assert await cancelled_after(reading, 0.1) < SOON_SECONDS
                # Nothing writes into it any more, so that it can be given back.

    run(work())
