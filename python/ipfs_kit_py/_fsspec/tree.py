"""Looking at a tree: entries, and symbolic links that are followed inside it."""

import errno
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from ipfs_kit_py import _native
from ipfs_kit_py._fsspec.paths import At, is_name, parent
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import (
    AccessDeniedError,
    BlockNotFoundError,
    ContentDamagedError,
    ContentIncompleteError,
    ContentNotFoundError,
    FileIOError,
    IntegrityError,
    InvalidParameterError,
    IPFSError,
    NameNotFoundError,
    PathNotADirectoryError,
    PathNotFoundError,
    UnsafePathError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._repository import Entry, FileStat, IPFSPath
    from ipfs_kit_py._repository.reading import Reading

# As Linux does.
_MOST_LINKS = 40


class Seen(NamedTuple):
    """What stands at a place."""

    at: At
    """Where it really is, all links followed."""
    stat: "FileStat"
    link: str | None
    """What the link says that stood there."""


class here:  # noqa: N801 - read as a word of the language
    """Says of a block that is missing or damaged what that means for a path.

    What the core says of a path that begins with the root's CID is said of the path. This
    is around every read: a class is four times as fast as a generator.

    Args:
        path: The path.
        is_whole: Whether the block is the first of all.
    """

    __slots__ = ("is_whole", "path")

    def __init__(self, path: str, *, is_whole: bool = False) -> None:
        self.path = path
        self.is_whole = is_whole

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: object,
    ) -> None:
        """Raise what it means."""
        if kind is None or not isinstance(error, IPFSError):
            return
        if isinstance(error, PathNotFoundError | PathNotADirectoryError):
            if error.filename == self.path:
                return
            raise type(error)(error.errno, error.strerror, self.path) from error
        if isinstance(error, IntegrityError) and not isinstance(error, OSError):
            raise ContentDamagedError(errno.EIO, str(error), self.path) from error
        if not isinstance(error, BlockNotFoundError) or isinstance(error, OSError):
            return
        if self.is_whole:
            raise ContentNotFoundError(
                errno.ENOENT, f"nobody has it: {error}", self.path
            ) from error
        raise ContentIncompleteError(
            errno.EIO, f"blocks are missing: {error}", self.path
        ) from error


def path_of(at: At) -> "IPFSPath":
    """Give a place as the core takes it; what is text is never unescaped."""
    return cast("IPFSPath", (at.root, list(at.names))) if at.names else at.root


def look(reader: "Reading", at: At, shown: str) -> Seen:
    """Look at a place, and follow links.

    Raises:
        PathNotFoundError: Nothing is there, or the link leads to nothing.
        AccessDeniedError: A link leads out of the tree.
    """
    with here(shown, is_whole=not at.names):
        try:
            stat = reader.stat(path_of(at))
        except InvalidParameterError:
            # A link in the middle, most likely; else this says again what is wrong.
            return _physical(reader, at, shown)
        if stat.kind != "symlink":
            return Seen(at, stat, None)
        found = _physical(reader, at, shown)
        return found._replace(link=reader.readlink(stat.cid))


def _physical(reader: "Reading", at: At, shown: str) -> Seen:
    done: tuple[str, ...] = ()
    todo = list(at.names)
    links = 0
    while True:
        if todo and todo[0] == "..":
            if not done:
                raise AccessDeniedError(
                    errno.EACCES, "a symbolic link leads out of the tree", shown
                )
            done, todo = done[:-1], todo[1:]
            continue
        count = todo.index("..") if ".." in todo else len(todo)
        step = At(at.root, (*done, *todo[:count]))
        cid, rest, end = _native.repo_resolve(reader._core, path_of(step))
        stat = reader.stat(path_of(step)) if end == "value" else reader.stat(cid)
        taken = count - len(rest)
        if stat.kind != "symlink":
            done, todo = step.names, todo[count:]
            if not todo:
                return Seen(step, stat, None)
            if stat.kind != "directory":
                raise PathNotADirectoryError(errno.ENOTDIR, "Not a directory", shown)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise FileIOError(errno.ELOOP, os.strerror(errno.ELOOP), shown)
        target = reader.readlink(cid)
        if target.startswith("/"):
            raise AccessDeniedError(
                errno.EACCES, "a symbolic link leads out of the tree", shown
            )
        done = (*done, *todo[: taken - 1])
        names = [name for name in target.split("/") if name not in {"", "."}]
        todo = [*names, *todo[taken:]]


def listed(
    reader: "Reading", seen: Seen, shown: str
) -> Iterator[tuple["Entry", Seen | None, str | None]]:
    """Iterate over a directory: entries, and for links what stands behind them.

    A link that leads nowhere has its target, and nothing behind it.

    Raises:
        UnsafePathError: A name is none that a path can have.
    """
    for entry in guarded(lambda: reader.ls(seen.stat.cid), shown):
        if not is_name(entry.name):
            raise UnsafePathError(f"{shown}: {entry.name!r} is no name of a file")
        if entry.kind is None:
            raise ContentIncompleteError(
                errno.EIO, f"the block {entry.cid} is missing", f"{shown}/{entry.name}"
            )
        if entry.kind != "symlink":
            yield entry, None, None
            continue
        target = reader.readlink(entry.cid)
        place = At(seen.at.root, (*seen.at.names, entry.name))
        yield entry, behind(reader, place, f"{shown}/{entry.name}"), target


def behind(reader: "Reading", at: At, shown: str) -> Seen | None:
    """Look at what a link leads to; nothing if it leads nowhere, or out of the tree."""
    try:
        return look(reader, at, shown)
    except (PathNotFoundError, PathNotADirectoryError, AccessDeniedError):
        return None
    except FileIOError as error:
        if error.errno != errno.ELOOP:
            raise
        return None


def lost_link(reader: "Reading", at: At, shown: str) -> Seen | None:
    """Look at a link that leads nowhere itself; nothing if there is no link."""
    if not at.names:
        return None
    above = behind(reader, At(at.root, parent(at.names)), shown)
    if above is None or above.stat.kind != "directory":
        return None
    place = At(at.root, (*above.at.names, at.names[-1]))
    try:
        stat = reader.stat(path_of(place))
    except PathNotFoundError:
        return None
    link = reader.readlink(stat.cid) if stat.kind == "symlink" else None
    return None if link is None else Seen(place, stat, link)


def guarded(entries: "Callable[[], Iterator[Entry]]", shown: str) -> "Iterator[Entry]":
    """Iterate over entries; say of which directory a shard is missing."""
    with here(shown):
        yield from entries()


def root_of(reader: "Reading", name: str) -> CID:
    """Give the root that a CID or `/ipns/NAME` stands for."""
    if not name.startswith("/"):
        return CID(name)
    try:
        with here(name):
            return reader.resolve(name)
    except NameNotFoundError as error:
        raise ContentNotFoundError(errno.ENOENT, str(error), name) from error
