"""The chain of sources: who is asked, in which order, and what is kept of the answers."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.far import Far, Hook, Liar
from tests.soon import PATIENT_SECONDS, SOON_SECONDS

from ipfs_kit_py import CID, CancelToken, Repository, cid_of
from ipfs_kit_py._kit.roles import ROLES, RoleName
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    CancelledError,
    IntegrityError,
    LimitExceededError,
    TimedOutError,
    UnreachableError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.sources import ORDER, Source, order_for

MIB = 1 << 20
DATA = b"".join(os.urandom(MIB) for _ in range(20))

Open = Callable[..., ipfs_kit]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Repository]:
    with Repository(tmp_path / "elsewhere") as repository:
        yield repository


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Open]:
    """Open a kit of sources; each time the same folders."""
    kits = []

    def open_kit(*sources: Source, **metadata: Any) -> ipfs_kit:
        cache = {"disk_cache_path": str(tmp_path / "cache"), "disk_cache_size": "256MiB"}
        cache |= metadata.pop("cache_config", {})
        given = {"ipfs_path": str(tmp_path / "repo"), "cache_config": cache, **metadata}
        kits.append(ipfs_kit(metadata=given, sources=sources))
        return kits[-1]

    yield open_kit
    for kit in kits:
        kit.close()


def hang(cids: Sequence[CID]) -> None:
    del cids
    time.sleep(60)


def refuse(cids: Sequence[CID]) -> None:
    del cids
    raise ConnectionRefusedError("nobody listens")


def settle() -> None:
    """Wait until nothing is fetched ahead."""
    while any("ahead" in thread.name for thread in threading.enumerate()):
        time.sleep(0.001)


class Between:
    """Has nothing, and lets something happen when it is asked for the first time."""

    name, cost, is_remote = "between", 3.0, False

    def __init__(self) -> None:
        self.work: Callable[[], object] | None = None

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        del cids
        work, self.work = self.work, None
        if work is not None:
            work()
        return {}


def test_what_came_after_one_looked_is_not_fetched_again(
    make: Open, elsewhere: Repository
) -> None:
    cid = elsewhere.block_put(DATA[:MIB])
    far, between = Far(elsewhere), Between()
    reader = make(far, between).reader
    # As another thread would, between the look and the request.
    between.work = lambda: reader.block_get(cid)
    assert reader.block_get(cid) == DATA[:MIB]
    assert far.count == 1


@pytest.mark.parametrize("role", [*ROLES])
def test_every_role_asks_in_the_order_of_the_tiers(role: RoleName, make: Open) -> None:
    tiers = order_for(role)
    assert set(tiers) == set(ORDER) - ({"cluster"} if role == "leecher" else set())
    assert [*tiers] == sorted(tiers, key=ORDER.index)
    names = [source.name for source in make(role=role).reader.sources]
    assert names == [tier for tier in tiers if tier in names]
    assert names[:3] == ["memory", "disk", "local"]


def test_a_backend_that_does_not_exist_is_refused(make: Open) -> None:
    kit = make(cache_config={"external_backends": {"azure": {}}})
    result = kit.ipfs.cat(cid_of(b"nowhere"))
    assert result["error_type"] == "ConfigurationError"
    assert "'azure' is no source" in result["error"]


def test_storacha_comes_after_gateways_and_needs_one_of_its_own(make: Open) -> None:
    kit = make(cache_config={"external_backends": {"storacha": {}}})
    result = kit.ipfs.cat(cid_of(b"nowhere"))
    assert result["error_type"] == "ConfigurationError"
    assert "storacha.gateway does not say" in result["error"]
    assert "the hosted service of Storacha ended" in result["error"]
    url = "http://127.0.0.1:1"
    bucket = {"bucket": "b", "prefix": "p", "anonymous": True}
    asked: dict[str, Any] = {"gateway_urls": [url], "s3cfg": bucket}
    for given in (
        {"storacha": {"gateway": url}},
        {"cache_config": {"external_backends": {"storacha": {"gateway": url}}}},
    ):
        names = [it.name for it in make(**asked, **given).reader.sources]
        assert names == ["memory", "disk", "local", "gateway", "storacha", "s3"]
    assert "storacha" not in [
        it.name for it in make(storacha={"gateway": url}, offline=True).reader.sources
    ]


def test_sources_stand_by_their_cost(make: Open, elsewhere: Repository) -> None:
    kit = make(Far(elsewhere, "last", 90), Far(elsewhere, "first", 0.5))
    names = [source.name for source in kit.reader.sources]
    assert names == ["memory", "first", "disk", "local", "last"]


def test_what_is_fetched_once_is_here(make: Open, elsewhere: Repository) -> None:
    cid = elsewhere.add(DATA).cid
    far = Far(elsewhere)
    kit = make(far)
    assert kit.ipfs.cat(cid)["content"] == DATA
    asked = far.count
    assert asked == 21
    assert kit.ipfs.cat(cid, 5 * MIB, 10)["content"] == DATA[5 * MIB : 5 * MIB + 10]
    kit.tiered_cache.clear(["memory"])
    assert kit.ipfs.cat(cid)["content"] == DATA
    # The root is smaller than what goes to the disk.
    assert far.count == asked + 1
    metrics = kit.tiered_cache.get_metrics()
    assert metrics["disk"]["hits"] >= 20
    assert metrics["fetched"]["blocks"] == asked + 1
    assert not list(kit.engine.pin_ls())
    assert not kit.engine.has(cid)


def test_a_later_process_reads_it_offline(make: Open, elsewhere: Repository) -> None:
    cid = elsewhere.add(bytes(8 * MIB) + b"end", profile="unixfs-v1-2025").cid
    large = elsewhere.add(DATA[: 3 * MIB], raw_leaves=True, chunker="size-1048576").cid
    far = Far(elsewhere)
    make(far, cache_config={"min_item_size": 0}).ipfs.cat(cid).raise_for_error()
    make(far, cache_config={"min_item_size": 0}).ipfs.cat(large).raise_for_error()
    asked = far.count
    later = make(far, offline=True)
    assert far not in later.reader.sources
    assert later.ipfs.cat(large)["content"] == DATA[: 3 * MIB]
    assert len(later.ipfs.cat(cid)["content"]) == 8 * MIB + 3
    assert far.count == asked


def test_pinning_fetches_what_is_not_here(make: Open, elsewhere: Repository) -> None:
    cid = elsewhere.add(DATA).cid
    result = make(Far(elsewhere), offline=True).ipfs.pin_add(cid)
    assert result["error_type"] == "BlockNotFoundError"
    far = Far(elsewhere)
    kit = make(far)
    kit.ipfs.cat(cid, 2 * MIB, 10).raise_for_error()
    assert kit.ipfs.pin_add(cid, name="mine").raise_for_error()["pins"] == [str(cid)]
    # What was read before is in the cache.
    assert far.count == 21
    assert make().ipfs.cat(cid)["content"] == DATA
    pin = kit.engine.pin_find(cid)
    assert pin is not None
    assert (pin.type, pin.name) == ("recursive", "mine")


def test_small_blocks_stay_in_memory(make: Open, elsewhere: Repository) -> None:
    small, large = elsewhere.block_put(b"small"), elsewhere.block_put(bytes(5000))
    kit = make(Far(elsewhere))
    assert kit.ipfs.block_get(small)["data"] == b"small"
    assert kit.ipfs.block_get(large)["data"] == bytes(5000)
    disk = kit.tiered_cache.disk_cache
    assert disk.get_block(small) is None
    assert len(disk.get_block(large) or b"") == 5000
    assert str(small) in kit.tiered_cache.memory_cache
    assert str(large) not in kit.tiered_cache.memory_cache


def test_the_next_source_is_asked_for_what_is_left(
    make: Open, elsewhere: Repository, tmp_path: Path
) -> None:
    with Repository(tmp_path / "other") as other:
        one, two = elsewhere.block_put(b"one"), other.block_put(b"two")
        first, second = Far(elsewhere, "first", 5), Far(other, "second", 6)
        reader = make(first, second).reader
        found = [block and bytes(block) for block in reader.block_get_many([one, two])]
        assert found == [b"one", b"two"]
        assert (first.asked, second.asked) == ([[one, two]], [[two]])


@pytest.mark.parametrize("trouble", [refuse, hang])
def test_a_source_that_fails_is_passed_over(
    make: Open, elsewhere: Repository, trouble: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    cid = elsewhere.block_put(b"bytes")
    bad, good = Far(elsewhere, "bad", 5, trouble), Far(elsewhere, "good", 6)
    kit = make(bad, good, timeouts={"api": 2})
    assert kit.ipfs.block_get(cid)["data"] == b"bytes"
    assert "bad: " in caplog.text


@pytest.mark.parametrize(
    ("trouble", "kind"), [(refuse, UnreachableError), (hang, TimedOutError)]
)
def test_what_no_source_could_give_is_a_typed_error(
    make: Open, elsewhere: Repository, trouble: Hook, kind: type[Exception]
) -> None:
    cid = elsewhere.add(DATA).cid
    api = 0.2 if kind is TimedOutError else PATIENT_SECONDS
    kit = make(Far(elsewhere, "bad", hook=trouble), timeouts={"api": api})
    with pytest.raises(kind, match=f"{cid} .*bad: "):
        kit.reader.cat(cid)
    result = kit.ipfs.cat(cid)
    assert (result["success"], result["error_type"]) == (False, kind.__name__)
    assert result["recoverable"]
    with pytest.raises(kind):
        list(kit.reader.ls(cid))


def test_what_nobody_has_is_not_found(make: Open, elsewhere: Repository) -> None:
    cid = cid_of(b"nowhere")
    with pytest.raises(BlockNotFoundError):
        make(Far(elsewhere)).reader.cat(cid)


def test_wrong_bytes_are_never_taken(
    make: Open, elsewhere: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    cid = elsewhere.add(DATA).cid
    liar = Liar(elsewhere, "liar", 5)
    with pytest.raises(IntegrityError, match="liar: it gave bytes"):
        make(liar).reader.cat(cid)
    assert make(liar, Far(elsewhere, "good", 6)).reader.cat(cid) == DATA
    assert "liar: it gave bytes" in caplog.text


def test_a_damaged_block_is_read_from_elsewhere(
    make: Open, elsewhere: Repository, tmp_path: Path
) -> None:
    cid = elsewhere.block_put(DATA[:MIB])
    kit = make()
    kit.engine.block_put(DATA[:MIB])
    kit.close()
    (pack,) = (tmp_path / "repo").rglob("*.car")
    raw = pack.read_bytes()
    at = raw.index(DATA[1000:1100])
    pack.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    with pytest.raises(IntegrityError):
        make().reader.block_get(cid)
    assert make(Far(elsewhere)).reader.block_get(cid) == DATA[:MIB]


def test_many_threads_make_one_request(make: Open, elsewhere: Repository) -> None:
    cid = elsewhere.add(DATA[: MIB // 2]).cid
    far = Far(elsewhere, hook=lambda _: time.sleep(0.5))
    kit = make(far)
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(kit.reader.cat(cid)))
        for _ in range(100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [DATA[: MIB // 2]] * 100
    assert far.asked == [[cid]]


def test_who_waits_for_one_that_was_stopped_fetches_itself(
    make: Open, elsewhere: Repository
) -> None:
    cid = elsewhere.block_put(b"bytes")
    first = threading.Event()

    def slow_once(cids: Sequence[CID]) -> None:
        del cids
        if not first.is_set():
            first.set()
            time.sleep(60)

    kit = make(Far(elsewhere, hook=slow_once))
    token, stopped, given = CancelToken(), [], []

    def leader() -> None:
        with token:
            try:
                kit.reader.block_get(cid)
            except CancelledError as error:
                stopped.append(error)

    leading = threading.Thread(target=leader)
    leading.start()
    first.wait()
    waiting = threading.Thread(target=lambda: given.append(kit.reader.block_get(cid)))
    waiting.start()
    time.sleep(0.2)
    token.cancel()
    leading.join(SOON_SECONDS)
    waiting.join(SOON_SECONDS)
    assert (len(stopped), given) == (1, [b"bytes"])


def test_a_cancelled_reader_stops_soon(make: Open, elsewhere: Repository) -> None:
    cid = elsewhere.add(DATA).cid
    kit = make(Far(elsewhere, hook=hang))
    token = CancelToken()
    threading.Timer(0.2, token.cancel).start()
    start = time.monotonic()
    with token, pytest.raises(CancelledError):
        kit.reader.cat(cid)
    assert time.monotonic() - start < SOON_SECONDS


def test_reading_in_order_is_ahead_and_seeking_is_not(
    make: Open, elsewhere: Repository
) -> None:
    cid = elsewhere.add(DATA).cid
    far = Far(elsewhere)
    kit = make(far, cache_config={"memory_cache_size": "160MiB"})
    with kit.reader.open(cid) as file:
        read = b""
        while piece := file.read(MIB):
            read += piece
            settle()
    assert read == DATA
    ahead = kit.tiered_cache.get_metrics()["prefetch"]
    # All but the first.
    assert ahead["used"] == 19
    assert (ahead["wasted"], ahead["waiting"]) == (0, 0)
    assert far.count == 21
    assert max(len(cids) for cids in far.asked) > 2

    kit.tiered_cache.clear()
    before = far.count
    with kit.reader.open(cid) as file:
        for at in (9, 3, 15, 1):
            file.seek(at * MIB)
            assert file.read(10) == DATA[at * MIB : at * MIB + 10]
            settle()
    assert far.count - before == 5


def test_reading_on_and_on_is_ahead_though_little_is_passed_over(
    make: Open, elsewhere: Repository
) -> None:
    cid = elsewhere.add(DATA).cid
    far = Far(elsewhere)
    kit = make(far, cache_config={"memory_cache_size": "160MiB"})
    with kit.reader.open(cid, buffer_bytes=4096) as file:
        for at in range(0, len(DATA), MIB // 4):
            file.seek(at)
            assert file.read(512) == DATA[at : at + 512]
            settle()
    # The blocks, and the node above them: each once, and most of them together.
    assert far.count == 21
    assert len(far.asked) < 10


def test_what_is_fetched_in_vain_has_a_bound(make: Open, elsewhere: Repository) -> None:
    cid = elsewhere.add(DATA).cid
    kit = make(Far(elsewhere), cache_config={"memory_cache_size": "40MiB"})
    kept = kit.ipfs.add(b"asked for often" * 1000)["cid"]
    kit.ipfs.cat(kept).raise_for_error()
    for start in (0, 6, 12):
        with kit.reader.open(cid) as file:
            file.seek(start * MIB)
            for _ in range(4):
                file.read(MIB)
                settle()
    ahead = kit.tiered_cache.get_metrics()["prefetch"]
    assert 0 < ahead["bytes"] <= 4 * MIB
    assert kept in kit.tiered_cache.memory_cache


def test_nothing_is_fetched_ahead_if_told_so(make: Open, elsewhere: Repository) -> None:
    cid = elsewhere.add(DATA).cid
    far = Far(elsewhere)
    kit = make(far, cache_config={"prefetch_enabled": False})
    with kit.reader.open(cid) as file:
        for _ in range(5):
            file.read(MIB)
            settle()
    assert far.count == 6


def test_folders_come_whole_from_far_away(
    make: Open, elsewhere: Repository, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    for number in range(300):
        place = tree / f"{number % 7}" / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(number * 10))
    cid = elsewhere.add(tree, max_directory_links=50, max_hamt_fanout=16).cid
    kit = make(Far(elsewhere))
    kit.ipfs.get(cid, tmp_path / "out").raise_for_error()
    assert (
        Repository(tmp_path / "check")
        .add(tmp_path / "out", max_directory_links=50, max_hamt_fanout=16)
        .cid
        == cid
    )
    names = {entry.name for entry in kit.reader.ls(cid)}
    assert names == {str(number) for number in range(7)}
    assert kit.reader.dag_stat(cid).blocks == elsewhere.dag_stat(cid).blocks
    assert (
        b"".join(kit.reader.iter_file(f"{cid}/3/10.bin"))
        == (tree / "3" / "10.bin").read_bytes()
    )


def test_a_forked_process_reads_while_its_parent_fetches(
    make: Open, elsewhere: Repository
) -> None:
    cid = elsewhere.add(DATA).cid
    kit = make(Far(elsewhere, hook=lambda _: time.sleep(0.3)))
    fetching = threading.Thread(target=kit.reader.cat, args=[cid])
    fetching.start()
    time.sleep(0.1)
    child = os.fork()
    if child == 0:
        os._exit(0 if kit.reader.cat(cid) == DATA else 1)
    fetching.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_few_blocks_from_elsewhere_do_not_stand_for_endless_trees(
    make: Open, elsewhere: Repository
) -> None:
    cid = elsewhere.block_put(b"leaf")
    for _ in range(40):
        links = [{"Name": name, "Hash": cid, "Tsize": 1} for name in "ab"]
        cid = elsewhere.dag_put({"Links": links, "Data": b"\x08\x01"}, "dag-pb")
    # On the disk, where they are read a million times in a few seconds.
    kit = make(Far(elsewhere), cache_config={"min_item_size": 0})
    with pytest.raises(LimitExceededError, match="again and again"):
        for _ in kit.reader.refs(cid, recursive=True):
            pass


SCRIPT = """
import sys, threading, time
from ipfs_kit_py import Repository
from ipfs_kit_py.ipfs_kit import ipfs_kit
from tests.far import Far, Hook, Liar
from ipfs_kit_py._sources import RepositorySource

