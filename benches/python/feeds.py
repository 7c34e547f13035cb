"""Loaders of data, ours and the peers', each in the fastest way that it offers.

Each gives all samples in batches, in another order each time that it is iterated over.
Run as a program, this goes through one epoch.
"""

import importlib
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from shelves import MASK, Shelf, content, given

Loader: TypeAlias = Any
Open: TypeAlias = Callable[[Shelf], AbstractContextManager[Loader]]

SHUFFLE_BUFFER = 1000


class Feed(NamedTuple):
    """A way to read samples.

    Attributes:
        open: Opens it.
        needs: The modules that it is made of.
        form: What of `shelves.MAKERS` it reads, if it does not read the files or blocks.
        is_few: Whether it is given a part of the samples, as it takes long.
    """

    open: Open
    needs: tuple[str, ...]
    form: str = ""
    is_few: bool = False


class Seen(NamedTuple):
    """What came by: how many samples, and the sum of their 64-bit words."""

    samples: int
    total: int

    def __add__(self, other: "Seen") -> "Seen":  # type: ignore[override]
        """Add what came later."""
        return Seen(self.samples + other.samples, self.total + other.total & MASK)


def look(batches: Iterable[Any]) -> Seen:
    """Look at each byte of each sample."""
    samples = total = 0
    add = np.add.reduce
    for batch in batches:
        if isinstance(batch, list):
            for sample in batch:
                total += int(add(np.frombuffer(sample, np.uint64)))
        else:
            array = batch if isinstance(batch, np.ndarray) else batch.numpy()
            total += int(add(array.view(np.uint64), axis=None))
        samples += len(batch)
    return Seen(samples, total & MASK)


@dataclass(frozen=True)
class Again:
    """Something that can be iterated over again."""

    begin: Callable[[], Iterator[Any]]

    def __iter__(self) -> Iterator[Any]:
        """Begin."""
        return self.begin()


@contextmanager
def ours(shelf: Shelf, **options: Any) -> Iterator[Loader]:  # noqa: ANN401 - as ours
    """Open ours, all with all."""
    from ipfs_kit_py import Repository
    from ipfs_kit_py.ai_ml_integration import IPFSDataLoader

    workers = options.pop("workers", None)
    with Repository(shelf.at("store")) as repository:
        loader = IPFSDataLoader(repository, batch_size=shelf.batch, **options)
        loader.load_dataset(shelf.cid)
        if workers is None:
            yield loader
        else:
            yield loader.to_pytorch(num_workers=workers, persistent_workers=True)
        loader.close()


class Files:
    """The files as torch sees a dataset."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        """Count them."""
        return len(self.paths)

    def __getitem__(self, number: int) -> bytes:
        """Read one."""
        return content(self.paths[number])


def joined(samples: list[Any]) -> Any:  # noqa: ANN401 - a tensor
    """Make a tensor of samples: from worker to trainer it goes in shared memory."""
    torch: Any = importlib.import_module("torch")
    data = bytearray(b"".join(samples))
    return torch.frombuffer(data, dtype=torch.uint8).view(len(samples), -1)


def parallel(workers: int) -> dict[str, Any]:
    """Choose the fastest options of torch's DataLoader."""
    if workers == 0:
        return {"collate_fn": list}
    options = {"collate_fn": joined, "num_workers": workers}
    return options | {"persistent_workers": True}


@contextmanager
def files(shelf: Shelf, workers: int, *, stateful: bool = False) -> Iterator[Loader]:
    """Open torch's DataLoader over the files, all with all."""
    module = "torchdata.stateful_dataloader" if stateful else "torch.utils.data"
    package: Any = importlib.import_module(module)
    kind = package.StatefulDataLoader if stateful else package.DataLoader
    samples = Files(shelf.paths())
    yield kind(samples, shelf.batch, shuffle=True, **parallel(workers))


@contextmanager
def lit(shelf: Shelf, workers: int) -> Iterator[Loader]:
    """Open LitData: chunks are shuffled, and the samples of each."""
    package: Any = importlib.import_module("litdata")
    samples = package.StreamingDataset(shelf.at("litdata"), shuffle=True)
    yield package.StreamingDataLoader(
        samples, batch_size=shelf.batch, **parallel(workers)
    )


