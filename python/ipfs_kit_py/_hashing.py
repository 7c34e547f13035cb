"""CIDs of files and folders, as `ipfs add` would name them."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypedDict, Unpack, overload

from ipfs_kit_py._native import CID, TreeEntries, hash_path, hash_paths, hash_stream
from ipfs_kit_py.errors import PathIsADirectoryError, PathNotADirectoryError

DEFAULT_PROFILE = "unixfs-v1-2025"
"""What files and folders are imported with unless said otherwise."""

StrPath: TypeAlias = str | os.PathLike[str]
ProgressCallback: TypeAlias = Callable[[int, int], object]
"""Called about twenty times a second, and at the end, with bytes and files done so
far."""

# Files that are hashed together; results are given out when all of them are there.
_FILES_AT_ONCE = 4096


class Readable(Protocol):
    """Anything with `read(n)` that gives bytes: a file, a pipe, a response."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes; nothing at the end."""


class ImportParams(TypedDict, total=False):
    """Single parameters over a profile, under Kubo's flag names; `None` leaves one to it.

    Attributes:
        cid_version: 0 or 1. 1 over a v0 profile brings raw leaves.
        raw_leaves: Whether chunks are blocks of their own bytes alone.
        hash: Name of the hash function; one that v0 cannot carry brings v1 and raw
            leaves.
        chunker: `size-N`, `rabin`, `rabin-AVG`, `rabin-MIN-AVG-MAX` or `buzhash`; or
            `lengths-A,B,C`, which Kubo has not: chunks of these lengths, the last one
            again and again.
        trickle: Use the trickle layout.
        inline: Put small blocks into their CIDs whole.
        inline_limit: The largest block that is inlined, in bytes (32).
        max_file_links: Links of a file node.
        max_directory_links: Links of a directory before it is sharded; 0 for no bound.
        max_hamt_fanout: Width of a shard: a power of two from 8 to 1024.
        hamt_threshold: Bytes above which a directory is sharded; 0 shards every one.
        hamt_size_estimation: `links-bytes`, `block-bytes` or `links-count`.
        hidden: Take names that begin with a dot.
        empty_dirs: Take folders that have no entries.
        dereference_symlinks: Follow symbolic links instead of keeping them.
        preserve_mode: Keep each file's permissions.
        preserve_mtime: Keep each file's time of change, with nanoseconds.
        mode: Permissions that every file and folder gets.
        mtime: Time of change that everything gets, in seconds since 1970.
        mtime_nsecs: Nanoseconds of `mtime`.
        wrap_with_directory: Put the root into a directory under its name.
    """

    cid_version: int | None
    raw_leaves: bool | None
    hash: str | None
    chunker: str | None
    trickle: bool | None
    inline: bool | None
    inline_limit: int | None
    max_file_links: int | None
    max_directory_links: int | None
    max_hamt_fanout: int | None
    hamt_threshold: int | None
    hamt_size_estimation: str | None
    hidden: bool | None
    empty_dirs: bool | None
    dereference_symlinks: bool | None
    preserve_mode: bool | None
    preserve_mtime: bool | None
    mode: int | None
    mtime: int | None
    mtime_nsecs: int | None
    wrap_with_directory: bool | None


class TreeHash(NamedTuple):
    """The CID of a folder and, once, everything below it."""

    root: CID
    """The folder's own CID."""
    entries: TreeEntries
    """Iterates once over (path, CID, size), in the order of the paths' bytes.

    `size` is what Kubo prints and links carry: bytes of all blocks below (`Tsize`).
    """


