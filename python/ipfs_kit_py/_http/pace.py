"""How fast a reply must come: one that drips is as good as silent."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ipfs_kit_py.errors import TimedOutError

if TYPE_CHECKING:
    import httpx2

# At least so many bytes must come in as long as nothing at all may come.
_LEAST_BYTES: Final = 16 << 10


class Pace:
    """Counts the bytes of a reply.

    Args:
        whose: Whose they are, for messages.
        stall_seconds: How long nothing may come.
    """

    def __init__(self, whose: str, stall_seconds: float) -> None:
        self._whose = whose
        self._seconds = stall_seconds
        self._start = time.monotonic()
        self._size = 0

    def note(self, count: int) -> None:
        """Count bytes that came.

        Raises:
            TimedOutError: They come too slowly.
        """
        self._size += count
        allowed = (self._size // _LEAST_BYTES + 2) * self._seconds
        if time.monotonic() - self._start > allowed:
            message = f"{self._whose} sent {self._size} bytes in {allowed:g} seconds"
            raise TimedOutError(message)


def paced(whose: str, reply: "httpx2.Response", stall_seconds: float) -> Iterator[bytes]:
    """Give the pieces of a body, as long as they come at some speed."""
    pace = Pace(whose, stall_seconds)
    for piece in reply.iter_raw():
        yield piece
        pace.note(len(piece))
