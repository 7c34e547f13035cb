"""Getting many blocks from several gateways: side by side, the best gateway first.

One thread, the caller's, decides; each request has a thread of its own. A reply that is
late is raced by a request to the next gateway, and whoever comes first with the right
bytes wins. A gateway that fails is asked again after its pause, if that is short.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias

from ipfs_kit_py._gateways.gateway import Answer
from ipfs_kit_py._http.waiting import SLICE_SECONDS
from ipfs_kit_py._native import Block, CancelToken, verified_blocks
from ipfs_kit_py._sources.asking import go_on
from ipfs_kit_py.errors import (
    IntegrityError,
    IPFSError,
    TimedOutError,
    UnreachableError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._gateways.gateway import Gateway
    from ipfs_kit_py._gateways.pool import Pool
    from ipfs_kit_py._native import CID

Outcome: TypeAlias = "Block | IPFSError | None"
"""A block, why it cannot be had, or that nobody has it."""
_Reply: TypeAlias = Answer | IPFSError | None

# What a killed process loses is what is under way: no more than 16 MiB.
_MOST_BYTES: Final = 16 << 20
_MOST_BLOCKS: Final = 16
_LEAST_BLOCKS: Final = 8
_MOST_HEDGES: Final = 4
_MOST_ATTEMPTS: Final = 3
# How long a block waits for gateways that were put back.
_PATIENCE_SECONDS: Final = 2.0


class _Wanted:
    """A block that is wanted, and what became of it so far."""

    def __init__(self, cid: "CID") -> None:
        self.cid = cid
        self.attempts: Counter[Gateway] = Counter()
        self.passed: set[Gateway] = set()
        self.errors: dict[str, IPFSError] = {}
        self.under_way: dict[Gateway | None, _Attempt] = {}
        self.was_routed = False

    def failed(self, who: str, gateway: "Gateway | None", error: IPFSError) -> None:
        self.errors[who] = error
        if gateway is None:
            return
        self.attempts[gateway] += 1
        # One who is only slow is slow again, and wrong bytes do not mend.
        again = isinstance(error, UnreachableError) and error.recoverable
        if not again or self.attempts[gateway] >= _MOST_ATTEMPTS:
            self.passed.add(gateway)

    @property
    def outcome(self) -> IPFSError | None:
        """What to say when nobody is left to ask."""
        if not self.errors:
            return None
        kinds = {_kind(error) for error in self.errors.values()}
        kind = kinds.pop() if len(kinds) == 1 else UnreachableError
        return kind("; ".join(f"{who}: {error}" for who, error in self.errors.items()))


def _kind(error: IPFSError) -> type[IPFSError]:
    for kind in (TimedOutError, IntegrityError):
        if isinstance(error, kind):
            return kind
    return UnreachableError


class _Attempt:
    """A request that is under way: to a gateway, or to the routers if that is `None`."""

    def __init__(self, wanted: _Wanted, gateway: "Gateway | None") -> None:
        self.wanted = wanted
        self.gateway = gateway
        self.token = CancelToken()
        self.started = time.monotonic()

    @property
    def is_late(self) -> bool:
        """Whether it takes longer than was to be expected."""
        if self.gateway is None:
            return False
        late = self.gateway.health.hedge_seconds
        return time.monotonic() - self.started > late


class Fetching:
    """Iterates once over blocks and what became of them, as they come.

    Args:
        pool: Whom to ask.
        cids: The blocks.
    """

    def __init__(self, pool: "Pool", cids: "Iterable[CID]") -> None:
        self._pool = pool
        self._waiting = deque(_Wanted(cid) for cid in cids)
        self._attempts: set[_Attempt] = set()
        self._orders: SimpleQueue[_Attempt | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[_Attempt, _Reply]] = SimpleQueue()
        self._threads = 0
        self._largest = 0

    def __iter__(self) -> Iterator[tuple["CID", Outcome]]:
        """Begin."""
        try:
            while self._waiting or self._attempts:
                yield from self._begin()
                self._hedge()
                yield from self._settle()
        finally:
            for attempt in self._attempts:
                attempt.token.cancel()
            for _ in range(self._threads):
                self._orders.put(None)

    @property
    def _room(self) -> int:
        """How many blocks to ask for at a time."""
        largest = self._largest or _MOST_BYTES
        return max(_LEAST_BLOCKS, min(_MOST_BLOCKS, _MOST_BYTES // largest))

    def _begin(self) -> Iterator[tuple["CID", Outcome]]:
        """Ask for what waits, as far as there is room."""
        for _ in range(len(self._waiting)):
            if len(self._attempts) >= self._room:
                return
            wanted = self._waiting.popleft()
            if self._pick(wanted):
                continue
            if self._is_hopeful(wanted):
                self._waiting.append(wanted)
            elif not wanted.was_routed and self._pool.may_find_more(wanted.cid):
                wanted.was_routed = True
                self._start(_Attempt(wanted, None))
            else:
                self._note_pauses(wanted)
                yield wanted.cid, wanted.outcome

    def _pick(self, wanted: _Wanted) -> bool:
        """Ask the best gateway for a block, if one can be asked now."""
        ready = [at for at in self._open_to(wanted) if not at.health.pause_seconds]
        if not ready:
            return False
        self._start(_Attempt(wanted, min(ready, key=lambda at: at.health.rank)))
        return True

    def _open_to(self, wanted: _Wanted) -> "list[Gateway]":
        out = wanted.passed | wanted.under_way.keys()
        return [at for at in self._pool.gateways if at not in out]

    def _is_hopeful(self, wanted: _Wanted) -> bool:
        """Tell whether somebody can be asked about a block soon."""
        pauses = [at.health.pause_seconds for at in self._open_to(wanted)]
        return any(pause <= _PATIENCE_SECONDS for pause in pauses)

    def _note_pauses(self, wanted: _Wanted) -> None:
        for gateway in self._open_to(wanted):
            pause = gateway.health.pause_seconds
            why = f"it failed before, and rests for {pause:.0f} s{gateway.why_failed}"
            error = UnreachableError(why)
            wanted.errors.setdefault(str(gateway.address), error)

    def _hedge(self) -> None:
        """Ask somebody else for what is late."""
        raced = sum(len(at.wanted.under_way) > 1 for at in self._attempts) // 2
        for attempt in list(self._attempts):
            if raced >= _MOST_HEDGES:
                return
            alone = len(attempt.wanted.under_way) == 1
            if alone and attempt.is_late and self._pick(attempt.wanted):
                raced += 1

    def _start(self, attempt: _Attempt) -> None:
        self._attempts.add(attempt)
        attempt.wanted.under_way[attempt.gateway] = attempt
        if attempt.gateway is not None:
            attempt.gateway.health.begins()
        if self._threads < len(self._attempts):
            self._threads += 1
            # A daemon: one that never ends must not keep the interpreter from ending.
            threading.Thread(
                target=self._work, name="ipfs-kit-gateway", daemon=True
            ).start()
        self._orders.put(attempt)

    def _work(self) -> None:
        while (attempt := self._orders.get()) is not None:
            self._ended.put((attempt, self._ask(attempt)))

    def _ask(self, attempt: _Attempt) -> _Reply:
        try:
            with attempt.token:
                if attempt.gateway is not None:
                    return attempt.gateway.fetch(attempt.wanted.cid)
                self._pool.find_more(attempt.wanted.cid)
                return None
        except IPFSError as error:
            return error
        except OSError as error:
            return UnreachableError(str(error))
        except BaseException as error:  # noqa: BLE001 - a bug: whoever waits must hear of it
            failure = IPFSError(f"{type(error).__name__}: {error}")
            failure.__cause__ = error
            return failure
        finally:
            if attempt.gateway is not None:
                attempt.gateway.health.ends()

    def _settle(self) -> Iterator[tuple["CID", Outcome]]:
        """Wait for a reply, and take all that came."""
        go_on()
        ended = []
        try:
            ended.append(self._ended.get(timeout=SLICE_SECONDS))
            while True:
                ended.append(self._ended.get_nowait())
        except Empty:
            pass
        for attempt, outcome in _verified(ended):
            yield from self._take(attempt, outcome)

    def _take(
        self, attempt: _Attempt, outcome: Outcome
    ) -> Iterator[tuple["CID", Outcome]]:
        wanted, gateway = attempt.wanted, attempt.gateway
        self._attempts.discard(attempt)
        if wanted.under_way.pop(gateway, None) is None:
            # Another was sooner.
            return
        if isinstance(outcome, Block):
            self._largest = max(self._largest, len(outcome))
            for other in wanted.under_way.values():
                other.token.cancel()
                if other.gateway is not None:
                    other.gateway.health.lost(time.monotonic() - other.started)
            wanted.under_way.clear()
            yield wanted.cid, outcome
            return
        if isinstance(outcome, IPFSError):
            who = "routers" if gateway is None else str(gateway.address)
            wanted.failed(who, gateway, outcome)
        elif gateway is not None:
            wanted.passed.add(gateway)
        if not wanted.under_way:
            self._waiting.appendleft(wanted)


def _verified(ended: "list[tuple[_Attempt, _Reply]]") -> list[tuple[_Attempt, Outcome]]:
    """Verify all blocks that came, in one go."""
    came = [(at, reply) for at, reply in ended if isinstance(reply, Answer)]
    cids = [attempt.wanted.cid for attempt, _ in came]
    blocks = verified_blocks(cids, [answer.data for _, answer in came])
    found: dict[_Attempt, Outcome] = {}
    for (attempt, answer), block in zip(came, blocks, strict=True):
        if block is None and attempt.gateway is not None:
            found[attempt] = attempt.gateway.lied(attempt.wanted.cid, answer)
        else:
            found[attempt] = block
    return [
        (at, found[at] if isinstance(reply, Answer) else reply) for at, reply in ended
    ]
