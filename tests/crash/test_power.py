"""Power loss: whatever was not synced may be gone, in any part and any order.

A program is run on a file layer that records what it writes, syncs and renames. From the
record, states are made that a power loss at some moment could leave, and each is opened.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.crash.expected import Expected
from tests.crash.replay import ACKNOWLEDGED, Disk, Kind, Record, read_log

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import IndexDamagedError, IPFSError

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the file layer is preloaded as on Linux"
)
WORKLOAD = Path(__file__).with_name("workload.py")

Check = Callable[[Path, Disk], None]


def record(shim: Path, folder: Path, *command: object) -> list[Record]:
    """Run a Python program on the file layer, and return what it did below a folder."""
    log = folder.with_suffix(".log")
    folder.mkdir()
    settings = {
        "LD_PRELOAD": str(shim),
        "RECORD_FOLDER": str(folder),
        "RECORD_LOG": str(log),
    }
    subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | settings,
        check=True,
        timeout=100,
    )
    return read_log(log)


def crash(
    records: list[Record],
    folder: Path,
    seed: str,
    count: int,
    check: Check,
    first: int = 0,
) -> None:
    """Check states after power losses at `count` random moments, from one on."""
    chance = random.Random(seed)
    disk, done = Disk(folder), 0
    place = folder.with_suffix(".after")
    cuts = (chance.randrange(first, len(records) + 1) for _ in range(count))
    for cut in sorted(cuts):
        while done < cut:
            disk.apply(records[done])
            done += 1
        state = f"{seed}-{cut}-{chance.randrange(1 << 32)}"
        disk.crash(random.Random(state), place)
        try:
            check(place, disk)
        except Exception as error:
            error.add_note(f"after {cut} of {len(records)} records, state {state!r}")
            raise
        shutil.rmtree(place)


def check_repository(place: Path, disk: Disk) -> None:
    Expected.after(disk.said).check(place / "repo")


def check_workload(shim: Path, memory: Path, seed: str, steps: int, states: int) -> None:
    folder = memory / "disk"
    said = folder / ACKNOWLEDGED
    records = record(shim, folder, WORKLOAD, folder / "repo", seed, steps, said)
    # With nothing lost, everything is as it was left.
    disk = Disk(folder)
    for one in records:
        disk.apply(one)
    assert disk.said
    crash(records, folder, seed, states, check_repository)


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_what_was_acknowledged_outlives_a_power_loss(
    shim: Path, memory: Path, seed: str
) -> None:
    check_workload(shim, memory, seed, steps=60, states=120)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [f"soak {number}" for number in range(8)])
def test_what_was_acknowledged_outlives_any_power_loss(
    shim: Path, memory: Path, seed: str, scaled: Callable[[int], int]
) -> None:
    check_workload(shim, memory, seed, steps=scaled(200), states=scaled(500))


def test_a_new_repository_outlives_a_power_loss(shim: Path, memory: Path) -> None:
    folder = memory / "disk"
    said = folder / ACKNOWLEDGED
    records = record(shim, folder, WORKLOAD, folder / "repo", "new", 1, said)
    first = next(at for at, one in enumerate(records) if b'"done": "open"' in one.data)
    crash(records[: first + 1], folder, "new", 60, check_repository)


REBUILD = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import workload
folder, seed, said = sys.argv[2:]
sys.argv[1:] = [folder, seed, "40", said]
work = workload.main()
work.close()
out = os.open(said, os.O_WRONLY | os.O_APPEND)
os.write(out, b'{"start": "rebuild"}\\n')
workload.Repository.rebuild(folder)
os.write(out, b'{"done": "rebuild"}\\n')
"""


def check_rebuilt(place: Path, disk: Disk) -> None:
    """Nothing but the rebuild itself may make another one necessary."""
    expected = Expected.after(disk.said)
    try:
        Repository(place / "repo").close()
    except IndexDamagedError:
        assert expected.running == "rebuild"
        Repository.rebuild(place / "repo")
    expected.check(place / "repo")


def test_a_rebuild_outlives_a_power_loss(shim: Path, memory: Path) -> None:
    folder = memory / "disk"
    said = folder / ACKNOWLEDGED
    given = (WORKLOAD.parent, folder / "repo", "rebuild", said)
    records = record(shim, folder, "-c", REBUILD, *given)
    first = next(at for at, one in enumerate(records) if b'"rebuild"' in one.data)
    crash(records, folder, "rebuild", 150, check_rebuilt, first)


SYNCS = {
    "blocks": ".car",
    "sealed indexes": ".idx.tmp",
    "the log of the index": "index.db-wal",
    "the index": "index.db",
    "names of packs": "packs",
}


@pytest.mark.parametrize("ending", list(SYNCS.values()), ids=list(SYNCS))
def test_every_sync_is_needed(shim: Path, memory: Path, ending: str) -> None:
    """If a kind of sync were forgotten, these tests would tell."""
    folder = memory / "disk"
    said = folder / ACKNOWLEDGED
    records = record(shim, folder, WORKLOAD, folder / "repo", ending, 80, said)
    syncs = (Kind.SYNC, Kind.SYNC_FOLDER)
    left = [
        one for one in records if one.kind not in syncs or not one.path.endswith(ending)
    ]
    assert len(left) < len(records)
    with pytest.raises((AssertionError, IPFSError)):
        crash(left, folder, ending, 150, check_repository)


STORE = """
import os, sys
from pathlib import Path

folder, said, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(5):
    file = os.open(folder / f"{number}.new", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"%d" % number * 3000)
    if how != "unsynced":
        os.fsync(file)
    os.close(file)
    os.rename(folder / f"{number}.new", folder / f"{number}")
    if how == "right":
        names = os.open(folder, os.O_RDONLY)
        os.fsync(names)
        os.close(names)
    os.write(out, b'{"done": "%d"}\\n' % number)
"""


def check_store(place: Path, disk: Disk) -> None:
    for line in disk.said:
        number = line["done"]
        assert (place / number).read_bytes() == number.encode() * 3000


@pytest.mark.parametrize("how", ["unsynced", "folder unsynced"])
def test_a_program_that_forgets_a_sync_is_caught(
    shim: Path, memory: Path, how: str
) -> None:
    folder = memory / "disk"
    records = record(shim, folder, "-c", STORE, folder, folder / ACKNOWLEDGED, how)
    with pytest.raises((AssertionError, FileNotFoundError)):
        crash(records, folder, how, 50, check_store)


def test_a_program_that_forgets_none_is_not(shim: Path, memory: Path) -> None:
    folder = memory / "disk"
    records = record(shim, folder, "-c", STORE, folder, folder / ACKNOWLEDGED, "right")
    crash(records, folder, "right", 300, check_store)
