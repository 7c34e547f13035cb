"""Reading by a plan: as many hits as can be had, within the same memory."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.far import Far

from ipfs_kit_py import Repository, cid_of
from ipfs_kit_py.errors import InvalidParameterError
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.tiered_cache import TieredCacheManager

KIB = 1 << 10
ITEM = 4 * KIB

Cache = Callable[[int], TieredCacheManager]


@pytest.fixture
def cache_of(tmp_path: Path) -> Iterator[Cache]:
    made: list[TieredCacheManager] = []

    def make(size: int) -> TieredCacheManager:
        folder = str(tmp_path / f"cache{len(made)}")
        config = {"memory_cache_size": size, "disk_cache_path": folder}
        made.append(TieredCacheManager(config))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


def settle() -> None:
    """Wait until nothing is fetched ahead."""
    while any("plan" in thread.name for thread in threading.enumerate()):
        time.sleep(0.001)


def epochs(items: int, count: int, seed: int) -> list[str]:
    """Each item once an epoch, each epoch in an order of its own."""
    chance = random.Random(seed)
    names = [f"item{number}" for number in range(items)]
    return [name for _ in range(count) for name in chance.sample(names, items)]


def best_hits(order: list[str], room: int) -> int:
    """Count the hits of Belady's algorithm, with room for so many items of one size."""
    last: dict[str, int] = {}
    after = [len(order) + at for at in range(len(order))]
    for at, name in enumerate(order):
        if name in last:
            after[last[name]] = at
        last[name] = at
    held: dict[str, int] = {}
    hits = 0
    for at, name in enumerate(order):
        if name in held:
            hits += 1
        elif len(held) == room:
            latest = max(held, key=lambda other: held[other])
            if held[latest] < after[at]:
                continue
            del held[latest]
        held[name] = after[at]
    return hits


def read_all(cache: TieredCacheManager, order: list[str]) -> int:
    hits = 0
    for name in order:
        if cache.get_in_memory(name) is None:
            cache.put_in_memory(name, name.encode().ljust(ITEM))
        else:
            hits += 1
    return hits


@pytest.mark.parametrize("share", [10, 25, 50, 75])
def test_a_plan_has_the_hits_that_can_be_had(cache_of: Cache, share: int) -> None:
    items = 400
    order = epochs(items, 4, seed=share)
    room = items * share // 100
    best = best_hits(order, room)
    cache = cache_of(room * ITEM)
    with cache.plan(order, window_bytes=0):
        planned = read_all(cache, order)
    unplanned = read_all(cache_of(room * ITEM), order)
    assert 0.99 * best <= planned <= best
    assert unplanned < planned


@given(
    order=st.lists(st.integers(0, 12), max_size=60),
    room=st.integers(1, 8),
    others=st.lists(st.integers(20, 30), max_size=20),
)
def test_a_plan_and_the_rest_never_take_more_than_the_tier_has(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[int],
    room: int,
    others: list[int],
) -> None:
    folder = str(tmp_path_factory.getbasetemp() / "cache")
    config = {"memory_cache_size": room * 100, "disk_cache_path": folder}
    cache = TieredCacheManager(config)
    names = [str(number) for number in order]
    foreign = iter([str(number) for number in others])
    with cache.plan(names, window_bytes=0) as plan:
        for name in names:
            if cache.get_in_memory(name) is None:
                cache.put_in_memory(name, bytes(1 + int(name) * 9))
            other = next(foreign, None)
            if other is not None and cache.get_in_memory(other) is None:
                cache.put_in_memory(other, bytes(int(other)))
            held = plan.show()["bytes"] + cache.memory_cache.current_size
            assert held <= room * 100
        assert plan.show()["left"] == 0
    assert cache.memory_cache.current_size <= room * 100


def test_what_a_plan_held_stays_when_it_ends(cache_of: Cache) -> None:
    cache = cache_of(10 * ITEM)
    cache.put_in_memory("before", bytes(ITEM))
    with cache.plan(["a", "b", "a", "b"], window_bytes=0):
        cache.put_in_memory("a", b"a" * ITEM)
        assert cache.in_memory("a")
        assert "a" not in cache.memory_cache
        assert cache.in_memory("before")
    assert "a" in cache.memory_cache
    assert cache.get("a") == b"a" * ITEM


def test_one_plan_holds_at_a_time(cache_of: Cache) -> None:
    cache = cache_of(10 * ITEM)
    with cache.plan(["a"]):
        with pytest.raises(InvalidParameterError, match="a plan holds already"):
            cache.plan(["b"]).__enter__()
        assert cache.get_metrics()["plan"]["left"] == 1
    with cache.plan(["b"]) as plan:
        assert cache.get("b") is None
        assert plan.show()["misses"] == 1
    assert cache.get_metrics()["plan"] is None
    with pytest.raises(InvalidParameterError, match="window_bytes -1"):
        cache.plan(["a"], window_bytes=-1)


def test_a_plan_brings_items_up_from_the_disk(cache_of: Cache) -> None:
    names = [f"item{number}" for number in range(20)]
    cache = cache_of(10 * ITEM)
    for name in names:
        cache.disk_cache.put(name, name.encode().ljust(ITEM))
    with cache.plan(names, window_bytes=4 * ITEM) as plan:
        found = []
        for name in names:
            settle()
            found.append(cache.get(name))
        numbers = plan.show()
    assert found == [name.encode().ljust(ITEM) for name in names]
    assert numbers["hits"] >= 10
    assert numbers["prefetches_used"] == numbers["hits"]
    assert numbers["prefetches_wasted"] == 0


def test_a_kit_reads_the_next_files_ahead(tmp_path: Path) -> None:
    with Repository(tmp_path / "far") as far:
        files = [bytes([number]) * 20_000 for number in range(30)]
        cids = [str(far.add(data).cid) for data in files]
        metadata = {
            "ipfs_path": str(tmp_path / "near"),
            "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
        }
        slow = Far(far, hook=lambda _: time.sleep(0.01))
        with ipfs_kit(metadata=metadata, sources=[slow]) as kit:
            with kit.tiered_cache.plan(cids) as plan:
                for cid, data in zip(cids, files, strict=True):
                    assert kit.ipfs.cat(cid)["content"] == data
                    settle()
                numbers = plan.show()
            assert numbers["prefetches_used"] >= 15
            assert numbers["hits"] >= 15


def test_many_threads_read_by_one_plan(cache_of: Cache) -> None:
    order = epochs(100, 8, seed=1)
    cache = cache_of(50 * ITEM)
    wrong: list[str] = []
    turns = iter(order)
    lock = threading.Lock()

    def read() -> None:
        while True:
            with lock:
                name = next(turns, None)
            if name is None:
                return
            value = cache.get_in_memory(name)
            if value is None:
                cache.put_in_memory(name, name.encode().ljust(ITEM))
            elif value != name.encode().ljust(ITEM):
                wrong.append(name)

    with cache.plan(order, window_bytes=0) as plan:
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        numbers = plan.show()
    assert not wrong
    assert (numbers["left"], numbers["bytes"] <= 50 * ITEM) == (0, True)
    assert numbers["hits"] + numbers["misses"] == 800


def test_cids_and_their_text_are_the_same_item(cache_of: Cache) -> None:
    cache = cache_of(10 * ITEM)
    cid = cid_of(b"bytes")
    with cache.plan([cid, str(cid)], window_bytes=0) as plan:
        assert cache.get(cid) is None
        cache.put_in_memory(str(cid), b"bytes")
        assert cache.get(str(cid)) == b"bytes"
        assert plan.show()["left"] == 0
