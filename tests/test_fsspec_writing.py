"""Files that are written whole or not at all, and got where they may go."""

import gc
import io
import os
import pickle
import stat
import threading
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ipfs_kit_py.errors import InvalidParameterError
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem
from ipfs_kit_py.ipfs_kit import ipfs_kit

MIB = 1 << 20


@pytest.fixture
def mfs(tmp_path: Path) -> Any:
    path = str(tmp_path / "repository")
    return fsspec.filesystem(
        "mfs", ipfs_path=path, offline=True, skip_instance_cache=True
    )


@pytest.fixture
def ipfs(tmp_path: Path, mfs: Any) -> Any:
    del mfs
    return IPFSFileSystem(ipfs_path=str(tmp_path / "repository"), offline=True)


COMPRESSIONS = ["gzip", "bz2", "xz", "zip", "infer", None]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("mode", ["wb", "wt", "w"])
def test_what_is_compressed_is_there(mfs: Any, compression: Any, mode: str) -> None:
    path = "/deep/a.csv.gz"
    data: Any = "größe\n" * 1000
    with mfs.open(
        path,
        mode,
        compression=compression,
        **({} if "b" in mode else {"encoding": "utf-8"}),
    ) as file:
        file.write(data.encode() if "b" in mode else data)
    with mfs.open(path, "rt", compression=compression, encoding="utf-8") as file:
        assert file.read() == data
    assert (mfs.cat(path) != data.encode()) == (compression is not None)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("mode", ["wb", "wt", "w", "ab"])
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_block_that_fails_leaves_the_tree_as_it_was(
    mfs: Any, compression: Any, mode: str, in_transaction: bool
) -> None:
    data: Any = b"partial" if "b" in mode else "partial"

    def fail() -> None:
        with mfs.open("/a.gz", mode, compression=compression) as file:
            file.write(data)
            raise ZeroDivisionError

    if in_transaction:
        with mfs.transaction:
            with pytest.raises(ZeroDivisionError):
                fail()
            with mfs.open("/b.gz", mode, compression=compression) as file:
                file.write(data)
    else:
        with pytest.raises(ZeroDivisionError):
            fail()
    assert mfs.ls("/", detail=False) == (["/b.gz"] if in_transaction else [])
    if in_transaction:
        with mfs.open("/b.gz", "rb", compression=compression) as file:
            assert file.read() == b"partial"


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("compression", ["gzip", None])
def test_what_nobody_closed_is_forgotten(mfs: Any, mode: str, compression: Any) -> None:
    file = mfs.open("/a", mode, compression=compression)
    file.write(b"x" if "b" in mode else "x")
    del file
    assert mfs.ls("/") == []


def test_numbers_are_no_bytes(mfs: Any) -> None:
    with pytest.raises(TypeError):
        mfs.pipe_file("/a", 5)


def test_a_read_that_fails_may_be_tried_again(tmp_path: Path) -> None:
    data = os.urandom(6 * MIB)
    metadata = {"ipfs_path": str(tmp_path / "holey"), "offline": True}
    with ipfs_kit(metadata=metadata) as kit:
        fs = kit.get_filesystem()
        store: Any = kit.engine
        cid = str(store.add(data, pin=False).cid)
        hole = [*store.refs(cid)][3].target
        block = store.block_get(str(hole))
        store.block_rm([str(hole)])
        file = fs.open(cid)
        assert file.read(10) == data[:10]
        for _ in range(2):
            with pytest.raises(OSError, match="missing"):
                file.read(5 * MIB)
            assert file.tell() == 10
        assert file.read(60_000) == data[10:60_010]
        assert file.read(60_000) == data[60_010:120_010]
        store.block_put(bytes(block))
        assert file.read() == data[120_010:]


