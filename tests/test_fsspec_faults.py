"""What goes wrong for users of the file systems: clear errors, and nothing lost."""

import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests import gateway_server as bad
from tests.processes import seconds_to_interrupt

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import (
    ContentDamagedError,
    ContentNotFoundError,
    DiskFullError,
    IntegrityError,
    RepositoryClosedError,
)
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, MFSFileSystem
from ipfs_kit_py.ipfs_kit import ipfs_kit

pytestmark = pytest.mark.usefixtures("no_instances")

ABSENT = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def test_what_nobody_has_is_told_as_python_tells_of_files(store: str) -> None:
    fs = fsspec.filesystem("ipfs", ipfs_path=store, offline=True)
    with pytest.raises(FileNotFoundError) as caught:
        fs.cat(ABSENT)
    error = caught.value
    assert (error.errno, error.filename) == (2, ABSENT)
    assert str(error).startswith("[Errno 2] nobody has it")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(again), str(again)) == (type(error), str(error))


def test_a_name_that_nobody_published_is_a_missing_file(store: str) -> None:
    fs = fsspec.filesystem("ipfs", ipfs_path=store, offline=True)
    for method in (fs.cat, fs.ls, fs.info, fs.open):
        with pytest.raises(ContentNotFoundError, match="nobody"):
            method("ipns://nobody/a")
    assert not fs.exists("ipns://nobody")
    assert fs.find("ipns://nobody") == []


def test_nothing_is_read_or_written_through_what_was_closed(store: str) -> None:
    with ipfs_kit(metadata={"ipfs_path": store}) as kit:
        fs, mfs = kit.get_filesystem(), kit.get_filesystem("mfs")
        mfs.pipe("/a", b"content")
        cid = mfs.ukey("/a")
        late = mfs.open("/late", "wb")
        late.write(b"lost")
        opened = fs.open(cid)
    for use in (
        lambda: fs.cat(cid),
        lambda: fs.exists(cid),
        lambda: mfs.pipe("/b", b""),
        lambda: mfs.ls("/"),
        late.close,
    ):
        with pytest.raises(RepositoryClosedError):
            use()
    # What is open keeps what it needs, as files do.
    assert opened.read() == b"content"
    repository = Repository(store)
    fs = IPFSFileSystem(reader=repository)
    assert fs.cat(cid) == b"content"
    repository.close()
    with pytest.raises(RepositoryClosedError):
        fs.cat(cid)


