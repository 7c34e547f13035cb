"""Loaders in forked processes, many threads, and those that are stopped from outside."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from ipfs_kit_py._repository import Repository
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader

SAMPLES = 500


@pytest.fixture
def dataset(tmp_path: Path) -> tuple[Path, str]:
    """A repository, and a folder of five hundred files in it."""
    place = tmp_path / "samples"
    place.mkdir()
    for number in range(SAMPLES):
        (place / f"{number:04}").write_bytes(number.to_bytes(2, "little") * 500)
    with Repository(tmp_path / "repository") as repository:
        return tmp_path / "repository", str(repository.add(place).cid)


def numbers(loader: IPFSDataLoader) -> list[int]:
    return [int.from_bytes(bytes(one)[:2], "little") for batch in loader for one in batch]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_forked_process_goes_on_by_itself(dataset: tuple[Path, str]) -> None:
    """Also one that was forked while the readers of its parent were at work."""
    path, cid = dataset
    loader = IPFSDataLoader(Repository(path), batch_size=5, decode=bytes)
    loader.load_dataset(cid)
    for _ in range(8):
        batches = iter(loader)
        next(batches)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = int(sorted(numbers(loader)) != list(range(SAMPLES)))
                code += int(loader.state_dict()["epoch"] == 0)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sum(len(batch) for batch in batches) == SAMPLES - 5


def test_threads_have_loaders_of_their_own(dataset: tuple[Path, str]) -> None:
    path, cid = dataset
    repository = Repository(path)
    found: list[list[int]] = []

    def work(seed: int) -> None:
        loader = IPFSDataLoader(repository, batch_size=7, seed=seed)
        loader.load_dataset(cid)
        found.append(sorted(numbers(loader)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [list(range(SAMPLES))] * 6


def run(code: str, *args: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("afar", [False, True])
def test_ctrl_c_ends_a_loop(dataset: tuple[Path, str], *, afar: bool) -> None:
    """Also one that waits for a source which does not answer."""
    code = """
        import sys, threading, time
        from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
        from ipfs_kit_py.ipfs_kit import ipfs_kit

        class Silent:
            name, cost, is_remote = "silent", 50.0, True
            def get_blocks(self, cids):
                time.sleep(600)

        path, cid, afar = sys.argv[1:]
        with ipfs_kit(metadata={"ipfs_path": path}, sources=[Silent()]) as kit:
            if afar == "True":
                cids = [str(kit.engine.block_put(bytes([n]))) for n in range(5)]
                kit.engine.block_rm(cids)
                cid = str(kit.engine.dag_put({"samples": cids}))
            loader = kit.get_data_loader(batch_size=2)
            loader.load_dataset(cid)
            print("ready", flush=True)
            while True:
                for batch in loader:
                    pass
    """
    path, cid = dataset
    with run(code, path, cid, afar) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(1)
            begin = time.perf_counter()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert "KeyboardInterrupt" in errors, errors
    assert time.perf_counter() - begin < 10


def test_an_interpreter_that_ends_in_mid_epoch_does_not_hang(
    dataset: tuple[Path, str],
) -> None:
    code = """
        import sys
        from ipfs_kit_py._repository import Repository
        from ipfs_kit_py.ai_ml_integration import IPFSDataLoader

        loader = IPFSDataLoader(Repository(sys.argv[1]), batch_size=2, decode=bytes)
        loader.load_dataset(sys.argv[2])
        batches = iter(loader)
        print(len(next(batches)))
    """
    for _ in range(5):
        process = run(code, *dataset)
        out, errors = process.communicate(timeout=20)
        assert (process.returncode, out, errors) == (0, "2\n", "")
