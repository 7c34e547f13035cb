"""GET requests to servers that nobody trusts.

What is asked for comes whole, within the size that was said, and at some speed, or an
exception does. Redirects are followed a few times, from secure to insecure never, and
from the world into a private network never.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from ipfs_kit_py._http.body import Body
from ipfs_kit_py._http.pace import paced
from ipfs_kit_py._http.pools import Pools, is_public
from ipfs_kit_py._http.waiting import check
from ipfs_kit_py.errors import LimitExceededError, UnreachableError

if TYPE_CHECKING:
    import httpx2

    from ipfs_kit_py._gateways.address import Address

MOST_REDIRECTS: Final = 5
_MOVED: Final = (301, 302, 303, 307, 308)
_KEPT_CONNECTIONS: Final = 24


class Reply(NamedTuple):
    """What a server answered, behind all redirects."""

    status: int
    headers: Mapping[str, str]
    is_public: bool
    """Whether the server that was asked first is one that all the world can reach."""
    pieces: Iterator[bytes]
    """The body as it comes."""
    body: Body
    """The same, to be written into buffers: for who takes no pieces."""

    @property
    def content_type(self) -> str:
        """What it says it is, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def read(self, most_bytes: int) -> bytes:
        """Give the whole body.

        Raises:
            LimitExceededError: It is longer than it may be.
        """
        said = self.headers.get("content-length", "")
        if said.isdecimal() and int(said[:20]) > most_bytes:
            raise LimitExceededError(f"it says it sends {said[:20]} bytes")
        found, size = [], 0
        for piece in self.pieces:
            found.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise LimitExceededError(f"it sends more than {most_bytes} bytes")
        return found[0] if len(found) == 1 else b"".join(found)


class Client:
    """Connections to servers; threads may share it.

    Args:
        connect_seconds: How long a connection may take.
        stall_seconds: How long no byte may come.
    """

    def __init__(self, connect_seconds: float, stall_seconds: float) -> None:
        self._connect_seconds = connect_seconds
        self.stall_seconds = stall_seconds
        self._pools = Pools(_KEPT_CONNECTIONS)

    def close(self) -> None:
        """Close all connections; those that are needed again are made again."""
        self._pools.close()

    @contextmanager
    def get(
        self,
        server: "Address",
        path: str,
        accept: str,
        *,
        span: tuple[int, int] | None = None,
        public_only: bool = False,
    ) -> Iterator[Reply]:
        """Ask a server, and whomever it points to.

        Args:
            server: Whom.
            path: What, with a slash at its beginning.
            accept: The content type to ask for.
            span: Which bytes, from the first up to one that is no longer wanted.
            public_only: Go to no address of this machine or of a private network.

        Raises:
            UnreachableError: It cannot be reached, breaks off, or points nowhere good.
            TimedOutError: It is too slow.
        """
        from ipfs_kit_py._http.errors import translated

        asked = url = server.url + path
        from_public = public_only
        with translated("it"):
            for _ in range(MOST_REDIRECTS + 1):
                check()
                headers = {"Accept": accept}
                if span is not None:
                    headers["Range"] = f"bytes={span[0]}-{span[1] - 1}"
                if server.authorization and url.startswith(server.url + "/"):
                    headers["Authorization"] = server.authorization
                found = self._send(url, headers, from_public)
                try:
                    if url == asked:
                        from_public = public_only or is_public(found)
                    where = found.headers.get("location")
                    if found.status_code not in _MOVED or not where:
                        seconds = self.stall_seconds
                        yield Reply(
                            found.status_code,
                            found.headers,
                            from_public,
                            paced("it", found, seconds),
                            Body(found, seconds),
                        )
                        return
                    url = _next(url, where)
                finally:
                    found.close()
        raise UnreachableError(f"it redirects more than {MOST_REDIRECTS} times")

    def _send(
        self, url: str, headers: dict[str, str], public_only: bool
    ) -> "httpx2.Response":
        import httpx2

        headers |= {"Accept-Encoding": "identity"}
        headers |= {"User-Agent": "ipfs-kit", "Connection": "keep-alive"}
        stall = self.stall_seconds
        seconds = {"connect": self._connect_seconds, "read": stall, "write": stall}
        request = httpx2.Request(
            "GET", url, headers=headers, extensions={"timeout": seconds}
        )
        return self._pools.send(request, public_only=public_only)


def _next(url: str, where: str) -> str:
    """Give the URL that a redirect leads to."""
    try:
        found = urljoin(url, where)
        parts = urlsplit(found)
    except ValueError as error:
        raise UnreachableError(f"it redirects to what is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnreachableError(f"it redirects to {where[:40]!r}, no HTTP")
    if url.startswith("https:") and parts.scheme != "https":
        raise UnreachableError("it redirects from https to http")
    return found