def test_damage_is_an_error_however_it_is_read(store: str, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(3_000_000)
    with Repository(store) as repository:
        cid = str(repository.add(data).cid)
    (pack,) = Path(store).glob("embedded/packs/*.car")
    stored = bytearray(pack.read_bytes())
    stored[stored.index(data[2_500_000:2_500_016])] ^= 1
    pack.write_bytes(stored)
    fs = IPFSFileSystem(ipfs_path=store, offline=True)
    target = tmp_path / "target"
    target.write_bytes(b"as it was")
    for read in (
        lambda: fs.cat(cid),
        lambda: fs.cat([cid]),
        lambda: fs.cat_file(cid, 2_400_000, 2_600_000),
        lambda: fs.cat_ranges([cid], [2_400_000], [2_600_000], on_error="raise"),
        lambda: fs.get(cid, str(target)),
        lambda: fs.tail(cid, 600_000),
        lambda: fs.open(cid).read(),
        lambda: fs.open(cid, cache_type="all").read(),
    ):
        with pytest.raises(ContentDamagedError) as caught:
            read()
        assert isinstance(caught.value, IntegrityError)
        assert (caught.value.errno, caught.value.filename) == (5, cid)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (type(again), str(again)) == (ContentDamagedError, str(caught.value))
    assert target.read_bytes() == b"as it was"
    assert list(tmp_path.glob("*.part")) == []
    assert fs.cat_file(cid, 0, 1_000_000) == data[:1_000_000]


def test_a_full_disk_changes_nothing_and_can_be_emptied(small_disk: Path) -> None:
    chance = random.Random(1)
    big = chance.randbytes(7_000_000)
    mfs = MFSFileSystem(ipfs_path=str(small_disk / "store"), offline=True)
    mfs.pipe({"/a": b"1", "/b": b"2", "/dir/c": b"3", "/log": b"4"})
    before = mfs.commit()

    def write(mode: str) -> None:
        with mfs.open("/log", mode) as file:
            file.write(big)

    def write_together() -> None:
        with mfs.transaction:
            mfs.pipe("/small", b"1")
            write("wb")

    for work in (
        lambda: mfs.pipe("/big", big),
        lambda: write("wb"),
        lambda: write("ab"),
        write_together,
    ):
        with pytest.raises(DiskFullError):
            work()
        assert mfs.commit() == before
    # To the last byte.
    with (small_disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while ballast.write(bytes(4096)):
                pass
        except OSError:
            pass
    with pytest.raises(DiskFullError):
        mfs.pipe("/more", chance.randbytes(20_000))
    mfs.rm("/a")
    mfs.rm("/dir", recursive=True)
    mfs.rm_file("/b")
    assert mfs.find("/") == ["/log"]


def test_no_room_for_what_waits_is_an_error_of_the_disk(
    store: str, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    mfs = MFSFileSystem(ipfs_path=store, offline=True)

    def write() -> None:
        with mfs.open("/f", "wb") as file:
            for _ in range(30):
                file.write(bytes(1_000_000))

    with pytest.raises(OSError, match="No space left"):
        write()
    assert mfs.find("/") == []
    assert list(small_disk.iterdir()) == []


READS = {
    "cat": "fs.cat(cid)",
    "cat_file": "fs.cat_file(cid, 100, 2_000_000)",
    "cat many": "fs.cat([cid, cid])",
    "ranges": "fs.cat_ranges([cid, cid], [0, 2_000_000], [5, 2_000_005])",
    "read": "fs.open(cid).read()",
    "get": "fs.get(cid, sys.argv[1] + '.out')",
    "ls": "fs.ls(cid)",
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_ctrl_c_ends_a_read_that_waits(
    server: Any, far: Repository, tmp_path: Path, read: str
) -> None:
    cid = far.add(os.urandom(3_000_000)).cid
    server.behave = bad.slow(20)
    work = f"""
        from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem
        fs = IPFSFileSystem(
            gateway_only=True,
            gateway_urls={server.url!r},
            cache_config={{"disk_cache_path": sys.argv[1]}},
        )
        cid = {str(cid)!r}
        {read}
    """
    assert seconds_to_interrupt(work, tmp_path / "cache", 1.0) < 2


def read_on(path: Any, queue: Any) -> None:
    fs, cid, file = path
    queue.put((fs.cat(cid), file.read(), fs.get_metrics()["operations"]["cat_file"]))


def test_a_child_goes_on_with_what_was_open(store: str) -> None:
    data = random.Random(2).randbytes(3_000_000)
    with Repository(store) as repository:
        cid = str(repository.add(data).cid)
    fs = IPFSFileSystem(ipfs_path=store, offline=True)
    mfs = MFSFileSystem(ipfs_path=store, offline=True)
    assert fs.cat(cid) == data
    file = fs.open(cid)
    file.seek(10)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with mfs.transaction:
        mfs.pipe("/parent", b"1")
        child = context.Process(target=read_on, args=((fs, cid, file), queue))
        child.start()
        whole, rest, _ = queue.get(timeout=30)
        child.join(30)
    assert child.exitcode == 0
    assert whole == data
    assert rest == data[10:]
    # The child ended in the middle of its parent's transaction, and left it alone.
    assert mfs.find("/") == ["/parent"]


KILLED = """
import sys, fsspec
mfs = fsspec.filesystem("mfs", ipfs_path=sys.argv[1], offline=True)
with mfs.transaction:
    for number in range(100):
        mfs.pipe(f"/{number}", b"x" * 1000)
    with mfs.open("/open", "wb") as file:
        file.write(b"half")
        print("ready", flush=True)
        sys.stdin.read()
"""


def test_a_process_that_is_killed_leaves_no_part_of_its_transaction(store: str) -> None:
    mfs = MFSFileSystem(ipfs_path=store, offline=True)
    mfs.pipe("/before", b"1")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, store],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGKILL)
    assert mfs.find("/") == ["/before"]
    mfs.pipe("/after", b"1")
    with Repository(store, _clock_offset_seconds=4000) as late:
        assert late.gc().blocks > 0
    assert mfs.cat(["/before", "/after"]) == {"/before": b"1", "/after": b"1"}


def test_ctrl_c_in_a_transaction_undoes_it(store: str, tmp_path: Path) -> None:
    work = f"""
        import fsspec
        mfs = fsspec.filesystem("mfs", ipfs_path={store!r}, offline=True)
        with mfs.transaction:
            mfs.pipe("/a", b"1")
            time.sleep(20)
    """
    assert seconds_to_interrupt(work, tmp_path, 1.0) < 2
    assert MFSFileSystem(ipfs_path=store, offline=True).find("/") == []
