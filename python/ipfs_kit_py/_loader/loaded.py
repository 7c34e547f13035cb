"""What a loader was given to load: opened again by each process that goes on with it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from ipfs_kit_py._loader.mixed import Mixed
from ipfs_kit_py._loader.opening import Dataset, open_dataset
from ipfs_kit_py._loader.tables import Tables
from ipfs_kit_py._loader.values import Values
from ipfs_kit_py._ml.client import Client
from ipfs_kit_py._native import CID, cid_of, ipld_encode
from ipfs_kit_py.errors import InvalidParameterError


class Opening(Protocol):
    """Something to load."""

    def part(self) -> object:
        """Say which part of it is loaded and how, as plain values; None for all of it."""

    def open(self, client: Client, columns: Sequence[str] | None) -> Dataset:
        """Open it, to read some columns or all."""


class OneDataset(NamedTuple):
    """A dataset by its CID."""

    cid: str
    format: str | None = None
    split: str | None = None
    pattern: str | None = None

    def part(self) -> object:
        """Say which files of it are loaded, and as what: a split has a CID of its own."""
        if self.format is None and self.pattern is None:
            return None
        return {"format": self.format, "pattern": self.pattern}

    def open(self, client: Client, columns: Sequence[str] | None) -> Dataset:
        """Open it."""
        dataset = open_dataset(
            self.cid,
            client,
            format=self.format,
            split=self.split,
            pattern=self.pattern,
        )
        return _with_columns(dataset, columns)


class Embedded(NamedTuple):
    """Samples that are at hand."""

    values: list[Any]

    def part(self) -> object:
        """Say that it is all of them."""

    def open(self, client: Client, columns: Sequence[str] | None) -> Dataset:
        """Open them."""
        del client
        try:
            data, codec = ipld_encode(self.values, "dag-cbor"), "dag-cbor"
        except (TypeError, ValueError):
            data, codec = f"{len(self.values)} samples".encode(), "raw"
        source = Values(CID(cid_of(data, codec)), self.values)
        return _with_columns(Dataset(source, "embedded", {}), columns)


class Several(NamedTuple):
    """Datasets that are mixed."""

    datasets: list[OneDataset]

    def part(self) -> object:
        """Say which parts of them are loaded."""
        parts = [dataset.part() for dataset in self.datasets]
        return parts if any(parts) else None

    def open(self, client: Client, columns: Sequence[str] | None) -> Dataset:
        """Open them."""
        opened = [dataset.open(client, columns) for dataset in self.datasets]
        mixed = Mixed([dataset.source for dataset in opened])
        metadata = {"datasets": [dataset.metadata for dataset in opened]}
        return _with_columns(Dataset(mixed, "mixture", metadata), columns)


def _with_columns(dataset: Dataset, columns: Sequence[str] | None) -> Dataset:
    source = dataset.source
    wrong = [name for name in columns or () if name not in source.columns]
    if wrong:
        raise InvalidParameterError(
            f"there is no column {wrong[0]!r}, but {', '.join(source.columns) or 'none'}"
        )
    if isinstance(source, Tables) and columns is not None:
        source.wanted = list(columns)
    if isinstance(source, Mixed) and columns is not None:
        source.wanted = tuple(columns)
    return dataset
