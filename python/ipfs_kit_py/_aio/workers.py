"""Threads of our own that do the waiting, and what becomes of a cancelled call."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import NamedTuple, ParamSpec, TypeVar

from ipfs_kit_py._native import CancelToken

P = ParamSpec("P")
T = TypeVar("T")

# Calls that may wait at once; those beyond wait for a thread.
_MOST_THREADS = min(32, (os.cpu_count() or 1) + 4)
_NAME = "ipfs-kit-aio"


class _Crew(NamedTuple):
    """The threads of one process, and a lock that only they take."""

    pool: ThreadPoolExecutor
    lock: threading.Lock


class Workers:
    """Runs blocking calls for tasks of any event loop.

    There is no thread before the first call, and one more only when none is free. A
    forked process has none of its parent's threads, and makes its own.

    Args:
        name: What the threads' names begin with.
    """

    def __init__(self, name: str = _NAME) -> None:
        self._name = name
        self._crews: dict[int, _Crew] = {}
        self._closed = False

    @property
    def lock(self) -> threading.Lock:
        """Held for what must be done once. Of this process: no fork leaves it locked."""
        return self._crew().lock

    @property
    def is_idle(self) -> bool:
        """Whether nothing was ever run in this process, or all of it is over."""
        return os.getpid() not in self._crews

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something that blocks, on a thread.

        If the task is cancelled, so is the work, and this goes on waiting until it has
        stopped. Who cancels twice does not wait.
        """
        token = CancelToken()
        call = partial(copy_context().run, _inside, token, partial(work, *args, **kwargs))
        return await _finished(self._submit(call), token)

    async def close(self) -> None:
        """Wait for what is running, and end the threads.

        Calls that come later, for a file that is still open, have a thread each.
        """
        self._closed = True
        await self.rest()

    async def rest(self) -> None:
        """Wait for what is running, and end the threads until there is more to do."""
        crew = self._crews.pop(os.getpid(), None)
        if crew is None:
            return
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def end() -> None:
            crew.pool.shutdown(wait=True)
            # Nobody asks any more if the loop was closed meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.cancel)

        closer = threading.Thread(target=end, name=f"{self._name}-closing")
        closer.start()
        await asyncio.wait((ended,))
        closer.join()

    def _crew(self) -> _Crew:
        process = os.getpid()
        crew = self._crews.get(process)
        if crew is None:
            pool = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix=self._name)
            # Of two threads that come here at once, both get the same.
            crew = self._crews.setdefault(process, _Crew(pool, threading.Lock()))
        return crew

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        if not self._closed:
            return self._crew().pool.submit(call)
        last = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        job = last.submit(call)
        last.shutdown(wait=False)
        return job


def _inside(token: CancelToken, work: Callable[[], T]) -> T:
    with token:
        return work()


async def _finished(job: Future[T], token: CancelToken) -> T:
    waiter = asyncio.wrap_future(job)
    try:
        # Unlike awaiting it, this leaves the future alone when the task is cancelled.
        await asyncio.wait((waiter,))
    except asyncio.CancelledError:
        token.cancel()
        try:
            if not job.cancel():
                await asyncio.wait((waiter,))
        finally:
            _forget(waiter)
        raise
    except BaseException:
        # The loop has gone, and with it all who waited.
        token.cancel()
        job.cancel()
        _forget(waiter)
        raise
    return waiter.result()


def _forget(waiter: "asyncio.Future[T]") -> None:
    """Ask for the outcome of a cancelled call, so that nobody complains that none did."""
    if not waiter.done():
        with suppress(RuntimeError):
            waiter.cancel()
    elif not waiter.cancelled():
        waiter.exception()
