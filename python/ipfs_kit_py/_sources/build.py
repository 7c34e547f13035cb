"""The chain that a configuration asks for, and the reader over it."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from ipfs_kit_py._repository import Repository
from ipfs_kit_py._sources.chain import Chain
from ipfs_kit_py._sources.reader import ChainReader
from ipfs_kit_py._sources.source import Connected, RepositorySource, Source
from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._engine.engine import Engine


def local_sources(engine: "Engine | Repository | None") -> list[Source]:
    """List the local node as sources: what it has, and what it finds among others."""
    if isinstance(engine, Repository):
        return [RepositorySource(engine)]
    from ipfs_kit_py._kubo.blocks import Blocks
    from ipfs_kit_py._kubo.source import KuboSource, KuboSwarm

    node: object = engine
    return [KuboSource(node), KuboSwarm(node)] if isinstance(node, Blocks) else []


def reader_for(
    engine: "Engine | Repository | None",
    cache: "TieredCacheManager",
    config: "Config",
    sources: Iterable[Source] = (),
) -> ChainReader:
    """Make what reads out of the cache, the local node, and every source there is.

    Args:
        engine: The local node, if there is one.
        cache: The tiers above it.
        config: The settings.
        sources: Those of the caller's own.
    """
    repository = engine if isinstance(engine, Repository) else None
    remote = remote_sources(config, engine)
    chain = Chain(
        cache,
        [*local_sources(engine), *sources, *remote],
        offline=config.offline,
        timeout_seconds=config.timeouts.api,
    )
    return ChainReader(
        chain,
        repository,
        resolve=None if engine is None else partial(_resolved, engine),
        ahead_bytes=cache.ahead_bytes,
        mapped=config.cache_config.enable_memory_mapping,
        closed_with=remote,
    )


def _resolved(engine: "Engine | Repository", name: str, rest: list[str]) -> str:
    return "/".join([engine.name_resolve(name), *rest])


def remote_sources(
    config: "Config", engine: "Engine | Repository | None" = None
) -> list[Connected]:
    """Make the sources beyond this machine that the settings name; none when offline."""
    if config.offline:
        return []
    # The gateway that a Kubo node leaves a note of is that node.
    is_own = engine is None or isinstance(engine, Repository)
    return [*_gateways(config, in_files=is_own), *_backends(config)]


def _gateways(config: "Config", *, in_files: bool) -> list[Connected]:
    from ipfs_kit_py._gateways import GatewaySource, find_gateways, find_routers

    urls, routers = find_gateways(config, in_files=in_files), find_routers(config)
    if not urls and not routers:
        return []
    return [
        GatewaySource(
            urls,
            routing_urls=routers,
            stall_seconds=config.timeouts.gateway,
            connect_seconds=config.timeouts.peer_connect,
        )
    ]


def _backends(config: "Config") -> list[Connected]:
    backends = config.cache_config.external_backends
    if unknown := sorted(backends.keys() - {"s3", "storacha"}):
        raise ConfigurationError(
            f"cache_config.external_backends: {unknown[0]!r} is no source of this "
            "version, which has s3 and storacha"
        )
    return [
        *_services(config, backends.get("storacha")),
        *_buckets(config, backends.get("s3")),
    ]


def _services(config: "Config", backend: object) -> list[Connected]:
    if backend is None and config.storacha.gateway is None:
        return []
    from ipfs_kit_py._storacha.reading import source_of

    return [source_of(config, backend)]


def _buckets(config: "Config", backend: object) -> list[Connected]:
    section = config.s3cfg
    # The bucket alone is where calls go that name none: a prefix says it has blocks.
    if not (backend or (section.bucket and section.prefix)):
        return []
    from ipfs_kit_py._s3.source import source_of

    return [source_of(config, backend)]
