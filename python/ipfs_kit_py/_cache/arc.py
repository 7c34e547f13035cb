"""The memory tier: ARC, with the numbers and views that users ask of it."""

from collections.abc import Iterator, Mapping, Set
from typing import Any, Self

from ipfs_kit_py import _native
from ipfs_kit_py.errors import InvalidParameterError

_MIB = 1 << 20
_LISTS = ("T1", "T2", "pinned", "B1", "B2")


class KeyView(Set[str | bytes]):
    """The keys of one list of a cache, as they are at each look."""

    def __init__(self, cache: "ARCache", name: str) -> None:
        self._cache = cache
        self._name = name

    def __contains__(self, key: object) -> bool:
        """Tell whether a key is in the list."""
        return isinstance(key, str | bytes) and self._cache.place(key) == self._name

    def __len__(self) -> int:
        """Count them."""
        entries = self._cache.numbers()[0]
        return entries[_LISTS.index(self._name)]

    def __iter__(self) -> Iterator[str | bytes]:
        """List them, the most recent first."""
        return iter(self._cache.keys(self._name))

    def __repr__(self) -> str:
        """Show name and length."""
        return f"<{self._name} of {len(self)} keys>"


class ARCache(_native.ARCache):
    """Values in memory, bounded in bytes, kept by the adaptive replacement cache (ARC).

    Megiddo and Modha, FAST 2003. An item costs the bytes of its value (at least one), and
    about 100 bytes beside that are not counted. Keys are text, bytes or CIDs. The object
    that was put is the one that comes back, if it is `bytes` or a `Block`; other buffers
    are copied once, since they could change. Safe in threads.

    Args:
        maxsize: Most bytes of all values together.
        config: `max_item_size`, and what else the kit's `cache_config` holds; the rest is
            not this class's.
        shards: Parts that threads use side by side. One is exactly the paper's algorithm.
    """

    def __new__(
        cls,
        maxsize: int = 100 * _MIB,
        config: Mapping[str, Any] | None = None,
        *,
        shards: int = 1,
    ) -> Self:
        """Make an empty cache."""
        if maxsize < 0:
            raise InvalidParameterError(f"maxsize {maxsize} is no number of bytes")
        most = (config or {}).get("max_item_size")
        made = super().__new__(cls, maxsize, shards=shards, max_item=most)
        made._config = dict(config or {})
        return made

    _config: dict[str, Any]

    @property
    def T1(self) -> KeyView:  # noqa: N802 - as in the paper
        """Keys of values that were asked for once lately."""
        return KeyView(self, "T1")

    @property
    def T2(self) -> KeyView:  # noqa: N802 - as in the paper
        """Keys of values that were asked for again."""
        return KeyView(self, "T2")

    @property
    def B1(self) -> KeyView:  # noqa: N802 - as in the paper
        """Keys that were evicted from T1."""
        return KeyView(self, "B1")

    @property
    def B2(self) -> KeyView:  # noqa: N802 - as in the paper
        """Keys that were evicted from T2."""
        return KeyView(self, "B2")

    def get_stats(self) -> dict[str, Any]:
        """Count what is here and what happened.

        Returns:
            `maxsize`, `current_size`, `utilization` (0 to 1), `item_count`, `hits`,
            `misses`, `hit_rate` (0 to 1), `T1`, `T2`, `pinned`, `B1` and `B2` with
            `count` and `size` each, `ghost_entries`, `arc_balance` (the share of the
            cache that T1 is meant to have), `evictions`, `promotions`, `refusals`,
            `configuration`.
        """
        entries, sizes, target, (hits, misses), counted = self.numbers()
        evictions, promotions, _, _, refusals = counted
        asked = hits + misses
        lists = {
            name: {"count": count, "size": size}
            for name, count, size in zip(_LISTS, entries, sizes, strict=True)
        }
        used = sum(sizes[:3])
        return {
            "maxsize": self.maxsize,
            "current_size": used,
            "utilization": used / self.maxsize if self.maxsize else 0.0,
            "item_count": sum(entries[:3]),
            "hits": hits,
            "misses": misses,
            "hit_rate": hits / asked if asked else 0.0,
            **lists,
            "ghost_entries": entries[3] + entries[4],
            "arc_balance": target / self.maxsize if self.maxsize else 0.0,
            "evictions": evictions,
            "promotions": promotions,
            "refusals": refusals,
            "configuration": {
                "maxsize": self.maxsize,
                "max_item_size": self.max_item,
                "shards": self.shards,
            },
        }

    def get_arc_metrics(self) -> dict[str, Any]:
        """Show how the policy stands.

        Returns:
            `p`, the bytes that T1 is meant to have; `t1_bytes`, `t2_bytes`, `b1_bytes`,
            `b2_bytes`; `ghost_hits_b1`, `ghost_hits_b2`.
        """
        _, sizes, target, _, counted = self.numbers()
        return {
            "p": target,
            "t1_bytes": sizes[0],
            "t2_bytes": sizes[1],
            "b1_bytes": sizes[3],
            "b2_bytes": sizes[4],
            "ghost_hits_b1": counted[2],
            "ghost_hits_b2": counted[3],
        }

    def __repr__(self) -> str:
        """Show how full it is."""
        return f"<ARCache: {self.current_size:,} of {self.maxsize:,} bytes>"
