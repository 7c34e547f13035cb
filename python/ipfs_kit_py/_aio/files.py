"""Files of a repository, read by tasks."""

import io
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, AnyStr, Generic, ParamSpec, Protocol, Self, TypeVar

from ipfs_kit_py._aio.workers import Workers
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# What is read at once of a file that is iterated over.
_LINES = 1024
_LETTERS = 64 << 10


class _Synchronous(Protocol[T_co]):
    """`IPFSFile`, `io.BufferedReader` or `io.TextIOWrapper`."""

    @property
    def closed(self) -> bool: ...
    def read(self, size: int | None = -1, /) -> T_co: ...
    def readline(self, size: int = -1, /) -> T_co: ...
    def readable(self) -> bool: ...
    def seekable(self) -> bool: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
    def close(self) -> None: ...


class File(Generic[AnyStr]):
    """A file of a repository, open for reading: the twin of what `open` gives elsewhere.

    `async for` gives its lines. One object is for one task at a time, as with every file;
    open the path again for another.
    """

    def __init__(self, workers: Workers, file: _Synchronous[AnyStr]) -> None:
        """Read a file on threads."""
        self._workers = workers
        self._file: _Synchronous[AnyStr] = file
        # Lines that were read and not given out, how many of their batch were, and where
        # the batch began.
        self._ahead: deque[AnyStr] = deque()
        self._given = 0
        self._began = 0

    @property
    def name(self) -> str:
        """The path that it was opened by."""
        return _raw(self._file).name

    @property
    def cid(self) -> CID:
        """The file's root."""
        return _raw(self._file).cid

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return _raw(self._file).size

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._file.closed

    async def readable(self) -> bool:
        """Say yes."""
        return await self._run(self._file.readable)

    async def seekable(self) -> bool:
        """Say yes."""
        return await self._run(self._file.seekable)

    async def tell(self) -> int:
        """Say where the next read begins."""
        return await self._run(self._file.tell)

    async def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset from the start, from here or from the end."""
        return await self._run(self._file.seek, offset, whence)

    async def read(self, size: int | None = -1, /) -> AnyStr:
        """Read up to so much, or to the end."""
        return await self._run(self._file.read, size)

    async def readall(self) -> AnyStr:
        """Read to the end."""
        return await self._run(self._file.read)

    async def readline(self, size: int = -1, /) -> AnyStr:
        """Read to the end of the line."""
        return await self._run(self._file.readline, size)

    async def readinto(self: "File[bytes]", buffer: "WriteableBuffer", /) -> int:
        """Fill a buffer as far as the file goes. It is written by another thread."""
        if isinstance(self._file, IPFSFile | io.BufferedReader):
            return await self._run(self._file.readinto, buffer)
        raise io.UnsupportedOperation("readinto: this is a file of text")

    async def close(self) -> None:
        """Let go of the file; closing twice is no error."""
        self._ahead.clear()
        await self._workers.run(self._file.close)

    async def __aenter__(self) -> Self:
        """Give the file itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    def __aiter__(self) -> Self:
        """Iterate over the lines."""
        return self

    async def __anext__(self) -> AnyStr:
        """Give the next line."""
        if not self._ahead:
            await self._workers.run(self._read_lines)
            if not self._ahead:
                raise StopAsyncIteration
        self._given += 1
        return self._ahead.popleft()

    def __repr__(self) -> str:
        """Show the file."""
        return f"aio.{self._file!r}"

    async def _run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        def at_its_place() -> T:
            self._return()
            return work(*args, **kwargs)

        return await self._workers.run(at_its_place)

    def _read_lines(self) -> None:
        file, lines, size = self._file, deque[AnyStr](), 0
        began = file.tell()
        try:
            while len(lines) < _LINES and size < _LETTERS and (line := file.readline()):
                lines.append(line)
                size += len(line)
        except BaseException:
            file.seek(began)
            raise
        self._ahead, self._given, self._began = lines, 0, began

    def _return(self) -> None:
        """Go back to the end of the last line that was given out."""
        if self._ahead:
            self._ahead.clear()
            self._file.seek(self._began)
            for _ in range(self._given):
                self._file.readline()


class Opening(Generic[AnyStr]):
    """A file to be opened: `async with` closes it again, `await` gives it."""

    def __init__(self, start: Callable[[], Awaitable[File[AnyStr]]]) -> None:
        """Open with what `start` gives."""
        self._start: Callable[[], Awaitable[File[AnyStr]]] = start
        self._file: File[AnyStr] | None = None

    def __await__(self) -> Generator[Any, None, File[AnyStr]]:
        """Open it."""
        return self._start().__await__()

    async def __aenter__(self) -> File[AnyStr]:
        """Open it."""
        self._file = await self
        return self._file

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        if self._file is not None:
            await self._file.close()


def _raw(file: object) -> IPFSFile:
    """Give what a file reads from at last."""
    if isinstance(file, io.TextIOWrapper):
        file = file.buffer
    if isinstance(file, io.BufferedReader):
        file = file.raw
    if isinstance(file, IPFSFile):
        return file
    raise TypeError(f"{file!r} is no file of a repository")
