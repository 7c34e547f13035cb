"""Where blocks come from: sources in an order, and readers over all of them."""

from ipfs_kit_py._sources.build import reader_for
from ipfs_kit_py._sources.chain import Chain
from ipfs_kit_py._sources.reader import ChainReader
from ipfs_kit_py._sources.source import (
    ORDER,
    RepositorySource,
    Source,
    StreamingSource,
    order_for,
)

__all__ = [
    "ORDER",
    "Chain",
    "ChainReader",
    "RepositorySource",
    "Source",
    "StreamingSource",
    "order_for",
    "reader_for",
]
