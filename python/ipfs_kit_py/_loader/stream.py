"""Batches of one pass, asked for ahead of who takes them."""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from ipfs_kit_py._loader.damage import damaged, is_damage
from ipfs_kit_py._loader.epoch import whole_number
from ipfs_kit_py._loader.source import Ahead, Packed, Part, Source, Trouble
from ipfs_kit_py._native import Block
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._loader.finishing import Finish
    from ipfs_kit_py._loader.metrics import Metrics

OnError: TypeAlias = Literal["raise", "skip", "retry"]
ON_ERROR = ("raise", "skip", "retry")
ANOTHER_BEGUN = (
    "another pass of this loader has begun, or it was closed: a loader gives one pass "
    "at a time"
)
# Batches asked for at once: what they hold is bounded by bytes, not by this.
_ASKED = 64
_FIRST_WAIT_SECONDS = 0.1
# More than any machine has a use for.
_MOST_THREADS = 1024
# Bytes and batches that are read ahead, and samples that tell how large batches are.
_LEAST_AHEAD = 4 << 20
_SOME_AHEAD = 16 << 20
_MOST_AHEAD = 64 << 20
_BATCHES_AHEAD = 4
_LOOKED_AT = 1000
_BYTES = (Block, bytes, memoryview)


class Reading(NamedTuple):
    """How to read, and what to do with what cannot be read."""

    ahead_bytes: int | None
    """Bytes to read ahead; what suits the source, if not said."""
    threads: int
    prefetch: int
    """Batches that are made ahead of who takes them."""
    workers: int
    """Threads that make them; none of its own where 0."""
    on_error: OnError = "raise"
    retries: int = 3
    coming: Event | None = None
    """See `Ahead`."""

    def checked(self) -> "Reading":
        """Refuse what cannot be, and take numbers of numpy as plain ones."""
        if self.on_error not in ON_ERROR:
            raise InvalidParameterError(
                f"on_error {self.on_error!r} is none of {', '.join(ON_ERROR)}"
            )
        ahead = self.ahead_bytes
        return self._replace(
            ahead_bytes=None if ahead is None else whole_number("ahead_bytes", ahead, 1),
            threads=whole_number("threads", self.threads, 1, _MOST_THREADS),
            prefetch=whole_number("prefetch", self.prefetch, 0),
            workers=whole_number("decode_threads", self.workers, 0, _MOST_THREADS),
            retries=whole_number("retries", self.retries, 0),
        )


class Made(NamedTuple):
    """A batch, and what was read for it."""

    batch: Any
    samples: int
    bytes: int


def usual_ahead(source: Source, batch_size: int) -> int:
    """Say how many bytes to read ahead where nobody did.

    What comes over a network comes late at times. What is here is to be in the cache of
    the processor still when it is taken: with 64 MiB ahead, epochs of small samples took
    twice as long as with 4.
    """
    if getattr(getattr(source, "reader", None), "is_remote", False):
        return _MOST_AHEAD
    sizes = source.sizes
    if not sizes:
        return _SOME_AHEAD
    some = sizes[:_LOOKED_AT]
    batch = sum(some) // len(some) * batch_size
    return min(max(batch * _BATCHES_AHEAD, _LEAST_AHEAD), _MOST_AHEAD)


