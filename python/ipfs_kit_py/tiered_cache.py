"""Caches: in memory by ARC, on the disk within a bound, and both together.

from ipfs_kit_py.tiered_cache import TieredCacheManager

cache = TieredCacheManager({"memory_cache_size": "512MB", "disk_cache_size": "10GB"})
cache.put("key", b"value")
cache.get("key")
"""

from ipfs_kit_py._cache.arc import ARCache
from ipfs_kit_py._cache.disk import DiskCache
from ipfs_kit_py._cache.manager import TieredCacheManager

__all__ = ["ARCache", "DiskCache", "TieredCacheManager"]
