"""What file systems count of their own work: real calls, real bytes, real times."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import InvalidParameterError
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, MFSFileSystem

pytestmark = pytest.mark.usefixtures("no_instances")

DATA = bytes(range(256)) * 8000


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def cid(store: str) -> str:
    with Repository(store) as repository:
        return str(repository.add(DATA).cid)


def test_every_call_is_counted_with_its_bytes_and_its_time(store: str, cid: str) -> None:
    fs = fsspec.filesystem("ipfs", ipfs_path=store, offline=True)
    assert fs.get_metrics()["operations"] == {}
    began = time.perf_counter()
    for at in range(100):
        fs.cat_file(cid, at, at + 10)
    fs.cat_ranges([cid] * 3, [0, 10, 20], [5, 15, 40])
    with fs.open(cid) as file:
        file.read(100_000)
        file.readline()
        file.read_view(1000)
        file.readinto(bytearray(500))
    fs.info(cid)
    fs.ls(cid)
    fs.find(cid)
    with pytest.raises(NotADirectoryError):
        fs.cat_file(f"{fs.put(str(Path(__file__).parent / 'inputs.py'))}/nothing")
    spent = time.perf_counter() - began
    found = fs.get_metrics()
    done = found["operations"]
    assert found["memory_hit_rate"] == 0
    assert (done["cat_file"]["count"], done["cat_file"]["bytes"]) == (100, 1000)
    assert done["cat_file"]["errors"] == 1
    assert (done["cat_ranges"]["count"], done["cat_ranges"]["bytes"]) == (1, 30)
    assert done["read"]["bytes"] >= 101_500
    assert done["open"]["count"] == 1
    assert done["info"]["count"] == done["ls"]["count"] == done["find"]["count"] == 1
    assert done["add"]["count"] == 1
    assert done["add"]["bytes"] > 1000
    assert sum(one["seconds"] for one in done.values()) < spent
    for one in done.values():
        assert 0 < one["p50_ms"] <= one["p95_ms"] < spent * 1000
        assert one["remote"] == 0
    summary = fs.get_performance_metrics()
    assert summary["bytes_read"] == 1030 + done["read"]["bytes"]
    assert summary["errors"] == 1
    assert summary["answered"] == {"here": summary["reads"], "remote": 0}
    assert summary["bytes_per_second"] > 0
    analysis = fs.analyze_metrics()
    assert analysis["slowest"] in done
    assert analysis["remote_share"] == 0
    assert any("cat_ranges" in sentence for sentence in analysis["advice"])


def test_latencies_are_those_of_the_last_calls(store: str, cid: str) -> None:
    fs: Any = IPFSFileSystem(ipfs_path=store, offline=True, metrics_config={"recent": 4})
    real, slow = fs.file_reader, [0.0]

    def wait(path: str) -> Any:
        time.sleep(slow[0])
        return real(path)

    fs.file_reader = wait
    slow[0] = 0.1
    for _ in range(3):
        fs.cat_file(cid, 0, 1)
    assert fs.get_metrics()["operations"]["cat_file"]["p50_ms"] >= 100
    slow[0] = 0
    for _ in range(4):
        fs.cat_file(cid, 0, 1)
    found = fs.get_metrics()["operations"]["cat_file"]
    # Not the slowest: one of them a busy machine may keep.
    assert found["p50_ms"] < 100
    assert found["count"] == 7
    assert found["seconds"] >= 0.3


@pytest.mark.parametrize(
    "config", [{"recent": 0}, {"recent": "10"}, {"recent": True}, {"interval": 5}]
)
def test_a_configuration_that_says_nothing_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match="recent"):
        IPFSFileSystem(metrics_config=config)


def test_nothing_is_counted_where_it_is_switched_off(store: str, cid: str) -> None:
    fs = IPFSFileSystem(ipfs_path=store, enable_metrics=False)
    assert fs.cat_file(cid) == DATA
    assert fs.meter is None
    for ask in (fs.get_metrics, fs.get_performance_metrics, fs.analyze_metrics):
        with pytest.raises(InvalidParameterError, match="enable_metrics"):
            ask()


def test_no_call_of_many_threads_is_lost(store: str, cid: str) -> None:
    fs: Any = IPFSFileSystem(ipfs_path=store, offline=True)

    def read() -> None:
        for at in range(3000):
            fs.cat_file(cid, at, at + 7)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        fs.get_metrics()
        time.sleep(0.01)
    found = fs.get_metrics()["operations"]["cat_file"]
    assert (found["count"], found["bytes"]) == (12_000, 84_000)
    assert not fs.meter.pending


def test_a_forked_process_counts_on_by_itself(store: str, cid: str) -> None:
    fs = IPFSFileSystem(ipfs_path=store, offline=True)
    fs.cat_file(cid)
    child = os.fork()
    if not child:
        try:
            fs.cat_file(cid)
            count = fs.get_metrics()["operations"]["cat_file"]["count"]
            os._exit(0 if count == 2 else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert fs.get_metrics()["operations"]["cat_file"]["count"] == 1


def test_reads_that_waited_for_others_are_told_from_the_rest(
    server: Any, far: Repository, tmp_path: Path
) -> None:
    cid = str(far.add(DATA).cid)
    fs = IPFSFileSystem(
        gateway_only=True,
        gateway_urls=server.url,
        cache_config={"disk_cache_path": str(tmp_path / "cache")},
    )
    assert fs.cat_file(cid) == DATA
    first = fs.get_performance_metrics()
    assert first["answered"] == {"here": 0, "remote": 1}
    assert first["tiers"]["fetched"]["blocks"] >= 2
    assert fs.cat_file(cid) == DATA
    assert fs.get_performance_metrics()["answered"] == {"here": 1, "remote": 1}
    assert fs.analyze_metrics()["remote_share"] == 0.5


def test_changes_of_the_mutable_tree_are_counted(store: str) -> None:
    mfs = MFSFileSystem(ipfs_path=store)
    mfs.pipe("/a", b"12345")
    with mfs.transaction:
        mfs.pipe("/b", b"1")
        mfs.pipe("/c", b"2")
    done = mfs.get_metrics()["operations"]
    assert (done["add"]["count"], done["add"]["bytes"]) == (3, 7)
    assert done["change"]["count"] == 2


def test_a_file_system_without_a_cache_tells_of_its_own_calls(
    store: str, cid: str
) -> None:
    with Repository(store) as repository:
        fs = IPFSFileSystem(reader=repository)
        fs.cat_file(cid)
        assert fs.get_metrics().keys() == {"operations"}
        assert fs.get_performance_metrics()["tiers"] is None
