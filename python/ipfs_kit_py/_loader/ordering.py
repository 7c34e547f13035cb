"""What decides which sample stands at which place of an epoch, as a loader was told."""

from collections.abc import Sequence
from typing import NamedTuple

from ipfs_kit_py._loader.epoch import (
    Bucketed,
    Epoch,
    Mixture,
    Passes,
    Plain,
    Shuffle,
    key_of,
)
from ipfs_kit_py._loader.mixed import Mixed
from ipfs_kit_py._loader.progress import Run
from ipfs_kit_py._loader.source import Source
from ipfs_kit_py.errors import InvalidParameterError


class Weights(NamedTuple):
    """How much of a mixture each dataset is."""

    shares: Sequence[float]
    repeats: bool
    """End when the last dataset was given whole, not the first."""


class Ordering(NamedTuple):
    """What was asked for, whatever the dataset."""

    seed: int
    shuffle: Shuffle
    bucket_window: int
    """Batches that are sorted by length; 0 for none."""
    batch_size: int
    """What is sorted by length is cut into such batches then."""
    weights: Weights | None = None

    def run(self, source: Source, part: object) -> Run:
        """Say what decides the order, beside the epoch.

        Args:
            source: The samples.
            part: Which part of the dataset they are; None for all of it.
        """
        order: dict[str, object] = {"shuffle": self.shuffle.is_on}
        if part is not None:
            order["part"] = part
        if self.shuffle.is_on:
            order["shuffle_block"] = self.shuffle.block
            order["shuffle_window"] = self.shuffle.window
        if self.bucket_window:
            order["bucket_window"] = self.bucket_window
            order["batch_size of buckets"] = self.batch_size
        if self.weights is not None:
            order["weights"] = list(self.weights.shares)
            order["repeats"] = self.weights.repeats
        return Run(str(source.cid), self.seed, order)

    def epoch(self, source: Source, number: int) -> Epoch:
        """Make the order of an epoch.

        Raises:
            InvalidParameterError: It depends on what nobody knows of these samples.
        """
        key = key_of(source.cid, self.seed, number)
        order = self._mixed(source, number, key)
        if not self.bucket_window:
            return order
        if source.sizes is None:
            raise InvalidParameterError("nobody knows how long these samples are")
        return Bucketed(order, source.sizes, self.batch_size, self.bucket_window, key)

    def _mixed(self, source: Source, number: int, key: bytes) -> Epoch:
        if self.weights is None or not isinstance(source, Mixed):
            return Plain(len(source), key, self.shuffle, source.groups)
        orders = [
            Passes(one.cid, offset, len(one), self.seed, number, self.shuffle, one.groups)
            for one, offset in source.parts()
        ]
        return Mixture(orders, self.weights.shares, key, repeats=self.weights.repeats)
