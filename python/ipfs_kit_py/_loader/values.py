"""Samples that are at hand: those that stand in the dataset's own document."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from ipfs_kit_py._loader.source import Ahead, Part
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidParameterError


class Values:
    """A list of samples."""

    groups = None
    sizes = None

    def __init__(self, cid: CID, values: Sequence[Any]) -> None:
        """Keep them."""
        self.cid = cid
        self.values = values
        first = values[0] if values else None
        # Rows have columns if they are all alike.
        names = tuple(first) if isinstance(first, dict) else ()
        alike = names and all(
            isinstance(it, dict) and it.keys() == {*names} for it in values
        )
        self.columns: tuple[str, ...] = names if alike else ()

    def __len__(self) -> int:
        """Count them."""
        return len(self.values)

    def column(self, name: str, samples: "memoryview[int]", part: Part) -> list[Any]:
        """Give a column."""
        del part
        if name not in self.columns:
            raise InvalidParameterError(f"there is no column {name!r}")
        return [self.values[sample][name] for sample in samples]

    def name(self, sample: int) -> str:
        """Say which sample it is."""
        return f"sample {sample}"

    def reading(self, ahead: Ahead) -> "_Reading":
        """Begin."""
        del ahead
        return _Reading(self.values)


class _Reading:
    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values
        self._asked: deque[memoryview[int]] = deque()

    def ask(self, samples: "memoryview[int]") -> None:
        self._asked.append(samples)

    def take(self) -> Part:
        return Part([self._values[sample] for sample in self._asked.popleft()], [])

    def close(self) -> None:
        self._asked.clear()
