"""Where a gateway or a router is."""

from base64 import b64encode
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ipfs_kit_py import _native
from ipfs_kit_py.errors import ConfigurationError, InvalidMultiaddrError

_HOSTS = ("ip4", "ip6", "dns", "dns4", "dns6")
_SECURE = (["https"], ["tls", "http"])


class Address(NamedTuple):
    """The base of a server's URLs."""

    url: str
    """`https://host:port/path`, with no slash at the end."""
    authorization: str | None = None
    """The header that lets one in, if the URL named a user."""

    def __str__(self) -> str:
        """Show where it is, and no password."""
        return self.url


def parse_address(text: str, suffix: str = "/ipfs") -> Address:
    """Read the URL of a server.

    Args:
        text: What somebody wrote.
        suffix: What people write behind it that is no part of it.

    Raises:
        ConfigurationError: It is no URL of HTTP.
    """
    given = text.strip()
    shown = given.rsplit("@", 1)[-1]
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{shown!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{shown!r} is no URL of a server: http://HOST:PORT")
    if parts.query or parts.fragment or not given.isascii() or not given.isprintable():
        raise ConfigurationError(f"{shown!r} is more, or less, than the URL of a server")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/").removesuffix(suffix).rstrip("/")
    authorization = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(user.encode()).decode()}"
    number = f":{port}" if port is not None else ""
    return Address(f"{parts.scheme}://{host}{number}{path}", authorization)


def url_of_multiaddr(text: str) -> str | None:
    """Give the URL that a multiaddr stands for; `None` if it is not one of HTTP."""
    try:
        parts = _native.multiaddr_parts(text)
    except InvalidMultiaddrError:
        return None
    parts = [(name, value) for name, value in parts if name not in ("p2p", "sni")]
    names = [name for name, _ in parts]
    if len(names) < 3 or names[0] not in _HOSTS or names[1] != "tcp":
        return None
    if names[2:] != ["http"] and names[2:] not in _SECURE:
        return None
    scheme = "https" if names[2:] in _SECURE else "http"
    host, port = parts[0][1] or "", parts[1][1]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
