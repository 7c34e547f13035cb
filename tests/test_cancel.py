"""Cancel tokens: every native call stops soon, and leaves nothing half done."""

import gc
import io
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.soon import SOON_SECONDS

from ipfs_kit_py import (
    CID,
    CancelToken,
    Repository,
    car_pack,
    car_unpack,
    cid_of,
    cids_of,
    hash_file,
)
from ipfs_kit_py.errors import CancelledError, InvalidParameterError

ENDLESS_BYTES = 1 << 40


class Zeros:
    """A file that does not end."""

    def read(self, size: int, /) -> bytes:
        return bytes(size)


def varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head += bytes([number & 127 | 128])
        number >>= 7
    return head + bytes([number])


def endless(repository: Repository) -> CID:
    """Put a file of 64 GiB that is one block of zeros, linked again and again."""
    size = 1 << 20
    cid = repository.block_put(bytes(size))
    for _ in range(8):
        size *= 4
        sizes = b"".join(b"\x20" + varint(size // 4) for _ in range(4))
        data = b"\x08\x02\x18" + varint(size) + sizes
        links = [{"Hash": cid, "Name": "", "Tsize": size // 4} for _ in range(4)]
        cid = repository.dag_put({"Data": data, "Links": links}, "dag-pb")
    return cid


def endless_folder(repository: Repository) -> CID:
    """Put a folder of a million folders that are one, with an empty file in each."""
    cid = repository.block_put(b"")
    for _ in range(20):
        links = [{"Hash": cid, "Name": name, "Tsize": 0} for name in "ab"]
        cid = repository.dag_put({"Data": b"\x08\x01", "Links": links}, "dag-pb")
    return cid


def seconds_to_stop(work: Callable[[], object]) -> float:
    """Cancel something on a thread while it is at work; say how long that took."""
    token, ended = CancelToken(), list[tuple[float, BaseException | None]]()

    def run() -> None:
        raised = None
        try:
            with token:
                work()
        except BaseException as error:  # noqa: BLE001 - what it is, is asserted below
            raised = error
        ended.append((time.monotonic(), raised))

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.2)
    assert thread.is_alive(), "it was over before it could be cancelled"
    asked = time.monotonic()
    token.cancel()
    thread.join(30)
    assert not thread.is_alive()
    at, raised = ended[0]
    assert isinstance(raised, CancelledError)
    return at - asked


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A file that takes minutes to hash and no room."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(ENDLESS_BYTES)
    return path


@pytest.fixture
def memory() -> Iterator[mmap.mmap]:
    """Zeros in memory that take none until they are written."""
    if sys.platform == "win32":
        pytest.skip("Windows sets memory aside at once")
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, 16 << 30, flags, mmap.PROT_READ) as zeros:
        yield zeros


def test_hashing_a_file_stops(sparse: Path) -> None:
    assert seconds_to_stop(lambda: hash_file(sparse)) < SOON_SECONDS


def test_hashing_what_is_read_stops() -> None:
    assert seconds_to_stop(lambda: hash_file(Zeros())) < SOON_SECONDS


def test_hashing_buffers_stops(memory: mmap.mmap) -> None:
    assert seconds_to_stop(lambda: cid_of(memory)) < SOON_SECONDS
    assert seconds_to_stop(lambda: cids_of([memory, memory])) < SOON_SECONDS


def test_packing_a_car_stops_and_leaves_no_file(sparse: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.car"
    assert seconds_to_stop(lambda: car_pack(sparse, output)) < SOON_SECONDS
    assert [path.name for path in tmp_path.iterdir()] == ["sparse"]


def test_adding_stops_and_leaves_nothing(
    repository: Repository, sparse: Path, memory: mmap.mmap
) -> None:
    before = repository.repo_stat()
    for source in (sparse, Zeros(), memory):
        assert seconds_to_stop(lambda: repository.add(source)) < SOON_SECONDS  # noqa: B023
    assert repository.repo_stat() == before
    assert list(repository.blocks()) == []
    assert not any(Path(repository.path).glob("**/leases/*"))


def test_writing_a_mutable_file_stops_and_changes_nothing(
    repository: Repository, memory: mmap.mmap
) -> None:
    repository.files_write("/a", b"before", create=True)
    for data in (Zeros(), memory):
        taken = seconds_to_stop(lambda: repository.files_write("/a", data))  # noqa: B023
        assert taken < SOON_SECONDS
    assert repository.files_read("/a") == b"before"


def test_reading_stops(repository: Repository) -> None:
    root = endless(repository)
    assert seconds_to_stop(lambda: repository.cat(root, 0, 8 << 30)) < SOON_SECONDS
    assert seconds_to_stop(lambda: sum(map(len, repository.iter_file(root)))) < (
        SOON_SECONDS
    )
    with repository.open(root) as file:
        assert seconds_to_stop(lambda: sum(map(len, file))) < SOON_SECONDS


def test_extracting_stops_and_leaves_no_file(
    repository: Repository, tmp_path: Path
) -> None:
    root = endless_folder(repository)
    output, car = tmp_path / "output", tmp_path / "a.car"
    repository.dag_export(root, car)
    work: list[Callable[[], object]] = [
        lambda: repository.get(root, output, max_entries=1 << 40),
        lambda: car_unpack(car, output, max_entries=1 << 40),
    ]
    before = sorted(tmp_path.iterdir())
    for each in work:
        assert seconds_to_stop(each) < SOON_SECONDS
        assert sorted(tmp_path.iterdir()) == before


def test_listing_links_stops(repository: Repository) -> None:
    cid = repository.dag_put(0)
    for _ in range(40):
        cid = repository.dag_put([cid, cid])
    refs = lambda: sum(1 for _ in repository.refs(cid, recursive=True))  # noqa: E731
    assert seconds_to_stop(refs) < SOON_SECONDS


def streams(repository: Repository, root: CID) -> dict[str, Callable[[], object]]:
    """List what gives one thing after the other, of which the first is asked for."""
    return {
        "blocks": repository.blocks().__next__,
        "indirect": repository.pin_ls("indirect").__next__,
        "refs": repository.refs(root).__next__,
        "ls": repository.ls(root).__next__,
        "file": repository.iter_file(repository.add(os.urandom(9 << 20)).cid).__next__,
        "get_many": repository.block_get_many([root] * 1000).__next__,
    }


def test_iterators_stop_between_two_items(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(1500):
        (folder / f"{number}").write_bytes(b"%d" % number)
    root = repository.add(folder, max_directory_links=2000).cid
    for name, following in streams(repository, root).items():
        following()
        with CancelToken() as token:
            token.cancel()
            # What was found before may still be given out, of a file and a list.
            with pytest.raises(CancelledError):  # noqa: PT012 - many calls, one failure
                for _ in range(100):
                    following()
        assert name


def test_collecting_stops_where_it_is_told_what_was_removed(
    repository: Repository, later: Repository
) -> None:
    kept = repository.add(b"kept").cid
    repository.block_put_many(b"%d" % number for number in range(3000))
    token = CancelToken()
    with token, pytest.raises(CancelledError):
        later.gc(on_removed=lambda _: token.cancel())
    assert repository.cat(kept) == b"kept"
    later.gc()
    assert [*repository.blocks()] == [*repository.blocks()]
    assert repository.repo_stat().blocks == 1


def test_importing_and_exporting_stop(repository: Repository, tmp_path: Path) -> None:
    root = repository.add(os.urandom(20 << 20)).cid
    token = CancelToken()
    with token, pytest.raises(CancelledError):
        repository.dag_export(root, tmp_path / "a.car", lambda *_: token.cancel())
    assert [path.name for path in tmp_path.iterdir()] == ["repository"]
    repository.dag_export(root, tmp_path / "a.car")

    with Repository(tmp_path / "other") as other, (tmp_path / "a.car").open("rb") as car:

        class Reader:
            def read(self, size: int, /) -> bytes:
                if car.tell() > 10 << 20:
                    token.cancel()
                return car.read(min(size, 1 << 18))

        token = CancelToken()
        with token, pytest.raises(CancelledError):
            other.dag_import(Reader())
        assert not other.has(root)
        assert list(other.pin_ls()) == []


def test_what_ends_because_it_was_cancelled_is_not_taken_for_whole(
    repository: Repository,
) -> None:
    class Closed:
        def read(self, _size: int, /) -> bytes:
            token.cancel()
            return b""

    with CancelToken() as token, pytest.raises(CancelledError):
        repository.add(Closed())
    assert list(repository.blocks()) == []


def test_nothing_begins_inside_a_cancelled_token(
    repository: Repository, tmp_path: Path
) -> None:
    cid = repository.add(b"hello").cid
    calls: list[Callable[[], object]] = [
        lambda: repository.add(b"more"),
        lambda: repository.cat(cid),
        lambda: repository.stat(cid),
        lambda: repository.has(cid),
        lambda: repository.block_get(cid),
        lambda: repository.block_put(b"more"),
        lambda: repository.block_rm(cid),
        lambda: repository.pin_add(cid),
        lambda: repository.pin_rm(cid),
        lambda: list(repository.pin_ls()),
        lambda: list(repository.pin_verify()),
        lambda: repository.files_mkdir("/a"),
        lambda: repository.dag_stat(cid),
        lambda: repository.repo_stat(),
        lambda: repository.gc(),
        lambda: repository.verify(),
        lambda: repository.compact(),
        lambda: Repository.rebuild(repository.path),
        lambda: Repository(tmp_path / "new"),
    ]
    with CancelToken() as token:
        token.cancel()
        for call in calls:
            with pytest.raises(CancelledError):
                call()
    assert repository.cat(cid) == b"hello"
    assert repository.repo_stat().blocks == 1


def test_tokens_nest_and_belong_to_their_thread(repository: Repository) -> None:
    with CancelToken() as outer, CancelToken() as inner:
        inner.cancel()
        assert inner.cancelled
        assert not outer.cancelled
        with pytest.raises(CancelledError):
            repository.repo_stat()
        seen: list[object] = []
        thread = threading.Thread(target=lambda: seen.append(repository.repo_stat()))
        thread.start()
        thread.join()
        assert len(seen) == 1
    repository.repo_stat()
    with outer:
        outer.cancel()
        with CancelToken(), pytest.raises(CancelledError):
            repository.repo_stat()
    repository.repo_stat()


def test_a_token_is_left_only_where_it_was_entered() -> None:
    token = CancelToken()
    with pytest.raises(InvalidParameterError):
        token.__exit__(None, None, None)
    with token, token:
        token.cancel()
        with pytest.raises(CancelledError):
            hash_file(Zeros())
    hash_file(io.BytesIO(b"over"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_has_the_tokens_of_the_thread_that_forked() -> None:
    with CancelToken() as token:
        child = os.fork()
        if child == 0:
            token.cancel()
            try:
                hash_file(io.BytesIO(b"stopped"))
            except CancelledError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert not token.cancelled
        hash_file(io.BytesIO(b"going on"))


def test_letting_go_of_an_iterator_ends_its_thread(repository: Repository) -> None:
    cid = repository.dag_put(0)
    for _ in range(40):
        cid = repository.dag_put([cid, cid])
    refs = repository.refs(cid, recursive=True)
    next(refs)
    if sys.platform == "linux":
        # What other tests left has its threads too.
        gc.collect()
        tasks = Path("/proc/self/task")
        before = len(list(tasks.iterdir()))
        del refs
        assert len(list(tasks.iterdir())) == before - 1