def hash_file(
    source: StrPath | Readable,
    profile: str = DEFAULT_PROFILE,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
    **params: Unpack[ImportParams],
) -> CID:
    """Compute the CID of a file without storing anything.

    Regular files are read in place by all threads; anything with `read` is read to its
    end on the calling thread. Memory stays below 64 MiB a thread whatever the file's
    size.

    Args:
        source: A path, or an object that gives bytes.
        profile: `unixfs-v1-2025`, or `unixfs-v0-2015`, which is Kubo's own default.
        threads: How many threads hash; the CPU quota if not given.
        progress: Called with bytes and files done so far.
        **params: Single parameters, see `ImportParams`.

    Returns:
        The CID, equal to Kubo's for the same parameters.

    Raises:
        PathNotFoundError: There is no such file.
        PathIsADirectoryError: It is a folder: use `hash_tree`.
        FileChangedError: The file changed while it was being read.
        InvalidParameterError: A parameter is out of range or contradicts another.
    """
    if not isinstance(source, str | os.PathLike):
        if not hasattr(source, "read"):
            kind = type(source).__name__
            message = f"hash_file takes a path or an object with read(), not {kind}"
            raise TypeError(message)
        from pathlib import Path

        name = getattr(source, "name", None)
        name = Path(name).name if isinstance(name, str) else None
        return hash_stream(source, name, profile, threads, progress, params)[0]
    path = os.fspath(source)
    if _is_folder(path):
        raise PathIsADirectoryError(errno.EISDIR, "is a folder: use hash_tree", path)
    return hash_path(path, profile, threads, progress, params)[0]


def hash_files(
    paths: Iterable[StrPath],
    profile: str = DEFAULT_PROFILE,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
    **params: Unpack[ImportParams],
) -> Iterator[tuple[StrPath, CID]]:
    """Compute the CIDs of many files, many at once, in the order given.

    `paths` may be endless: it is read some thousands at a time. `progress` counts from
    the start of each such batch.

    Yields:
        Each path as it was given, with its CID.

    Raises:
        IPFSError: As `hash_file`, at the place of the file that failed; those before it
            have been given out.
    """
    rest = iter(paths)
    while batch := list(islice(rest, _FILES_AT_ONCE)):
        given: list[StrPath] = [os.fspath(path) for path in batch]
        done = hash_paths(given, profile, threads, progress, params)
        for path, result in zip(batch, done, strict=True):
            if isinstance(result, BaseException):
                raise result
            yield path, result


@overload
def hash_tree(
    folder: StrPath,
    profile: str = ...,
    threads: int | None = ...,
    progress: ProgressCallback | None = ...,
    *,
    entries: Literal[False] = ...,
    **params: Unpack[ImportParams],
) -> CID: ...
@overload
def hash_tree(
    folder: StrPath,
    profile: str = ...,
    threads: int | None = ...,
    progress: ProgressCallback | None = ...,
    *,
    entries: Literal[True],
    **params: Unpack[ImportParams],
) -> TreeHash: ...
def hash_tree(
    folder: StrPath,
    profile: str = DEFAULT_PROFILE,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
    *,
    entries: bool = False,
    **params: Unpack[ImportParams],
) -> CID | TreeHash:
    """Compute the CID of a folder and all below, without storing anything.

    The CID does not depend on the order in which the system lists the folder, nor on the
    number of threads. A folder of a million entries takes less than 96 MiB. Symbolic
    links are kept as links, names that begin with a dot are left out, as in Kubo.

    Args:
        folder: The folder.
        profile: `unixfs-v1-2025`, or `unixfs-v0-2015`, which is Kubo's own default.
        threads: How many threads hash; the CPU quota if not given.
        progress: Called with bytes and files done so far.
        entries: Return a `TreeHash`, whose entries list everything below the folder.
        **params: Single parameters, see `ImportParams`.

    Returns:
        The folder's CID, or a `TreeHash` with `entries=True`.

    Raises:
        PathNotADirectoryError: It is no folder: use `hash_file`.
        InvalidNameError: A name below is not valid UTF-8.
        UnsupportedFileError: A pipe, socket or device is below, or links lead in a
            circle.
        FileChangedError: A file changed while it was being read.
    """
    path = os.fspath(folder)
    if _is_folder(path) is False:
        raise PathNotADirectoryError(errno.ENOTDIR, "is no folder: use hash_file", path)
    root, _, found = hash_path(path, profile, threads, progress, params, entries=entries)
    return root if found is None else TreeHash(root, found)


def _is_folder(path: str) -> bool | None:
    """Whether a folder stands at a path; `None` if the core is to say what is wrong."""
    try:
        # `Path` would take an empty text for the current folder.
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return None
