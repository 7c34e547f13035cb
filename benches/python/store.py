"""The embedded repository: adding durably, adding again, reading, and a million blocks.

Whoever writes is given a new folder before each call, off the clock. What is called
durable has reached the disk when the call returns: Kubo's default datastore syncs as it
writes, and `cp` is followed by `sync` of the copy. Python peers run in this process, as
we do; programs are timed as a whole.
"""

import importlib
import mmap
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import inputs
import peers
from harness import Lineup, Program, Row, Table, Work, compare
from ipfs_kit_py import Repository

GIB = 1 << 30
FILES = 20_000
FILE_BYTES = 4096
BLOCKS = 1_000_000
BLOCK_BYTES = 100
RANGE_BYTES = 4096
PAGE_BYTES = 4096
SMALL_BYTES = 64 << 10
RANGES = 2000


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with inputs of a share of their full sizes."""
    with tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at:
        place = Path(at)
        yield add_file(place, round(GIB * scale))
        yield add_tree(place, round(FILES * scale))
        yield add_again(place, round(FILES * scale))
        yield from read_file(place, round(GIB * scale))
        yield from view_file(place, round(GIB * scale))
        yield put_blocks(place, round(10_000 * scale), 4096)
        yield many_blocks(place, round(BLOCKS * scale))


def fresh(place: Path, name: str) -> tuple[Path, Callable[[], None]]:
    """Return a folder, and what empties it."""
    folder = place / name

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    return folder, prepare


def ours(place: Path, path: Path, units: float, threads: int) -> Work:
    """Add a path to a new repository."""
    folder, prepare = fresh(place, f"ours-{threads}")

    def run() -> str:
        with Repository(folder, threads=threads) as repository:
            return str(repository.add(path).cid)

    return Work(run, units, prepare)


@contextmanager
def new_kubo(place: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Give a folder for a Kubo repository, and what puts an empty one there."""
    folder, empty = fresh(place, "kubo")
    with peers.kubo_repository() as template:

        def prepare() -> None:
            empty()
            shutil.copytree(template, folder, dirs_exist_ok=True)

        yield folder, prepare


def add_file(place: Path, size: int) -> Table:
    """Add one large file."""
    path = inputs.file(size)
    copies, empty = fresh(place, "copies")
    lineup = Lineup()
    enter = lineup.enter
    with new_kubo(place) as (kubo, prepare):
        enter("ipfs-kit, 2 threads", lambda: ours(place, path, size, 2), ours=True)
        enter("ipfs-kit, 1 thread", lambda: ours(place, path, size, 1))
        enter(
            "Kubo add",
            lambda: Work(peers.kubo_add(kubo, path), size, prepare),
            target=4,
        )
        copy = peers.copy(path, copies / "copy")
        enter("cp and sync", lambda: Work(copy, size, empty), target=0.7)
        return compare(f"add {size / GIB:.3g} GiB, durably", "B", lineup)


def add_tree(place: Path, files: int) -> Table:
    """Add many small files."""
    folder = inputs.tree(files, FILE_BYTES)
    copies, empty = fresh(place, "copies")
    lineup = Lineup()
    enter = lineup.enter
    with new_kubo(place) as (kubo, prepare):
        enter("ipfs-kit, 2 threads", lambda: ours(place, folder, files, 2), ours=True)
        enter(
            "Kubo add -r",
            lambda: Work(peers.kubo_add(kubo, folder), files, prepare),
            target=20,
        )
        enter("dvc add", lambda: dvc(place, folder, files), target=10)
        copy = peers.copy(folder, copies / "copy")
        enter("cp -r and sync of the folder", lambda: Work(copy, files, empty))
        title = f"add {files:,} files of {FILE_BYTES} B, durably"
        return compare(title, "files", lineup)


def dvc(place: Path, folder: Path, files: int) -> Work:
    """Add a copy of a folder to a new dvc project."""
    project, empty = fresh(place, "dvc")
    init = peers.dvc(project, "init", "--no-scm", "--quiet")

    def prepare() -> None:
        empty()
        init()
        shutil.copytree(folder, project / "data")

    return Work(peers.dvc(project, "add", "--quiet", "data"), files, prepare)


