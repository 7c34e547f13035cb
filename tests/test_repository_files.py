"""Mutable files: a tree whose entries come and go."""

import io
import os
import threading
from pathlib import Path

import pytest

from ipfs_kit_py import CID, Repository
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    RepositoryError,
)

EMPTY = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


def names(repository: Repository, path: str = "/") -> list[str]:
    return sorted(entry.name for entry in repository.files_ls(path))


def test_a_new_tree_is_an_empty_directory(repository: Repository) -> None:
    assert list(repository.files_ls()) == []
    assert str(repository.files_flush()) == EMPTY
    found = repository.files_stat("/")
    assert (found.kind, found.size, found.links) == ("directory", 0, 0)


def test_directories_are_made_and_removed(repository: Repository) -> None:
    repository.files_mkdir("/a")
    with pytest.raises(PathExistsError):
        repository.files_mkdir("/a")
    with pytest.raises(PathNotFoundError):
        repository.files_mkdir("/x/y/z")
    repository.files_mkdir("/x/y/größe z", parents=True)
    repository.files_mkdir("/x/y", parents=True)
    assert names(repository) == ["a", "x"]
    assert names(repository, "/x/y") == ["größe z"]
    with pytest.raises(PathIsADirectoryError):
        repository.files_rm("/x")
    repository.files_rm("/x", recursive=True)
    repository.files_rm("/a", force=True)
    with pytest.raises(PathNotFoundError):
        repository.files_rm("/a")
    repository.files_rm("/a", force=True)
    assert str(repository.files_flush()) == EMPTY


def test_files_are_written_in_parts(repository: Repository) -> None:
    with pytest.raises(PathNotFoundError):
        repository.files_write("/f", b"x")
    repository.files_write("/f", b"hello world", create=True)
    repository.files_write("/f", b"W", 6)
    assert repository.files_read("/f") == b"hello World"
    repository.files_write("/f", b"end", 15)
    assert repository.files_read("/f") == b"hello World\0\0\0\0end"
    assert repository.files_read("/f", 6, 5) == b"World"
    repository.files_write("/f", b"new", truncate=True)
    assert repository.files_read("/f") == b"new"
    repository.files_truncate("/f", 5)
    assert repository.files_read("/f") == b"new\0\0"
    repository.files_truncate("/f", 1)
    assert repository.files_read("/f") == b"n"
    repository.files_write("/d/e/f", b"deep", create=True, parents=True)
    assert repository.files_stat("/d/e/f").size == 4
    with pytest.raises(PathIsADirectoryError):
        repository.files_write("/d", b"x")
    with pytest.raises(InvalidParameterError):
        repository.files_write("/f", b"x", -1)


def test_large_data_comes_from_readers(repository: Repository, tmp_path: Path) -> None:
    data = os.urandom(5_000_000)
    repository.files_write("/big", io.BytesIO(data), create=True)
    assert repository.files_read("/big") == data
    (tmp_path / "file").write_bytes(data[::-1])
    with (tmp_path / "file").open("rb") as file:
        repository.files_write("/big", file, 1_000_000)
    assert repository.files_read("/big") == data[:1_000_000] + data[::-1]

    class Broken(io.RawIOBase):
        def read(self, _size: int = -1, /) -> bytes:
            raise OSError("broken")

    before = repository.files_flush()
    with pytest.raises(OSError, match="broken"):
        repository.files_write("/big", Broken())
    assert repository.files_flush() == before


def test_trees_are_copied_by_their_cids(repository: Repository, tree: Path) -> None:
    root = repository.add(tree, pin=False).cid
    sources: list[CID | str] = [root, str(root), f"/ipfs/{root}"]
    sources += [f"ipfs://{root}", f"ipfs:{root}"]
    for number, source in enumerate(sources):
        repository.files_cp(source, f"/copy{number}")
        assert repository.files_flush(f"/copy{number}") == root
    repository.files_cp("/copy0/a.txt", "/b.txt")
    repository.files_cp("/b.txt", "/copy1/")
    repository.files_cp(f"{root}/sub/big", "/new/dir/x", parents=True)
    assert repository.files_read("/copy1/b.txt") == b"one\n"
    assert repository.files_stat("/new/dir/x").size == 3_500_000
    with pytest.raises(PathExistsError):
        repository.files_cp(root, "/b.txt")
    repository.files_cp(f"{root}/empty", "/b.txt", force=True)
    assert repository.files_read("/b.txt") == b""
    with pytest.raises(PathNotFoundError):
        repository.files_cp("/nope", "/x")
    with pytest.raises(BlockNotFoundError):
        repository.files_cp(CID("bafkqaaa").from_multihash(b"\x12\x20" + bytes(32)), "/x")


