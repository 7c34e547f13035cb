"""Pieces that go out by several senders at once.

Kubo takes one request apart on one thread, which does little but hash. Two requests keep
two of its processors busy.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from queue import Empty, Full, Queue
from typing import TypeAlias

from ipfs_kit_py._http.waiting import SLICE_SECONDS, check
from ipfs_kit_py._native import CancelToken

Sender: TypeAlias = Callable[[Iterable[bytes]], None]
"""What takes pieces to their end, on a thread of its own."""
_Pieces: TypeAlias = "Queue[bytes | None]"


class Countdown:
    """What one sender waits for that others do.

    Args:
        left: How often they do it.
    """

    def __init__(self, left: int) -> None:
        self._left = left
        self._changed = threading.Condition()

    def count(self) -> None:
        """Say that it was done once."""
        with self._changed:
            self._left -= 1
            self._changed.notify_all()

    def counted(self) -> Iterator[bytes]:
        """Give no piece, and say that it was done, when all before it was sent."""
        self.count()
        yield from ()

    def awaited(self) -> Iterator[bytes]:
        """Give no piece, as soon as all was done."""
        done = False
        while not done:
            check()
            with self._changed:
                done = self._changed.wait_for(lambda: self._left <= 0, SLICE_SECONDS)
        yield from ()


def send_by(senders: Sequence[Sender], pieces: Iterable[bytes]) -> None:
    """Give each piece to whichever sender is free; wait until all are done.

    Pieces are made on the calling thread. The failure of one sender stops the others.
    """
    waiting: _Pieces = Queue(len(senders))
    token = CancelToken()

    def run(sender: Sender) -> None:
        with token:
            sender(_taken(waiting))

    with ThreadPoolExecutor(len(senders)) as pool:
        running = [pool.submit(run, sender) for sender in senders]
        try:
            for piece in chain(pieces, [None] * len(senders)):
                _put(waiting, piece, running)
            while not all(future.done() for future in running):
                _look(running)
                for future in running:
                    _wait(future)
            _look(running)
        except BaseException:
            # The threads are not inside the tokens of this one.
            token.cancel()
            raise


def _put(waiting: _Pieces, piece: bytes | None, running: list["Future[None]"]) -> None:
    while True:
        _look(running)
        try:
            return waiting.put(piece, timeout=SLICE_SECONDS)
        except Full:
            continue


def _look(running: list["Future[None]"]) -> None:
    """Raise what a sender raised."""
    check()
    for future in running:
        if future.done():
            future.result()


def _wait(future: "Future[None]") -> None:
    try:
        future.exception(timeout=SLICE_SECONDS)
    except TimeoutError:
        return


def _taken(waiting: _Pieces) -> Iterator[bytes]:
    while True:
        check()
        try:
            piece = waiting.get(timeout=SLICE_SECONDS)
        except Empty:
            continue
        if piece is None:
            return
        yield piece
