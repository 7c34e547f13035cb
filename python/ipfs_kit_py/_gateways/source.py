"""Gateways as a source of blocks."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from ipfs_kit_py._native import CID, Block
from ipfs_kit_py._sources.source import (
    WHOLE,
    Attended,
    Scope,
    VerifyingSource,
    cost_of,
)
from ipfs_kit_py.errors import CancelledError, IPFSError, OfflineError

if TYPE_CHECKING:
    from ipfs_kit_py._sources.layouts import Run
    from ipfs_kit_py._sources.source import Source

# Bytes of a file that are verified together. Twice as many are under way: who is killed
# loses these, and what the socket holds.
_VERIFIED_BYTES: Final = 4 << 20
CONNECT_SECONDS: Final = 10.0
STALL_SECONDS: Final = 30.0


class GatewaySource(VerifyingSource, Attended):
    """Blocks from HTTP gateways, none of which is trusted.

    The gateway that answers soonest is asked first, and the next one when its reply is
    late, wrong or broken off. One that fails is left alone for a while. Nothing is opened
    before the first block is asked for.

    Args:
        urls: The gateways: `http://127.0.0.1:8080`, for one.
        routing_urls: Delegated routers, which find gateways for what these do not have.
        stall_seconds: How long a gateway may send nothing.
        connect_seconds: How long a connection may take.
        name: What messages call it.
        cost: Its place among the sources.

    Raises:
        ConfigurationError: A URL is none.
    """

    def __init__(
        self,
        urls: Iterable[str] = (),
        *,
        routing_urls: Iterable[str] = (),
        stall_seconds: float = STALL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        name: str = "gateway",
        cost: float | None = None,
    ) -> None:
        from ipfs_kit_py._gateways.address import parse_address
        from ipfs_kit_py._gateways.client import Client
        from ipfs_kit_py._gateways.pool import Pool
        from ipfs_kit_py._gateways.routing import Router
        from ipfs_kit_py._sources.layouts import Layouts

        urls, routing_urls = tuple(urls), tuple(routing_urls)
        self._given = (urls, routing_urls, stall_seconds, connect_seconds, name, cost)
        self.name = name
        self.cost = cost_of("gateway") if cost is None else cost
        self._client = Client(min(connect_seconds, stall_seconds), stall_seconds)
        routers = [
            Router(parse_address(url, "/routing/v1"), self._client)
            for url in routing_urls
        ]
        addresses = [parse_address(url) for url in urls]
        self._pool = Pool(addresses, routers, self._client)
        self._layouts = Layouts()

    @property
    def urls(self) -> tuple[str, ...]:
        """The gateways, those that routers named among them."""
        return tuple(gateway.address.url for gateway in self._pool.gateways)

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, Block]:
        """Give those blocks that any gateway has.

        Raises:
            IPFSError: A block was nowhere, and a gateway could not be asked.
        """
        return dict(self.stream_blocks(cids))

    def stream_blocks(self, cids: Sequence[CID]) -> Iterator[tuple[CID, Block]]:
        """Give blocks as they come, in any order.

        Raises:
            IPFSError: A block was nowhere, and a gateway could not be asked. All others
                came before.
        """
        from ipfs_kit_py._gateways.fetching import Fetching

        left = dict.fromkeys(cids)
        for run in self._layouts.runs(cids):
            for cid, block in self._leaves(run):
                left.pop(cid, None)
                yield cid, block
        failure: IPFSError | None = None
        for cid, outcome in Fetching(self._pool, left):
            if isinstance(outcome, Block):
                self._layouts.learn(cid, outcome)
                yield cid, outcome
            else:
                failure = failure or outcome
        if failure is not None:
            raise failure

    def _leaves(self, run: "Run") -> Iterator[tuple[CID, Block]]:
        """Make blocks of the bytes of a file, as far as they come and are right.

        A gateway gives these far sooner than blocks, or a CAR.
        """
        from ipfs_kit_py._sources.leaves import leaves_of

        ready = [
            at
            for at in self._pool.gateways
            if at.gives_files and not at.health.pause_seconds
        ]
        if not ready:
            return
        best = min(ready, key=lambda at: at.health.rank)
        stop = run.start + run.size
        begin = partial(best.file, run.cid, run.start, stop)
        try:
            with closing(leaves_of(run, begin, _VERIFIED_BYTES)) as leaves:
                for blocks in leaves:
                    yield from blocks.items()
        except (CancelledError, OfflineError):
            raise
        except IPFSError as error:
            # Who asks for the blocks one by one learns what is wrong.
            self._layouts.forget(run.cid)
            import logging

            log = logging.getLogger("ipfs_kit_py")
            log.debug("bytes of %s from %s ended: %s", run.cid, best, error)

    @contextmanager
    def dag(
        self, root: CID, names: Sequence[str] = (), scope: Scope = WHOLE
    ) -> "Iterator[Source]":
        """Give a source of what a path leads to, for as long as it is read."""
        from ipfs_kit_py._gateways.dag import DagStream

        stream = DagStream(
            self._pool, root, names, self.cost, scope, learn=self._layouts.learn
        )
        try:
            yield stream
        finally:
            stream.close()

    def stream_dag(self, root: CID) -> Iterator[tuple[CID, Block]]:
        """Give all blocks of a DAG as one gateway sends them, in its order.

        Raises:
            IPFSError: It broke off, or sent wrong bytes; what came before is good.
        """
        from ipfs_kit_py._gateways.dag import MOST_AT_ONCE, giver_in, verified_dag

        gateway = giver_in(self._pool)
        if gateway is not None:
            for batch in verified_dag(gateway, str(root), at_once=MOST_AT_ONCE):
                yield from batch

    def close(self) -> None:
        """Close all connections; what is asked for later makes new ones."""
        self._client.close()

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle what it was made of: another process makes connections of its own."""
        return _made_of, self._given

    def __repr__(self) -> str:
        """Show the gateways."""
        return f"GatewaySource({list(self.urls)!r})"


def _made_of(
    urls: tuple[str, ...],
    routing_urls: tuple[str, ...],
    stall_seconds: float,
    connect_seconds: float,
    name: str,
    cost: float | None,
) -> GatewaySource:
    return GatewaySource(
        urls,
        routing_urls=routing_urls,
        stall_seconds=stall_seconds,
        connect_seconds=connect_seconds,
        name=name,
        cost=cost,
    )
