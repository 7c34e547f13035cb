"""Where blocks come from: the order of the sources, and what one of your own must be.

from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.sources import RepositorySource

kit = ipfs_kit(sources=[RepositorySource(Repository("backup"), "backup", cost=5)])
"""

from ipfs_kit_py._gateways import GatewaySource
from ipfs_kit_py._sources import (
    ORDER,
    RepositorySource,
    Source,
    StreamingSource,
    order_for,
)

__all__ = [
    "ORDER",
    "GatewaySource",
    "RepositorySource",
    "Source",
    "StreamingSource",
    "order_for",
]
