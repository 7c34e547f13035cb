"""How well a gateway does: how soon it answers, how often it has what is asked for."""

import threading
import time
from typing import Final

# How much the newest answer counts.
_WEIGHT: Final = 0.2
_FIRST_PAUSE_SECONDS: Final = 0.25
_MOST_PAUSE_SECONDS: Final = 60.0
# For one that gives wrong bytes, or anything but blocks.
_FAULT_PAUSE_SECONDS: Final = 60.0
_MOST_FAULT_PAUSE_SECONDS: Final = 3600.0
_LEAST_HEDGE_SECONDS: Final = 0.25
_HEDGE_FACTOR: Final = 4.0
_FIRST_HEDGE_SECONDS: Final = 1.0


class Health:
    """Measured latency and failure of one gateway; threads may share it."""

    def __init__(self) -> None:
        self.after_fork()
        self._seconds: float | None = None
        self._has = 1.0
        self._failures = 0
        self._faults = 0
        self._paused_until = 0.0
        self._paused_since = 0.0

    def after_fork(self) -> None:
        """Make a lock that nobody holds, and forget who was asking."""
        self._lock = threading.Lock()
        self._asking = 0

    def begins(self) -> None:
        """Note that it is being asked."""
        with self._lock:
            self._asking += 1

    def ends(self) -> None:
        """Note that it was."""
        with self._lock:
            self._asking -= 1

    def answered(self, seconds: float, *, has: bool) -> None:
        """Note an answer: the block, or that it has it not."""
        with self._lock:
            self._failures = 0
            if has:
                self._faults = 0
            self._measured(seconds)
            self._has += _WEIGHT * (has - self._has)

    def lost(self, seconds: float) -> None:
        """Note that another was sooner, after so long."""
        with self._lock:
            if seconds > (self._seconds or 0.0):
                self._measured(seconds)

    def _measured(self, seconds: float) -> None:
        old = seconds if self._seconds is None else self._seconds
        self._seconds = old + _WEIGHT * (seconds - old)

    def failed(self, started: float, seconds: float | None = None) -> None:
        """Put it back for a while, longer with each failure in a row.

        Args:
            started: When the request began: of many that fail at once, one counts.
            seconds: How long, if it said so itself.
        """
        with self._lock:
            if started < self._paused_since:
                return
            pause = _FIRST_PAUSE_SECONDS * 2.0**self._failures
            self._failures = min(self._failures + 1, 20)
            self._pause(max(min(pause, _MOST_PAUSE_SECONDS), seconds or 0.0))

    def misbehaved(self) -> None:
        """Put one back for long that gave wrong bytes."""
        with self._lock:
            pause = _FAULT_PAUSE_SECONDS * 2.0**self._faults
            self._faults = min(self._faults + 1, 20)
            self._pause(min(pause, _MOST_FAULT_PAUSE_SECONDS))

    def _pause(self, seconds: float) -> None:
        self._paused_since = time.monotonic()
        self._paused_until = max(self._paused_until, self._paused_since + seconds)

    @property
    def pause_seconds(self) -> float:
        """How long it will not be asked."""
        return max(0.0, self._paused_until - time.monotonic())

    @property
    def rank(self) -> float:
        """How long a block from it takes, failures counted in; the least is best.

        One that nobody knows yet is asked once, before all others.
        """
        if self._seconds is None:
            return 0.0 if not self._asking else 10.0
        return self._seconds / max(self._has, 0.05)

    @property
    def hedge_seconds(self) -> float:
        """After how long without a reply another is asked as well."""
        if self._seconds is None:
            return _FIRST_HEDGE_SECONDS
        return max(_LEAST_HEDGE_SECONDS, _HEDGE_FACTOR * self._seconds)
