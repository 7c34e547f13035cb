"""`mfs://` through fsspec: fsspec's own suites, and writers that come at once."""

import asyncio
import io
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem, make_path_posix
from fsspec.tests import abstract

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import (
    InvalidParameterError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
)
from ipfs_kit_py.ipfs_fsspec import MFSFileSystem
from ipfs_kit_py.ipfs_kit import ipfs_kit

pytestmark = pytest.mark.usefixtures("no_instances")


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


# Transactions.


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


def test_every_change_waits_for_the_end_of_a_transaction(
    mfs: Any, tmp_path: Path
) -> None:
    mfs.pipe({"/old": b"old", "/log": b"one\n", "/dir/x": b"x"})
    (tmp_path / "local").write_bytes(b"local")
    before = mfs.commit()
    with mfs.transaction:
        mfs.pipe("/piped", b"piped")
        mfs.pipe({"/many/1": b"1", "/many/2": b"2"})
        mfs.put(str(tmp_path / "local"), "/put/local")
        (tmp_path / "local").unlink()
        mfs.mkdir("/made/below")
        mfs.mv("/old", "/moved/here")
        mfs.cp_file("/dir/x", "/copy")
        mfs.rm("/dir", recursive=True)
        mfs.touch("/empty")
        with mfs.open("/log", "a") as file:
            file.write("two\n")
        with mfs.open("/log", "ab") as file:
            file.write(b"three\n")
        with mfs.open("/text", "w") as file:
            file.write("text")
        assert mfs.commit() == before
    assert {path: mfs.cat(path) for path in mfs.find("/")} == {
        "/copy": b"x",
        "/empty": b"",
        "/log": b"one\ntwo\nthree\n",
        "/many/1": b"1",
        "/many/2": b"2",
        "/moved/here": b"old",
        "/piped": b"piped",
        "/put/local": b"local",
        "/text": b"text",
    }
    assert mfs.isdir("/made/below")


def test_one_change_that_cannot_be_made_undoes_a_transaction(mfs: Any) -> None:
    mfs.pipe("/dir/x", b"x")
    before = mfs.commit()

    def end_badly() -> None:
        with mfs.transaction:
            mfs.pipe("/first", b"1")
            with mfs.open("/dir", "xb") as file:
                file.write(b"in the way")

    with pytest.raises(OSError, match="dir"):
        end_badly()

    def remove_nothing() -> None:
        with mfs.transaction:
            mfs.pipe("/first", b"1")
            mfs.rm("/nothing")

    with pytest.raises(PathNotFoundError):
        remove_nothing()
    assert mfs.commit() == before
    # And nothing of it is left: the next write counts at once.
    mfs.pipe("/next", b"1")
    assert mfs.find("/") == ["/dir/x", "/next"]


def test_a_file_that_failed_inside_a_transaction_is_left_out_of_it(mfs: Any) -> None:
    with mfs.transaction:
        mfs.pipe("/kept", b"1")
        with suppress(RuntimeError), mfs.open("/failed", "wb") as file:
            file.write(b"half")
            raise RuntimeError
    assert mfs.find("/") == ["/kept"]


def test_transactions_begun_and_ended_by_calls_are_the_same(mfs: Any) -> None:
    mfs.start_transaction()
    mfs.pipe("/a", b"1")
    assert not mfs.exists("/a")
    mfs.end_transaction()
    assert mfs.cat("/a") == b"1"
    mfs.pipe("/b", b"2")
    assert mfs.cat("/b") == b"2"
    with pytest.raises(InvalidParameterError, match="begun no transaction"):
        mfs.end_transaction()


def test_a_transaction_inside_another_is_a_part_of_it(mfs: Any) -> None:
    with mfs.transaction:
        mfs.pipe("/1", b"")
        with mfs.transaction:
            mfs.pipe("/2", b"")
        with suppress(RuntimeError), mfs.transaction:
            mfs.pipe("/lost", b"")
            with mfs.open("/lost too", "wb") as file:
                file.write(b"x")
            raise RuntimeError
        mfs.start_transaction()
        mfs.pipe("/3", b"")
        mfs.end_transaction()
        assert mfs.find("/") == []
    assert mfs.find("/") == ["/1", "/2", "/3"]
    mfs.pipe("/4", b"")
    assert mfs.exists("/4")


def test_tasks_have_transactions_of_their_own(store: str) -> None:
    async def write() -> None:
        mfs = fsspec.filesystem("mfs", ipfs_path=store, asynchronous=True)

        async def fill(name: str, seconds: float) -> None:
            mfs.start_transaction()
            for number in range(5):
                await mfs._pipe_file(f"/{name}/{number}", name.encode())
                await asyncio.sleep(seconds)
            assert not await mfs._exists(f"/{name}")
            # On a thread, as everything that blocks.
            await mfs.run(mfs.end_transaction)
            assert len(await mfs._ls(f"/{name}")) == 5
            await mfs._pipe_file(f"/{name}/at once", b"")
            assert await mfs._exists(f"/{name}/at once")

        await asyncio.gather(fill("a", 0.01), fill("b", 0.02), fill("c", 0))
        # Tasks that a transaction begins are a part of it.
        mfs.start_transaction()
        await mfs._pipe({f"/many/{number}": b"" for number in range(20)})
        assert not await mfs._exists("/many")
        await mfs.run(mfs.end_transaction)
        assert len(await mfs._ls("/many")) == 20

    asyncio.run(write())


