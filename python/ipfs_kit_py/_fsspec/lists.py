"""Many entries through fsspec: lists of directories, and of all below."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from fsspec.asyn import sync
from fsspec.utils import glob_translate

from ipfs_kit_py._fsspec.entries import NOWHERE, EntryFileSystem, Info, described
from ipfs_kit_py._fsspec.metrics import measured
from ipfs_kit_py._fsspec.paths import has_magic, joined
from ipfs_kit_py._fsspec.tree import Seen, listed
from ipfs_kit_py.errors import InvalidCIDError


class ListFileSystem(EntryFileSystem):
    """Lists directories: as lists where fsspec has such; `scan` holds a few entries."""

    @measured("ls")
    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """List a directory: what `info` says of each entry, or names; a file, itself."""
        found = self.scan(path)
        return list(found) if detail else [info["name"] for info in found]

    def scan(self, path: str) -> Iterator[Info]:
        """Iterate over a directory of any size: what `info` says, one after the other."""
        path = self._strip_protocol(path)
        return self._entries(path, self._look(path))

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
        # Names alone take a fifth of the memory.
        files: dict[str, Info | None] = {}
        try:
            for info in self._entries(path, self._look(path)):
                is_itself = info["name"] == path
                name = "" if is_itself else info["name"].rsplit("/", 1)[-1]
                if info["type"] == "directory" and not is_itself:
                    dirs[name] = info
                else:
                    files[name] = info if detail else None
        except (OSError, InvalidCIDError) as error:
            if on_error == "raise":
                raise
            if callable(on_error) and isinstance(error, OSError):
                on_error(error)
            elif not isinstance(error, NOWHERE):
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

    @measured("find")
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
        below = self._below(path, maxdepth, prefix, with_dirs=withdirs)
        if not detail:
            return sorted({info["name"] for info in below})
        found = {info["name"]: info for info in below}
        return {name: found[name] for name in sorted(found)}

    def _below(
        self, path: str, maxdepth: int | None, prefix: str = "", *, with_dirs: bool
    ) -> Iterator[Info]:
        """Iterate over all below a path, one directory after the other."""
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        path = self._strip_protocol(path)
        try:
            seen = self._look(path)
        except NOWHERE:
            return
        if with_dirs and seen.stat.kind == "directory":
            stat = seen.stat
            yield described(path, stat.kind, 0, str(stat.cid), seen.link)
        todo: list[tuple[str, Seen | None, int]] = [(path, seen, 1)]
        while todo:
            above, place, depth = todo.pop()
            first = joined(above, prefix) if prefix and depth == 1 else ""
            is_deep = maxdepth is not None and depth >= maxdepth
            for info in self._entries(above, place or self._look(above)):
                if not info["name"].startswith(first):
                    continue
                if info["type"] != "directory":
                    yield info
                    continue
                if with_dirs:
                    yield info
                if not is_deep and not info.get("islink"):
                    todo.append((info["name"], None, depth + 1))

    @measured("glob")
    def glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """List what a pattern fits.

        Of a directory of any size no more is held than that, if only the last name has a
        pattern in it.
        """
        above, _, last = self._strip_protocol(path).rpartition("/")
        is_simple = has_magic(last) and not has_magic(above) and "**" not in last
        if not is_simple or path.endswith("/") or maxdepth is not None or not above:
            return self._glob_by_fsspec(path, maxdepth, **kwargs)
        fits = re.compile(glob_translate(last)).match
        with_dirs = kwargs.get("withdirs", True)
        try:
            found = {
                info["name"]: info
                for info in self.scan(above)
                if info["name"] != above
                and fits(info["name"].rpartition("/")[2])
                and (with_dirs or info["type"] != "directory")
            }
        except NOWHERE:
            found = {}
        names = sorted(found)
        return {name: found[name] for name in names} if kwargs.get("detail") else names

    def _glob_by_fsspec(self, path: str, maxdepth: int | None, **kwargs: Any) -> Any:
        work = super()._glob
        return sync(self.loop, work, path, maxdepth=maxdepth, **kwargs)

    def du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Sum up the sizes of all files below a path, or list them."""
        found = self._below(path, maxdepth, with_dirs=withdirs)
        if total:
            return sum(info["size"] for info in found)
        return dict(sorted((info["name"], info["size"]) for info in found))
