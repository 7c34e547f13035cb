"""Counting what tiers do: hits, bytes, times."""

import threading
from collections import OrderedDict
from typing import Any

from ipfs_kit_py._forks import remember

# Buckets of the histogram, each twice as long as the one before; the last has no end.
_BUCKETS = 24
# Keys whose readings are counted one by one; older ones are forgotten.
_KEYS = 10_000


class TierMetrics:
    """What one tier did."""

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.timed = 0
        self.bytes = 0
        self.nanoseconds = 0
        self._histogram = [0] * _BUCKETS

    def hit(self, size: int, nanoseconds: int) -> None:
        """Count a reading that was answered here."""
        self.hits += 1
        self.timed += 1
        self.bytes += size
        self.nanoseconds += nanoseconds
        # The first bucket ends at one microsecond.
        at = (nanoseconds // 1000).bit_length()
        self._histogram[min(at, _BUCKETS - 1)] += 1

    def show(self) -> dict[str, Any]:
        """Give the numbers.

        Returns:
            `hits`, `misses`, `hit_rate` (0 to 1), `bytes` that were read,
            `avg_access_time_ms`, and `latency_us`: how many hits took less than so many
            microseconds, by that number.
        """
        asked = self.hits + self.misses
        return {
            "hits": self.hits,
            "misses": self.misses,
            "hit_rate": self.hits / asked if asked else 0.0,
            "bytes": self.bytes,
            "avg_access_time_ms": self.nanoseconds / self.timed / 1e6
            if self.timed
            else 0.0,
            "latency_us": {
                1 << at: count for at, count in enumerate(self._histogram) if count
            },
        }


class AccessStats:
    """Readings by key and tier, of the keys that were read last."""

    def __init__(self) -> None:
        self.after_fork()
        remember(self)
        self._keys: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def after_fork(self) -> None:
        """Make a new lock."""
        self._lock = threading.Lock()

    def count(self, key: str, tier: str) -> int:
        """Count a reading; give how often this key was read from this tier."""
        with self._lock:
            found = self._keys.get(key)
            if found is None:
                found = {"tier_hits": {"memory": 0, "disk": 0, "miss": 0}}
                self._keys[key] = found
                if len(self._keys) > _KEYS:
                    self._keys.popitem(last=False)
            else:
                self._keys.move_to_end(key)
            hits: dict[str, int] = found["tier_hits"]
            hits[tier] = hits.get(tier, 0) + 1
            return hits[tier]

    def readings(self, key: str) -> int:
        """Count the readings of a key, from whatever tier."""
        found = self._keys.get(key)
        return sum(found["tier_hits"].values()) if found else 0

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._keys.clear()

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Give what is known of a key."""
        return self._keys[key]

    def __contains__(self, key: object) -> bool:
        """Tell whether anything is known of a key."""
        return key in self._keys

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._keys)