def add_again(place: Path, files: int) -> Table:
    """Add a tree that is there and has not changed."""
    folder = inputs.tree(files, FILE_BYTES)
    at, prepare = fresh(place, "again")
    prepare()
    repository = Repository(at, threads=2)
    repository.add(folder)
    lineup = Lineup()
    lineup.enter(
        "ipfs-kit, unchanged",
        lambda: Work(lambda: str(repository.add(folder).cid), files),
        ours=True,
    )
    lineup.enter(
        "ipfs-kit, trust_stat=False",
        lambda: Work(lambda: str(repository.add(folder, trust_stat=False).cid), files),
    )
    find = peers.program("find")
    lineup.enter(
        "find -printf %s",
        lambda: Work(Program(find, folder, "-printf", "%s"), files),
        target=0.5,
    )
    return compare(f"add the same {files:,} files again", "files", lineup)


def read_file(place: Path, size: int) -> Iterator[Table]:
    """Read one large file back, the first time in a process and later."""
    path = inputs.file(size)
    at, prepare = fresh(place, "read")
    prepare()
    with Repository(at, threads=2) as repository:
        cid = repository.add(path).cid
    buffer = bytearray(size)
    buffer[:] = bytes(size)
    handles = [Repository(at, threads=2)]

    def reopen() -> None:
        handles.append(Repository(at, threads=2))
        handles.pop(0).close()

    lineup = Lineup()
    lineup.enter(
        "ipfs-kit readinto, every block verified",
        lambda: Work(lambda: handles[0].readinto(cid, buffer), size, reopen),
        ours=True,
    )
    hashing = peers.ipfs_kit(path, 2)
    lineup.enter("ipfs-kit hash, 2 threads", lambda: Work(hashing, size), target=0.8)
    with new_kubo(place) as (kubo, empty):
        empty()
        peers.kubo_add(kubo, path)()
        lineup.enter("Kubo cat", lambda: Work(peers.kubo_cat(kubo, str(cid)), size))
        yield compare(f"read {size / GIB:.3g} GiB for the first time", "B", lineup)
    source = memoryview(bytes(buffer))

    room = memoryview(buffer)

    def copy() -> None:
        room[:] = source

    repository = handles[0]
    lineup = Lineup()
    lineup.enter(
        "ipfs-kit readinto",
        lambda: Work(lambda: repository.readinto(cid, buffer), size),
        ours=True,
    )
    lineup.enter("memcpy of the same", lambda: Work(copy, size), target=0.7)
    yield compare(f"read {size / GIB:.3g} GiB again, into a buffer", "B", lineup)
    lineup = Lineup()
    lineup.enter(
        "ipfs-kit cat", lambda: Work(lambda: len(repository.cat(cid)), size), ours=True
    )
    fresh_bytes = Work(lambda: len(bytes(source)), size)
    lineup.enter("bytes(memoryview)", lambda: fresh_bytes, target=0.9)
    yield compare(f"read {size / GIB:.3g} GiB again, as new bytes", "B", lineup)
    offsets = random.Random(0).choices(range(size - RANGE_BYTES), k=RANGES)
    file = repository.open(cid)
    piece = bytearray(RANGE_BYTES)

    def ranges() -> None:
        for offset in offsets:
            file.seek(offset)
            file.readinto(piece)

    with path.open("rb", buffering=0) as plain:

        def plain_ranges() -> None:
            for offset in offsets:
                plain.seek(offset)
                plain.readinto(piece)

        lineup = Lineup()
        lineup.enter(
            "ipfs-kit seek and readinto", lambda: Work(ranges, RANGES), ours=True
        )
        lineup.enter("a plain file's", lambda: Work(plain_ranges, RANGES))
        yield compare("random ranges of 4 KiB of it", "ranges", lineup)


