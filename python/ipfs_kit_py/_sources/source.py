"""What a source of blocks is, and in which order sources are asked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import (
    TYPE_CHECKING,
    Final,
    Literal,
    NamedTuple,
    Protocol,
    runtime_checkable,
)

from ipfs_kit_py._native import CID, Block
from ipfs_kit_py._repository.blocks import BlockReading
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._kit.roles import RoleName

ORDER: Final = (
    "memory",
    "disk",
    "local",
    "cluster",
    "swarm",
    "gateway",
    "storacha",
    "s3",
)
"""The tiers, those that answer soonest first."""

# A leecher is in no cluster.
_CLUSTER_ROLES = ("master", "worker")


class Source(Protocol):
    """Something that has blocks. What it gives is verified by those who asked.

    A class of your own needs nothing but these four members.
    """

    @property
    def name(self) -> str:
        """What messages and metrics call it."""

    @property
    def cost(self) -> float:
        """Its place among the others: those of less cost are asked before.

        The tiers of `ORDER` stand at 0, 1, 2 and so on.
        """

    @property
    def is_remote(self) -> bool:
        """Whether asking it takes the network: it is left alone offline."""

    def get_blocks(self, cids: Sequence[CID]) -> "Mapping[CID, Buffer]":
        """Give those blocks that it has.

        Raises:
            IPFSError: It could not be asked. The next source is.
            OSError: The same.
        """


class Connected(Source, Protocol):
    """One that keeps connections."""

    def close(self) -> None:
        """Close them; what is asked for later makes new ones."""


class StreamingSource(Source, Protocol):
    """One that gives blocks as they come, so that each is kept at once."""

    def stream_blocks(self, cids: Sequence[CID]) -> "Iterator[tuple[CID, Buffer]]":
        """Give those blocks that it has, in any order.

        Raises:
            IPFSError: It could not be asked for some; the others came before.
            OSError: The same.
        """


class Scope(NamedTuple):
    """How much of what a path leads to is wanted, beside the blocks on the way there."""

    kind: Literal["all", "entity", "block"]
    """All that is below; a file's bytes, or a folder's list of names; the first block."""
    start: int = 0
    """Where the bytes of a file begin that are wanted."""
    stop: int | None = None
    """Where they end; `None` for the end of the file."""


WHOLE: Final = Scope("all")


@runtime_checkable
class DagSource(Source, Protocol):
    """One that can give many blocks of a DAG in one go."""

    def dag(
        self, root: CID, names: Sequence[str] = (), scope: Scope = WHOLE
    ) -> AbstractContextManager[Source]:
        """Give a source of what a path leads to, for as long as it is read.

        It is asked before this one, and need not have everything.
        """


@runtime_checkable
class StreamingDagSource(Source, Protocol):
    """One that can send a whole DAG, whatever of it is asked for first."""

    def stream_dag(self, root: CID) -> "Iterator[tuple[CID, Block]]":
        """Give all blocks of a DAG as they come, verified, in any order.

        Raises:
            IPFSError: It could not be asked, or broke off.
        """


def cost_of(tier: str) -> float:
    """Give the place of a tier."""
    return float(ORDER.index(tier))


def order_for(role: "RoleName") -> tuple[str, ...]:
    """List the tiers that a node of a role asks, in order."""
    return tuple(tier for tier in ORDER if tier != "cluster" or role in _CLUSTER_ROLES)


class VerifyingSource:
    """One of ours, which verifies what it gives: to do so twice would cost as much."""


class OwnSource(VerifyingSource):
    """One of ours, on this machine: what it gives was verified where it lies."""

    is_remote = False


class Watched:
    """A remote source that ends requests on which nothing comes any more."""

    is_remote = True


class CheckingSource(Watched):
    """One of ours that verifies some of what it gives: that which comes as `Block`."""


class Attended(Watched):
    """One that looks, while it waits, whether its caller is to stop.

    It is asked on the caller's own thread.
    """


class RepositorySource(OwnSource):
    """The blocks of an embedded repository: the local node's, or those of another folder.

    Args:
        repository: An open repository, which stays open.
        name: What messages call it.
        cost: Its place among the sources.
    """

    def __init__(
        self, repository: BlockReading, name: str = "local", cost: float | None = None
    ) -> None:
        self._repository = repository
        self.name = name
        self.cost = cost_of("local") if cost is None else cost
        if not self.cost >= 0:
            raise InvalidParameterError(f"cost {cost} is no place among the sources")

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, Block]:
        """Give those blocks that the repository has, where they lie."""
        found = self._repository.block_get_many(cids)
        return {
            cid: block
            for cid, block in zip(cids, found, strict=True)
            if block is not None
        }

    def __repr__(self) -> str:
        """Show whose blocks these are."""
        return f"RepositorySource({self._repository!r}, {self.name!r})"
