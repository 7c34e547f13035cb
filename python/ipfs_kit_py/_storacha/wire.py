"""Requests to a service, and to wherever it says that bytes are to be put.

A reply comes whole, within a size and at some speed, or an exception does. Redirects are
not followed: they would take secrets elsewhere.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from ipfs_kit_py._http.pace import paced
from ipfs_kit_py._http.pools import Pools, is_public
from ipfs_kit_py._http.waiting import check
from ipfs_kit_py.errors import UnreachableError

_CONNECT_SECONDS: Final = 10.0
_CONNECTIONS: Final = 4


class Reply(NamedTuple):
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    is_public: bool
    """Whether who answered is one that all the world can reach."""
    pieces: Iterator[bytes]
    """The body as it comes."""

    def read(self, most_bytes: int) -> bytes:
        """Give the whole body.

        Raises:
            UnreachableError: It is longer than it may be.
        """
        found = bytearray()
        for piece in self.pieces:
            found += piece
            if len(found) > most_bytes:
                raise UnreachableError(f"a reply of over {most_bytes} bytes")
        return bytes(found)


class Wire:
    """Connections; threads may share it, and a forked process makes its own."""

    def __init__(self) -> None:
        self._pools = Pools(_CONNECTIONS)

    def close(self) -> None:
        """Close all connections; those that are needed again are made again."""
        self._pools.close()

    @contextmanager
    def ask(
        self,
        what: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        stall_seconds: float,
        content: "bytes | Iterator[bytes] | None" = None,
        *,
        public_only: bool = False,
    ) -> Iterator[Reply]:
        """Send a request.

        Args:
            what: What is to be done, as the beginning of a sentence.
            method: The HTTP method.
            url: Whom to ask; it is never shown.
            headers: What to send beside it.
            stall_seconds: How long nothing may go either way.
            content: The body; of an iterator the headers tell the length.
            public_only: Go to no address of this machine or of a private network.

        Raises:
            UnreachableError: It cannot be reached, or breaks off.
            TimedOutError: It is too slow.
        """
        import httpx2

        from ipfs_kit_py._http.errors import translated

        check()
        seconds = {"read": stall_seconds, "write": stall_seconds, "pool": stall_seconds}
        seconds["connect"] = min(stall_seconds, _CONNECT_SECONDS)
        with translated(f"{what}: it"):
            request = httpx2.Request(
                method,
                url,
                headers={"User-Agent": "ipfs-kit", "Accept-Encoding": "identity"}
                | dict(headers),
                content=content,
                extensions={"timeout": seconds},
            )
            found = self._pools.send(request, public_only=public_only)
            try:
                pieces = paced(f"{what}: it", found, stall_seconds)
                yield Reply(found.status_code, found.headers, is_public(found), pieces)
            finally:
                found.close()
