"""The disk tier and the tiers together, as Python sees them."""

import json
import logging
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_kit_py import CID, Block, cid_of
from ipfs_kit_py.errors import InvalidParameterError
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.tiered_cache import ARCache, DiskCache, TieredCacheManager

MIB = 1 << 20


def allocated(folder: Path) -> int:
    return sum(
        path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()
    )


@pytest.fixture
def disk(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", 16 * MIB)


def test_values_survive_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = DiskCache(folder, 16 * MIB)
    assert cache.put("key", b"value", {"mimetype": "text/plain", "n": 1})
    assert cache.put(b"\x00bytes", b"")
    cache.close()
    again = DiskCache(folder, 16 * MIB)
    assert again.get("key") == b"value"
    assert again.get(b"\x00bytes") == b""
    assert again.get_metadata("key") == {"mimetype": "text/plain", "n": 1}
    assert again.get_metadata("unknown") is None
    assert ("key" in again, "unknown" in again) == (True, False)


def test_the_index_names_the_file_of_each_item(disk: DiskCache) -> None:
    disk.put("key", bytes(5000), {"mimetype": "image/png"})
    item = disk.index["key"]
    assert (disk.directory / item["filename"]).is_file()
    assert item["metadata"]["mimetype"] == "image/png"
    assert item["size"] == 5000
    assert list(disk.index) == ["key"]
    with pytest.raises(KeyError):
        disk.index["unknown"]


def test_the_last_value_of_a_key_counts(disk: DiskCache) -> None:
    for number in range(5):
        disk.put("key", str(number).encode(), {"number": number})
    assert disk.get("key") == b"4"
    assert disk.get_metadata("key") == {"number": 4}
    assert disk.remove("key")
    assert disk.get("key") is None
    assert not disk.remove("key")


def test_clearing_leaves_at_most_two_files(disk: DiskCache) -> None:
    for number in range(100):
        disk.put(str(number), bytes(10_000))
    disk.clear()
    assert len([path for path in disk.directory.rglob("*") if path.is_file()]) <= 2
    assert len(disk.index) == 0
    assert disk.put("key", b"value")


def test_blocks_are_verified_and_shown_where_they_lie(disk: DiskCache) -> None:
    data = os.urandom(100_000)
    cid = cid_of(data)
    assert not disk.put_block(cid, data[:-1])
    assert disk.put_block(cid, data)
    view = disk.get_block(cid)
    assert isinstance(view, Block)
    assert bytes(view) == data
    disk.clear()
    assert disk.get_block(cid) is None
    assert bytes(view) == data


def test_a_flipped_bit_is_a_miss_and_its_neighbours_stay(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = DiskCache(folder, 16 * MIB)
    values = {str(number): os.urandom(20_000) for number in range(20)}
    for key, value in values.items():
        cache.put(key, value)
    name = cache.index["7"]["filename"]
    cache.close()
    file = folder / name
    data = bytearray(file.read_bytes())
    at = data.find(values["7"])
    data[at + 100] ^= 1
    file.write_bytes(data)
    again = DiskCache(folder, 16 * MIB)
    assert again.get("7") is None
    for key, value in values.items():
        if key != "7":
            assert again.get(key) == value
    assert again.numbers()["damaged_items"] == 1


def test_the_folder_never_outgrows_its_bound(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = DiskCache(folder, 4 * MIB)
    source = random.Random(1)
    for number in range(300):
        cache.put(str(number), source.randbytes(source.randrange(100_000)))
        assert allocated(folder) <= 4 * MIB
    assert cache.current_size <= 4 * MIB
    assert cache.get_stats()["evictions"] > 0


def test_what_is_too_large_is_refused(disk: DiskCache) -> None:
    assert not disk.put("key", bytes(2 * disk.max_item))
    assert disk.get("key") is None
    assert disk.put("key", bytes(1000))


PUT_MANY = """
import random
import sys

from ipfs_kit_py.tiered_cache import DiskCache

folder, seed = sys.argv[1:]
cache = DiskCache(folder, 8 << 20)
source = random.Random(int(seed))
for number in range(150):
    key = f"{seed} {number}"
    cache.put(key, key.encode() * source.randrange(10_000))
"""


def test_four_processes_keep_one_bound(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    workers = [
        subprocess.Popen([sys.executable, "-c", PUT_MANY, str(folder), str(seed)])
        for seed in range(4)
    ]
    most = 0
    while any(worker.poll() is None for worker in workers):
        try:
            most = max(most, allocated(folder))
        except FileNotFoundError:
            continue
    assert [worker.returncode for worker in workers] == [0] * 4
    assert 0 < most <= 8 * MIB
    cache = DiskCache(folder, 8 * MIB)
    for key in cache.index:
        assert isinstance(key, str)
        value = cache.get(key)
        assert value is None or value == key.encode() * (len(value) // len(key))


def test_a_folder_that_cannot_be_made_turns_it_off_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING, "ipfs_kit_py"):
        cache = DiskCache(tmp_path / "file", 4 * MIB)
    assert cache.state[0] == "off"
    assert "the disk cache is off" in caplog.text
    assert not cache.put("key", b"value")
    assert cache.get("key") is None


def test_wrong_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="too small"):
        DiskCache(tmp_path / "cache", 100)
    with pytest.raises(InvalidParameterError, match="no number of bytes"):
        DiskCache(tmp_path / "cache", -1)


def test_statistics_have_the_promised_keys(disk: DiskCache) -> None:
    disk.put("key", bytes(1000), {"mimetype": "text/plain"})
    disk.put("other", bytes(10))
    disk.get("key")
    stats = disk.get_stats()
    assert stats["by_type"] == {"text/plain": 1, "unknown": 1}
    assert (stats["entry_count"], stats["state"]) == (2, "on")
    assert stats["age_distribution"]["hour"] == 2
    assert 0 < stats["utilization"] < 1
    assert {"size_limit", "current_size", "directory"} <= stats.keys()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., TieredCacheManager]:
    def manager(**config: object) -> TieredCacheManager:
        folder = str(tmp_path / "cache")
        return TieredCacheManager(
            {
                "memory_cache_size": MIB,
                "disk_cache_path": folder,
                "disk_cache_size": 16 * MIB,
                "min_item_size": 100,
                "max_memory_item_size": 100_000,
                **config,
            }
        )

    return manager


def test_a_disk_hit_goes_to_memory(make: Callable[..., TieredCacheManager]) -> None:
    manager = make()
    assert manager.put("key", b"x" * 5000)
    manager.clear(["memory"])
    assert "key" not in manager.memory_cache
    assert manager.get("key") == b"x" * 5000
    assert "key" in manager.memory_cache
    assert manager.get("key") == b"x" * 5000
    assert manager.access_stats["key"]["tier_hits"] == {"memory": 1, "disk": 1, "miss": 0}


def test_small_items_stay_in_memory_and_large_ones_on_the_disk(
    make: Callable[..., TieredCacheManager],
) -> None:
    manager = make()
    manager.put("small", b"x" * 50)
    manager.put("large", b"x" * 200_000)
    assert ("small" in manager.memory_cache, "small" in manager.disk_cache) == (1, 0)
    assert ("large" in manager.memory_cache, "large" in manager.disk_cache) == (0, 1)
    assert manager.get("large") == b"x" * 200_000
    assert "large" not in manager.memory_cache


def test_a_smaller_value_takes_the_place_of_the_one_on_the_disk(
    make: Callable[..., TieredCacheManager],
) -> None:
    manager = make()
    manager.put("key", b"old" * 1000)
    manager.put("key", b"new")
    manager.clear(["memory"])
    assert manager.get("key") is None


def test_views_of_the_disk_stay_good(make: Callable[..., TieredCacheManager]) -> None:
    manager = make()
    manager.put("key", b"x" * 5000)
    view = manager.get_mmap("key")
    assert view is not None
    assert "key" in manager.mmap_store
    manager.clear()
    assert bytes(view) == b"x" * 5000
    assert not manager.mmap_store
    assert manager.get_mmap("key") is None


def test_items_go_up_when_they_were_read_often_enough(tmp_path: Path) -> None:
    config = {"disk_cache_path": str(tmp_path / "cache"), "promotion_threshold": 3}
    cache = TieredCacheManager(config | {"default_tier": "disk"})
    cache.put("key", bytes(5000))
    cache.put("small", b"small")
    where = []
    for _ in range(4):
        where.append("key" in cache.memory_cache)
        assert cache.get("key") == bytes(5000)
    assert where == [False, False, False, True]
    assert "small" in cache.memory_cache
    cache.put("key", bytes(6000))
    assert cache.get("key") == bytes(6000)
    cache.close()
    cache = TieredCacheManager(
        {"disk_cache_path": config["disk_cache_path"], "min_access_count": 2}
    )
    assert cache.get("key") == bytes(6000)
    assert "key" not in cache.memory_cache
    assert cache.get("key") == bytes(6000)
    assert "key" in cache.memory_cache
    assert not cache.put_in_memory("file", b"once")
    assert cache.put_in_memory("file", b"twice")
    cache.close()


def test_promotion_eviction_removal(make: Callable[..., TieredCacheManager]) -> None:
    manager = make()
    manager.put("key", b"x" * 5000)
    manager.clear(["memory"])
    assert manager.promote_to_tier("key", "memory")
    assert "key" in manager.memory_cache
    manager.put("small", b"y" * 10)
    assert manager.promote_to_tier("small", "disk")
    assert "small" in manager.disk_cache
    assert not manager.promote_to_tier("unknown", "memory")
    with pytest.raises(InvalidParameterError, match="tier 'tape'"):
        manager.promote_to_tier("key", "tape")  # type: ignore[arg-type]
    assert manager.evict(1) >= 1
    assert manager.remove("key")
    assert manager.get("key") is None
    with pytest.raises(InvalidParameterError, match="no tier is called 'tape'"):
        manager.clear(["tape"])  # type: ignore[list-item]


def test_numbers_have_the_promised_keys(make: Callable[..., TieredCacheManager]) -> None:
    manager = make()
    manager.put("key", b"x" * 5000, {"mimetype": "text/plain"})
    manager.get("key")
    manager.get("unknown")
    stats = manager.get_stats()
    assert stats["hits"] == {"memory": 1, "disk": 0, "miss": 1}
    assert stats["hit_rate"] == 0.5
    assert {"timestamp", "total_storage", "total_items", "memory_cache"} <= stats.keys()
    assert {"disk_cache", "mmap_files", "config"} <= stats.keys()
    metrics = manager.get_metrics()
    assert metrics["memory_hit_rate"] == 0.5
    assert metrics["disk_hit_rate"] == 0.0
    assert metrics["avg_access_time_ms"] > 0
    assert sum(metrics["memory"]["latency_us"].values()) == 1
    assert manager.get_metadata("key") == {"mimetype": "text/plain"}


def test_both_spellings_of_the_settings(tmp_path: Path) -> None:
    older = TieredCacheManager(
        {
            "local_cache_path": str(tmp_path / "cache"),
            "local_cache_size": "16MiB",
            "max_item_size": 1000,
        }
    )
    assert older.disk_cache.size_limit == 16 * MIB
    assert older.memory_cache.max_item == 1000


keys = st.text("abcdef", min_size=1, max_size=2)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["put", "get", "remove", "forget"]), keys,
                          st.integers(0, 300_000)), max_size=60))  # fmt: skip
