"""Having a folder of many small files sent whole, beside the samples that are asked for.

A gateway sends a CAR of a folder several times as fast as its blocks one by one, but in
its own order. So while batches ask for their blocks as ever, all comes in one stream into
the cache, and batches find more and more of theirs there. Nothing depends on it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from ipfs_kit_py._loader.files import Files
from ipfs_kit_py._loader.source import Source
from ipfs_kit_py._native import CID, CancelToken
from ipfs_kit_py._sources.reader import ChainReader
from ipfs_kit_py.errors import CancelledError, IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._ml.client import Client

# Of fewer, or larger ones in the mean, no stream would be ahead of requests side by side.
_FEWEST = 128
_LARGE_BYTES = 256 << 10
# Samples that tell whether the dataset was here before, and how many may be.
_LOOKED_AT = 32
_MOST_HERE = 8
# The part of the disk tier that a dataset may take unasked.
_SHARE = 2
# What a folder has beside the bytes of samples, at most: a name and a link for each, a
# sixteenth for nodes within files, and read-mes.
_NODE_BYTES = 512
_BESIDE_BYTES = 4 << 20


@contextmanager
def brought(
    client: "Client", source: Source, whole: bool | None
) -> Iterator[threading.Event | None]:
    """Have what is far away sent whole, for a `with` block at most.

    It gives what is set when nothing comes any more; `None` where nothing is sent.

    Args:
        client: Whose cache it goes to.
        source: The samples.
        whole: Whether to; if not said, where it is small files, most of them are not here
            and all take no more than half of the cache's disk tier.
    """
    reader = client.reader
    files = source if isinstance(source, Files) and whole is not False else None
    if files is None or files.folder is None or not isinstance(reader, ChainReader):
        yield None
        return
    if not reader.sends_whole:
        yield None
        return
    size = sum(files.sizes or ())
    wanted = whole or _is_small(client, size, len(files))
    if not (wanted and _is_new(reader, files)):
        yield None
        return
    most = size + size // 16 + len(files) * _NODE_BYTES + _BESIDE_BYTES
    stream = _Stream(reader, files.folder, most)
    try:
        yield stream.is_over
    finally:
        stream.close()


def _is_small(client: "Client", size: int, count: int) -> bool:
    cache: TieredCacheManager | None = getattr(client, "tiered_cache", None)
    # Nothing is to be fetched ahead where the settings say so.
    if cache is None or not cache.ahead_bytes:
        return False
    room = cache.disk_bytes // _SHARE
    return count >= _FEWEST and size <= min(room, count * _LARGE_BYTES)


def _is_new(reader: ChainReader, files: Files) -> bool:
    """Tell whether hardly any of the samples is here, by looking for some."""
    step = max(len(files) // _LOOKED_AT, 1)
    some = (files.samples.cid(at) for at in range(0, len(files), step))
    cids = [cid for cid in islice(some, _LOOKED_AT) if cid is not None]
    return reader.are_here(cids) * _LOOKED_AT <= _MOST_HERE * len(cids)


class _Stream:
    """A thread that has it sent."""

    def __init__(self, reader: ChainReader, folder: CID, most_bytes: int) -> None:
        self._reader, self._folder, self._most = reader, folder, most_bytes
        self.is_over = threading.Event()
        self._token = CancelToken()
        self._thread = threading.Thread(
            target=self._run, name="ipfs-kit-bringing", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._token:
                self._reader.bring(self._folder, self._most)
        except CancelledError:
            pass
        except (IPFSError, OSError) as error:
            import logging

            log = logging.getLogger("ipfs_kit_py")
            log.debug("%s came in one stream only in part: %s", self._folder, error)
        finally:
            self.is_over.set()

    def close(self) -> None:
        self._token.cancel()
        self._thread.join()
