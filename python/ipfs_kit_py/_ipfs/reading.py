"""Reading: content, listings, sizes, copies on disk."""

import os
from typing import Any

from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._ipfs.node import Node, both, content_of, text_of
from ipfs_kit_py._repository import Entry, IPFSPath
from ipfs_kit_py._repository.dags import Writable
from ipfs_kit_py._results import operation
from ipfs_kit_py.errors import BlockNotFoundError, PathNotFoundError

# The numbers that UnixFS has for kinds, which Kubo's `ls` prints.
_TYPES = {"directory": 1, "file": 2, "metadata": 3, "symlink": 4}


class Reading(Node):
    """What reads. A path is a CID, `/ipfs/CID/a`, `ipfs://CID/a`, or an IPNS name."""

    @operation("cat")
    def cat(
        self,
        cid: IPFSPath,
        offset: int = 0,
        length: int | None = None,
        *,
        output: Writable | None = None,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Read a file, or a range of it.

        Args:
            cid: The file.
            offset: Where to begin.
            length: How much to read; to the end if not given.
            output: Where to write it, piece by piece; then the result holds no content.
            progress: Called with bytes written to `output` so far, and 0.

        Returns:
            `content` and `data`: the bytes; `size`, how many.
        """
        found = {"cid": text_of(cid)}
        if output is None:
            data = content_of(self, cid, offset, length)
            return found | {"content": data, "data": data, "size": len(data)}
        size = 0
        for piece in self._reader.iter_file(cid, offset, length):
            output.write(piece)
            size += len(piece)
            if progress:
                progress(size, 0)
        return found | {"size": size}

    @operation("cat_stream")
    def cat_stream(
        self, cid: IPFSPath, offset: int = 0, length: int | None = None
    ) -> dict[str, Any]:
        """Read a file piece by piece.

        Returns:
            `chunks`: an iterator of bytes, which raises if a piece cannot be read;
            `size`, how many bytes the file has.
        """
        size = self._reader.stat(cid).size
        chunks = self._reader.iter_file(cid, offset, length)
        return {"cid": text_of(cid), "size": size, "chunks": chunks}

    @operation("get")
    def get(
        self,
        cid: IPFSPath,
        output_path: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Write a file or folder to disk, never outside of `output_path`.

        Args:
            cid: What to write.
            output_path: What to make; it must not exist, and appears when it is whole.
            progress: Called with bytes and entries done so far.

        Returns:
            `output_path`, `cid`, `bytes`, and `entries`: files, folders and links.
        """
        return self._get(cid, output_path, progress)

    @operation("ipfs_get")
    def ipfs_get(
        self,
        cid: IPFSPath,
        file_path: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Do what `get` does; the result holds `metadata` as well."""
        done = self._get(cid, file_path, progress)
        return done | {"metadata": {"path": done["output_path"], "size": done["bytes"]}}

    @operation("ls")
    def ls(self, cid: IPFSPath) -> dict[str, Any]:
        """List a directory as Kubo's API does.

        Returns:
            `Objects`: one, with `Hash` and `Links`, each with `Name`, `Hash`, `Size`
            (bytes of a file, 0 for a directory) and `Type` (1 directory, 2 file, 4
            symlink); `count`, how many links.
        """
        links = [_link(entry) for entry in self._reader.ls(cid)]
        found = {"Hash": text_of(cid), "Links": links}
        return {"cid": text_of(cid), "Objects": [found], "count": len(links)}

    @operation("ipfs_ls_path")
    def ipfs_ls_path(self, path: IPFSPath) -> dict[str, Any]:
        """List a directory, also one of the mutable files (`/a`).

        Returns:
            `path`, `count`, and `items`, each with `name`, `cid`, `size` and `type`.
        """
        listed = self._engine.files_ls if is_mutable(path) else self._reader.ls
        items = [
            {
                "name": entry.name,
                "cid": str(entry.cid),
                "size": entry.size if entry.file_size is None else entry.file_size,
                "type": entry.kind or "unknown",
            }
            for entry in listed(text_of(path))
        ]
        return {"path": text_of(path), "items": items, "count": len(items)}

    @operation("stat")
    def stat(self, path: IPFSPath) -> dict[str, Any]:
        """Look at a file, directory or link; only its first block is read."""
        return self._stat(path)

    @operation("ipfs_stat_path")
    def ipfs_stat_path(self, path: IPFSPath) -> dict[str, Any]:
        """Look at a path, also one of the mutable files (`/a`)."""
        return self._stat(path)

    @operation("exists")
    def exists(self, path: IPFSPath) -> dict[str, Any]:
        """Tell whether a path leads to something that is here, mutable files too.

        Returns:
            `exists`.
        """
        return {"path": text_of(path), "exists": self._exists(path)}

    @operation("resolve")
    def resolve(self, path: IPFSPath) -> dict[str, Any]:
        """Follow a path to its CID."""
        return {"path": text_of(path)} | both(self._reader.resolve(path))

    def _exists(self, path: IPFSPath) -> bool:
        try:
            self._stat(path)
        except (BlockNotFoundError, PathNotFoundError):
            return False
        return True

    def _stat(self, path: IPFSPath) -> dict[str, Any]:
        stat = self._engine.files_stat if is_mutable(path) else self._reader.stat
        found = stat(text_of(path))
        values = {
            "path": text_of(path),
            "type": found.kind,
            "cumulative_size": found.cumulative_size,
            "links": found.links,
            "mode": found.mode,
            "mtime": found.mtime,
        }
        return values | both(found.cid, size=found.size)

    def _get(
        self, cid: IPFSPath, output: StrPath, progress: ProgressCallback | None
    ) -> dict[str, Any]:
        done = self._reader.get(cid, output, progress)
        return {
            "output_path": os.fspath(output),
            "cid": text_of(cid),
            "bytes": done.bytes,
            "entries": done.entries,
        }


def is_mutable(path: IPFSPath) -> bool:
    """Tell whether a path is one of the mutable files: it begins with no namespace."""
    return (
        isinstance(path, str)
        and path.startswith("/")
        and not path.startswith(("/ipfs/", "/ipns/", "/ipld/"))
    )


def _link(entry: Entry) -> dict[str, Any]:
    return {
        "Name": entry.name,
        "Hash": str(entry.cid),
        "Size": entry.size if entry.file_size is None else entry.file_size,
        "Type": _TYPES.get(entry.kind or "", 0),
        "Target": "",
    }
