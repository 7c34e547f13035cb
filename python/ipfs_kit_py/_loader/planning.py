"""Telling the cache in which order an epoch reads.

So its memory keeps what is needed soonest, in this epoch and the next: of a dataset that
is larger than the memory, what was read last is often needed last.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING

from ipfs_kit_py._loader.files import Files
from ipfs_kit_py._loader.source import Source

if TYPE_CHECKING:
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._ml.client import Client

# Each takes about two microseconds before the first batch comes.
_MOST_READINGS = 200_000


def planned(
    client: "Client", source: Source, samples: Iterator["memoryview[int]"]
) -> AbstractContextManager[object]:
    """Hand the order of samples to the cache, for a `with` block.

    Nothing is planned where no block comes from afar, where samples are no blocks of
    their own, and while another plan holds.

    Args:
        client: Whose cache it is.
        source: The samples.
        samples: Their order, in pieces.
    """
    cache: TieredCacheManager | None = getattr(client, "tiered_cache", None)
    is_remote = getattr(client.reader, "is_remote", False)
    if cache is None or not is_remote or not isinstance(source, Files):
        return nullcontext()
    cids = source.blocks(islice((at for part in samples for at in part), _MOST_READINGS))
    if not cids or cache.is_planned:
        return nullcontext()
    # The loader fetches ahead by itself.
    return cache.plan(cids, window_bytes=0)
