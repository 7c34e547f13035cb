"""Reading through the gateway of a Kubo node: a large file, and many small ones.

What each table isolates:
    get: one large file to a file on the disk, every block verified and kept in a cache
        that is empty before; beside curl, which writes what it is given. curl's is the
        path that Kubo's gateway was made for: it puts the file together itself. What
        verifying costs at least is shown by curl beside a thread that hashes as many
        bytes, none of which come from it.
    cat: the same into memory.
    small files: a folder with `snapshot_download` and `kit.ipfs.get`; beside each file by
        itself over one connection that is kept, as `ipget` of each would at its best; and
        `wget -r`, which reads the gateway's pages to find the files.

Node, caches and outputs lie in one folder, on the disk of the inputs. Nobody syncs.
Programs are timed as a whole.
"""

import importlib
import itertools
import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import inputs
import peers
from harness import Lineup, MissingPeerError, Program, Table, Work, compare
from ipfs_kit_py import Repository, cids_of, snapshot_download
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.ipfs_kit import ipfs_kit

BYTES = 512 << 20
FILES = 10_000
FILE_BYTES = 4096


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the full sizes."""
    size = max(1 << 20, round(BYTES * scale))
    try:
        program = peers.program("ipfs")
    except MissingPeerError as missing:
        for what in ("a large file", "small files"):
            yield Table(f"{what} from a gateway", "B", [], {"all": str(missing)})
        return
    with (
        tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at,
        Daemon(Path(at) / "node", program=program, online=False),
    ):
        place = Bench(Path(at), program)
        yield large(place, size, what="get")
        yield large(place, size, what="cat")
        yield small(place, max(10, round(FILES * scale)))


class Bench:
    """The folder of a node, and what reads from its gateway.

    Attributes:
        url: The gateway.
    """

    def __init__(self, place: Path, program: Path) -> None:
        self.place = place
        self.url = (place / "node" / "gateway").read_text().strip()
        self._program = program
        self._numbers = itertools.count()
        self._kit: ipfs_kit | None = None

    def add(self, path: Path) -> str:
        """Add a file or folder to the node."""
        car = self.place / "input.car"
        with Repository(self.place / "input") as repository:
            cid = repository.add(path).cid
            repository.dag_export(cid, car)
        command: list[str | Path] = [self._program, "dag", "import", car]
        env = {"IPFS_PATH": str(self.place / "node"), "IPFS_TELEMETRY": "off"}
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        for old in (car, self.place / "input"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        return str(cid)

    def out(self) -> Path:
        """Give a place that nothing stands at."""
        return self.place / f"out-{next(self._numbers)}"

    def renew(self) -> None:
        """Remove what was written, and make a kit that has nothing."""
        self.close()
        for old in self.place.glob("out-*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        metadata = {
            "ipfs_path": str(self.out()),
            "engine": "embedded",
            "gateway_urls": [self.url],
            "cache_config": {
                "disk_cache_path": str(self.out()),
                "disk_cache_size": "4GiB",
            },
        }
        self._kit = ipfs_kit(metadata=metadata)

    @property
    def kit(self) -> ipfs_kit:
        """The kit that `renew` made."""
        if self._kit is None:
            self.renew()
        return cast("ipfs_kit", self._kit)

    def close(self) -> None:
        """Close that."""
        if self._kit is not None:
            self._kit.close()
            self._kit = None

    def work(self, run: Callable[[], object], units: float) -> Work:
        """Make each call begin with nothing."""
        return Work(run, units, self.renew)


def large(place: Bench, size: int, what: str) -> Table:
    """Compare the ways to fetch a large file."""
    cid = place.add(inputs.file(size))

    def get() -> None:
        place.kit.ipfs.get(cid, place.out()).raise_for_error()

    def cat() -> None:
        place.kit.ipfs.cat(cid).raise_for_error()

    def curl() -> Work:
        words = ("--silent", "--fail", "--output", place.place / "out-curl")
        found = Program(peers.program("curl"), *words, f"{place.url}/ipfs/{cid}")
        return place.work(found, size)

    def bound() -> Work:
        parts = [random.randbytes(1 << 20) for _ in range(8)]

        def hash_as_many() -> None:
            for _ in range(size // (8 << 20)):
                cids_of(parts)

        def run() -> None:
            hashing = threading.Thread(target=hash_as_many)
            hashing.start()
            command: list[str | Path] = [peers.program("curl"), "--silent", "--fail"]
            at = place.out()
            subprocess.run([*command, "-o", at, f"{place.url}/ipfs/{cid}"], check=True)
            hashing.join()

        return place.work(run, size)

    lineup = Lineup()
    ours = get if what == "get" else cat
    lineup.enter(f"kit.ipfs.{what}", lambda: place.work(ours, size), ours=True)
    lineup.enter("curl to a file", curl, target=0.8)
    lineup.enter("curl beside as much hashing", bound)
    try:
        return compare(f"{what} {size >> 20} MiB from Kubo's gateway", "B", lineup)
    finally:
        place.renew()
        place.close()


def small(place: Bench, files: int) -> Table:
    """Compare the ways to fetch a folder of small files."""
    folder = inputs.tree(files, FILE_BYTES)
    root = place.add(folder)
    names = [it.relative_to(folder) for it in sorted(folder.rglob("*")) if it.is_file()]

    def snapshot() -> None:
        kit = place.kit
        snapshot_download(
            root, local_dir=place.out(), cache_dir=place.out(), reader=kit.reader
        )

    def get() -> None:
        place.kit.ipfs.get(root, place.out()).raise_for_error()

    def one_by_one() -> Work:
        httpx2: Any = importlib.import_module("httpx2")

        def run() -> None:
            out = place.out()
            with httpx2.Client(trust_env=False) as client:
                for name in names:
                    reply = client.get(f"{place.url}/ipfs/{root}/{name.as_posix()}")
                    target = out / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(reply.raise_for_status().content)

        return place.work(run, files)

    def wget() -> Work:
        words = ["--quiet", "--recursive", "--level=inf", "--no-parent"]
        words += ["--no-host-directories", "--execute=robots=off"]
        target = ("--directory-prefix", place.place / "out-wget")
        url = f"{place.url}/ipfs/{root}/"
        return place.work(Program(peers.program("wget"), *words, *target, url), files)

    lineup = Lineup()
    enter = lineup.enter
    enter("snapshot_download", lambda: place.work(snapshot, files), ours=True)
    enter("kit.ipfs.get", lambda: place.work(get, files))
    enter("httpx2, one after the other", one_by_one)
    enter("wget --recursive", wget)
    title = f"{files:,} files of {FILE_BYTES} B from Kubo's gateway"
    try:
        return compare(title, "files", lineup)
    finally:
        place.renew()
        place.close()
