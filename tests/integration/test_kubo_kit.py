"""A kit on a Kubo repository: it starts the daemon, works through it, and stops it."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.soon import wait_until

from ipfs_kit_py import cid_of
from ipfs_kit_py.high_level_api import IPFSSimpleAPI
from ipfs_kit_py.ipfs_kit import ipfs_kit

MIB = 1 << 20


@pytest.fixture
def metadata(
    require_real: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    program = require_real("ipfs", "`make tools` builds Kubo where Go is installed")
    monkeypatch.setenv("IPFS_KIT_BIN_DIR", str(program.parent))
    return {
        "ipfs_path": str(tmp_path / "repo"),
        "engine": "kubo",
        "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
    }


@pytest.fixture
def kit(metadata: dict[str, Any]) -> Iterator[ipfs_kit]:
    with ipfs_kit(metadata=metadata) as made:
        yield made


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_kit_starts_and_stops_the_daemon(kit: ipfs_kit) -> None:
    assert not kit.ipfs_kit_ready()["ready"]
    started = kit.ipfs_kit_start()["ipfs"]
    assert (started["success"], started["engine"]) == (True, "kubo")
    assert is_alive(started["pid"])
    assert kit.ipfs_kit_ready()["ipfs_ready"]
    assert kit.ipfs_id()["AgentVersion"].startswith("kubo/")
    data = os.urandom(3 * MIB)
    cid = kit.ipfs.add(data).raise_for_error()["cid"]
    assert kit.ipfs.cat(cid)["content"] == data
    assert pickle.loads(pickle.dumps(kit)).ipfs.cat(cid)["content"] == data  # noqa: S301
    again = kit.ipfs_kit_start()["ipfs"]
    assert again["pid"] == started["pid"]
    stopped = kit.ipfs_kit_stop()["ipfs"]
    assert (stopped["success"], stopped["running"]) == (True, False)
    assert not is_alive(started["pid"])
    # What was read is here still; what was not is an error that says what to do.
    assert kit.ipfs.cat(cid)["content"] == data
    result = kit.ipfs.block_get(cid_of(b"not read"))
    assert result["error_type"] == "EngineUnavailableError"
    kit.ipfs_kit_start().raise_for_error()
    assert kit.ipfs.block_put(b"not read").raise_for_error()


def test_the_daemon_ends_with_the_kit_and_with_its_process(
    metadata: dict[str, Any],
) -> None:
    with ipfs_kit(metadata=metadata) as kit:
        process = kit.ipfs_kit_start()["ipfs"]["pid"]
    assert not is_alive(process)
    program = f"""
import os, signal
from ipfs_kit_py.ipfs_kit import ipfs_kit
kit = ipfs_kit(metadata={metadata!r})
print(kit.ipfs_kit_start()["ipfs"]["pid"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, text=True
    )
    process = int(done.stdout)
    wait_until(lambda: not is_alive(process))


def test_the_simple_api_reads_and_writes_through_kubo(
    metadata: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"one\n")
    with IPFSSimpleAPI(**metadata) as api:
        api.kit.ipfs_kit_start().raise_for_error()
        cid = api.add_file(folder)
        assert api.cat(f"{cid}/a.txt") == b"one\n"
        with api.open(f"{cid}/a.txt", "r") as file:
            assert file.read() == "one\n"
        assert api.ls(cid, detail=False) == ["a.txt"]
        assert api.exists(f"{cid}/a.txt")
        assert not api.exists(f"{cid}/b.txt")
