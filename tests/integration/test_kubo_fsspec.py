"""`ipfs://` and `mfs://` on a real Kubo node."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py.errors import ContentNotFoundError, PathExistsError
from ipfs_kit_py.ipfs_kit import ipfs_kit

ABSENT = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"


@pytest.fixture
def kit(
    require_real: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ipfs_kit]:
    program = require_real("ipfs", "`make tools` builds Kubo where Go is installed")
    monkeypatch.setenv("IPFS_KIT_BIN_DIR", str(program.parent))
    metadata: dict[str, Any] = {
        "ipfs_path": str(tmp_path / "repo"),
        "engine": "kubo",
        "timeouts": {"api": 5},
        "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
    }
    with ipfs_kit(metadata=metadata) as made:
        assert made.ipfs_kit_start()["ipfs"]["success"]
        yield made


def test_trees_are_read_from_the_node(kit: ipfs_kit, tree: Path) -> None:
    fs = kit.get_filesystem()
    cid = fs.put(str(tree))
    big = (tree / "sub" / "big").read_bytes()
    path = f"ipfs://{cid}/sub/big"
    assert fs.cat_ranges([path] * 3, [0, 2_000_000, -5], [9, 2_000_009, None]) == [
        big[:9],
        big[2_000_000:2_000_009],
        big[-5:],
    ]
    assert fs.cat(path) == big
    assert fs.info(f"{cid}/link")["size"] == len(big)
    assert sorted(fs.find(cid, detail=True)) == fs.find(cid)
    with fs.open(f"{cid}/größe, 大.txt", "r", encoding="utf-8") as file:
        assert file.read() == "ü\n"


def test_the_nodes_mutable_files_are_written(kit: ipfs_kit, tmp_path: Path) -> None:
    mfs = kit.get_filesystem("mfs")
    data = os.urandom(1_500_000)
    mfs.pipe("/a/b", data)
    assert mfs.cat_file("/a/b", 1_000_000, 1_000_010) == data[1_000_000:1_000_010]
    with mfs.open("/log", "ab") as file:
        file.write(b"one\n")
    with mfs.open("/log", "ab") as file:
        file.write(b"two\n")
    assert mfs.cat("/log") == b"one\ntwo\n"
    with pytest.raises(PathExistsError):
        mfs.open("/log", "xb")
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_bytes(b"put")
    mfs.put(str(tmp_path / "tree"), "/put", recursive=True)
    mfs.mv("/put/sub", "/moved/sub")
    mfs.cp("/moved", "/copied", recursive=True)
    assert mfs.find("/") == ["/a/b", "/copied/sub/file", "/log", "/moved/sub/file"]
    mfs.rm("/copied", recursive=True)
    root = mfs.commit()
    assert kit.get_filesystem().cat(f"{root}/moved/sub/file") == b"put"
    assert kit.ipfs.files_stat("/")["cid"] == root


def test_transactions_change_nothing_before_their_end(
    kit: ipfs_kit, tmp_path: Path
) -> None:
    mfs = kit.get_filesystem("mfs")
    mfs.pipe({"/old": b"old", "/dir/x": b"x", "/log": b"one\n"})
    before = mfs.commit()
    (tmp_path / "local").write_bytes(b"local")
    with mfs.transaction:
        mfs.pipe("/new/a", b"a")
        mfs.put(str(tmp_path / "local"), "/local")
        mfs.mkdir("/empty/dir")
        mfs.mv("/old", "/moved/here")
        mfs.rm("/dir", recursive=True)
        mfs.touch("/moved/here", truncate=False)
        with mfs.open("/log", "ab") as file:
            file.write(b"two\n")
        assert mfs.commit() == before
    assert mfs.find("/") == ["/local", "/log", "/moved/here", "/new/a"]
    assert mfs.cat("/log") == b"one\ntwo\n"
    assert mfs.isdir("/empty/dir")
    mfs.rmdir("/empty/dir")
    with pytest.raises(OSError, match="not empty"):
        mfs.rmdir("/new")


def test_what_nobody_has_is_a_missing_file(kit: ipfs_kit) -> None:
    with pytest.raises((ContentNotFoundError, TimeoutError)):
        kit.get_filesystem().cat(ABSENT)
