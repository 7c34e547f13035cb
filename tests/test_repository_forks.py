"""Forks: a handle works in parent and child, whatever the parent's threads were doing."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.processes import run_python

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system does not fork"
)

# A child that does not end within a minute hangs, and says in which call.
FORKS = """
import faulthandler, os, random, sys, threading, time, warnings
from ipfs_kit_py import Repository

warnings.filterwarnings("ignore", category=DeprecationWarning)
folder, forks = sys.argv[1], int(sys.argv[2])
repository = Repository(
    folder, threads=2, _pack_bytes=2_000_000, _pack_blocks=300, _clock_offset_seconds=9999
)
data = random.Random(0).randbytes(300_000)
root = repository.add(data, chunker="size-4096").cid
file = repository.open(root)
stop, failures, done = threading.Event(), [], dict.fromkeys("arsgf", 0)

def endless(name):
    def start(work):
        def run():
            try:
                while not stop.is_set():
                    work()
                    done[name] += 1
            except BaseException as error:
                failures.append((name, error))
                raise
        thread = threading.Thread(target=run)
        thread.start()
        return thread
    return start

number = iter(range(10**9))

@endless("a")
def adding():
    content = b"%d" % next(number) * 20_000
    repository.pin_rm(repository.add(content, chunker="size-4096", threads=2).cid)

@endless("r")
def reading():
    assert repository.cat(root) == data

@endless("s")
def streaming():
    assert b"".join(repository.iter_file(root)) == data
    list(repository.refs(root, recursive=True))

@endless("f")
def files():
    repository.files_write("/f", data[:9000], create=True, truncate=True)

@endless("g")
def collecting():
    repository.gc()
    time.sleep(0.01)

def child(fork):
    faulthandler.dump_traceback_later(50, exit=True)
    try:
        assert repository.cat(root) == data
        file.seek(1000)
        assert file.read(5000) == data[1000:6000]
        mine = repository.add(b"child %d " % fork * 3000, chunker="size-4096").cid
        assert repository.cat(mine) == b"child %d " % fork * 3000
        repository.pin_add(mine, name=f"child {fork}")
        assert b"".join(repository.iter_file(mine)) == b"child %d " % fork * 3000
        assert repository.files_stat("/").kind == "directory"
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"child {fork}: {type(error).__name__}: {error}\\n")
        os._exit(1)

def wait(pid, fork):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            if status:
                failures.append((f"child {fork}", status))
            return
        time.sleep(0.001)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    failures.append((f"child {fork}", "hangs"))

running = []
for fork in range(forks):
    pid = os.fork()
    if pid == 0:
        child(fork)
    running.append((pid, fork))
    if len(running) == 3:
        wait(*running.pop(0))
    if failures:
        break
for pid, fork in running:
    wait(pid, fork)
before = dict(done)
end = time.monotonic() + 60
while time.monotonic() < end and any(done[name] == before[name] for name in done):
    time.sleep(0.01)
stop.set()
for thread in (adding, reading, streaming, files, collecting):
    thread.join(60)
    if thread.is_alive():
        failures.append((thread.name, "hangs"))
if failures:
    sys.stderr.write(f"{failures} {done}\\n")
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)
assert all(done[name] > before[name] for name in done), (before, done)
assert repository.verify().bad == []
names = {pin.name for pin in repository.pin_ls("recursive")}
assert {f"child {fork}" for fork in range(forks)} <= names
assert all(found.is_whole for found in repository.pin_verify())
"""


def test_children_of_a_busy_parent_read_and_write(tmp_path: Path) -> None:
    run_python(FORKS, tmp_path / "repo", 60, timeout=110)


@pytest.mark.soak
def test_two_hundred_children_of_a_busy_parent_read_and_write(
    tmp_path: Path, scaled: Callable[[int], int]
) -> None:
    run_python(FORKS, tmp_path / "repo", scaled(200), timeout=1800)


def test_what_others_write_around_a_fork_is_seen(tmp_path: Path) -> None:
    """The parent opens its connection anew, and must not take it for the old one."""
    run_python(
        """
        import os, sys
        from ipfs_kit_py import Repository

        repository, other = Repository(sys.argv[1]), Repository(sys.argv[1])
        for number in range(5):
            root = other.add(b"%d" % number).cid
            assert repository.has(root)
            def write():
                if not (pid := os.fork()):
                    other.add(b"child %d" % number)
                    os._exit(0)
                assert os.waitpid(pid, 0)[1] == 0
            write()
            later = other.add(b"later %d" % number).cid
            assert repository.has(later)
            assert repository.cat(later) == b"later %d" % number
            assert repository.has(root)
        """,
        tmp_path / "repo",
    )


def test_removals_around_a_fork_are_seen(tmp_path: Path) -> None:
    """What another handle removed while this one forked is written again."""
    run_python(
        """
        import os, sys
        from ipfs_kit_py import Repository

        repository = Repository(sys.argv[1])
        other = Repository(sys.argv[1], _clock_offset_seconds=9999)
        data = os.urandom(50_000)
        for number in range(5):
            root = repository.add(data).cid
            if not (pid := os.fork()):
                other.pin_rm(root)
                assert other.gc().blocks
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            again = repository.add(data)
            assert again.new_blocks, again
            assert Repository(sys.argv[1]).cat(root) == data
            assert repository.cat(root) == data
        """,
        tmp_path / "repo",
    )


def test_a_child_leaves_the_parents_locks_alone(tmp_path: Path) -> None:
    """A child that outlives its parent keeps no pack, and ends no lease."""
    run_python(
        """
        import os, sys, threading
        from ipfs_kit_py import Repository

        slow = Repository(sys.argv[1], _pause_before_commit_seconds=2.0)
        later = Repository(sys.argv[1], _clock_offset_seconds=9999)
        data = os.urandom(100_000)
        adding = threading.Thread(target=slow.add, args=(data,))
        adding.start()
        threading.Event().wait(0.4)
        if not (pid := os.fork()):
            # The writer of the parent stands before its commit, and must not be robbed.
            later.gc()
            later.add(b"child")
            later.gc()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        adding.join()
        assert slow.verify().bad == []
        assert all(found.is_whole for found in slow.pin_verify())
        assert len(list(slow.pin_ls("recursive"))) == 2
        """,
        tmp_path / "repo",
    )


@pytest.mark.skipif(
    sys.platform != "linux", reason="a fork behind the interpreter's back"
)
def test_a_raw_fork_is_refused(tmp_path: Path) -> None:
    said = run_python(
        """
        import ctypes, os, sys
        from ipfs_kit_py import Repository
        from ipfs_kit_py.errors import ForkedError

        repository = Repository(sys.argv[1])
        root = repository.add(b"here").cid
        # With the interpreter's lock held, the child can go on as far as this needs.
        pid = ctypes.PyDLL(None).fork()
        if pid == 0:
            refused = []
            for call in (lambda: repository.cat(root), lambda: repository.add(b"there"),
                         lambda: repository.pin_rm(root), repository.repo_stat,
                         repository.gc):
                try:
                    call()
                except ForkedError as error:
                    refused.append("spawn" in str(error))
            os.write(1, repr(refused).encode())
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert repository.cat(root) == b"here"
        """,
        tmp_path / "repo",
        timeout=100,
    )
    assert said == repr([True] * 5)
