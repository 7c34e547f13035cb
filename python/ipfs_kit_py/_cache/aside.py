"""Blocks that were fetched ahead, until somebody asks for them."""

import threading
from collections import OrderedDict
from typing import Any

from ipfs_kit_py._forks import remember
from ipfs_kit_py._native import CID, Block


class Aside:
    """Blocks beside the memory tier, so that they cannot push anything out of it.

    Args:
        most_bytes: Most bytes of them; the oldest go first.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.after_fork()
        remember(self)
        self._blocks: OrderedDict[CID, Block] = OrderedDict()
        self._bytes = 0
        self._used = 0
        self._wasted = 0

    def after_fork(self) -> None:
        """Make a new lock."""
        self._lock = threading.Lock()

    def put(self, cid: CID, block: Block) -> list[tuple[CID, Block]]:
        """Set a block aside.

        Returns:
            What had to go for it: nobody asked in time.
        """
        gone = []
        with self._lock:
            if cid not in self._blocks:
                self._blocks[cid] = block
                self._bytes += len(block)
            while self._bytes > self.most_bytes:
                gone.append(self._blocks.popitem(last=False))
                self._bytes -= len(gone[-1][1])
            self._wasted += len(gone)
        return gone

    def take(self, cid: CID) -> Block | None:
        """Give a block to who asks for it; it is not here any more."""
        with self._lock:
            block = self._blocks.pop(cid, None)
            if block is not None:
                self._bytes -= len(block)
                self._used += 1
        return block

    def __contains__(self, cid: CID) -> bool:
        """Tell whether a block is here."""
        return cid in self._blocks

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._wasted += len(self._blocks)
            self._blocks.clear()
            self._bytes = 0

    def show(self) -> dict[str, Any]:
        """Give the numbers: blocks that were `used` and `wasted`; `waiting`, `bytes`."""
        return {
            "used": self._used,
            "wasted": self._wasted,
            "waiting": len(self._blocks),
            "bytes": self._bytes,
        }