class Slow(RepositorySource):
    is_remote = True
    def get_blocks(self, cids):
        if len(cids) > 1 or slow:
            print("asked", flush=True)
            asked.set()
            time.sleep(60)
        return super().get_blocks(cids)

slow, asked = {slow}, threading.Event()
cid = {cid!r}
metadata = dict(ipfs_path={repo!r}, cache_config=dict(disk_cache_path={cache!r}))
kit = ipfs_kit(metadata=metadata, sources=[Slow(Repository({elsewhere!r}), "slow", 5)])
{work}
"""


def script(tmp_path: Path, elsewhere: Repository, work: str, *, slow: bool) -> str:
    return SCRIPT.format(
        slow=slow,
        cid=str(elsewhere.add(DATA).cid),
        repo=str(tmp_path / "mine"),
        cache=str(tmp_path / "cache"),
        elsewhere=elsewhere.path,
        work=textwrap.dedent(work),
    )


def test_ctrl_c_ends_a_fetch(tmp_path: Path, elsewhere: Repository) -> None:
    text = script(tmp_path, elsewhere, "kit.reader.cat(cid)", slow=True)
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=2 * SOON_SECONDS)
    assert errors.rstrip().endswith(b"KeyboardInterrupt")


def test_a_program_ends_while_it_fetches_ahead(
    tmp_path: Path, elsewhere: Repository
) -> None:
    work = """
        file = kit.reader.open(cid)
        file.read(1 << 20)
        file.read(1 << 20)
        asked.wait(20)
        print("end")
    """
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script(tmp_path, elsewhere, work, slow=False)],
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == b"asked\nend\n"
    assert done.stderr == b""
    assert time.monotonic() - start < 15
