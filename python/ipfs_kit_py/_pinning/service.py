"""A pinning service, as the Pinning Service API (version 1) has it."""

import json
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from ipfs_kit_py._closing import Closing
from ipfs_kit_py._forks import remember
from ipfs_kit_py._http.waiting import check, sleep
from ipfs_kit_py._native import CID
from ipfs_kit_py._pinning.errors import TOO_MANY, broken, of_reply, translated
from ipfs_kit_py._pinning.pins import STATUSES, RemotePin, Status, pin_of
from ipfs_kit_py.errors import (
    ConfigurationError,
    EngineError,
    InvalidParameterError,
    OfflineError,
    TimedOutError,
    UnreachableError,
)

if TYPE_CHECKING:
    import httpx2

_CONNECT_SECONDS: Final = 10.0
_STALL_SECONDS: Final = 60.0
_PAUSES_SECONDS: Final = (0.2, 1.0)
# A service that wants us to wait longer is told of as busy.
_MOST_PAUSE_SECONDS: Final = 30.0
_PAGE: Final = 1000
_MOST_BYTES: Final = 64 << 20
_FIRST_LOOK_SECONDS: Final = 0.25
_LAST_LOOK_SECONDS: Final = 10.0
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
# Nobody pinned anything before.
_BEGINNING: Final = datetime(2014, 1, 1, tzinfo=UTC)


