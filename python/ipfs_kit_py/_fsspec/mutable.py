"""`mfs://`: the mutable tree of a repository, read and written."""

import errno
import mmap
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from fsspec.callbacks import DEFAULT_CALLBACK

from ipfs_kit_py._fsspec.options import KitFileSystem
from ipfs_kit_py._fsspec.paths import At
from ipfs_kit_py._fsspec.writing import IN_MEMORY_BYTES, Mode, WriteFile, bytes_of
from ipfs_kit_py.errors import (
    FileIOError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from fsspec.callbacks import Callback

    from ipfs_kit_py._engine.engine import Engine


class _Made(TypedDict):
    create: bool
    parents: bool
    profile: str


_MODES = {"wb", "ab", "xb"}


class MFSFileSystem(KitFileSystem):
    """The mutable files, as fsspec knows file systems; see `KitFileSystem`.

    Every change is one step from one whole tree to the next, durable when it returns. Of
    changes that come at once, from whatever processes, none is lost: each is made on what
    the others left. (A Kubo node promises less of files that are appended to.)
    """

    protocol: ClassVar[str] = "mfs"
    root_marker = "/"

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        names = os.fspath(path).removeprefix("mfs://").split("/")
        return "/" + "/".join(name for name in names if name)

    def unstrip_protocol(self, name: str) -> str:
        """Put `mfs://` before a path."""
        return f"mfs://{self._strip_protocol(name)}"

    @classmethod
    def _parent(cls, path: str) -> str:
        return cls._strip_protocol(path).rpartition("/")[0] or "/"

    @property
    def engine(self) -> "Engine":
        """What writes."""
        return self._opened.engine

    def _at(self, path: str) -> At:
        names = tuple(name for name in path.split("/") if name)
        return At(self.engine.files_flush("/"), names)

    def commit(self, path: str = "/") -> str:
        """Give the CID that the tree, or what stands at a path, has now.

        Everything is durable before; what has a CID is under `ipfs://` at once.
        """
        return str(self.engine.files_flush(self._strip_protocol(path)))

    def _time_unknown(self) -> datetime:
        # Who caches by time is to ask again.
        return datetime.now(UTC)

    # Files.

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        path = self._strip_protocol(path)
        if mode == "rb":
            return super()._open(
                path, mode, block_size, autocommit, cache_options, **kwargs
            )
        if mode not in _MODES:
            raise ValueError(f"mode {mode!r} is none of r, w, a, x")
        if self.isdir(path):
            raise PathIsADirectoryError(errno.EISDIR, "Is a directory", path)
        if mode == "xb" and self.exists(path):
            raise PathExistsError(errno.EEXIST, "File exists", path)
        kind: Mode = "wb" if mode == "wb" else "ab" if mode == "ab" else "xb"
        return WriteFile(self, path, kind, autocommit=autocommit)

    def length_of(self, path: str) -> int:
        """Say how long a file is, or will be before anything is appended."""
        try:
            return self.size(path)
        except FileNotFoundError:
            return 0

    def store(self, path: str, data: IO[bytes], mode: Mode) -> None:
        """Put bytes at a path.

        Raises:
            PathExistsError: `mode` is `xb`, and something is there.
        """
        if mode == "ab":
            self._append(path, data)
            return
        cid = self.engine.add(data, pin=False, profile=self._profile).cid
        self._link(str(cid), path, replace=mode == "wb")

    def _append(self, path: str, data: IO[bytes]) -> None:
        size = data.seek(0, os.SEEK_END)
        data.seek(0)
        made: _Made = {"create": True, "parents": True, "profile": self._profile}
        if size <= IN_MEMORY_BYTES:
            self.engine.files_write(path, data.read(), None, **made)
            return
        # The view has no `read`, so that it is taken for what it shows.
        with (
            mmap.mmap(data.fileno(), size, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            self.engine.files_write(path, view, None, **made)

    def _link(self, source: str, path: str, *, replace: bool) -> None:
        try:
            self.engine.files_cp(
                source, path, parents=True, force=replace, profile=self._profile
            )
        except PathExistsError:
            if self.isdir(path):
                raise PathIsADirectoryError(
                    errno.EISDIR, "Is a directory", path
                ) from None
            raise

    def pipe_file(
        self,
        path: str,
        value: Any,
        mode: Literal["overwrite", "create"] = "overwrite",
        **kwargs: Any,
    ) -> None:
        """Write a file at once; with `create`, only if nothing is there."""
        path = self._strip_protocol(path)
        cid = self.engine.add(bytes_of(value), pin=False, profile=self._profile).cid
        self._link(str(cid), path, replace=mode != "create")

    def put_file(
        self,
        lpath: str,
        rpath: str,
        callback: "Callback" = DEFAULT_CALLBACK,
        mode: Literal["overwrite", "create"] = "overwrite",
        **kwargs: Any,
    ) -> None:
        """Add a local file, and put it at a path."""
        path = self._strip_protocol(rpath)
        local = os.fspath(lpath)
        if os.path.isdir(local):  # noqa: PTH112 - a text in
            self.makedirs(path, exist_ok=True)
            return
        callback.set_size(os.path.getsize(local))  # noqa: PTH202 - a text in
        done = self.engine.add(local, pin=False, profile=self._profile)
        self._link(str(done.cid), path, replace=mode != "create")
        callback.absolute_update(done.size)

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Make an empty file, or empty one; without `truncate`, note the time on it."""
        path = self._strip_protocol(path)
        if truncate or not self.exists(path):
            self.pipe_file(path, b"")
            return
        now = divmod(time.time_ns(), 10**9)
        self.engine.files_touch(path, *now, profile=self._profile)

    # Entries.

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Put what is at a path, or under `ipfs://`, at another; no bytes are copied."""
        target = self._strip_protocol(path2)
        if path1.startswith(("ipfs://", "/ipfs/")):
            self._link(path1, target, replace=True)
            return
        seen = self._look(self._strip_protocol(path1))
        if seen.stat.kind == "directory":
            self.makedirs(target, exist_ok=True)
            return
        self._link(str(seen.stat.cid), target, replace=True)

    def mv(
        self,
        path1: str,
        path2: str,
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Move an entry, at once and with all below; directories above are made."""
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if path2.endswith("/") or self.isdir(target):
            target = f"{target.rstrip('/')}/{source.rpartition('/')[2]}"
        if source == target:
            return
        above = self._parent(target)
        if above != "/":
            self.makedirs(above, exist_ok=True)
        self.engine.files_mv(source, target, profile=self._profile)

    move = rename = mv

    def rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
    ) -> None:
        """Remove entries; a directory only if `recursive`."""
        given = path if isinstance(path, list) else [path]
        plain = not any(set("*?[") & set(one) for one in given) and maxdepth is None
        names = (
            [self._strip_protocol(one) for one in given]
            if plain
            else self.expand_path(path, recursive=recursive, maxdepth=maxdepth)
        )
        for name in sorted(names, key=len, reverse=not plain):
            self._remove(name, recursive=recursive)

    def _remove(self, path: str, *, recursive: bool) -> None:
        if path == "/":
            for inner in self.ls("/", detail=False):
                self._remove(inner, recursive=recursive)
            return
        self.engine.files_rm(path, recursive=recursive, profile=self._profile)

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        self._remove(self._strip_protocol(path), recursive=False)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        path = self._strip_protocol(path)
        if not self.isdir(path):
            if self.exists(path):
                raise PathNotADirectoryError(errno.ENOTDIR, "Not a directory", path)
            raise PathNotFoundError(errno.ENOENT, "No such file or directory", path)
        if self.ls(path):
            raise FileIOError(errno.ENOTEMPTY, "Directory not empty", path)
        self._remove(path, recursive=True)

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Make a directory, which must not be there."""
        path = self._strip_protocol(path)
        above = self._parent(path)
        if create_parents and not self.exists(above):
            self.makedirs(above, exist_ok=True)
        self.engine.files_mkdir(path, profile=self._profile)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a directory and those above."""
        path = self._strip_protocol(path)
        if not exist_ok and self.exists(path):
            raise PathExistsError(errno.EEXIST, "File exists", path)
        if path != "/":
            self.engine.files_mkdir(path, parents=True, profile=self._profile)

    # The same for tasks.

    async def _pipe_file(self, path: str, value: Any, **kwargs: Any) -> None:
        await self._run(self.pipe_file, path, value, **kwargs)

    async def _put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        await self._run(self.put_file, lpath, rpath, **kwargs)

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        await self._run(self.cp_file, path1, path2, **kwargs)

    async def _rm(self, path: Any, recursive: bool = False, **kwargs: Any) -> None:
        kwargs.pop("batch_size", None)
        await self._run(self.rm, path, recursive, **kwargs)

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        await self._run(self.rm_file, path)

    async def _mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        await self._run(self.mkdir, path, create_parents, **kwargs)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        await self._run(self.makedirs, path, exist_ok)

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        await self._run(self.touch, path, truncate, **kwargs)
