"""One fetch a CID at a time: whoever comes later waits for the first one's."""

import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ipfs_kit_py._forks import remember
from ipfs_kit_py._native import CID, Block, check_cancelled
from ipfs_kit_py.errors import IPFSError

# How often who waits looks whether to stop; Python looks at signals then too.
SLICE_SECONDS = 0.05


class Failure(NamedTuple):
    """Why those who might have a block did not give it."""

    kind: type[IPFSError]
    sources: str
    reason: str

    def __str__(self) -> str:
        """Say who failed, and why."""
        return f"{self.sources}: {self.reason}"

    def error_for(self, cid: CID) -> IPFSError:
        """Make the exception for one block: a new one for each who waits."""
        if self.reason.startswith(f"block {cid} "):
            return self.kind(self.reason)
        return self.kind(f"block {cid} is in no place that could be asked: {self}")


class Landing(NamedTuple):
    """What came of a fetch."""

    blocks: Mapping[CID, Block]
    failure: Failure | None = None

    def block(self, cid: CID) -> Block | None:
        """Give what was fetched for one CID; `None` if nobody has it.

        Raises:
            IPFSError: Those who might have it could not be asked.
        """
        found = self.blocks.get(cid)
        if found is None and self.failure is not None:
            raise self.failure.error_for(cid)
        return found


class Flight:
    """A fetch that is under way, for some CIDs."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._landing: Landing | None = None

    def end(self, landing: Landing | None) -> None:
        """Say what came of it; `None` if who fetched was stopped."""
        self._landing = landing
        self._over.set()

    def wait(self) -> Landing | None:
        """Wait until it is over; `None` says that those who wait must fetch themselves.

        Raises:
            CancelledError: The calling thread is to stop; the flight goes on.
        """
        while not self._over.wait(SLICE_SECONDS):
            # Who fetches looks whether the interpreter is ending.
            check_cancelled()
        return self._landing


class Flights:
    """All fetches that are under way in this process."""

    def __init__(self) -> None:
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Forget the flights of threads that are not here."""
        self._lock = threading.Lock()
        self._flights: dict[CID, Flight] = {}
        self.ended = 0
        """How many are over: what was nowhere before may be here since."""

    def board(self, cids: Iterable[CID]) -> tuple[Flight, list[CID], dict[CID, Flight]]:
        """Find who fetches what.

        Returns:
            A flight of the caller's own and the CIDs that it is for, which must be given
            to `end`; and the flights of the other CIDs.
        """
        own, mine, others = Flight(), [], {}
        with self._lock:
            for cid in cids:
                flight = self._flights.setdefault(cid, own)
                if flight is own:
                    mine.append(cid)
                else:
                    others[cid] = flight
        return own, mine, others

    def end(self, own: Flight, mine: Iterable[CID], landing: Landing | None) -> None:
        """End the caller's own flight, and give the landing to all who wait for it."""
        with self._lock:
            for cid in mine:
                self._flights.pop(cid, None)
            self.ended += 1
        own.end(landing)

    def __contains__(self, cid: CID) -> bool:
        """Tell whether a block is being fetched."""
        return cid in self._flights
