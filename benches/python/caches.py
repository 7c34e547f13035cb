"""Caches in memory, ours and other people's, each with its fastest ways to get and put.

All hold so many items of one size. Each is looked up when a table asks for it; one that
this machine lacks raises ImportError, and the table names it as skipped.
"""

import functools
import importlib
import threading
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cache:
    """One cache.

    Attributes:
        get: Gives a value, or None.
        put: Keeps a value.
        put_all: Keeps one value under many keys.
        hits: How often `get` found a value; None where the caller can see that.
    """

    get: Callable[[str], object]
    put: Callable[[str, bytes], object]
    put_all: Callable[[Iterable[str], bytes], None]
    hits: Callable[[], int] | None = None


#: Makes a cache for so many items of so many bytes.
Make = Callable[[int, int], Cache]


def ours(shards: int) -> Make:
    """Look up `ARCache`, which counts bytes."""
    arc = importlib.import_module("ipfs_kit_py.tiered_cache").ARCache

    def make(items: int, size: int) -> Cache:
        cache = arc(items * size, shards=shards)
        return Cache(cache.get, cache.put, by_call(cache.put))

    return make


def cachebox() -> Make:
    """Look up cachebox's LRU."""
    lru = importlib.import_module("cachebox").LRUCache

    def make(items: int, _size: int) -> Cache:
        cache = lru(items)
        return Cache(cache.get, cache.insert, by_item(cache))

    return make


def lru_dict() -> Make:
    """Look up lru-dict."""
    lru = importlib.import_module("lru").LRU

    def make(items: int, _size: int) -> Cache:
        cache = lru(items)
        return Cache(cache.get, cache.__setitem__, by_item(cache))

    return make


def cachetools() -> Make:
    """Look up cachetools' LRU, which its users must lock."""
    lru = importlib.import_module("cachetools").LRUCache

    def make(items: int, _size: int) -> Cache:
        cache, lock = lru(items), threading.Lock()

        def get(key: str) -> object:
            with lock:
                return cache.get(key)

        def put(key: str, value: bytes) -> None:
            with lock:
                cache[key] = value

        return Cache(get, put, by_call(put))

    return make


def functools_lru_cache() -> Make:
    """Look up functools.lru_cache: a get is a call, a put one that misses.

    What it loads is one value, which the processor has at hand.
    """

    def make(items: int, _size: int) -> Cache:
        @functools.lru_cache(items)
        def load(_key: str) -> bytes:
            return b"1"

        def put_all(keys: Iterable[str], _value: bytes) -> None:
            for key in keys:
                load(key)

        return Cache(load, lambda _, __: None, put_all, lambda: load.cache_info().hits)

    return make


def theine() -> Make:
    """Look up theine, which has W-TinyLFU."""
    theirs = importlib.import_module("theine").Cache

    def make(items: int, _size: int) -> Cache:
        cache = theirs(items)
        return Cache(lambda key: cache.get(key)[0], cache.set, by_call(cache.set))

    return make


def moka() -> Make:
    """Look up moka-py, which has TinyLFU."""
    theirs = importlib.import_module("moka_py").Moka

    def make(items: int, _size: int) -> Cache:
        cache = theirs(items)
        return Cache(cache.get, cache.set, by_call(cache.set))

    return make


#: In the order of their rows.
PEERS: dict[str, Callable[[], Make]] = {
    "cachebox.LRUCache": cachebox,
    "lru-dict": lru_dict,
    "functools.lru_cache": functools_lru_cache,
    "cachetools.LRUCache with a lock": cachetools,
    "theine.Cache": theine,
    "moka-py": moka,
}


def by_call(
    put: Callable[[str, bytes], object],
) -> Callable[[Iterable[str], bytes], None]:
    """Put by calling a method."""

    def put_all(keys: Iterable[str], value: bytes) -> None:
        for key in keys:
            put(key, value)

    return put_all


def by_item(
    cache: MutableMapping[str, bytes],
) -> Callable[[Iterable[str], bytes], None]:
    """Put by assigning items."""

    def put_all(keys: Iterable[str], value: bytes) -> None:
        for key in keys:
            cache[key] = value

    return put_all
