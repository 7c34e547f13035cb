"""Sockets that look at cancel tokens while they wait.

The one module that knows httpcore2: it is imported when the first request is sent.
"""

import ipaddress
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any, TypeVar

import httpcore2
import httpx2

from ipfs_kit_py._http.framing import Framing
from ipfs_kit_py._http.waiting import SLICE_SECONDS, Patience, check

# Bytes asked of a socket at once.
_READ_BYTES = 256 << 10
_T = TypeVar("_T")


class _Quiet:
    """Closes a socket without a warning when nobody has it any more.

    A kit that nobody closed is no reason to warn. Only the socket itself can see to that:
    a collection ends it before or after what holds it.
    """

    fileno: Callable[[], int]
    close: Callable[[], None]

    def __del__(self) -> None:
        if self.fileno() >= 0:
            self.close()


class _Socket(_Quiet, socket.socket):
    """A socket."""


class _TLSSocket(_Quiet, ssl.SSLSocket):
    """A socket under TLS."""


class Stream(httpcore2.NetworkStream):
    """A connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reply = Framing()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for some bytes, no longer than `timeout` seconds."""
        late = httpcore2.ReadTimeout
        receive = partial(self._socket.recv, max(max_bytes, _READ_BYTES))
        while True:
            try:
                data = self._in_slices(receive, timeout, late)
            except OSError as error:
                raise httpcore2.ReadError(_why(error)) from error
            found = self._reply.feed(data)
            if found or not data:
                return found

    def readinto(self, buffer: memoryview, timeout: float | None = None) -> int:
        """Wait for some bytes of a body whose head was read; 0 if there come no more."""
        receive = partial(self._socket.recv_into, buffer)
        try:
            return self._in_slices(receive, timeout, httpcore2.ReadTimeout)
        except OSError as error:
            raise httpcore2.ReadError(_why(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; each part of them may take `timeout` seconds."""
        late = httpcore2.WriteTimeout
        if self._reply.has_begun:
            self._reply = Framing()
        send, whole, sent = self._socket.send, memoryview(buffer), 0
        try:
            while sent < len(whole):
                rest = whole[sent:]
                sent += self._in_slices(partial(send, rest), timeout, late)
        except OSError as error:
            raise httpcore2.WriteError(_why(error)) from error

    def _in_slices(
        self, call: Callable[[], _T], timeout: float | None, late: type[Exception]
    ) -> _T:
        end = None if timeout is None else time.monotonic() + timeout
        self._socket.settimeout(SLICE_SECONDS)
        while True:
            check()
            try:
                return call()
            except TimeoutError:
                if timeout is None or end is None or time.monotonic() < end:
                    continue
                if isinstance(timeout, Patience) and timeout.is_alive():
                    end = time.monotonic() + timeout
                    continue
                raise late(f"no byte for {timeout:g} seconds") from None

    @property
    def trailers(self) -> dict[str, str]:
        """What stood behind the chunks of a reply that was read to its end."""
        return self._reply.trailers

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "Stream":
        """Go on under TLS."""
        try:
            self._socket.settimeout(timeout)
            wrapped = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname
            )
        except OSError as error:
            self.close()
            late = isinstance(error, TimeoutError)
            kind = httpcore2.ConnectTimeout if late else httpcore2.ConnectError
            raise kind(_why(error)) from error
        return Stream(wrapped)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as it is declared
        """Tell what the pool asks: whether an idle connection was closed meanwhile."""
        if info == "is_readable":
            return _is_readable(self._socket)
        if info == "is_public":
            return is_public(self._socket.getpeername())
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        return None


class Backend(httpcore2.NetworkBackend):
    """What connects.

    Args:
        public_only: Connect to no address of this machine or of a private network,
            whatever name it hides behind.
    """

    def __init__(self, *, public_only: bool = False) -> None:
        self._public_only = public_only

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> Stream:
        """Connect to the first address of a host that answers."""
        del local_address, socket_options
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host}: {_why(error)}") from error
        failed: Exception | None = None
        for family, kind, protocol, _, address in found:
            if self._public_only and not is_public(address):
                failed = httpcore2.ConnectError(f"{host} is no public address")
                continue
            made = _Socket(family, kind, protocol)
            try:
                _connect(made, address, timeout)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except BaseException as error:
                made.close()
                if not isinstance(error, httpcore2.ConnectError):
                    raise
                failed = error
            else:
                return Stream(made)
        raise failed or httpcore2.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: object = None
    ) -> Stream:
        """Connect to a unix socket."""
        del socket_options
        if not hasattr(socket, "AF_UNIX"):
            raise httpcore2.ConnectError("this system has no unix sockets")
        made = _Socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _connect(made, path, timeout)
        except BaseException:
            made.close()
            raise
        return Stream(made)

    def sleep(self, seconds: float) -> None:
        """Wait before another attempt; none is made here."""
        time.sleep(seconds)


def is_public(address: Any) -> bool:  # noqa: ANN401 - whatever the family has
    """Tell whether a socket's address is one that anybody in the world may have."""
    if not isinstance(address, tuple):
        return False
    found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


def _connect(made: socket.socket, address: Any, timeout: float | None) -> None:  # noqa: ANN401 - whatever the family has
    end = None if timeout is None else time.monotonic() + timeout
    try:
        made.setblocking(False)
        try:
            made.connect(address)
        except BlockingIOError:
            while not _is_writable(made):
                check()
                if end is not None and time.monotonic() >= end:
                    message = f"no connection within {timeout:g} seconds"
                    raise httpcore2.ConnectTimeout(message) from None
            number = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number)) from None
    except OSError as error:
        raise httpcore2.ConnectError(_why(error)) from error


