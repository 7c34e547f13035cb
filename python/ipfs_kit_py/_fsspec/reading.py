"""Reading through fsspec: what both file systems do alike."""

import errno
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.spec import AbstractFileSystem

from ipfs_kit_py._aio.workers import Workers
from ipfs_kit_py._fsspec.entries import Info, described
from ipfs_kit_py._fsspec.file import AsyncTreeFile, CachedFile, TreeFile
from ipfs_kit_py._fsspec.lists import ListFileSystem
from ipfs_kit_py._fsspec.metrics import length_of_all, measured
from ipfs_kit_py._fsspec.paths import has_magic
from ipfs_kit_py._fsspec.ranges import read_ranges, span
from ipfs_kit_py._fsspec.tree import here, path_of
from ipfs_kit_py._native import FileReader
from ipfs_kit_py._sources import ChainReader
from ipfs_kit_py.errors import (
    InvalidInputError,
    PathIsADirectoryError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fsspec.callbacks import Callback


P = ParamSpec("P")
T = TypeVar("T")

# Files whose roots are kept at hand.
_MOST_OPEN = 256
_COPY_BYTES = 8 << 20
_WORKERS = Workers("ipfs-kit-fsspec")


class TreeFileSystem(ListFileSystem):
    """Reads trees of UnixFS through fsspec, from any thread, task or process.

    What is not asynchronous runs on the calling thread, without an event loop.
    """

    default_cache: str | None = None

    def __init__(self, **options: Any) -> None:
        """Take fsspec's own options."""
        super().__init__(**options)
        self._readers: OrderedDict[str, FileReader] = OrderedDict()

    # Bytes.

    def file_reader(self, path: str) -> FileReader:
        """Give the core's reader of a file, from those at hand."""
        path = self._strip_protocol(path)
        known = self._readers.get(path)
        if known is not None:
            return known
        seen = self._look(path)
        with here(path, is_whole=not seen.at.names):
            if seen.stat.kind == "directory":
                raise PathIsADirectoryError(errno.EISDIR, "Is a directory", path)
            made = FileReader(self.reader._core, path_of(seen.at))
        if self._is_immutable(path):
            self._readers[path] = made
            if len(self._readers) > _MOST_OPEN:
                self._readers.popitem(last=False)
        return made

    def _is_immutable(self, path: str) -> bool:
        return not path.startswith("/")

    @measured("cat_file", len)
    def cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        **kwargs: Any,
    ) -> bytes:
        """Read a file or a range of it, which counts as slices do."""
        path = self._strip_protocol(path)
        file = self.file_reader(path)
        begin, stop = span(start, end, file.size)
        with here(path):
            reader = self.reader
            # What is on this machine needs nobody's plan of how to fetch it.
            is_far = isinstance(reader, ChainReader) and reader.is_remote
            if not is_far or not file.missing(begin, stop - begin, 1):
                return file.read(begin, stop - begin)
            if (begin, stop) == (0, file.size):
                return reader.cat(file.cid)
            return reader.cat(file.cid, begin, stop - begin)

    @measured("cat_ranges", length_of_all)
    def cat_ranges(
        self,
        paths: list[str],
        starts: "int | Sequence[int | None] | None",
        ends: "int | Sequence[int | None] | None",
        max_gap: int | None = None,
        on_error: Literal["return", "raise"] = "return",
        **kwargs: Any,
    ) -> list[Any]:
        """Read many ranges, of each file in one call; those close together in one go.

        Args:
            paths: The file of each range.
            starts: Where they begin, or where all of them do.
            ends: Where they end, or where all of them do.
            max_gap: Without effect: what lies together is read together.
            on_error: `return` puts the error in the place of what could not be read.
            **kwargs: What others take, without effect.
        """
        del max_gap
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        count = len(paths)
        begins, stops = _for_each(starts, count), _for_each(ends, count)
        if len(begins) != count or len(stops) != count:
            raise ValueError("there must be as many starts and ends as paths")
        if count and paths.count(paths[0]) == count:
            return self._ranges_of(paths[0], begins, stops, on_error)
        places: dict[str, list[int]] = {}
        for at, path in enumerate(paths):
            places.setdefault(path, []).append(at)
        out: list[Any] = [None] * count
        for path, at_path in places.items():
            found = self._ranges_of(
                path,
                [begins[at] for at in at_path],
                [stops[at] for at in at_path],
                on_error,
            )
            for at, data in zip(at_path, found, strict=True):
                out[at] = data
        return out

    def _ranges_of(
        self,
        path: str,
        starts: "Sequence[int | None]",
        ends: "Sequence[int | None]",
        on_error: str,
    ) -> list[Any]:
        try:
            file = self.file_reader(path)
            with here(path):
                return list(read_ranges(self.reader, file, starts, ends))
        except (OSError, InvalidInputError) as error:
            if on_error != "return":
                raise
            if len(starts) == 1:
                return [error]
        # Some of them are whole.
        pairs = zip(starts, ends, strict=True)
        each = (self._ranges_of(path, [start], [end], on_error) for start, end in pairs)
        return [found[0] for found in each]

    def cat(
        self,
        path: str | list[str],
        recursive: bool = False,
        on_error: Literal["raise", "omit", "return"] = "raise",
        **kwargs: Any,
    ) -> Any:
        """Read one file, or many at once: a table by path.

        What has a pattern for its name is that file; else it is all that fits it.
        """
        if isinstance(path, str) and not recursive and on_error == "raise":
            name = self._strip_protocol(path)
            if not has_magic(name) or self.exists(name):
                return self.cat_file(name, **kwargs)
        return self._cat_many(path, recursive, on_error, **kwargs)

    def _cat_many(
        self, path: str | list[str], recursive: bool, on_error: str, **kwargs: Any
    ) -> Any:
        from fsspec.asyn import sync

        return sync(
            self.loop, self._cat, path, recursive=recursive, on_error=on_error, **kwargs
        )

    def get(
        self,
        rpath: str | list[str],
        lpath: Any,
        recursive: bool = False,
        callback: "Callback" = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Write files and folders to disk, one after the other on the calling thread.

        So Ctrl-C ends it. Sources that send whole folders are asked for those.
        """
        lpath = self._local_target(rpath, lpath)
        with self._reading_whole(rpath, recursive, maxdepth):
            AbstractFileSystem.get(
                self, rpath, lpath, recursive, callback, maxdepth, **kwargs
            )

    def _local_target(self, rpath: Any, lpath: Any) -> Any:
        del rpath
        return lpath

    def _reading_whole(
        self, path: str | list[str], recursive: bool, maxdepth: int | None
    ) -> AbstractContextManager[None]:
        reader = self.reader
        is_whole = recursive and maxdepth is None and isinstance(path, str)
        if not is_whole or has_magic(str(path)) or not isinstance(reader, ChainReader):
            return nullcontext()
        return reader.reading_whole(path_of(self._look(self._strip_protocol(path)).at))

    def get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: "Callback" = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        """Write a file to disk; what was there is replaced when all of it is here."""
        path = self._strip_protocol(rpath)
        seen = self._look(path)
        if seen.stat.kind == "directory":
            os.makedirs(lpath, exist_ok=True)  # noqa: PTH103 - a text in
            return
        if hasattr(lpath, "write"):
            self._write_to(path, lpath, callback)
            return
        # Behind links, as whoever opens it to write: they stay links.
        target = Path(os.path.realpath(os.fspath(lpath)))
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not (target.is_file() or target.is_dir()):
            # A pipe or a device takes bytes, and stays what it is.
            with target.open("wb") as file:
                self._write_to(path, file, callback)
            return
        # Short, as the name itself may be as long as names can be.
        part = target.with_name(f".{os.urandom(8).hex()}.part")
        try:
            with part.open("xb") as file:
                self._write_to(path, file, callback)
            if target.is_file():
                part.chmod(target.stat().st_mode & 0o7777)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _write_to(self, path: str, target: Any, callback: "Callback") -> None:
        with self.open(path, "rb") as source:
            callback.set_size(source.size)
            left = source.size
            while left:
                view = source.read_view(min(left, _COPY_BYTES))
                left -= target.write(view)
                callback.relative_update(len(view))

    @measured("open")
    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        autocommit: bool = True,
        cache_options: "Mapping[str, Any] | None" = None,
        **kwargs: Any,
    ) -> Any:
        del autocommit
        path = self._strip_protocol(path)
        if mode != "rb":
            raise ValueError(f"mode {mode!r} is none of r, rb")
        cache_type = kwargs.pop("cache_type", self.default_cache)
        kwargs.pop("use_mmap", None)
        kwargs.pop("size", None)
        if kwargs:
            raise TypeError(f"open() takes no {sorted(kwargs)[0]!r}")
        seen = self._look(path)
        if seen.stat.kind == "directory":
            raise PathIsADirectoryError(errno.EISDIR, "Is a directory", path)
        with here(path, is_whole=not seen.at.names):
            file = self.reader.open(path_of(seen.at))
        if cache_type is None:
            stat = seen.stat
            shown = described(path, stat.kind, stat.size, str(stat.cid), seen.link)
            return TreeFile(self, path, file, shown)
        size = self.blocksize if block_size in {None, "default"} else block_size
        return CachedFile(self, path, file, size or 0, cache_type, cache_options)

    # The same for tasks.

    async def open_async(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        """Open a file whose `read` is awaited.

        Raises:
            ValueError: `mode` is not `rb`, or there is a `compression`.
        """
        if mode != "rb" or kwargs.pop("compression", None):
            raise ValueError(f"mode {mode!r}: tasks read bytes (rb), as they are")
        file = await self.run(self.open, path, mode, cache_type=None, **kwargs)
        return AsyncTreeFile(self, file)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what blocks, on a thread of ours."""
        return await _WORKERS.run(work, *args, **kwargs)

    async def _info(self, path: str, **kwargs: Any) -> Info:
        return await self.run(self.info, path, **kwargs)

    async def _exists(self, path: str, **kwargs: Any) -> bool:
        return await self.run(self.exists, path, **kwargs)

    async def _isfile(self, path: str) -> bool:
        return await self.run(self.isfile, path)

    async def _isdir(self, path: str) -> bool:
        return await self.run(self.isdir, path)

    async def _size(self, path: str) -> int:
        return await self.run(self.size, path)

    async def _ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        return await self.run(self.ls, path, detail, **kwargs)

    async def _find(self, path: str, **kwargs: Any) -> Any:
        return await self.run(lambda: self.find(path, **kwargs))

    async def _du(self, path: str, total: bool = True, **kwargs: Any) -> Any:
        return await self.run(lambda: self.du(path, total, **kwargs))

    async def _walk(
        self,
        path: str,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        walking = self.walk(path, maxdepth, **kwargs)
        while (found := await self.run(next, walking, None)) is not None:
            yield found

    async def _cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        **kwargs: Any,
    ) -> bytes:
        return await self.run(self.cat_file, path, start, end, **kwargs)

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: Literal["return", "raise"] = "return",
        **kwargs: Any,
    ) -> list[Any]:
        del batch_size, kwargs
        return await self.run(
            self.cat_ranges, paths, starts, ends, max_gap=max_gap, on_error=on_error
        )

    async def _get(self, rpath: Any, lpath: Any, *args: Any, **kwargs: Any) -> Any:
        return await super()._get(
            rpath, self._local_target(rpath, lpath), *args, **kwargs
        )

    async def _get_file(self, rpath: str, lpath: Any, **kwargs: Any) -> None:
        await self.run(self.get_file, rpath, lpath, **kwargs)


def _for_each(
    bounds: "int | Sequence[int | None] | None", count: int
) -> "Sequence[int | None]":
    if isinstance(bounds, list | tuple):
        return bounds
    # Numbers and arrays of NumPy's too, as those of Python.
    to_list: Callable[[], Any] | None = getattr(bounds, "tolist", None)
    plain: Any = bounds if to_list is None else to_list()
    return plain if isinstance(plain, list) else [plain] * count
