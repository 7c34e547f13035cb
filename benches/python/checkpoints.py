"""Checkpoints: tensors by CID, beside those of plain files, each byte of them looked at.

What each table isolates:
    first: all blocks are verified, as they are once in a process (or once after the
        repository was opened anew, as here); beside hashing the same bytes. No tensor is
        looked at.
    again: what is left of that when they have been verified, with numpy and with torch.
        To look at a byte is to add it up; who maps files pays for that, and who copies
        them pays twice.
    processes: a new process each, imports and all, with the most memory that it had.
        Pages of files that are mapped count as memory, though the system takes them back
        when it needs them; and those of ours twice, once for verifying them.

A file of plain safetensors is trusted as it is; ours was verified. Some peers need the
extra ml.
"""

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import inputs
import ipfs_accelerate_py
import peers
from harness import Lineup, Program, Table, Work, compare
from ipfs_accelerate_py import ipfs_accelerate, load_checkpoint_and_dispatch

GIB = 1 << 30
TENSOR_BYTES = 16 << 20


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a checkpoint of a share of its full size."""
    size = max(TENSOR_BYTES, round(GIB * scale)) // TENSOR_BYTES * TENSOR_BYTES
    file = checkpoint(size)
    with (
        tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at,
        repository(Path(at)),
    ):
        cid = str(ipfs_accelerate.add_file(file)["cid"])
        yield first(file, cid, size)
        yield again_numpy(file, cid, size)
        yield again_torch(file, cid, size, Path(at))
        yield processes(file, cid, size, Path(at))


def checkpoint(size: int) -> Path:
    """Return a checkpoint of so many bytes, which has just been read."""
    path = inputs.cache() / f"model-{size}.safetensors"
    if not path.exists():
        numpy = importlib.import_module("numpy")
        source = numpy.random.default_rng(size)
        state = {
            f"layers.{n}.weight": source.random((TENSOR_BYTES // 4096, 1024), "f4")
            for n in range(size // TENSOR_BYTES)
        }
        partial = path.with_suffix(".partial")
        save = importlib.import_module("safetensors.numpy").save_file
        save(state, partial, {"format": "pt"})
        partial.rename(path)
    with path.open("rb", buffering=0) as source_file:
        while source_file.read(1 << 20):
            pass
    return path


@contextmanager
def repository(place: Path) -> Iterator[None]:
    """Keep what is added in a place of our own."""
    given = {
        "IPFS_KIT_IPFS_PATH": str(place / "repository"),
        "IPFS_ACCELERATE_CACHE_PATH": str(place / "cache"),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    ipfs_accelerate.configure(ipfs_accelerate_py.config())
    try:
        yield
    finally:
        ipfs_accelerate.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def loaded(cid: str, **given: object) -> Mapping[str, Any]:
    """Load ours, or fail."""
    result: dict[str, Any] = load_checkpoint_and_dispatch(cid, **given)  # type: ignore[call-overload]
    if result["status"] != "success":
        raise RuntimeError(result["message"])
    data: Mapping[str, Any] = result["data"]
    return data


def first(file: Path, cid: str, size: int) -> Table:
    """Load for the first time."""

    def open_anew() -> None:
        ipfs_accelerate.close()
        load_checkpoint_and_dispatch(cid, framework="numpy", names=())

    lineup = Lineup()
    lineup.enter(
        "ipfs-kit, every block verified",
        lambda: Work(
            lambda: len(loaded(cid, framework="numpy")) and None, size, open_anew
        ),
        ours=True,
    )
    hashing = peers.ipfs_kit(file, 2)
    lineup.enter("ipfs-kit hash, 2 threads", lambda: Work(hashing, size), target=0.8)
    title = f"load a checkpoint of {size / GIB:.3g} GiB for the first time"
    return compare(title, "B", lineup)


def sums(numpy_tensors: Mapping[str, Any]) -> int:
    """Look at each byte of numpy's."""
    return sum(int(numpy_tensors[name].view("u8").sum()) for name in numpy_tensors) and 0


