"""What a loader has done."""

import logging
import threading
import time
from typing import Any

# Names of samples that were left out, kept for who asks.
_MOST_NAMED = 100


class Metrics:
    """Counts of a loader, in this process."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._lock = threading.Lock()
        self.retries = 0
        self._batches = self._samples = self._bytes = self._skipped = 0
        self._untold = 0
        self._waited = 0.0
        self._begin = time.perf_counter()
        self._named: list[tuple[str, str]] = []

    def __reduce__(self) -> tuple[type["Metrics"], tuple[()]]:
        """Let another process count by itself."""
        return Metrics, ()

    def count(self, samples: int, size: int, waited_seconds: float) -> None:
        """Count a batch."""
        self._batches += 1
        self._samples += samples
        self._bytes += size
        self._waited += waited_seconds

    def skip(self, name: str, error: Exception) -> None:
        """Count a sample that was left out; the first of a pass is told at once."""
        with self._lock:
            self._skipped += 1
            self._untold += 1
            is_first = self._untold == 1
            if len(self._named) < _MOST_NAMED:
                self._named.append((name, str(error)))
        if is_first:
            logging.getLogger("ipfs_kit_py").warning("left out %s: %s", name, error)

    def tell_skipped(self) -> None:
        """Log how many more were left out in the pass that ends here."""
        with self._lock:
            more, self._untold = self._untold - 1, 0
        if more > 0:
            logging.getLogger("ipfs_kit_py").warning(
                "left out %d more samples: get_performance_metrics() names the first",
                more,
            )

    def show(self) -> dict[str, Any]:
        """Give the numbers.

        Returns:
            `batches`, `samples`, `bytes`, `skipped` (samples left out),
            `skipped_samples` (names and reasons of the first hundred), `retries`,
            `seconds` since the loader was made, `wait_seconds` (of who iterates),
            `samples_per_second` (of that wait).
        """
        return {
            "batches": self._batches,
            "samples": self._samples,
            "bytes": self._bytes,
            "skipped": self._skipped,
            "skipped_samples": [
                {"sample": name, "error": error} for name, error in self._named
            ],
            "retries": self.retries,
            "seconds": time.perf_counter() - self._begin,
            "wait_seconds": self._waited,
            "samples_per_second": self._samples / self._waited if self._waited else 0.0,
        }
