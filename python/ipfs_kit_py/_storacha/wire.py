"""Requests to a service, and to wherever it says that bytes are to be put.

A reply comes whole, within a size and at some speed, or an exception does. Redirects are
not followed: they would take secrets elsewhere.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from ipfs_kit_py._forks import remember
from ipfs_kit_py._http.waiting import check
from ipfs_kit_py.errors import TimedOutError, UnreachableError

if TYPE_CHECKING:
    import httpx2

_CONNECT_SECONDS: Final = 10.0
_CONNECTIONS: Final = 4
# Who sends less than this in as long as nothing at all may come, is as good as silent.
_LEAST_BYTES: Final = 16 << 10


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
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Leave the connections to the process that this one was forked from."""
        self._pools: dict[tuple[str, bool], httpx2.BaseTransport] = {}

    def close(self) -> None:
        """Close all connections; those that are needed again are made again."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def __del__(self) -> None:
        """Close all connections: sockets that are left behind complain."""
        self.close()

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
            pool = self._pool(request.url.scheme, public_only=public_only)
            found = pool.handle_request(request)
            try:
                pieces = _pieces(what, found, stall_seconds)
                yield Reply(found.status_code, found.headers, _is_public(found), pieces)
            finally:
                found.close()

    def _pool(self, scheme: str, *, public_only: bool) -> "httpx2.BaseTransport":
        found = self._pools.get((scheme, public_only))
        if found is None:
            from ipfs_kit_py._http.network import Transport

            made = Transport(
                kept=_CONNECTIONS, tls=scheme == "https", public_only=public_only
            )
            # Of two threads that make one at a time, both use the same.
            found = self._pools.setdefault((scheme, public_only), made)
        return found


def _pieces(what: str, found: "httpx2.Response", stall_seconds: float) -> Iterator[bytes]:
    """Give the body, as long as it comes at some speed."""
    start, size = time.monotonic(), 0
    for piece in found.iter_raw():
        yield piece
        size += len(piece)
        allowed = (size // _LEAST_BYTES + 2) * stall_seconds
        if time.monotonic() - start > allowed:
            raise TimedOutError(f"{what}: it sent {size} bytes in {allowed:g} seconds")


def _is_public(found: "httpx2.Response") -> bool:
    try:
        return bool(found.extensions["network_stream"].get_extra_info("is_public"))
    except OSError:
        # It is closed already.
        return True