def view_file(place: Path, size: int) -> Iterator[Table]:
    """Look at one large file as a checkpoint is loaded, in one view.

    All pages are in the page cache. How fast they are mapped depends on the pieces in
    which the system keeps them there: a file that was written in large pieces may be
    mapped in those of 2 MiB, which blocks of 1 MiB never are. So the peer that has them
    in smaller ones is here too.
    """
    numpy = importlib.import_module("numpy")
    path = inputs.file(size)
    at, prepare = fresh(place, "view")
    prepare()
    with Repository(at, threads=2) as repository:
        cid = repository.add(path).cid
    small = at / "small"
    with path.open("rb") as source, small.open("wb", buffering=0) as target:
        while piece := source.read(SMALL_BYTES):
            target.write(piece)
    handles = [Repository(at, threads=2)]

    def reopen() -> None:
        handles.append(Repository(at, threads=2))
        handles.pop(0).close()

    def touch(view: object) -> None:
        numpy.frombuffer(view, numpy.uint8)[::PAGE_BYTES].max()

    def read(view: object) -> None:
        numpy.frombuffer(view, numpy.uint64, size // 8).max()

    def ours(look: Callable[[object], None]) -> Work:
        return Work(lambda: look(handles[0].cat_view(cid)), size)

    def plain(path: Path, look: Callable[[object], None]) -> Work:
        def run() -> None:
            with path.open("rb") as file:
                look(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

        return Work(run, size)

    name = f"{size / GIB:.3g} GiB"
    lineup = Lineup()
    lineup.enter(
        "ipfs-kit cat_view, every block verified",
        lambda: Work(ours(touch).run, size, reopen),
        ours=True,
    )
    hashing = peers.ipfs_kit(path, 2)
    lineup.enter("ipfs-kit hash, 2 threads", lambda: Work(hashing, size), target=0.8)
    yield compare(f"view {name} for the first time, touch each page", "B", lineup)
    for title, look in (("touch each page", touch), ("read all of it", read)):
        lineup = Lineup()
        enter = lineup.enter
        enter("ipfs-kit cat_view", partial(ours, look), ours=True)
        enter("mmap of a plain file", partial(plain, path, look), target=0.9)
        enter(
            "mmap of one written in pieces of 64 KiB",
            partial(plain, small, look),
            target=0.9,
        )
        copying = partial(copy_and, look, path)
        enter("numpy.fromfile of a plain file", partial(Work, copying, size))
        yield compare(f"view {name} again, {title}", "B", lineup)


def copy_and(look: Callable[[object], None], path: Path) -> None:
    """Read a file into new memory, and look at it."""
    numpy = importlib.import_module("numpy")
    look(numpy.fromfile(path, numpy.uint8))


def put_blocks(place: Path, count: int, size: int) -> Table:
    """Put many small values, each to be had by its key."""
    values = inputs.buffers(count, size)
    at, prepare = fresh(place, "blocks")
    other, prepare_other = fresh(place, "diskcache")

    def run() -> None:
        with Repository(at, threads=2) as repository:
            repository.block_put_many(values)

    def diskcache() -> Work:
        cache = importlib.import_module("diskcache").Cache

        def run() -> None:
            with cache(str(other)) as open_cache, open_cache.transact():
                for number, value in enumerate(values):
                    open_cache.set(number, value)

        return Work(run, count, prepare_other)

    lineup = Lineup()
    enter = lineup.enter
    enter("ipfs-kit block_put_many", lambda: Work(run, count, prepare), ours=True)
    enter("diskcache, one transaction", diskcache)
    return compare(f"put {count:,} values of {size} B", "values", lineup)


def many_blocks(place: Path, count: int) -> Table:
    """Record how a repository behaves as small blocks fill it."""
    at, prepare = fresh(place, "many")
    prepare()
    source = random.Random(1)
    share = count // 10
    rows: list[Row] = []
    with Repository(at, threads=2) as repository:
        for part in range(10):
            values = [source.randbytes(BLOCK_BYTES) for _ in range(share)]
            start = time.perf_counter()
            repository.block_put_many(values)
            seconds = time.perf_counter() - start
            first = rows[0].rate if rows else share / seconds
            rate = share / seconds
            rows.append(
                Row(
                    name=f"blocks {part * share:,} to {(part + 1) * share:,}",
                    seconds=seconds,
                    spread=0.0,
                    rate=rate,
                    ratio=rate / first if part else None,
                    target=0.8 if part == 9 else None,
                    peak_mib=resident_mib(),
                    same_cid=None,
                )
            )
    start = time.perf_counter()
    with Repository(at) as repository:
        repository.has(repository.block_put(b"x"))
        seconds = time.perf_counter() - start
    name = "open, look one up, put one"
    rows.append(Row(name, seconds, 0.0, 1 / seconds, None, None, resident_mib(), None))
    return Table(f"put {count:,} blocks of {BLOCK_BYTES} B", "blocks", rows, {})


def resident_mib() -> float:
    """Return what this process has in memory now; 0 where it is not told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
