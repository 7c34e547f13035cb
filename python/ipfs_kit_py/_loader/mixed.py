"""Several sources as one: their samples counted one behind the other."""

import hashlib
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ipfs_kit_py._loader.damage import damaged, is_damage
from ipfs_kit_py._loader.files import Files, views
from ipfs_kit_py._loader.source import Ahead, Part, Reading, Source, Trouble
from ipfs_kit_py._loader.tables import Tables, plain_column
from ipfs_kit_py._native import CID


class Mixed:
    """Sources one behind the other. Samples are given made: columns are common to all."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Keep them."""
        self._sources = sources
        self._ends: list[int] = []
        for source in sources:
            self._ends.append(len(source) + (self._ends[-1] if self._ends else 0))
        first = sources[0].columns
        common = (name for name in first if all(name in it.columns for it in sources))
        self.columns: tuple[str, ...] = tuple(common)
        self.wanted: tuple[str, ...] | None = None
        """Columns to make of each sample; all of it if not said."""
        digest = hashlib.sha256(b"".join(bytes(source.cid) for source in sources))
        self.cid = CID.from_multihash(b"\x12\x20" + digest.digest())

    def __len__(self) -> int:
        """Count the samples of all."""
        return self._ends[-1]

    def parts(self) -> Iterator[tuple[Source, int]]:
        """Iterate over the sources, with how many samples come before each."""
        return zip(self._sources, [0, *self._ends], strict=False)

    @property
    def groups(self) -> list[int] | None:
        """Groups of all, if any has some."""
        if all(source.groups is None for source in self._sources):
            return None
        return [
            offset + end
            for source, offset in self.parts()
            for end in (source.groups if source.groups is not None else [len(source)])
        ]

    @property
    def sizes(self) -> "memoryview[int] | None":
        """How long each is, if all know."""
        found = array("Q")
        for source in self._sources:
            if source.sizes is None:
                return None
            found.frombytes(source.sizes.cast("B"))
        return memoryview(found)

    def column(self, name: str, samples: "memoryview[int]", part: Part) -> Sequence[Any]:
        """Give a column."""
        del samples
        return [row[name] for row in views(part)]

    def name(self, sample: int) -> str:
        """Say which sample it is."""
        at = bisect_right(self._ends, sample)
        before = self._ends[at - 1] if at else 0
        return f"{self._sources[at].name(sample - before)} of {self._sources[at].cid}"

    def reading(self, ahead: Ahead) -> "_Reading":
        """Begin to read from all."""
        each = ahead._replace(
            bytes=max(ahead.bytes // len(self._sources), 1), packed=False
        )
        readings = [it.reading(each) for it in self._sources]
        return _Reading(self._sources, self._ends, readings, self.wanted)


class _Reading:
    def __init__(
        self,
        sources: Sequence[Source],
        ends: list[int],
        readings: list[Reading],
        wanted: tuple[str, ...] | None,
    ) -> None:
        self._sources, self._ends, self._readings = sources, ends, readings
        self._wanted = wanted
        # Of each batch: from which source each sample is; and what was asked of each.
        self._asked: deque[tuple[list[int], dict[int, memoryview[int]]]] = deque()

    def ask(self, samples: "memoryview[int]") -> None:
        which = [bisect_right(self._ends, sample) for sample in samples]
        parts: dict[int, array[int]] = {}
        for at, sample in zip(which, samples, strict=True):
            before = self._ends[at - 1] if at else 0
            parts.setdefault(at, array("Q")).append(sample - before)
        wanted = {at: memoryview(part) for at, part in parts.items()}
        for at, part in wanted.items():
            self._readings[at].ask(part)
        self._asked.append((which, wanted))

    def take(self) -> Part:
        which, wanted = self._asked.popleft()
        made, wrong = {}, {}
        for at, samples in wanted.items():
            part = self._readings[at].take()
            rows, found = self._made(self._sources[at], samples, part)
            made[at], wrong[at] = iter(rows), dict(found)
        values: list[Any] = []
        trouble: Trouble = []
        turns = dict.fromkeys(wanted, 0)
        for place, at in enumerate(which):
            values.append(next(made[at]))
            error = wrong[at].get(turns[at])
            if error is not None:
                trouble.append((place, error))
            turns[at] += 1
        return Part(values, trouble)

    def _made(
        self, source: Source, samples: "memoryview[int]", part: Part
    ) -> tuple[list[Any], Trouble]:
        make = partial(_made, source, self._wanted)
        try:
            return make(samples, part), part.trouble
        except Exception as error:
            if not is_damage(error):
                raise
        trouble = [*part.trouble, *damaged(make, samples, part)]
        return make(samples, Part(part.values, trouble)), trouble

    def close(self) -> None:
        for reading in self._readings:
            reading.close()


def _made(
    source: Source,
    wanted: tuple[str, ...] | None,
    samples: "memoryview[int]",
    part: Part,
) -> list[Any]:
    if wanted is None and isinstance(source, Tables):
        wanted = source.columns
    if wanted is not None:
        columns = [plain_column(source.column(it, samples, part)) for it in wanted]
        return [dict(zip(wanted, row, strict=True)) for row in zip(*columns, strict=True)]
    if isinstance(source, Files):
        return source.made(samples, part)
    return list(views(part))