class Stream:
    """The batches of one pass. It belongs to the process and thread that began it."""

    def __init__(
        self,
        source: Source,
        wanted: "Iterator[memoryview[int]]",
        finish: "Finish",
        reading: Reading,
        metrics: "Metrics",
        batch_size: int = 1,
    ) -> None:
        """Begin to read.

        Args:
            source: The samples.
            wanted: Those of each batch.
            finish: What becomes of them.
            reading: How they are read.
            metrics: Where to count.
            batch_size: How many samples a batch has.
        """
        self._source, self._wanted, self._finish = source, wanted, finish
        self._how, self._metrics = reading, metrics
        most = reading.ahead_bytes or usual_ahead(source, batch_size)
        ahead = Ahead(most, reading.threads, finish.is_packed(source), reading.coming)
        self._reading = source.reading(ahead)
        self._asked: deque[memoryview[int]] = deque()
        self._made: deque[Future[Made]] = deque()
        pool = (
            ThreadPoolExecutor(reading.workers, "ipfs-kit-batches")
            if reading.workers
            else None
        )
        self._pool = pool
        self._is_over = False

    def __iter__(self) -> Iterator[Made]:
        """Iterate over the batches; of some there may be no sample left."""
        try:
            while True:
                if self._is_over:
                    raise InvalidParameterError(ANOTHER_BEGUN)
                begin = time.perf_counter()
                self._ask()
                if self._pool is not None:
                    self._make_ahead(self._pool)
                    if not self._made:
                        return
                    found = self._made.popleft().result()
                elif self._asked:
                    found = self._make(*self._take())
                else:
                    return
                self._metrics.count(*found[1:], time.perf_counter() - begin)
                yield found
        finally:
            self.close()

    def _ask(self) -> None:
        while len(self._asked) < _ASKED:
            samples = next(self._wanted, None)
            if samples is None:
                return
            self._asked.append(samples)
            self._reading.ask(samples)

    def _take(self) -> "tuple[memoryview[int], Part]":
        samples = self._asked.popleft()
        return samples, self._reading.take()

    def _make_ahead(self, pool: ThreadPoolExecutor) -> None:
        while self._asked and len(self._made) < max(self._how.prefetch, 1):
            self._made.append(pool.submit(self._make, *self._take()))
            self._ask()

    def _make(self, samples: "memoryview[int]", part: Part) -> Made:
        if part.trouble:
            part = self._settled(samples, part)
        size = _bytes_of(part)
        try:
            batch = self._finish.batch(self._source, samples, part)
        except Exception as error:
            if self._how.on_error != "skip" or not is_damage(error):
                raise
            make = partial(self._finish.of_one(self._source).batch, self._source)
            found = damaged(make, samples, part)
            if not found:
                # It is about the batch: its samples do not go together.
                raise
            self._leave_out(samples, found)
            part = Part(part.values, [*part.trouble, *found])
            batch = self._finish.batch(self._source, samples, part)
        return Made(batch, len(samples) - len(part.trouble), size)

    def _settled(self, samples: "memoryview[int]", part: Part) -> Part:
        """Try again, leave out, or raise."""
        for _, error in part.trouble:
            # A Ctrl-C is nobody's trouble.
            if not isinstance(error, Exception):
                raise error
        # To read again bytes that are verified would bring the same.
        is_final = all(isinstance(error, MalformedDataError) for _, error in part.trouble)
        if self._how.on_error == "retry" and not is_final:
            part = self._again(samples, part)
        if not part.trouble:
            return part
        if self._how.on_error == "skip":
            self._leave_out(samples, part.trouble)
            return part
        at, error = part.trouble[0]
        error.add_note(
            f"it is about {self._source.name(samples[at])} of {self._source.cid}; "
            'on_error="skip" leaves such samples out'
        )
        raise error

    def _leave_out(self, samples: "memoryview[int]", trouble: Trouble) -> None:
        for at, error in trouble:
            self._metrics.skip(self._source.name(samples[at]), error)

    def _again(self, samples: "memoryview[int]", part: Part) -> Part:
        """Read a batch again, from wherever else its blocks may be had."""
        wait = _FIRST_WAIT_SECONDS
        for _ in range(self._how.retries):
            time.sleep(wait)
            wait *= 2
            reading = self._source.reading(Ahead(1, 0))
            try:
                reading.ask(samples)
                part = reading.take()
            finally:
                reading.close()
            self._metrics.retries += 1
            if not part.trouble:
                break
        return part

    def close(self) -> None:
        """Stop reading."""
        self._is_over = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._reading.close()
        self._metrics.tell_skipped()


def _bytes_of(part: Part) -> int:
    values: Any = part.values
    if isinstance(values, Packed):
        return values.ends[-1] if values.ends else 0
    if hasattr(values, "nbytes"):
        return int(values.nbytes)
    return sum(len(value) for value in values if isinstance(value, _BYTES))
