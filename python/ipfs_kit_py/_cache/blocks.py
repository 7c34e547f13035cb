"""Blocks in the tiers: what was fetched from elsewhere, by CID."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._cache.arc import ARCache
from ipfs_kit_py._cache.aside import Aside
from ipfs_kit_py._cache.metrics import TierMetrics
from ipfs_kit_py._native import CID, Block, verified_blocks

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._cache.disk import DiskCache
    from ipfs_kit_py._cache.plan import Plan
    from ipfs_kit_py._config.schema import CacheConfig

# More let threads work side by side; these lose at most 0.1 points of hits.
_SHARDS = 4
# What is fetched ahead of readers takes at most this share of the memory tier, beside it.
_AHEAD_SHARE = 0.1


class BlockTiers:
    """The tiers themselves, and the blocks in them.

    A block lies on the disk, and there it is shown without a copy; one that is smaller
    than `min_item_size`, or that the disk does not take, lies in memory.
    """

    memory_cache: ARCache

    def _begin(self, settings: "CacheConfig") -> None:
        self._settings = settings
        most = {"max_item_size": settings.max_memory_item_size}
        self.memory_cache = ARCache(settings.memory_cache_size, most, shards=_SHARDS)
        self._aside = Aside(int(settings.memory_cache_size * _AHEAD_SHARE))
        self._disk: DiskCache | None = None
        self._memory, self._on_disk = TierMetrics(), TierMetrics()
        self._fetched = (0, 0)
        self._plan: Plan | None = None

    @property
    def disk_cache(self) -> "DiskCache":
        """The tier on the disk."""
        if self._disk is None:
            from ipfs_kit_py._cache.disk import DiskCache

            settings = self._settings
            self._disk = DiskCache(settings.disk_cache_path, settings.disk_cache_size)
        return self._disk

    @property
    def open_disk(self) -> "DiskCache | None":
        """The tier on the disk, if it was needed yet."""
        return self._disk

    @property
    def disk_bytes(self) -> int:
        """How many bytes the tier on the disk may take."""
        return self._settings.disk_cache_size

    @property
    def ahead_bytes(self) -> int:
        """How far ahead of a reader to fetch; 0 for not at all."""
        return self._aside.most_bytes // 2 if self._settings.prefetch_enabled else 0

    def block_in_memory(self, cid: CID) -> Block | None:
        """Give a block that is in memory, or was fetched ahead."""
        start = time.perf_counter_ns()
        kept: Block | bytes | None = self._from_memory(_key(cid))
        if isinstance(kept, bytes):
            # A file of one raw block is that block.
            (kept,) = verified_blocks([cid], [kept])
        found = kept or self.use_aside(cid)
        # One that is not here is no miss: blocks belong on the disk.
        if found is not None:
            self._memory.hit(len(found), time.perf_counter_ns() - start)
        return found

    def has_in_memory(self, cid: CID) -> bool:
        """Tell whether a block is in memory, or was fetched ahead."""
        return cid in self._aside or self._has_kept(_key(cid))

    def block_on_disk(self, cid: CID) -> Block | None:
        """Give a block of the disk tier; one that was never made is not made for that."""
        if self._disk is None and not (self._has_disk and self._has_folder()):
            return None
        start = time.perf_counter_ns()
        found = self.disk_cache.get_block(cid)
        if found is None:
            self._on_disk.misses += 1
        else:
            self._on_disk.hit(len(found), time.perf_counter_ns() - start)
        return found

    def count_fetched(self, blocks: Iterable[Block]) -> None:
        """Count blocks that came from a remote source."""
        sizes = [len(block) for block in blocks]
        so_far = self._fetched
        self._fetched = (so_far[0] + len(sizes), so_far[1] + sum(sizes))

    def keep_block(self, cid: CID, block: Block, *, lasting: bool = False) -> None:
        """Keep a block that was fetched and verified.

        Args:
            cid: Its CID.
            block: The block.
            lasting: Keep it beyond this process, however small it is.
        """
        is_small = not lasting and len(block) < self._settings.min_item_size
        goes_to_disk = self._has_disk and not is_small
        if not (goes_to_disk and self.disk_cache.put_block(cid, block, verified=True)):
            self._keep(_key(cid), block)

    def set_aside(self, cid: CID, block: Block) -> None:
        """Keep a block that was fetched ahead, apart from those that were asked for."""
        for late, gone in self._aside.put(cid, block):
            self.keep_block(late, gone)

    def use_aside(self, cid: CID) -> Block | None:
        """Take a block that was fetched ahead, and keep it as one that was asked for."""
        block = self._aside.take(cid)
        if block is not None:
            self.keep_block(cid, block)
        return block

    def _from_memory(self, key: str | bytes) -> Any:  # noqa: ANN401 - what was put
        """Read from memory, as the plan has it, if one holds."""
        plan = self._plan
        found = plan.get(key) if plan is not None and key in plan else None
        # What a plan has no use for goes when there is no more room.
        return self.memory_cache.get(key) if found is None else found

    def _has_kept(self, key: str | bytes) -> bool:
        plan = self._plan
        return (plan is not None and plan.holds(key)) or key in self.memory_cache

    def _keep(self, key: str | bytes, content: "Buffer") -> bool:
        """Keep something in memory, if the plan has no better use of the room."""
        plan = self._plan
        if plan is not None and key in plan:
            return plan.put(key, content)
        kept = self.memory_cache.put(key, content)
        if plan is not None:
            plan.make_room()
        return kept

    @property
    def _has_disk(self) -> bool:
        """Whether there is to be a tier on the disk at all."""
        return self._settings.disk_cache_size > 0

    def _has_folder(self) -> bool:
        from pathlib import Path

        return Path(self._settings.disk_cache_path).expanduser().is_dir()


def _key(cid: CID) -> str | bytes:
    """Name a block in memory: as a file of its own if it is raw, else as no file is."""
    return str(cid) if cid.codec == "raw" else bytes(cid)
