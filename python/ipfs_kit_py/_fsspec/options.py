"""What file systems are made with, and what they read from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ipfs_kit_py._fsspec.opening import Opened, ReaderAlone, opened, settings
from ipfs_kit_py._fsspec.reading import TreeFileSystem
from ipfs_kit_py._hashing import DEFAULT_PROFILE
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._kit.kit import IpfsKit
    from ipfs_kit_py._repository.reading import Reading

# Options of fsspec's own, for any file system.
_OF_FSSPEC = frozenset(
    {
        *("asynchronous", "loop", "batch_size", "use_listings_cache", "max_paths"),
        *("listings_expiry_time", "skip_instance_cache", "default_block_size"),
    }
)


class KitFileSystem(TreeFileSystem):
    """A file system over a kit, which is opened at the first read.

    Args:
        ipfs_path: Folder of the repository; as configured if not given.
        socket_path: Socket of a Kubo node's API.
        role: `leecher`, `worker` or `master`.
        cache_config: Settings of the cache.
        use_mmap: Whether blocks of the disk cache are shown where they lie.
        enable_metrics: Whether `get_metrics` answers.
        metrics_config: Nothing can be set; an empty table is taken.
        gateway_only: Read from gateways and the cache, and open no repository.
        gateway_urls: Gateways to read from, in their order; `public` for well-known ones.
        use_gateway_fallback: Ask public gateways too if no others are named.
        engine: `auto`, `embedded` or `kubo`.
        offline: Ask nobody beyond this machine.
        api_url: API of a Kubo node.
        api_auth: What its API asks for.
        routing_urls: Delegated routers that find more gateways.
        cid_profile: How files are added.
        timeouts: How long others may take.
        metadata: More settings, as a kit takes them.
        config_path: The configuration file to read.
        kit: A kit that is open already; all settings are its own.
        reader: What reads, instead of a kit: a `Repository`, `kit.reader`.
        cache_type: The cache of files that are opened without saying which: one of
            fsspec's, or `tiered`, which is none but the kit's.
        cache_options: `memory_cache_size`, `disk_cache_size`, `disk_cache_path`.
        **options: fsspec's own.

    Raises:
        InvalidParameterError: An option is unknown, or two exclude each other.
    """

    _SCHEMES: ClassVar[str] = "ipfs://"

    def __init__(
        self,
        ipfs_path: str | None = None,
        socket_path: str | None = None,
        role: str | None = None,
        cache_config: Mapping[str, Any] | None = None,
        use_mmap: bool = True,
        enable_metrics: bool = True,
        metrics_config: Mapping[str, Any] | None = None,
        gateway_only: bool = False,
        gateway_urls: str | Sequence[str] | None = None,
        use_gateway_fallback: bool = False,
        *,
        engine: str | None = None,
        offline: bool | None = None,
        api_url: str | None = None,
        api_auth: str | None = None,
        routing_urls: Sequence[str] | None = None,
        cid_profile: str | None = None,
        timeouts: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        config_path: str | None = None,
        kit: "IpfsKit | None" = None,
        reader: "Reading | None" = None,
        cache_type: str | None = None,
        cache_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Note what is asked for; nothing is opened."""
        given = {
            "ipfs_path": ipfs_path,
            "socket_path": socket_path,
            "role": role,
            "cache_config": cache_config,
            "use_mmap": use_mmap,
            "gateway_urls": gateway_urls,
            "engine": engine,
            "offline": offline,
            "api_url": api_url,
            "api_auth": api_auth,
            "routing_urls": routing_urls,
            "cid_profile": cid_profile,
            "timeouts": timeouts,
        }
        if unknown := sorted(set(options) - _OF_FSSPEC):
            raise InvalidParameterError(f"{unknown[0]!r} is no option of ipfs://")
        if metrics_config:
            raise InvalidParameterError("metrics_config: there is nothing to set")
        if kit is not None and reader is not None:
            raise InvalidParameterError("kit and reader exclude each other")
        found = settings(
            given,
            cache_options,
            gateway_only=gateway_only,
            use_gateway_fallback=use_gateway_fallback,
        )
        if (found or metadata) and (kit is not None or reader is not None):
            name = next(iter(found), "metadata")
            raise InvalidParameterError(
                f"{name} is a setting of the kit or reader that was given"
            )
        self._settings = {**(metadata or {}), **found}
        self._config_path = config_path
        self._gateway_only = gateway_only
        self._is_measured = enable_metrics
        self._given: Opened | None = kit
        if reader is not None:
            self._given = ReaderAlone(reader)
        self.default_cache = None if cache_type == "tiered" else cache_type
        super().__init__(**options)

    @property
    def _opened(self) -> Opened:
        if self._given is None:
            self._given = opened(
                self._settings, self._config_path, gateways_alone=self._gateway_only
            )
        return self._given

    @property
    def reader(self) -> "Reading":
        """What reads."""
        return self._opened.reader

    @property
    def _profile(self) -> str:
        config = getattr(self._opened, "config", None)
        return DEFAULT_PROFILE if config is None else str(config.cid_profile)

    def pin(self, path: str) -> str:
        """Keep what a path leads to, with all below; its CID is returned."""
        return str(self._opened.engine.pin_add(self.checksum(path)))

    def unpin(self, path: str) -> str:
        """Remove the pin of what a path leads to."""
        return str(self._opened.engine.pin_rm(self.checksum(path)))

    def get_pins(self) -> list[str]:
        """List what is pinned."""
        return [str(pin.cid) for pin in self._opened.engine.pin_ls("recursive")]

    def clear_cache(self) -> None:
        """Forget what was read lately, in memory and on the disk."""
        self._readers.clear()
        self._opened.tiered_cache.clear()

    def get_metrics(self) -> dict[str, Any]:
        """Say how often the cache had what was read.

        Raises:
            InvalidParameterError: It was made with `enable_metrics=False`.
        """
        if not self._is_measured:
            raise InvalidParameterError("enable_metrics=False: nothing is told")
        return dict(self._opened.tiered_cache.get_metrics())
