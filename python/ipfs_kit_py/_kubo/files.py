"""Mutable files of a node."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Unpack, cast

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import DEFAULT_PROFILE, ImportParams, Readable
from ipfs_kit_py._kubo.client import Option, ask, look
from ipfs_kit_py._kubo.dags import Dags
from ipfs_kit_py._kubo.multipart import one_file
from ipfs_kit_py._kubo.pins import Pins
from ipfs_kit_py._kubo.replies import cid_in, value_in
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import Entry, FileStat, IPFSPath, Repository
from ipfs_kit_py._repository.reading import checked
from ipfs_kit_py.errors import (
    EngineError,
    InvalidParameterError,
    NotFoundError,
    NotPinnedError,
    PathIsADirectoryError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

# What Kubo is told of a profile, since its own default may be another.
_PROFILES: Final[dict[str, dict[str, Option]]] = {
    "unixfs-v1-2025": {"cid_version": 1, "raw_leaves": True},
    "unixfs-v0-2015": {"cid_version": 0, "raw_leaves": False},
}
_PIECE_BYTES = 1 << 20
_SURE_BYTES = 2 << 20
_PREFIX = ("cid_version", "hash")
_CHUNKERS = {"unixfs-v1-2025": "size-1048576", "unixfs-v0-2015": "size-262144"}


class Files(Dags, Pins):
    """What changes the mutable files: the node does it itself.

    Where the node's `Import` settings would cut a file otherwise than is asked for, or it
    is long, a new one is made here and sent; what is written into one is cut as the node
    does it.
    When a directory is sharded is for the node to say.
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

        Raises:
            PathExistsError: Something is at `target`.
        """
        given = self._source(source)
        if target.endswith("/"):
            target += given.rstrip("/").rpartition("/")[2]
        above = target.rstrip("/").rpartition("/")[0]
        if parents and above:
            self.files_mkdir(above, parents=True, profile=profile)
        self._client.call(ask("files/cp", given, target, force=force or None))

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
        options = _options(profile, params, ("cid_version", "hash"))
        options.pop("raw_leaves", None)
        self._client.call(ask("files/mkdir", path, parents=parents).having(options))

    def files_mv(
        self, source: str, target: str, *, profile: str = DEFAULT_PROFILE
    ) -> None:
        """Move an entry: to that name, or into the directory that is there.

        Raises:
            PathNotFoundError: There is nothing at `source`.
        """
        _options(profile, {}, ())
        self._client.call(ask("files/mv", source, target))

    def files_rm(
        self,
        path: str,
        *,
        recursive: bool = False,
        force: bool = False,
        profile: str = DEFAULT_PROFILE,
    ) -> None:
        """Remove an entry.

        Raises:
            PathIsADirectoryError: It is a directory, and `recursive` is not set.
            PathNotFoundError: There is none, and `force` is not set.
        """
        _options(profile, {}, ())
        try:
            kind = self._files_kind(path)
        except PathNotFoundError:
            if force:
                return
            raise
        # Kubo says of either only that it cannot.
        if kind == "directory" and not (recursive or force):
            raise PathIsADirectoryError(f"{path} is a directory: remove it recursively")
        self._client.call(ask("files/rm", path, recursive=recursive, force=force))

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
        """Write into a file; without an offset behind what is there, if nobody else does.

        Raises:
            PathNotFoundError: There is no such file, and `create` is false.
            PathIsADirectoryError: It is a directory.
        """
        if offset is None:
            offset = 0 if self._is_new(path) else self.files_stat(path).size
        if offset < 0:
            raise InvalidParameterError(f"offset {offset} is out of range")
        known = ("cid_version", "hash", "raw_leaves", "chunker")
        options = _options(profile, params, known)
        chunker = params.get("chunker") or _CHUNKERS[profile]
        is_cut_otherwise = chunker != self._chunker()
        if is_cut_otherwise or _is_long(data):
            if create and not offset and self._is_new(path):
                if parents and (above := path.rstrip("/").rpartition("/")[0]):
                    prefix = {name: params.get(name) for name in _PREFIX}
                    self.files_mkdir(
                        above,
                        parents=True,
                        profile=profile,
                        **cast("ImportParams", prefix),
                    )
                self._put_new(path, data, profile, params)
                return
            if is_cut_otherwise and params.get("chunker") is not None:
                raise InvalidParameterError(
                    "a Kubo node cuts what is written into a file by its own settings:"
                    " a chunker is for new files alone"
                )
        asked = ask(
            "files/write",
            path,
            body=one_file(_pieces(data)),
            offset=offset,
            create=create,
            parents=parents,
            truncate=truncate,
        )
        self._client.call(asked.having(options))

    def _chunker(self) -> str:
        """Say how the node cuts what is written."""
        asked = look("config", "Import.UnixFSChunker")
        try:
            found = value_in(self._client.call(asked), asked.command, dict).get("Value")
        except (EngineError, NotFoundError):
            # A node from before there was such a setting.
            found = None
        return str(found or "size-262144")

    def _is_new(self, path: str) -> bool:
        try:
            self._files_kind(path)
        except PathNotFoundError:
            return True
        return False

    def _put_new(
        self, path: str, data: "Buffer | Readable", profile: str, params: ImportParams
    ) -> None:
        """Put a file that our own core writes, as it writes mutable ones, at a path."""
        with (
            tempfile.TemporaryDirectory(prefix="ipfs-kit-") as folder,
            Repository(folder) as scratch,
        ):
            scratch.files_write("/f", data, create=True, profile=profile, **params)
            cid = scratch.files_flush("/f")
            with self._held(cid):
                car = _native.repo_export_car(scratch._core, cid)
                self.import_car(car, roots=[cid])
                self.files_cp(cid, path, profile=profile)

    @contextmanager
    def _held(self, cid: CID) -> Iterator[None]:
        """Unpin a block afterwards, unless it was pinned before."""
        try:
            self._client.call(look("pin/ls", cid, type="recursive"))
            was_pinned = True
        except NotPinnedError:
            was_pinned = False
        yield
        if not was_pinned:
            self.pin_rm(cid)

    def files_chmod(
        self, path: str, mode: int, *, profile: str = DEFAULT_PROFILE
    ) -> None:
        """Set the permissions of an entry; 0 takes them away.

        Raises:
            InvalidParameterError: `mode` is over 0o777: a node drops these bits.
        """
        _options(profile, {}, ())
        bits = checked("mode", mode, 0o777) or 0
        self._client.call(ask("files/chmod", f"{bits:o}", path))

    def files_touch(
        self,
        path: str,
        mtime: int,
        mtime_nsecs: int = 0,
        *,
        profile: str = DEFAULT_PROFILE,
    ) -> None:
        """Set the time of change of an entry, in seconds since 1970, but to 1970 itself.

        Raises:
            InvalidParameterError: `mtime` is 0, which a node takes for now.
        """
        _options(profile, {}, ())
        nanoseconds = checked("mtime_nsecs", mtime_nsecs, 999_999_999) or 0
        if not mtime or not -(1 << 63) <= mtime < 1 << 63:
            raise InvalidParameterError(f"mtime {mtime} is out of range for a Kubo node")
        asked = ask("files/touch", path, mtime=mtime, mtime_nsecs=nanoseconds)
        self._client.call(asked)

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
        name = path.rstrip("/").rpartition("/")[2]
        whole = found.cumulative_size
        return iter([Entry(name, cid, whole, found.kind, found.size)])

    def files_flush(self, path: str = "/") -> CID:
        """Say which CID an entry has now. Every change is durable when it returns."""
        asked = ask("files/flush", path)
        return cid_in(self._client.call(asked), asked.command, "Cid")

    def _files_kind(self, path: str) -> str:
        asked = look("files/stat", path)
        found: str = value_in(self._client.call(asked), asked.command, str, "Type")
        return found

    def _source(self, source: IPFSPath) -> str:
        """Give a path as Kubo tells those with a CID from mutable ones."""
        if isinstance(source, str) and source.startswith("/"):
            is_files = not source.startswith(("/ipfs/", "/ipns/"))
            if is_files:
                return source
        root, names = _native.split_path(source)
        if isinstance(root, str):
            return f"/ipfs/{self._cid_at(source)}"
        return "/".join([f"/ipfs/{root}", *names])


def _is_long(data: "Buffer | Readable") -> bool:
    """Tell whether a node would cut it one way or the other.

    It gathers 2 MiB and more of what comes, and cuts that anew: what it has gathered by
    then depends on how the bytes came.
    """
    return hasattr(data, "read") or memoryview(data).nbytes > _SURE_BYTES


def _options(
    profile: str,
    params: ImportParams,
    known: tuple[str, ...],
) -> dict[str, Option]:
    """Give what the node is told of a profile and single parameters.

    Raises:
        InvalidParameterError: A parameter cannot be told: it is never passed over.
    """
    if profile not in _PROFILES:
        raise InvalidParameterError(f"there is no profile {profile!r}")
    told: dict[str, Option] = {
        "cid_version": params.get("cid_version"),
        "hash": params.get("hash"),
        "raw_leaves": params.get("raw_leaves"),
    }
    given = {name for name, value in params.items() if value is not None}
    if unknown := sorted(given - set(known)):
        raise InvalidParameterError(
            f"a Kubo node takes no {', '.join(unknown)} for mutable files:"
            " add the file, and use files_cp"
        )
    said = {name: value for name, value in told.items() if value is not None}
    return _PROFILES[profile] | said


def _pieces(data: "Buffer | Readable") -> Iterator[bytes]:
    read = getattr(data, "read", None)
    if read is not None:
        while piece := read(_PIECE_BYTES):
            yield bytes(piece)
        return
    content = memoryview(data).cast("B")  # type: ignore[arg-type]
    for at in range(0, len(content), _PIECE_BYTES):
        yield bytes(content[at : at + _PIECE_BYTES])
