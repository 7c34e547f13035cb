"""A registry on a Kubo node, which keeps nothing for its names."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py._ml.registry import Draft, Registry
from ipfs_kit_py.ai_ml_integration import ModelRegistry
from ipfs_kit_py.ipfs_kit import ipfs_kit

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")

CHANGER = """
import sys
from ipfs_kit_py._ml.registry import Registry
from ipfs_kit_py.ipfs_kit import ipfs_kit

folder, kind, who, count = sys.argv[1:]
with ipfs_kit(metadata={"ipfs_path": folder, "engine": "kubo"}) as kit:
    for number in range(int(count)):
        def one_more(draft):
            name = f"{who} {number}"
            draft.names[name] = draft.put({"type": "test", "name": name})
        Registry(kit, kind).change(one_more)
"""


@pytest.fixture(scope="module", params=[False, True], ids=["offline", "online"])
def folder(
    request: pytest.FixtureRequest,
    require_real: Callable[[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    folder = tmp_path_factory.mktemp("node")
    with Daemon(folder, program=program, online=request.param):
        yield folder


@pytest.fixture
def kit(folder: Path) -> Iterator[ipfs_kit]:
    with ipfs_kit(metadata={"ipfs_path": str(folder), "engine": "kubo"}) as kit:
        yield kit


def test_what_is_registered_outlives_a_collection(kit: ipfs_kit, tree: Path) -> None:
    registry = Registry(kit, "kept")
    assert registry.names() == {}

    def change(draft: Draft) -> None:
        data = kit.engine.add(tree, pin=False).cid
        draft.keep(data)
        draft.names["a"] = draft.put({"type": "test", "data": data})

    first = registry.change(change)

    def another(draft: Draft) -> None:
        draft.names["b"] = draft.put({"type": "test", "of": "b"})

    second = registry.change(another)
    assert second.previous == first.cid
    kit.engine.gc()
    assert Registry(kit, "kept").names() == second.names
    value = kit.engine.dag_get(second.names["a"])
    kit.engine.get(value["data"], tree.parent / "out")
    # What is over is let go.
    pinned = {pin.cid for pin in kit.engine.pin_ls("direct")}
    assert pinned >= {second.cid, *second.names.values()}
    assert first.cid not in pinned

    def remove(draft: Draft) -> None:
        del draft.names["a"]
        draft.drop(value["data"])

    registry.change(remove)
    kit.engine.gc()
    assert not kit.engine.has(value["data"])
    assert not kit.engine.has(first.names["a"])
    assert registry.names() == {"b": second.names["b"]}


def test_many_processes_lose_no_change_on_a_node(kit: ipfs_kit, folder: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CHANGER, str(folder), "many", str(who), "5"]
        )
        for who in range(3)
    ]
    for process in running:
        assert process.wait(100) == 0
    wanted = {f"{who} {number}" for who in range(3) for number in range(5)}
    assert Registry(kit, "many").names().keys() == wanted


def test_a_node_that_shows_no_records_has_a_registry_too(
    kit: ipfs_kit, folder: Path, tmp_path: Path
) -> None:
    url = (folder / "api").read_text().strip()
    settings = {"ipfs_path": str(tmp_path / "nowhere"), "api_url": url}
    with ipfs_kit(metadata=settings) as far:
        assert isinstance(far.engine, KuboEngine)
        for name in ("a", "b"):

            def change(draft: Draft, name: str = name) -> None:
                draft.names[name] = draft.put({"type": "test", "name": name})

            Registry(far, "far").change(change)
        names = Registry(kit, "far").names()
        assert names.keys() == {"a", "b"}


def test_models_on_a_node_outlive_a_collection_until_they_are_deleted(
    kit: ipfs_kit, tree: Path, tmp_path: Path
) -> None:
    models = ModelRegistry(kit, tmp_path / "base")
    (tree / "link").unlink()
    one = models.add_model(tree, "m", metrics={"a": 1}).raise_for_error()
    two = models.add_model({"values": [1, 2]}, "n", parents=["m"], stage="best")
    same = models.add_model(tree, "other").raise_for_error()
    assert (one["cid"], two["success"]) == (same["cid"], True)
    kit.engine.gc()
    found, _ = models.get_model("m")
    assert (found / "a.txt").read_text() == "one\n"
    assert models.get_model("n", "best")[0] == {"values": [1, 2]}
    assert [it.label for it in models.lineage("n").nodes] == ["n", "m"]
    models.update_model_metadata("n", None, {"b": 2}).raise_for_error()
    models.delete("m").raise_for_error()
    kit.engine.gc()
    # Another model is the same.
    assert kit.engine.has(one["cid"])
    assert models.info("n")["metadata"] == {"b": 2}
    models.delete("other").raise_for_error()
    kit.engine.gc()
    assert not kit.engine.has(one["cid"])
    # What it is called is known as long as something was made from it.
    assert [it.label for it in models.lineage("n").nodes] == ["n", "m"]
    assert models.list_models()["models"].keys() == {"n"}
    models.delete("n").raise_for_error()
    kit.engine.gc()
    assert not kit.engine.has(one["record_cid"])
    names = {pin.name for pin in kit.engine.pin_ls("recursive")}
    assert "ipfs-kit-models" not in names
