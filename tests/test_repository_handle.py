"""A handle: where it opens, how it closes, travels and forks."""

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.processes import run_script

from ipfs_kit_py import Repository
from ipfs_kit_py._repository import default_path
from ipfs_kit_py.errors import (
    ErrorCode,
    ForkedError,
    IndexDamagedError,
    InvalidParameterError,
    IPFSError,
    ReadOnlyRepositoryError,
    RepositoryClosedError,
    RepositoryNotFoundError,
    RepositoryVersionError,
)


def test_a_folder_is_made_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    with Repository(path) as repository:
        assert repository.path == str(path)
        assert path.is_dir()
        assert repository.repo_stat().blocks == 0
    with Repository(path, create=False) as again:
        assert not again.read_only


def test_none_is_made_unless_asked(tmp_path: Path) -> None:
    for create, read_only in ((False, False), (True, True)):
        with pytest.raises(RepositoryNotFoundError) as caught:
            Repository(tmp_path / "none", create=create, read_only=read_only)
        assert isinstance(caught.value, FileNotFoundError)
        assert caught.value.code is ErrorCode.REPOSITORY_NOT_FOUND
        assert caught.value.filename == str(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_path_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPFS_KIT_IPFS_PATH", raising=False)
    monkeypatch.delenv("IPFS_PATH", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if sys.platform == "linux":
        assert default_path() == str(tmp_path / "data" / "ipfs-kit")
    monkeypatch.setenv("IPFS_PATH", str(tmp_path / "kubo"))
    assert default_path() == str(tmp_path / "kubo")
    monkeypatch.setenv("IPFS_KIT_IPFS_PATH", str(tmp_path / "ours"))
    with Repository() as repository:
        assert repository.path == str(tmp_path / "ours")


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Repository("here") as repository:
        cid = repository.block_put(b"one")
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        assert pickle.loads(pickle.dumps(repository)).has(cid)  # noqa: S301 - ours


@pytest.mark.parametrize(
    "options",
    [{"verify": "sometimes"}, {"threads": 0}, {"max_bytes": -1}, {"threads": 5000}],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError):
        Repository(tmp_path / "r", **options)  # type: ignore[arg-type]


def test_a_closed_handle_says_so(repository: Repository) -> None:
    root = repository.add(b"bytes").cid
    file = repository.open(root)
    view = repository.cat_view(root)
    repository.close()
    repository.close()
    assert repository.closed
    for use in (
        lambda: repository.cat(root),
        lambda: repository.add(b"more"),
        lambda: list(repository.pin_ls()),
        lambda: repository.repo_stat(),
    ):
        with pytest.raises(RepositoryClosedError):
            use()
    # What was open goes on.
    assert file.read() == b"bytes"
    assert bytes(view) == b"bytes"


def test_repr_shows_path_and_options(tmp_path: Path) -> None:
    path = str(tmp_path / "r")
    with Repository(path) as repository:
        assert repr(repository) == f"Repository({path!r})"
    assert repr(repository).endswith("(closed)")
    with Repository(path, create=False, verify="always", max_bytes=10) as repository:
        shown = repr(repository)
        assert "verify='always'" in shown
        assert "max_bytes=10" in shown
        assert eval(shown, {"Repository": Repository}).path == path  # noqa: S307


def test_pickling_keeps_the_options(repository: Repository) -> None:
    cid = repository.block_put(b"x")
    with Repository(repository.path, read_only=True, verify="always") as reader:
        copy = pickle.loads(pickle.dumps(reader))  # noqa: S301 - our own bytes
    assert copy.read_only
    assert copy.has(cid)
    with pytest.raises(ReadOnlyRepositoryError):
        copy.block_put(b"y")


def test_a_read_only_handle_changes_nothing(repository: Repository) -> None:
    root = repository.add(b"bytes").cid
    with Repository(repository.path, read_only=True) as reader:
        assert reader.cat(root) == b"bytes"
        assert [pin.cid for pin in reader.pin_ls("recursive")] == [root]
        for change in (
            lambda: reader.add(b"more"),
            lambda: reader.pin_rm(root),
            lambda: reader.block_rm(root),
            lambda: reader.gc(),
            lambda: reader.compact(),
            lambda: reader.files_mkdir("/d"),
            lambda: reader.verify(drop_bad=True),
        ):
            with pytest.raises(ReadOnlyRepositoryError) as caught:
                change()
            assert isinstance(caught.value, PermissionError)
        # What was added meanwhile is seen.
        new = repository.add(b"new").cid
        assert reader.cat(new) == b"new"


def test_many_threads_share_a_handle(repository: Repository) -> None:
    blobs = [os.urandom(50_000) for _ in range(16)]

    def work(blob: bytes) -> None:
        root = repository.add(blob).cid
        assert repository.cat(root) == blob
        assert repository.has(root)
        assert len(list(repository.refs(root, recursive=True))) == 0

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, blobs * 2))
    assert len(list(repository.pin_ls("recursive"))) == len(blobs)


def test_a_forked_child_goes_on_with_the_handle(repository: Repository) -> None:
    root = repository.add(os.urandom(2_000_000)).cid
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            repository.cat(root)
            repository.add(os.urandom(1000), pin=False)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        children = []
        for number in range(10):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    assert len(repository.cat(root)) == 2_000_000
                    mine = repository.add(b"child %d" % number).cid
                    assert repository.cat(mine) == b"child %d" % number
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    names = [repository.cat(pin.cid) for pin in repository.pin_ls("recursive")]
    assert {b"child %d" % number for number in range(10)} <= set(names)


def test_an_iterator_stays_with_its_process(repository: Repository) -> None:
    repository.block_put(b"one")
    blocks = repository.blocks()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            next(blocks)
        except ForkedError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(list(blocks)) == 1


POOL = """
import multiprocessing, sys
from ipfs_kit_py import Repository

def add(repository, data):
    return str(repository.add(data).cid)

if __name__ == "__main__":
    with Repository(sys.argv[1]) as repository:
        with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
            given = [(repository, b"%d" % number) for number in range(4)]
            roots = pool.starmap(add, given)
        print(*(repository.cat(root).decode() for root in roots))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_other_processes_get_it_pickled(tmp_path: Path, method: str) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    assert run_script(script, tmp_path / "r", method).split() == ["0", "1", "2", "3"]


def test_a_lost_index_is_said_and_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "r"
    with Repository(path) as repository:
        root = repository.add(b"bytes").cid
    for file in (path / "embedded").glob("index.db*"):
        file.unlink()
    with pytest.raises(IndexDamagedError, match="rebuild"):
        Repository(path)
    report = Repository.rebuild(path)
    assert report.blocks == 1
    assert report.roots_pinned == 1
    with Repository(path) as repository:
        assert repository.cat(root) == b"bytes"


def test_a_newer_repository_is_refused(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "r"
    Repository(path).close()
    with sqlite3.connect(path / "embedded" / "index.db") as index:
        index.execute("UPDATE meta SET value = 99 WHERE key = 'format'")
    index.close()
    with pytest.raises(RepositoryVersionError, match="99"):
        Repository(path)


def test_a_file_in_the_way_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(IPFSError) as caught:
        Repository(tmp_path / "file" / "r")
    assert isinstance(caught.value, OSError)


def test_a_handle_that_is_dropped_lets_the_interpreter_end(tmp_path: Path) -> None:
    program = """
import sys
from ipfs_kit_py import Repository
kept = Repository(sys.argv[1])
kept.add(b"x")
stream = kept.blocks()
Repository(sys.argv[1])
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program, str(tmp_path / "r")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
