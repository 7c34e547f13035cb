"""`mfs://`: the mutable tree of a repository, read and written."""

import errno
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from posixpath import normpath
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.spec import AbstractFileSystem

from ipfs_kit_py._fsspec.changes import (
    Step,
    TreeTransaction,
    apply,
    begin,
    begun,
    end,
    places,
    text,
)
from ipfs_kit_py._fsspec.metrics import measured
from ipfs_kit_py._fsspec.options import KitFileSystem
from ipfs_kit_py._fsspec.paths import At, has_cid, has_magic, joined, split, stripped
from ipfs_kit_py._fsspec.tree import look, root_of
from ipfs_kit_py._fsspec.writing import (
    TEXT_OPTIONS,
    Mode,
    TextFile,
    WriteFile,
    bytes_of,
    compressed,
)
from ipfs_kit_py._native import CID, split_files_path
from ipfs_kit_py.errors import (
    InvalidParameterError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from fsspec.callbacks import Callback

    from ipfs_kit_py._engine.engine import Engine


_MODES = {"wb", "ab", "xb"}


class MFSFileSystem(KitFileSystem):
    """The mutable files, as fsspec knows file systems; see `KitFileSystem`.

    Every change is one step from one whole tree to the next, durable when it returns. Of
    changes that come at once, from whatever processes, none is lost: each is made on what
    the others left. (A Kubo node promises less of files that are appended to.)
    """

    protocol: ClassVar[str] = "mfs"
    root_marker = "/"
    transaction_type = TreeTransaction

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return normpath(f"/{os.fspath(path).removeprefix('mfs://').lstrip('/')}")

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
        return At(self.engine.files_flush("/"), tuple(self.names(path)))

    def commit(self, path: str = "/") -> str:
        """Give the CID that the tree, or what stands at a path, has now.

        Everything is durable before; what has a CID is under `ipfs://` at once.
        """
        return str(self.engine.files_flush(self._strip_protocol(path)))

    def _time_unknown(self) -> datetime:
        # Who caches by time is to ask again.
        return datetime.now(UTC)

    # Files.

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        cache_options: Mapping[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Open a file: see `fsspec`. What is written is there when the file is closed.

        A `with` block that fails leaves the tree as it was, in text and compressed too.
        """
        if "r" in mode and "+" not in mode:
            return super().open(
                path, mode, block_size, cache_options, compression, **kwargs
            )
        if {"b", "t"} <= {*mode}:
            raise ValueError(f"mode {mode!r} is of bytes and of text")
        options = {name: kwargs.pop(name) for name in TEXT_OPTIONS if name in kwargs}
        binary = mode.replace("t", "").replace("b", "") + "b"
        opened = super().open(path, binary, block_size, cache_options, **kwargs)
        try:
            file: Any = opened
            if compression is not None:
                file = compressed(opened, compression)
            return file if "b" in mode else TextFile(file, **options)
        except BaseException:
            # In a transaction it would be written, empty, at the end.
            opened.forget()
            raise

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
        # How it would be read is all one.
        if unknown := sorted({*kwargs} - {"cache_type", "size", "use_mmap"}):
            raise TypeError(f"open() takes no {unknown[0]!r}")
        if mode == "xb" and self.exists(path):
            raise PathExistsError(errno.EEXIST, "File exists", path)
        if self.isdir(path):
            raise PathIsADirectoryError(errno.EISDIR, "Is a directory", path)
        kind: Mode = "wb" if mode == "wb" else "ab" if mode == "ab" else "xb"
        return WriteFile(self, path, kind, autocommit=autocommit)

    def length_of(self, path: str) -> int:
        """Say how long a file is, or will be before anything is appended."""
        try:
            return self.size(path)
        except FileNotFoundError:
            return 0

    # Changes: at once, or at the end of a transaction.

    @property
    def _intrans(self) -> bool:
        return begun(self).is_open

    @_intrans.setter
    def _intrans(self, is_open: bool) -> None:
        if is_open:
            begin(self).is_open = True
        else:
            end(self)

    @property
    def _transaction(self) -> TreeTransaction | None:
        return begun(self).transaction

    @_transaction.setter
    def _transaction(self, transaction: TreeTransaction | None) -> None:
        if transaction is None:
            end(self)
        else:
            begin(self).transaction = transaction

    def start_transaction(self) -> TreeTransaction:
        """Begin a transaction of this thread or task, or a block inside its own."""
        transaction: TreeTransaction = self.transaction
        transaction.start()
        return transaction

    def end_transaction(self) -> None:
        """End it, and make its changes.

        Raises:
            InvalidParameterError: This thread or task has none.
        """
        if not self._intrans:
            raise InvalidParameterError("this thread or task has begun no transaction")
        self.transaction.complete()

    def make(self, changes: Iterable[Step | WriteFile]) -> None:
        """Make changes of the tree as one; the embedded engine makes all or none."""
        with ExitStack() as stack:
            steps = [
                change if isinstance(change, tuple) else change.step(stack)
                for change in changes
            ]
            self._apply(list(filter(None, steps)))

    def _do(self, *steps: Step) -> None:
        if self._intrans:
            self.transaction.files.extend(steps)
            return
        try:
            self._apply(steps)
        except (PathNotFoundError, PathNotADirectoryError) as error:
            # The core names the directory above that is not there, or is none.
            paths = [text(names) for step in steps for names in places(step)]
            wrong = [it for it in paths if it.startswith(f"{error.filename}/")]
            if error.filename in paths or len(wrong) != 1:
                raise
            raise type(error)(error.errno, error.strerror, wrong[0]) from error

    @measured("change")
    def _apply(self, steps: Sequence[Step]) -> None:
        apply(self.engine, steps, self._profile)

    def _add_at(self, path: str, source: Any, *, replace: bool) -> None:
        """Add something, and put it at a path now or at the end of a transaction."""
        if self._intrans:
            self.transaction.hold()
        self._link(self.added(source), path, replace=replace)

    def _link(self, cid: CID, path: str, *, replace: bool) -> None:
        try:
            self._do(("link", self.names(path), cid, replace))
        except PathExistsError:
            if self.isdir(path):
                raise PathIsADirectoryError(
                    errno.EISDIR, "Is a directory", path
                ) from None
            raise

    def added(self, source: Any) -> CID:
        """Add something that nothing keeps yet."""
        return self.add_to_store(source, pin=False, profile=self._profile).cid

    def names(self, path: str) -> list[str]:
        """Give the names on the way to a place."""
        return split_files_path(self._strip_protocol(path))

    def pipe_file(
        self,
        path: str,
        value: Any,
        mode: Literal["overwrite", "create"] = "overwrite",
        **kwargs: Any,
    ) -> None:
        """Write a file at once; with `create`, only if nothing is there."""
        path = self._strip_protocol(path)
        self._add_at(path, bytes_of(value), replace=_replaces(mode))

    def put_file(
        self,
        lpath: str,
        rpath: str,
        callback: "Callback" = DEFAULT_CALLBACK,
        mode: Literal["overwrite", "create"] = "overwrite",
        **kwargs: Any,
    ) -> None:
        """Add a local file, and put it at a path."""
        path, replace = self._strip_protocol(rpath), _replaces(mode)
        local = os.fspath(lpath)
        if os.path.isdir(local):  # noqa: PTH112 - a text in
            self.makedirs(path, exist_ok=True)
            return
        size = os.path.getsize(local)  # noqa: PTH202 - a text in
        callback.set_size(size)
        self._add_at(path, local, replace=replace)
        callback.absolute_update(size)

    def put(
        self,
        lpath: str | list[str],
        rpath: str | list[str],
        recursive: bool = False,
        callback: "Callback" = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Add local files and folders as fsspec does, in one step: all or none."""
        with self.transaction:
            AbstractFileSystem.put(
                self, lpath, rpath, recursive, callback, maxdepth, **kwargs
            )

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Make an empty file, or empty one; without `truncate`, note the time on it."""
        if truncate:
            self.pipe_file(path, b"")
            return
        self._do(("touch", self.names(path), *divmod(time.time_ns(), 10**9)))

    # Entries.

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Put what is at a path, or under `ipfs://`, at another; no byte is copied.

        A directory under `ipfs://` is put there with all below.
        """
        target = self._strip_protocol(path2)
        if has_cid(path1):
            self._link_whole(path1, target)
            return
        seen = self._look(self._strip_protocol(path1))
        if seen.stat.kind == "directory":
            self.makedirs(target, exist_ok=True)
            return
        self._link(seen.stat.cid, target, replace=True)

    def _link_whole(self, source: str, target: str) -> None:
        if has_cid(source):
            root, names = split(stripped(source))
            seen = look(self.reader, At(root_of(self.reader, root), names), source)
        else:
            seen = self._look(self._strip_protocol(source))
        # A file takes the place of a file, and a directory that of nothing.
        is_directory = seen.stat.kind == "directory"
        self._link(seen.stat.cid, target, replace=not is_directory)

    def copy(
        self,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        on_error: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Copy as fsspec does, in one step; what has a CID is put there whole."""
        with self.transaction:
            if not self._copy_whole(path1, path2, maxdepth, on_error):
                AbstractFileSystem.copy(
                    self, path1, path2, recursive, maxdepth, on_error, **kwargs
                )

    def _copy_whole(
        self,
        path1: str | list[str],
        path2: str | list[str],
        maxdepth: int | None,
        on_error: str | None,
    ) -> bool:
        """Link what has a CID, if anything has; tell whether it is so."""
        given = _each(path1)
        if not any(map(has_cid, given)):
            return False
        if maxdepth is not None:
            raise InvalidParameterError("maxdepth: what has a CID is put there whole")
        sources, is_many = list[str](), not isinstance(path1, str)
        for one in given:
            fitting = self._fitting(one)
            is_many |= fitting != [one]
            sources += fitting
        for source, target, _ in self._into(sources, path2, is_many=is_many):
            try:
                if not is_many and self.isdir(target):
                    target = joined(target, _last(source))
                self._link_whole(source, target)
            except FileNotFoundError:
                if on_error != "ignore":
                    raise
        return True

    def _fitting(self, source: str) -> list[str]:
        """Give what a URL of a CID stands for, which may be a pattern."""
        from ipfs_kit_py._fsspec.immutable import IPFSFileSystem

        if not (has_cid(source) and has_magic(source)):
            return [source]
        fs = IPFSFileSystem(reader=self.reader, skip_instance_cache=True)
        if fs.exists(source):
            return [source]
        return [fs.unstrip_protocol(one) for one in fs.expand_path(source)]

    def _into(
        self, sources: Sequence[str], target: str | list[str], *, is_many: bool
    ) -> list[tuple[str, str, bool]]:
        """Give the place of each source, and whether it may go below what is there.

        Raises:
            PathExistsError: Two would go to one place.
        """
        if isinstance(target, list):
            places = [self._strip_protocol(one) for one in target]
        elif is_many or target.endswith("/"):
            above = self._strip_protocol(target)
            places = [joined(above, _last(one)) for one in sources]
        else:
            return [(sources[0], self._strip_protocol(target), True)]
        if len({*places}) < len(places):
            twice = next(one for one in places if places.count(one) > 1)
            raise PathExistsError(
                errno.EEXIST, "several of them would go to one place", twice
            )
        return [(one, to, False) for one, to in zip(sources, places, strict=True)]

    def mv(
        self,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Move entries, all or none, each with all below; directories above are made.

        What has a pattern for its name is that entry; else all that the pattern fits goes
        into `path2`, as do many entries, and one if `path2` is a directory or ends with
        `/`. A file takes the place of a file, and a directory that of an empty one.
        """
        if maxdepth is not None:
            raise InvalidParameterError("maxdepth: an entry moves with all below")
        sources, is_many = list[str](), not isinstance(path1, str)
        for one in _each(path1):
            if self._is_pattern(one):
                is_many = True
                sources += _tops(self.expand_path(one))
            else:
                sources.append(self._strip_protocol(one))
        steps: list[Step] = []
        for source, target, into in self._into(sources, path2, is_many=is_many):
            if source == target:
                self._look(source)
            else:
                steps.append(("move", self.names(source), self.names(target), into))
        self._do(*steps)

    move = rename = mv

    def rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
    ) -> None:
        """Remove entries, all or none; a directory only if `recursive`.

        What has a pattern for its name is that entry; else it is what the pattern fits.
        """
        self._check_depth(recursive, maxdepth)
        names: list[str] = []
        for one in _each(path):
            found = self._literally(one, maxdepth)
            if found is None:
                found = self.expand_path(one, recursive, maxdepth)
            names += found
        self._remove(names, recursive)

    def _check_depth(self, recursive: bool, maxdepth: int | None) -> None:
        if recursive and maxdepth is not None:
            raise InvalidParameterError("maxdepth: a directory goes with all below")

    def _remove(self, names: list[str], recursive: bool) -> None:
        tops = _tops(names, is_whole=recursive)
        self._do(*[("remove", self.names(name), recursive) for name in tops])

    def _literally(self, path: str, maxdepth: int | None) -> list[str] | None:
        """Give what is to be removed for a path, unless it is a pattern."""
        name = self._strip_protocol(path)
        if name == "/":
            return cast("list[str]", self.ls(name, detail=False))
        return [name] if maxdepth is None and not self._is_pattern(name) else None

    def _is_pattern(self, path: str) -> bool:
        """Tell whether a path is not the name of something with such a name."""
        return has_magic(path) and not self.exists(path)

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        self._do(("remove", self.names(path), False))

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self._do(("rmdir", self.names(path)))

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Make a directory, which must not be there."""
        self._do(("mkdir", self.names(path), create_parents, False))

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a directory and those above."""
        path = self._strip_protocol(path)
        if not exist_ok and self.exists(path):
            raise PathExistsError(errno.EEXIST, "File exists", path)
        if path != "/":
            self._do(("mkdir", self.names(path), True, True))

    # The same for tasks.

    async def _pipe_file(self, path: str, value: Any, **kwargs: Any) -> None:
        await self.run(self.pipe_file, path, value, **kwargs)

    async def _put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        await self.run(self.put_file, lpath, rpath, **kwargs)

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        await self.run(self.cp_file, path1, path2, **kwargs)

    async def _copy(
        self,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        if not await self.run(self._copy_whole, path1, path2, maxdepth, on_error):
            await super()._copy(
                path1, path2, recursive, on_error, maxdepth, batch_size, **kwargs
            )

    async def _rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._check_depth(recursive, maxdepth)
        names: list[str] = []
        for one in _each(path):
            found = await self.run(self._literally, one, maxdepth)
            if found is None:
                found = await self._expand_path(one, recursive, maxdepth)
            names += found
        await self.run(self._remove, names, recursive)

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        await self.run(self.rm_file, path)

    async def _mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        await self.run(self.mkdir, path, create_parents, **kwargs)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        await self.run(self.makedirs, path, exist_ok)

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        await self.run(self.touch, path, truncate, **kwargs)


def _replaces(mode: str) -> bool:
    """Tell whether what is there is overwritten."""
    if mode not in {"overwrite", "create"}:
        raise ValueError(f"mode {mode!r} is none of overwrite, create")
    return mode == "overwrite"


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _each(path: str | Iterable[str]) -> list[str]:
    return [path] if isinstance(path, str) else list(path)


def _tops(found: list[str], *, is_whole: bool = True) -> list[str]:
    """Leave out the root, and what goes with what is above it if all below goes too.

    The deepest come first.
    """
    names = {*found} - {"/"}
    above = names if is_whole else set()
    tops = [one for one in names if one.rpartition("/")[0] not in above]
    return sorted(tops, key=lambda one: (-len(one), one))
