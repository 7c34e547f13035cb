"""Files that change, shrink or vanish while they are read: a right CID or an error."""

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from tests.inputs import write_tree

from ipfs_kit_py import CID, IPFSError, car_pack, hash_file, hash_files, hash_tree
from ipfs_kit_py.errors import (
    ErrorCode,
    FileChangedError,
    PathNotFoundError,
    UnsupportedFileError,
)

LANES: dict[str, Any] = {"chunker": "size-65536"}
BATCHES: dict[str, Any] = {"chunker": "rabin"}
ENGINES = pytest.mark.parametrize("params", [LANES, BATCHES], ids=["lanes", "batches"])


LONG_BYTES = 1 << 29


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A file that takes some time to hash, last changed long ago."""
    path = tmp_path / "folder" / "long"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(LONG_BYTES)
    os.utime(path, (0, 0))
    return path


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0")


def shrink(path: Path) -> None:
    os.truncate(path, LONG_BYTES // 2)


def cut_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def once(change: Callable[[Path], None], path: Path) -> Callable[[int, int], None]:
    """A progress callback that changes a file when some of it has been read."""
    changed = False

    def report(done: int, _files: int) -> None:
        nonlocal changed
        if not changed and 0 < done < LONG_BYTES:
            changed = True
            change(path)

    return report


@ENGINES
@pytest.mark.parametrize("change", [rewrite, shrink, cut_to_nothing, grow])
def test_a_change_while_a_file_is_read_is_an_error_that_names_it(
    change: Callable[[Path], None], params: dict[str, Any], long: Path
) -> None:
    with pytest.raises(FileChangedError, match=str(long)) as changed:
        hash_file(long, threads=1, progress=once(change, long), **params)
    assert isinstance(changed.value, OSError)
    assert changed.value.code is ErrorCode.FILE_CHANGED


@ENGINES
def test_a_change_is_an_error_in_a_folder_and_a_car_as_well(
    params: dict[str, Any], long: Path, tmp_path: Path
) -> None:
    report = once(rewrite, long)
    with pytest.raises(FileChangedError, match=str(long)):
        hash_tree(long.parent, threads=1, progress=report, **params)
    os.utime(long, (0, 0))
    report = once(rewrite, long)
    with pytest.raises(FileChangedError, match=str(long)):
        car_pack(long, tmp_path / "car", threads=1, progress=report, **params)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


def test_a_change_fails_one_file_of_many_and_no_other(long: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"1")
    paths = [short, long, short]
    results = hash_files(paths, threads=1, progress=once(rewrite, long))
    assert next(results) == (short, hash_file(short))
    with pytest.raises(FileChangedError, match=str(long)):
        next(results)


def replace(path: Path) -> None:
    path.with_name("new").write_bytes(b"new")
    path.with_name("new").rename(path)


@ENGINES
@pytest.mark.parametrize("change", [replace, Path.unlink])
def test_a_file_that_is_replaced_or_removed_while_it_is_read_is_an_error(
    change: Callable[[Path], None], params: dict[str, Any], long: Path
) -> None:
    with pytest.raises(FileChangedError, match=str(long)):
        hash_file(long, threads=1, progress=once(change, long), **params)


@contextmanager
def while_doing(act: Callable[[random.Random], None]) -> Iterator[None]:
    """Do something again and again on another thread."""
    stop = threading.Event()
    rng = random.Random(7)

    def loop() -> None:
        while not stop.is_set():
            act(rng)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


Errors = tuple[type[IPFSError], ...]


def outcomes(
    call: Callable[[], CID], errors: Errors, place: Path
) -> set[CID | type[IPFSError]]:
    """Call again and again; each error must name the place where things happen."""
    found: set[CID | type[IPFSError]] = set()
    others: list[IPFSError] = []
    until = monotonic() + 2
    while monotonic() < until:
        try:
            found.add(call())
        except errors as error:
            found.add(type(error))
            others += [error] if str(place) not in str(error) else []
    assert others == []
    return found


@ENGINES
@pytest.mark.parametrize("most", [4000, 300_000])
def test_a_file_that_grows_and_shrinks_has_one_of_its_cids_or_an_error(
    most: int, params: dict[str, Any], tmp_path: Path
) -> None:
    data = random.Random(8).randbytes(most)
    sizes = [0, 1, most // 7, most // 2, most - 1, most]
    path, fixed = tmp_path / "file", tmp_path / "fixed"
    # A write may be met half done: it gets on by pages.
    right: set[object] = {FileChangedError}
    for size in (*sizes, *range(0, most, 4096)):
        fixed.write_bytes(data[:size])
        right.add(hash_file(fixed, **params))
    path.write_bytes(b"")
    ticks = count()

    def act(rng: random.Random) -> None:
        # Whatever its size, the file is the beginning of the data.
        size, now = rng.choice(sizes), os.fstat(file.fileno()).st_size
        if size <= now:
            file.truncate(size)
        else:
            file.seek(now)
            file.write(data[now:size])
        # Where the system's clock of files is coarse, two changes may bear one time.
        os.utime(file.fileno(), ns=(0, next(ticks)))

    with path.open("r+b", buffering=0) as file, while_doing(act):
        found = outcomes(
            lambda: hash_file(path, threads=2, **params), (FileChangedError,), path
        )
    assert found <= right
    assert len(found) > 1


@ENGINES
def test_files_that_come_and_go_are_hashed_or_not_found(
    params: dict[str, Any], tmp_path: Path
) -> None:
    folder = write_tree(tmp_path / "folder", {"stays": b"1"})
    comes = folder / "comes"
    errors: Errors = (PathNotFoundError, FileChangedError)
    allowed: set[object] = {hash_tree(folder, **params), *errors}
    for content in (b"", b"2" * 100):
        comes.write_bytes(content)
        allowed.add(hash_tree(folder, **params))

    def act(_rng: random.Random) -> None:
        comes.unlink()
        comes.write_bytes(b"2" * 100)

    with while_doing(act):
        found = outcomes(lambda: hash_tree(folder, threads=2, **params), errors, comes)
    assert found <= allowed
    assert len(found) > 1


def test_what_takes_a_files_place_is_never_followed_or_waited_for(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", {})
    place, outside = folder / "place", tmp_path / "outside"
    outside.write_bytes(b"secret")
    errors: Errors = (FileChangedError, PathNotFoundError, UnsupportedFileError)
    # Nothing, a file before and after it is written, the link itself.
    allowed: set[object] = {hash_tree(folder), *errors}
    for content in (b"", b"1"):
        place.write_bytes(content)
        allowed.add(hash_tree(folder))
    place.unlink()
    place.symlink_to(outside)
    allowed.add(hash_tree(folder))
    makers: list[Callable[[], object]] = [
        lambda: place.write_bytes(b"1"),
        lambda: place.symlink_to(outside),
        lambda: os.mkfifo(place),
    ]

    def act(rng: random.Random) -> None:
        place.unlink()
        rng.choice(makers)()

    with while_doing(act):
        found = outcomes(lambda: hash_tree(folder, threads=2), errors, place)
    assert found <= allowed
    assert len(found) > 2
