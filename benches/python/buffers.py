"""Buffers in memory: one long stream, many buffers, rows of an array.

What each table isolates:
    one stream: the hash itself; no lane helps, so hashlib (OpenSSL) is the bound.
    many buffers: lanes and bulk formatting, against loops that make one CID at a time.
        Buffers of up to 4 KiB stay in the caches, those of 256 KiB and 1 MiB do not.
    threads: how the same work scales; memory bandwidth bounds it.
    rows: the same from one array, without a Python object for each row.

A peer that would take seconds is given the leading buffers only, which the caches favour.
"""

import hashlib
import importlib
import time
from collections.abc import Callable, Iterator

import inputs
import peers
from harness import Lineup, Table, Work, compare

KIB, MIB = 1 << 10, 1 << 20
SLOW_PEER_SECONDS = 0.2
FEWEST_BUFFERS = 32

#: Size, how many, and the ratios to reach against hashlib alone and with libipld.
MANY = (
    (64, 65536, 30.0, 4.0),
    (KIB, 16384, 10.0, 2.5),
    (4 * KIB, 8192, 7.0, 3.0),
    (256 * KIB, 512, 2.5, 2.5),
    (MIB, 128, 2.3, 2.3),
)


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with inputs of a share of their full size."""

    def buffers(count: int, size: int) -> list[bytes]:
        return inputs.buffers(max(FEWEST_BUFFERS, round(count * scale)), size)

    data = b"".join(buffers(64, MIB))
    yield one_stream(data)
    yield one_blake3(data)
    yield many_blake3(buffers(16384, KIB))
    for size, count, *targets in MANY:
        yield many_buffers(buffers(count, size), *targets)
    yield two_threads(buffers(65536, KIB))
    yield two_threads(buffers(512, 256 * KIB))
    yield rows(buffers(262144, 64))


def one_stream(data: bytes) -> Table:
    """Compare sha2-256 of one buffer."""

    def digest() -> None:
        hashlib.sha256(data).digest()

    lineup = Lineup()
    lineup.enter("ipfs-kit", lambda: cid_of(data), ours=True)
    lineup.enter("hashlib, digest only", lambda: Work(digest, len(data)), target=0.97)
    return compare(f"sha2-256 of one stream of {in_words(len(data))}", "B", lineup)


def one_blake3(data: bytes) -> Table:
    """Compare blake3 of one buffer."""
    lineup = Lineup()
    lineup.enter("ipfs-kit", lambda: cid_of(data, "blake3"), ours=True)
    lineup.enter(
        "blake3, digest only", lambda: blake3_digests([data], len(data)), target=0.95
    )
    return compare(f"blake3 of one stream of {in_words(len(data))}", "B", lineup)


def many_blake3(buffers: list[bytes]) -> Table:
    """Compare blake3 of many small buffers, one thread."""
    lineup = Lineup()
    lineup.enter("ipfs-kit", lambda: cids_of(buffers, "blake3"), ours=True)
    lineup.enter(
        "blake3, digests only", lambda: blake3_digests(buffers, len(buffers)), target=10
    )
    return compare(f"blake3 CIDs of {described(buffers)}, one thread", "CIDs", lineup)


def many_buffers(buffers: list[bytes], alone: float, with_libipld: float) -> Table:
    """Compare a list of bytes to CID strings, one thread."""
    lineup = Lineup()
    lineup.enter("ipfs-kit", lambda: cids_of(buffers), ours=True)
    for name, find, target in (
        ("hashlib + b32encode", peers.standard_library, alone),
        ("hashlib + libipld", peers.libipld, with_libipld),
        ("py-multiformats", peers.py_multiformats, None),
        ("multiformats", peers.multiformats, None),
        ("py-cid", peers.py_cid, None),
        ("aleph-cid, CIDv0", peers.aleph_cid, None),
    ):
        lineup.enter(name, affordable(find, buffers), target=target)
    return compare(f"CID strings of {described(buffers)}, one thread", "CIDs", lineup)


def two_threads(buffers: list[bytes]) -> Table:
    """Compare two threads with one."""
    lineup = Lineup()
    lineup.enter("ipfs-kit, two threads", lambda: cids_of(buffers, threads=2), ours=True)
    lineup.enter("ipfs-kit, one thread", lambda: cids_of(buffers), target=1.8)
    return compare(f"CID strings of {described(buffers)}, threads", "CIDs", lineup)


def rows(buffers: list[bytes]) -> Table:
    """Compare the rows of an array to packed digests, one thread."""

    def ours() -> Work:
        kit = importlib.import_module("ipfs_kit_py")
        numpy = importlib.import_module("numpy")
        array = numpy.frombuffer(b"".join(buffers), numpy.uint8)
        array = array.reshape(len(buffers), len(buffers[0]))

        def digests() -> None:
            _ = kit.cids_of(array, threads=1).digests

        return Work(digests, len(buffers))

    def loop() -> None:
        sha256 = hashlib.sha256
        b"".join([sha256(data).digest() for data in buffers])

    lineup = Lineup()
    lineup.enter("ipfs-kit, numpy rows", ours, ours=True)
    lineup.enter("hashlib, digests only", lambda: Work(loop, len(buffers)))
    return compare(f"packed digests of {described(buffers)}, one thread", "rows", lineup)


def cid_of(data: bytes, name: str = "sha2-256") -> Work:
    """Look up our CID of one buffer."""
    kit = importlib.import_module("ipfs_kit_py")
    return Work(lambda: str(kit.cid_of(data, hash=name)), len(data))


def cids_of(buffers: list[bytes], name: str = "sha2-256", threads: int = 1) -> Work:
    """Look up our CID strings of many buffers."""
    kit = importlib.import_module("ipfs_kit_py")

    def run() -> list[str]:
        return list(kit.cids_of(buffers, hash=name, threads=threads).strings())

    return Work(run, len(buffers))


def blake3_digests(buffers: list[bytes], units: int) -> Work:
    """Look up blake3, which makes digests and no CIDs."""
    blake3 = importlib.import_module("blake3").blake3

    def run() -> None:
        for data in buffers:
            blake3(data).digest()

    return Work(run, units)


def affordable(
    find: Callable[[], peers.Hash], buffers: list[bytes]
) -> Callable[[], Work]:
    """Give a peer as many of the buffers as it takes a moment for."""

    def work() -> Work:
        run = find()
        run(buffers[:1])
        start = time.perf_counter()
        run(buffers[:FEWEST_BUFFERS])
        seconds = (time.perf_counter() - start) / FEWEST_BUFFERS
        share = buffers[: max(FEWEST_BUFFERS, int(SLOW_PEER_SECONDS / seconds))]
        return Work(lambda: run(share), len(share))

    return work


def described(buffers: list[bytes]) -> str:
    """Say how many buffers of what size there are."""
    return f"{len(buffers):,} buffers of {in_words(len(buffers[0]))}"


def in_words(size: int) -> str:
    """Say a size in its largest whole unit."""
    for unit, name in ((1 << 30, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"
