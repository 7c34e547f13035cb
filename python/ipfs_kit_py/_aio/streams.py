"""Synchronous iterators as asynchronous ones: taken in batches, on a thread."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Generic, TypeVar

from ipfs_kit_py._aio.workers import Workers
from ipfs_kit_py._native import Block

T = TypeVar("T")

# A batch ends at whichever comes first: what waits for the first item is not kept waiting
# for others, and what comes fast is not handed from thread to thread one by one.
_SECONDS = 0.01
_ITEMS = 1024
_BYTES = 4 << 20


async def iterate(
    workers: Workers, start: Callable[[], Iterator[T]]
) -> AsyncGenerator[T, None]:
    """Iterate over what `start` gives; it is called when the first item is asked for.

    Nothing is read ahead but the rest of a batch. Who stops early, or is cancelled, ends
    the synchronous iterator too.
    """
    batches = _Batches(start)
    try:
        while found := await workers.run(batches.take):
            for item in found:
                yield item
    finally:
        if batches.is_open:
            await workers.run(batches.close)


class _Batches(Generic[T]):
    """An iterator in the hands of one thread after the other."""

    def __init__(self, start: Callable[[], Iterator[T]]) -> None:
        self._start: Callable[[], Iterator[T]] | None = start
        self._source: Iterator[T] | None = None
        self._error: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something to be ended."""
        return self._source is not None

    def take(self) -> list[T]:
        """Give some items; none at the end."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        found: list[T] = []
        until, size = time.monotonic() + _SECONDS, 0
        try:
            if self._start is not None:
                start, self._start = self._start, None
                self._source = start()
            for item in self._source or ():
                found.append(item)
                size += len(item) if isinstance(item, bytes | Block) else 0
                if len(found) >= _ITEMS or size >= _BYTES or time.monotonic() > until:
                    return found
            self._source = None
        except Exception as error:
            self._source = None
            if not found:
                raise
            # What was found before is given out before.
            self._error = error
        return found

    def close(self) -> None:
        """End the iterator; returns when its work has stopped."""
        source, self._source = self._source, None
        close = getattr(source, "close", None)
        if close is not None:
            close()
