"""`mfs://` through fsspec: fsspec's own suites, and writers that come at once."""

import asyncio
import io
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem, make_path_posix
from fsspec.tests import abstract

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import (
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
)
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, MFSFileSystem
from ipfs_kit_py.ipfs_kit import ipfs_kit


@pytest.fixture(autouse=True)
def no_instances() -> Iterator[None]:
    """Let no test have the file system of another."""
    yield
    IPFSFileSystem.clear_instance_cache()
    MFSFileSystem.clear_instance_cache()


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def mfs(store: str) -> Any:
    return fsspec.filesystem("mfs", ipfs_path=store)


class MFSFixtures(abstract.AbstractFixtures):  # type: ignore[misc] # it has no types
    """What fsspec's own suites run on: a new repository."""

    @pytest.fixture
    def fs(self, store: str) -> Any:
        return MFSFileSystem(ipfs_path=store)

    @pytest.fixture
    def fs_path(self) -> str:
        return "/suite"

    @pytest.fixture
    def fs_sanitize_path(self) -> Any:
        return make_path_posix

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return True

    @pytest.fixture
    def local_fs(self) -> Any:
        return LocalFileSystem(auto_mkdir=True)


class TestCopy(abstract.AbstractCopyTests, MFSFixtures):  # type: ignore[misc]
    """Fsspec's copy suite."""


class TestGet(abstract.AbstractGetTests, MFSFixtures):  # type: ignore[misc]
    """Fsspec's get suite."""


class TestPut(abstract.AbstractPutTests, MFSFixtures):  # type: ignore[misc]
    """Fsspec's put suite."""


class TestPipe(abstract.AbstractPipeTests, MFSFixtures):  # type: ignore[misc]
    """Fsspec's pipe suite."""


class TestOpen(abstract.AbstractOpenTests, MFSFixtures):  # type: ignore[misc]
    """Fsspec's open suite."""


def test_what_is_written_has_a_cid(mfs: Any, store: str) -> None:
    with mfs.open("mfs://a/b.txt", "w") as file:
        file.write("text\n")
    assert mfs.cat("/a/b.txt") == b"text\n"
    root = mfs.commit()
    fs = fsspec.filesystem("ipfs", ipfs_path=store)
    assert fs.cat(f"ipfs://{root}/a/b.txt") == b"text\n"
    assert mfs.commit("/a") == fs.info(f"{root}/a")["cid"] == mfs.ukey("/a")
    mfs.pipe("/a/b.txt", b"other")
    assert fs.cat(f"ipfs://{root}/a/b.txt") == b"text\n"
    with Repository(store) as repository:
        assert repository.files_read("/a/b.txt") == b"other"


def test_files_are_written_in_every_mode(mfs: Any) -> None:
    with mfs.open("/f", "wb") as file:
        assert file.write(bytearray(b"01234")) == 5
        assert file.tell() == 5
        file.seek(1)
        file.write(b"X")
        assert not mfs.exists("/f")
    assert mfs.cat("/f") == b"0X234"
    with mfs.open("/f", "ab") as file:
        assert file.tell() == 5
        file.write(memoryview(b"tail"))
    assert mfs.cat("/f") == b"0X234tail"
    with mfs.open("/new", "a") as file:
        file.write("made")
    assert mfs.cat("/new") == b"made"
    with mfs.open("/x", "xb") as file:
        file.write(b"once")
    with pytest.raises(FileExistsError):
        mfs.open("/x", "xb")
    late = mfs.open("/late", "xb")
    mfs.pipe("/late", b"first")
    late.write(b"second")
    with pytest.raises(PathExistsError):
        late.close()
    assert mfs.cat("/late") == b"first"
    with pytest.raises(PathIsADirectoryError):
        mfs.open("/", "wb")
    with pytest.raises(ValueError, match="mode"):
        mfs.open("/f", "r+b")


def test_a_block_that_fails_leaves_the_tree_as_it_was(mfs: Any) -> None:
    mfs.pipe("/f", b"before")

    def fail() -> None:
        with mfs.open("/f", "wb") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert mfs.cat("/f") == b"before"


def test_transactions_write_at_their_end_or_nothing(mfs: Any) -> None:
    with mfs.transaction:
        with mfs.open("/a", "wb") as file:
            file.write(b"1")
        with mfs.open("/b", "wb") as file:
            file.write(b"2")
        assert not mfs.exists("/a")
    assert mfs.cat(["/a", "/b"]) == {"/a": b"1", "/b": b"2"}

    def fail() -> None:
        with mfs.transaction:
            with mfs.open("/a", "wb") as file:
                file.write(b"lost")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert mfs.cat("/a") == b"1"


