"""A DAG in an S3 bucket: putting it as a CAR, and reading its blocks by ranges.

What each table isolates:
    put: a DAG of the repository as a CAR with its index, its blocks noted as they go by;
        beside obstore's own upload of the CAR as a file that is there already.
    read: blocks in random order, so many at once, each verified; beside obstore's ranges
        of the same bytes, which are thrown away unseen.

The store is versitygw on loopback, its bucket a folder on the disk of the inputs.
"""

import importlib
import itertools
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import inputs
import peers
from harness import Lineup, MissingPeerError, Table, Work, compare
from ipfs_kit_py import CID, Repository
from ipfs_kit_py._s3.source import S3Source
from ipfs_kit_py._sources import Chain
from ipfs_kit_py.s3_kit import s3_kit

BYTES = 256 << 20
CHUNK_BYTES = 256 << 10
AT_ONCE = 32
BUCKET = "bench"
KEYS = ("access-of-benches", "secret-of-benches")


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the full size."""
    size = max(AT_ONCE * CHUNK_BYTES, round(BYTES * scale))
    with tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at:
        try:
            store = peers.program("versitygw")
            importlib.import_module("obstore")
        except (MissingPeerError, ImportError) as missing:
            for what in ("put a DAG into", "read blocks out of"):
                yield Table(f"{what} an S3 bucket", "B", [], {"all": str(missing)})
            return
        place = Path(at)
        with serving(store, place) as url, Repository(place / "repository") as repository:
            root = repository.add(inputs.file(size), chunker=f"size-{CHUNK_BYTES}").cid
            car = place / "input.car"
            repository.dag_export(root, car)
            settings = {"endpoint": url, "bucket": BUCKET}
            settings |= dict(zip(("accessKey", "secretKey"), KEYS, strict=True))
            with s3_kit(metadata={"s3cfg": settings}) as s3:
                yield put(s3, repository, root, car, place)
                yield read(s3, repository, root, size)


@contextmanager
def serving(program: Path, place: Path) -> Iterator[str]:
    """Run the store, and give its URL."""
    (place / "store" / BUCKET).mkdir(parents=True)
    (place / "iam").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    command: list[str | Path] = [program, "--port", f"127.0.0.1:{port}", "--keep-alive"]
    command += ["--quiet", "--iam-dir", place / "iam", "posix", place / "store"]
    keys = dict(zip(("ROOT_ACCESS_KEY", "ROOT_SECRET_KEY"), KEYS, strict=True))
    process = subprocess.Popen(
        command,
        env=os.environ | keys,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def put(s3: s3_kit, repository: Repository, root: CID, car: Path, place: Path) -> Table:
    """Compare the ways to put a DAG."""
    obstore: Any = importlib.import_module("obstore")
    session = s3.s3_get_session()
    bucket = session.bucket(BUCKET)
    numbers = itertools.count()
    size = car.stat().st_size

    def empty() -> None:
        for old in (place / "store" / BUCKET).glob("put-*"):
            shutil.rmtree(old)

    def ours() -> None:
        source = S3Source(session, BUCKET, f"put-{next(numbers)}")
        source.put_dag(repository, root)

    def plain() -> None:
        key = f"put-{next(numbers)}/plain.car"
        obstore.put(bucket, key, car, chunk_size=8 << 20, max_concurrency=4)

    lineup = Lineup()
    lineup.enter("s3_kit, put_dag", lambda: Work(ours, size, empty), ours=True)
    lineup.enter("obstore, the CAR", lambda: Work(plain, size, empty))
    return compare(f"put a DAG of {size >> 20} MiB into an S3 bucket", "B", lineup)


def read(s3: s3_kit, repository: Repository, root: CID, size: int) -> Table:
    """Compare the ways to read blocks."""
    obstore: Any = importlib.import_module("obstore")
    session = s3.s3_get_session()
    bucket = session.bucket(BUCKET)
    source = S3Source(session, BUCKET, "read")
    key = source.put_dag(repository, root).key
    cids = [link.target for link in repository.refs(root, recursive=True)]
    cids = [cid for cid in cids if cid.codec == "raw"]
    random.Random(1).shuffle(cids)
    batches = [cids[at : at + AT_ONCE] for at in range(0, len(cids), AT_ONCE)]
    # Nothing is kept: each block is fetched each time.
    chain = Chain(None, [source])
    [index] = source._indexes.values()
    places = [[index.range_of(cid) for cid in batch] for batch in batches]

    def ours() -> None:
        for batch in batches:
            chain.get_blocks(batch)

    def plain() -> None:
        for batch in places:
            starts, ends = zip(*(it for it in batch if it), strict=True)
            obstore.get_ranges(bucket, key, starts=starts, ends=ends)

    lineup = Lineup()
    lineup.enter("blocks of an S3Source", lambda: Work(ours, size), ours=True)
    lineup.enter("obstore, get_ranges", lambda: Work(plain, size))
    title = f"read {len(cids):,} blocks of {CHUNK_BYTES >> 10} KiB out of an S3 bucket"
    return compare(title, "B", lineup)
