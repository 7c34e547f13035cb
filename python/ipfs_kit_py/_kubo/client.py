"""Calls to a Kubo node's RPC API.

A reply is given out whole or as an exception: what is cut off, or ends in an error that
the node tells in its trailer, is never a short result. No time is set for a call as a
whole, only for connecting and for how long no byte comes.
"""

import json
import os
import threading
from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlencode

from ipfs_kit_py._http.waiting import Patience, check, sleep
from ipfs_kit_py._kubo.address import Address
from ipfs_kit_py._kubo.errors import broken, of_message, of_reply, translated
from ipfs_kit_py._kubo.multipart import Multipart
from ipfs_kit_py.errors import (
    ConfigurationError,
    OfflineError,
    RepositoryClosedError,
    TimedOutError,
    UnreachableError,
)

if TYPE_CHECKING:
    import httpx2

Option: TypeAlias = str | int | bool | None
"""The value of an option; `None` leaves it to the node."""
_T = TypeVar("_T")

CONNECT_SECONDS: Final = 10.0
STALL_SECONDS: Final = 60.0
# Before each further attempt at what may be asked twice.
_PAUSES_SECONDS = (0.1, 0.5)
_KEPT_CONNECTIONS = 16
# No honest line of a reply is longer.
_LINE_BYTES = 64 << 20
# Replies that are read as a whole are single values and blocks.
_WHOLE_BYTES = 64 << 20
_GOOD = 200


class Ask(NamedTuple):
    """A command for the node."""

    command: str
    """`pin/add`, for one."""
    args: tuple[str, ...] = ()
    options: tuple[tuple[str, Option], ...] = ()
    body: Multipart | None = None
    is_read: bool = False
    """Whether it changes nothing, so that it may be asked again."""
    is_patient: bool = False
    """Whether the node may say nothing for long, as long as it answers others."""

    def having(self, options: Mapping[str, Option]) -> "Ask":
        """Give it further options, which are named with underscores."""
        more = _given((), dict(options))[1]
        return self._replace(options=self.options + more)

    @property
    def query(self) -> str:
        """The arguments and options as the URL has them."""
        pairs = [("arg", arg) for arg in self.args]
        for name, value in self.options:
            if value is not None:
                shown = str(value).lower() if isinstance(value, bool) else str(value)
                pairs.append((name, shown))
        return urlencode(pairs)


def ask(
    command: str,
    *args: object,
    body: Multipart | None = None,
    patient: bool = False,
    **options: Option,
) -> Ask:
    """Make a command that changes something; options are named with underscores."""
    return Ask(command, *_given(args, options), body, is_patient=patient)


def look(command: str, *args: object, patient: bool = False, **options: Option) -> Ask:
    """Make a command that only reads."""
    given = _given(args, options)
    return Ask(command, *given, is_read=True, is_patient=patient)


def _given(
    args: tuple[object, ...], options: dict[str, Option]
) -> tuple[tuple[str, ...], tuple[tuple[str, Option], ...]]:
    named = tuple((name.replace("_", "-"), value) for name, value in options.items())
    return tuple(map(str, args)), named