@contextmanager
def tars(shelf: Shelf, workers: int, urls: list[str] | None = None) -> Iterator[Loader]:
    """Open WebDataset: shards are shuffled, and each sample among some."""
    package: Any = importlib.import_module("webdataset")
    urls = urls or sorted(map(str, Path(shelf.at("tars")).iterdir()))
    samples = package.WebDataset(urls, shardshuffle=len(urls))
    samples = samples.shuffle(SHUFFLE_BUFFER).to_tuple("bin")
    samples = samples.batched(
        shelf.batch, collation_fn=partial(firsts, tensor=workers > 0)
    )
    options = {"num_workers": workers, "persistent_workers": workers > 0}
    yield package.WebLoader(samples, batch_size=None, **options)


def firsts(samples: list[tuple[bytes]], *, tensor: bool) -> Any:  # noqa: ANN401
    """Make a batch of the only column."""
    found = [sample[0] for sample in samples]
    return joined(found) if tensor else found


@contextmanager
def rows(shelf: Shelf, form: str | None) -> Iterator[Loader]:
    """Open Hugging Face's datasets, all with all."""
    package: Any = importlib.import_module("datasets")
    names = Path(shelf.at("arrow")).read_text().splitlines()
    parts = [package.Dataset.from_file(name) for name in names]
    whole = package.concatenate_datasets(parts)

    def epoch() -> Iterator[Any]:
        shuffled = whole.shuffle(seed=random.getrandbits(32), keep_in_memory=True)
        for batch in shuffled.with_format(form).iter(shelf.batch):
            found = batch["data"]
            yield found if form is None else [value.as_buffer() for value in found]

    yield Again(epoch)


@contextmanager
def mosaic(shelf: Shelf, workers: int, *, tensor: bool = False) -> Iterator[Loader]:
    """Open MosaicML's: shards are shuffled, and each sample among those of some.

    Its state counts batches right if they are tensors.
    """
    package: Any = importlib.import_module("streaming")
    size = shelf.batch
    samples = package.StreamingDataset(
        local=shelf.at("mds"), shuffle=True, batch_size=size
    )
    collate = partial(named, tensor=tensor or workers > 0)
    options = {"num_workers": workers, "persistent_workers": workers > 0}
    yield package.StreamingDataLoader(
        samples, batch_size=size, collate_fn=collate, **options
    )


def named(samples: list[dict[str, bytes]], *, tensor: bool) -> Any:  # noqa: ANN401
    """Make a batch of the only column."""
    found = [sample["data"] for sample in samples]
    return joined(found) if tensor else found


OURS = "ipfs-kit, arrays"
FEEDS: dict[str, Feed] = {
    OURS: Feed(partial(ours, output="numpy", dtype="uint8"), ("numpy",)),
    "ipfs-kit, views": Feed(ours, ("ipfs_kit_py",)),
    "ipfs-kit, tensors": Feed(partial(ours, output="torch", dtype="uint8"), ("torch",)),
    "ipfs-kit, DataLoader, 2 workers": Feed(
        partial(ours, output="torch", dtype="uint8", workers=2), ("torch",)
    ),
    "DataLoader over files": Feed(partial(files, workers=0), ("torch",)),
    "DataLoader over files, 2 workers": Feed(partial(files, workers=2), ("torch",)),
    "LitData": Feed(partial(lit, workers=0), ("litdata",), "litdata"),
    "LitData, 2 workers": Feed(partial(lit, workers=2), ("litdata",), "litdata"),
    "WebDataset": Feed(
        partial(tars, workers=0), ("torch", "webdataset"), "tars", is_few=True
    ),
    "WebDataset, 2 workers": Feed(
        partial(tars, workers=2), ("torch", "webdataset"), "tars", is_few=True
    ),
    "datasets": Feed(partial(rows, form=None), ("datasets",), "arrow"),
    "datasets, format arrow": Feed(partial(rows, form="arrow"), ("datasets",), "arrow"),
    "MosaicML streaming": Feed(
        partial(mosaic, workers=0), ("streaming",), "mosaic", is_few=True
    ),
    "MosaicML streaming, 2 workers": Feed(
        partial(mosaic, workers=2), ("streaming",), "mosaic", is_few=True
    ),
}
STATEFUL: dict[str, Feed] = {
    OURS: FEEDS[OURS],
    "ipfs-kit, views": FEEDS["ipfs-kit, views"],
    "StatefulDataLoader over files": Feed(
        partial(files, workers=0, stateful=True), ("torchdata",)
    ),
    "LitData": FEEDS["LitData"],
    "MosaicML streaming": FEEDS["MosaicML streaming"]._replace(
        open=partial(mosaic, workers=0, tensor=True)
    ),
}

if __name__ == "__main__":
    name, where = given()
    with FEEDS[name].open(where) as loader:
        seen = look(loader)
    if seen.samples not in (where.count, where.few):
        raise SystemExit(f"{seen.samples} samples of {where.count}")
