"""Which gateways to use: those of the settings, or where IPIP-280 says that they stand.

The first place that names any decides: the settings, the variable `IPFS_GATEWAY`, a file
`gateway` in the repository's folder, in `~/.ipfs`, in the user's and in the system's
folders for settings. Kubo writes such a file when its daemon starts. There is no default
beyond that, least of all a public one.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config

PUBLIC: Final = "public"
"""What to write in the settings to use well-known public servers."""
PUBLIC_GATEWAYS: Final = ("https://trustless-gateway.link", "https://ipfs.io")
PUBLIC_ROUTERS: Final = ("https://delegated-ipfs.dev",)
_MOST_FILE_BYTES: Final = 64 << 10


def find_gateways(config: "Config", *, in_files: bool = True) -> tuple[str, ...]:
    """List the URLs of the gateways to use, in order; none is a good answer.

    Args:
        config: The settings.
        in_files: Whether to look for files beyond those of the settings.
    """
    if config.gateway_urls is not None:
        return _named(config.gateway_urls, PUBLIC_GATEWAYS)
    said = os.environ.get("IPFS_GATEWAY", "").split()
    if said and (found := _valid(said, "IPFS_GATEWAY")):
        return found
    for path in _files(config.ipfs_path) if in_files else ():
        if (lines := _lines(path)) and (found := _valid(lines, str(path))):
            return found
    return ()


def find_routers(config: "Config") -> tuple[str, ...]:
    """List the URLs of the delegated routers to use."""
    return _named(config.routing_urls, PUBLIC_ROUTERS)


def _named(urls: Iterable[str], public: tuple[str, ...]) -> tuple[str, ...]:
    named = (public if url.strip() == PUBLIC else (url,) for url in urls)
    return tuple(dict.fromkeys(url for group in named for url in group))


def _valid(said: Iterable[str], where: str) -> tuple[str, ...]:
    """Keep what are URLs: what another program wrote must not stop this one."""
    from ipfs_kit_py._gateways.address import parse_address

    found = []
    for url in said:
        try:
            parse_address(url)
        except ConfigurationError as error:
            import logging

            logging.getLogger("ipfs_kit_py").warning("%s: %s", where, error)
        else:
            found.append(url)
    return tuple(dict.fromkeys(found))


def _files(ipfs_path: str) -> Iterator[Path]:
    folders = [ipfs_path, os.environ.get("IPFS_PATH")]
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    if home:
        folders.append(f"{home}/.ipfs")
    if sys.platform == "win32":
        names = ("LOCALAPPDATA", "APPDATA", "PROGRAMDATA")
        folders += [f"{os.environ[name]}/ipfs" for name in names if name in os.environ]
    elif sys.platform == "darwin":
        settings = "Library/Application Support/ipfs"
        folders += [f"{home}/{settings}" if home else None, f"/{settings}"]
    else:
        own = os.environ.get("XDG_CONFIG_HOME")
        folders += [f"{own}/ipfs" if own else None]
        folders += [f"{home}/.config/ipfs" if home else None, "/etc/ipfs"]
    for folder in dict.fromkeys(filter(None, folders)):
        yield Path(folder) / "gateway"


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_FILE_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError):
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
