"""Files that are open for reading, as fsspec and Python know them."""

import io
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from fsspec.asyn import AbstractAsyncStreamedFile
from fsspec.spec import AbstractBufferedFile

from ipfs_kit_py._fsspec.metrics import measured
from ipfs_kit_py._fsspec.tree import here

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import WriteableBuffer

    from ipfs_kit_py._fsspec.reading import TreeFileSystem
    from ipfs_kit_py._repository import IPFSFile

# Small reads, of lines and headers, are served from so much; larger ones pass it by.
_BUFFER_BYTES = 64 << 10


class _Raw(io.RawIOBase):
    """The bytes themselves; what is missing is told with the path."""

    mode = "rb"

    def __init__(self, fs: "TreeFileSystem", file: "IPFSFile", path: str) -> None:
        super().__init__()
        self.file = file
        self.path = path
        self.meter = fs.meter
        self.reader = fs.reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self.file.seek(offset, whence)

    def close(self) -> None:
        self.file.close()
        super().close()

    @measured("read", int)
    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        with here(self.path):
            return self.file.readinto(buffer)

    @measured("read", len)
    def readall(self) -> bytes:
        with here(self.path):
            return self.file.read()


class TreeFile(io.BufferedReader):
    """A file that is open for reading.

    Large reads go straight from the blocks into the caller's memory, verified; small ones
    through a buffer of 64 KiB. Ahead of who reads on, missing blocks are fetched.

    Attributes:
        fs: The file system.
        path: The path there.
        size: Bytes in the file.
        details: What `info` says.
    """

    def __init__(
        self, fs: "TreeFileSystem", path: str, file: "IPFSFile", details: dict[str, Any]
    ) -> None:
        """Open what the core has opened, under its path."""
        super().__init__(_Raw(fs, file, path), _BUFFER_BYTES)
        self._file = file
        self._lock = RLock()
        self.fs = fs
        self.meter = fs.meter
        self.reader = fs.reader
        self.path = path
        self.size: int = file.size
        self.details = details
        self.blocksize = _BUFFER_BYTES

    @property
    def full_name(self) -> str:
        """The path with its protocol."""
        return str(self.fs.unstrip_protocol(self.path))

    @property
    def loc(self) -> int:
        """Where the next read begins."""
        return self.tell()

    def info(self) -> dict[str, Any]:
        """Say what `info` of the file system does."""
        return self.details

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes, or to the end; nothing is copied twice."""
        # Several threads may read one file, each its own bytes.
        with self._lock:
            at = self.tell()
            left = self.size - at
            count = left if size is None or size < 0 else min(size, left)
            if count < self.blocksize:
                return super().read(max(count, 0))
            # The buffer finds itself elsewhere then, and begins anew.
            data = self.read_at(at, count)
            self.seek(at + len(data))
            return data

    @measured("read", len)
    def read_at(self, start: int, count: int) -> bytes:
        """Read a range, wherever the next read begins; from any thread."""
        with here(self.path):
            return self._file.read_at(start, count)

    @measured("read", len)
    def read_view(self, size: int | None = -1) -> memoryview:
        """Read where the bytes lie: without a copy if one block holds them.

        The view is read-only, and good whatever becomes of the file.
        """
        with self._lock:
            at = self.tell()
            left = max(0, self.size - at)
            count = left if size is None or size < 0 else min(size, left)
            with here(self.path):
                block = self._file._reader.view(at, count)
            self.seek(at + count)
        return memoryview(cast("Any", block))

    def readuntil(self, char: bytes = b"\n", blocks: int | None = None) -> bytes:
        """Read up to a delimiter and with it, or to the end.

        Args:
            char: The delimiter, of any length.
            blocks: How many bytes are read at once.
        """
        with self._lock:
            at, found = self.tell(), bytearray()
            while part := self.read(blocks or self.blocksize):
                # It may lie across two parts.
                first = max(0, len(found) - len(char) + 1)
                found += part
                end = found.find(char, first)
                if end >= 0:
                    del found[end + len(char) :]
                    self.seek(at + len(found))
                    break
            return bytes(found)

    def read1(self, size: int = -1, /) -> bytes:
        """Read what one look at the blocks gives."""
        with self._lock:
            return super().read1(size)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read into memory of the caller's own."""
        with self._lock:
            return super().readinto(buffer)

    def readinto1(self, buffer: "WriteableBuffer", /) -> int:
        """Read into memory of the caller's own what one look at the blocks gives."""
        with self._lock:
            return super().readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read up to the end of a line."""
        with self._lock:
            return super().readline(size)

    def read_buffer(self, size: int = -1) -> memoryview:
        """Do what `read_view` does, under the name that pyarrow looks for."""
        return self.read_view(size)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle by path and place: whoever unpickles it opens it anew."""
        del protocol
        return _reopened, (self.fs, self.path, self.tell())


def _reopened(fs: "TreeFileSystem", path: str, at: int) -> Any:
    file = fs.open(path, "rb")
    file.seek(at)
    return file


class CachedFile(AbstractBufferedFile):  # type: ignore[misc] # it has no types
    """A file that is open for reading through one of fsspec's own caches."""

    def __init__(
        self,
        fs: "TreeFileSystem",
        path: str,
        file: "IPFSFile",
        block_size: int | str,
        cache_type: str,
        cache_options: "Mapping[str, Any] | None",
    ) -> None:
        """Open what the core has opened, under its path."""
        self._file = file
        self.meter = fs.meter
        self.reader = fs.reader
        super().__init__(
            fs,
            path,
            "rb",
            block_size,
            cache_type=cache_type,
            cache_options=cache_options,
            size=file.size,
        )

    @measured("read", len)
    def _fetch_range(self, start: int, end: int) -> bytes:
        with here(self.path):
            return self._file._reader.read(start, max(0, end - start))


class AsyncTreeFile(AbstractAsyncStreamedFile):  # type: ignore[misc] # it has no types
    """A file that is open for reading by tasks.

    `read` and `close` are awaited; `seek` and `tell` are not. Cancelling a task ends what
    it reads.
    """

    def __init__(self, fs: "TreeFileSystem", file: TreeFile) -> None:
        """Read what is open."""
        super().__init__(
            fs, file.path, "rb", file.blocksize, cache_type="none", size=file.size
        )
        self._file = file
        self.details = file.details

    async def read(self, length: int | None = -1) -> bytes:
        """Read up to `length` bytes, or to the end."""
        left = max(0, self.size - self.loc)
        count = left if length is None or length < 0 else min(int(length), left)
        return cast("bytes", await super().read(count))

    async def _fetch_range(self, start: int, end: int) -> bytes:
        fs: TreeFileSystem = self.fs
        return await fs.run(self._file.read_at, start, end - start)

    async def close(self) -> None:
        """Let go of it."""
        await super().close()
        self._file.close()
