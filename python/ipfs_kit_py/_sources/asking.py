"""Asking a remote source on a thread of its own, so that nobody waits for ever."""

import threading
import time
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from ipfs_kit_py._native import CancelToken, check_cancelled
from ipfs_kit_py._sources.flights import SLICE_SECONDS
from ipfs_kit_py.errors import CancelledError, TimedOutError

T = TypeVar("T")


class _Call(Generic[T]):
    """A call on another thread, which is left behind when its time is over."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self._work = work
        self._token = CancelToken()
        self._over = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None
        # A daemon: one that never ends must not keep the interpreter from ending.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            with self._token:
                self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            self._error = error
        finally:
            self._over.set()

    def wait(self, seconds: float | None) -> T:
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while not self._over.wait(SLICE_SECONDS):
                go_on()
                if end is not None and time.monotonic() >= end:
                    _stop(seconds)
        except BaseException:
            self._token.cancel()
            raise
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value] # there is one without an error


def go_on() -> None:
    """Go on waiting, unless the calling thread or the interpreter is to stop.

    Raises:
        CancelledError: It is.
    """
    check_cancelled()
    if not threading.main_thread().is_alive():
        raise CancelledError("the interpreter is ending")


def _stop(seconds: float | None) -> NoReturn:
    raise TimedOutError(f"it did not answer within {seconds or 0:g} seconds")


def within(seconds: float | None, work: Callable[[], T], name: str) -> T:
    """Call something that may block, and wait for it.

    Native calls in it are cancelled when the time is over or the caller is stopped.

    Args:
        seconds: How long to wait; `None` for as long as it takes.
        work: What to call, on another thread.
        name: What to call the thread.

    Raises:
        TimedOutError: It took longer.
        CancelledError: The calling thread is to stop.
    """
    return _Call(work, name).wait(seconds)