def _why(error: OSError) -> str:
    """Give the system's words without its numbers."""
    return error.strerror or str(error)


def _is_writable(made: socket.socket) -> bool:
    """Wait a slice of time for a connection; tell whether it was made or refused."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(made, select.POLLOUT)
        return bool(poll.poll(SLICE_SECONDS * 1000))
    return any(select.select([], [made], [made], SLICE_SECONDS))


def _is_readable(connected: socket.socket) -> bool:
    if connected.fileno() < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connected], [], [], 0)[0])


class Transport(httpx2.BaseTransport):
    """A pool of connections that are kept alive, made by `Backend`.

    Args:
        unix_socket: The socket to speak through, whatever the URL says.
        connections: How many connections there may be; `None` for any number.
        kept: How many are kept when nobody uses them; all if not given.
        tls: Whether it is for https.
        public_only: Connect to no address of this machine or of a private network.
    """

    def __init__(
        self,
        unix_socket: str | None = None,
        connections: int | None = None,
        kept: int | None = None,
        *,
        tls: bool = False,
        public_only: bool = False,
    ) -> None:
        self._pool = httpcore2.ConnectionPool(
            # Else the file of all authorities is read anew for every connection.
            ssl_context=_tls() if tls else None,
            max_connections=connections,
            max_keepalive_connections=connections if kept is None else kept,
            keepalive_expiry=30.0,
            uds=unix_socket,
            network_backend=Backend(public_only=public_only),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and wait for the head of the reply."""
        url = request.url
        found = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme,
                    host=url.raw_host,
                    port=url.port,
                    target=url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            found.status,
            headers=found.headers,
            stream=Body(found),
            extensions=found.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = httpx2.create_ssl_context()
    context.sslsocket_class = _TLSSocket
    return context


class Body(httpx2.SyncByteStream):
    """The body of a reply."""

    def __init__(self, reply: httpcore2.Response) -> None:
        self._reply = reply

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over its pieces as they come."""
        content = self._reply.stream
        if isinstance(content, Iterable):
            yield from content

    def close(self) -> None:
        """Give the connection back, or close it where bytes are left."""
        self._reply.close()
