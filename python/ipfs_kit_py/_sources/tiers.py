"""The cache's own tiers as sources."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipfs_kit_py._native import CID, Block
from ipfs_kit_py._sources.source import OwnSource, cost_of

if TYPE_CHECKING:
    from ipfs_kit_py._cache.manager import TieredCacheManager


class MemoryTier(OwnSource):
    """Blocks in memory, and those that were fetched ahead."""

    name = "memory"
    cost = cost_of("memory")

    def __init__(self, cache: "TieredCacheManager") -> None:
        self._cache = cache

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, Block]:
        """Give those that are there."""
        found = ((cid, self._cache.block_in_memory(cid)) for cid in cids)
        return {cid: block for cid, block in found if block is not None}


class DiskTier(OwnSource):
    """Blocks in the folder of the cache."""

    name = "disk"
    cost = cost_of("disk")

    def __init__(self, cache: "TieredCacheManager") -> None:
        self._cache = cache

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, Block]:
        """Give those that are there."""
        found = ((cid, self._cache.block_on_disk(cid)) for cid in cids)
        return {cid: block for cid, block in found if block is not None}
