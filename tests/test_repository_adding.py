"""Adding: what comes back, what is there, what failure leaves."""

import io
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import seconds_to_interrupt

from ipfs_kit_py import Repository, cid_of, hash_file, hash_tree
from ipfs_kit_py.errors import (
    DiskFullError,
    InvalidParameterError,
    IPFSError,
    NotPinnedError,
    PathNotFoundError,
    RepositoryFullError,
)


def age(folder: Path) -> None:
    """Wait until no file of a folder is so new that it could change unseen."""
    newest = max(path.lstat().st_ctime_ns for path in folder.rglob("*"))
    time.sleep(max(0.0, (newest - time.time_ns()) / 1e9 + 2.05))


def test_a_folder_gets_its_hash_and_comes_back(
    repository: Repository, tree: Path, tmp_path: Path
) -> None:
    done = repository.add(tree)
    assert done.cid == hash_tree(tree)
    files = [p for p in tree.rglob("*") if p.is_file() and not p.is_symlink()]
    assert done.files == len(files) + 1  # the link
    assert done.bytes == sum(path.stat().st_size for path in files)
    assert done.new_blocks == repository.repo_stat().blocks
    assert done.known_blocks == 1  # `a.txt` and `same`
    assert done.entries is None
    repository.get(done.cid, tmp_path / "copy")
    assert hash_tree(tmp_path / "copy") == done.cid


def test_entries_list_what_is_below(repository: Repository, tree: Path) -> None:
    done = repository.add(tree, entries=True)
    assert done.entries is not None
    found = {path: cid for path, cid, _ in done.entries}
    assert found["sub/big"] == hash_file(tree / "sub" / "big")
    assert found.keys() == {path.relative_to(tree).as_posix() for path in tree.rglob("*")}


