"""Reading ahead: the next bytes of a file that is read from its start on."""

import threading
from typing import TYPE_CHECKING

from ipfs_kit_py.errors import IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._native import FileReader
    from ipfs_kit_py._sources.chain import Chain

_FIRST_BYTES = 1 << 20
# About a block: of what is passed over so, hardly one would not have been fetched.
_MOST_GAP = 1 << 20


class ReadAhead:
    """Fetches what comes behind each read, if the reads follow one another.

    The window doubles with each read that begins where the one before it ended, or not
    far behind: blocks between are passed by few. A read that begins anywhere else closes
    it.

    Args:
        reader: The file.
        chain: Where its blocks come from.
        most_bytes: How wide the window may become.
    """

    def __init__(self, reader: "FileReader", chain: "Chain", most_bytes: int) -> None:
        self._reader = reader
        self._chain = chain
        self._most = most_bytes
        self._window = 0
        self._next = 0
        # Where that ends which was asked for.
        self._until = 0
        self._busy = threading.Lock()

    def __call__(self, start: int, count: int) -> None:
        """Note a read of so many bytes."""
        is_next = 0 <= start - self._next <= _MOST_GAP
        self._next = start + count
        if not is_next or not count:
            self._window = self._until = 0
            return
        self._window = min(max(2 * self._window, _FIRST_BYTES), self._most)
        is_far_off = 2 * (self._until - self._next) < self._window
        # Many blocks at once come sooner than one after the other.
        if is_far_off and max(self._next, self._until) < self._reader.size:
            self._begin()

    def _begin(self) -> None:
        # One window at a time: what comes later is fetched when this is done.
        if self._busy.acquire(blocking=False):
            name = "ipfs-kit-ahead"
            threading.Thread(target=self._fetch, name=name).start()

    def _fetch(self) -> None:
        try:
            start, window = self._next, self._window
            self._until = start + window
            cids = self._reader.missing(start, window, window)
            self._chain.fetch_ahead(cids)
        except (IPFSError, OSError):
            # Stopped, or in vain. Who comes to read there asks again, and hears of it.
            pass
        finally:
            self._busy.release()
