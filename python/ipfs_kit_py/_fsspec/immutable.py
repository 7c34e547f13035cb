"""`ipfs://`: trees that never change."""

import os
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from ipfs_kit_py._fsspec.options import KitFileSystem
from ipfs_kit_py._fsspec.paths import At, split, stripped
from ipfs_kit_py._fsspec.tree import root_of
from ipfs_kit_py.errors import AccessDeniedError

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

    def put(
        self,
        lpath: str | os.PathLike[str] | Sequence[str],
        rpath: str | None = None,
        recursive: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Add a file or folder, pinned, and give its CID.

        Args:
            lpath: The file or folder; of a list, each is added by itself.
            rpath: Nothing: what is added has the place that its CID says.
            recursive: A folder is always added with all below.
            **kwargs: `callback`, as fsspec has it; all else as `kit.ipfs.add` takes it,
                as `hidden=True` for what begins with a dot.

        Raises:
            AccessDeniedError: `rpath` is a place in a tree.
        """
        if rpath is not None and self._strip_protocol(rpath):
            self._refuse(rpath)
        if isinstance(lpath, str | os.PathLike):
            return self._add(lpath, **kwargs)
        return [self._add(one, **kwargs) for one in lpath]

    def put_file(self, lpath: Any, rpath: Any = None, **kwargs: Any) -> Any:
        """Do what `put` does."""
        return self.put(lpath, rpath, **kwargs)

    async def _put(self, lpath: Any, rpath: Any = None, **kwargs: Any) -> Any:
        return await self.run(lambda: self.put(lpath, rpath, **kwargs))

    async def _put_file(self, lpath: Any, rpath: Any = None, **kwargs: Any) -> Any:
        return await self._put(lpath, rpath, **kwargs)

    def _add(self, path: str | os.PathLike[str], **kwargs: Any) -> str:
        callback = kwargs.pop("callback", None)
        for name in ("batch_size", "maxdepth", "mode"):
            kwargs.pop(name, None)
        kwargs.setdefault("profile", self._profile)
        done = self.add_to_store(os.fspath(path).removeprefix("file://"), **kwargs)
        if callback is not None:
            callback.relative_update(1)
        return str(done.cid)

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