def test_what_is_there_stays_what_it_is(ipfs: Any, mfs: Any, tmp_path: Path) -> None:
    mfs.pipe("/a", b"data")
    path = f"{mfs.commit('/')}/a"
    script, link = tmp_path / "script", tmp_path / "link"
    script.write_bytes(b"old")
    script.chmod(0o755)
    link.symlink_to(script)
    ipfs.get(path, str(link))
    assert link.is_symlink()
    assert script.read_bytes() == b"data"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    came: list[bytes] = []
    reading = threading.Thread(target=lambda: came.append(pipe.read_bytes()), daemon=True)
    reading.start()
    ipfs.get(path, str(pipe))
    reading.join(20)
    assert came == [b"data"]
    assert pipe.is_fifo()


def test_names_as_long_as_names_can_be_are_got(
    ipfs: Any, mfs: Any, tmp_path: Path
) -> None:
    for name in ("n" * 255, "é" * 120 + ".txt"):
        mfs.pipe(f"/long/{name}", b"x")
    ipfs.get(mfs.commit("/long"), str(tmp_path / "out"), recursive=True)
    assert len(list((tmp_path / "out").rglob("*é.txt"))) == 1
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 2


def test_references_into_files_are_opened(ipfs: Any, mfs: Any) -> None:
    mfs.pipe("/x.csv", b"a,b\n1,2\n")
    url = f"ipfs://{mfs.commit('/')}/x.csv"
    refs = {"version": 1, "refs": {"x": [url, 0, 3]}}
    options = {"ipfs_path": ipfs.storage_options["ipfs_path"], "offline": True}
    found = fsspec.filesystem(
        "reference", fo=refs, remote_protocol="ipfs", remote_options=options
    )
    with found.open("x") as file:
        assert file.read() == b"a,b"


@pytest.mark.parametrize("mode", ["wb", "rb+", "a+b", "w+b", "xb", "r+"])
def test_every_mode_that_writes_is_refused_with_what_to_do(ipfs: Any, mode: str) -> None:
    with pytest.raises(PermissionError, match="mfs"):
        ipfs.open("bafkqaaa", mode)


