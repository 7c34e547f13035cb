"""Counting what was moved, and moving many things side by side."""

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from ipfs_kit_py._hashing import ProgressCallback
from ipfs_kit_py._native import CancelToken, check_cancelled
from ipfs_kit_py._sources.asking import within

T = TypeVar("T")
R = TypeVar("R")
_WORKERS = 8
_NAME = "ipfs-kit-s3"


class Counter:
    """Adds up bytes and files of several threads, and tells who wants to know.

    Attributes:
        bytes: How many were moved so far.
    """

    def __init__(self, progress: ProgressCallback | None) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self.bytes = 0
        self._files = 0

    def add(self, size: int, files: int = 0) -> None:
        """Note that some bytes were moved; less than none if they have to be again."""
        with self._lock:
            self.bytes += size
            self._files += files
            if self._progress:
                self._progress(self.bytes, self._files)


def stoppable(work: Callable[[], T]) -> T:
    """Do something on another thread, so that the caller can be stopped meanwhile."""
    return within(None, work, _NAME)


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do something with many things, some at a time; the results are in their order.

    Raises:
        BaseException: The first that one of them raised; nothing is begun after it.
    """
    todo = list(items)
    results: dict[int, R] = {}
    errors: list[BaseException] = []
    lock = threading.Lock()
    places = iter(range(len(todo)))
    token = CancelToken()

    def run() -> None:
        with token:
            while not errors:
                with lock:
                    at = next(places, None)
                if at is None:
                    return
                try:
                    check_cancelled()
                    results[at] = work(todo[at])
                except BaseException as error:  # noqa: BLE001 - raised by who waits
                    errors.append(error)

    def all_of_them() -> None:
        count = min(_WORKERS, len(todo))
        # Daemons: one that is stuck must not keep the interpreter from ending.
        threads = [threading.Thread(target=run, name=_NAME, daemon=True) for _ in todo]
        try:
            for thread in threads[:count]:
                thread.start()
            for thread in threads[:count]:
                while thread.is_alive():
                    check_cancelled()
                    thread.join(0.05)
        except BaseException:
            token.cancel()
            raise

    stoppable(all_of_them)
    if errors:
        raise errors[0]
    return [results[at] for at in range(len(todo))]
