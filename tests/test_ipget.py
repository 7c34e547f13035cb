"""Downloads by CID or path: whole or an error, and never in vain."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.far import Far

from ipfs_kit_py import Repository, cid_of
from ipfs_kit_py.errors import TimedOutError
from ipfs_kit_py.ipfs_kit import ipfs_kit

MIB = 1 << 20
Make = Callable[..., ipfs_kit]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    kits = []

    def open_kit(*sources: Far) -> ipfs_kit:
        metadata = {
            "ipfs_path": str(tmp_path / "near"),
            "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
        }
        kits.append(ipfs_kit(metadata=metadata, sources=sources))
        return kits[-1]

    yield open_kit
    for kit in kits:
        kit.close()


def test_a_file_is_downloaded_and_replaces_the_old_one(
    make: Make, far: Repository, tmp_path: Path
) -> None:
    data = os.urandom(3 * MIB)
    cid = far.add(data).cid
    kit = make(Far(far))
    target = tmp_path / "new" / "movie.mp4"
    result = kit.ipget.ipget_download_object(cid=str(cid), path=target)
    assert result["success"]
    assert target.read_bytes() == data
    assert result["metadata"] == {
        "cid": str(cid),
        "path": str(target),
        "mtime": target.stat().st_mtime,
        "filesize": 3 * MIB,
        "file_type": ".mp4",
    }
    assert result["command_result"]["bytes"] == 3 * MIB
    target.write_bytes(b"old")
    again = kit("ipget_download_object", cid=cid, path=target, correlation_id="one")
    assert (again["success"], again["correlation_id"]) == (True, "one")
    assert target.read_bytes() == data
    assert [*target.parent.iterdir()] == [target]


def test_a_folder_is_downloaded_once(make: Make, far: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"one")
    cid = far.add(folder).cid
    kit = make(Far(far))
    out = tmp_path / "out"
    result = kit.ipget.ipget_download_object(cid=f"/ipfs/{cid}", path=out)
    assert result["metadata"]["file_type"] == "directory"
    assert (out / "a.txt").read_bytes() == b"one"
    again = kit.ipget.ipget_download_object(cid=cid, path=out)
    assert again["error_type"] == "PathExistsError"
    inner = kit.ipget.ipget_download_object(cid=f"{cid}/a.txt", path=tmp_path / "a.txt")
    assert inner["metadata"]["filesize"] == 3


def test_what_is_not_given_or_not_there_is_told(
    make: Make, far: Repository, tmp_path: Path
) -> None:
    kit = make(Far(far))
    some: list[dict[str, Any]] = [{}, {"cid": "x"}, {"path": "x"}]
    for arguments in some:
        result = kit.ipget.ipget_download_object(**arguments)
        assert result["error_type"] == "InvalidParameterError"
    target = tmp_path / "out"
    result = kit.ipget.ipget_download_object(cid=cid_of(b"nowhere"), path=target)
    assert result["not_found"]
    result = kit.ipget.ipget_download_object(cid="x", path=target)
    assert result["error_type"] == "InvalidCIDError"
    result = kit.ipget.ipget_download_object(
        cid=far.add(b"x").cid, path=target, timeout=0
    )
    assert result["error_type"] == "InvalidParameterError"
    assert not target.exists()
    assert not list(tmp_path.glob(".ipfs-kit-part-*"))


def test_a_download_that_stalls_ends_and_goes_on_later(
    make: Make, far: Repository, tmp_path: Path
) -> None:
    # Two requests: the root, and a window of 64 blocks.
    cid = far.add(os.urandom(70 * MIB)).cid
    slow = Far(far)
    slow.hook = lambda _: time.sleep(60) if len(slow.asked) > 2 else None
    target = tmp_path / "out"
    start = time.monotonic()
    result = make(slow).ipget.ipget_download_object(cid=cid, path=target, timeout=2)
    assert time.monotonic() - start < 20
    assert (result["error_type"], result["timeout"]) == (TimedOutError.__name__, True)
    assert not target.exists()
    fast = Far(far)
    result = make(fast).ipget.ipget_download_object(cid=cid, path=target, timeout=20)
    assert result["success"], result
    assert target.stat().st_size == 70 * MIB
    assert fast.count < 60


def test_it_can_tell_whether_it_works(make: Make) -> None:
    result = make().ipget.test_ipget()
    assert (result["success"], result["works"]) == (True, True)
