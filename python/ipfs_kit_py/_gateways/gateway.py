"""One gateway: blocks by the trustless gateway specification."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from ipfs_kit_py._gateways.health import Health
from ipfs_kit_py._http.waiting import enter
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import (
    IntegrityError,
    IPFSError,
    LimitExceededError,
    MalformedDataError,
    TimedOutError,
    UnreachableError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._gateways.address import Address
    from ipfs_kit_py._gateways.client import Client, Reply
    from ipfs_kit_py._http.body import Body

RAW: Final = "application/vnd.ipld.raw"
# The largest that others exchange, and what a node adds around a chunk of that size.
MOST_BYTES: Final = (2 << 20) + (64 << 10)
MOST_REQUESTS: Final = 20
"""Requests to one gateway at a time."""

_GOOD: Final = 200
_NOT_HERE: Final = (404, 410, 412, 451)
_LATER: Final = (429, 503)
_PART: Final = 206
_CAR: Final = "application/vnd.ipld.car"
_NO_CARS: Final = (400, 406, 415, 501)
_MOST_LATER_SECONDS: Final = 300.0


class Answer(NamedTuple):
    """What a gateway gave for a block, whatever it is."""

    data: bytes
    content_type: str


class Gateway:
    """A gateway, and how well it does.

    Args:
        address: Where it is.
        client: The connections to use.
        public_only: Whether it must not be in a private network: for those that a
            stranger named.
    """

    def __init__(
        self, address: "Address", client: "Client", *, public_only: bool = False
    ) -> None:
        self.address = address
        self.health = Health()
        # Until it says otherwise.
        self.gives_cars = True
        self.gives_files = True
        self.why_failed = ""
        self._client = client
        self._public_only = public_only
        self.after_fork()

    def after_fork(self) -> None:
        """Forget the requests of threads that are not here."""
        self.health.after_fork()
        self._gate = threading.BoundedSemaphore(MOST_REQUESTS)

    def fetch(self, cid: CID) -> Answer | None:
        """Get a block, not verified yet; `None` if it has it not.

        Raises:
            LimitExceededError: It gave more bytes than a block has.
            TimedOutError: It was too slow.
            UnreachableError: Anything else that kept it from answering.
        """
        enter(self._gate)
        started = time.monotonic()
        try:
            answer = self._fetch(cid)
        except LimitExceededError:
            self.health.misbehaved()
            raise
        except (UnreachableError, TimedOutError) as error:
            self.health.failed(started, getattr(error, "later_seconds", None))
            self.why_failed = f": {error}"
            raise
        finally:
            self._gate.release()
        self.health.answered(time.monotonic() - started, has=answer is not None)
        return answer

    def _fetch(self, cid: CID) -> Answer | None:
        path = f"/ipfs/{cid}?format=raw"
        public_only = self._public_only
        with self._client.get(self.address, path, RAW, public_only=public_only) as reply:
            if reply.status in _NOT_HERE:
                return None
            if reply.status != _GOOD:
                raise refused(reply)
            return Answer(reply.read(MOST_BYTES), reply.content_type)

    def stream(
        self, path: str, accept: str, content_type: str
    ) -> Iterator[tuple[CID, bytes]]:
        """Get the blocks of a CAR, none of them verified, as they come.

        Raises:
            MalformedDataError: It gave no CAR.
            IPFSError: As `fetch` does.
        """
        from ipfs_kit_py._gateways.car import car_blocks

        enter(self._gate)
        started = time.monotonic()
        public_only = self._public_only
        asked = self._client.get(self.address, path, accept, public_only=public_only)
        try:
            with asked as reply:
                if reply.status != _GOOD:
                    self.gives_cars = reply.status not in _NO_CARS
                    raise refused(reply)
                if reply.content_type != content_type:
                    self.gives_cars = False
                    raise MalformedDataError(f"it gave {reply.content_type!r}, no CAR")
                yield from car_blocks(reply.pieces)
        except LimitExceededError:
            self.health.misbehaved()
            raise
        except TimedOutError:
            self.health.failed(started)
            raise
        finally:
            self._gate.release()

    @contextmanager
    def file(self, cid: CID, start: int, stop: int) -> "Iterator[Body]":
        """Ask for bytes of a file, or of a part of one, whatever they are.

        Raises:
            IPFSError: As `fetch` does; also where what it gives is read.
        """
        enter(self._gate)
        started = time.monotonic()
        try:
            with self._client.get(
                self.address,
                f"/ipfs/{cid}",
                "*/*",
                span=(start, stop),
                public_only=self._public_only,
            ) as reply:
                # One that gives blocks alone would give the first one.
                said = reply.headers.get("content-range", "")
                is_it = reply.status == _PART and said.startswith(f"bytes {start}-")
                if not is_it or reply.content_type in (RAW, _CAR):
                    self.gives_files = False
                    raise refused(reply)
                yield reply.body
        except TimedOutError:
            self.health.failed(started)
            raise
        finally:
            self._gate.release()

    def lied(self, cid: CID, answer: Answer) -> IntegrityError:
        """Put it back for wrong bytes, and say what they were."""
        self.health.misbehaved()
        kind = "" if answer.content_type == RAW else f" of type {answer.content_type!r}"
        return IntegrityError(f"it gave bytes{kind} that do not have the hash of {cid}")

    def __repr__(self) -> str:
        """Show where it is."""
        return f"<gateway {self.address}>"


def refused(reply: "Reply") -> IPFSError:
    """Make an exception of a status that is not good."""
    error = UnreachableError(f"it answers with status {reply.status}")
    if reply.status in _LATER:
        error.later_seconds = _later(reply.headers.get("retry-after", ""))  # type: ignore[attr-defined]
    # A gateway may be without the block and say so in many ways.
    error.recoverable = reply.status >= 500 or reply.status in _LATER
    return error


def _later(text: str) -> float | None:
    """Give how many seconds `Retry-After` asks for."""
    try:
        if text.strip().isdecimal():
            seconds = float(text)
        else:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _MOST_LATER_SECONDS)
