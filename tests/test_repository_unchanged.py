"""Files that are taken for unchanged: whatever happens to a file, its CID is right.

The clock of most repositories here is an hour ahead, so that files count as settled at
once. A file system's times move in ticks of some milliseconds: `tick` waits for the next.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inputs import write_tree

from ipfs_kit_py import AddResult, Repository, hash_file, hash_tree
from ipfs_kit_py.errors import FileChangedError

PARAMS: dict[str, Any] = {"chunker": "size-4096"}
TREE: dict[str, Any] = {
    "a": b"a" * 10_000,
    "b": b"b" * 5000,
    "c": b"",
    "sub": {"d": b"d" * 9000, "e": b"e"},
    "other": {"f": b"f" * 100},
}
FILES = 6


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo", _clock_offset_seconds=3600)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = write_tree(tmp_path / "tree", TREE)
    tick()
    return folder


def tick() -> None:
    time.sleep(0.02)


def check(repository: Repository, path: Path, **options: Any) -> AddResult:
    """Add a path; its CID is what reading all of it gives, and all of it is there."""
    added = repository.add(path, **PARAMS, **options)
    hashed = hash_tree(path, **PARAMS) if path.is_dir() else hash_file(path, **PARAMS)
    assert added.cid == hashed
    assert all(found.is_whole for found in repository.pin_verify())
    tick()
    return added


def test_what_did_not_change_is_not_read(repository: Repository, tree: Path) -> None:
    assert check(repository, tree).unchanged_files == 0
    again = check(repository, tree)
    assert (again.unchanged_files, again.new_blocks) == (FILES, 0)
    assert again.unchanged_bytes == again.bytes == 24_101
    assert check(repository, tree / "sub").unchanged_files == 2


def test_a_file_given_alone_is_remembered(repository: Repository, tree: Path) -> None:
    assert check(repository, tree / "a").unchanged_files == 0
    assert check(repository, tree / "a").unchanged_files == 1
    (tree / "a").write_bytes(b"A" * 10_000)
    assert check(repository, tree / "a").unchanged_files == 0


def same_size(tree: Path) -> None:
    (tree / "a").write_bytes(b"A" * 10_000)


def restored_time(tree: Path) -> None:
    found = (tree / "a").stat()
    (tree / "a").write_bytes(b"A" * 10_000)
    os.utime(tree / "a", ns=(found.st_atime_ns, found.st_mtime_ns))


def one_byte_in_place(tree: Path) -> None:
    found = (tree / "sub/d").stat()
    with (tree / "sub/d").open("r+b") as file:
        file.seek(8999)
        file.write(b"D")
    os.utime(tree / "sub/d", ns=(found.st_atime_ns, found.st_mtime_ns))


def renamed_over(tree: Path) -> None:
    found = (tree / "a").stat()
    (tree / "new").write_bytes(b"A" * 10_000)
    os.utime(tree / "new", ns=(found.st_atime_ns, found.st_mtime_ns))
    (tree / "new").replace(tree / "a")


def reused_inode(tree: Path) -> None:
    """A new file that has the number, length and time of the old one."""
    found = (tree / "a").stat()
    (tree / "a").unlink()
    for number in range(200):
        (tree / "a").write_bytes(b"A" * 10_000)
        if (tree / "a").stat().st_ino == found.st_ino:
            break
        (tree / "a").rename(tree.with_name(f"spare {number}"))
    else:
        (tree / "a").write_bytes(b"A" * 10_000)
    os.utime(tree / "a", ns=(found.st_atime_ns, found.st_mtime_ns))


def hard_link_over(tree: Path) -> None:
    """The content of one name becomes that of another, whose file is old."""
    (tree / "a").unlink()
    os.link(tree / "b", tree / "a")


def written_through_a_hard_link(tree: Path) -> None:
    os.link(tree / "a", tree.with_name("link"))
    tree.with_name("link").write_bytes(b"A" * 10_000)


def swapped(tree: Path) -> None:
    (tree / "a").rename(tree / "x")
    (tree / "b").rename(tree / "a")
    (tree / "x").rename(tree / "b")


def swapped_between_folders(tree: Path) -> None:
    (tree / "sub/e").rename(tree / "x")
    (tree / "other/f").rename(tree / "sub/e")
    (tree / "x").rename(tree / "other/f")


def cut_and_grown(tree: Path) -> None:
    found = (tree / "a").stat()
    os.truncate(tree / "a", 0)
    os.truncate(tree / "a", 10_000)
    os.utime(tree / "a", ns=(found.st_atime_ns, found.st_mtime_ns))


def became_a_link(tree: Path) -> None:
    (tree / "a").unlink()
    (tree / "a").symlink_to("b")


def became_a_folder(tree: Path) -> None:
    (tree / "a").unlink()
    (tree / "a").mkdir()
    (tree / "a/b").write_bytes(b"b" * 5000)


def gone(tree: Path) -> None:
    (tree / "a").unlink()


def more(tree: Path) -> None:
    (tree / "sub/more").write_bytes(b"more")


def folders_swapped(tree: Path) -> None:
    (tree / "sub").rename(tree / "x")
    (tree / "other").rename(tree / "sub")
    (tree / "x").rename(tree / "other")


def back_in_time(tree: Path) -> None:
    (tree / "a").write_bytes(b"A" * 10_000)
    os.utime(tree / "a", (0, 0))


CHANGES: list[Callable[[Path], None]] = [
    same_size,
    restored_time,
    one_byte_in_place,
    renamed_over,
    reused_inode,
    hard_link_over,
    written_through_a_hard_link,
    swapped,
    swapped_between_folders,
    cut_and_grown,
    became_a_link,
    became_a_folder,
    gone,
    more,
    folders_swapped,
    back_in_time,
]


@pytest.mark.skipif(os.name == "nt", reason="links and renames as POSIX has them")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("nocopy", [False, True], ids=["copied", "in place"])
def test_a_change_is_seen(
    repository: Repository, tree: Path, change: Callable[[Path], None], nocopy: bool
) -> None:
    before = repository.add(tree, nocopy=nocopy, pin=False, **PARAMS).cid
    tick()
    change(tree)
    after = check(repository, tree, nocopy=nocopy)
    assert after.cid != before
    links = sum(path.is_symlink() for path in tree.iterdir())
    again = check(repository, tree, nocopy=nocopy)
    assert again.unchanged_files == after.files - links


def touched(tree: Path) -> None:
    os.utime(tree / "a")


def mode_changed(tree: Path) -> None:
    (tree / "a").chmod(0o600)


def same_again(tree: Path) -> None:
    (tree / "a").write_bytes(b"a" * 10_000)


def linked(tree: Path) -> None:
    os.link(tree / "a", tree.with_name("link"))


@pytest.mark.parametrize(
    "change",
    [touched, mode_changed, same_again, linked],
    ids=lambda change: change.__name__,
)
def test_what_may_be_a_change_is_read(
    repository: Repository, tree: Path, change: Callable[[Path], None]
) -> None:
    before = check(repository, tree).cid
    change(tree)
    after = check(repository, tree)
    assert (after.cid, after.unchanged_files) == (before, FILES - 1)
    assert check(repository, tree).unchanged_files == FILES


def test_a_folder_that_moved_is_known(repository: Repository, tree: Path) -> None:
    check(repository, tree)
    moved = tree.rename(tree.with_name("moved"))
    assert check(repository, moved).unchanged_files == FILES
    (moved / "sub").rename(moved / "renamed")
    assert check(repository, moved).unchanged_files == FILES


def test_modes_and_times_that_are_kept_are_right(
    repository: Repository, tree: Path
) -> None:
    options: dict[str, Any] = {"preserve_mode": True, "preserve_mtime": True}
    for change in (lambda _: None, touched, mode_changed, same_size):
        change(tree)
        added = repository.add(tree, **PARAMS, **options)
        assert added.cid == hash_tree(tree, **PARAMS, **options)
        tick()


def test_parameters_are_told_apart(repository: Repository, tree: Path) -> None:
    check(repository, tree)
    other: dict[str, Any] = {"chunker": "size-1000"}
    added = repository.add(tree, **other)
    assert added.cid == hash_tree(tree, **other)
    assert added.unchanged_files == 0
    assert check(repository, tree).unchanged_files == FILES


def test_without_trust_all_is_read(repository: Repository, tree: Path) -> None:
    check(repository, tree)
    assert check(repository, tree, trust_stat=False).unchanged_files == 0


def test_young_files_are_not_remembered(tmp_path: Path) -> None:
    """A change within a tick of the clock would not show in their times."""
    repository = Repository(tmp_path / "repo")
    file = tmp_path / "file"
    for number in range(50):
        file.write_bytes(b"%d" % (number % 10) * 5000)
        added = repository.add(file, **PARAMS)
        assert added.cid == hash_file(file, **PARAMS)
        assert added.unchanged_files == 0


def test_a_clock_behind_the_files_remembers_none(tmp_path: Path, tree: Path) -> None:
    repository = Repository(tmp_path / "repo", _clock_offset_seconds=-3600)
    for _ in range(2):
        assert check(repository, tree).unchanged_files == 0


def test_times_in_the_future_are_not_remembered(
    repository: Repository, tree: Path
) -> None:
    ahead = time.time() + 7200
    os.utime(tree / "a", (ahead, ahead))
    check(repository, tree)
    assert check(repository, tree).unchanged_files == FILES - 1


def test_what_was_collected_is_read_again(repository: Repository, tree: Path) -> None:
    root = check(repository, tree).cid
    repository.pin_rm(root)
    later = Repository(repository.path, _clock_offset_seconds=100_000)
    assert later.gc().blocks > 0
    again = check(repository, tree)
    assert again.unchanged_files == 0
    assert again.new_blocks > 0
    assert repository.cat(f"{root}/sub/d") == TREE["sub"]["d"]
    assert check(repository, tree).unchanged_files == FILES


def test_what_lost_a_block_is_read_again(repository: Repository, tree: Path) -> None:
    """Only that file: what is left of the others is looked for, and found."""
    root = check(repository, tree).cid
    leaf = next(link.target for link in repository.refs(f"{root}/sub/d"))
    repository.pin_rm(root)
    assert repository.block_rm(leaf) == 1
    again = check(repository, tree)
    assert (again.unchanged_files, again.new_blocks) == (FILES - 1, 1)
    assert repository.cat(f"{root}/sub/d") == TREE["sub"]["d"]


def test_a_collection_by_another_is_noticed(repository: Repository, tree: Path) -> None:
    root = check(repository, tree).cid
    with Repository(repository.path, _clock_offset_seconds=100_000) as other:
        other.pin_rm(root)
        other.gc()
        assert not other.has(root)
    check(repository, tree)
    assert repository.cat(f"{root}/a") == TREE["a"]


def test_a_file_that_changes_while_it_is_read(
    repository: Repository, tmp_path: Path
) -> None:
    """Its CID is that of one content or there is none; the next one is right."""
    file, changes = tmp_path / "long", iter(range(1, 1000))
    with file.open("wb") as out:
        out.truncate(1 << 28)
    os.utime(file, (0, 0))
    tick()

    def change(_bytes: int, _files: int) -> None:
        with file.open("r+b") as out:
            out.seek(random.Random(next(changes)).randrange(1 << 28))
            out.write(b"changed")

    with contextlib.suppress(FileChangedError):
        repository.add(file, progress=change)
    tick()
    assert repository.add(file).cid == hash_file(file)


NAMES = ("a", "b", "sub/c", "sub/d")
CONTENTS = (b"1" * 6000, b"2" * 6000, b"3" * 100, b"")


@st.composite
def deeds(draw: st.DrawFn) -> tuple[Any, ...]:
    """Something that is done to a file, or two."""
    name, other = draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMES))
    content = draw(st.sampled_from(CONTENTS))
    return (draw(st.sampled_from(sorted(DEEDS))), name, other, content)


def write(tree: Path, name: str, _other: str, content: bytes) -> None:
    (tree / name).write_bytes(content)


def write_secretly(tree: Path, name: str, _other: str, content: bytes) -> None:
    (tree / name).write_bytes(content)
    os.utime(tree / name, (1e9, 1e9))


def move(tree: Path, name: str, other: str, _content: bytes) -> None:
    if (tree / name).exists():
        (tree / name).replace(tree / other)


def link(tree: Path, name: str, other: str, _content: bytes) -> None:
    if (tree / name).exists() and name != other:
        (tree / other).unlink(missing_ok=True)
        os.link(tree / name, tree / other)


def remove(tree: Path, name: str, _other: str, _content: bytes) -> None:
    (tree / name).unlink(missing_ok=True)


DEEDS = {"write": write, "secretly": write_secretly, "move": move, "link": link}
DEEDS["remove"] = remove


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(deeds(), st.sampled_from(["add", "gc"])), max_size=12))
def test_any_series_of_changes_is_seen(
    tmp_path_factory: pytest.TempPathFactory, series: list[Any]
) -> None:
    place = tmp_path_factory.mktemp("series")
    repository = Repository(place / "repo", _clock_offset_seconds=3600)
    later = Repository(place / "repo", _clock_offset_seconds=100_000)
    tree = write_tree(place / "tree", {"sub": {}})
    for step in [*series, "add"]:
        match step:
            case "add":
                tick()
                root = repository.add(tree, **PARAMS).cid
                assert root == hash_tree(tree, **PARAMS)
                assert all(found.is_whole for found in repository.pin_verify())
                repository.pin_rm(root)
                tick()
            case "gc":
                later.gc()
            case (deed, *rest):
                DEEDS[deed](tree, *rest)
