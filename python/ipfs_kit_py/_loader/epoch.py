"""The order of an epoch: a function of the dataset, the seed and the epoch's number."""

import hashlib
from collections.abc import Callable, Sequence
from operator import index
from typing import NamedTuple, Protocol

from ipfs_kit_py._native import CID, Order
from ipfs_kit_py.errors import InvalidParameterError

_MAGIC = b"ipfs-kit order 1\0"
# As far as the core counts.
_MOST = (1 << 64) - 1


def whole_number(
    name: str, given: int, least: int | None = None, most: int = _MOST
) -> int:
    """Take a whole number of any kind, as numpy's, as a plain one."""
    try:
        number = index(given)
    except TypeError:
        raise InvalidParameterError(f"{name} {given!r} is no whole number") from None
    if least is not None and number < least:
        raise InvalidParameterError(f"{name} {number} is less than {least}")
    if number > most:
        raise InvalidParameterError(f"{name} {number} is more than {most}")
    return number


def yes_or_no(name: str, given: bool) -> bool:
    """Take a truth of any kind, as numpy's, as a plain one."""
    if given not in (False, True):
        raise InvalidParameterError(f"{name} {given!r} is neither True nor False")
    return bool(given)


class Shuffle(NamedTuple):
    """How the samples of a dataset are shuffled."""

    is_on: bool = True
    block: int | None = None
    """Samples in a row that stay together until a window is mixed; `None` for the groups
    of the dataset, and for all of it where it has none."""
    window: int = 16
    """Blocks whose samples are mixed."""

    def checked(self) -> "Shuffle":
        """Refuse what cannot be, and take numbers of numpy as plain ones."""
        block, window = self.block, whole_number("shuffle_window", self.window, 1)
        if block is not None:
            block = whole_number("shuffle_block", block, 1)
        return Shuffle(yes_or_no("shuffle", self.is_on), block, window)


class Epoch(Protocol):
    """Which sample comes at which place."""

    def __len__(self) -> int:
        """Count the places."""

    def take(self, start: int, stop: int) -> "memoryview[int]":
        """Give the samples at some places."""


def key_of(cid: CID, seed: int, epoch: int, part: bytes = b"") -> bytes:
    """Make the key of an order: SHA2-256 of what it depends on."""
    numbers = seed.to_bytes(8, "little"), epoch.to_bytes(8, "little")
    return hashlib.sha256(b"".join((_MAGIC, bytes(cid), *numbers, part))).digest()


class Plain:
    """The order of one dataset."""

    def __init__(
        self, length: int, key: bytes, shuffle: Shuffle, groups: Sequence[int] | None
    ) -> None:
        """Prepare it.

        Args:
            length: Samples.
            key: What decides it.
            shuffle: How.
            groups: Where each group of samples ends that is best read together.
        """
        if not shuffle.is_on:
            self._order = Order(length)
        elif shuffle.block is not None:
            self._order = Order(length, key, block=shuffle.block, window=shuffle.window)
        elif groups is not None:
            self._order = Order(length, key, block_ends=groups, window=shuffle.window)
        else:
            self._order = Order(length, key)

    def __len__(self) -> int:
        """Count the places."""
        return len(self._order)

    def take(self, start: int, stop: int) -> "memoryview[int]":
        """Give the samples at some places."""
        return memoryview(self._order.take(start, stop)).cast("Q")


class Bucketed:
    """An order in which samples of about one length come together.

    Windows of some batches are sorted by length, and their batches shuffled.
    """

    def __init__(
        self,
        order: Epoch,
        sizes: "memoryview[int]",
        batch_size: int,
        window: int,
        key: bytes,
    ) -> None:
        """Prepare it.

        Args:
            order: The order before.
            sizes: How long each sample is.
            batch_size: Samples of a batch.
            window: Batches that are sorted.
            key: What decides the order of batches.
        """
        if window < 1:
            raise InvalidParameterError(f"bucket_window {window} is less than 1")
        self._order, self._sizes, self._key = order, sizes, key
        self._batch, self._window = batch_size, batch_size * window
        self._known: tuple[int, memoryview[int]] | None = None

    def __len__(self) -> int:
        """Count the places."""
        return len(self._order)

    def take(self, start: int, stop: int) -> "memoryview[int]":
        """Give the samples at some places."""
        from array import array

        found = array("Q")
        stop = min(stop, len(self))
        while start < stop:
            index, offset = divmod(start, self._window)
            window = self._at(index)
            some = window[offset : offset + stop - start]
            found.frombytes(some.cast("B"))
            start += len(some)
        return memoryview(found)

    def _at(self, index: int) -> "memoryview[int]":
        from array import array

        if self._known is None or self._known[0] != index:
            first = index * self._window
            some = self._order.take(first, min(first + self._window, len(self)))
            by_size = sorted(some, key=self._sizes.__getitem__)
            starts = range(0, len(by_size), self._batch)
            # A batch that is not full stays the last one.
            full = len(by_size) // self._batch
            places = memoryview(Order(full, _mixed(self._key, index)).take(0, full))
            order = [*places.cast("Q"), *range(full, len(starts))]
            batches = (by_size[starts[at] : starts[at] + self._batch] for at in order)
            window = array("Q", (sample for batch in batches for sample in batch))
            self._known = index, memoryview(window)
        return self._known[1]


