"""Mutable files: a tree under `/`."""

from typing import TYPE_CHECKING, Any

from ipfs_kit_py._ipfs.node import Node, both, text_of
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py._results import operation

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._hashing import Readable


class Files(Node):
    """What changes and reads the mutable files, as Kubo's `ipfs files` does."""

    @operation("files_mkdir")
    def files_mkdir(self, path: str, *, parents: bool = False) -> dict[str, Any]:
        """Make a directory; with `parents`, those above it, and none if it is there."""
        return self._made(path, parents=parents)

    @operation("ipfs_mkdir")
    def ipfs_mkdir(self, path: str, *, parents: bool = True) -> dict[str, Any]:
        """Make a directory and those above it.

        Returns:
            `path`, and its `cid` and `Hash`.
        """
        return self._made(path, parents=parents)

    @operation("files_cp")
    def files_cp(
        self, source: IPFSPath, dest: str, *, parents: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Put a file or directory at a path; no bytes are copied."""
        self._engine.files_cp(
            source, dest, parents=parents, force=force, profile=self._profile
        )
        return {"source": text_of(source), "dest": dest}

    @operation("files_mv")
    def files_mv(self, source: str, dest: str) -> dict[str, Any]:
        """Move an entry."""
        self._engine.files_mv(source, dest, profile=self._profile)
        return {"source": source, "dest": dest}

    @operation("files_rm")
    def files_rm(
        self, path: str, *, recursive: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Remove an entry; with `force`, nothing there is no error."""
        self._engine.files_rm(
            path, recursive=recursive, force=force, profile=self._profile
        )
        return {"path": path}

    @operation("files_write")
    def files_write(
        self,
        path: str,
        data: "Buffer | Readable",
        offset: int = 0,
        *,
        create: bool = True,
        parents: bool = False,
        truncate: bool = False,
    ) -> dict[str, Any]:
        """Write into a file, which is made if it is not there.

        Returns:
            `path`, and its `cid` and `Hash` now.
        """
        self._engine.files_write(
            path,
            data,
            offset,
            create=create,
            parents=parents,
            truncate=truncate,
            profile=self._profile,
        )
        return {"path": path} | both(self._engine.files_flush(path))

    @operation("files_read")
    def files_read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> dict[str, Any]:
        """Read a file, or a range of it: `content` and `data`."""
        data = self._engine.files_read(path, offset, length)
        return {"path": path, "content": data, "data": data, "size": len(data)}

    @operation("files_ls")
    def files_ls(self, path: str = "/") -> dict[str, Any]:
        """List a directory.

        Returns:
            `entries` and `Entries`, each with `Name`, `Hash`, `Size`, `Type`.
        """
        entries = [
            {
                "Name": entry.name,
                "Hash": str(entry.cid),
                "Size": entry.file_size or 0,
                "Type": entry.kind or "unknown",
            }
            for entry in self._engine.files_ls(path)
        ]
        return {
            "path": path,
            "entries": entries,
            "Entries": entries,
            "count": len(entries),
        }

    @operation("files_stat")
    def files_stat(self, path: str = "/") -> dict[str, Any]:
        """Look at an entry."""
        found = self._engine.files_stat(path)
        values: dict[str, Any] = {
            "path": path,
            "type": found.kind,
            "Type": found.kind,
        }
        values |= {"CumulativeSize": found.cumulative_size, "Blocks": found.links}
        return values | both(found.cid, size=found.size)

    @operation("files_flush")
    def files_flush(self, path: str = "/") -> dict[str, Any]:
        """Say which CID an entry has now."""
        return {"path": path} | both(self._engine.files_flush(path))

    def _made(self, path: str, *, parents: bool) -> dict[str, Any]:
        self._engine.files_mkdir(path, parents=parents, profile=self._profile)
        return {"path": path} | both(self._engine.files_flush(path))
