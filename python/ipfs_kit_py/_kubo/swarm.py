"""The other nodes that a node knows, and its numbers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.errors import of_message
from ipfs_kit_py._kubo.replies import cid_in, value_in
from ipfs_kit_py._kubo.session import Session
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import GcReport

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Peer


class KuboPeer(NamedTuple):
    """Another node that is connected."""

    id: str
    """Its peer ID."""
    address: str
    """Its multiaddr, without the peer ID."""


class KuboStats(NamedTuple):
    """The numbers of a node's repository."""

    bytes: int
    """Bytes of all that it stores."""
    max_bytes: int
    """Its `Datastore.StorageMax`."""
    blocks: int
    path: str
    """Its folder, on the machine it runs on."""
    version: str
    """Kubo's version."""


class Swarm(Session):
    """What connects, and looks after the node."""

    @property
    def agent_version(self) -> str:
        """What program the node is, as it tells others."""
        found: str = value_in(self._client.call(look("id")), "id", str, "AgentVersion")
        return found

    def addresses(self) -> list[str]:
        """List the multiaddrs that other nodes reach this one at."""
        found = self._client.call(look("id"))
        return list(map(str, found.get("Addresses") or []))

    def swarm_peers(self) -> "list[Peer]":
        """List the nodes that this one is connected to.

        Raises:
            OfflineError: The node is offline.
        """
        asked = look("swarm/peers")
        found = self._client.call(asked).get("Peers") or []
        return [
            KuboPeer(
                value_in(peer, asked.command, str, "Peer"),
                value_in(peer, asked.command, str, "Addr"),
            )
            for peer in found
        ]

    def swarm_connect(self, address: str) -> None:
        """Connect to a node.

        Raises:
            UnreachableError: It cannot be reached.
        """
        _good(self._client.call(ask("swarm/connect", address)))

    def swarm_disconnect(self, address: str) -> None:
        """Close the connection to a node."""
        _good(self._client.call(ask("swarm/disconnect", address)))

    def gc(self, on_removed: Callable[[CID], object] | None = None) -> GcReport:
        """Remove every block that nothing keeps. A Kubo node knows no time of grace.

        Args:
            on_removed: Called with each CID that was removed, as a raw one.
        """
        before = self._stored_bytes()
        asked = ask("repo/gc", stream_errors=True, patient=True)
        blocks, failed = 0, ""
        for line in self._client.lines(asked):
            if error := line.get("Error"):
                failed = str(error)
            else:
                cid = cid_in(line, asked.command, "Key")
                blocks += 1
                if on_removed:
                    on_removed(CID.from_multihash(cid.multihash))
        if failed:
            raise of_message(failed)
        freed = max(0, before - self._stored_bytes())
        return GcReport(blocks, freed, freed)

    def stats(self) -> KuboStats:
        """Count what the node stores."""
        asked = look("repo/stat", patient=True)
        found = self._client.call(asked)
        size, most, blocks = (
            value_in(found, asked.command, int, name)
            for name in ("RepoSize", "StorageMax", "NumObjects")
        )
        path = value_in(found, asked.command, str, "RepoPath")
        version = value_in(self._client.call(look("version")), "version", str, "Version")
        return KuboStats(size, most, blocks, path, version)

    def _stored_bytes(self) -> int:
        asked = look("repo/stat", size_only=True, patient=True)
        found: int = value_in(self._client.call(asked), asked.command, int, "RepoSize")
        return found


def _good(reply: Any) -> None:  # noqa: ANN401 - checked here
    """Refuse what some versions tell as if it had gone well."""
    for line in (reply or {}).get("Strings") or []:
        if "failure" in line:
            raise of_message(str(line))
