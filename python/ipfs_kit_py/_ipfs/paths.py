"""Operations under the names that `ipfs_kit` gives them."""

from typing import Any

from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._ipfs.adding import Adding
from ipfs_kit_py._results import operation


class Paths(Adding):
    """What adds a path whatever it is."""

    @operation("ipfs_add_path")
    def ipfs_add_path(
        self, path: StrPath, *, pin: bool = True, progress: ProgressCallback | None = None
    ) -> dict[str, Any]:
        """Add a file or folder.

        Returns:
            As `add`; `path`, and `files`: the CID of everything that was added, by path.
        """
        return self._added_path(path, pin=pin, progress=progress)

    @operation("ipfs_add_file")
    def ipfs_add_file(
        self,
        file_path: StrPath,
        *,
        pin: bool = True,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Add a file or folder."""
        return self._added_path(file_path, pin=pin, progress=progress)

    def _added_path(
        self, path: StrPath, *, pin: bool, progress: ProgressCallback | None
    ) -> dict[str, Any]:
        done = self._add_listed(path, pin, None, progress, None, {})
        name = done["name"]
        below = {f"{name}/{at}": cid for at, cid in done.pop("file_cids").items()}
        return done | {"path": str(path), "files": below | {name: done["cid"]}}
