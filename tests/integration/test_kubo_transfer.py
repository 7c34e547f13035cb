"""Whole DAGs from a real Kubo node into the repository, and back."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.ipfs_kit import ipfs_kit

PROGRAM = Path(sys.executable).parent / "ipfs-kit"
MIB = 1 << 20


@pytest.fixture(scope="module")
def node(
    require_real: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KuboEngine]:
    program = require_real("ipfs", "`make tools` builds Kubo where Go is installed")
    folder = tmp_path_factory.mktemp("node") / "repo"
    with Daemon(folder, program=program, online=False), KuboEngine(folder) as engine:
        yield engine


@pytest.fixture
def url(node: KuboEngine) -> str:
    return (Path(node.path) / "api").read_text().strip()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[ipfs_kit]:
    metadata = {
        "ipfs_path": str(tmp_path / "repo"),
        "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
    }
    with ipfs_kit(metadata=metadata) as made:
        yield made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    for number in range(60):
        place = folder / str(number % 4) / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(number * 4000))
    (folder / "large").write_bytes(os.urandom(5 * MIB))
    return folder


def test_a_dag_comes_from_kubo_once(
    node: KuboEngine, url: str, kit: ipfs_kit, tree: Path, tmp_path: Path
) -> None:
    root = node.add(tree).cid
    done = kit.ipfs.pull(root, url, name="mine").raise_for_error()
    assert done["new_blocks"] == done["blocks"] == node.dag_stat(root).blocks
    assert kit.ipfs.pin_ls(cid=root)["Keys"][str(root)]["Name"] == "mine"
    again = kit.ipfs.pull(root, url).raise_for_error()
    assert (again["blocks"], again["new_blocks"]) == (done["blocks"], 0)
    kit.ipfs.get(root, tmp_path / "out").raise_for_error()
    with Repository(tmp_path / "check") as check:
        assert check.add(tmp_path / "out").cid == root


def test_a_dag_goes_to_kubo_once(
    node: KuboEngine, url: str, kit: ipfs_kit, tree: Path
) -> None:
    node.add(tree / "2")
    root = kit.ipfs.add(tree)["cid"]
    below = {link.target for link in kit.reader.refs(root, recursive=True)}
    lacking = len(node.lacks([CID(root), *below]))
    done = kit.ipfs.push(root, url, name="theirs").raise_for_error()
    assert done["new_blocks"] == lacking < done["blocks"]
    pin = node.pin_find(root)
    assert pin is not None
    assert (pin.type, pin.name) == ("recursive", "theirs")
    assert node.cat(f"{root}/large") == (tree / "large").read_bytes()
    again = kit.ipfs.push(root, url).raise_for_error()
    assert (again["blocks"], again["new_blocks"]) == (done["blocks"], 0)


def test_values_of_other_codecs_travel_too(
    node: KuboEngine, url: str, kit: ipfs_kit
) -> None:
    leaf = kit.ipfs.block_put(b"leaf")["cid"]
    inline = CID.from_multihash(b"\x00\x02hi")
    links = {"links": [CID(leaf), inline], "n": 1}
    root = kit.ipfs.dag_put(links)["cid"]
    assert kit.ipfs.push(root, url).raise_for_error()["new_blocks"] == 2
    assert node.dag_get(root) == links
    other = node.dag_put({"back": CID(root)})
    assert kit.ipfs.pull(other, url).raise_for_error()["new_blocks"] == 1
    assert kit.ipfs.dag_get(f"{other}/back/n")["value"] == 1


def test_a_killed_push_goes_on_where_it_was(
    node: KuboEngine, url: str, kit: ipfs_kit
) -> None:
    root = kit.ipfs.add(os.urandom(80 * MIB))["cid"]
    command = [PROGRAM, "push", root, "--to", url, "--repo", kit.engine.path]
    with subprocess.Popen(command) as process:
        while len(node.lacks([link.target for link in kit.reader.refs(root)])) > 60:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    missing = len(node.lacks([link.target for link in kit.reader.refs(root)]))
    done = kit.ipfs.push(root, url).raise_for_error()
    # The root goes first, with the first window.
    assert done["new_blocks"] == missing < 80
    assert node.pin_find(root) is not None


def test_the_commands_say_what_they_moved(
    node: KuboEngine, url: str, kit: ipfs_kit
) -> None:
    root = str(node.add(os.urandom(3 * MIB)).cid)

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [PROGRAM, *arguments, "--repo", kit.engine.path],
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    record = json.loads(run("pull", root, "--from", url, "--json"))
    assert (record["cid"], record["blocks"], record["new_blocks"]) == (root, 4, 4)
    assert "4 blocks, 0 new" in run("push", root, "--to", url)
    assert run("pull", root, "--from", url, "-q").strip() == root
    assert "offline" in run("--offline", "pull", root, "--from", url, code=1)
    gone = "http://127.0.0.1:1"
    assert "127.0.0.1:1" in run("pull", str(node.add(b"x").cid), "--from", gone, code=1)
    assert "127.0.0.1:1" in run("push", root, "--to", gone, code=1)
