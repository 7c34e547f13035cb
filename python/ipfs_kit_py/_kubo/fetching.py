"""What the native reader asks of a node: blocks, and where names lead."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import partial
from typing import TypeVar, cast

from ipfs_kit_py._http.waiting import SLICE_SECONDS, check
from ipfs_kit_py._kubo.ahead import Ahead
from ipfs_kit_py._kubo.client import Ask, Client, look
from ipfs_kit_py._kubo.replies import value_in
from ipfs_kit_py._native import CID, Block, CancelToken, verified_blocks
from ipfs_kit_py._sources.layouts import Layouts, Run
from ipfs_kit_py._sources.leaves import Pieces, leaves_of
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    CancelledError,
    IntegrityError,
    IPFSError,
    OfflineError,
)

T = TypeVar("T")
_AT_ONCE = 8
# Who reads so much of a file at once will probably go on.
_LONG_BYTES = 16 << 20


class Fetcher:
    """Gets blocks from a node. It knows no engine, so that neither keeps the other.

    Args:
        client: The node's RPC API.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._layouts = Layouts()
        self._ahead = Ahead()

    def close(self) -> None:
        """Stop what is read ahead."""
        self._ahead.stop()

    def blocks(self, cids: Sequence[CID]) -> list[Block | None]:
        """Get blocks, verified; the node looks for them among others if it is online.

        Raises:
            IntegrityError: The node gave other bytes.
        """
        found = self.get_blocks(cids, offline=False)
        plain = {cid: data for cid, data in found.items() if isinstance(data, bytes)}
        checked = verified_blocks(list(plain), list(plain.values()))
        for cid, block in zip(plain, checked, strict=True):
            if block is None:
                raise IntegrityError(f"what the node gives for {cid} is something else")
            found[cid] = block
        return [cast("Block | None", found.get(cid)) for cid in cids]

    def path_of(self, name: str, rest: list[str]) -> str:
        """Say which path an IPNS name, with names behind it, leads to."""
        asked = look("name/resolve", name, recursive=True)
        path = value_in(self._client.call(asked), asked.command, str, "Path")
        return "/".join([path, *rest])

    def get_blocks(
        self, cids: Sequence[CID], *, offline: bool
    ) -> dict[CID, bytes | Block]:
        """Get blocks, several at once; those that are there.

        What comes as `Block` is verified, what comes as bytes is not.
        """
        wanted = list(dict.fromkeys(cids))
        found: dict[CID, bytes | Block] = {}
        for run in self._layouts.runs(wanted):
            found |= self._ahead.take(run) or self._read_run(run, offline=offline)
            following = self._layouts.following(run) if run.size >= _LONG_BYTES else None
            if following is not None:
                work = partial(self._read_run, following, offline=offline)
                self._ahead.begin(following, work)
        left = [cid for cid in wanted if cid not in found]
        given = _each(left, lambda cid: self._get(cid, offline=offline))
        for cid, data in zip(left, given, strict=True):
            if data is not None:
                self._layouts.learn(cid, data)
                found[cid] = data
        return found

    def _read_run(self, run: Run, *, offline: bool) -> dict[CID, Block]:
        """Make blocks of the bytes of a file, as far as they come and are right."""
        asked = look(
            "cat", run.cid, offset=run.start, length=run.size, offline=offline or None
        )
        found: dict[CID, Block] = {}
        try:
            for blocks in leaves_of(run, partial(self._reply, asked)):
                found |= blocks
        except (CancelledError, OfflineError):
            raise
        except IPFSError:
            # Who asks for the blocks one by one learns which of them are not there.
            self._layouts.forget(run.cid)
        return found

    @contextmanager
    def _reply(self, asked: Ask) -> Iterator[Pieces]:
        with closing(self._client.stream(asked)) as pieces:
            yield Pieces(pieces)

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
