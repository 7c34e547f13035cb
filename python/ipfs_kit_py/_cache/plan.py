"""Reading by a plan: what is kept and fetched ahead if the order of reading is known."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from ipfs_kit_py import _native
from ipfs_kit_py._forks import remember
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidParameterError, IPFSError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._cache.arc import ARCache

Load: TypeAlias = Callable[[str], bytes | None]
"""Reads an item from below the memory tier; `None` if it is not to be kept."""
# Most items to fetch ahead, whatever the window.
_MOST_AHEAD = 64


class Plan:
    """An order in which items will be read: `with cache.plan(cids): ...`.

    While it holds, the memory tier keeps what is needed soonest (Belady's optimum, which
    no policy that only looks back can reach), and the next items are fetched ahead. One
    plan holds at a time. Items that are not in it have what it leaves of the memory.

    Args:
        cids: The items, in the order of reading; an item that is read twice stands twice.
        memory: The tier whose bytes it takes.
        load: How items are fetched ahead.
        window_bytes: How many bytes to fetch ahead.
    """

    def __init__(
        self,
        cids: Sequence[str | CID],
        memory: "ARCache",
        load: Load,
        window_bytes: int,
        changed: Callable[["Plan | None"], None],
    ) -> None:
        if window_bytes < 0:
            raise InvalidParameterError(f"window_bytes {window_bytes} is less than 0")
        self._memory = memory
        self._load = load
        self._window = window_bytes
        self._changed = changed
        pinned = memory.get_stats()["pinned"]["size"]
        self._order = _native.Plan([str(cid) for cid in cids], memory.maxsize - pinned)
        self._ahead: set[str | bytes] = set()
        self._used = self._fetched = 0
        self._items = self._bytes = 0
        self._is_over = False
        # Readings until there may be more to fetch.
        self._rest = 0
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Let this process fetch ahead by itself."""
        self._fetching = threading.Lock()

    def __enter__(self) -> Self:
        """Begin, with what is in memory already."""
        self._changed(self)
        self._take_over()
        self._fetch_ahead()
        return self

    def _take_over(self) -> None:
        """Take what is needed and in memory already, such as the last plan left it."""
        for keys in (self._memory.T1, self._memory.T2):
            for key in keys:
                value = self._memory.peek(key) if key in self._order else None
                if value is not None and self._order.put(key, value):
                    self._memory.remove(key)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End: what is held goes back to the tier, as far as there is room."""
        self.close()

    def close(self) -> None:
        """End the plan, as `with` does."""
        if not self._is_over:
            self._is_over = True
            self._changed(None)
            for key, value in self._order.end():
                self._memory.put(key, value, scan=True)

    def __contains__(self, key: str | bytes) -> bool:
        """Tell whether an item is in the plan."""
        return key in self._order

    def get(self, key: str | bytes) -> Any:  # noqa: ANN401 - the object that was put
        """Read an item, and go on to what comes next in the plan."""
        found = self._order.get(key)
        if key in self._ahead:
            self._ahead.discard(key)
            self._used += found is not None
        self._fetch_ahead()
        return found

    def holds(self, key: str | bytes) -> bool:
        """Tell whether an item is in memory."""
        return self._order.holds(key)

    def put(self, key: str | bytes, value: "Buffer") -> bool:
        """Keep an item if it is needed sooner than others; tell whether it is kept."""
        size = memoryview(value).nbytes
        if size > self._memory.max_item or not self._order.put(key, value):
            return False
        self._items, self._bytes = self._items + 1, self._bytes + size
        self.make_room()
        return True

    def make_room(self) -> None:
        """Let the tier's other items have no more than the plan leaves."""
        held = self._order.numbers()[1]
        excess = held + self._memory.current_size - self._memory.maxsize
        if excess > 0:
            self._memory.evict(excess)

    def show(self) -> dict[str, Any]:
        """Give the numbers.

        Returns:
            `left` (readings), `bytes` held, `hits`, `misses`, `prefetches_used`,
            `prefetches_wasted`.
        """
        left, held, hits, misses = self._order.numbers()
        wasted = self._fetched - self._used - (0 if self._is_over else len(self._ahead))
        return {
            "left": left,
            "bytes": held,
            "hits": hits,
            "misses": misses,
            "prefetches_used": self._used,
            "prefetches_wasted": wasted,
        }

    def _fetch_ahead(self) -> None:
        self._rest -= 1
        if self._rest < 0 and self._window and self._fetching.acquire(blocking=False):
            name = "ipfs-kit-plan"
            threading.Thread(target=self._fetch, name=name).start()

    def _reach(self) -> int:
        """Count the readings of one window: items are as large as those before them."""
        usual = self._bytes // self._items if self._items else self._window
        return min(max(self._window // max(usual, 1), 1), _MOST_AHEAD)

    def _fetch(self) -> None:
        reach = self._reach()
        try:
            for key in self._order.upcoming(reach):
                if self._is_over or not isinstance(key, str):
                    break
                value = self._load(key)
                if value is not None and self.put(key, value):
                    self._fetched += 1
                    self._ahead.add(key)
        except (IPFSError, OSError):
            # Stopped, or in vain. Who comes to read it asks again, and hears of it.
            pass
        finally:
            self._rest = reach // 2
            self._fetching.release()
