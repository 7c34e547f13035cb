"""The chain: sources in their order, each asked for what those before it do not have."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

from ipfs_kit_py._native import CID, Block, check_cancelled, split_path, verified_blocks
from ipfs_kit_py._sources.asking import within
from ipfs_kit_py._sources.flights import Failure, Flights, Landing
from ipfs_kit_py._sources.keeper import Keeper, Uncached
from ipfs_kit_py._sources.source import (
    WHOLE,
    Attended,
    CheckingSource,
    DagSource,
    Scope,
    StreamingDagSource,
    VerifyingSource,
    Watched,
)
from ipfs_kit_py._sources.tiers import DiskTier, MemoryTier
from ipfs_kit_py.errors import (
    CancelledError,
    EngineUnavailableError,
    IntegrityError,
    IPFSError,
    LimitExceededError,
    TimedOutError,
    UnreachableError,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._cache.disk import DiskCache
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._repository import IPFSPath
    from ipfs_kit_py._sources.source import Source

_Keep: TypeAlias = Callable[[CID, Block], object]

# What a failure is called that has no name of its own.
_OTHER = UnreachableError
# Failures whose kind says more.
_TOLD = (IntegrityError, EngineUnavailableError)


class Chain:
    """Sources of blocks, asked in the order of their cost.

    What comes from outside is verified, and kept in the cache if it is remote. Of several
    threads that want a remote block at once, one fetches it.

    Args:
        cache: The tiers that come first, and keep what was fetched; `None` to keep
            nothing.
        sources: All others.
        offline: Leave remote sources alone.
        timeout_seconds: How long one request to a remote source may take, if that does
            not look for stalls itself.
    """

    def __init__(
        self,
        cache: "TieredCacheManager | None",
        sources: "Iterable[Source]" = (),
        *,
        offline: bool = False,
        timeout_seconds: float = 60.0,
    ) -> None:
        tiers: list[Source] = (
            [] if cache is None else [MemoryTier(cache), DiskTier(cache)]
        )
        asked: list[Source] = [*tiers, *sources]
        asked = [source for source in asked if not (offline and source.is_remote)]
        self.sources: tuple[Source, ...] = tuple(sorted(asked, key=_cost))
        self._near = [source for source in self.sources if not source.is_remote]
        self._far = [source for source in self.sources if source.is_remote]
        self._keeper: Keeper = Uncached() if cache is None else cache
        self._timeout = timeout_seconds
        self._reading = _Reading()
        self._flights = Flights()

    @property
    def is_remote(self) -> bool:
        """Whether anyone beyond this machine is asked."""
        return bool(self._far)

    @property
    def open_disk(self) -> "DiskCache | None":
        """The disk tier, if it was needed yet."""
        return self._keeper.open_disk

    @property
    def fetched(self) -> int:
        """How many blocks were fetched so far for what the calling thread read."""
        return self._reading.fetched

    def get_blocks(self, cids: Iterable[CID]) -> dict[CID, Block]:
        """Give those of some blocks that any source has, each verified.

        Raises:
            TimedOutError: A block was nowhere, and a source did not answer in time.
            IntegrityError: A block was nowhere, and a source gave wrong bytes.
            UnreachableError: A block was nowhere, and a source could not be asked.
        """
        wanted = list(dict.fromkeys(cids))
        ended = self._flights.ended
        near = self._ask(self._near, wanted, _leave)
        found = dict(near.blocks)
        left = _without(wanted, found)
        while left and self._far:
            left = self._fetch(left, found, ended)
        self._reading.fetched += len(found) - len(near.blocks)
        left = _without(wanted, found)
        if near.failure is not None and left:
            raise near.failure.error_for(left[0])
        if near.failure is not None and _without(wanted, near.blocks):
            _report(near.failure)
        return found

    @contextmanager
    def reading_whole(self, *paths: "IPFSPath") -> Iterator[None]:
        """Let sources give DAGs in one go that this thread is about to read.

        What comes lasts: who was stopped, even killed, goes on where it was.

        Args:
            paths: What will be read, with all that is below it.
        """
        with self.giving(*paths) as sources, self.asking(sources, whole=True):
            yield

    @contextmanager
    def giving(
        self, *paths: "IPFSPath", scope: Scope = WHOLE
    ) -> "Iterator[Sequence[Source]]":
        """Let sources give what paths lead to in one go: see `asking`.

        Args:
            paths: What will be read.
            scope: How much of it.
        """
        givers = [source for source in self._far if isinstance(source, DagSource)]
        with ExitStack() as stack:
            sources: list[Source] = []
            for root, names in map(split_path, paths if givers else ()):
                # A raw block has nothing below.
                if isinstance(root, CID) and (names or root.codec != "raw"):
                    asked = (giver.dag(root, names, scope) for giver in givers)
                    sources += map(stack.enter_context, asked)
            yield sources

    @contextmanager
    def asking(
        self, sources: "Sequence[Source]", *, whole: bool = False
    ) -> Iterator[None]:
        """Ask certain sources before all others, on this thread.

        Whoever reads more around it has chosen already.

        Args:
            sources: As `giving` gives them.
            whole: Whether what comes is to last beyond this process.
        """
        reading = self._reading
        before = reading.sources, reading.whole
        reading.sources = reading.sources or sources
        reading.whole = reading.whole or whole
        try:
            yield
        finally:
            reading.sources, reading.whole = before

    def fetch_ahead(self, cids: Iterable[CID]) -> None:
        """Fetch what nobody has asked for yet, and set it aside for whoever will.

        Args:
            cids: Blocks that are neither on the disk nor in the repository.
        """
        wanted = [
            cid
            for cid in dict.fromkeys(cids)
            if cid not in self._flights and not self._keeper.has_in_memory(cid)
        ]
        if wanted and self._far:
            self._fetch(wanted, {}, self._flights.ended, ahead=True)

    @property
    def sends_whole(self) -> bool:
        """Whether a source sends whole DAGs: see `bring`."""
        return any(isinstance(source, StreamingDagSource) for source in self._far)

    def bring(self, root: CID, most_bytes: int) -> None:
        """Have a source send a whole DAG, and keep what comes, on the calling thread.

        Many small blocks come so in a fraction of the time. What is here comes again.

        Args:
            root: The top.
            most_bytes: What the DAG has at most: a source that sends more is left.

        Raises:
            LimitExceededError: It sent more.
            IPFSError: It could not be asked, or broke off. What came is kept.
        """
        givers = (it for it in self._far if isinstance(it, StreamingDagSource))
        giver = next(givers, None)
        came = 0
        for cid, block in () if giver is None else giver.stream_dag(root):
            check_cancelled()
            came += len(block)
            if came > most_bytes:
                raise LimitExceededError(f"{root} has more than {most_bytes} bytes")
            self._keeper.keep_block(cid, block, lasting=True)
            self._keeper.count_fetched([block])

    def are_here(self, cids: Sequence[CID]) -> int:
        """Tell how many of some blocks are on this machine."""
        return len(self._ask(self._near, list(cids), _leave).blocks)

    def _fetch(
        self,
        cids: Sequence[CID],
        found: dict[CID, Block],
        ended: int,
        *,
        ahead: bool = False,
    ) -> list[CID]:
        """Have blocks fetched, here or by who does so; list those to ask for again.

        Args:
            cids: The blocks.
            found: Where to put them.
            ended: How many fetches were over when the blocks were not here.
            ahead: Whether nobody has asked for them yet.
        """
        own, mine, others = self._flights.board(cids)
        landing = None
        try:
            keep: _Keep = partial(self._keeper.keep_block, lasting=self._reading.whole)
            if ahead:
                keep = self._keeper.set_aside
            sources = [*self._reading.sources, *self._far]
            here: Mapping[CID, Block] = {}
            if self._flights.ended != ended:
                # Somebody may have fetched them between the look and the boarding.
                here = self._ask(self._near, mine, _leave).blocks
            came = self._ask(sources, _without(mine, here), keep)
            self._keeper.count_fetched(came.blocks.values())
            landing = Landing({**here, **came.blocks}, came.failure)
        finally:
            # Who was stopped gives no answer to those who wait.
            self._flights.end(own, mine, landing)
        _collect(mine, landing, found)
        again = []
        for cid, flight in others.items():
            theirs = flight.wait()
            if theirs is None:
                again.append(cid)
            else:
                _collect([cid], theirs, found)
                self._keeper.use_aside(cid)
        return again

    def _ask(
        self, sources: "Iterable[Source]", cids: Sequence[CID], keep: _Keep
    ) -> Landing:
        """Ask sources one after the other."""
        found: dict[CID, Block] = {}
        failures: list[Failure] = []
        for source in sources:
            left = _without(cids, found)
            if not left:
                break
            given: dict[CID, Block] = {}
            try:
                wrong = self._ask_one(source, partial(_take, source, left, keep, given))
            except CancelledError:
                raise
            except (IPFSError, OSError) as error:
                failure = Failure(_kind_of(error), source.name, str(error))
            else:
                if not wrong:
                    found |= given
                    continue
                reason = f"it gave bytes that do not have the hash of {wrong}"
                failure = Failure(IntegrityError, source.name, reason)
            # What came before it went wrong is good.
            found |= dict(given)
            failures.append(failure)
        landing = Landing(found, _together(failures))
        if landing.failure is not None and not _without(cids, found):
            _report(landing.failure)
        return landing

    def _ask_one(self, source: "Source", take: Callable[[], CID | None]) -> CID | None:
        if not source.is_remote or isinstance(source, Attended):
            return take()
        # Much may take long; who looks for stalls does better than any clock here.
        seconds = None if isinstance(source, Watched) else self._timeout
        return within(seconds, take, f"ipfs-kit-{source.name}")


class _Reading(threading.local):
    """What the calling thread is reading, and who gives it in one go."""

    sources: "Sequence[Source]" = ()
    whole = False
    fetched = 0


def _take(
    source: "Source", cids: list[CID], keep: _Keep, taken: dict[CID, Block]
) -> CID | None:
    """Take what a source gives, as it comes, and name a block whose bytes are wrong."""
    bad = None
    for given in _pieces(source, cids):
        # Whoever asked may have gone.
        check_cancelled()
        blocks, wrong = _checked(source, given)
        for cid, block in blocks.items():
            keep(cid, block)
            taken[cid] = block
        bad = bad or wrong
    return bad


def _pieces(source: "Source", cids: list[CID]) -> "Iterator[Mapping[CID, Buffer]]":
    # Asking whether it is a `StreamingSource` takes as long as a small block does.
    stream = getattr(source, "stream_blocks", None)
    if stream is None:
        yield source.get_blocks(cids)
        return
    for cid, data in stream(cids):
        yield {cid: data}


def _report(failure: Failure) -> None:
    """Tell of a failure that somebody else made up for: no error will."""
    import logging

    logging.getLogger("ipfs_kit_py").warning("a source failed: %s", failure)


def _leave(cid: CID, block: Block) -> None:
    """Keep nothing: it is where it belongs."""
    del cid, block


def _kind_of(error: Exception) -> type[IPFSError]:
    if isinstance(error, TimeoutError):
        return TimedOutError
    same = (kind for kind in _TOLD if isinstance(error, kind))
    return next(same, _OTHER)


def _checked(
    source: "Source", given: "Mapping[CID, Buffer]"
) -> tuple[dict[CID, Block], CID | None]:
    """Take what a source gave, and name a block whose bytes are wrong."""
    if isinstance(source, VerifyingSource):
        return cast("dict[CID, Block]", given), None
    blocks: dict[CID, Block] = {}
    if isinstance(source, CheckingSource):
        blocks = {cid: data for cid, data in given.items() if isinstance(data, Block)}
    cids = _without(given, blocks)
    checked = verified_blocks(cids, [given[cid] for cid in cids])
    wrong = None
    for cid, block in zip(cids, checked, strict=True):
        if block is not None:
            blocks[cid] = block
        elif wrong is None:
            wrong = cid
    return blocks, wrong


def _together(failures: list[Failure]) -> Failure | None:
    """Make one failure of several: they are of one kind, or it is about reaching them."""
    if len(failures) <= 1:
        return failures[0] if failures else None
    kinds = {failure.kind for failure in failures}
    kind = kinds.pop() if len(kinds) == 1 else _OTHER
    names = ", ".join(failure.sources for failure in failures)
    reasons = dict.fromkeys(failure.reason for failure in failures)
    if len(reasons) == 1:
        return Failure(kind, names, failures[0].reason)
    return Failure(kind, names, "; ".join(map(str, failures)))


def _collect(cids: Iterable[CID], landing: Landing, found: dict[CID, Block]) -> None:
    for cid in cids:
        block = landing.block(cid)
        if block is not None:
            found[cid] = block


def _without(cids: Iterable[CID], found: Mapping[CID, object]) -> list[CID]:
    return [cid for cid in cids if cid not in found]


def _cost(source: "Source") -> float:
    return source.cost
