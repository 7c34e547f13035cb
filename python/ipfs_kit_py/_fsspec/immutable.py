"""`ipfs://`: trees that never change."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.implementations.local import LocalFileSystem

from ipfs_kit_py._fsspec.options import KitFileSystem
from ipfs_kit_py._fsspec.paths import At, has_magic, split, stripped
from ipfs_kit_py._fsspec.tree import root_of
from ipfs_kit_py.errors import AccessDeniedError, InvalidParameterError

_REFUSED = "ipfs:// never changes: write under mfs://, and `commit()` gives the CID"


class IPFSFileSystem(KitFileSystem):
    """Everything with a CID, as fsspec knows file systems; see `KitFileSystem`."""

    protocol: ClassVar[tuple[str, ...]] = ("ipfs", "ipfskit", "ipns")
    root_marker = ""

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return stripped(os.fspath(path))

    def unstrip_protocol(self, name: str) -> str:
        """Put `ipfs://` or `ipns://` before a path."""
        path = self._strip_protocol(name)
        if path.startswith("/ipns/"):
            return f"ipns://{path.removeprefix('/ipns/')}"
        return f"ipfs://{path}"

    @classmethod
    def _parent(cls, path: str) -> str:
        above = cls._strip_protocol(path).rpartition("/")[0]
        return "" if above == "/ipns" else above

    def _at(self, path: str) -> At:
        root, names = split(path)
        return At(root_of(self.reader, root), names)

    def _local_target(self, rpath: Any, lpath: Any) -> Any:
        # fsspec looks for the last name behind a slash, and a CID alone has none.
        if isinstance(rpath, str) and isinstance(lpath, str | os.PathLike):
            name, into = self._strip_protocol(rpath), os.fspath(lpath)
            is_folder = into.endswith(("/", os.sep)) or Path(into).is_dir()
            if is_folder and not rpath.endswith("/") and "/" not in name:
                return f"{Path(into, name)}/"
        return lpath

    def put(
        self,
        lpath: str | os.PathLike[str] | Sequence[str],
        rpath: str | None = None,
        recursive: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Add a file or folder, pinned, and give its CID.

        Args:
            lpath: The file or folder; of a list, and of what a pattern fits, each is
                added by itself, and a list of CIDs is given.
            rpath: Nothing: what is added has the place that its CID says.
            recursive: A folder is always added with all below.
            **kwargs: `callback`, as fsspec has it; all else as `kit.ipfs.add` takes it,
                as `hidden=True` for what begins with a dot.

        Raises:
            AccessDeniedError: `rpath` is a place in a tree.
            InvalidParameterError: `maxdepth` is given.
            FileNotFoundError: Nothing fits a pattern.
        """
        if rpath is not None and self._strip_protocol(rpath):
            self._refuse(rpath)
        if kwargs.pop("maxdepth", None) is not None:
            raise InvalidParameterError("maxdepth: a folder is added with all below")
        callback = kwargs.pop("callback", DEFAULT_CALLBACK)
        given = [lpath] if isinstance(lpath, str | os.PathLike) else lpath
        found = [one for path in given for one in _local(path)]
        callback.set_size(len(found))
        added = []
        for one in found:
            added.append(self._add(one, **kwargs))
            callback.relative_update(1)
        return added[0] if given[0] is lpath and found == [_plain(lpath)] else added

    def put_file(self, lpath: Any, rpath: Any = None, **kwargs: Any) -> Any:
        """Do what `put` does."""
        return self.put(lpath, rpath, **kwargs)

    async def _put(self, lpath: Any, rpath: Any = None, **kwargs: Any) -> Any:
        return await self.run(lambda: self.put(lpath, rpath, **kwargs))

    async def _put_file(self, lpath: Any, rpath: Any = None, **kwargs: Any) -> Any:
        return await self._put(lpath, rpath, **kwargs)

    def _add(self, path: str, **kwargs: Any) -> str:
        # How many go side by side, and whether others may be there already, is all one.
        for name in ("batch_size", "mode"):
            kwargs.pop(name, None)
        kwargs.setdefault("profile", self._profile)
        return str(self.add_to_store(path, **kwargs).cid)

    def _open(self, path: str, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        if not {*mode}.isdisjoint("wax+"):
            self._refuse(path)
        return super()._open(path, mode, *args, **kwargs)

    # Everything that would change something.

    def _refuse(self, path: Any = None, *args: Any, **kwargs: Any) -> NoReturn:
        del args, kwargs
        raise AccessDeniedError(13, _REFUSED, str(path))

    async def _refuse_later(
        self, path: Any = None, *args: Any, **kwargs: Any
    ) -> NoReturn:
        self._refuse(path, *args, **kwargs)

    pipe = pipe_file = rm = rm_file = rmdir = mkdir = makedirs = touch = _refuse
    cp_file = copy = mv = move = _refuse
    _pipe = _pipe_file = _rm = _rm_file = _mkdir = _makedirs = _refuse_later
    _cp_file = _copy = _refuse_later


def _local(path: str | os.PathLike[str]) -> list[str]:
    """List what a path on the disk stands for, which may be a pattern."""
    name = _plain(path)
    if not has_magic(name) or os.path.lexists(name):
        return [name]
    found: list[str] = LocalFileSystem().expand_path(name)
    return found


def _plain(path: str | os.PathLike[str]) -> str:
    return os.fspath(path).removeprefix("file://")
