"""The chain that a configuration asks for, and the reader over it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ipfs_kit_py._repository import Repository
from ipfs_kit_py._sources.chain import Chain
from ipfs_kit_py._sources.reader import ChainReader
from ipfs_kit_py._sources.source import RepositorySource, Source

if TYPE_CHECKING:
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._engine.engine import Engine


def local_sources(engine: "Engine") -> list[Source]:
    """List the local node as sources: what it has, and what it finds among others."""
    if isinstance(engine, Repository):
        return [RepositorySource(engine)]
    from ipfs_kit_py._kubo.blocks import Blocks
    from ipfs_kit_py._kubo.source import KuboSource, KuboSwarm

    if not isinstance(engine, Blocks):
        return []
    return [KuboSource(engine), KuboSwarm(engine)]


def reader_for(
    engine: "Engine",
    cache: "TieredCacheManager",
    config: "Config",
    sources: Iterable[Source] = (),
) -> ChainReader:
    """Make what reads out of the cache, the local node, and every source there is.

    Args:
        engine: The local node.
        cache: The tiers above it.
        config: The settings.
        sources: Those of the caller's own.
    """
    repository = engine if isinstance(engine, Repository) else None
    chain = Chain(
        cache,
        [*local_sources(engine), *sources, *_remote(config)],
        offline=config.offline,
        timeout_seconds=config.timeouts.api,
    )
    return ChainReader(
        chain,
        repository,
        resolve=lambda name, rest: "/".join([engine.name_resolve(name), *rest]),
        ahead_bytes=cache.ahead_bytes,
        mapped=config.cache_config.enable_memory_mapping,
    )


def _remote(config: "Config") -> list[Source]:
    """Make the sources that the settings ask for."""
    backend = config.cache_config.external_backends.get("s3")
    section = config.s3cfg
    # The bucket alone is where calls go that name none: a prefix says it has blocks.
    if config.offline or not (backend or (section.bucket and section.prefix)):
        return []
    from ipfs_kit_py._s3.source import source_of

    return [source_of(config, backend)]
