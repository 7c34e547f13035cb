"""Files of a repository as Python's own file objects."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ipfs_kit_py._native import CID, FileReader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Ahead: TypeAlias = Callable[[int, int], object]
"""Told where each read began, and how long it was."""

# A few lines of text.
_PEEK_BYTES = 4096


class IPFSFile(io.RawIOBase):
    """A file of a repository, open for reading.

    Each read touches only the blocks that hold its bytes. One object is for one thread,
    as with every file; open the path again for another.
    """

    def __init__(self, reader: FileReader, name: str, ahead: Ahead | None = None) -> None:
        """Read what a reader reads, under a name for messages."""
        super().__init__()
        self._reader = reader
        self._ahead = ahead
        self._at = 0
        self.name = name

    @property
    def cid(self) -> CID:
        """The file's root."""
        return self._reader.cid

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._reader.size

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Say where the next read begins."""
        self._check_open()
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset from the start, from here or from the end."""
        self._check_open()
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}
        if whence not in bases:
            raise ValueError(f"whence {whence} is not 0, 1 or 2")
        at = bases[whence] + offset
        if at < 0:
            raise ValueError(f"offset {at} is before the start of the file")
        self._at = at
        return at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill a buffer as far as the file goes."""
        self._check_open()
        count = self._reader.readinto(buffer, self._at)
        self._went(count)
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes, or to the end."""
        self._check_open()
        length = None if size is None or size < 0 else size
        data = self._reader.read(self._at, length)
        self._went(len(data))
        return data

    def read_at(self, start: int, size: int) -> bytes:
        """Read a range, wherever the next read begins."""
        self._check_open()
        data = self._reader.read(start, size)
        if self._ahead is not None:
            self._ahead(start, len(data))
        return data

    def peek(self, size: int = 0, /) -> bytes:
        """Show some of what comes next, and stay; Python finds line ends by it."""
        self._check_open()
        return self._reader.read(self._at, max(size, _PEEK_BYTES))

    def readall(self) -> bytes:
        """Read to the end."""
        return self.read()

    def _went(self, count: int) -> None:
        start, self._at = self._at, self._at + count
        if self._ahead is not None:
            self._ahead(start, count)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file was closed")