class Client:
    """A node's RPC API. Threads may share it, and forked processes may go on with it.

    Args:
        locate: Says where the node is; asked at every call, since a daemon that was
            started anew may listen elsewhere.
        auth: `bearer:TOKEN` or `basic:USER:PASSWORD`, as Kubo's `--api-auth` takes it.
        connect_seconds: How long a connection may take.
        stall_seconds: How long the node may send nothing, and take nothing.
        offline: Refuse every call.
    """

    def __init__(
        self,
        locate: Callable[[], Address],
        *,
        auth: str | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        offline: bool = False,
    ) -> None:
        self._locate = locate
        self._authorization = authorization(auth)
        self._connect_seconds = connect_seconds
        self._stall_seconds = stall_seconds
        self._offline = offline
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._pools: dict[str | None, httpx2.Client] = {}
        self._closed = False

    @property
    def place(self) -> Address:
        """Where the node is now."""
        return self._locate()

    @property
    def connect_seconds(self) -> float:
        """How long a connection may take."""
        return self._connect_seconds

    @property
    def stall_seconds(self) -> float:
        """How long the node may send nothing, and take nothing."""
        return self._stall_seconds

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Close all connections; closing twice is no error."""
        self._closed = True
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        if self._process == os.getpid():
            for pool in pools:
                pool.close()

    def call(self, asked: Ask) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Give the one value that a command replies; `None` if it says nothing."""
        body = self.read(asked)
        if not body.strip():
            return None
        try:
            found = json.loads(body)
        except ValueError as error:
            raise broken(asked.command, f"it is no JSON: {body[:100]!r}") from error
        return _checked(found)

    def read(self, asked: Ask) -> bytes:
        """Give the bytes that a command replies."""

        def whole() -> bytes:
            return _whole(asked.command, self._pieces(asked, self._begin(asked)))

        return self._trying(asked, whole)

    def stream(self, asked: Ask) -> Generator[bytes, None, None]:
        """Iterate over the bytes that a command replies, as they come.

        The command is sent when the first of them is asked for.
        """
        yield from self._pieces(asked, self._trying(asked, lambda: self._begin(asked)))

    def lines(self, asked: Ask) -> Iterator[Any]:
        """Iterate over the values that a command replies, one a line, as they come."""
        begun: list[bytes] = []
        size = 0
        for piece in self.stream(asked):
            first, *lines = piece.split(b"\n")
            begun.append(first)
            size += len(first)
            if size > _LINE_BYTES:
                raise broken(asked.command, f"a line of over {_LINE_BYTES} bytes")
            if lines:
                yield from _value(asked.command, b"".join(begun))
                for line in lines[:-1]:
                    yield from _value(asked.command, line)
                begun, size = [lines[-1]], len(lines[-1])
        yield from _value(asked.command, b"".join(begun))

    def _trying(self, asked: Ask, action: Callable[[], _T]) -> _T:
        """Do something again where the connection failed and it does no harm."""
        for pause in _PAUSES_SECONDS if asked.is_read else ():
            try:
                return action()
            except UnreachableError as error:
                if not error.recoverable:
                    raise
                sleep(pause)
        return action()

    def _begin(self, asked: Ask) -> "_Reply":
        """Send a command and wait for the head of the reply."""
        check()
        if self._offline:
            raise OfflineError(f"{asked.command} would ask a Kubo node: offline is set")
        if self._closed:
            raise RepositoryClosedError("the engine was closed")
        place = self._locate()
        with translated(asked.command, str(place)):
            request = self._request(asked, place)
            return _Reply(self._pool(place.socket).send(request, stream=True), place)

    def _pieces(self, asked: Ask, begun: "_Reply") -> Iterator[bytes]:
        reply, place = begun
        with closing(reply), translated(asked.command, str(place)):
            if reply.status_code != _GOOD:
                said = _whole(asked.command, reply.iter_raw())
                raise of_reply(reply.status_code, said, asked.command, str(place))
            yield from reply.iter_raw()
            trailers = reply.extensions["network_stream"].trailers
            if failed := trailers.get("x-stream-error"):
                raise of_message(failed)

    def _request(self, asked: Ask, place: Address) -> "httpx2.Request":
        import httpx2

        stall = self._stall_seconds
        if asked.is_patient:
            stall = Patience(stall, self._is_alive)
        headers = {"Accept-Encoding": "identity", "Connection": "keep-alive"}
        authorized = self._authorization or authorization(place.auth)
        if authorized:
            headers["Authorization"] = authorized
        if asked.body is not None:
            headers["Content-Type"] = asked.body.content_type
        seconds = {
            "connect": self._connect_seconds,
            "read": stall,
            "write": self._stall_seconds,
        }
        return httpx2.Request(
            "POST",
            f"{place.url}/api/v0/{asked.command}?{asked.query}",
            headers=headers,
            content=asked.body,
            extensions={"timeout": seconds},
        )

    def _is_alive(self) -> bool:
        """Tell whether the node answers something small."""
        try:
            self.call(ask("version"))
        except (TimedOutError, UnreachableError):
            return False
        return True

    def _pool(self, unix_socket: str | None) -> "httpx2.Client":
        import httpx2

        from ipfs_kit_py._http.network import Transport

        with self._lock:
            if self._process != os.getpid():
                # The connections belong to the process that this one was forked from.
                self._process, self._pools = os.getpid(), {}
            if unix_socket not in self._pools:
                transport = Transport(unix_socket, _KEPT_CONNECTIONS)
                # Neither proxies nor passwords of the environment are meant for it.
                made = httpx2.Client(transport=transport, trust_env=False)
                self._pools[unix_socket] = made
            return self._pools[unix_socket]


class _Reply(NamedTuple):
    """A reply whose body is still to be read."""

    response: "httpx2.Response"
    place: Address


def authorization(auth: str | None) -> str | None:
    """Give the header that lets one in.

    Raises:
        ConfigurationError: It is neither `bearer:TOKEN` nor `basic:USER:PASSWORD`.
    """
    if auth is None:
        return None
    kind, _, secret = auth.strip().partition(":")
    if kind == "bearer" and secret:
        return f"Bearer {secret}"
    if kind == "basic" and secret:
        # Without a colon it is encoded already, as Kubo allows.
        encoded = b64encode(secret.encode()).decode() if ":" in secret else secret
        return f"Basic {encoded}"
    raise ConfigurationError("api_auth is neither bearer:TOKEN nor basic:USER:PASSWORD")


def _whole(command: str, pieces: Iterable[bytes]) -> bytes:
    """Put the pieces of a reply together, unless there is no end to them."""
    found, size = [], 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > _WHOLE_BYTES:
            error = broken(command, f"it has over {_WHOLE_BYTES} bytes")
            # It would be no shorter a second time.
            error.recoverable = False
            raise error
    return b"".join(found)


def _value(command: str, line: bytes) -> Iterable[Any]:
    if not line.strip():
        return ()
    try:
        found = json.loads(line)
    except ValueError as error:
        raise broken(command, f"a line is no JSON: {line[:100]!r}") from error
    return (_checked(found),)


def _checked(found: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Refuse an error that comes as a reply: what went wrong after its head was sent."""
    if isinstance(found, dict) and found.get("Type") == "error" and "Message" in found:
        raise of_message(str(found["Message"]))
    return found