class PinningService(Closing):
    """A service. Threads may share it.

    Args:
        endpoint: Its URL, to which `/pins` is added.
        token: What lets one in; not shown.
        name: What messages call it.
        connect_seconds: How long it may take to accept a connection.
        stall_seconds: How long it may send nothing, and take nothing.
        offline: Refuse every call.

    Raises:
        ConfigurationError: The URL is none, or the token can be no header.
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        *,
        name: str | None = None,
        connect_seconds: float = _CONNECT_SECONDS,
        stall_seconds: float = _STALL_SECONDS,
        offline: bool = False,
    ) -> None:
        self.endpoint = checked_endpoint(endpoint)
        self.name = name or self.endpoint
        self._token = checked_token(token)
        self._connect = min(connect_seconds, stall_seconds)
        self._stall = stall_seconds
        self._offline = offline
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Leave the connections to the process that this one was forked from."""
        self._client: httpx2.Client | None = None

    def close(self) -> None:
        """Close the connections; they are made anew when they are needed."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def __repr__(self) -> str:
        """Show where it is."""
        return f"PinningService({self.endpoint!r})"

    def add(
        self,
        cid: CID | str,
        *,
        name: str | None = None,
        origins: Iterable[str] = (),
        meta: Mapping[str, str] | None = None,
    ) -> RemotePin:
        """Ask for a DAG to be pinned.

        Args:
            cid: Its root.
            name: The pin's name.
            origins: Multiaddresses of nodes that have it, with their peer IDs.
            meta: Whatever the service is to keep with the pin.
        """
        body = _wanted(cid, name, origins, meta)
        return self._pin("adding a pin", self._ask("adding a pin", "POST", "", body=body))

    def get(self, request_id: str) -> RemotePin:
        """Look at a pin.

        Raises:
            NotPinnedError: The service has none with this key.
        """
        what = f"looking at {request_id}"
        return self._pin(what, self._ask(what, "GET", _below(request_id)))

    def replace(
        self,
        request_id: str,
        cid: CID | str,
        *,
        name: str | None = None,
        origins: Iterable[str] = (),
        meta: Mapping[str, str] | None = None,
    ) -> RemotePin:
        """Put a pin in the place of another; what both have is not fetched again."""
        what = f"replacing {request_id}"
        body = _wanted(cid, name, origins, meta)
        return self._pin(what, self._ask(what, "POST", _below(request_id), body=body))

    def rm(self, request_id: str) -> None:
        """Remove a pin.

        Raises:
            NotPinnedError: The service has none with this key.
        """
        self._ask(f"removing {request_id}", "DELETE", _below(request_id))

    def ls(
        self,
        *,
        cids: Iterable[CID | str] = (),
        name: str | None = None,
        match: str | None = None,
        status: Iterable[Status] = STATUSES,
        before: datetime | None = None,
        after: datetime | None = None,
        meta: Mapping[str, str] | None = None,
        page: int = _PAGE,
    ) -> Iterator[RemotePin]:
        """Iterate over pins, page by page; the newest first, if the service has an order.

        Args:
            cids: Only those of these roots, at most ten.
            name: Only those of this name.
            match: How names are compared: exact, iexact, partial, ipartial.
            status: Only those that are so; the API's own default is `pinned` alone.
            before: Only those asked for earlier.
            after: Only those asked for later.
            meta: Only those with all of these.
            page: How many to ask for at once.
        """
        if not 1 <= page <= _PAGE:
            raise InvalidParameterError(f"a page has 1 to {_PAGE} pins")
        wanted = ",".join(status)
        if not wanted or not set(wanted.split(",")) <= set(STATUSES):
            raise InvalidParameterError(f"a status is one of {', '.join(STATUSES)}")
        filters: dict[str, str | None] = {
            "cid": ",".join(str(CID(str(cid))) for cid in cids),
            "name": name,
            "match": match,
            "status": wanted,
            "meta": json.dumps(dict(meta)) if meta else None,
        }
        query = {key: value for key, value in filters.items() if value}
        yield from self._pages(query, (after, before), page)

    def wait(
        self,
        request_id: str,
        *,
        timeout_seconds: float | None = None,
    ) -> RemotePin:
        """Wait until a pin is pinned.

        Args:
            request_id: Its key.
            timeout_seconds: How long, if not for ever.

        Raises:
            TimedOutError: It is not pinned yet.
            EngineError: The service gave up.
        """
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        pause = _FIRST_LOOK_SECONDS
        while True:
            found = self.get(request_id)
            if found.status == "pinned":
                return found
            if found.status == "failed":
                why = found.info.get("status_details") or "it does not say why"
                raise EngineError(f"{self.name} could not pin {found.cid}: {why}")
            left = pause if end is None else end - time.monotonic()
            if left <= 0:
                raise TimedOutError(f"{self.name}: {found.cid} is still {found.status}")
            sleep(min(pause, left))
            pause = min(2 * pause, _LAST_LOOK_SECONDS)

    def _pages(
        self, query: Mapping[str, str], times: tuple[datetime | None, ...], page: int
    ) -> Iterator[RemotePin]:
        """Page back in time.

        Some services tell times in whole seconds. So a page begins with the second in
        which the last one ended, and what was seen is left out.
        """
        after, before = times
        seen: set[str] = set()
        pins, total = self._page(_within(query, page, after, before))
        count, bound = total, before
        while True:
            new = [pin for pin in pins if pin.request_id not in seen]
            seen.update(pin.request_id for pin in new)
            yield from new
            if count <= len(pins) or not pins:
                break
            following = min(pin.created for pin in pins) + _SECOND
            if bound is None or following < bound:
                bound = following
            elif page < _PAGE:
                page = min(4 * page, _PAGE)
            else:
                break
            pins, count = self._page(_within(query, page, after, bound))
        if len(seen) < total:
            # A service that gives its pages in no order, as ipfs-cluster does, or more
            # than a page of one second.
            end = before or datetime.now(UTC) + _DAY
            yield from self._windows(query, after or _BEGINNING, end, seen)

    def _windows(
        self, query: Mapping[str, str], after: datetime, before: datetime, seen: set[str]
    ) -> Iterator[RemotePin]:
        """Halve a time until no part of it has more pins than a page."""
        pins, count = self._page(_within(query, _PAGE, after, before))
        new = [pin for pin in pins if pin.request_id not in seen]
        seen.update(pin.request_id for pin in new)
        yield from new
        if count <= len(pins):
            return
        if before - after <= 4 * _SECOND:
            raise broken(self._about("listing pins"), "its pages lead nowhere")
        middle = after + (before - after) / 2
        # Whether what was asked for just then is in it, services see differently.
        yield from self._windows(query, middle - _SECOND, before, seen)
        yield from self._windows(query, after, middle, seen)

    def _page(self, query: Mapping[str, str]) -> tuple[list[RemotePin], int]:
        what = "listing pins"
        told = self._ask(what, "GET", f"?{urlencode(query)}")
        try:
            count, results = told["count"], told["results"]
            pins = [pin_of(it) for it in results or ()]
            if not isinstance(count, int) or count < len(pins):
                raise ValueError("the count is wrong")  # noqa: TRY301 - as those of `pin_of`
        except (KeyError, TypeError, ValueError) as error:
            raise broken(self._about(what), str(error)) from error
        return pins, count

    def _pin(self, what: str, told: Any) -> RemotePin:  # noqa: ANN401 - whatever JSON holds
        try:
            return pin_of(told)
        except ValueError as error:
            raise broken(self._about(what), str(error)) from error

    def _about(self, what: str) -> str:
        return f"{what} at {self.name}"

    def _ask(self, what: str, method: str, below: str, *, body: object = None) -> Any:  # noqa: ANN401 - whatever JSON holds
        what = self._about(what)
        if self._offline:
            raise OfflineError(f"{what}: offline is set")
        for pause in _PAUSES_SECONDS:
            try:
                return self._ask_once(what, method, below, body)
            except _BusyError as busy:
                # It did nothing, so anything may be asked again.
                if busy.pause_seconds > _MOST_PAUSE_SECONDS:
                    raise busy.error from None
                sleep(max(busy.pause_seconds, pause))
            except UnreachableError:
                if method != "GET":
                    raise
                sleep(pause)
        try:
            return self._ask_once(what, method, below, body)
        except _BusyError as busy:
            raise busy.error from None

    def _ask_once(self, what: str, method: str, below: str, body: object) -> Any:  # noqa: ANN401
        check()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        stall = {"connect": self._connect, "read": self._stall, "write": self._stall}
        with (
            translated(what),
            self._connections().stream(
                method,
                f"{self.endpoint}/pins{below}",
                headers=headers,
                content=None if body is None else json.dumps(body).encode(),
                extensions={"timeout": stall | {"pool": self._stall}},
            ) as reply,
        ):
            said = bytearray()
            for piece in reply.iter_bytes():
                said += piece
                if len(said) > _MOST_BYTES:
                    raise broken(what, f"it has over {_MOST_BYTES} bytes")
        if reply.status_code == TOO_MANY:
            error = of_reply(what, TOO_MANY, bytes(said))
            raise _BusyError(error, _pause_of(reply.headers.get("retry-after")))
        if not 200 <= reply.status_code < 300:
            raise of_reply(what, reply.status_code, bytes(said))
        if method == "DELETE":
            return None
        try:
            return json.loads(said)
        except (ValueError, RecursionError) as error:
            raise broken(what, "it is no JSON") from error

    def _connections(self) -> "httpx2.Client":
        if self._client is None:
            import httpx2

            from ipfs_kit_py._http.network import Transport

            # Neither proxies nor passwords of the environment are meant for it, and a
            # redirection would take the token elsewhere.
            client = httpx2.Client(
                transport=Transport(None, 4), trust_env=False, follow_redirects=False
            )
            weakref.finalize(self, client.close)
            self._client = client
        return self._client


class _BusyError(Exception):
    """The service asks to be asked later."""

    def __init__(self, error: Exception, pause_seconds: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause_seconds = pause_seconds


def checked_endpoint(endpoint: str) -> str:
    """Check the URL of a service.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        parts = urlsplit(endpoint)
        is_good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    plain = (
        not (parts.query or parts.fragment or "@" in parts.netloc) if is_good else False
    )
    if not plain or parts.scheme not in ("http", "https"):
        raise ConfigurationError(
            "the endpoint of a pinning service is no URL such as https://pin.example.com"
        )
    return endpoint.rstrip("/").removesuffix("/pins")