def again_numpy(file: Path, cid: str, size: int) -> Table:
    """Load it again, as arrays."""
    safe_open = importlib.import_module("safetensors").safe_open

    def plain() -> None:
        with safe_open(file, "np") as source:
            for name in source.keys():  # noqa: SIM118 - it is no dictionary
                source.get_tensor(name).view("u8").sum()

    def mine() -> None:
        sums(loaded(cid, framework="numpy"))

    lineup = Lineup()
    lineup.enter("ipfs-kit", lambda: Work(mine, size), ours=True)
    lineup.enter("safetensors.safe_open", lambda: Work(plain, size), target=0.9)
    return compare("load it again with numpy, every byte looked at", "B", lineup)


def again_torch(file: Path, cid: str, size: int, place: Path) -> Table:
    """Load it again, as tensors of torch."""
    lineup = Lineup()

    def find(load: Callable[[ModuleType], object]) -> Callable[[], Work]:
        def found() -> Work:
            torch = importlib.import_module("torch")
            return Work(lambda: load(torch), size)

        return found

    def look(torch: ModuleType, tensors: Mapping[str, Any]) -> None:
        for name in tensors:
            tensors[name].view(torch.int64).sum()

    def safe(torch: ModuleType) -> None:
        safe_open = importlib.import_module("safetensors").safe_open
        with safe_open(file, "pt") as source:
            for name in source.keys():  # noqa: SIM118 - it is no dictionary
                source.get_tensor(name).view(torch.int64).sum()

    pickled = place / "model.bin"

    def pickle(torch: ModuleType, *, mmap: bool = False) -> None:
        if not pickled.exists():
            load_file = importlib.import_module("safetensors.torch").load_file
            torch.save(load_file(file), pickled)
        look(torch, torch.load(pickled, weights_only=True, mmap=mmap))

    def ours(torch: ModuleType) -> None:
        look(torch, loaded(cid, framework="torch"))

    enter = lineup.enter
    enter("ipfs-kit", find(ours), ours=True)
    enter("safetensors.safe_open", find(safe), target=0.9)
    enter("torch.load", find(pickle))
    enter("torch.load(mmap=True)", find(lambda it: pickle(it, mmap=True)))
    return compare("load it again with torch, every byte looked at", "B", lineup)


OURS = """
import sys
from ipfs_accelerate_py import load_checkpoint_and_dispatch
data = load_checkpoint_and_dispatch(sys.argv[1], framework="numpy")["data"]
for name in data:
    data[name].view("u8").sum()
"""
PLAIN = """
import sys
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as source:
    for name in source.keys():
        source.get_tensor(name).view("u8").sum()
"""
HUB = """
import sys
from huggingface_hub import hf_hub_download
from safetensors import safe_open
path = hf_hub_download(
    "bench/model", "model.safetensors", cache_dir=sys.argv[1], local_files_only=True
)
with safe_open(path, "np") as source:
    for name in source.keys():
        source.get_tensor(name).view("u8").sum()
"""
TORCH = """
import sys
import torch
for tensor in torch.load(sys.argv[1], weights_only=True).values():
    tensor.view(torch.int64).sum()
"""


def processes(file: Path, cid: str, size: int, place: Path) -> Table:
    """Load it in processes of their own."""
    lineup = Lineup()

    def find(script: str, given: Path | str, needs: str) -> Callable[[], Work]:
        def found() -> Work:
            importlib.import_module(needs)
            return Work(Program(sys.executable, "-c", script, str(given)), size)

        return found

    # The environment names the repository.
    ipfs_accelerate.close()
    enter = lineup.enter
    enter("ipfs-kit, every block verified", find(OURS, cid, "numpy"), ours=True)
    enter("safetensors.safe_open", find(PLAIN, file, "safetensors"))
    cache = hub(place, file)
    enter("huggingface_hub's cache", find(HUB, cache, "huggingface_hub"))
    enter("torch.load", find(TORCH, place / "model.bin", "torch"))
    return compare("load it in a new process, every byte looked at", "B", lineup)


def hub(place: Path, file: Path) -> Path:
    """Make a cache of huggingface_hub that has the file."""
    revision = "0" * 40
    model = place / "hub" / "models--bench--model"
    snapshot = model / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(revision)
    (snapshot / "model.safetensors").symlink_to(file)
    return place / "hub"
