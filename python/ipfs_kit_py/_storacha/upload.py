"""Sending shards to a service, each at most once."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from ipfs_kit_py._hashing import ProgressCallback
from ipfs_kit_py._http.waiting import sleep
from ipfs_kit_py._native import CID
from ipfs_kit_py._storacha.bridge import Task, run
from ipfs_kit_py._storacha.errors import broken, of_status
from ipfs_kit_py._storacha.settings import Settings, said
from ipfs_kit_py._storacha.wire import Wire
from ipfs_kit_py.errors import UnreachableError

_PAUSES_SECONDS: Final = (0.2, 1.0)
_MOST_BYTES: Final = 1 << 20
_SHOWN: Final = 100
_CODE: Final = re.compile(r"<Code>(\w{1,100})</Code>")
# What belongs to the connection is not for the service to say.
_OURS: Final = ("content-length", "host", "connection", "transfer-encoding", "expect")


class Piece(Protocol):
    """A CAR that can be read again and again."""

    cid: CID
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes, from the beginning."""

    def close(self) -> None:
        """Let go of it."""


class Sent(NamedTuple):
    """What was uploaded."""

    shards: list[CID]
    size: int
    """Bytes of all shards."""
    sent_bytes: int
    """Bytes of those that were not there."""


class Uploader:
    """Sends shards into a space.

    Args:
        wire: The connections.
        settings: How to reach the service.
        space: The DID of the space.
        progress: Called with bytes and shards that the service has so far.
    """

    def __init__(
        self,
        wire: Wire,
        settings: Settings,
        space: str,
        progress: ProgressCallback | None = None,
    ) -> None:
        self._wire = wire
        self._settings = settings
        self._space = space
        self._tell = progress or _untold

    def send(self, pieces: "Iterable[Piece]") -> Sent:
        """Send all that the service does not have.

        Raises:
            IPFSError: One could not be sent; those before it are there.
        """
        shards: list[CID] = []
        size = sent = 0
        for piece in pieces:
            try:
                sent += self._send(piece, size, len(shards))
            finally:
                piece.close()
            # The same blocks may come twice, in a list of files.
            if piece.cid not in shards:
                shards.append(piece.cid)
            size += piece.size
            self._tell(size, len(shards))
        return Sent(shards, size, sent)

    def _send(self, piece: Piece, before: int, shards: int) -> int:
        """Send a shard, unless it is there; tell how many bytes were sent."""
        what = f"uploading {piece.cid}"
        task = Task("store/add", self._space, {"link": piece.cid, "size": piece.size})
        for pause in (*_PAUSES_SECONDS, None):
            # The service says where to, and not for long: it is asked each time.
            told, is_public = run(self._wire, self._settings, task)
            if told.get("status") == "done":
                return 0
            url, headers = self._target(what, told)
            try:
                counted = _counted(piece.pieces(), self._tell, before, shards)
                headers["Content-Length"] = str(piece.size)
                self._put(what, url, headers, counted, public_only=is_public)
                break
            except UnreachableError as error:
                if pause is None or not error.recoverable:
                    raise
                sleep(pause)
        return piece.size

    def _put(
        self,
        what: str,
        url: str,
        headers: dict[str, str],
        content: Iterator[bytes],
        *,
        public_only: bool,
    ) -> None:
        stall = self._settings.stall_seconds
        with self._wire.ask(
            what, "PUT", url, headers, stall, content, public_only=public_only
        ) as reply:
            text = reply.read(_MOST_BYTES).decode("utf-8", "replace")
        if not 200 <= reply.status < 300:
            raise of_status(what, reply.status, _reason(text, url))

    def _target(self, what: str, told: dict[str, Any]) -> tuple[str, dict[str, str]]:
        """Give where to put a shard, and with which headers."""
        url, headers = told.get("url"), told.get("headers") or {}
        if told.get("status") != "upload" or not isinstance(url, str):
            raise broken(what, "it does not say where to")
        try:
            parts = urlsplit(url)
            is_good = bool(parts.hostname) and parts.port != 0 and url.isprintable()
        except ValueError:
            is_good = False
        if not is_good or parts.scheme not in ("http", "https"):
            raise broken(what, "it says to put it to what is no URL")
        endpoint = self._settings.endpoint or ""
        if endpoint.startswith("https:") and parts.scheme != "https":
            raise broken(what, "it says to put it where nothing is encrypted")
        if not isinstance(headers, dict) or not all(map(_is_header, headers.items())):
            raise broken(what, "its headers are none")
        return url, {k: v for k, v in headers.items() if k.lower() not in _OURS}


def _reason(text: str, url: str) -> str:
    """Give why a store does not take something, as far as it can be shown.

    What it says may hold the address, with its signature, or what was signed.
    """
    if text.lstrip().startswith("<"):
        code = _CODE.search(text)
        return code[1] if code else ""
    return said(text, {"url": url, "query": urlsplit(url).query or url})[:_SHOWN]


def _is_header(item: tuple[object, object]) -> bool:
    return all(isinstance(it, str) and it.isascii() and it.isprintable() for it in item)


def _counted(
    pieces: Iterator[bytes], tell: ProgressCallback, before: int, shards: int
) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        before += len(piece)
        tell(before, shards)


def _untold(done_bytes: int, shards: int) -> None:
    del done_bytes, shards