def checked_token(token: str) -> str:
    """Check a token, without ever showing it.

    Raises:
        ConfigurationError: It can be no header.
    """
    if not token or not all("!" <= char <= "~" for char in token):
        raise ConfigurationError("the token of a pinning service is printable ASCII")
    return token


def _wanted(
    cid: CID | str,
    name: str | None,
    origins: Iterable[str],
    meta: Mapping[str, str] | None,
) -> dict[str, object]:
    found: dict[str, object] = {"cid": str(CID(str(cid)))}
    if name:
        found["name"] = name
    if addresses := list(origins):
        found["origins"] = addresses
    if meta:
        found["meta"] = dict(meta)
    return found


def _below(request_id: str) -> str:
    if not request_id:
        raise InvalidParameterError("a request's key is empty")
    return f"/{quote(request_id, safe='')}"


def _within(
    query: Mapping[str, str], limit: int, after: datetime | None, before: datetime | None
) -> dict[str, str]:
    times = {"after": after, "before": before}
    told = {name: _moment(when) for name, when in times.items() if when is not None}
    return {**query, "limit": str(limit), **told}


def _moment(when: datetime) -> str:
    text = when.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _pause_of(told: str | None) -> float:
    """Read how long to wait: seconds, or a date."""
    if told is None:
        return 0.0
    if told.strip().isdecimal():
        return float(told)
    try:
        when = parsedate_to_datetime(told)
    except ValueError:
        return 0.0
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
