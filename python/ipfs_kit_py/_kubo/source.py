"""A Kubo node as sources of blocks: what it has itself, and what it finds."""

from collections.abc import Sequence

from ipfs_kit_py._kubo.blocks import Blocks
from ipfs_kit_py._native import CID, Block
from ipfs_kit_py._sources.source import CheckingSource, cost_of


class KuboSource(CheckingSource):
    """The blocks that a node has itself.

    Args:
        engine: The node, which stays open.
    """

    name = "local"
    cost = cost_of("local")

    def __init__(self, engine: Blocks) -> None:
        self._engine = engine

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, bytes | Block]:
        """Give those blocks that it has."""
        return self._engine.get_blocks(cids, offline=True)


class KuboSwarm(CheckingSource):
    """The blocks that a node finds among those it is connected to.

    Args:
        engine: The node, which stays open.
    """

    name = "swarm"
    cost = cost_of("swarm")

    def __init__(self, engine: Blocks) -> None:
        self._engine = engine

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, bytes | Block]:
        """Give those blocks that it finds; for what nobody has it looks until it stalls.

        Raises:
            TimedOutError: It went on looking for one of them.
        """
        return self._engine.get_blocks(cids, offline=False)
