"""Ctrl-C, memory, other processes, forced kernels: what work costs, and where it runs."""

import gc
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.inputs import Dag, numbered_files, write_tree
from tests.processes import run_python, run_script, seconds_to_interrupt

from ipfs_kit_py import hash_file, hash_tree

MIB = 1 << 20


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file of zeros that takes minutes to hash and no room on the disk."""
    path = tmp_path / "folder" / "endless"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    return path


@pytest.mark.parametrize(
    "work",
    [
        "hash_file(path)",
        "hash_file(path, threads=1, trickle=True)",
        "hash_file(path, chunker='rabin')",
        "hash_file(path, hash='sha3-512', chunker='size-2096896')",
        "hash_file(open(path, 'rb'))",
        "hash_tree(Path(path).parent)",
        "hash_tree(Path(path).parent, hash='blake3')",
        "list(hash_files([path] * 1000))",
        "hash_file('/dev/zero')",
        "hash_file('/dev/zero', chunker='buzhash')",
        "car_pack('/dev/zero', path + '.car', hash='sha3-512')",
        "cids_of([bytes(1 << 20)] * 100_000)",
        "cids_of([bytes(1 << 20)] * 100_000, hash='sha3-512', threads=1)",
    ],
)
def test_ctrl_c_ends_work_within_a_second(work: str, endless: Path) -> None:
    assert seconds_to_interrupt(work, endless) < 1


def test_ctrl_c_ends_a_wait_for_a_pipe_that_gives_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert seconds_to_interrupt("hash_file(path)", pipe) < 1
    # With a writer that says nothing, and with one that says a little.
    writer = os.open(pipe, os.O_RDWR)
    assert seconds_to_interrupt("hash_file(path)", pipe) < 1
    os.write(writer, b"a little")
    assert seconds_to_interrupt("hash_file(open(path, 'rb'))", pipe) < 1
    os.close(writer)


def test_ctrl_c_leaves_no_half_packed_car(endless: Path) -> None:
    assert seconds_to_interrupt("car_pack(path, path + '.car')", endless) < 1
    assert [path.name for path in endless.parent.iterdir()] == ["endless"]


def test_ctrl_c_ends_unpacking_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # A small CAR with links to a million empty files.
    dag = Dag()
    folder = dag.folder((f"{i:03}", dag.raw(b"")) for i in range(1000))
    root = dag.folder((f"{i:03}", folder) for i in range(1000))
    car = tmp_path / "car"
    car.write_bytes(dag.car(root))
    work = f"car_unpack(path, {str(tmp_path / 'out')!r})"
    assert seconds_to_interrupt(work, car) < 1
    assert [path.name for path in tmp_path.iterdir()] == ["car"]


def test_a_signal_that_raises_nothing_leaves_the_work_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(1 << 29)
    program = """
        import signal, sys
        from ipfs_kit_py import hash_file
        seen = []
        signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        cid = hash_file(sys.argv[1], threads=1)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(cid, bool(seen))
    """
    assert run_python(program, path).split() == [str(hash_file(path)), "True"]


FORKED = """
import multiprocessing
import sys
import threading

from ipfs_kit_py import hash_tree


def work(path):
    return str(hash_tree(path, threads=2))


if __name__ == "__main__":
    method, folder = sys.argv[1:]
    expected = work(folder)
    # The parent is at work, with threads of its own, while its children are made.
    stop = threading.Event()

    def hash_on():
        while not stop.is_set():
            work(folder)

    busy = threading.Thread(target=hash_on)
    busy.start()
    context = multiprocessing.get_context(method)
    with context.Pool(3) as pool:
        assert pool.map(work, [folder] * 30) == [expected] * 30
    stop.set()
    busy.join()
    print("same")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_however_started_hash_the_same(method: str, tmp_path: Path) -> None:
    folder = numbered_files(tmp_path / "folder", 200, "file-%06d")
    script = tmp_path / "script.py"
    script.write_text(FORKED)
    assert run_script(script, method, folder) == "same\n"


MEMORY = """
    import re, sys, threading
    from pathlib import Path
    from ipfs_kit_py import *

    def peak():
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) << 10

    path, threads = sys.argv[1], int(sys.argv[2])
    hash_file(sys.executable)
    before = peak()
    result = eval(sys.argv[3])
    print(peak() - before, result)
"""


def peak_of(call: str, path: Path, threads: int = 1) -> tuple[int, str]:
    """Run a call in a process of its own; return bytes at its peak, and its result."""
    used, result = run_python(MEMORY, path, threads, call, timeout=3000).split(maxsplit=1)
    return int(used), result.strip()


@pytest.mark.soak
@pytest.mark.parametrize(
    "call",
    [
        "hash_file(path, threads=threads)",
        "hash_file(path, threads=threads, trickle=True, chunker='size-1000')",
        "hash_file(path, threads=threads, chunker='rabin')",
        "hash_file(path, threads=threads, chunker='size-2096896', hash='blake3')",
        "hash_file(open(path, 'rb'), threads=threads)",
        "car_pack(path, path + '.car', threads=threads)",
    ],
)
def test_a_large_file_takes_less_than_64_mib_a_thread(
    call: str, tmp_path: Path, scaled: Callable[[int], int]
) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(scaled(1 << 33))
    roots = set()
    for threads in (1, 2, 4):
        used, root = peak_of(call, path, threads)
        assert used < threads * 64 * MIB, threads
        roots.add(root)
    assert len(roots) == 1


