"""Files that are open for writing: collected first, put into the tree when closed."""

import errno
import io
import mmap
import os
import tempfile
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import ReadableBuffer, WriteableBuffer

    from ipfs_kit_py._fsspec.changes import Step
    from ipfs_kit_py._fsspec.mutable import MFSFileSystem

Mode = Literal["wb", "ab", "xb"]
TEXT_OPTIONS = ("encoding", "errors", "newline")

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
        self._is_done = False
        # Not closed by a `with`: it lives as long as this does.
        self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
        self._before = fs.length_of(path) if mode == "ab" else 0

    @property
    def is_waiting(self) -> bool:
        """Whether it was neither closed nor forgotten."""
        return not (self.closed or self._is_done)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Refuse: nobody reads here."""
        raise io.UnsupportedOperation("not readable: it is open for writing")

    def __reduce__(self) -> str:
        """Refuse: two copies would write the same file."""
        raise TypeError(f"{self.path} is open for writing, and cannot be pickled")

    def writable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes; what is appended cannot be gone back before."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Collect bytes: where `seek` went, in what is appended too, as archives need."""
        self._check_open()
        self._wait_on_disk(self._spool.tell())
        return self._spool.write(data)

    def tell(self) -> int:
        """Say where the next byte goes."""
        self._check_open()
        return self._before + self._spool.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in what was written since it was opened, or behind its end."""
        self._check_open()
        at = self._spool.tell()
        ends = {io.SEEK_SET: -self._before, io.SEEK_CUR: at, io.SEEK_END: self._end()}
        if whence not in ends:
            raise ValueError(f"whence {whence} is not 0, 1 or 2")
        target = ends[whence] + offset
        if target < -self._before:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), self.path)
        if target < 0:
            raise OSError(errno.ESPIPE, "Illegal seek", self.path)
        return self._before + self._spool.seek(target)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut what was written since it was opened, or add zeros to it."""
        self._check_open()
        at = self.tell() if size is None else size
        if at < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), self.path)
        if at < self._before:
            raise io.UnsupportedOperation(
                f"{self.path} is open to append: what it has already stays"
            )
        at -= self._before
        missing = at - self._end()
        self._wait_on_disk(at)
        self._spool.truncate(at)
        if missing > 0:
            back = self._spool.tell()
            self._spool.seek(at - 1)
            self._spool.write(b"\0")
            self._spool.seek(back)
        return self._before + at

    def _end(self) -> int:
        at = self._spool.tell()
        end = self._spool.seek(0, os.SEEK_END)
        self._spool.seek(at)
        return end

    def _wait_on_disk(self, size: int) -> None:
        """Let what is long wait on the disk before zeros are made of a gap in it."""
        if size > IN_MEMORY_BYTES:
            self._spool.rollover()

    def flush(self) -> None:
        """Do nothing: the tree has it when it is closed."""

    def close(self) -> None:
        """Put it into the tree, unless a transaction is to do so."""
        if self.closed:
            return
        try:
            if self._is_done:
                self._spool.close()
            elif self.autocommit:
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

    def forget(self) -> None:
        """Let the tree stay as it is; what is written still is for nobody."""
        self._is_done = True

    def discard(self) -> None:
        """Forget it, and what was written."""
        self.forget()
        self._spool.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Close it; forget it if the block failed."""
        if kind is not None:
            self.forget()
        self.close()

    def __del__(self) -> None:
        """Forget what nobody closed."""
        if not self.closed:
            self.discard()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file was closed")


class CompressedFile(io.BufferedIOBase):
    """A file whose bytes are compressed on their way to one that the tree gets."""

    def __init__(self, file: WriteFile, compressor: Any) -> None:
        """Compress for a file by what fsspec has for it."""
        super().__init__()
        self._file, self._compressor = file, compressor

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Compress bytes."""
        view = memoryview(data).cast("B")
        self._compressor.write(view)
        return len(view)

    def forget(self) -> None:
        """Let the tree stay as it is."""
        self._file.forget()

    def close(self) -> None:
        """Put it into the tree: compressors leave files open that others opened."""
        if self.closed:
            return
        try:
            self._compressor.close()
        except BaseException:
            self.forget()
            raise
        finally:
            super().close()
            self._file.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Close it; forget it if the block failed."""
        if kind is not None:
            self.forget()
        self.close()

    def __del__(self) -> None:
        """Forget what nobody closed."""
        if not self.closed:
            self.forget()
            self.close()


class TextFile(io.TextIOWrapper):
    """A file that is open for writing text."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Close it; forget it if the block failed."""
        if kind is not None:
            self._forget()
        self.close()

    def __del__(self) -> None:
        """Forget what nobody closed."""
        # One that could not be made, or that gave away its file, has none.
        with suppress(ValueError):
            if not self.closed:
                self._forget()
                self.close()

    def _forget(self) -> None:
        file: Any = self.buffer
        file.forget()


def compressed(file: WriteFile, compression: str) -> WriteFile | CompressedFile:
    """Compress what is written to a file.

    Args:
        file: What gets it.
        compression: A name that fsspec knows, or `infer` to take it from the path.
    """
    from fsspec.compression import compr
    from fsspec.core import get_compression

    name = get_compression(file.path, compression)
    if name is None:
        return file
    return CompressedFile(file, compr[name](file, mode="w"))


def bytes_of(value: Any) -> bytes:
    """Give bytes of what may be text."""
    return value.encode() if isinstance(value, str) else memoryview(value).tobytes()
