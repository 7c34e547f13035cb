"""Reading: bytes, ranges, listings, links, extraction to disk."""

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._native import CID, Block, FileReader, PrivateBlock
from ipfs_kit_py._repository.handle import Core, IPFSPath
from ipfs_kit_py._repository.ipfs_file import Ahead, IPFSFile
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from ipfs_kit_py._car import Unpacked

# A stretch of a file whose blocks are read and verified together.
_WINDOW_BYTES = 8 << 20

Kind = Literal["file", "directory", "symlink", "metadata"]


class Entry(NamedTuple):
    """A name in a directory."""

    name: str
    cid: CID
    size: int
    """Bytes of all blocks below, as the directory says (Kubo's `Tsize`)."""
    kind: Kind | None
    """`file`, `directory` or `symlink`; `None` if its block is not here."""
    file_size: int | None
    """Bytes of a file, 0 for a directory; `None` if its block is not here."""


class FileStat(NamedTuple):
    """What a file, directory or link says of itself."""

    cid: CID
    kind: Kind
    size: int
    """Bytes of a file, or of a link's target; 0 for a directory."""
    cumulative_size: int
    """Bytes of all its blocks, each as often as it is linked, as far as its links say."""
    links: int
    """Blocks that its first block links to."""
    mode: int | None
    """Permissions, if they were kept."""
    mtime: float | None
    """Time of change, if it was kept."""
    mtime_ns: int | None
    """The same in nanoseconds."""


class Link(NamedTuple):
    """A link from one block to another."""

    source: CID
    target: CID
    name: str
    depth: int
    """Links between the root and the target."""


class Resolved(NamedTuple):
    """Where a path leads."""

    cid: CID
    """The last block on the way."""
    remainder: str
    """The path inside that block; empty if it is the block as a whole."""


def checked(name: str, value: int | None, most: int = (1 << 63) - 1) -> int | None:
    """Refuse what no offset or length can be, or what is more than `most`."""
    if value is None or 0 <= value <= most:
        return value
    raise InvalidParameterError(f"{name} {value} is out of range")


