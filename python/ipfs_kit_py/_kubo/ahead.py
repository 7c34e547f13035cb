"""The leaves that come next in a file, fetched while those before them are used."""

import threading
from collections.abc import Callable, Mapping

from ipfs_kit_py._forks import remember
from ipfs_kit_py._http.waiting import SLICE_SECONDS, check
from ipfs_kit_py._native import CID, Block, CancelToken
from ipfs_kit_py._sources.layouts import Run
from ipfs_kit_py.errors import IPFSError


class _Fetch:
    """A run on its way, on a thread of its own."""

    def __init__(self, run: Run, work: Callable[[], dict[CID, Block]]) -> None:
        self.run = run
        self._work = work
        self._token = CancelToken()
        self._over = threading.Event()
        self._blocks: dict[CID, Block] = {}
        # A daemon: what nobody asked for must not keep the interpreter from ending.
        name = "ipfs-kit-kubo-ahead"
        threading.Thread(target=self._fetch, name=name, daemon=True).start()

    def _fetch(self) -> None:
        try:
            with self._token:
                self._blocks = self._work()
        except (IPFSError, OSError):
            # Stopped, or in vain. Who comes for it asks again, and hears of it.
            pass
        finally:
            self._over.set()

    def stop(self) -> None:
        self._token.cancel()

    def wait(self) -> dict[CID, Block]:
        while not self._over.wait(SLICE_SECONDS):
            check()
        return self._blocks


class Ahead:
    """One run that is fetched ahead, for whoever comes for it first."""

    def __init__(self) -> None:
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Forget what a thread that is not here was fetching."""
        self._lock = threading.Lock()
        self._fetch: _Fetch | None = None

    def begin(self, run: Run, work: Callable[[], dict[CID, Block]]) -> None:
        """Fetch a run, in the place of the one before it."""
        self._put(_Fetch(run, work))

    def take(self, run: Run) -> Mapping[CID, Block]:
        """Give those leaves of a run that were fetched ahead; none if it is another."""
        with self._lock:
            fetch = self._fetch
            if fetch is None or fetch.run != run:
                return {}
            self._fetch = None
        return fetch.wait()

    def stop(self) -> None:
        """Fetch nothing any more."""
        self._put(None)

    def _put(self, fetch: _Fetch | None) -> None:
        with self._lock:
            before, self._fetch = self._fetch, fetch
        if before is not None:
            before.stop()
