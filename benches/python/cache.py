"""The tiered cache: its memory, its disk, and what `cat` gains by it.

What each table isolates:
    get, put: the memory tier alone. Keys are CIDs as text; a hit finds one of 5,000
        values of 4 KiB, a put pushes another out. `new keys` are equal to those that were
        put, but other objects: their hash is computed, and their text compared.
    threads: four at once on one cache of half of what they ask for.
    trace: what a real system asked for (get, and put if it was not there), with the share
        that was found: a slower cache may find more. Left out where neither
        IPFS_KIT_TRACES nor ../shared/traces has the traces.
    disk: one value after another, found or put; nobody syncs each of them.
    cat: a file of one block from a kit's memory, and from a new kit that has read
        nothing, opened off the clock.
"""

import importlib
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import caches
import disk_caches
import hit_ratios
import inputs
from harness import Lineup, Table, Work, compare
from ipfs_kit_py.ipfs_kit import ipfs_kit

KIB, MIB = 1 << 10, 1 << 20
ITEMS = 5000
CALLS = 20_000
THREADS = 4
#: Trace and how many blocks the caches hold.
TRACES = (("OLTP", 1000), ("P3", 32_768))
GET_TARGETS = {"cachebox.LRUCache": 0.7, "cachetools.LRUCache with a lock": 3.0}
PUT_TARGETS = {"cachebox.LRUCache": 0.5}


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the full number of calls."""
    calls = max(1000, round(CALLS * scale))
    for shards in (1, 4):
        yield get_hits(shards, calls, same=True)
        yield get_hits(shards, calls, same=False)
        yield put_evicting(shards, calls)
    for shards in (1, 4):
        yield threads(shards, calls)
    yield from traces(scale)
    with tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at:
        yield from disk_caches.tables(Path(at), scale)
        yield cat(Path(at) / "kit")
    if scale >= 1:
        hit_ratios.draw()


def lineup(shards: int, work: Callable[[caches.Make], Work], **targets: float) -> Lineup:
    """Enter ours and all others for the same work."""
    entered = Lineup()
    name = "ARCache" if shards == 1 else f"ARCache, {shards} shards"
    entered.enter(name, lambda: work(caches.ours(shards)), ours=True)
    for name, find in caches.PEERS.items():
        entered.enter(name, lambda find=find: work(find()), target=targets.get(name))  # type: ignore[misc] # the loop's value
    return entered


def get_hits(shards: int, calls: int, *, same: bool) -> Table:
    """Ask for values that are there."""
    keys = names(0, ITEMS)
    order = random.Random(0).choices(keys, k=calls)
    if not same:
        order = ["".join(key) for key in map(tuple, order)]
    value = inputs.buffers(ITEMS, 4 * KIB)

    def work(make: caches.Make) -> Work:
        cache = make(ITEMS, 4 * KIB)
        for key, data in zip(keys, value, strict=True):
            cache.get(key)
            cache.put(key, data)

        def run() -> None:
            get = cache.get
            for key in order:
                get(key)

        return Work(run, calls)

    kind = "" if same else ", new keys"
    return compare(f"get, 4 KiB, hits{kind}", "gets", lineup(shards, work, **GET_TARGETS))


def put_evicting(shards: int, calls: int) -> Table:
    """Put values into a full cache."""
    keys = names(0, max(calls, 2 * ITEMS))
    value = bytes(4 * KIB)

    def work(make: caches.Make) -> Work:
        cache = make(ITEMS, 4 * KIB)
        return Work(lambda: cache.put_all(keys, value), len(keys))

    title = "put, 4 KiB, each pushes one out"
    return compare(title, "puts", lineup(shards, work, **PUT_TARGETS))


def threads(shards: int, calls: int) -> Table:
    """Ask for values, and put those that are not there, in threads."""
    keys, value = names(0, 2 * ITEMS), bytes(4 * KIB)
    orders = [random.Random(seed).choices(keys, k=calls) for seed in range(THREADS)]

    def work(make: caches.Make) -> Work:
        cache = make(ITEMS, 4 * KIB)

        def ask(order: list[str]) -> None:
            get, put = cache.get, cache.put
            for key in order:
                if get(key) is None:
                    put(key, value)

        def run() -> None:
            started = [threading.Thread(target=ask, args=(order,)) for order in orders]
            for thread in started:
                thread.start()
            for thread in started:
                thread.join()

        return Work(run, calls * THREADS)

    title = f"{THREADS} threads, half of what they ask for is there"
    return compare(title, "requests", lineup(shards, work))


class Replay:
    """A trace, asked of a new cache each time.

    Attributes:
        hit_ratio: The share of the requests that was found, the last time.
    """

    def __init__(self, make: caches.Make, items: int, order: list[str]) -> None:
        self.make, self.items, self.order = make, items, order
        self.hit_ratio = 0.0
        self.renew()

    def renew(self) -> None:
        """Begin with an empty cache."""
        self.cache = self.make(self.items, 1)

    def __call__(self) -> None:
        """Ask for everything, and put what was not there."""
        get, put, found = self.cache.get, self.cache.put, 0
        for key in self.order:
            if get(key) is None:
                put(key, b"1")
            else:
                found += 1
        hits = self.cache.hits() if self.cache.hits else found
        self.hit_ratio = hits / len(self.order)


def traces(scale: float) -> Iterator[Table]:
    """Replay traces, if there are any."""
    if hit_ratios.traces() is None:
        rows = " and ".join(name for name, _ in TRACES)
        why = "neither IPFS_KIT_TRACES nor ../shared/traces is a folder of traces"
        yield Table("hits on real traces", "requests", [], {rows: why})
        return
    for name, items in TRACES:
        blocks = hit_ratios.requests(name)
        known = {block: f"{name} {block}" for block in set(blocks)}
        order = [known[block] for block in blocks[: round(len(blocks) * scale)]]

        def work(make: caches.Make, items: int = items, order: list[str] = order) -> Work:
            replay = Replay(make, items, order)
            return Work(replay, len(order), replay.renew)

        title = f"{name}, {len(order):,} requests, a cache of {items:,} blocks"
        entered = lineup(1, work)
        entered.enter("ARCache, 4 shards", lambda work=work: work(caches.ours(4)))  # type: ignore[misc] # the loop's value
        yield compare(title, "requests", entered)


def cat(place: Path) -> Table:
    """Read a file of one block again, and for the first time."""
    data = inputs.buffers(1, MIB)[0]
    file = inputs.file(MIB)
    metadata = {"ipfs_path": str(place)}
    with ipfs_kit(metadata=metadata) as kit:
        cid = kit.ipfs.add_bytes(data)["cid"]
        kits = [ipfs_kit(metadata=metadata)]

        def reopen() -> None:
            kits.append(ipfs_kit(metadata=metadata))
            kits.pop(0).close()

        def read(kit: ipfs_kit) -> None:
            kit.ipfs.cat(cid)

        entered = Lineup()
        again = Work(lambda: read(kit), MIB)
        entered.enter("kit.ipfs.cat, again", lambda: again, ours=True)
        first = Work(lambda: read(kits[0]), MIB, reopen)
        entered.enter("kit.ipfs.cat, the first of a new kit", lambda: first)
        entered.enter(
            "a plain file's read", lambda: Work(lambda: len(file.read_bytes()), MIB)
        )
        table = compare("cat of 1 MiB, one block", "B", entered)
        kits[0].close()
    return table


def names(first: int, count: int) -> list[str]:
    """Return CIDs as text."""
    cids = importlib.import_module("ipfs_kit_py").cids_of
    numbers = [number.to_bytes(8) for number in range(first, first + count)]
    return list(cids(numbers).strings())