@pytest.mark.soak
def test_a_folder_of_a_million_entries_takes_less_than_96_mib(
    tmp_path: Path, scaled: Callable[[int], int]
) -> None:
    folder = numbered_files(tmp_path / "folder", scaled(1_000_000), "entry-%015d")
    roots = set()
    for threads in (1, 4):
        used, root = peak_of("hash_tree(path, threads=threads)", folder, threads)
        assert used < 96 * MIB
        roots.add(root)
    call = "(tree := hash_tree(path, entries=True)).root, sum(1 for _ in tree.entries)"
    used, found = peak_of(call, folder)
    assert used < 96 * MIB
    (root,) = roots
    assert found == f"(CID('{root}'), {scaled(1_000_000)})"


@pytest.mark.soak
def test_many_files_at_once_take_less_than_64_mib_a_thread(
    tmp_path: Path, scaled: Callable[[int], int]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100_000))
    count = scaled(1_000_000)
    call = f"sum(1 for _ in hash_files((path for _ in range({count})), threads=threads))"
    used, found = peak_of(call, path, 2)
    assert used < 128 * MIB
    assert int(found) == count


KERNELS = ("avx512", "sha-ni", "avx2", "aarch64", "portable")
ALL_CIDS = """
    import sys
    from ipfs_kit_py import *
    from ipfs_kit_py._native import sha256_kernel
    try:
        kernel = sha256_kernel()
    except ValueError as error:
        print("refused", error.code, error)
        for call in (lambda: hash_tree(sys.argv[1]), lambda: cids_of([b"1"])):
            try:
                call()
            except type(error) as again:
                assert str(again) == str(error)
            else:
                raise AssertionError("the kernel was refused before")
    else:
        root = hash_tree(sys.argv[1], chunker="size-1000", raw_leaves=False)
        many = cids_of([bytes(i) for i in range(300)])
        print("took", kernel, root, hash(tuple(many.strings())))
"""


@pytest.fixture
def of_many_sizes(tmp_path: Path) -> Path:
    tree = {str(size): os.urandom(size) for size in (*range(200), 1000, 5000, 300_000)}
    return write_tree(tmp_path / "folder", tree)


def test_every_kernel_gives_the_same_cids_or_a_clear_error(of_many_sizes: Path) -> None:
    found = set()
    for kernel in KERNELS:
        env = {"IPFS_KIT_SHA256_KERNEL": kernel, "PYTHONHASHSEED": "0"}
        state, *rest = run_python(ALL_CIDS, of_many_sizes, env=env).split()
        if state == "took":
            assert rest[0] == kernel
            found.add(tuple(rest[1:]))
        else:
            assert rest[0] == "invalid-parameter"
            assert kernel in rest
            assert kernel != "portable"
    here = hash_tree(of_many_sizes, chunker="size-1000", raw_leaves=False)
    assert [root for root, _ in found] == [str(here)]


def test_an_unknown_kernel_is_a_clear_error(of_many_sizes: Path) -> None:
    env = {"IPFS_KIT_SHA256_KERNEL": "mmx"}
    printed = run_python(ALL_CIDS, of_many_sizes, env=env)
    assert printed.startswith("refused invalid-parameter")
    assert "IPFS_KIT_SHA256_KERNEL" in printed
    assert "mmx" in printed


def test_every_chunker_kernel_gives_the_same_cids_or_a_clear_error(
    of_many_sizes: Path,
) -> None:
    program = """
        import sys
        from ipfs_kit_py import hash_tree
        try:
            for chunker in ("rabin-64-200-1000", "buzhash"):
                print(hash_tree(sys.argv[1], chunker=chunker))
        except ValueError as error:
            print("refused", error)
    """
    found = set()
    for kernel in ("scalar", "avx2", "avx512", "mmx"):
        env = {"IPFS_KIT_CHUNKER_KERNEL": kernel}
        printed = run_python(program, of_many_sizes, env=env)
        if printed.startswith("refused"):
            assert kernel in printed
            assert kernel != "scalar"
        else:
            assert kernel != "mmx"
            found.add(printed)
    assert len(found) == 1


def test_a_program_that_ends_while_threads_hash_does_not_crash(endless: Path) -> None:
    program = """
        import sys, threading, time
        from ipfs_kit_py import hash_file
        threading.Thread(target=hash_file, args=(sys.argv[1],), daemon=True).start()
        time.sleep(0.2)
        print("ends")
    """
    assert run_python(program, endless).strip() == "ends"


def test_a_thread_that_hashes_does_not_keep_ctrl_c_from_the_main_thread(
    endless: Path,
) -> None:
    work = """
        import threading, time
        threading.Thread(target=hash_file, args=(path,), daemon=True).start()
        time.sleep(60)
    """
    assert seconds_to_interrupt(work, endless) < 1


def test_closing_over_many_calls_leaks_no_descriptors_or_threads(tmp_path: Path) -> None:
    folder = numbered_files(tmp_path / "folder", 20, "file-%06d")

    def used() -> tuple[int, int]:
        here = Path("/proc/self")
        return len([*(here / "fd").iterdir()]), len([*(here / "task").iterdir()])

    params: list[dict[str, Any]] = [{}, {"hash": "blake3"}, {"no_such": 1}]

    def act() -> None:
        for given in params:
            for path in (folder, tmp_path / "missing"):
                with suppress(OSError, TypeError):
                    hash_tree(path, threads=3, **given)

    act()
    # What other tests left has its own, and may still end meanwhile.
    gc.collect()
    before = used()
    for _ in range(50):
        act()
    assert max(now - then for now, then in zip(used(), before, strict=True)) <= 0
