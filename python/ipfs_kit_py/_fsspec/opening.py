"""What a file system reads from: opened at the first read, shared by equals."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from ipfs_kit_py.errors import (
    ComponentUnavailableError,
    InvalidParameterError,
    RepositoryClosedError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._kit.kit import IpfsKit
    from ipfs_kit_py._repository.reading import Reading
    from ipfs_kit_py._sources import ChainReader

_SETTINGS = (
    *("ipfs_path", "socket_path", "api_url", "api_auth", "role", "engine", "offline"),
    *("cid_profile", "gateway_urls", "routing_urls", "timeouts"),
)
# What fsspec's own file caches are called is its business: these are sizes of ours.
_CACHE_SIZES = {"memory_cache_size", "disk_cache_size", "disk_cache_path"}


class Opened(Protocol):
    """Where bytes come from."""

    @property
    def reader(self) -> "Reading":
        """What reads."""

    @property
    def engine(self) -> "Engine":
        """What writes."""

    @property
    def tiered_cache(self) -> "TieredCacheManager":
        """What was read lately."""


class ReaderAlone:
    """A reader that somebody else opened, and nothing to write to."""

    def __init__(self, reader: "Reading") -> None:
        """Keep it."""
        from ipfs_kit_py._repository import Repository

        self._reader = reader
        self._repository = reader if isinstance(reader, Repository) else None

    @property
    def reader(self) -> "Reading":
        """What reads.

        Raises:
            RepositoryClosedError: It was closed, whatever of it is still at hand.
        """
        if self._repository is not None and self._repository.closed:
            raise RepositoryClosedError("the repository was closed: open it anew")
        return self._reader

    @property
    def engine(self) -> "Engine":
        """What writes, if it is a repository that reads."""
        if self._repository is None:
            raise _no("engine")
        return self._repository  # type: ignore[return-value] # all that is written here

    @property
    def tiered_cache(self) -> "TieredCacheManager":
        """Refuse."""
        raise _no("cache")


class GatewaysAlone:
    """Gateways and a cache, and no repository."""

    def __init__(self, metadata: Mapping[str, Any], config_path: str | None) -> None:
        """Read the settings."""
        from ipfs_kit_py._cache.manager import TieredCacheManager
        from ipfs_kit_py._config import load
        from ipfs_kit_py._sources import reader_for

        config = load(dict(metadata), config_path).config
        self.tiered_cache = TieredCacheManager.for_settings(config.cache_config)
        self.reader: ChainReader = reader_for(None, self.tiered_cache, config)

    @property
    def engine(self) -> "Engine":
        """Refuse."""
        raise _no("engine")


def _no(what: str) -> ComponentUnavailableError:
    return ComponentUnavailableError(f"this file system was made without {what}")


_VARIABLES = ("IPFS_", "XDG_", "AWS_", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")
_KITS: "WeakValueDictionary[str, IpfsKit | GatewaysAlone]" = WeakValueDictionary()


def opened(
    metadata: Mapping[str, Any], config_path: str | None, *, gateways_alone: bool
) -> "IpfsKit | GatewaysAlone":
    """Open what settings name, or give what others with the same settings have open."""
    # What is not given comes out of variables and of files that they lead to.
    around = {name: it for name, it in os.environ.items() if name.startswith(_VARIABLES)}
    parts = [metadata, config_path, gateways_alone, around]
    key = json.dumps(parts, sort_keys=True, default=str)
    found = _KITS.get(key)
    if found is None:
        if gateways_alone:
            found = GatewaysAlone(metadata, config_path)
        else:
            from ipfs_kit_py._kit.kit import IpfsKit

            found = IpfsKit(metadata=metadata, config_path=config_path)
        # Of two threads that come here at once, both get the same.
        found = _KITS.setdefault(key, found)
    return found


def settings(
    given: Mapping[str, Any],
    cache_options: Mapping[str, Any] | None,
    *,
    gateway_only: bool,
    use_gateway_fallback: bool,
) -> dict[str, Any]:
    """Give a kit's settings for the arguments of a file system."""
    wrong = sorted(set(cache_options or ()) - _CACHE_SIZES)
    if wrong:
        raise InvalidParameterError(
            f"cache_options: {wrong[0]!r} is none of {', '.join(sorted(_CACHE_SIZES))}"
        )
    found = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    cache = dict(given.get("cache_config") or {}) | dict(cache_options or {})
    if not given.get("use_mmap", True):
        cache["enable_memory_mapping"] = False
    if cache:
        found["cache_config"] = cache
    if isinstance(found.get("gateway_urls"), str):
        found["gateway_urls"] = [found["gateway_urls"]]
    if (gateway_only or use_gateway_fallback) and found.get("gateway_urls") is None:
        found["gateway_urls"] = ["public"]
    if gateway_only and found.get("offline"):
        raise InvalidParameterError("gateway_only and offline exclude each other")
    return found
