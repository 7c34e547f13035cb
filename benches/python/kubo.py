"""A Kubo node through the kit: adding and reading beside Kubo's own command, and httpx2.

What each table isolates:
    add: the same bytes through `kit.ipfs.add`, which makes the DAG here and sends it to
        `dag/import`; through `ipfs add` at the same daemon; and by a plain post to the
        RPC's `add`. Each is given bytes that the node has not seen. `ipfs dag import` of
        a CAR that is there already is what the first of them cannot be faster than.
    cat: the same file through `kit.ipfs.cat`, every block verified, into a kit whose
        cache is empty; through `ipfs cat`; and by a plain post to `cat`.

The node's repository and the inputs lie in one folder, and the node is offline. Programs
are timed as a whole, some 0.1 s of which is their start.
"""

import importlib
import itertools
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import inputs
import peers
from harness import Lineup, MissingPeerError, Program, Table, Work, compare
from ipfs_kit_py import car_pack
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.ipfs_kit import ipfs_kit

BYTES = 200 << 20


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the full size."""
    size = max(1 << 20, round(BYTES * scale))
    try:
        program = peers.program("ipfs")
    except MissingPeerError as missing:
        for what in ("add", "cat"):
            yield Table(f"{what} through a Kubo node", "B", [], {"all": str(missing)})
        return
    with (
        tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at,
        Daemon(Path(at) / "node", program=program, online=False) as daemon,
    ):
        place = Path(at)
        url = daemon.status().api or ""
        yield add(place, program, url, size)
        yield cat(place, program, url, size)


def kit_on(place: Path) -> ipfs_kit:
    """Make a kit on the node, whose cache is empty."""
    cache = place / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    metadata = {
        "ipfs_path": str(place / "node"),
        "engine": "kubo",
        "cache_config": {"disk_cache_path": str(cache)},
    }
    return ipfs_kit(metadata=metadata)


def ipfs(place: Path, program: Path, *words: str | Path) -> Program:
    """Give Kubo's command, which asks the daemon of the folder."""
    env = {"IPFS_PATH": str(place / "node"), "IPFS_TELEMETRY": "off"}
    command = 'exec "$0" "$@" >/dev/null'
    return Program(peers.program("sh"), "-c", command, program, *words, env=env)


def httpx2_client(url: str) -> Any:  # noqa: ANN401 - whatever the library calls it
    """Give a client of the RPC that does nothing of its own."""
    httpx2 = importlib.import_module("httpx2")
    return httpx2.Client(base_url=f"{url}/api/v0/", timeout=None, trust_env=False)


def add(place: Path, program: Path, url: str, size: int) -> Table:
    """Compare the ways to add a file."""
    path, car = place / "new", place / "new.car"
    seeds = itertools.count()

    def fresh() -> None:
        path.write_bytes(random.Random(next(seeds)).randbytes(size))

    def fresh_car() -> None:
        fresh()
        car_pack(path, car)

    def plain() -> None:
        with path.open("rb") as file:
            files = {"file": file}
            client.post("add", params={"quieter": "true"}, files=files).raise_for_status()

    lineup = Lineup()
    with kit_on(place) as kit, httpx2_client(url) as client:
        ours: Callable[[], object] = lambda: kit.ipfs.add(path).raise_for_error()  # noqa: E731
        lineup.enter("kit.ipfs.add", lambda: Work(ours, size, fresh), ours=True)
        theirs = ipfs(place, program, "add", "-Q", "--progress=false", path)
        lineup.enter("ipfs add", lambda: Work(theirs, size, fresh), target=1.5)
        lineup.enter("httpx2, add", lambda: Work(plain, size, fresh))
        bound = ipfs(place, program, "dag", "import", car)
        lineup.enter("ipfs dag import", lambda: Work(bound, size, fresh_car))
        return compare(f"add {size >> 20} MiB through a Kubo node", "B", lineup)


def cat(place: Path, program: Path, url: str, size: int) -> Table:
    """Compare the ways to read a file."""
    path = inputs.file(size)
    kits: list[ipfs_kit] = []
    with kit_on(place) as kit, httpx2_client(url) as client:
        cid = str(kit.ipfs.add(path).raise_for_error()["cid"])

        def empty() -> None:
            while kits:
                kits.pop().close()
            kits.append(kit_on(place))
            # Connected, as the others are.
            _ = kits[-1].engine.peer_id

        def ours() -> None:
            kits[-1].ipfs.cat(cid).raise_for_error()

        def plain() -> None:
            client.post("cat", params={"arg": cid}).raise_for_status()

        lineup = Lineup()
        lineup.enter("kit.ipfs.cat", lambda: Work(ours, size, empty), ours=True)
        theirs = ipfs(place, program, "cat", cid)
        lineup.enter("ipfs cat", lambda: Work(theirs, size), target=0.8)
        lineup.enter("httpx2, cat", lambda: Work(plain, size))
        try:
            return compare(f"cat {size >> 20} MiB through a Kubo node", "B", lineup)
        finally:
            while kits:
                kits.pop().close()
