"""Downloads that are killed, again and again: the next one goes on where it was.

Of 1 GiB, twenty times, at full size. What one loses is what was under way, and what was
not durable yet: a window of 16 MiB, in whatever way it is downloaded. Bytes of a file
come without being asked for by the window: what lies in the system's sockets is lost too.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.gateway_server import GatewayServer, slow

from ipfs_kit_py import CID, Repository

KIB, MIB = 1 << 10, 1 << 20
WINDOW_BYTES = 16 * MIB
# What those of both ends hold when the reader is kept waiting.
SOCKETS_BYTES = 8 * MIB
SMALL_BYTES = 32 * KIB
PROGRAM = Path(sys.executable).parent / "ipfs-kit"

PROGRAMS = {
    "pull": """
from ipfs_kit_py import Repository
from ipfs_kit_py._sources.pull import pull
from ipfs_kit_py.sources import GatewaySource
pull(Repository(place + ".repository"), [GatewaySource([url])], cid)
""",
    "ipget": """
from ipfs_kit_py.ipfs_kit import ipfs_kit
with ipfs_kit(metadata={"ipfs_path": place + ".repository"}) as kit:
    kit.ipget.ipget_download_object(cid=cid, path=place).raise_for_error()
""",
    "snapshot": """
from ipfs_kit_py import snapshot_download
metadata = {"ipfs_path": place + ".repository"}
snapshot_download(cid, local_dir=place, metadata=metadata)
""",
}


def command(way: str, cid: CID, place: Path, url: str) -> list[str | Path]:
    if way == "get":
        return [PROGRAM, "get", str(cid), "-o", place]
    program = f"import sys\ncid, place, url = sys.argv[1:]\n{PROGRAMS[way]}"
    return [sys.executable, "-c", program, str(cid), str(place), url]


def make(shape: str, size: int, place: Path) -> None:
    """Make a large file, or a folder of one that is half as large and of many small."""
    if shape == "file":
        with place.open("wb") as file:
            file.writelines(os.urandom(MIB) for _ in range(size // MIB))
        return
    place.mkdir()
    make("file", size // 2, place / "large")
    for number in range(size // 2 // SMALL_BYTES):
        folder = place / f"{number % 10}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}").write_bytes(os.urandom(SMALL_BYTES))


def check(way: str, cid: CID, place: Path) -> None:
    """Compare what was downloaded."""
    if way == "pull":
        with Repository(f"{place}.repository") as near:
            assert near.verify().bad == []
            near.dag_stat(cid)
    else:
        with Repository(f"{place}.check") as other:
            assert other.add(place).cid == cid
    # What those that were killed had begun to write was removed.
    assert not list(place.parent.glob(".*"))
    assert not list(place.glob(".*"))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("way", "shape", "gives"),
    [
        ("get", "file", "blocks"),
        ("get", "file", "files"),
        ("get", "folder", "blocks"),
        ("get", "folder", "files"),
        ("pull", "file", "blocks"),
        ("pull", "file", "files"),
        ("pull", "folder", "blocks"),
        ("ipget", "file", "files"),
        ("snapshot", "folder", "blocks"),
    ],
)
def test_a_killed_download_fetches_at_most_a_window_again(
    way: str,
    shape: str,
    gives: str,
    env: dict[str, str],
    far: Repository,
    server: GatewayServer,
    tmp_path: Path,
    scaled: Callable[[int], int],
) -> None:
    kills, size = max(5, scaled(20)), max(60, scaled(1024)) * MIB
    env["IPFS_KIT_CACHE_CONFIG"] = '{"disk_cache_size": "4GiB"}'
    make(shape, size, tmp_path / "content")
    cid = far.add(tmp_path / "content").cid
    subprocess.run(["rm", "-r", tmp_path / "content"], check=True)
    place = tmp_path / "out"
    below = {link.target for link in far.refs(cid, recursive=True, unique=True)}
    sizes = {str(at): len(far.block_get(at)) for at in {cid, *below}}
    server.behave = slow(0.01)
    server.gives_files = gives == "files"
    start = command(way, cid, place, server.url)
    seen: set[str] = set()
    again = []
    point = random.Random(kills)
    for _ in range(kills):
        server.forget()
        enough = point.randrange(MIB, 2 * size // kills)
        with subprocess.Popen(start, env=env, stdout=subprocess.DEVNULL) as process:
            while server.sent_bytes < enough and process.poll() is None:
                time.sleep(0.002)
            is_over = process.poll() is not None
            process.kill()
        again.append(sum(sizes[at] for at in seen & {*server.sent}))
        seen |= {*server.sent}
        if is_over or (place.exists() and way != "snapshot"):
            # It was done before the blow.
            subprocess.run(["rm", "-rf", place], check=True)
            break
    server.behave = None
    server.forget()
    subprocess.run(start, env=env, check=True, stdout=subprocess.DEVNULL)
    again.append(sum(sizes[at] for at in seen & {*server.sent}))
    check(way, cid, place)
    shown = f"{way}, {shape}, {gives}: {[round(lost / MIB, 1) for lost in again]} MiB"
    print(shown)  # noqa: T201 - the figures of `make soak`
    # What is pulled is asked for by the window.
    is_streamed = gives == "files" and way != "pull"
    most = WINDOW_BYTES + SOCKETS_BYTES if is_streamed else WINDOW_BYTES
    assert max(again) <= most, shown
