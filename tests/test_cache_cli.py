"""`ipfs-kit cache`: the disk tier from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py import Repository, cid_of
from ipfs_kit_py.tiered_cache import DiskCache

PROGRAM = Path(sys.executable).parent / "ipfs-kit"
MIB = 1 << 20


class Shell:
    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.repo = folder / "repo"
        self.environ = os.environ | {
            "HOME": str(folder),
            "IPFS_KIT_IPFS_PATH": str(self.repo),
            "IPFS_KIT_DISK_CACHE_PATH": str(self.cache),
            "IPFS_KIT_DISK_CACHE_SIZE": "16MiB",
        }

    def run(
        self, *arguments: object, code: int = 0
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [PROGRAM, "cache", *map(str, arguments)],
            capture_output=True,
            env=self.environ,
            check=False,
            text=True,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: object, code: int = 0) -> list[Any]:
        done = self.run(*arguments, "--json", code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_what_is_in_it_is_counted_and_listed(shell: Shell) -> None:
    cache = DiskCache(shell.cache, 16 * MIB)
    cache.put("key", b"value", {"mimetype": "text/plain"})
    cid = cid_of(b"block")
    cache.put_block(cid, b"block")
    cache.close()
    (stats,) = shell.json("stats")
    assert (stats["entry_count"], stats["state"]) == (2, "on")
    assert stats["current_size"] <= stats["size_limit"] == 16 * MIB
    items = {item["key"]: item for item in shell.json("ls")}
    assert items["key"]["metadata"] == {"mimetype": "text/plain"}
    assert items[str(cid)]["size"] == 5
    assert "2" in shell.run("stats").stdout
    assert set(shell.run("ls", "-q").stdout.split()) == {"key", str(cid)}


def test_damage_is_found_and_dropped(shell: Shell) -> None:
    cache = DiskCache(shell.cache, 16 * MIB)
    cache.put("bad", b"B" * 10_000)
    cache.put("good", b"G" * 10_000)
    cache.close()
    for segment in shell.cache.rglob("*"):
        raw = segment.read_bytes() if segment.is_file() else b""
        if b"B" * 100 in raw:
            at = raw.index(b"B" * 100)
            segment.write_bytes(raw[:at] + b"?" + raw[at + 1 :])
    (record,) = shell.json("verify", code=1)
    assert record["damaged"] == 1
    assert [item["key"] for item in shell.json("ls")] == ["good"]
    (record,) = shell.json("verify")
    assert (record["items"], record["damaged"]) == (1, 0)


def test_clearing_gives_the_disk_back(shell: Shell) -> None:
    cache = DiskCache(shell.cache, 16 * MIB)
    cache.put("key", bytes(range(256)) * 1000)
    cache.close()
    (record,) = shell.json("clear")
    assert record["freed_bytes"] > 200_000
    assert shell.json("ls") == []


def test_warming_reads_all_that_is_below(shell: Shell) -> None:
    with Repository(shell.repo) as repository:
        cid = repository.add(os.urandom(20 * MIB)).cid
        small = repository.add(b"small").cid
    (record,) = shell.json("warm", cid, small)
    assert record["roots"] == [str(cid), str(small)]
    assert record["blocks"] == 22
    # What the repository has is not put on the disk a second time.
    assert (record["fetched_blocks"], record["lost_blocks"]) == (0, 0)
    assert not shell.cache.exists()
    assert "22 blocks, 21 MB, 0 fetched" in shell.run("warm", cid, small).stdout
    missing = shell.run("warm", cid_of(b"nowhere"), code=1)
    assert "is missing" in missing.stderr
    assert "is not a CID" in shell.run("warm", "x", code=1).stderr
