"""Waiting in a way that cancel tokens and Ctrl-C end."""

import threading
import time
from collections.abc import Callable
from typing import Self

from ipfs_kit_py import _native

SLICE_SECONDS = 0.05
"""How often one who waits looks at its cancel tokens."""

check = _native.check_cancelled
"""Raises `CancelledError` if the calling thread is inside a token that was cancelled."""


def sleep(seconds: float) -> None:
    """Sleep, unless cancelled."""
    end = time.monotonic() + seconds
    check()
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SLICE_SECONDS))
        check()


class Patience(float):
    """Seconds without a byte, after which the other side is asked whether it lives.

    It is a float because the HTTP library hands it through as a time limit.
    """

    is_alive: Callable[[], bool]

    def __new__(cls, seconds: float, is_alive: Callable[[], bool]) -> Self:
        """Make it."""
        made = super().__new__(cls, seconds)
        made.is_alive = is_alive
        return made


def enter(gate: threading.Semaphore) -> None:
    """Acquire a semaphore, unless cancelled."""
    while not gate.acquire(timeout=SLICE_SECONDS):
        check()
