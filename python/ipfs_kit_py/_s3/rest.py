"""Requests that obstore has no words for: lists of any keys, and objects named `folder/`.

obstore refuses a whole list for one key that it cannot hold, such as `a//b`, and takes
the slash off `folder/`, which others use as the mark of an empty folder.
"""

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_plus, urlsplit

from ipfs_kit_py._http.waiting import check, sleep
from ipfs_kit_py._s3.errors import of_reply
from ipfs_kit_py._s3.settings import Settings
from ipfs_kit_py._s3.signing import escaped, query_of, signed
from ipfs_kit_py.errors import TimedOutError, UnreachableError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import httpx2

_PAUSES_SECONDS: Final = (0.1, 0.5)
# A page of a list has a thousand keys of at most a KiB each, escaped.
_MOST_BYTES: Final = 16 << 20


class Listed(NamedTuple):
    """An object as a list has it."""

    key: str
    size: int
    last_modified: float
    """Seconds since 1970."""
    e_tag: str


class Rest:
    """Signed requests to a store.

    Args:
        settings: How to reach it.
    """

    def __init__(self, settings: Settings) -> None:
        import httpx2

        from ipfs_kit_py._http.network import Transport

        self._settings = settings
        self._client = httpx2.Client(transport=Transport(None, 4), trust_env=False)
        # Of a source in a chain nobody says when it is over.
        self._closing = weakref.finalize(self, self._client.close)

    def close(self) -> None:
        """Close the connections."""
        self._closing()

    def objects(self, bucket: str, prefix: str) -> Iterator[Listed]:
        """Iterate over the objects whose keys begin with some text, in order."""
        what = f"listing s3://{bucket}/{prefix}"
        token: str | None = None
        while True:
            query = {"list_type": "2", "encoding_type": "url", "prefix": prefix}
            if token is not None:
                query["continuation_token"] = token
            body = self._ask(what, "GET", bucket, "", query_of(**query))
            page, following = _page(what, body)
            yield from page
            if following is None:
                return
            if following == token:
                raise UnreachableError(f"{what}: the store goes round in a circle")
            token = following

    def put_mark(self, bucket: str, key: str) -> None:
        """Put an empty object, whose key may end with a slash."""
        self._ask(f"making s3://{bucket}/{key}", "PUT", bucket, key, "")

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, whatever its key is."""
        self._ask(f"removing s3://{bucket}/{key}", "DELETE", bucket, key, "")

    def _ask(self, what: str, method: str, bucket: str, key: str, query: str) -> bytes:
        for pause in _PAUSES_SECONDS:
            try:
                return self._ask_once(what, method, bucket, key, query)
            except UnreachableError:
                # All that is asked here may be asked twice.
                sleep(pause)
        return self._ask_once(what, method, bucket, key, query)

    def _ask_once(
        self, what: str, method: str, bucket: str, key: str, query: str
    ) -> bytes:
        import httpcore2
        import httpx2

        check()
        try:
            with self._client.stream(
                method,
                url := self._url(bucket, key, query),
                headers=self._headers(method, url),
                extensions={"timeout": self._timeouts()},
                content=b"" if method == "PUT" else None,
            ) as reply:
                body = _whole(what, reply)
        except (httpcore2.TimeoutException, httpx2.TimeoutException) as error:
            raise TimedOutError(f"{what}: the store does not answer in time") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise UnreachableError(f"{what}: {error}") from error
        except (httpx2.TransportError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise UnreachableError(f"{what}: {error}") from error
        if reply.status_code >= 300:
            raise of_reply(what, reply.status_code, body.decode("utf-8", "replace"))
        return body

    def _timeouts(self) -> dict[str, float]:
        stall = self._settings.stall_seconds
        return {
            "connect": self._settings.connect_seconds,
            "read": stall,
            "write": stall,
            "pool": stall,
        }

    def _url(self, bucket: str, key: str, query: str) -> "httpx2.URL":
        import httpx2

        base = urlsplit(self._settings.base_of(bucket))
        # As it is signed: httpx would escape less, and take `..` out.
        target = f"{base.path}/{escaped(key)}" if key else base.path or "/"
        raw = f"{target}?{query}" if query else target
        url = httpx2.URL(scheme=base.scheme, host=base.hostname or "", port=base.port)
        return url.copy_with(raw_path=raw.encode())

    def _headers(self, method: str, url: "httpx2.URL") -> dict[str, str]:
        settings = self._settings
        return signed(
            method,
            url.netloc.decode(),
            url.raw_path.partition(b"?")[0].decode(),
            url.query.decode(),
            b"",
            settings.credentials,
            settings.region,
        )


def _whole(what: str, reply: "httpx2.Response") -> bytes:
    body = bytearray()
    for piece in reply.iter_raw():
        body += piece
        if len(body) > _MOST_BYTES:
            raise UnreachableError(f"{what}: a reply of over {_MOST_BYTES} bytes")
    return bytes(body)


def _page(what: str, body: bytes) -> tuple[list[Listed], str | None]:
    """Take a page of a list apart: its objects, and how to ask for the next page."""
    from xml.etree import ElementTree

    # What this parser is known to be attacked with begins with one of these.
    is_odd = b"<!DOCTYPE" in body or b"<!ENTITY" in body
    try:
        root = ElementTree.fromstring(b"" if is_odd else body)  # noqa: S314 - see above
        # Of the namespace, stores have their own opinions.
        space = root.tag.partition("}")[0] + "}" if "}" in root.tag else ""
        if root.tag != f"{space}ListBucketResult":
            raise ValueError(f"it is no list, but {root.tag[:40]!r}")  # noqa: TRY301 - as those of `_listed`
        plain = root.findtext(f"{space}EncodingType") != "url"
        found = [_listed(it, space, plain=plain) for it in root.iter(f"{space}Contents")]
    except (ElementTree.ParseError, ValueError) as error:
        raise UnreachableError(f"{what}: the reply is broken: {error}") from error
    if root.findtext(f"{space}IsTruncated") != "true":
        return found, None
    following = root.findtext(f"{space}NextContinuationToken")
    if not following:
        raise UnreachableError(f"{what}: the reply does not say how to go on")
    return found, following


def _listed(entry: "Element", space: str, *, plain: bool) -> Listed:
    from datetime import datetime

    def text(name: str) -> str:
        return entry.findtext(f"{space}{name}") or ""

    key = text("Key") if plain else unquote_plus(text("Key"))
    when = datetime.fromisoformat(text("LastModified"))
    return Listed(key, int(text("Size")), when.timestamp(), text("ETag").strip('"'))