class Reading(Core):
    """What reads files and directories."""

    def _ahead(self, reader: FileReader) -> Ahead | None:
        """Give what fetches the next bytes of a file; nothing where all are here."""
        del reader
        return None

    def cat(self, path: IPFSPath, offset: int = 0, length: int | None = None) -> bytes:
        """Read a file, or a range of it.

        Args:
            path: The file.
            offset: Where to begin.
            length: How many bytes; to the end if not given. Less is returned only where
                the file ends.

        Raises:
            BlockNotFoundError: A block of it is not here.
            PathNotFoundError: A directory on the way has no such entry.
            PathIsADirectoryError: It is a directory.
        """
        start, count = checked("offset", offset), checked("length", length)
        return FileReader(self._core, path).read(start or 0, count)

    def cat_view(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> Block:
        """Read a file, or a range of it, where it lies.

        A range inside one block is not copied: the result shows the mapped file itself,
        read-only, and stays good whatever becomes of the repository. Nor, on Linux, is a
        range of several blocks that were added in raw leaves of 64 KiB or more, in a
        multiple of 4 KiB. Other ranges are copied, by all threads.
        """
        start, count = checked("offset", offset), checked("length", length)
        return FileReader(self._core, path).view(start or 0, count)

    def cat_private(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> PrivateBlock:
        """Read a file, or a range of it, as memory that may be written to.

        What is written to is copied then and there, and nobody else sees it. The rest
        lies where the repository has it, on Linux and as far as `cat_view` would not
        copy; it stays good whatever becomes of the repository.
        """
        start, count = checked("offset", offset), checked("length", length)
        return FileReader(self._core, path).private(start or 0, count)

    def readinto(self, path: IPFSPath, buffer: "WriteableBuffer", offset: int = 0) -> int:
        """Read a range of a file into a buffer.

        Returns:
            How many bytes there were: fewer than fit only where the file ends.
        """
        start = checked("offset", offset) or 0
        return FileReader(self._core, path).readinto(buffer, start)

    @overload
    def open(self, path: IPFSPath, *, buffer_bytes: None = None) -> IPFSFile: ...
    @overload
    def open(self, path: IPFSPath, *, buffer_bytes: int) -> io.BufferedReader: ...
    def open(
        self, path: IPFSPath, *, buffer_bytes: int | None = None
    ) -> IPFSFile | io.BufferedReader:
        """Open a file for reading and seeking, as `open(path, "rb")` does.

        Args:
            path: The file.
            buffer_bytes: Read so many bytes at once and keep them, for those who read a
                few at a time.
        """
        reader = FileReader(self._core, path)
        file = IPFSFile(reader, str(path), self._ahead(reader))
        return file if buffer_bytes is None else io.BufferedReader(file, buffer_bytes)

    def iter_file(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Iterate over the bytes of a file, in pieces as its blocks have them."""
        start, count = checked("offset", offset) or 0, checked("length", length)
        reader = FileReader(self._core, path)
        return _pieces(reader, start, count, self._ahead(reader))

    def get(
        self,
        path: IPFSPath,
        output: StrPath,
        progress: ProgressCallback | None = None,
        *,
        symlinks: Literal["inside", "any", "skip"] = "inside",
        max_bytes: int | None = None,
        max_entries: int | None = None,
    ) -> "Unpacked":
        """Write a file or folder to disk, never outside `output`.

        Args:
            path: What to write.
            output: What to make; it must not exist, and appears when it is whole.
            progress: Called with bytes and entries done so far.
            symlinks: As for `car_unpack`.
            max_bytes: Most bytes to write.
            max_entries: Most files, folders and links to make.

        Raises:
            PathExistsError: `output` exists.
            UnsafePathError: A name or link would lead out of `output`, or stands twice.
            BlockNotFoundError: A block is not here.
        """
        from ipfs_kit_py._car import Unpacked

        done = _native.repo_extract(
            self._core,
            path,
            os.fspath(output),
            progress,
            symlinks=symlinks,
            max_bytes=max_bytes,
            max_entries=max_entries,
        )
        return Unpacked(*done)

    def ls(self, path: IPFSPath, *, resolve: bool = True) -> Iterator[Entry]:
        """List a directory, one entry after the other, of any size.

        Args:
            path: The directory.
            resolve: Look at each entry's block for its kind and size.

        Raises:
            PathNotADirectoryError: It is no directory.
        """
        found = _native.repo_ls(self._core, path, resolve=resolve)
        return (Entry(*entry) for entry in found)

    def stat(self, path: IPFSPath) -> FileStat:
        """Look at a file, directory or link; only its first block is read."""
        found = _native.repo_file_stat(self._core, path)
        mtime = found[6]
        nanoseconds = None if mtime is None else mtime[0] * 1_000_000_000 + mtime[1]
        seconds = None if nanoseconds is None else nanoseconds / 1e9
        return FileStat(*found[:6], seconds, nanoseconds)

    def readlink(self, path: IPFSPath) -> str:
        """Say where a symbolic link leads. Links are data: nothing here follows them."""
        return _native.repo_readlink(self._core, path)

    def resolve(self, path: IPFSPath) -> CID:
        """Follow a path to its CID; nothing but the blocks on the way is read.

        Raises:
            InvalidParameterError: It leads to a value inside a block: see `dag_resolve`.
        """
        found = self.dag_resolve(path)
        if found.remainder:
            raise InvalidParameterError(
                f"{path} is no block: {found.remainder!r} is left of it"
            )
        return found.cid

    def dag_resolve(self, path: IPFSPath) -> Resolved:
        """Follow a path to the last block on the way, and say what is left of it."""
        cid, rest, _ = _native.repo_resolve(self._core, path)
        return Resolved(cid, "/".join(rest))

    def refs(
        self,
        path: IPFSPath,
        *,
        recursive: bool = False,
        unique: bool = False,
        max_depth: int | None = None,
    ) -> Iterator[Link]:
        """Iterate over the links of a block, or of all blocks below it.

        Args:
            path: Where to begin.
            recursive: Follow the links.
            unique: Give each target once. Without it a block that is linked often is
                followed as often.
            max_depth: How many levels to follow.
        """
        depth = checked("max_depth", max_depth) if recursive else 1
        found = _native.repo_refs(self._core, path, max_depth=depth, unique=unique)
        return (Link(*link) for link in found)


def _pieces(
    reader: FileReader, start: int, count: int | None, ahead: Ahead | None
) -> Iterator[bytes]:
    end = reader.size if count is None else min(reader.size, start + count)
    while start < end:
        length = min(_WINDOW_BYTES, end - start)
        views = reader.views(start, length)
        if ahead is not None:
            ahead(start, length)
        for piece in views:
            yield bytes(piece)
        start += length
