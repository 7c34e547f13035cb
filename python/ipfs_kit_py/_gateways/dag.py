"""What a path leads to, in one reply: a CAR that is read ahead of who needs it.

It saves a round trip for each of many small blocks, and nothing depends on it: whatever
goes wrong ends it, and what did not come is fetched block by block.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ipfs_kit_py._http.waiting import SLICE_SECONDS, check
from ipfs_kit_py._native import CID, Block, CancelToken, verified_blocks
from ipfs_kit_py._sources.asking import go_on
from ipfs_kit_py._sources.source import WHOLE, Attended, Scope, VerifyingSource
from ipfs_kit_py.errors import CancelledError, IntegrityError, IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._gateways.gateway import Gateway
    from ipfs_kit_py._gateways.pool import Pool

ACCEPT: Final = "application/vnd.ipld.car; version=1; order=dfs; dups=n"
_TYPE: Final = "application/vnd.ipld.car"
_QUERY: Final = "format=car&car-version=1&car-order=dfs&car-dups=n&dag-scope="
# What may lie here, not asked for yet. As much may lie in the sockets, and a process that
# is killed loses both.
_MOST_BYTES: Final = 4 << 20
# Blocks that are larger in the mean are better asked for one by one.
_LARGE_BYTES: Final = 256 << 10
# What may come in vain before the rest is left.
_MOST_VAIN_BYTES: Final = 32 << 20
# How often what is asked for is not here, though there is no room for more. Of a tree
# that is written to disk all folders are looked at before any file.
_MOST_MISSES: Final = 500
_AT_ONCE: Final = 16
# Where nobody waits for any of them.
MOST_AT_ONCE: Final = 64
_MOST_BYTES_AT_ONCE: Final = 1 << 20
# Nobody waits for the next block longer than this; it is asked for by itself then.
_PATIENCE_SECONDS: Final = 5.0
_GOOD: Final = 200


class DagStream(VerifyingSource, Attended):
    """A source of blocks of one DAG, for as long as a `with` block.

    The CAR is asked for when the first block of all is: a DAG whose top is here is here
    in part, and would come again.

    Args:
        pool: The gateways; the best of them is asked.
        root: The top.
        names: The path below it that leads to what is wanted.
        cost: Its place among the sources.
        scope: How much of that. A gateway that gives more does no harm.
        learn: Called with each block that comes.
    """

    name = "gateway (CAR)"

    def __init__(
        self,
        pool: "Pool",
        root: CID,
        names: Sequence[str],
        cost: float,
        scope: Scope = WHOLE,
        *,
        learn: Callable[[CID, Block], None],
    ) -> None:
        self._learn = learn
        self._pool = pool
        self._root = root
        self._path = "/".join(quote(part, safe="") for part in (str(root), *names))
        self._query = f"{scope.kind}{_span(scope)}"
        self.cost = cost
        self._token = CancelToken()
        self._changed = threading.Condition()
        self._blocks: dict[CID, Block] = {}
        self._bytes = 0
        self._vain = 0
        self._needless: set[CID] = set()
        self._misses = 0
        self._state = "new"

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, Block]:
        """Give those that came, or come soon."""
        if self._state == "new":
            self._begin(cids)
        found: dict[CID, Block] = {}
        with self._changed:
            try:
                self._gather(cids, found)
            finally:
                self._needless.update(cid for cid in cids if cid not in found)
                self._changed.notify_all()
        return found

    def close(self) -> None:
        """End it."""
        self._token.cancel()
        self._end()

    def _begin(self, cids: Sequence[CID]) -> None:
        best = giver_in(self._pool) if self._root in cids else None
        if best is None:
            self._state = "ended"
            return
        self._state = "coming"
        threading.Thread(
            target=self._run, args=[best], name="ipfs-kit-car", daemon=True
        ).start()

    def _gather(self, cids: Sequence[CID], found: dict[CID, Block]) -> None:
        waited = 0.0
        while True:
            before = len(found)
            for cid in cids:
                block = self._blocks.pop(cid, None)
                if block is not None:
                    found[cid] = block
                    self._bytes -= len(block)
            if len(found) > before:
                waited = 0.0
                self._changed.notify_all()
            if len(found) == len(cids) or self._state != "coming":
                return
            if self._bytes >= _MOST_BYTES:
                # What is asked for comes behind what others will ask for.
                self._misses = 0 if found else self._misses + 1
                if self._misses >= _MOST_MISSES:
                    self._forget()
                return
            if waited >= _PATIENCE_SECONDS:
                self._state = "ended"
                self._token.cancel()
                return
            if not self._changed.wait(SLICE_SECONDS):
                waited += SLICE_SECONDS
            go_on()

    def _run(self, gateway: "Gateway") -> None:
        try:
            with self._token:
                self._read(gateway)
        except CancelledError:
            # Whoever closed this has what was wanted.
            pass
        except IPFSError as error:
            import logging

            log = logging.getLogger("ipfs_kit_py")
            log.debug("a CAR of %s from %s ended: %s", self._path, gateway, error)
        finally:
            self._end()

    def _read(self, gateway: "Gateway") -> None:
        count = size = 0
        for batch in verified_dag(gateway, self._path, self._query):
            for cid, block in batch:
                self._put(cid, block)
            count += len(batch)
            size += sum(len(block) for _, block in batch)
            if size > max(count, _AT_ONCE) * _LARGE_BYTES:
                # Side by side these come sooner.
                return

    def _put(self, cid: CID, block: Block) -> None:
        self._learn(cid, block)
        with self._changed:
            if cid in self._needless:
                return
            self._make_room()
            self._blocks[cid] = block
            self._bytes += len(block)
            self._changed.notify_all()

    def _make_room(self) -> None:
        """Wait until there is room."""
        while self._bytes >= _MOST_BYTES:
            self._changed.wait(SLICE_SECONDS)
            check()

    def _forget(self) -> None:
        """Throw away what lies here: nobody asks for it, or has it from elsewhere."""
        self._vain += self._bytes
        self._blocks.clear()
        self._bytes = self._misses = 0
        if self._vain > _MOST_VAIN_BYTES:
            self._state = "ended"
            self._token.cancel()

    def _end(self) -> None:
        with self._changed:
            self._state = "ended"
            self._changed.notify_all()


def giver_in(pool: "Pool") -> "Gateway | None":
    """Give the gateway to ask for a CAR; `None` if there is none now."""
    ready = [at for at in pool.gateways if at.gives_cars and not at.health.pause_seconds]
    return min(ready, key=lambda at: at.health.rank, default=None)


def verified_dag(
    gateway: "Gateway", path: str, scope: str = "all", at_once: int = _AT_ONCE
) -> Iterator[list[tuple[CID, Block]]]:
    """Iterate over the blocks of a CAR, some at a time, as they come.

    Args:
        gateway: Whom to ask.
        path: A CID, and names below it as a URL has them.
        scope: How much of what that leads to.
        at_once: How many to wait for, if they are small.

    Raises:
        IntegrityError: A block is not what its CID names.
        IPFSError: As `Gateway.stream` does.
    """
    blocks = gateway.stream(f"/ipfs/{path}?{_QUERY}{scope}", ACCEPT, _TYPE)
    most = 1
    while batch := _batch(blocks, most):
        cids = [cid for cid, _ in batch]
        checked = verified_blocks(cids, [data for _, data in batch])
        found: list[tuple[CID, Block]] = []
        for cid, block in zip(cids, checked, strict=True):
            if block is None:
                gateway.health.misbehaved()
                raise IntegrityError(f"it gave a CAR with wrong bytes for {cid}")
            found.append((cid, block))
        yield found
        # The first by itself, since somebody waits; then some at once.
        most = at_once


def _span(scope: Scope) -> str:
    if not scope.start and scope.stop is None:
        return ""
    # The last byte is one of them.
    end = "*" if scope.stop is None else scope.stop - 1
    return f"&entity-bytes={scope.start}:{end}"


def _batch(blocks: Iterator[tuple[CID, bytes]], most: int) -> list[tuple[CID, bytes]]:
    """Take the next blocks: so many, or fewer if they are large."""
    found: list[tuple[CID, bytes]] = []
    size = 0
    for cid, data in blocks:
        found.append((cid, data))
        size += len(data)
        if len(found) >= most or size >= _MOST_BYTES_AT_ONCE:
            break
    return found