def test_files_say_what_can_be_done_with_them(mfs: Any) -> None:
    with mfs.open("/a", "wb") as file:
        for call in (file.read, file.readline, lambda: file.readinto(bytearray(1))):
            with pytest.raises(io.UnsupportedOperation, match="not readable"):
                call()
        with pytest.raises(TypeError, match="/a is open for writing"):
            pickle.dumps(file)
        assert (file.mode, file.readable(), file.writable()) == ("wb", False, True)
        file.write(b"one\r\ntwo\r\nlast")
    with mfs.open("/a", "rb") as file:
        assert (file.mode, file.readable(), file.writable()) == ("rb", True, False)
        assert file.readuntil(b"\r\n") == b"one\r\n"
        # A delimiter may lie across two reads.
        assert file.readuntil(b"\r\n", blocks=4) == b"two\r\n"
        assert file.tell() == 10
        assert file.readuntil(b"none", blocks=1) == b"last"
        assert file.readuntil(b"x") == b""
    for use in (
        file.tell,
        file.read,
        lambda: file.read_at(0, 1),
        file.read_view,
        lambda: file.seek(0),
        lambda: pickle.dumps(file),
    ):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_threads_that_read_one_file_have_each_byte_once(mfs: Any) -> None:
    """As files of Python's own, which have a lock too."""
    numbers = b"".join(number.to_bytes(4, "big") for number in range(1 << 20))
    mfs.pipe("/numbers", numbers)
    parts: list[bytes] = []
    with mfs.open("/numbers", "rb") as file:
        # Some go through the buffer, and some by it.
        def read(size: int) -> None:
            while part := file.read(size):
                parts.append(part)

        def read_into() -> None:
            place = bytearray(100_000)
            while count := file.readinto(place):
                parts.append(bytes(place[:count]))

        def view() -> None:
            while part := bytes(file.read_view(200_000)):
                parts.append(part)

        sizes = (100_000, 100, 300_000, 65_536)
        threads = [threading.Thread(target=read, args=(size,)) for size in sizes]
        threads += [threading.Thread(target=it) for it in (read_into, view)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(map(len, parts)) == len(numbers)
    assert b"".join(sorted(parts)) == numbers


def test_sizes_that_are_set_are_kept(mfs: Any, tmp_path: Path) -> None:
    """As with files on a disk, in memory and beyond what is kept there."""
    for size in (0, 1, 5, 20 * MIB):
        with mfs.open("/a", "wb") as ours, (tmp_path / "a").open("wb") as theirs:
            for file in (ours, theirs):
                file.write(b"abc")
                assert file.truncate(size) == size
                assert file.tell() == 3
                file.write(b"d")
                file.seek(30)
                file.write(b"e")
        assert mfs.cat("/a") == (tmp_path / "a").read_bytes()
    with mfs.open("/a", "ab") as file:
        with pytest.raises(io.UnsupportedOperation, match="stays"):
            file.truncate(3)
        with pytest.raises(OSError, match="Invalid argument"):
            file.truncate(-1)
        for offset, whence in ((-1, io.SEEK_SET), (-(30 * MIB), io.SEEK_END)):
            with pytest.raises(OSError, match="Invalid argument"):
                file.seek(offset, whence)
    assert mfs.size("/a") == 20 * MIB


def test_a_transaction_has_what_was_done_in_it(mfs: Any) -> None:
    mfs.pipe("/old", b"old")
    with mfs.transaction:
        mfs.pipe("/new", b"new")
        for path in ("/new", "/old", "/none"):
            mfs.touch(path, truncate=False)
        for options in ({"encoding": "nope"}, {"compression": "nope"}):
            with pytest.raises((LookupError, ValueError)):
                mfs.open("/old", "w", **options)
    assert mfs.cat(["/new", "/old", "/none"]) == {
        "/new": b"new",
        "/old": b"old",
        "/none": b"",
    }


@pytest.mark.parametrize("options", [{}, {"mode": "wb"}, {"compression": "gzip"}])
def test_a_file_that_is_open_at_the_end_of_a_transaction_is_told_of(
    mfs: Any, options: dict[str, Any]
) -> None:
    mfs.pipe("/a", b"old")

    def leave_open() -> None:
        with mfs.transaction:
            mfs.pipe("/b", b"b")
            left.append(mfs.open("/a", **{"mode": "w", **options}))
            left[0].write(b"new" if "mode" in options else "new")

    left: list[Any] = []
    with pytest.raises(InvalidParameterError, match="/a is still open"):
        leave_open()
    assert mfs.cat("/a") == b"old"
    assert not mfs.exists("/b")


def test_what_writing_does_not_know_is_refused(mfs: Any) -> None:
    with pytest.raises(TypeError, match="foo"):
        mfs.open("/a", "wb", foo=1)
    with pytest.raises(ValueError, match="wbt"):
        mfs.open("/a", "wbt")
    for call in (mfs.pipe_file, mfs.put_file):
        with pytest.raises(ValueError, match="bogus"):
            call("/a", "/b", mode="bogus")
    mfs.mkdir("/there")
    with pytest.raises(FileExistsError):
        mfs.open("/there", "xb")
    assert mfs.find("/") == []


def test_files_that_come_to_nothing_end_without_a_word(
    mfs: Any, recwarn: pytest.WarningsRecorder
) -> None:
    """Even an error that Python can only print would fail the test."""
    mfs.pipe("/file", b"")
    with pytest.raises(NotADirectoryError):
        mfs.open("/file/x", "ab")
    with pytest.raises(LookupError):
        mfs.open("/a", "w", encoding="nope")
    mfs.open("/a", "w").detach()
    gc.collect()
    assert [str(it.message) for it in recwarn] == []
    assert mfs.find("/") == ["/file"]