def test_it_is_a_map_that_forgets(
    tmp_path_factory: pytest.TempPathFactory, todo: list[tuple[str, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    manager = TieredCacheManager(
        {
            "memory_cache_size": 200_000,
            "disk_cache_path": str(folder),
            "disk_cache_size": 2 * MIB,
            "max_memory_item_size": 100_000,
        }
    )
    last: dict[str, bytes] = {}
    for call, key, size in todo:
        if call == "put":
            value = key.encode() * (size // len(key))
            manager.put(key, value)
            last[key] = value
        elif call == "remove":
            manager.remove(key)
            last.pop(key, None)
        elif call == "forget":
            manager.clear(["memory"])
        else:
            found = manager.get(key)
            assert found is None or found == last.get(key)
    manager.close()


def test_the_kit_reads_from_memory_what_it_read_before(tmp_path: Path) -> None:
    with ipfs_kit(
        metadata={
            "ipfs_path": str(tmp_path / "repo"),
            "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
        }
    ) as kit:
        data = os.urandom(MIB)
        cid = kit.ipfs.add_bytes(data)["cid"]
        first = kit.ipfs.cat(cid)["content"]
        again = kit.ipfs.cat(CID(cid))["content"]
        assert first == data
        assert again is first
        assert kit.ipfs.cat(f"/ipfs/{cid}", 10, 5)["content"] == data[10:15]
        assert kit.ipfs.cat(cid, MIB - 3)["content"] == data[-3:]
        assert kit.ipfs.cat(cid, -1)["error_type"] == "InvalidParameterError"
        metrics = kit.tiered_cache.get_metrics()
        assert metrics["memory"]["hits"] == 3
        assert kit.get_cache_manager() is kit.tiered_cache
        assert isinstance(kit.tiered_cache.memory_cache, ARCache)
    # What the repository holds does not lie on the cache's disk once more.
    assert not (tmp_path / "cache").exists()


def test_threads_share_a_disk_cache(disk: DiskCache) -> None:
    wrong: list[str] = []

    def work(seed: int) -> None:
        for number in range(200):
            key = str((number * 13 + seed) % 60)
            disk.put(key, key.encode() * 1000)
            value = disk.get(key)
            if value is not None and value != key.encode() * 1000:
                wrong.append(key)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_the_commands_show_check_and_empty_it(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    disk = DiskCache(folder, 16 * MIB)
    value, block = os.urandom(20_000), os.urandom(1000)
    disk.put("key", value)
    disk.put_block(cid_of(block), block)
    name = disk.index["key"]["filename"]
    disk.close()
    environ = os.environ | {
        "HOME": str(tmp_path),
        "IPFS_KIT_DISK_CACHE_PATH": str(folder),
        "IPFS_KIT_DISK_CACHE_SIZE": "16MiB",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ipfs_kit_py.cli", "cache", *words]
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, check=False
        )

    shown = json.loads(run("stats", "--json").stdout)
    assert (shown["entry_count"], shown["state"]) == (2, "on")
    assert set(run("ls", "-q").stdout.split()) == {"key", str(cid_of(block))}
    done = run("verify")
    assert (done.returncode, done.stdout) == (0, "2 items, 21 kB, 0 damaged\n")
    file = folder / name
    data = bytearray(file.read_bytes())
    data[data.find(value) + 5] ^= 1
    file.write_bytes(data)
    done = run("verify", "--json")
    assert (done.returncode, json.loads(done.stdout)["damaged"]) == (1, 1)
    assert json.loads(run("clear", "--json").stdout)["freed_bytes"] > 0
    assert run("ls").stdout == ""


def test_without_a_disk_tier_all_is_in_memory(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    cache = TieredCacheManager({"disk_cache_path": str(folder), "disk_cache_size": 0})
    assert cache.put("key", b"value")
    assert cache.get("key") == b"value"
    assert cache.get("other") is None
    assert not cache.contains("other")
    stats = cache.get_stats()
    assert (stats["disk_cache"]["state"], stats["total_items"]) == ("off", 1)
    assert cache.get_metadata("key") is None
    cache.clear()
    assert cache.get("key") is None
    cache.close()
    assert not folder.exists()
