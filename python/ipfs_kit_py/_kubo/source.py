"""A Kubo node as sources of blocks: what it has itself, and what it finds."""

from collections.abc import Sequence

from ipfs_kit_py._kubo.blocks import Blocks
from ipfs_kit_py._native import CID
from ipfs_kit_py._sources.source import Watched, cost_of


class KuboSource(Watched):
    """The blocks that a node has itself.

    Args:
        engine: The node, which stays open.
    """

    name = "local"
    cost = cost_of("local")

    def __init__(self, engine: Blocks) -> None:
        self._engine = engine

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        """Give those blocks that it has."""
        return self._engine.get_blocks(cids, offline=True)


class KuboSwarm(Watched):
    """The blocks that a node finds among those it is connected to.

    Args:
        engine: The node, which stays open.
    """

    name = "swarm"
    cost = cost_of("swarm")

    def __init__(self, engine: Blocks) -> None:
        self._engine = engine

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        """Give those blocks that it finds; for what nobody has it looks until it stalls.

        Raises:
            TimedOutError: It went on looking for one of them.
        """
        return self._engine.get_blocks(cids, offline=False)
