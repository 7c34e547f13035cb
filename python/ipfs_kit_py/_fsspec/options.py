"""What file systems are made with, and what they read from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._fsspec.metrics import Meter, analysis, measured, performance
from ipfs_kit_py._fsspec.opening import Opened, ReaderAlone, opened, settings
from ipfs_kit_py._fsspec.reading import TreeFileSystem
from ipfs_kit_py._hashing import DEFAULT_PROFILE
from ipfs_kit_py.errors import ComponentUnavailableError, InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._kit.kit import IpfsKit
    from ipfs_kit_py._repository import AddResult
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
        enable_metrics: Whether calls are counted, for `get_metrics` and its like.
        metrics_config: `recent`: how many of the last calls of each kind latencies are
            told of; 1,024 if not given.
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
        meter = Meter(metrics_config or {})
        self.meter = meter if enable_metrics else None
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

    @measured("add", lambda done: int(done.size))
    def add_to_store(self, source: Any, **options: Any) -> "AddResult":
        """Add what `kit.ipfs.add` takes, and say what became of it."""
        # Also says of a reader that it has nobody to write to.
        engine = self._opened.engine
        if not hasattr(engine, "add"):
            raise ComponentUnavailableError("this file system has nobody to add to")
        return engine.add(source, **options)

    def get_metrics(self) -> dict[str, Any]:
        """Say what was done so far, and how well the cache worked.

        Returns:
            `operations`: of each kind of call (`cat_file`, `cat_ranges`, `open`, `read`
            of open files, `info`, `ls`, `find`, `add`, `change` of the mutable tree)
            `count`, `errors`, `bytes`, `seconds`, `remote` (how many waited for others
            than this machine), `p50_ms` and `p95_ms` of the last of them; and what
            `get_metrics` of the kit's cache says, if there is one.

        Raises:
            InvalidParameterError: It was made with `enable_metrics=False`.
        """
        operations = self._meter_there.show()
        return {**(self._cache_metrics() or {}), "operations": operations}

    def get_performance_metrics(self) -> dict[str, Any]:
        """Sum up what was read, and how fast.

        Returns:
            `reads`, `bytes_read`, `read_seconds`, `bytes_per_second`, `mean_read_bytes`,
            `errors`; `latency_ms`: `p50` and `p95` of each kind of call; `answered`: how
            many reads `here` and how many `remote`; `tiers`: what the cache had, or
            `None`.
        """
        return performance(self._meter_there.show(), self._cache_metrics())

    def analyze_metrics(self) -> dict[str, Any]:
        """Say what takes the time.

        Returns:
            `summary`: what `get_performance_metrics` says; `slowest`: the kind of call
            with the highest `p95`, or `None`; `remote_share` of reads (0 to 1); `advice`:
            sentences, where the numbers give cause for any.
        """
        summary = self.get_performance_metrics()
        return {"summary": summary, **analysis(summary)}

    @property
    def _meter_there(self) -> Meter:
        if self.meter is None:
            raise InvalidParameterError("enable_metrics=False: nothing is counted")
        return self.meter

    def _cache_metrics(self) -> dict[str, Any] | None:
        try:
            return dict(self._opened.tiered_cache.get_metrics())
        except ComponentUnavailableError:
            return None
