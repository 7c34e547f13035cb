"""What the inner nodes of files that went by say of their leaves.

A node gives single blocks far slower than it gives the bytes of a file. Who knows which
bytes of it a block has asks for the bytes instead, and makes the blocks of them.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from ipfs_kit_py import _native
from ipfs_kit_py._forks import remember
from ipfs_kit_py._native import CID, Block
from ipfs_kit_py.errors import IPFSError

# Inner nodes that are remembered: those of a file on the way down, and its neighbours.
_MOST_LAYOUTS = 16
# No block has more; a part with more bytes is no leaf.
_BLOCK_BYTES = 2 << 20
# Fewer are got sooner by themselves.
_FEWEST = 4
_LINK = b"\x12"
# The kind of what has parts, as UnixFS numbers it.
_FILE = 2


class Layout(NamedTuple):
    """The parts of a file, which stand below one node."""

    cid: CID
    cids: Sequence[CID]
    starts: Sequence[int]
    """Where each part begins, and behind them where the last one ends."""
    places: Mapping[CID, int]
    """Which part a block is."""


class Run(NamedTuple):
    """Leaves that follow one another in a file."""

    cid: CID
    """The file, or a part of one."""
    start: int
    parts: Sequence[tuple[CID, int]]
    """Each with its bytes."""

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(size for _, size in self.parts)


class Layouts:
    """Remembers the last inner nodes that were read. Threads may share it."""

    def __init__(self) -> None:
        self.after_fork()
        self._known: OrderedDict[CID, Layout] = OrderedDict()
        remember(self)

    def after_fork(self) -> None:
        """Make a new lock."""
        self._lock = threading.Lock()

    def learn(self, cid: CID, data: "bytes | Block") -> None:
        """Look at a block, which need not be verified: what follows from it will be."""
        if cid.codec != "dag-pb" or cid in self._known:
            return
        # Links come first where there are any.
        if memoryview(data)[:1] != _LINK:
            return
        found = layout_of(cid, bytes(data))
        if found is not None:
            with self._lock:
                self._known[cid] = found
                while len(self._known) > _MOST_LAYOUTS:
                    self._known.popitem(last=False)

    def forget(self, cid: CID) -> None:
        """Forget a node whose parts were not what was thought."""
        with self._lock:
            self._known.pop(cid, None)

    def following(self, run: Run) -> Run | None:
        """Find as many leaves again behind some, under the same node."""
        with self._lock:
            layout = self._known.get(run.cid)
        if layout is None:
            return None
        place = layout.places.get(run.parts[-1][0], -1) + 1
        cids = layout.cids[place : place + len(run.parts)]
        return next(iter(_runs(layout, cids)), None)

    def runs(self, cids: Sequence[CID]) -> list[Run]:
        """Find leaves among some blocks that are better read as bytes of their file."""
        if len(cids) < _FEWEST:
            return []
        with self._lock:
            known = list(reversed(self._known.values()))
        runs, left = [], list(cids)
        for layout in known:
            found = list(_runs(layout, left))
            runs += found
            taken = {cid for run in found for cid, _ in run.parts}
            left = [cid for cid in left if cid not in taken]
            if len(left) < _FEWEST:
                break
        return runs


def layout_of(cid: CID, data: bytes) -> Layout | None:
    """Read a node; `None` if it is no inner node of a file, without bytes of its own."""
    try:
        node = _native.ipld_decode(data, "dag-pb")
        links = [link["Hash"] for link in node["Links"]]
        sizes = _sizes(node.get("Data") or b"")
    except (IPFSError, IndexError, ValueError):
        # Who reads it says what is wrong with it.
        return None
    if sizes is None or len(sizes) != len(links) or not links:
        return None
    places = {link: place for place, link in reversed(list(enumerate(links)))}
    return Layout(cid, links, [0, *accumulate(sizes)], places)


def _runs(layout: Layout, cids: Iterable[CID]) -> Iterable[Run]:
    run: list[tuple[CID, int]] = []
    begin = before = -2
    for cid in cids:
        place = layout.places.get(cid, -2)
        size = layout.starts[place + 1] - layout.starts[place] if place >= 0 else 0
        is_leaf = place >= 0 and 0 < size <= _BLOCK_BYTES
        if not is_leaf or place != before + 1:
            if len(run) >= _FEWEST:
                yield Run(layout.cid, layout.starts[begin], run)
            run, begin = [], place
        if is_leaf:
            run.append((cid, size))
        before = place if is_leaf else -2
    if len(run) >= _FEWEST:
        yield Run(layout.cid, layout.starts[begin], run)


def _sizes(message: bytes) -> list[int] | None:
    """Read the sizes of a file's parts; `None` if it is none or has its own bytes."""
    at, kind, sizes = 0, None, []
    while at < len(message):
        key, at = _number(message, at)
        if key & 7:
            # Bytes of its own, or something that no plain file has.
            return None
        value, at = _number(message, at)
        if key == 1 << 3:
            kind = value
        elif key == 4 << 3:
            sizes.append(value)
    return sizes if kind == _FILE else None


def _number(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift > 63:
            return number, at
