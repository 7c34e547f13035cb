"""HTTP gateways: blocks from servers that need not be trusted, each verified."""

from ipfs_kit_py._gateways.lookup import find_gateways, find_routers
from ipfs_kit_py._gateways.source import GatewaySource

__all__ = ["GatewaySource", "find_gateways", "find_routers"]
