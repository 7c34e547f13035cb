"""Reading through fsspec, as data libraries do, beside the disk and beside ipfsspec.

What each table isolates:
    sequential: a file of 1 GiB from its start to its end, by `readinto` of 1 MiB pieces.
    ranges: random ranges of it, 4 KiB and 1 MiB: one `cat_ranges`, as zarr and Parquet
        readers ask for them.
    parquet: `pq.read_table` of two of eight columns.
    find: every file of a folder of 100,000, with sizes.

All is warm: the file in the page cache, its blocks verified once. ipfsspec reads over the
gateway of a Kubo node on this machine, and is given less.
"""

import importlib
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from fsspec.implementations.local import LocalFileSystem

import inputs
import peers
from gateways import Bench
from harness import Lineup, MissingPeerError, Table, Work, compare
from ipfs_kit_py import Repository
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem

FileSystem: TypeAlias = Any

BYTES = 1 << 30
FILES = 100_000
MIB = 1 << 20
# What a peer is given that asks for each range over HTTP.
FEW = 3


class Places:
    """The same files for everyone.

    Attributes:
        local: The disk.
        ours: `ipfs://` on a repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository(folder / "store")
        self.local: Any = LocalFileSystem()
        self.ours: Any = IPFSFileSystem(reader=self.repository, skip_instance_cache=True)

    def add(self, path: Path) -> str:
        """Add a file or folder."""
        return str(self.repository.add(path).cid)


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the full sizes."""
    size = max(4 * MIB, round(BYTES * scale))
    folder = tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache())
    with folder as at:
        places = Places(Path(at))
        with places.repository:
            path = inputs.file(size)
            cid = places.add(path)
            yield sequential(places, path, cid, size)
            for length, count in ((4096, 100_000), (MIB, 1000)):
                many = max(100, round(count * scale))
                yield ranges(places, path, cid, size, length, many)
            yield parquet(places, size)
            yield find(places, max(100, round(FILES * scale)))


def sequential(places: Places, path: Path, cid: str, size: int) -> Table:
    """Compare reading from the start to the end."""
    buffer = bytearray(MIB)

    def read(fs: FileSystem, name: str) -> Work:
        def run() -> None:
            with fs.open(name, "rb") as file:
                while file.readinto(buffer):
                    pass

        return Work(run, size)

    lineup = Lineup()
    lineup.enter("ipfs://", lambda: read(places.ours, cid), ours=True)
    lineup.enter("LocalFileSystem", lambda: read(places.local, str(path)), target=0.7)
    return compare(f"sequential readinto of {size >> 20} MiB", "B", lineup)


def ranges(
    places: Places, path: Path, cid: str, size: int, length: int, count: int
) -> Table:
    """Compare reading at random places."""
    rng = random.Random(length)
    starts = [rng.randrange(size - length) for _ in range(count)]
    ends = [start + length for start in starts]

    def read(fs: FileSystem, name: str, few: int = count) -> Work:
        names, begins, stops = [name] * few, starts[:few], ends[:few]

        def run() -> None:
            fs.cat_ranges(names, begins, stops, on_error="raise")

        return Work(run, few)

    def one_by_one() -> Work:
        few = min(count, 10_000)

        def run() -> None:
            for start, end in zip(starts[:few], ends, strict=False):
                places.ours.cat_file(cid, start, end)

        return Work(run, few)

    lineup = Lineup()
    lineup.enter("cat_ranges of ipfs://", lambda: read(places.ours, cid), ours=True)
    lineup.enter("cat_file of ipfs://, each", one_by_one)
    few = min(count, 5000)
    lineup.enter("LocalFileSystem", lambda: read(places.local, str(path), few))
    try:
        with over_gateway(path) as (fs, name):
            lineup.enter("ipfsspec, Kubo", lambda: read(fs, name, min(count, FEW)))
            return compare(f"{count:,} ranges of {length} B", "ranges", lineup)
    except (ImportError, MissingPeerError) as missing:
        lineup.skipped["ipfsspec, Kubo"] = str(missing)
        return compare(f"{count:,} ranges of {length} B", "ranges", lineup)


@contextmanager
def over_gateway(path: Path) -> Iterator[tuple[FileSystem, str]]:
    """Serve a file by Kubo's gateway to ipfsspec: its file system, and the name there."""
    ipfsspec: Any = importlib.import_module("ipfsspec")
    program = peers.program("ipfs")
    with (
        tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at,
        Daemon(Path(at) / "node", program=program, online=False),
    ):
        node = Bench(Path(at), program)
        name = node.add(path)
        yield ipfsspec.AsyncIPFSFileSystem(gateway_addr=node.url), name


def parquet(places: Places, size: int) -> Table:
    """Compare reading two columns of a table."""
    arrow: Any = importlib.import_module("pyarrow")
    pq: Any = importlib.import_module("pyarrow.parquet")
    np: Any = importlib.import_module("numpy")
    path = inputs.cache() / f"table-{size}.parquet"
    if not path.exists():
        rng = np.random.default_rng(1)
        columns = {f"c{n}": rng.random(size // 64) for n in range(8)}
        part = path.with_suffix(".partial")
        pq.write_table(arrow.table(columns), part, row_group_size=1 << 18)
        part.rename(path)
    cid = places.add(path)

    def read(fs: FileSystem, name: str) -> Work:
        def run() -> None:
            pq.read_table(name, filesystem=fs, columns=["c1", "c5"])

        return Work(run, size / 4)

    lineup = Lineup()
    lineup.enter("ipfs://", lambda: read(places.ours, cid), ours=True)
    lineup.enter("LocalFileSystem", lambda: read(places.local, str(path)), target=0.8)
    return compare(f"two of eight columns of {size >> 20} MiB of Parquet", "B", lineup)


def find(places: Places, files: int) -> Table:
    """Compare listing a folder and all below."""
    folder = inputs.tree(files, 4096)
    cid = places.add(folder)

    def run(fs: FileSystem, name: str) -> Work:
        return Work(lambda: fs.find(name, detail=True) and None, files)

    lineup = Lineup()
    lineup.enter("ipfs://", lambda: run(places.ours, cid), ours=True)
    lineup.enter("LocalFileSystem", lambda: run(places.local, str(folder)))
    return compare(f"find of {files:,} files, with sizes", "files", lineup)
