"""Receiving on a thread, while what came before is verified and written."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from ipfs_kit_py._http.waiting import SLICE_SECONDS, check, enter
from ipfs_kit_py._native import CancelToken
from ipfs_kit_py.errors import CancelledError, UnreachableError

# How long one that is all but done may take to give its connection back.
_GRACE_SECONDS: Final = 0.05
T = TypeVar("T")


class _Reader(Generic[T]):
    """The thread."""

    def __init__(self, begin: Callable[[], Generator[T, None, None]]) -> None:
        self._begin = begin
        self._token = CancelToken()
        self._ready = SimpleQueue[T | BaseException | None]()
        # The one that is made, and the one that is looked at.
        self._places = threading.Semaphore(2)
        # A daemon: one that hangs must not keep the interpreter from ending.
        self._thread = threading.Thread(
            target=self._run, name="ipfs-kit-receiving", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        with suppress(CancelledError), self._token:
            try:
                with closing(self._begin()) as items:
                    self._pass_on(items)
            except CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - who waits must hear of it
                self._ready.put(error)
            else:
                self._ready.put(None)

    def _pass_on(self, items: Iterator[T]) -> None:
        while True:
            enter(self._places)
            try:
                item = next(items)
            except StopIteration:
                return
            self._ready.put(item)

    def take(self) -> T | BaseException | None:
        while True:
            check()
            with suppress(Empty):
                return self._ready.get(timeout=SLICE_SECONDS)
            if not self._thread.is_alive() and self._ready.empty():
                # In a process that was forked.
                return UnreachableError("nobody receives any more")

    def make_room(self) -> None:
        self._places.release()

    def stop(self) -> None:
        self._thread.join(_GRACE_SECONDS)
        self._token.cancel()
        self._thread.join()


def received_apart(
    begin: Callable[[], Generator[T, None, None]],
) -> Generator[T, None, None]:
    """Iterate over what a thread makes: the next one while this one is looked at.

    Args:
        begin: Gives the items; called on the thread, where they are closed too.
    """
    reader = _Reader(begin)
    try:
        while (item := reader.take()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            del item
            reader.make_room()
    finally:
        reader.stop()
