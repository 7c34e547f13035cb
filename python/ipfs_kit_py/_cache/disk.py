"""The disk tier, with the numbers and views that users ask of it."""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer

_GIB = 1 << 30
_DAY = 86_400


class DiskIndex(Mapping[str | bytes, dict[str, Any]]):
    """What a disk cache holds, as it was when this was asked for.

    Each item has `filename` (the segment, a file of the cache's folder), `size`,
    `last_access` (seconds since 1970) and `metadata`.
    """

    def __init__(self, cache: "DiskCache") -> None:
        self._cache = cache
        self._items = {
            key if isinstance(key, str | bytes) else str(key): (size, name, used)
            for key, size, name, used in cache.items()
        }

    def __getitem__(self, key: str | bytes) -> dict[str, Any]:
        """Give what is known of an item."""
        size, name, used = self._items[key]
        return {
            "filename": name,
            "size": size,
            "last_access": used,
            "metadata": self._cache.get_metadata(key) or {},
        }

    def __iter__(self) -> Iterator[str | bytes]:
        """List the keys; blocks by their raw CIDs."""
        return iter(self._items)

    def __len__(self) -> int:
        """Count the items."""
        return len(self._items)


class DiskCache(_native.DiskCache):
    """Values in a folder that never takes more of the disk than it may.

    The bound counts what the file system allocated, and holds also while several
    processes use the folder. What is evicted goes in whole segments, and what was asked
    for often is carried over. Values are verified when a process first reads them: a
    damaged one is a miss. Nothing is synced: after a power loss some of it may be gone,
    none of it wrong. A disk that is missing, full or read-only turns the cache off, with
    a warning, and is never an error of the reading.

    Args:
        directory: The folder, made if it is not there.
        size_limit: Most bytes of it, at least 1 MiB. Processes that share it should say
            the same.
        verify: When values are hashed: at the `first` reading in each process, `always`,
            `never`.
    """

    directory: "Path"

    def __new__(
        cls,
        directory: StrPath = "~/.ipfs_cache",
        size_limit: int = _GIB,
        *,
        verify: Literal["first", "always", "never"] = "first",
    ) -> Self:
        """Open the cache."""
        if size_limit < 0:
            raise InvalidParameterError(f"size_limit {size_limit} is no number of bytes")
        from pathlib import Path

        folder = Path(directory).expanduser()
        made = super().__new__(cls, folder, size_limit, verify=verify)
        made.directory = folder
        # What was asked for needs no warning.
        made._warned = size_limit == 0
        made._warn()
        return made

    _warned: bool

    @property
    def size_limit(self) -> int:
        """Most bytes that the folder may take."""
        return self.numbers()["limit_bytes"]

    @property
    def current_size(self) -> int:
        """Bytes that the folder takes of the disk."""
        return self.numbers()["allocated_bytes"]

    @property
    def index(self) -> DiskIndex:
        """What is here: a mapping, as it is now. Takes milliseconds for thousands."""
        return DiskIndex(self)

    def get(self, key: str | bytes | CID) -> bytes | None:
        """Read a value, as a copy; `get_view` gives it where it lies."""
        view = self.get_view(key)
        return None if view is None else bytes(view)

    def put(
        self,
        key: str | bytes | CID,
        value: "Buffer",
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Keep a value, in the place of the one that had its key.

        Args:
            key: Any text or bytes.
            value: Its bytes.
            metadata: What is known of it: whatever dag-cbor holds.

        Returns:
            Whether it was taken: not if it is larger than a segment, or the cache is off.
        """
        known = _native.ipld_encode(dict(metadata), "dag-cbor") if metadata else b""
        taken = self.put_value(key, value, known)
        if not taken:
            self._warn()
        return taken

    def get_metadata(self, key: str | bytes | CID) -> dict[str, Any] | None:
        """Give what is known of a value; `None` if it is not here."""
        known = self.metadata_bytes(key)
        if not known:
            return None if known is None else {}
        try:
            value: dict[str, Any] = _native.ipld_decode(known, "dag-cbor")
        except MalformedDataError:
            return {}
        return value

    def get_stats(self) -> dict[str, Any]:
        """Count what is here and what happened.

        Returns:
            `directory`, `size_limit`, `current_size`, `utilization` (0 to 1),
            `entry_count`, `by_type` (items by `mimetype`, or `unknown`),
            `age_distribution` (items by when they were last used), `hits`, `misses`,
            `hit_rate`, `evictions`, `damaged_items`, `unlinked_mapped_bytes`, `segments`,
            `state` (`on`, `read-only` or `off`) and `reason`.
        """
        numbers = self.numbers()
        state, reason = self.state
        asked = numbers["hits"] + numbers["misses"]
        index = self.index
        types: dict[str, int] = {}
        ages = {"hour": 0, "day": 0, "week": 0, "older": 0}
        now = time.time()
        for key in index:
            item = index[key]
            kind = str(item["metadata"].get("mimetype", "unknown"))
            types[kind] = types.get(kind, 0) + 1
            ages[_age(now - item["last_access"])] += 1
        limit = numbers["limit_bytes"]
        return {
            "directory": str(self.directory),
            "size_limit": limit,
            "current_size": numbers["allocated_bytes"],
            "utilization": numbers["allocated_bytes"] / limit if limit else 0.0,
            "entry_count": len(index),
            "by_type": types,
            "age_distribution": ages,
            "hits": numbers["hits"],
            "misses": numbers["misses"],
            "hit_rate": numbers["hits"] / asked if asked else 0.0,
            "evictions": numbers["evicted_items"],
            "damaged_items": numbers["damaged_items"],
            "unlinked_mapped_bytes": numbers["unlinked_mapped_bytes"],
            "segments": numbers["segments"],
            "state": state,
            "reason": reason,
        }

    def _warn(self) -> None:
        """Say once that the cache does not work."""
        state, reason = self.state
        if state != "on" and not self._warned:
            self._warned = True
            import logging

            logging.getLogger("ipfs_kit_py").warning(
                "the disk cache is %s: %s", state, reason
            )

    def __repr__(self) -> str:
        """Show where it is, and how large it may be."""
        return f"DiskCache({str(self.directory)!r}, {self.size_limit})"


def _age(seconds: float) -> str:
    if seconds < _DAY / 24:
        return "hour"
    if seconds < _DAY:
        return "day"
    return "week" if seconds < 7 * _DAY else "older"