@pytest.mark.parametrize("size", [0, 1, 1_048_576, 2_500_001])
def test_bytes_files_and_readers_are_one(
    repository: Repository, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    first = repository.add(data)
    assert first.cid == repository.add(io.BytesIO(data)).cid
    assert first.cid == repository.add(tmp_path / "file").cid
    assert first.cid == repository.add(str(tmp_path / "file")).cid
    assert first.cid == repository.add(memoryview(data)).cid
    assert first.cid == repository.add(bytearray(data)).cid
    assert first.cid == hash_file(tmp_path / "file")
    assert repository.cat(first.cid) == data


def test_parameters_decide_the_cid(repository: Repository, tree: Path) -> None:
    old = repository.add(tree, profile="unixfs-v0-2015")
    assert old.cid == hash_tree(tree, "unixfs-v0-2015")
    done = repository.add(b"x" * 5000, chunker="size-1000", hash="blake3")
    assert len(list(repository.refs(done.cid))) == 5
    wrapped = repository.add(tree / "a.txt", wrap_with_directory=True)
    assert [entry.name for entry in repository.ls(wrapped.cid)] == ["a.txt"]
    with pytest.raises(InvalidParameterError):
        repository.add(b"", chunker="size-0")
    with pytest.raises(TypeError, match="nope"):
        repository.add(b"", nope=1)  # type: ignore[call-arg]


def test_what_is_added_is_pinned_unless_not(
    repository: Repository, later: Repository
) -> None:
    kept = repository.add(b"kept", name="a name").cid
    loose = repository.add(b"loose", pin=False).cid
    pins = list(repository.pin_ls())
    assert [(pin.cid, pin.type, pin.name) for pin in pins] == [
        (kept, "recursive", "a name")
    ]
    repository.gc()
    assert repository.has(loose)
    report = later.gc()
    assert report.blocks == 1
    assert not repository.has(loose)
    assert repository.cat(kept) == b"kept"


def test_unchanged_files_are_not_read_again(repository: Repository, tree: Path) -> None:
    (tree / "link").unlink()
    age(tree)
    first = repository.add(tree)
    assert first.unchanged_files == 0
    again = repository.add(tree)
    assert again.cid == first.cid
    assert again.unchanged_files == again.files == first.files
    assert again.unchanged_bytes == again.bytes == first.bytes
    assert again.new_blocks == 0
    assert repository.add(tree, trust_stat=False).unchanged_files == 0
    # Other parameters make other blocks.
    assert repository.add(tree, chunker="size-1000").unchanged_files == 0
    (tree / "a.txt").write_text("two\n")
    changed = repository.add(tree)
    assert changed.cid == hash_tree(tree) != first.cid
    assert changed.unchanged_files == first.files - 1


def test_progress_counts_bytes_and_files(repository: Repository, tree: Path) -> None:
    calls: list[tuple[int, int]] = []
    done = repository.add(tree, progress=lambda *call: calls.append(call))
    assert calls[-1] == (done.bytes, done.files)
    with pytest.raises(ZeroDivisionError):
        repository.add(os.urandom(1000), progress=lambda *_: 1 / 0)


def test_nothing_of_a_failed_add_is_visible(repository: Repository, tree: Path) -> None:
    class Broken(io.RawIOBase):
        left = 3

        def read(self, size: int = -1, /) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise OSError("no more")
            return os.urandom(size)

    with pytest.raises(OSError, match="no more"):
        repository.add(Broken())
    (tree / "zz").symlink_to("/dev/null")
    os.mkfifo(tree / "zzz")
    with pytest.raises(IPFSError):
        repository.add(tree)
    with pytest.raises(PathNotFoundError):
        repository.add(tree / "nope")
    with pytest.raises(TypeError):
        repository.add(5)  # type: ignore[arg-type]
    assert list(repository.blocks()) == []
    assert list(repository.pin_ls()) == []
    assert repository.add(b"works").new_blocks == 1


def test_an_add_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(3 << 30)
    work = """
    with Repository(path + ".repository") as repository:
        repository.add(path)
    """
    assert seconds_to_interrupt(work, tmp_path / "big") < 2
    with Repository(tmp_path / "big.repository") as repository:
        assert list(repository.blocks()) == []


def test_a_limit_is_kept(tmp_path: Path) -> None:
    with Repository(tmp_path / "r", max_bytes=1_000_000) as repository:
        kept = repository.add(os.urandom(500_000)).cid
        with pytest.raises(RepositoryFullError) as caught:
            repository.add(os.urandom(600_000))
        assert isinstance(caught.value, OSError)
        assert caught.value.errno == 28
        assert len(repository.cat(kept)) == 500_000
        assert repository.repo_stat().max_bytes == 1_000_000
        assert repository.add(os.urandom(100_000)).new_blocks == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_and_takes_nothing_with_it(small_disk: Path) -> None:
    with Repository(small_disk / "r") as repository:
        kept = repository.add(os.urandom(500_000)).cid
        with pytest.raises(DiskFullError) as caught:
            repository.add(os.urandom(6_000_000))
        assert isinstance(caught.value, OSError)
        assert caught.value.errno == 28
        assert len(repository.cat(kept)) == 500_000
        assert [pin.cid for pin in repository.pin_ls("recursive")] == [kept]
    with Repository(small_disk / "r", create=False) as repository:
        assert len(repository.cat(kept)) == 500_000
        assert repository.verify().bad == []


def test_what_filled_the_disk_is_given_back(small_disk: Path) -> None:
    with Repository(small_disk / "r") as repository:
        repository.add(os.urandom(500_000))
        with pytest.raises(DiskFullError):
            repository.add(os.urandom(6_000_000))
        assert repository.add(b"room again").new_blocks == 1


def test_nocopy_refers_to_the_file(repository: Repository, tmp_path: Path) -> None:
    path = tmp_path / "data"
    data = os.urandom(3_000_000)
    path.write_bytes(data)
    root = repository.add(path, nocopy=True).cid
    assert root == hash_file(path)
    assert repository.repo_stat().in_place == 3
    assert repository.repo_stat().bytes < 1_000_000
    assert repository.cat(root) == data
    with path.open("r+b") as file:
        file.write(b"changed")
    with pytest.raises(IPFSError):
        repository.cat(root)
    with pytest.raises(InvalidParameterError, match="raw"):
        repository.add(path, nocopy=True, raw_leaves=False)


def test_two_adds_of_one_tree_at_once_agree(repository: Repository, tree: Path) -> None:
    roots = []
    threads = [
        threading.Thread(target=lambda: roots.append(repository.add(tree).cid))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(roots) == {hash_tree(tree)}
    assert repository.verify().bad == []


def test_unpinning_what_was_never_pinned_is_said(repository: Repository) -> None:
    with pytest.raises(NotPinnedError):
        repository.pin_rm(cid_of(b"never"))
