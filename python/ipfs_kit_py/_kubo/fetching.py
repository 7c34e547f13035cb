"""What the native reader asks of a node: blocks, and where names lead."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from ipfs_kit_py._kubo.client import Client, look
from ipfs_kit_py._kubo.replies import value_in
from ipfs_kit_py._kubo.waiting import SLICE_SECONDS, check
from ipfs_kit_py._native import CID, Block, CancelToken, verified_blocks
from ipfs_kit_py.errors import BlockNotFoundError, IntegrityError

T = TypeVar("T")
_AT_ONCE = 8


class Fetcher:
    """Gets blocks from a node. It knows no engine, so that neither keeps the other.

    Args:
        client: The node's RPC API.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def blocks(self, cids: Sequence[CID]) -> list[Block | None]:
        """Get blocks, verified; the node looks for them among others if it is online.

        Raises:
            IntegrityError: The node gave other bytes.
        """
        found = self.get_blocks(cids, offline=False)
        here = list(found)
        checked = dict(
            zip(here, verified_blocks(here, list(found.values())), strict=True)
        )
        for cid, block in checked.items():
            if block is None:
                raise IntegrityError(f"what the node gives for {cid} is something else")
        return [checked.get(cid) for cid in cids]

    def path_of(self, name: str, rest: list[str]) -> str:
        """Say which path an IPNS name, with names behind it, leads to."""
        asked = look("name/resolve", name, recursive=True)
        path = value_in(self._client.call(asked), asked.command, str, "Path")
        return "/".join([path, *rest])

    def get_blocks(self, cids: Sequence[CID], *, offline: bool) -> dict[CID, bytes]:
        """Get blocks, several at once, unverified; those that are there."""
        wanted = list(dict.fromkeys(cids))
        found = _each(wanted, lambda cid: self._get(cid, offline=offline))
        pairs = zip(wanted, found, strict=True)
        return {cid: data for cid, data in pairs if data is not None}

    def lacks(self, cids: Sequence[CID]) -> list[CID]:
        """List those blocks that the node does not have itself."""
        here = _each(cids, self.has)
        return [cid for cid, is_here in zip(cids, here, strict=True) if not is_here]

    def has(self, cid: CID) -> bool:
        """Tell whether the node has a block itself."""
        try:
            self._client.call(look("block/stat", cid, offline=True))
        except BlockNotFoundError:
            return False
        return True

    def _get(self, cid: CID, *, offline: bool) -> bytes | None:
        try:
            return self._client.read(look("block/get", cid, offline=offline or None))
        except BlockNotFoundError:
            return None


def _each(cids: Sequence[CID], work: Callable[[CID], T]) -> list[T]:
    """Do something for each of some CIDs, several at once."""
    if len(cids) <= 1:
        return [work(cid) for cid in cids]
    token = CancelToken()

    def inside(cid: CID) -> T:
        with token:
            return work(cid)

    with ThreadPoolExecutor(min(_AT_ONCE, len(cids))) as pool:
        waiting = [pool.submit(inside, cid) for cid in cids]
        try:
            rest = set(waiting)
            while rest:
                check()
                done, rest = wait(rest, timeout=SLICE_SECONDS)
                for future in done:
                    future.result()
        except BaseException:
            # The threads are not inside the tokens of this one.
            token.cancel()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in waiting]
