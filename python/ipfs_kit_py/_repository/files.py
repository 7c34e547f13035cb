"""Mutable files: a tree under `/` whose entries come and go."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Unpack

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import DEFAULT_PROFILE, ImportParams, Readable
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.handle import Handle, IPFSPath
from ipfs_kit_py._repository.reading import Entry, FileStat, Reading, checked
from ipfs_kit_py.errors import InvalidParameterError, PathNotFoundError

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Files(Reading, Handle):
    """What changes the mutable files, as Kubo's `ipfs files` does, with its CIDs.

    Each call makes a new tree and swaps its root for the old one; of two that come at
    once, one is made anew on what the other left. What the tree holds is never collected.
    """

    def files_cp(
        self,
        source: IPFSPath,
        target: str,
        *,
        parents: bool = False,
        force: bool = False,
        profile: str = DEFAULT_PROFILE,
    ) -> None:
        """Put a file or directory at a path; no bytes are copied.

        Args:
            source: A path with a CID (`/ipfs/CID/a`, `ipfs://CID/a`, a `CID`), or one of
                the mutable files (`/a`).
            target: Where to; with a slash at its end, the directory to put it in.
            parents: Make the directories that are missing.
            force: Take the place of a file that is there.
            profile: How directories are made that are new.

        Raises:
            PathExistsError: Something is at `target`.
        """
        given: IPFSPath | list[str] = source
        if isinstance(source, str) and not source.startswith(("/ipfs/", "/ipns/")):
            is_files = source.startswith("/")
            given = _native.split_files_path(source) if is_files else source
        names = _native.split_files_path(target)
        if target.endswith("/"):
            names.append(_base(given))
        _native.repo_files_link(
            self._core, given, names, profile, parents=parents, replace=force
        )

    def files_mkdir(
        self,
        path: str,
        *,
        parents: bool = False,
        profile: str = DEFAULT_PROFILE,
        **params: Unpack[ImportParams],
    ) -> None:
        """Make a directory; with `parents`, those above it, and none if it is there.

        Raises:
            PathExistsError: Something is there.
        """
        names = _native.split_files_path(path)
        _native.repo_files_mkdir(self._core, names, profile, params, parents=parents)

    def files_mv(
        self, source: str, target: str, *, profile: str = DEFAULT_PROFILE
    ) -> None:
        """Move an entry: to that name, or into the directory that is there.

        Raises:
            PathNotFoundError: There is nothing at `source`.
        """
        old = _native.split_files_path(source)
        new = _native.split_files_path(target)
        if target.endswith("/") and new and self._find(new) is None:
            new.append(_base(old))
        _native.repo_files_rename(self._core, old, new, profile)

    def files_rm(
        self,
        path: str,
        *,
        recursive: bool = False,
        force: bool = False,
        profile: str = DEFAULT_PROFILE,
    ) -> None:
        """Remove an entry.

        Args:
            path: The entry.
            recursive: Remove a directory, with all below.
            force: The same, and nothing there is no error.
            profile: How directories are made anew.

        Raises:
            PathIsADirectoryError: It is a directory.
            PathNotFoundError: There is nothing.
        """
        names = _native.split_files_path(path)
        try:
            _native.repo_files_unlink(
                self._core, names, profile, recursive=recursive or force
            )
        except PathNotFoundError:
            if not force:
                raise

    def files_write(
        self,
        path: str,
        data: "Buffer | Readable",
        offset: int | None = 0,
        *,
        create: bool = False,
        parents: bool = False,
        truncate: bool = False,
        profile: str = DEFAULT_PROFILE,
        **params: Unpack[ImportParams],
    ) -> None:
        """Write into a file.

        Args:
            path: The file.
            data: Bytes, or an object with `read`, which is read to its end.
            offset: Where to begin; a gap is filled with zeros. `None` is behind what is
                there, whoever else appends; for bytes alone.
            create: Make the file if there is none.
            parents: Make the directories that are missing.
            truncate: Drop what is there first.
            profile: How new blocks are made.
            **params: Single parameters, see `ImportParams`.

        Raises:
            PathNotFoundError: There is no such file, and `create` is false.
            PathIsADirectoryError: It is a directory.
            ConflictError: Others changed the tree while an object with `read` was being
                read, which cannot be read again.
        """
        _native.repo_files_write(
            self._core,
            _native.split_files_path(path),
            data,
            profile,
            params,
            offset=checked("offset", offset),
            create=create,
            parents=parents,
            truncate=truncate,
        )

    def files_truncate(
        self, path: str, size: int, *, profile: str = DEFAULT_PROFILE
    ) -> None:
        """Make a file so long: cut it, or add zeros."""
        names = _native.split_files_path(path)
        length = checked("size", size) or 0
        _native.repo_files_resize(self._core, names, length, profile)

    def files_chmod(
        self, path: str, mode: int, *, profile: str = DEFAULT_PROFILE
    ) -> None:
        """Set the permissions of an entry; 0 takes them away."""
        names = _native.split_files_path(path)
        bits = checked("mode", mode, 0o7777)
        _native.repo_files_attributes(self._core, names, profile, mode=bits)

    def files_touch(
        self,
        path: str,
        mtime: int,
        mtime_nsecs: int = 0,
        *,
        profile: str = DEFAULT_PROFILE,
    ) -> None:
        """Set the time of change of an entry, in seconds since 1970."""
        names = _native.split_files_path(path)
        nanoseconds = checked("mtime_nsecs", mtime_nsecs, 999_999_999) or 0
        if not -(1 << 63) <= mtime < 1 << 63:
            raise InvalidParameterError(f"mtime {mtime} is out of range")
        _native.repo_files_attributes(
            self._core, names, profile, mtime=(mtime, nanoseconds)
        )

    def files_read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read a file, or a range of it, as `cat` does."""
        return self.cat(self.files_flush(path), offset, length)

    def files_stat(self, path: str = "/") -> FileStat:
        """Look at an entry."""
        return self.stat(self.files_flush(path))

    def files_ls(self, path: str = "/", *, resolve: bool = True) -> Iterator[Entry]:
        """List a directory; a file is listed by itself."""
        cid = self.files_flush(path)
        found = self.stat(cid)
        if found.kind == "directory":
            return self.ls(cid, resolve=resolve)
        name = _base(_native.split_files_path(path))
        whole = found.cumulative_size
        return iter([Entry(name, cid, whole, found.kind, found.size)])

    def files_flush(self, path: str = "/") -> CID:
        """Say which CID an entry has now. Every change is durable when it returns."""
        names = _native.split_files_path(path)
        if not names:
            return _native.repo_files_root(self._core, DEFAULT_PROFILE)
        cid = self._find(names)
        if cid is None:
            raise PathNotFoundError(2, "No such file or directory", path)
        return cid

    def _find(self, names: list[str]) -> CID | None:
        return _native.repo_files_find(self._core, names)


def _base(path: IPFSPath | list[str]) -> str:
    """Give the last name of a path, or its CID."""
    if isinstance(path, list):
        return path[-1] if path else ""
    cid, names = _native.split_path(path)
    return names[-1] if names else str(cid)