def test_entries_are_made_moved_copied_and_removed(mfs: Any, tmp_path: Path) -> None:
    mfs.mkdir("/d/e")
    with pytest.raises(FileExistsError):
        mfs.mkdir("/d/e")
    with pytest.raises(FileExistsError):
        mfs.makedirs("/d/e")
    mfs.makedirs("/d/e", exist_ok=True)
    mfs.touch("/d/e/f")
    assert mfs.info("/d/e/f")["size"] == 0
    mfs.pipe("/d/e/f", b"bytes")
    mfs.touch("/d/e/f", truncate=False)
    assert mfs.cat("/d/e/f") == b"bytes"
    assert mfs.modified("/d/e/f").year > 2000
    with pytest.raises(OSError, match="not empty"):
        mfs.rmdir("/d/e")
    mfs.mv("/d/e", "/moved/here")
    assert mfs.find("/") == ["/moved/here/f"]
    mfs.cp("/moved", "/copy", recursive=True)
    assert mfs.find("/") == ["/copy/here/f", "/moved/here/f"]
    with pytest.raises(IsADirectoryError):
        mfs.rm("/copy")
    with pytest.raises(PathNotFoundError):
        mfs.rm("/nothing")
    mfs.rm("/copy", recursive=True)
    assert not mfs.exists("/copy")
    with pytest.raises(PathNotADirectoryError):
        mfs.rmdir("/moved/here/f")
    mfs.rm("/moved/here/*")
    mfs.rmdir("/moved/here")
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / ".hidden").write_bytes(b"all")
    mfs.put(str(tmp_path / "tree"), "/put", recursive=True)
    assert mfs.cat("/put/sub/.hidden") == b"all"
    mfs.rm("/", recursive=True)
    assert mfs.ls("/") == []


def test_trees_with_a_cid_are_put_into_it(mfs: Any, store: str) -> None:
    with Repository(store) as repository:
        cid = repository.add(b"content").cid
    mfs.cp_file(f"ipfs://{cid}", "/from/elsewhere")
    assert mfs.cat("/from/elsewhere") == b"content"


def test_a_mapper_writes(mfs: Any) -> None:
    mapper = mfs.get_mapper("/map", create=True)
    mapper["a/b"] = b"1"
    mapper.setitems({"c": b"2", "a/d": b"3"})
    assert dict(mapper) == {"a/b": b"1", "a/d": b"3", "c": b"2"}
    del mapper["c"]
    assert "c" not in mapper
    mapper.clear()
    assert not list(mapper)


def test_it_is_pickled_and_a_kit_has_it(store: str) -> None:
    with ipfs_kit(metadata={"ipfs_path": store}) as kit:
        mfs = kit.get_filesystem("mfs")
        mfs.pipe("/f", b"1")
        copy = pickle.loads(pickle.dumps(mfs))  # noqa: S301 - our own
        assert copy.cat("/f") == b"1"
        assert mfs.unstrip_protocol("/f") == "mfs:///f"
        assert fsspec.get_filesystem_class("mfs") is MFSFileSystem


def test_tasks_write_with_it(store: str) -> None:
    async def write() -> None:
        mfs = fsspec.filesystem("mfs", ipfs_path=store, asynchronous=True)
        await mfs._pipe({f"/t/{number}": b"%d" % number for number in range(10)})
        assert len(await mfs._ls("/t")) == 10
        await mfs._cp_file("/t/1", "/t/copy")
        await mfs._rm("/t/1")
        await mfs._makedirs("/t/sub", exist_ok=True)
        assert await mfs._cat_file("/t/copy") == b"1"
        assert not await mfs._exists("/t/1")
        await mfs._copy("/t/copy", "/t/other")
        assert await mfs._cat_file("/t/other") == b"1"

    asyncio.run(write())


# Several writers.

WRITER = """
import sys, fsspec
store, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
mfs = fsspec.filesystem("mfs", ipfs_path=store)
for number in range(count):
    mfs.pipe(f"/{name}/{number}", name.encode())
    with mfs.open("/log", "ab") as file:
        file.write(f"{name} {number}\\n".encode())
"""


def test_two_processes_lose_nothing_of_each_other(store: str, mfs: Any) -> None:
    count = 15
    mfs.pipe("/log", b"")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), store, name, str(count)]
        )
        for name in ("one", "two")
    ]
    assert [writer.wait(100) for writer in writers] == [0, 0]
    assert len(mfs.find("/one")) == len(mfs.find("/two")) == count
    lines = mfs.cat("/log").decode().splitlines()
    wanted = [f"{name} {number}" for name in ("one", "two") for number in range(count)]
    assert sorted(lines) == sorted(wanted)


def test_threads_that_append_lose_nothing(mfs: Any) -> None:
    failures: list[Exception] = []

    def write(name: bytes) -> None:
        try:
            for _ in range(10):
                with mfs.open("/log", "ab") as file:
                    file.write(name * 3 + b"\n")
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [
        threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    lines = mfs.cat("/log").splitlines()
    assert sorted(lines) == sorted([b"aaa", b"bbb", b"ccc"] * 10)


def test_large_files_wait_on_the_disk(mfs: Any) -> None:
    piece = bytes(range(256)) * 4096
    with mfs.open("/large", "wb") as file:
        for _ in range(20):
            file.write(piece)
    assert mfs.size("/large") == 20 * len(piece)
    with mfs.open("/large", "ab") as file:
        for _ in range(20):
            file.write(piece)
    assert mfs.size("/large") == 40 * len(piece)
    assert mfs.tail("/large", 10) == piece[-10:]
    buffer = io.BytesIO()
    mfs.get_file("/large", buffer)
    assert buffer.getvalue() == piece * 40
