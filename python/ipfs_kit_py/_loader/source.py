"""What a loader reads from: samples by number, asked for ahead, taken in that order."""

from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any, NamedTuple, Protocol, TypeAlias

from ipfs_kit_py._native import CID, PrivateBlock

Columns: TypeAlias = Mapping[str, Sequence[Any]]
Trouble: TypeAlias = list[tuple[int, Exception]]
"""Which samples of a batch could not be read, and why."""


class Packed(NamedTuple):
    """Samples one behind the other in one piece of memory."""

    data: PrivateBlock
    ends: list[int]


class Part(NamedTuple):
    """What was read of some samples."""

    values: "Sequence[Any] | Packed | Columns"
    """One a sample; where there was trouble, anything."""
    trouble: Trouble


class Ahead(NamedTuple):
    """How far to read ahead."""

    bytes: int
    threads: int
    """Threads that read; 0 to read when something is taken."""
    packed: bool = False
    """Copy the samples of a batch into one piece of memory, where they are bytes."""
    coming: Event | None = None
    """All comes by itself until this is set: fetch no more than one batch at a time."""


class Reading(Protocol):
    """Samples on their way; it belongs to the process that began it."""

    def ask(self, samples: "memoryview[int]") -> None:
        """Ask for some samples."""

    def take(self) -> Part:
        """Wait for those that were asked for first."""

    def close(self) -> None:
        """Stop."""


class Source(Protocol):
    """The samples of a dataset."""

    @property
    def cid(self) -> CID:
        """What decides its order."""

    def __len__(self) -> int:
        """Count them."""

    @property
    def groups(self) -> Sequence[int] | None:
        """Where each group ends that is best read together; `None` if any may be read."""

    @property
    def sizes(self) -> "memoryview[int] | None":
        """How long each is, in bytes or rows; `None` if nobody knows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What can be asked of each by name."""

    def column(self, name: str, samples: "memoryview[int]", part: Part) -> Sequence[Any]:
        """Give a column of samples that were read."""

    def name(self, sample: int) -> str:
        """Say which sample it is, for people."""

    def reading(self, ahead: Ahead) -> Reading:
        """Begin to read."""
