"""Files that are written whole or not at all, and got where they may go."""

import io
import os
import pickle
import stat
import threading
from pathlib import Path
from typing import Any

import fsspec
import pytest

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

        sizes = (100_000, 100, 300_000, 65_536)
        threads = [threading.Thread(target=read, args=(size,)) for size in sizes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(map(len, parts)) == len(numbers)
    assert b"".join(sorted(parts)) == numbers
