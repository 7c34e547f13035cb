"""Datasets on a Kubo node, whose pins keep what a repository's own names keep."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.ipfs_kit import ipfs_kit

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")


@pytest.fixture
def kit(require_real: Callable[[str, str], Path], tmp_path: Path) -> Iterator[ipfs_kit]:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    settings = {"ipfs_path": str(tmp_path / "node"), "engine": "kubo"}
    with (
        Daemon(tmp_path / "node", program=program, online=False),
        ipfs_kit(metadata=settings | {"enable_ai_ml": True}) as kit,
    ):
        yield kit


def test_versions_are_kept_until_they_are_deleted(kit: ipfs_kit, tmp_path: Path) -> None:
    manager = kit.dataset_manager
    folder = tmp_path / "pets" / "train"
    folder.mkdir(parents=True)
    for name in "abc":
        (folder / f"{name}.jpg").write_bytes(os.urandom(2000))
    first = manager.add_dataset(folder.parent, "pets").raise_for_error()
    assert first["splits"] == {"train": 3}
    assert manager.add_dataset(folder.parent, "pets")["unchanged"]
    (folder / "d.jpg").write_bytes(b"d")
    second = manager.update("pets", folder.parent).raise_for_error()
    rows = manager.add_dataset([{"a": it} for it in range(9)], "rows", format="jsonl")
    assert rows["stats"]["num_rows"] == 9

    kit.engine.gc()
    assert manager.list_datasets()["count"] == 2
    for name, version in (("pets", "1"), ("pets", "2"), ("rows", "1")):
        assert manager.verify(name, version)["is_whole"]
    assert manager.diff("pets")["added"] == ["train/d.jpg"]
    out = manager.get_dataset("pets", output_path=tmp_path / "out").raise_for_error()
    assert len(list((Path(out["local_path"]) / "train").iterdir())) == 4

    assert manager.delete("pets")["removed"] == ["1", "2"]
    kit.engine.gc()
    for it in (first, second):
        assert not kit.engine.has(it["cid"])
        assert not kit.engine.has(it["data_cid"])
    assert manager.verify("rows")["is_whole"]
