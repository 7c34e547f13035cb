"""The tiers together: memory over disk, with promotion, demotion and numbers."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ipfs_kit_py._cache.blocks import BlockTiers
from ipfs_kit_py._cache.metrics import AccessStats
from ipfs_kit_py._native import CID, Block
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._cache.plan import Load, Plan
    from ipfs_kit_py._config.schema import CacheConfig

Tier: TypeAlias = Literal["memory", "disk"]


class TieredCacheManager(BlockTiers):
    """A cache in memory over one on the disk.

    An item smaller than `min_item_size` is kept in memory alone, one larger than
    `max_memory_item_size` on the disk alone, others in both. What the disk answers goes
    back to memory. The disk tier is opened when it is first needed.

    Args:
        config: What the configuration calls `cache_config`, in either spelling; what is
            not said comes from the environment and the configuration file.

    Attributes:
        memory_cache: The tier in memory.
        access_stats: Readings by key: `access_stats[key]["tier_hits"]["memory"]`; of the
            10,000 keys that were read last.
        mmap_store: Views that `get_mmap` gave out and that are still here, by key.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        from ipfs_kit_py._config import load

        self._begin(load({"cache_config": dict(config or {})}).config.cache_config)

    @classmethod
    def for_settings(cls, settings: "CacheConfig") -> "TieredCacheManager":
        """Make the tiers that a configuration asks for."""
        manager = cls.__new__(cls)
        manager._begin(settings)
        return manager

    def _begin(self, settings: "CacheConfig") -> None:
        super()._begin(settings)
        self.access_stats = AccessStats()
        self.mmap_store: dict[str, Block] = {}
        self._load: Load = self._from_disk

    def loads_by(self, load: "Load") -> None:
        """Say how items are fetched ahead of a plan, if not from the disk tier."""
        self._load = load

    def plan(self, cids: Iterable[str | CID], window_bytes: int | None = None) -> "Plan":
        """Say in which order items will be read, for a `with` block.

        Args:
            cids: The items, in the order of reading.
            window_bytes: How many bytes to fetch ahead; a tenth of the memory tier if not
                given, nothing with `prefetch_enabled` off.
        """
        from ipfs_kit_py._cache.plan import Plan

        window = window_bytes
        if window is None:
            window = self._aside.most_bytes if self._settings.prefetch_enabled else 0
        return Plan(list(cids), self.memory_cache, self._load, window, self._follow)

    @property
    def is_planned(self) -> bool:
        """Whether a plan holds."""
        return self._plan is not None

    def _follow(self, plan: "Plan | None") -> None:
        if plan is not None and self._plan is not None:
            raise InvalidParameterError("a plan holds already: end it before the next")
        self._plan = plan

    def _from_disk(self, key: str) -> bytes | None:
        view = self.disk_cache.get_view(key)
        return None if view is None else bytes(view)

    def get(self, key: str | CID) -> bytes | None:
        """Read an item: from memory, else from the disk, which puts it into memory."""
        name = key if isinstance(key, str) else str(key)
        found = self.get_in_memory(name)
        if found is not None:
            return found
        start = time.perf_counter_ns()
        view = self.disk_cache.get_view(name)
        if view is None:
            self._on_disk.misses += 1
            self.access_stats.count(name, "miss")
            return None
        content = bytes(view)
        self._on_disk.hit(len(content), time.perf_counter_ns() - start)
        hits = self.access_stats.count(name, "disk")
        if hits >= self._settings.promotion_threshold and self._is_read_enough(name):
            self._keep(name, content)
        return content

    def get_in_memory(self, key: str) -> bytes | None:
        """Read an item if it is in memory."""
        start = time.perf_counter_ns()
        found: bytes | None = self._from_memory(key)
        if found is None:
            self._memory.misses += 1
            return None
        self._memory.hit(len(found), time.perf_counter_ns() - start)
        self.access_stats.count(key, "memory")
        return found

    def put(
        self,
        key: str | CID,
        content: "Buffer",
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Keep an item, in the place of the one that had its key.

        Returns:
            Whether any tier took it.
        """
        name = key if isinstance(key, str) else str(key)
        size = memoryview(content).nbytes
        is_small = size < self._settings.min_item_size
        if is_small or self._settings.default_tier == "memory":
            kept = self._keep(name, content)
        else:
            # An older value of this key must not be found before it.
            kept = False
            self.memory_cache.remove(name)
        if not is_small or metadata:
            kept = self.disk_cache.put(name, content, metadata) or kept
        elif name in self.disk_cache:
            # An older value of this key must not come back.
            self.disk_cache.remove(name)
        return kept

    def put_in_memory(self, key: str, content: "Buffer") -> bool:
        """Keep an item that was read from below both tiers, in memory alone."""
        self.access_stats.count(key, "miss")
        return self._is_read_enough(key) and self._keep(key, content)

    def get_mmap(self, key: str | CID) -> memoryview | None:
        """Show an item where it lies on the disk, without a copy.

        The view stays good whatever is evicted; `clear` and `close` let go of it here.
        """
        name = key if isinstance(key, str) else str(key)
        view = self.disk_cache.get_view(name)
        if view is None:
            return None
        self.mmap_store[name] = view
        return memoryview(view)

    def contains(self, key: str | CID) -> bool:
        """Tell whether any tier has an item."""
        name = key if isinstance(key, str) else str(key)
        return self.in_memory(name) or name in self.disk_cache

    def in_memory(self, key: str) -> bool:
        """Tell whether an item is in memory."""
        return self._has_kept(key)

    def __contains__(self, key: str | CID) -> bool:
        """Tell whether any tier has an item."""
        return self.contains(key)

    def get_metadata(self, key: str | CID) -> dict[str, Any] | None:
        """Give what was put beside an item; `None` if the disk does not have it."""
        return self.disk_cache.get_metadata(key)

    def remove(self, key: str | CID) -> bool:
        """Forget an item in every tier; tell whether there was one."""
        name = key if isinstance(key, str) else str(key)
        self.mmap_store.pop(name, None)
        in_memory = self.memory_cache.remove(name)
        return self.disk_cache.remove(name) or in_memory

    def promote_to_tier(self, key: str | CID, tier: Tier) -> bool:
        """Put an item of one tier into another one too.

        Returns:
            Whether it is there now.
        """
        name = key if isinstance(key, str) else str(key)
        if tier == "memory":
            view = self.disk_cache.get_view(name)
            kept = view is not None and self._keep(name, bytes(view))
            return kept or name in self.memory_cache
        if tier == "disk":
            content = self.memory_cache.peek(name)
            taken = content is not None and self.disk_cache.put(name, content)
            return taken or name in self.disk_cache
        raise InvalidParameterError(f"tier {tier!r} is not memory or disk")

    def evict(self, target_size: int) -> int:
        """Free memory, by what was asked for least.

        Args:
            target_size: How many bytes to free.

        Returns:
            How many bytes were freed.
        """
        before = self.memory_cache.current_size
        self.memory_cache.evict(target_size)
        return before - self.memory_cache.current_size

    def clear(self, tiers: Iterable[Tier] | None = None) -> None:
        """Forget everything, in all tiers or in some.

        Args:
            tiers: `memory`, `disk`, or both.
        """
        asked = ("memory", "disk") if tiers is None else tuple(tiers)
        if unknown := set(asked) - {"memory", "disk"}:
            raise InvalidParameterError(f"no tier is called {sorted(unknown)[0]!r}")
        if "memory" in asked:
            self.memory_cache.clear()
        if "disk" in asked:
            self.mmap_store.clear()
            self.disk_cache.clear()
        self.access_stats.forget()

    def get_metrics(self) -> dict[str, Any]:
        """Show how well the tiers work.

        Returns:
            `memory_hit_rate` and `disk_hit_rate` (0 to 1, each of what was asked of that
            tier), `avg_access_time_ms` (of all hits), and `memory` and `disk` with
            `hits`, `misses`, `hit_rate`, `bytes`, `avg_access_time_ms`, `latency_us` and
            `evictions`, of the disk also `lost`: evicted or refused; `fetched`: `blocks`
            and `bytes` that came from remote sources; `prefetch`: blocks fetched ahead
            that were `used` and `wasted`, and those `waiting`, with their `bytes`;
            `plan`: the numbers of the plan that holds now, or `None`.
        """
        opened = Counter(self._disk.numbers() if self._disk else {})
        # Readers of files find most of them without asking here.
        self._on_disk.hits = opened["hits"]
        memory, disk = self._memory.show(), self._on_disk.show()
        memory["evictions"] = self.memory_cache.get_stats()["evictions"]
        disk["evictions"] = opened["evicted_items"]
        disk["lost"] = opened["evicted_items"] + opened["refusals"]
        timed = self._memory.timed + self._on_disk.timed
        spent = self._memory.nanoseconds + self._on_disk.nanoseconds
        return {
            "memory_hit_rate": memory["hit_rate"],
            "disk_hit_rate": disk["hit_rate"],
            "avg_access_time_ms": spent / timed / 1e6 if timed else 0.0,
            "memory": memory,
            "disk": disk,
            "fetched": {"blocks": self._fetched[0], "bytes": self._fetched[1]},
            "prefetch": self._aside.show(),
            "plan": None if self._plan is None else self._plan.show(),
        }

    def get_stats(self) -> dict[str, Any]:
        """Count what the tiers hold.

        Returns:
            `timestamp`, `hit_rate` (of all readings), `total_storage` (bytes),
            `total_items`, `memory_cache` and `disk_cache` (their own statistics),
            `mmap_files`, `hits` by `memory`, `disk` and `miss`, `config`.
        """
        memory, disk = self.memory_cache.get_stats(), self.disk_cache.get_stats()
        hits = {
            "memory": self._memory.hits,
            "disk": self._on_disk.hits,
            "miss": self._on_disk.misses,
        }
        asked = sum(hits.values())
        return {
            "timestamp": time.time(),
            "hit_rate": (asked - hits["miss"]) / asked if asked else 0.0,
            "total_storage": memory["current_size"] + disk["current_size"],
            "total_items": memory["item_count"] + disk["entry_count"],
            "memory_cache": memory,
            "disk_cache": disk,
            "mmap_files": len(self.mmap_store),
            "hits": hits,
            "config": {
                "memory_cache_size": self._settings.memory_cache_size,
                "disk_cache_size": self._settings.disk_cache_size,
                "disk_cache_path": self._settings.disk_cache_path,
                "min_item_size": self._settings.min_item_size,
                "max_memory_item_size": self._settings.max_memory_item_size,
                "prefetch_enabled": self._settings.prefetch_enabled,
            },
        }

    def close(self) -> None:
        """Let go of the disk tier; what it holds stays for the next."""
        self.mmap_store.clear()
        if self._disk is not None:
            self._disk.close()

    def __reduce__(
        self,
    ) -> "tuple[Callable[[CacheConfig], TieredCacheManager], tuple[CacheConfig]]":
        """Pickle the settings: whoever unpickles it has the same disk, empty memory."""
        return TieredCacheManager.for_settings, (self._settings,)

    def __repr__(self) -> str:
        """Show both tiers."""
        disk = self._disk if self._disk is not None else "not open"
        return f"<TieredCacheManager: {self.memory_cache!r}, disk {disk}>"

    def _is_read_enough(self, name: str) -> bool:
        # The reading under way counts.
        least = self._settings.min_access_count
        return least <= 1 or self.access_stats.readings(name) >= least
