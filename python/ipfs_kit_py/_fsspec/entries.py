"""Entries of trees through fsspec: what stands where."""

import asyncio
import os
from abc import abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from fsspec.asyn import AsyncFileSystem, get_loop

from ipfs_kit_py._fsspec.metrics import Meter, measured
from ipfs_kit_py._fsspec.paths import At
from ipfs_kit_py._fsspec.tree import Seen, look, lost_link
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
    _pid: int
    meter: Meter | None = None

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

    @measured("info")
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


def described(
    name: str, kind: str | None, size: int, cid: str, link: str | None = None
) -> Info:
    found: Info = {"name": name, "size": size, "type": kind, "cid": cid}
    if link is not None:
        found |= {"islink": True, "destination": link}
    return found
