"""What holds of the project itself: which crate may name what."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Each crate and those of ours that it may be built on.
LAYERS = {
    "hash": set[str](),
    "cid": {"hash"},
    "chunker": set[str](),
    "dag": {"hash", "cid"},
    "ipns": {"hash", "cid", "dag"},
    "unixfs": {"hash", "cid", "dag", "chunker"},
    "car": {"hash", "cid", "dag"},
    "pack": {"hash", "cid", "car"},
    "repo": {"hash", "cid", "dag", "car", "pack", "unixfs", "ipns"},
    "arc-cache": set(),
    "cache": {"arc-cache", "hash", "cid", "pack"},
    "loader": {"hash", "cid", "dag", "unixfs", "pack", "repo"},
}
# The interpreter, the network and async runtimes live in Python or in the binding.
IMPURE = {"pyo3", "numpy", "tokio", "async-std", "reqwest", "hyper", "ureq"}


def dependencies(crate: str) -> set[str]:
    manifest = tomllib.loads((ROOT / "rust" / crate / "Cargo.toml").read_text())
    found = set(manifest.get("dependencies", {}))
    for target in manifest.get("target", {}).values():
        found |= set(target.get("dependencies", {}))
    return found


def test_every_crate_has_its_layer() -> None:
    crates = {path.parent.name for path in (ROOT / "rust").glob("*/Cargo.toml")}
    assert crates == LAYERS.keys() | {"python"}


def test_dependencies_point_one_way() -> None:
    for crate, below in LAYERS.items():
        ours = {
            name.removeprefix("ipfs-kit-")
            for name in dependencies(crate)
            if name.startswith("ipfs-kit-")
        }
        assert ours <= below, crate


def test_pure_crates_name_no_interpreter_network_or_runtime() -> None:
    for crate in LAYERS:
        assert not dependencies(crate) & IMPURE, crate


def test_unsafe_code_stands_where_it_is_argued() -> None:
    allowed = re.compile(
        r"rust/(hash/src/(sha256/|blake3_many)|chunker/src/"
        r"|python/src/(block|buffers|column|draft|private_block)"
        r"|pack/src/(clone|inherited|joined|map|private|reserve|writeback)"
        r"|pack/tests/processes|cache/tests/disk_processes|repo/src/(folder|repository))"
    )
    for path in (ROOT / "rust").rglob("*.rs"):
        name = path.relative_to(ROOT).as_posix()
        if re.search(r"\bunsafe (\{|fn|impl)", path.read_text(encoding="utf-8")):
            assert allowed.match(name), name


def test_the_stub_stays_thin() -> None:
    stub = ROOT / "python" / "ipfs_kit_py" / "_native.pyi"
    assert len(stub.read_text(encoding="utf-8").splitlines()) < 820
