"""What the native reader asks of a node: blocks, and where names lead."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from ipfs_kit_py._kubo.client import Client, look
from ipfs_kit_py._kubo.replies import value_in
from ipfs_kit_py._kubo.waiting import SLICE_SECONDS, check
from ipfs_kit_py._native import CID, Block, CancelToken, verified_blocks
from ipfs_kit_py.errors import BlockNotFoundError, IntegrityError

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
        if len(wanted) <= 1:
            found = [self._get(cid, offline=offline) for cid in wanted]
        else:
            found = self._get_many(wanted, offline=offline)
        pairs = zip(wanted, found, strict=True)
        return {cid: data for cid, data in pairs if data is not None}

    def _get(self, cid: CID, *, offline: bool) -> bytes | None:
        try:
            return self._client.read(look("block/get", cid, offline=offline or None))
        except BlockNotFoundError:
            return None

    def _get_many(self, cids: list[CID], *, offline: bool) -> list[bytes | None]:
        token = CancelToken()

        def get(cid: CID) -> bytes | None:
            with token:
                return self._get(cid, offline=offline)

        with ThreadPoolExecutor(min(_AT_ONCE, len(cids))) as pool:
            waiting = [pool.submit(get, cid) for cid in cids]
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
