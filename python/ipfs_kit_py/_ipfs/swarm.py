"""Other nodes."""

from typing import Any

from ipfs_kit_py._ipfs.node import Node
from ipfs_kit_py._results import operation


class Swarm(Node):
    """What connects to other nodes. The embedded engine has none, and says so."""

    @operation("ipfs_swarm_peers")
    def ipfs_swarm_peers(self) -> dict[str, Any]:
        """List the nodes that this one is connected to: `peers`, `count`."""
        peers = [
            {"Peer": peer.id, "Addr": peer.address} for peer in self._engine.swarm_peers()
        ]
        return {"peers": peers, "Peers": peers, "count": len(peers)}

    @operation("ipfs_swarm_connect")
    def ipfs_swarm_connect(self, peer_addr: str) -> dict[str, Any]:
        """Connect to a node."""
        self._engine.swarm_connect(peer_addr)
        return {"peer": peer_addr}

    @operation("ipfs_swarm_disconnect")
    def ipfs_swarm_disconnect(self, peer_addr: str) -> dict[str, Any]:
        """Close the connection to a node."""
        self._engine.swarm_disconnect(peer_addr)
        return {"peer": peer_addr}
