"""What a file system was asked to do, how long that took, and what came from afar."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from ipfs_kit_py._forks import remember
from ipfs_kit_py._sources import ChainReader
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._repository.reading import Reading

F = TypeVar("F", bound=Callable[..., Any])
Call: TypeAlias = tuple[str, int, int, bool]
"""Its kind, bytes, nanoseconds, and whether it waited for others than this machine."""

# How many of the last calls of each kind latencies are told of.
_RECENT = 1024
_MOST_RECENT = 1_000_000
# How many calls are summed up at once.
_TOGETHER = 1000
# Before so many reads nothing is said of what they have in common.
_TELLING = 100
# Reads of fewer bytes cost more than what they bring.
_SMALL_BYTES = 4096
_READS = ("cat_file", "cat_ranges", "read")


class OperationMetrics:
    """What one kind of call did."""

    def __init__(self, recent: int) -> None:
        self.count = 0
        self.errors = 0
        self.bytes = 0
        self.nanoseconds = 0
        self.remote = 0
        self._recent: deque[int] = deque(maxlen=recent)

    def add(self, size: int, nanoseconds: int, *, is_remote: bool) -> None:
        """Count a call that was answered."""
        self.count += 1
        self.bytes += size
        self.nanoseconds += nanoseconds
        self.remote += is_remote
        self._recent.append(nanoseconds)

    def show(self) -> dict[str, Any]:
        """Give the numbers."""
        last = sorted(self._recent)
        return {
            "count": self.count,
            "errors": self.errors,
            "bytes": self.bytes,
            "seconds": self.nanoseconds / 1e9,
            "remote": self.remote,
            "p50_ms": _percentile(last, 50),
            "p95_ms": _percentile(last, 95),
        }


class Meter:
    """Counts the calls of a file system, from any thread.

    Args:
        config: `recent`: how many of the last calls of each kind `p50_ms` and `p95_ms`
            are of.

    Raises:
        InvalidParameterError: The configuration says something else.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        recent = config.get("recent", _RECENT)
        unknown = sorted(set(config) - {"recent"})
        if unknown:
            raise InvalidParameterError(f"metrics_config: {unknown[0]!r} is not recent")
        is_number = isinstance(recent, int) and not isinstance(recent, bool)
        if not is_number or not 1 <= recent <= _MOST_RECENT:
            raise InvalidParameterError(
                f"metrics_config: recent is a number from 1 to {_MOST_RECENT:,}"
            )
        self._length = recent
        self._kinds: dict[str, OperationMetrics] = {}
        # To append is one step for whatever thread; sums are made of many at once.
        self.pending: deque[Call] = deque()
        self.note = self.pending.append
        self.is_watching = False
        self.fetched: Callable[[], int] | None = None
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Make a new lock."""
        self._lock = threading.Lock()

    def watch(self, reader: "Reading") -> None:
        """Look at what a reader has fetched from beyond this machine, if it does that."""
        if isinstance(reader, ChainReader) and reader.is_remote:
            self.fetched = lambda: reader.fetched
        self.is_watching = True

    def failed(self, kind: str) -> None:
        """Count a call that ended with an error."""
        with self._lock:
            self._of(kind).errors += 1

    def settle(self) -> None:
        """Sum up what was noted."""
        with self._lock, suppress(IndexError):
            while True:
                kind, size, nanoseconds, is_remote = self.pending.popleft()
                self._of(kind).add(size, nanoseconds, is_remote=is_remote)

    def _of(self, kind: str) -> OperationMetrics:
        found = self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = OperationMetrics(self._length)
        return found

    def show(self) -> dict[str, dict[str, Any]]:
        """Give the numbers of each kind of call."""
        self.settle()
        with self._lock:
            return {kind: found.show() for kind, found in sorted(self._kinds.items())}


def measured(kind: str, size_of: Callable[[Any], int] = lambda _: 0) -> Callable[[F], F]:
    """Count the calls of a method of what has a `meter` and a `reader`.

    Without a meter nothing is counted.

    Args:
        kind: What they are counted as.
        size_of: Says of what was returned how many bytes were read.
    """

    def decorate(method: F) -> F:
        @wraps(method)
        def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
            meter: Meter | None = self.meter
            if meter is None:
                return method(self, *args, **kwargs)
            try:
                if not meter.is_watching:
                    meter.watch(self.reader)
                fetched = meter.fetched
                before = fetched() if fetched else 0
                start = perf_counter_ns()
                found = method(self, *args, **kwargs)
            except BaseException:
                meter.failed(kind)
                raise
            spent = perf_counter_ns() - start
            is_remote = fetched is not None and fetched() != before
            meter.note((kind, size_of(found), spent, is_remote))
            if len(meter.pending) > _TOGETHER:
                meter.settle()
            return found

        return cast("F", counted)

    return decorate


def length_of_all(found: list[Any]) -> int:
    """Sum up the lengths of what was read, errors among it left out."""
    try:
        return sum(map(len, found))
    except TypeError:
        return sum(len(data) for data in found if isinstance(data, bytes))


def performance(
    operations: Mapping[str, Mapping[str, Any]], cache: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Sum up what was read and how fast."""
    reads = [operations[kind] for kind in _READS if kind in operations]
    count = sum(read["count"] for read in reads)
    size = sum(read["bytes"] for read in reads)
    seconds = sum(read["seconds"] for read in reads)
    remote = sum(read["remote"] for read in reads)
    return {
        "reads": count,
        "bytes_read": size,
        "read_seconds": seconds,
        "bytes_per_second": size / seconds if seconds else 0.0,
        "mean_read_bytes": size / count if count else 0.0,
        "errors": sum(found["errors"] for found in operations.values()),
        "latency_ms": {
            kind: {"p50": found["p50_ms"], "p95": found["p95_ms"]}
            for kind, found in operations.items()
        },
        "answered": {"here": count - remote, "remote": remote},
        "tiers": None if cache is None else _tiers(cache),
    }


def _tiers(cache: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "memory": {name: cache["memory"][name] for name in ("hits", "misses")},
        "disk": {name: cache["disk"][name] for name in ("hits", "misses", "lost")},
        "fetched": cache["fetched"],
    }


def analysis(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Say what takes the time, and what might be done about it."""
    latencies = summary["latency_ms"]
    slowest = max(latencies, key=lambda kind: latencies[kind]["p95"], default=None)
    reads, tiers = summary["reads"], summary["tiers"]
    advice = []
    if reads >= _TELLING:
        if summary["mean_read_bytes"] < _SMALL_BYTES:
            advice.append("reads are small: cat_ranges makes many of them one call")
        if summary["answered"]["remote"] * 2 > reads:
            advice.append("most reads waited for others: pin what is read often")
    if tiers is not None and tiers["disk"]["lost"] * 2 > tiers["fetched"]["blocks"] > 0:
        advice.append("the disk cache loses what was fetched: raise disk_cache_size")
    share = summary["answered"]["remote"] / reads if reads else 0.0
    return {"slowest": slowest, "remote_share": share, "advice": advice}


def _percentile(ordered: list[int], percent: int) -> float:
    """Give the least that so many percent do not exceed, in milliseconds."""
    if not ordered:
        return 0.0
    return ordered[(len(ordered) * percent + 99) // 100 - 1] / 1e6
