"""Fetching whole DAGs into a repository."""

from collections.abc import Iterable
from typing import NamedTuple

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import ProgressCallback
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSPath, Repository
from ipfs_kit_py._sources.chain import Chain
from ipfs_kit_py._sources.reader import ChainReader
from ipfs_kit_py._sources.source import Source


class Moved(NamedTuple):
    """What was fetched or sent."""

    cid: CID
    blocks: int
    """All below it."""
    bytes: int
    """Bytes of them."""
    new_blocks: int
    """Those that were not there."""
    new_bytes: int


def pull(
    repository: Repository,
    sources: Iterable[Source],
    path: IPFSPath,
    *,
    pin: bool = True,
    name: str | None = None,
    progress: ProgressCallback | None = None,
    timeout_seconds: float = 60.0,
) -> Moved:
    """Fetch a block with all that is below it, and keep it.

    What is here is not fetched again: one that was stopped, even killed, goes on where it
    was, short of the last 16 MiB.

    Args:
        repository: Where to.
        sources: Where from.
        path: What: a CID, or a path below one.
        pin: Pin it when all of it is here.
        name: The pin's name.
        progress: Called with bytes done so far, and 0.
        timeout_seconds: How long one request may take.

    Raises:
        BlockNotFoundError: No source has a block of it.
        UnreachableError: A source that may have it could not be asked.
    """
    chain = Chain(None, sources, timeout_seconds=timeout_seconds)
    reader = ChainReader(chain, repository)
    with chain.reading_whole(path):
        done = _native.repo_pull(
            repository._core, reader._core, path, progress, pin=pin, name=name
        )
    return Moved(*done)
