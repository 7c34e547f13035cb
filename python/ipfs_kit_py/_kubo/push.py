"""Sending whole DAGs to a node: the blocks that it does not have."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from ipfs_kit_py._kubo.cars import car
from ipfs_kit_py._kubo.dags import Dags
from ipfs_kit_py._native import CID
from ipfs_kit_py._sources.pull import Moved

if TYPE_CHECKING:
    from ipfs_kit_py._engine.kubo import KuboEngine
    from ipfs_kit_py._hashing import ProgressCallback
    from ipfs_kit_py._repository import IPFSPath
    from ipfs_kit_py._sources.reader import ChainReader

# What is asked about at once, and what is sent at once.
_BATCH_BLOCKS = 64
_WINDOW_BYTES = 16 << 20


def push(
    engine: "KuboEngine",
    reader: "ChainReader",
    path: "IPFSPath",
    *,
    pin: bool = True,
    name: str | None = None,
    progress: "ProgressCallback | None" = None,
) -> Moved:
    """Send a block with all that is below it to a Kubo node.

    What the node has is not sent again: one that was stopped goes on where it was, short
    of the last 16 MiB, as long as the node has collected nothing.

    Args:
        engine: Where to.
        reader: Where from.
        path: What: a CID, or a path below one.
        pin: Have the node pin it, which checks that it is whole.
        name: The pin's name.
        progress: Called with bytes done so far, and 0.

    Raises:
        BlockNotFoundError: A block of it is nowhere.
        EngineUnavailableError: The node does not answer.
    """
    root = reader.resolve(path)
    window = _Window(engine, root)
    links = reader.refs(root, recursive=True, unique=True)
    blocks = done = 0
    for batch in _batches(chain([root], (link.target for link in links))):
        absent = set(engine.lacks(batch))
        for cid in batch:
            data = reader.block_view(cid)
            blocks, done = blocks + 1, done + len(data)
            if cid in absent:
                window.add(cid, bytes(data))
            if progress:
                progress(done, 0)
    window.send()
    if pin:
        engine.pin_add(root, name=name)
    return Moved(root, blocks, done, window.blocks, window.bytes)


class _Window:
    """Blocks that are sent together."""

    def __init__(self, engine: Dags, root: CID) -> None:
        self._engine, self._root = engine, root
        self._waiting: list[tuple[CID, bytes]] = []
        self._size = 0
        self.blocks = self.bytes = 0

    def add(self, cid: CID, data: bytes) -> None:
        self._waiting.append((cid, data))
        self._size += len(data)
        if self._size >= _WINDOW_BYTES:
            self.send()

    def send(self) -> None:
        if not self._waiting:
            return
        sent = car([self._root], self._waiting)
        # Its root may come later, so the pin does too.
        self._engine.import_car(sent, roots=[self._root], pin=False)
        self.blocks += len(self._waiting)
        self.bytes += self._size
        self._waiting, self._size = [], 0


def _batches(cids: Iterable[CID]) -> Iterator[list[CID]]:
    # One that is whole in its CID is everywhere.
    rest = (cid for cid in cids if cid.hash_name != "identity")
    while batch := list(islice(rest, _BATCH_BLOCKS)):
        yield batch
