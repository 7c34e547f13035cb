"""The body of a reply, written into the buffers of whoever reads it.

An HTTP library copies every byte three times, and gives each piece new memory, which
costs more than to receive it. So behind the head, where the length of the body is known,
bytes go from the socket to where they belong. The connection is of no more use then.
"""

from typing import TYPE_CHECKING, cast

from ipfs_kit_py._http.pace import Pace
from ipfs_kit_py.errors import UnreachableError

if TYPE_CHECKING:
    import httpx2

    from ipfs_kit_py._http.network import Stream


class Body:
    """A body.

    Args:
        reply: The reply, of whose body nothing was read.
        stall_seconds: How long no byte may come.
    """

    def __init__(self, reply: "httpx2.Response", stall_seconds: float) -> None:
        self._seconds = stall_seconds
        self._pace = Pace("it", stall_seconds)
        self._reply = reply
        self._pieces = reply.iter_raw()
        self._piece = memoryview(b"")
        self._direct: Stream | None = None
        self._left = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Wait for some bytes, and write them into a buffer.

        Returns:
            How many there were; 0 at the end.

        Raises:
            UnreachableError: It is shorter than was said.
            TimedOutError: It comes too slowly.
        """
        count = self._take(buffer)
        self._pace.note(count)
        return count

    def _take(self, buffer: memoryview) -> int:
        if self._direct is not None:
            return self._receive(buffer[: self._left], self._direct)
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
            self._go_direct()
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        if self._piece or not self._left:
            return count
        stream = self._reply.extensions["network_stream"]
        self._direct = cast("Stream", stream)
        return count

    def _go_direct(self) -> None:
        """Find out what is left when the library has given all that it holds."""
        headers = self._reply.headers
        said = headers.get("content-length", "")
        if "transfer-encoding" not in headers and said.isdecimal():
            self._left = max(0, int(said) - len(self._piece))

    def _receive(self, buffer: memoryview, stream: "Stream") -> int:
        if not buffer:
            return 0
        count = stream.readinto(buffer, self._seconds)
        if not count:
            raise UnreachableError(f"it broke off: {self._left} bytes are missing")
        self._left -= count
        return count
