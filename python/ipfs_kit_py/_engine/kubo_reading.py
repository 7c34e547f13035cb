"""Reading from a Kubo node by fetching whole DAGs: a stopgap.

It goes when files are read over a chain of block sources. What is read here is verified,
and every reading method behaves as the embedded engine's does, since it is that which
reads: a DAG is fetched as a CAR into a repository that lives as long as the engine. So a
range of a large file costs all of the file, once.
"""

from collections.abc import Iterator
from typing import Literal

from ipfs_kit_py import _native
from ipfs_kit_py._car import Unpacked
from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._kubo.client import Client
from ipfs_kit_py._kubo.dags import Dags
from ipfs_kit_py._kubo.files import Files
from ipfs_kit_py._kubo.names import Names
from ipfs_kit_py._kubo.scratch import Scratch
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import Entry, FileStat, IPFSFile, IPFSPath, Repository


class KuboReading(Dags, Files, Names):
    """What reads files and directories."""

    def __init__(self, client: Client, folder: StrPath) -> None:
        super().__init__(client, folder)
        self._fetched = Scratch(1 << 40)

    def cat(self, path: IPFSPath, offset: int = 0, length: int | None = None) -> bytes:
        """Read a file, or a range of it."""
        here, local = self._fetch(path)
        return here.cat(local, offset, length)

    def iter_file(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Iterate over the bytes of a file."""
        here, local = self._fetch(path)
        return here.iter_file(local, offset, length)

    def open(self, path: IPFSPath) -> IPFSFile:
        """Open a file for reading and seeking."""
        here, local = self._fetch(path)
        return here.open(local)

    def get(
        self,
        path: IPFSPath,
        output: StrPath,
        progress: ProgressCallback | None = None,
        *,
        symlinks: Literal["inside", "any", "skip"] = "inside",
        max_bytes: int | None = None,
        max_entries: int | None = None,
    ) -> Unpacked:
        """Write a file or folder to disk, never outside `output`."""
        here, local = self._fetch(path)
        return here.get(
            local,
            output,
            progress,
            symlinks=symlinks,
            max_bytes=max_bytes,
            max_entries=max_entries,
        )

    def ls(self, path: IPFSPath, *, resolve: bool = True) -> Iterator[Entry]:
        """List a directory."""
        here, local = self._fetch(path)
        return here.ls(local, resolve=resolve)

    def stat(self, path: IPFSPath) -> FileStat:
        """Look at a file, directory or link."""
        here, local = self._fetch(path)
        return here.stat(local)

    def files_read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read a mutable file."""
        return self.cat(self.files_flush(path), offset, length)

    def files_stat(self, path: str = "/") -> FileStat:
        """Look at a mutable entry."""
        return self.stat(self.files_flush(path))

    def files_ls(self, path: str = "/", *, resolve: bool = True) -> Iterator[Entry]:
        """List a mutable directory; a file is listed by itself."""
        cid = self.files_flush(path)
        found = self.stat(cid)
        if found.kind == "directory":
            return self.ls(cid, resolve=resolve)
        name = path.rstrip("/").rpartition("/")[2]
        whole = found.cumulative_size
        return iter([Entry(name, cid, whole, found.kind, found.size)])

    def close(self) -> None:
        """Close the connections, and forget what was fetched."""
        super().close()
        self._fetched.close()

    def _fetch(self, path: IPFSPath) -> tuple[Repository, IPFSPath]:
        """Fetch what a path begins with; the path to read there."""
        root, names = _native.split_path(path)
        if isinstance(root, str):
            path = "/".join([self.name_resolve(root), *names])
            root, names = _native.split_path(path)
            assert isinstance(root, CID)  # noqa: S101 - it was resolved to its end
        with self._fetched.borrowed() as here:
            # It stays open until the engine is closed.
            return self._fetch_into(here, root), path

    def _fetch_into(self, here: Repository, root: CID) -> Repository:
        if not here.has(root) or _native.repo_first_missing(here._core, root):
            here.dag_import(_Stream(self.export_car(root)), pin_roots=False)
        return here


class _Stream:
    """Bytes that come in pieces, to be read by a number."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        found, self._rest = self._rest[:size], self._rest[size:]
        return found
