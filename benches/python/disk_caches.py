"""The disk tier beside diskcache and lmdb: values found and put one by one."""

import importlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import inputs
from harness import Lineup, Table, Work, compare

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LIMIT = 4 * GIB
#: Bytes of a value, how many, and the ratios to diskcache that get and put are to reach.
VALUES = ((4 * KIB, 4096, 3.0, 3.0), (256 * KIB, 256, 10.0, 3.0))


@dataclass(frozen=True)
class Store:
    """One cache in a folder.

    Attributes:
        get: Gives a value.
        put: Keeps a value.
        close: Ends it.
    """

    get: Callable[[str], object]
    put: Callable[[str, bytes], object]
    close: Callable[[], object]


#: Opens a store in a folder.
Open = Callable[[Path], Store]


def ours() -> Open:
    """Look up `DiskCache` by keys; what it gives is a view of where the value lies."""
    cache = importlib.import_module("ipfs_kit_py.tiered_cache").DiskCache

    def open_in(folder: Path) -> Store:
        disk = cache(folder, LIMIT)
        return Store(disk.get_view, disk.put, disk.close)

    return open_in


def ours_copied() -> Open:
    """Look up `DiskCache` by keys; what it gives is a copy."""
    cache = importlib.import_module("ipfs_kit_py.tiered_cache").DiskCache

    def open_in(folder: Path) -> Store:
        disk = cache(folder, LIMIT)
        return Store(disk.get, disk.put, disk.close)

    return open_in


def ours_by_cid() -> Open:
    """Look up `DiskCache` by CIDs, of blocks that the caller has verified."""
    cache = importlib.import_module("ipfs_kit_py.tiered_cache").DiskCache

    def open_in(folder: Path) -> Store:
        disk = cache(folder, LIMIT)

        def put(cid: str, block: bytes) -> object:
            return disk.put_block(cid, block, verified=True)

        return Store(disk.get_block, put, disk.close)

    return open_in


def diskcache() -> Open:
    """Look up diskcache with its own settings, but for as large a limit as ours."""
    cache = importlib.import_module("diskcache").Cache

    def open_in(folder: Path) -> Store:
        disk = cache(str(folder), size_limit=LIMIT)
        return Store(disk.get, disk.set, disk.close)

    return open_in


def lmdb() -> Open:
    """Look up lmdb; each call is a transaction, and those that put do not sync."""
    module = importlib.import_module("lmdb")

    def open_in(folder: Path) -> Store:
        store = module.open(str(folder), map_size=LIMIT, sync=False)

        def get(key: str) -> object:
            with store.begin(buffers=True) as transaction:
                return transaction.get(key.encode())

        def put(key: str, value: bytes) -> None:
            with store.begin(write=True) as transaction:
                transaction.put(key.encode(), value)

        return Store(get, put, store.close)

    return open_in


def tables(place: Path, scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the full number of values."""
    for size, full, get_target, put_target in VALUES:
        count = max(32, round(full * scale))
        values = inputs.buffers(count, size)
        cids = importlib.import_module("ipfs_kit_py").cids_of
        keys = list(cids(values).strings())
        yield get_all(place, keys, values, get_target)
        for name, find in (("by key", ours), ("by verified CID", ours_by_cid)):
            yield put_all(place, name, find, keys, values, put_target)


def get_all(place: Path, keys: list[str], values: list[bytes], target: float) -> Table:
    """Ask for every value."""
    opened: list[Store] = []

    def work(name: str, find: Callable[[], Open]) -> Callable[[], Work]:
        def entry() -> Work:
            open_in = find()
            folder = place / f"get-{name}-{len(values[0])}"
            folder.mkdir()
            store = open_in(folder)
            opened.append(store)
            for key, value in zip(keys, values, strict=True):
                store.put(key, value)

            def run() -> None:
                get = store.get
                for key in keys:
                    get(key)

            return Work(run, len(keys))

        return entry

    lineup = Lineup()
    lineup.enter("DiskCache.get_view, by key", work("view", ours), ours=True)
    lineup.enter("DiskCache.get_block, by CID", work("block", ours_by_cid))
    lineup.enter("DiskCache.get, a copy", work("copy", ours_copied))
    lineup.enter("diskcache", work("diskcache", diskcache), target=target)
    lineup.enter("lmdb, a view", work("lmdb", lmdb))
    table = compare(f"get {described(values)} from the disk tier", "values", lineup)
    for store in opened:
        store.close()
    return table


def put_all(
    place: Path,
    name: str,
    find: Callable[[], Open],
    keys: list[str],
    values: list[bytes],
    target: float,
) -> Table:
    """Put every value into a new folder."""
    closers: list[Callable[[], object]] = []

    def work(name: str, find: Callable[[], Open]) -> Callable[[], Work]:
        def entry() -> Work:
            open_in = find()
            folder = place / f"put-{name}"
            stores: list[Store] = []

            def close() -> None:
                for store in stores:
                    store.close()
                stores.clear()
                with suppress(FileNotFoundError):
                    shutil.rmtree(folder)

            def prepare() -> None:
                close()
                folder.mkdir()
                stores.append(open_in(folder))

            def run() -> None:
                put = stores[0].put
                for key, value in zip(keys, values, strict=True):
                    put(key, value)

            closers.append(close)
            return Work(run, len(keys), prepare)

        return entry

    lineup = Lineup()
    lineup.enter(f"DiskCache, {name}", work("ours", find), ours=True)
    lineup.enter("diskcache", work("diskcache", diskcache), target=target)
    lineup.enter("lmdb, without sync", work("lmdb", lmdb))
    table = compare(f"put {described(values)} {name}", "values", lineup)
    for close in closers:
        close()
    return table


def described(values: list[bytes]) -> str:
    """Say how many values of what size there are."""
    return f"{len(values):,} values of {len(values[0]) // KIB} KiB"
