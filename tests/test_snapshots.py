"""Folders by CID as files: whole, verified, resumed, and never outside."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.far import Far
from tests.inputs import Dag
from tests.soon import SOON_SECONDS

from ipfs_kit_py import CID, CancelToken, Repository, cid_of, snapshot_download
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    CancelledError,
    InvalidParameterError,
    PathNotADirectoryError,
    UnreachableError,
    UnsafePathError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

MIB = 1 << 20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "data" / "one.bin").write_bytes(os.urandom(2 * MIB))
    (folder / "data" / "two.txt").write_text("two")
    (folder / "data" / "deep" / "three.bin").write_bytes(os.urandom(5000))
    (folder / "link").symlink_to("data/two.txt")
    return folder


@pytest.fixture
def metadata(tmp_path: Path) -> dict[str, Any]:
    return {
        "ipfs_path": str(tmp_path / "near"),
        "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
    }


@pytest.fixture
def source(far: Repository) -> Far:
    return Far(far)


@pytest.fixture
def kit(metadata: dict[str, Any], source: Far) -> Iterator[ipfs_kit]:
    with ipfs_kit(metadata=metadata, sources=[source]) as made:
        yield made


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_folder_is_written_as_it_was_added(
    kit: ipfs_kit, far: Repository, source: Far, tree: Path, tmp_path: Path
) -> None:
    root = far.add(tree).cid
    out = tmp_path / "out"
    seen: list[tuple[int, int]] = []
    found = snapshot_download(
        root,
        local_dir=out,
        cache_dir=tmp_path / "known",
        reader=kit.reader,
        progress=lambda size, count: seen.append((size, count)),
    )
    assert found == str(out)
    assert files(out) == files(tree)
    assert (out / "link").is_symlink()
    assert (out / "empty").is_dir()
    assert far.add(out).cid == root
    assert seen[-1][1] == 5
    asked = source.count
    again: dict[str, Any] = {
        "local_dir": out,
        "cache_dir": tmp_path / "known",
        "reader": kit.reader,
    }
    before = {path: path.stat().st_ino for path in out.rglob("*")}
    snapshot_download(root, **again)
    assert source.count - asked <= 5
    assert {path: path.stat().st_ino for path in out.rglob("*")} == before
    (out / "config.json").write_text("changed")
    snapshot_download(root, **again)
    assert files(out) == files(tree)


def test_patterns_choose_files(
    kit: ipfs_kit, far: Repository, tree: Path, tmp_path: Path
) -> None:
    root = far.add(tree).cid

    def get(name: str, **patterns: Any) -> set[str]:
        out = snapshot_download(
            root,
            local_dir=tmp_path / name,
            cache_dir=tmp_path / "known",
            reader=kit.reader,
            **patterns,
        )
        return set(files(Path(out)))

    binaries = {"data/one.bin", "data/deep/three.bin"}
    assert get("a", allow_patterns="*.bin") == binaries
    assert get("b", allow_patterns=["data/"], ignore_patterns=["*.bin"]) == {
        "data/two.txt"
    }
    assert get("c", ignore_patterns="data/*") == {"config.json"}
    assert get("d", allow_patterns="nothing") == set()


def test_a_dry_run_lists_and_writes_nothing(
    kit: ipfs_kit, far: Repository, tree: Path, tmp_path: Path
) -> None:
    root = far.add(tree).cid
    found = snapshot_download(
        root,
        cache_dir=tmp_path / "known",
        allow_patterns="*.bin",
        dry_run=True,
        reader=kit.reader,
    )
    assert {(one.path, one.size, one.is_here) for one in found} == {
        ("data/one.bin", 2 * MIB, False),
        ("data/deep/three.bin", 5000, False),
    }
    assert not (tmp_path / "known").exists()


def test_without_a_folder_it_goes_to_the_cache(
    far: Repository, tree: Path, metadata: dict[str, Any], tmp_path: Path
) -> None:
    root = far.add(tree).cid
    metadata = metadata | {"ipfs_path": far.path}
    found = snapshot_download(root, cache_dir=tmp_path / "known", metadata=metadata)
    assert found == str(tmp_path / "known" / "snapshots" / str(root))
    assert files(Path(found)) == files(tree)
    path = f"{root}/data"
    inner = snapshot_download(path, cache_dir=tmp_path / "known", metadata=metadata)
    assert set(files(Path(inner))) == {"one.bin", "two.txt", "deep/three.bin"}


def test_local_files_only_asks_nobody(
    far: Repository, tree: Path, metadata: dict[str, Any], tmp_path: Path
) -> None:
    root = far.add(tree).cid
    with pytest.raises(BlockNotFoundError):
        snapshot_download(
            root, local_dir=tmp_path / "out", local_files_only=True, metadata=metadata
        )
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_a_snapshot_is_refused(
    kit: ipfs_kit, far: Repository, tmp_path: Path
) -> None:
    file = far.add(b"a file").cid
    with pytest.raises(PathNotADirectoryError):
        snapshot_download(file, local_dir=tmp_path / "out", reader=kit.reader)
    with pytest.raises(BlockNotFoundError):
        snapshot_download(cid_of(b"nowhere"), reader=kit.reader)
    with pytest.raises(InvalidParameterError, match="max_workers"):
        snapshot_download(file, max_workers=0, reader=kit.reader)
    with pytest.raises(InvalidParameterError, match="local_files_only"):
        snapshot_download(file, local_files_only=True, reader=kit.reader)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/b", "..", "."])
def test_names_never_lead_out(
    kit: ipfs_kit, far: Repository, tmp_path: Path, name: str
) -> None:
    dag = Dag()
    root = dag.folder([("good", dag.raw(b"good")), (name, dag.raw(b"evil"))])
    for cid, data in dag.blocks.items():
        far.block_put(data, cid.codec)
    out = tmp_path / "down" / "out"
    with pytest.raises(UnsafePathError):
        snapshot_download(root, local_dir=out, reader=kit.reader)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("link", ["/etc/passwd", "../../up", "data/../../../up"])
def test_links_never_lead_out(
    kit: ipfs_kit, far: Repository, tree: Path, tmp_path: Path, link: str
) -> None:
    (tree / "bad").symlink_to(link)
    root = far.add(tree).cid
    with pytest.raises(UnsafePathError, match="bad leads out"):
        snapshot_download(root, local_dir=tmp_path / "out", reader=kit.reader)
    assert not (tmp_path / "out" / "bad").is_symlink()


def test_a_link_in_the_folder_is_not_followed(
    kit: ipfs_kit, far: Repository, tree: Path, tmp_path: Path
) -> None:
    root = far.add(tree).cid
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "data").symlink_to(elsewhere)
    with pytest.raises(UnsafePathError, match="is a link"):
        snapshot_download(root, local_dir=out, reader=kit.reader)
    assert not list(elsewhere.iterdir())


def test_a_cut_download_goes_on_where_it_was(
    metadata: dict[str, Any], far: Repository, tree: Path, tmp_path: Path
) -> None:
    root = far.add(tree).cid
    left = 6

    def cut(cids: Sequence[CID]) -> None:
        nonlocal left
        left -= len(cids)
        if left < 0:
            raise ConnectionResetError("cut")

    out: dict[str, Any] = {"local_dir": tmp_path / "out", "cache_dir": tmp_path / "known"}
    first, second = Far(far, hook=cut), Far(far)
    with (
        ipfs_kit(metadata=metadata, sources=[first]) as kit,
        pytest.raises(UnreachableError),
    ):
        snapshot_download(root, reader=kit.reader, **out)
    assert not list((tmp_path / "out").rglob(".ipfs-kit*"))
    with ipfs_kit(metadata=metadata, sources=[second]) as kit:
        snapshot_download(root, reader=kit.reader, **out)
    assert files(tmp_path / "out") == files(tree)
    assert second.count <= 12


def test_a_cancelled_download_stops_soon(
    metadata: dict[str, Any], far: Repository, tree: Path, tmp_path: Path
) -> None:
    root = far.add(tree).cid
    slow = Far(far, hook=lambda _: time.sleep(60))
    token = CancelToken()
    threading.Timer(0.5, token.cancel).start()
    start = time.monotonic()
    with (
        ipfs_kit(metadata=metadata, sources=[slow]) as kit,
        token,
        pytest.raises(CancelledError),
    ):
        snapshot_download(root, local_dir=tmp_path / "out", reader=kit.reader)
    assert time.monotonic() - start < SOON_SECONDS


def test_a_killed_download_leaves_only_whole_files(
    far: Repository, tree: Path, tmp_path: Path
) -> None:
    root = far.add(tree).cid
    program = f"""
import os, signal, threading
from ipfs_kit_py import snapshot_download
threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
metadata = {{"ipfs_path": {far.path!r}}}
while True:
    snapshot_download({str(root)!r}, local_dir={str(tmp_path / "out")!r},
                      cache_dir={str(tmp_path / "known")!r}, force_download=True,
                      metadata=metadata)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    expected = files(tree)
    found = files(tmp_path / "out") if (tmp_path / "out").exists() else {}
    for name, data in found.items():
        if not name.startswith(".ipfs-kit-part-"):
            assert data == expected[name]
    snapshot_download(
        root,
        local_dir=tmp_path / "out",
        cache_dir=tmp_path / "known",
        metadata={"ipfs_path": far.path},
    )
    assert files(tmp_path / "out") == expected
