"""The embedded repository as an engine: nothing but this process, and no network."""

from typing import TYPE_CHECKING, NoReturn

from ipfs_kit_py._native import __version__
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import OfflineError

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Peer


class EmbeddedEngine(Repository):
    """A `Repository` that also says who it is, and that it knows no other node."""

    kind = "embedded"

    @property
    def agent_version(self) -> str:
        """What program this node is."""
        return f"ipfs-kit-py/{__version__}"

    def addresses(self) -> list[str]:
        """Give none: nobody reaches a process that listens nowhere."""
        return []

    def swarm_peers(self) -> "list[Peer]":
        """Refuse: there is no swarm.

        Raises:
            OfflineError: Always.
        """
        _no_swarm()

    def swarm_connect(self, address: str) -> None:
        """Refuse, as `swarm_peers` does."""
        del address
        _no_swarm()

    def swarm_disconnect(self, address: str) -> None:
        """Refuse, as `swarm_peers` does."""
        del address
        _no_swarm()


def _no_swarm() -> NoReturn:
    raise OfflineError(
        "the embedded engine is connected to no other nodes: "
        "give the `api_url` of a Kubo node for a swarm"
    )
