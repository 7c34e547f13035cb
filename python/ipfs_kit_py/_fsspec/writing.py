"""Files that are open for writing: collected first, put into the tree when closed."""

import errno
import io
import mmap
import os
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import ReadableBuffer

    from ipfs_kit_py._fsspec.changes import Step
    from ipfs_kit_py._fsspec.mutable import MFSFileSystem

Mode = Literal["wb", "ab", "xb"]

# Beyond this, what is written waits on the disk.
IN_MEMORY_BYTES = 16 << 20


class WriteFile(io.RawIOBase):
    """A file that is open for writing; the tree has it when it is closed.

    Nobody sees half of it, and a `with` block that fails leaves the tree as it was.
    """

    def __init__(
        self, fs: "MFSFileSystem", path: str, mode: Mode, *, autocommit: bool
    ) -> None:
        """Begin to collect."""
        super().__init__()
        self.fs = fs
        self.path = path
        self.mode = mode
        self.autocommit = autocommit
        self._before = fs.length_of(path) if mode == "ab" else 0
        # Not closed by a `with`: it lives as long as this does.
        self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
        self._is_done = False

    def writable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes; what is appended cannot be gone back before."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Collect bytes."""
        self._check_open()
        return self._spool.write(data)

    def tell(self) -> int:
        """Say where the next byte goes."""
        self._check_open()
        return self._before + self._spool.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in what was written since it was opened."""
        self._check_open()
        if whence == io.SEEK_SET:
            offset -= self._before
        if whence == io.SEEK_SET and offset < 0:
            raise OSError(errno.ESPIPE, "Illegal seek", self.path)
        return self._before + self._spool.seek(offset, whence)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut what was written since it was opened."""
        self._check_open()
        at = self.tell() if size is None else size
        self._spool.truncate(max(0, at - self._before))
        return at

    def flush(self) -> None:
        """Do nothing: the tree has it when it is closed."""

    def close(self) -> None:
        """Put it into the tree, unless a transaction is to do so."""
        if self.closed:
            return
        try:
            if self.autocommit and not self._is_done:
                self.commit()
        finally:
            super().close()

    def commit(self) -> None:
        """Put it into the tree."""
        try:
            self.fs.make([self])
        finally:
            self.discard()

    def step(self, stack: ExitStack) -> "Step | None":
        """Give the change of the tree that it is; nothing if it was forgotten.

        What it is made of is added to the store; what is appended is at hand until
        `stack` ends.
        """
        if self._is_done:
            return None
        names = self.fs.names(self.path)
        self._spool.seek(0)
        if self.mode == "ab":
            return "append", names, self._whole(stack)
        return "link", names, self.fs.added(self._spool), self.mode == "wb"

    def _whole(self, stack: ExitStack) -> "bytes | memoryview":
        size = self._spool.seek(0, os.SEEK_END)
        self._spool.seek(0)
        if size <= IN_MEMORY_BYTES:
            return self._spool.read()
        mapped = mmap.mmap(self._spool.fileno(), size, access=mmap.ACCESS_READ)
        stack.enter_context(mapped)
        # The view has no `read`, so that it is taken for what it shows.
        return stack.enter_context(memoryview(mapped))

    def discard(self) -> None:
        """Forget it."""
        self._is_done = True
        self._spool.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Close it; forget it if the block failed."""
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        """Forget what nobody closed."""
        if not self._is_done and not self.closed:
            self.discard()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file was closed")


def bytes_of(value: Any) -> bytes:
    """Give bytes of what may be text."""
    return value.encode() if isinstance(value, str) else bytes(value)