def test_nobody_sees_half_of_a_transaction_and_nothing_of_others_is_lost(
    mfs: Any, store: str
) -> None:
    seen: set[int] = set()
    written = 0
    is_over = threading.Event()

    def watch() -> None:
        other = MFSFileSystem(ipfs_path=store, skip_instance_cache=True)
        while not is_over.is_set():
            seen.add(len([name for name in other.ls("/", detail=False) if "t" in name]))

    def write() -> None:
        nonlocal written
        while not is_over.is_set():
            # Through the very object that has a transaction in another thread.
            mfs.pipe(f"/other/{written}", b"%d" % written)
            assert mfs.exists(f"/other/{written}")
            written += 1

    watcher, writer = threading.Thread(target=watch), threading.Thread(target=write)
    mfs.mkdir("/other")
    watcher.start()
    writer.start()
    try:
        for turn in range(3):
            with mfs.transaction:
                for number in range(40):
                    with mfs.open(f"/{turn}t{number}", "wb") as file:
                        file.write(b"%d" % number)
                time.sleep(0.1)
    finally:
        is_over.set()
        watcher.join()
        writer.join()
    # `/other` has a `t` as well.
    assert seen <= {1, 41, 81, 121}
    assert written > 1
    assert len(mfs.ls("/other")) == written
    assert len(mfs.ls("/")) == 121


def test_what_waits_in_a_transaction_is_never_collected(
    mfs: Any, store: str, tmp_path: Path
) -> None:
    (tmp_path / "local").write_bytes(bytes(3_000_000))
    # A collection that leaves alone what is younger than an hour.
    with Repository(store, _clock_offset_seconds=4000) as late:
        with mfs.transaction:
            mfs.put(str(tmp_path / "local"), "/local")
            mfs.pipe("/piped", b"piped")
            with mfs.open("/written", "wb") as file:
                file.write(b"written")
            (tmp_path / "local").unlink()
            late.gc()
        assert mfs.cat("/local") == bytes(3_000_000)
        assert mfs.cat("/piped") == b"piped"
        mfs.rm("/local")
        assert late.gc().blocks > 1


def test_a_directory_that_is_no_longer_empty_is_not_removed(mfs: Any) -> None:
    """Looking and removing are one step: what comes between is not lost."""
    other = MFSFileSystem(**mfs.storage_options, skip_instance_cache=True)
    stop = threading.Event()
    lost: list[OSError] = []

    def come_and_go() -> None:
        while not stop.is_set():
            other.pipe("/d/late", b"1")
            try:
                other.rm("/d/late")
            except OSError as error:
                lost.append(error)

    coming = threading.Thread(target=come_and_go)
    coming.start()
    for _ in range(300):
        # Not empty, or not there.
        with suppress(OSError):
            mfs.rmdir("/d")
    stop.set()
    coming.join()
    assert lost == []
    mfs.pipe("/d/late", b"1")
    with pytest.raises(OSError, match="not empty"):
        mfs.rmdir("/d")
    assert mfs.cat("/d/late") == b"1"


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


def test_removing_takes_the_very_name_before_a_pattern(mfs: Any) -> None:
    files = {f"/d/{name}": name.encode() for name in ("a[1]", "a1", "*", "b?", "bx", "c")}
    mfs.pipe(files)
    assert mfs.cat("/d/b?") == b"b?"
    assert mfs.cat("/d/a[1]") == b"a[1]"
    assert mfs.cat("/d/[c]") == {"/d/c": b"c"}
    mfs.rm("/d/a[1]")
    mfs.rm("/d/*")
    assert mfs.find("/d") == ["/d/a1", "/d/b?", "/d/bx", "/d/c"]
    mfs.rm(["/d/b?", "/d/[c]"])
    assert mfs.find("/d") == ["/d/a1", "/d/bx"]
    # All or none.
    with pytest.raises(PathNotFoundError):
        mfs.rm(["/d/a1", "/d/nothing"])
    assert mfs.find("/d") == ["/d/a1", "/d/bx"]
    mfs.pipe({"/d/e/f/g": b"", "/d/e/h": b""})
    mfs.rm("/d/?", recursive=True)
    mfs.rm("/d/*")
    assert mfs.ls("/d") == []


def test_paths_are_the_same_for_reading_and_writing(mfs: Any) -> None:
    mfs.pipe("mfs://a/./b/../c", b"1")
    for path in ("/a/c", "a/c", "mfs:///a//c", "/x/../a/c", "/../a/c/", "//a/c"):
        assert mfs.cat(path) == b"1"
        assert mfs.info(path)["name"] == "/a/c"
    mfs.mkdir("/top")
    assert mfs.ls("/", detail=False) == ["/a", "/top"]


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
        async with await mfs.open_async("/t/other") as file:
            assert await file.read() == b"1"
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