class Mixture:
    """An order that mixes several, in proportion to weights.

    Each stretch of a thousand places has its share of each, in an order of its own.
    """

    STRETCH = 1000

    def __init__(
        self,
        orders: "Sequence[Passes]",
        weights: Sequence[float],
        key: bytes,
        *,
        repeats: bool,
    ) -> None:
        """Prepare it.

        Args:
            orders: Of each dataset, as many passes as are wanted.
            weights: Of each, how much of the mixture it is.
            key: What decides which comes where.
            repeats: End when the last one was given whole, not the first: the others then
                begin anew.
        """
        self._orders, self._key = orders, key
        self._shares = shares_of(weights)
        self._known: tuple[int, list[tuple[int, int]]] | None = None
        self._length = self._end(max if repeats else min)

    def __len__(self) -> int:
        """Count the places."""
        return self._length

    def take(self, start: int, stop: int) -> "memoryview[int]":
        """Give the samples at some places, counted over all datasets."""
        from array import array

        stop = min(stop, self._length)
        found = array("Q")
        while start < stop:
            index, offset = divmod(start, self.STRETCH)
            for which, turn in self._at(index)[offset : offset + stop - start]:
                place = index * self._shares[which] + turn
                found.append(self._orders[which].at(place))
            start = (index + 1) * self.STRETCH
        return memoryview(found)

    def _at(self, index: int) -> list[tuple[int, int]]:
        """List which dataset comes, and for the how-manieth time, in a stretch."""
        if self._known is None or self._known[0] != index:
            row = [
                which for which, share in enumerate(self._shares) for _ in range(share)
            ]
            key = _mixed(self._key, index)
            places = memoryview(Order(len(row), key).take(0, len(row))).cast("Q")
            turns, found = [0] * len(self._shares), []
            for place in places:
                which = row[place]
                found.append((which, turns[which]))
                turns[which] += 1
            self._known = index, found
        return self._known[1]

    def _end(self, choose: Callable[[list[int]], int]) -> int:
        """Find the place at which one dataset, or the last of them, is over."""
        ends = []
        for which, share in enumerate(self._shares):
            size = self._orders[which].size
            whole, rest = divmod(size - 1, share)
            inside = self._at(whole).index((which, rest))
            ends.append(whole * self.STRETCH + inside + 1)
        return choose(ends)


class Passes:
    """The order of one dataset of a mixture, pass after pass."""

    AHEAD = 256

    def __init__(
        self,
        cid: CID,
        offset: int,
        size: int,
        seed: int,
        epoch: int,
        shuffle: Shuffle,
        groups: Sequence[int] | None,
    ) -> None:
        """Prepare it; `offset` is added to each sample."""
        self.size, self._offset = size, offset
        self._of = cid, seed, epoch
        self._shuffle, self._groups = shuffle, groups
        self._pass: tuple[int, Plain] | None = None
        self._some: tuple[int, memoryview[int]] | None = None

    def at(self, place: int) -> int:
        """Give a sample, counted over all datasets of the mixture."""
        row, inside = divmod(place, self.AHEAD)
        if self._some is None or self._some[0] != row:
            self._some = row, self._take(row * self.AHEAD)
        return self._some[1][inside] + self._offset

    def _take(self, start: int) -> "memoryview[int]":
        from array import array

        found = array("Q")
        while len(found) < self.AHEAD:
            number, inside = divmod(start + len(found), self.size)
            some = self._order(number).take(inside, inside + self.AHEAD - len(found))
            found.frombytes(some.cast("B"))
        return memoryview(found)

    def _order(self, number: int) -> Plain:
        if self._pass is None or self._pass[0] != number:
            cid, seed, epoch = self._of
            part = b"" if number == 0 else number.to_bytes(8, "little")
            key = key_of(cid, seed, epoch, part)
            self._pass = number, Plain(self.size, key, self._shuffle, self._groups)
        return self._pass[1]


def _mixed(key: bytes, index: int) -> bytes:
    return hashlib.sha256(key + index.to_bytes(8, "little")).digest()


def shares_of(weights: Sequence[float], total: int = Mixture.STRETCH) -> list[int]:
    """Split a number by weights: at least one each, the largest remainders first."""
    if not all(weight > 0 and weight < float("inf") for weight in weights):
        raise InvalidParameterError("each weight is to be a finite number more than 0")
    if len(weights) > total:
        raise InvalidParameterError(f"more than {total} datasets cannot be mixed")
    # One each is set aside, so that none comes out with nothing.
    spare = total - len(weights)
    exact = [weight / sum(weights) * total for weight in weights]
    over = [max(part - 1, 0.0) for part in exact]
    parts = [part / max(sum(over), 1e-300) * spare for part in over]
    shares = [1 + int(part) for part in parts]
    by_rest = sorted(range(len(parts)), key=lambda at: int(parts[at]) - parts[at])
    for at in by_rest[: total - sum(shares)]:
        shares[at] += 1
    # All weights alike at one each: nothing was over.
    shares[0] += total - sum(shares)
    return shares
