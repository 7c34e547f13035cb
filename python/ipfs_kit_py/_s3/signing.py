"""Signatures of requests: AWS's version 4, for requests whose body is small."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote

from ipfs_kit_py._s3.settings import Credentials

_UNRESERVED = "-_.~"


def escaped(key: str) -> str:
    """Escape a key for the path of a URL, as it is signed."""
    return quote(key, safe=f"/{_UNRESERVED}")


def query_of(**values: str) -> str:
    """Write a query in the order in which it is signed."""
    pairs = sorted((name.replace("_", "-"), value) for name, value in values.items())
    return "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in pairs)


def signed(
    method: str,
    host: str,
    path: str,
    query: str,
    body: bytes,
    credentials: Credentials | None,
    region: str,
    *,
    now: datetime | None = None,
) -> dict[str, str]:
    """Give the headers of a request.

    Args:
        method: GET, PUT or another.
        host: The host and port of the URL.
        path: Its path, escaped.
        query: Its query, escaped and in order.
        body: What is sent.
        credentials: The key; `None` to sign nothing.
        region: The store's region.
        now: When it is sent.
    """
    if credentials is None:
        return {}
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    content = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": content, "x-amz-date": moment}
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    request = "\n".join([method, path, query, *lines, "", names, content])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, digest])
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, text).hex()
    del headers["host"]
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), "sha256").digest()
