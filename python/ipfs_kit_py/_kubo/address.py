"""Where a Kubo node's RPC API is, said by a URL, a multiaddr, a socket or its folder."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py.errors import (
    ConfigurationError,
    EngineUnavailableError,
    InvalidMultiaddrError,
)

_HOSTS = ("ip4", "ip6", "dns", "dns4", "dns6")
# Who listens everywhere is reached at home; not every system connects to "everywhere".
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound
_FORMS = (
    "http://HOST:PORT, https://HOST:PORT, /ip4/ADDRESS/tcp/PORT, /dns4/NAME/tcp/PORT,"
    " /unix/PATH or unix:///PATH"
)


class Address(NamedTuple):
    """How to reach an RPC API."""

    url: str
    """`http://host:port`, with no slash at the end."""
    socket: str | None = None
    """The unix socket to speak through; the host of `url` means nothing then."""
    auth: str | None = None
    """`basic:USER:PASSWORD`, if the URL said so."""

    def __str__(self) -> str:
        """Show where it is, and no password."""
        return self.url if self.socket is None else f"unix://{self.socket}"


def parse_address(text: str) -> Address:
    """Read the address of an RPC API in any form that Kubo's users write.

    Raises:
        ConfigurationError: It has none of these forms.
    """
    given = text.strip()
    for prefix in ("unix://", "/unix/"):
        if given.startswith(prefix):
            return _socket(given.removeprefix(prefix), text)
    if given.startswith("/"):
        return _of_multiaddr(given)
    return _of_url(given)


def address_of_socket(path: StrPath) -> Address:
    """Give the address of a unix socket."""
    return Address("http://localhost", str(path))


def address_of_repository(folder: StrPath) -> Address:
    """Read where the daemon on a Kubo repository listens, as Kubo's own tools do.

    Raises:
        EngineUnavailableError: No daemon has said so.
    """
    note = Path(folder) / "api"
    try:
        text = note.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EngineUnavailableError(
            f"no Kubo daemon runs on {folder}: start one (`ipfs-kit daemon start`,"
            " `ipfs daemon`), or use the setting engine=embedded"
        ) from error
    try:
        return parse_address(text)
    except ConfigurationError as error:
        raise EngineUnavailableError(f"{note} names no address: {error}") from error


def gateway_of_repository(folder: StrPath) -> str | None:
    """Read where the gateway of the daemon on a Kubo repository is, if it has any."""
    try:
        text = (Path(folder) / "gateway").read_text(encoding="utf-8")
        return parse_address(text).url
    except (OSError, UnicodeDecodeError, ConfigurationError):
        return None


def _socket(path: str, text: str) -> Address:
    # Multiaddrs of sockets are written with one slash and with two.
    path = "/" + unquote(path).lstrip("/")
    if path == "/":
        raise _unknown(text)
    return Address("http://localhost", path)


def _of_multiaddr(text: str) -> Address:
    try:
        parts = _native.multiaddr_parts(text)
    except InvalidMultiaddrError as error:
        raise _unknown(text) from error
    names = [name for name, _ in parts]
    if len(parts) < 2 or names[0] not in _HOSTS or names[1] != "tcp":
        raise _unknown(text)
    if names[2:] not in ([], ["http"], ["https"], ["tls", "http"]):
        raise _unknown(text)
    scheme = "https" if {"https", "tls"} & set(names) else "http"
    host, port = parts[0][1] or "", parts[1][1]
    host = _EVERYWHERE.get(host, host)
    return Address(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")


def _of_url(text: str) -> Address:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _unknown(text) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _unknown(text)
    host = _EVERYWHERE.get(parts.hostname, parts.hostname)
    host = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/api/v0")
    auth = None
    if parts.username is not None:
        auth = f"basic:{unquote(parts.username)}:{unquote(parts.password or '')}"
    number = f":{port}" if port is not None else ""
    return Address(f"{parts.scheme}://{host}{number}{path}", None, auth)


def _unknown(text: str) -> ConfigurationError:
    shown = text.rsplit("@", 1)[-1]
    return ConfigurationError(f"{shown!r} is no address of an RPC API: {_FORMS}")
