"""Repositories that are asked as if they were far away."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ipfs_kit_py import CID, Repository
from ipfs_kit_py.sources import RepositorySource

Hook: TypeAlias = Callable[[Sequence[CID]], object]


class Far:
    """A repository that is asked as if it were far away, and tells what it was asked."""

    is_remote = True

    def __init__(
        self,
        repository: Repository,
        name: str = "far",
        cost: float = 5,
        hook: Hook = len,
    ) -> None:
        self.name, self.cost, self.hook = name, cost, hook
        self.asked: list[list[CID]] = []
        self._blocks = RepositorySource(repository)

    def get_blocks(self, cids: Sequence[CID]) -> Mapping[CID, bytes]:
        self.asked.append(list(cids))
        self.hook(cids)
        return {cid: bytes(it) for cid, it in self._blocks.get_blocks(cids).items()}

    @property
    def count(self) -> int:
        return sum(len(cids) for cids in self.asked)


class Liar(Far):
    """The same, with a wrong byte in every block."""

    def get_blocks(self, cids: Sequence[CID]) -> Mapping[CID, bytes]:
        given = super().get_blocks(cids)
        return {cid: bytes([data[0] ^ 1]) + data[1:] for cid, data in given.items()}