def test_what_the_tree_holds_is_kept(
    repository: Repository, later: Repository, tree: Path
) -> None:
    root = repository.add(tree, pin=False).cid
    repository.files_cp(root, "/kept")
    later.gc()
    assert repository.files_read("/kept/a.txt") == b"one\n"
    assert len(repository.cat(f"{root}/sub/big")) == 3_500_000
    repository.files_rm("/kept", recursive=True)
    later.gc()
    with pytest.raises(BlockNotFoundError):
        later.cat(f"{root}/sub/big")


def test_entries_move(repository: Repository) -> None:
    repository.files_write("/a", b"1", create=True)
    repository.files_mkdir("/d")
    repository.files_mv("/a", "/b")
    repository.files_mv("/b", "/d")
    assert names(repository) == ["d"]
    assert repository.files_read("/d/b") == b"1"
    repository.files_mv("/d/b", "/d/größe")
    repository.files_mkdir("/e")
    repository.files_mv("/d/größe", "/e/")
    assert names(repository, "/e") == ["größe"]
    with pytest.raises(PathNotFoundError):
        repository.files_mv("/nope", "/x")
    with pytest.raises(InvalidParameterError):
        repository.files_mv("/e", "/e/inside")


def test_modes_and_times_are_set(repository: Repository) -> None:
    repository.files_write("/f", b"1", create=True, raw_leaves=False)
    repository.files_chmod("/f", 0o751)
    repository.files_touch("/f", 1_000_000_000, 5)
    found = repository.files_stat("/f")
    assert (found.mode, found.mtime_ns) == (0o751, 1_000_000_000_000_000_005)
    repository.files_touch("/", -5)
    assert repository.files_stat("/").mtime == -5
    for wrong in (-1, 0o10000):
        with pytest.raises(InvalidParameterError):
            repository.files_chmod("/f", wrong)
    with pytest.raises(InvalidParameterError):
        repository.files_touch("/f", 0, 1_000_000_000)
    with pytest.raises(PathNotFoundError):
        repository.files_chmod("/nope", 0o644)


def test_parameters_decide_new_blocks(repository: Repository) -> None:
    repository.files_write("/v0", b"x", create=True, profile="unixfs-v0-2015")
    repository.files_write("/v1", b"x", create=True)
    assert repository.files_flush("/v0").version == 0
    assert repository.files_flush("/v1").codec == "raw"
    repository.files_mkdir("/b3", hash="blake3")
    assert repository.files_flush("/b3").hash_name == "blake3"


def test_paths_begin_with_a_slash(repository: Repository) -> None:
    for use in (
        lambda: repository.files_mkdir("d"),
        lambda: repository.files_read(""),
        lambda: repository.files_write("d/e", b"", create=True),
        lambda: repository.files_mkdir("/../x"),
        lambda: list(repository.files_ls("x")),
    ):
        with pytest.raises(InvalidParameterError):
            use()
    repository.files_mkdir("//a//./b/../c", parents=True)
    assert names(repository, "/a") == ["c"]
    repository.files_write("/f", b"1", create=True)
    with pytest.raises(PathNotADirectoryError):
        repository.files_read("/f/x")
    assert names(repository, "/f") == ["f"]


def test_many_writers_lose_nothing(repository: Repository) -> None:
    def work(number: int) -> None:
        with Repository(repository.path) as mine:
            for turn in range(5):
                mine.files_write(f"/{number}-{turn}", b"%d" % number, create=True)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(repository)) == 20


def test_a_large_directory_becomes_a_trie_and_back(repository: Repository) -> None:
    cid = repository.add(b"x", pin=False).cid
    repository.files_mkdir("/many")
    before = repository.files_flush("/many")
    for number in range(40):
        name = f"{number:03}" + "x" * 200
        repository.files_cp(cid, f"/many/{name}")
    assert len(names(repository, "/many")) == 40
    for number in range(40):
        repository.files_rm(f"/many/{number:03}" + "x" * 200)
    assert repository.files_flush("/many") == before


def test_a_read_only_tree_that_is_empty_cannot_be_made(tmp_path: Path) -> None:
    Repository(tmp_path / "r").close()
    with (
        Repository(tmp_path / "r", read_only=True) as reader,
        pytest.raises(RepositoryError),
    ):
        reader.files_flush()


def test_a_file_of_exabytes_of_zeros_is_made_at_once(repository: Repository) -> None:
    repository.files_write("/f", b"start", create=True)
    repository.files_truncate("/f", 1 << 62)
    assert repository.files_stat("/f").size == 1 << 62
    assert repository.repo_stat().bytes < 1_000_000
    repository.files_write("/f", b"end", (1 << 62) + 7)
    assert repository.files_read("/f", (1 << 62) + 5) == b"\0\0end"
    assert repository.files_read("/f", 0, 7) == b"start\0\0"
    with pytest.raises(InvalidParameterError):
        repository.files_truncate("/f", 1 << 63)
