"""Entries of trees through fsspec: what stands where, and lists."""

import asyncio
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fsspec.asyn import AsyncFileSystem, get_loop

from ipfs_kit_py._fsspec.paths import At, joined
from ipfs_kit_py._fsspec.tree import Seen, listed, look, lost_link
from ipfs_kit_py.errors import (
    AccessDeniedError,
    InvalidCIDError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._repository.reading import Reading

Info: TypeAlias = dict[str, Any]

# What is no place in any tree.
NOWHERE = (FileNotFoundError, NotADirectoryError, InvalidCIDError)


class EntryFileSystem(AsyncFileSystem):  # type: ignore[misc] # it has no types
    """Looks at trees of UnixFS through fsspec, from any thread or process.

    What is not asynchronous runs on the calling thread, without an event loop.
    """

    async_impl = True
    mirror_sync_methods = True
    cachable = True
    _intrans = False
    _pid: int

    # What the two differ in.

    @property
    @abstractmethod
    def reader(self) -> "Reading":
        """What reads."""

    @abstractmethod
    def _at(self, path: str) -> At:
        """Give the place of a stripped path."""

    # A loop of its own for a forked child.

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that asynchronous calls run on."""
        if self._pid != os.getpid() and not self.asynchronous:
            self._loop, self._pid = get_loop(), os.getpid()
        loop: asyncio.AbstractEventLoop | None = self._loop
        return loop

    # One entry.

    def _look(self, path: str) -> Seen:
        return look(self.reader, self._at(path), path)

    def info(self, path: str, **kwargs: Any) -> Info:
        """Describe an entry: one path of a hash trie is read, and no list.

        Returns:
            `name`, `size`, `type` (`file` or `directory`), `cid`; `mode` and `mtime` if
            they were kept; `islink` and `destination` for a link that was followed.
        """
        path = self._strip_protocol(path)
        try:
            seen = self._look(path)
        except OSError:
            lost = lost_link(self.reader, self._at(path), path)
            if lost is None:
                raise
            return described(path, "other", 0, str(lost.stat.cid), lost.link)
        stat = seen.stat
        found = described(path, stat.kind, stat.size, str(stat.cid), seen.link)
        if stat.mode is not None:
            found["mode"] = stat.mode
        if stat.mtime is not None:
            found["mtime"] = stat.mtime
        return found

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Tell whether a path leads to something.

        Raises:
            ContentIncompleteError: Nobody knows: a block on the way is missing.
        """
        try:
            self._look(self._strip_protocol(path))
        except NOWHERE:
            return False
        except AccessDeniedError:
            return not self._strip_protocol(path)
        return True

    def isfile(self, path: str) -> bool:
        """Tell whether a path leads to a file."""
        return self._is(path, "file")

    def isdir(self, path: str) -> bool:
        """Tell whether a path leads to a directory."""
        return self._is(path, "directory")

    def _is(self, path: str, kind: str) -> bool:
        try:
            return self._look(self._strip_protocol(path)).stat.kind == kind
        except (*NOWHERE, AccessDeniedError):
            return False

    def size(self, path: str) -> int:
        """Say how long a file is."""
        return int(self.info(path)["size"])

    def checksum(self, path: str) -> str:
        """Give the CID, which never changes but with the bytes."""
        return str(self._look(self._strip_protocol(path)).stat.cid)

    def ukey(self, path: str) -> str:
        """Give the CID: what is cached under it never has to be asked for again."""
        return self.checksum(path)

    def created(self, path: str) -> datetime:
        """Give the time that was kept with an entry."""
        return self.modified(path)

    def modified(self, path: str) -> datetime:
        """Give the time that was kept with an entry; few are.

        Else it is 1970 for what never changes, and now for what may have changed.
        """
        path = self._strip_protocol(path)
        seconds = self._look(path).stat.mtime
        if seconds is None:
            return self._time_unknown()
        return datetime.fromtimestamp(seconds, UTC)

    def _time_unknown(self) -> datetime:
        return datetime.fromtimestamp(0, UTC)

    def sign(self, path: str, expiration: int = 100, **kwargs: Any) -> str:
        """Refuse: who has a CID needs no signature.

        Raises:
            NotImplementedError: Always.
        """
        del expiration, kwargs
        raise NotImplementedError(
            f"{path}: a CID is no secret and is checked by whoever reads; share the CID"
        )

    # Many entries.

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """List a directory: what `info` says of each entry, or names; a file, itself."""
        path = self._strip_protocol(path)
        found = list(self._entries(path, self._look(path)))
        return found if detail else [info["name"] for info in found]

    def _entries(self, path: str, seen: Seen) -> Iterator[Info]:
        if seen.stat.kind != "directory":
            stat = seen.stat
            yield described(path, stat.kind, stat.size, str(stat.cid), seen.link)
            return
        for entry, behind, link in listed(self.reader, seen, path):
            name = joined(path, entry.name)
            if link is None:
                yield described(name, entry.kind, entry.file_size or 0, str(entry.cid))
            elif behind is None:
                yield described(name, "other", 0, str(entry.cid), link)
            else:
                stat = behind.stat
                yield described(name, stat.kind, stat.size, str(stat.cid), link)

    def walk(
        self,
        path: str,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: "Literal['omit', 'raise'] | Callable[[OSError], object]" = "omit",
        **kwargs: Any,
    ) -> Iterator[tuple[str, Any, Any]]:
        """Iterate over directories and what is in them, as `os.walk` does.

        Links to directories are listed and not entered. Directories that a caller takes
        out of the second item are not entered either.
        """
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        path = self._strip_protocol(path)
        detail = kwargs.get("detail", False)
        dirs: dict[str, Info] = {}
        files: dict[str, Info] = {}
        try:
            for info in self._entries(path, self._look(path)):
                inside = info["type"] == "directory" and info["name"] != path
                kept = dirs if inside else files
                is_itself = info["name"] == path
                kept["" if is_itself else info["name"].rsplit("/", 1)[-1]] = info
        except OSError as error:
            if on_error == "raise":
                raise
            if callable(on_error):
                on_error(error)
            elif not isinstance(error, FileNotFoundError | NotADirectoryError):
                # To leave out what cannot be read would be to say that it is not there.
                raise
            return
        shown = (dirs, files) if detail else (list(dirs), list(files))
        if topdown:
            yield path, *shown
        if maxdepth is None or maxdepth > 1:
            below = None if maxdepth is None else maxdepth - 1
            for name in list(shown[0]) if topdown else dirs:
                if name in dirs and not dirs[name].get("islink"):
                    inner = joined(path, name)
                    yield from self.walk(inner, below, topdown, on_error, detail=detail)
        if not topdown:
            yield path, *shown

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **kwargs: Any,
    ) -> Any:
        """List all files below a path, with sizes if `detail`."""
        prefix = kwargs.get("prefix") or ""
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        path = self._strip_protocol(path)
        found: dict[str, Info] = {}
        try:
            seen = self._look(path)
        except NOWHERE:
            return {} if detail else []
        if withdirs and seen.stat.kind == "directory":
            stat = seen.stat
            found[path] = described(path, stat.kind, 0, str(stat.cid), seen.link)
        todo: list[tuple[str, Seen | None, int]] = [(path, seen, 1)]
        while todo:
            above, place, depth = todo.pop()
            first = joined(above, prefix) if prefix and depth == 1 else ""
            for info in self._entries(above, place or self._look(above)):
                name = info["name"]
                if not name.startswith(first):
                    continue
                if info["type"] != "directory":
                    found[name] = info
                    continue
                if withdirs:
                    found[name] = info
                is_deep = maxdepth is not None and depth >= maxdepth
                if not is_deep and not info.get("islink"):
                    todo.append((name, None, depth + 1))
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    def du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Sum up the sizes of all files below a path, or list them."""
        found = self.find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True)
        sizes = {name: info["size"] for name, info in found.items()}
        return sum(sizes.values()) if total else sizes


def described(
    name: str, kind: str | None, size: int, cid: str, link: str | None = None
) -> Info:
    found: Info = {"name": name, "size": size, "type": kind, "cid": cid}
    if link is not None:
        found |= {"islink": True, "destination": link}
    return found
