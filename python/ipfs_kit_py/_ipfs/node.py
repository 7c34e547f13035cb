"""A node: a configuration and the engine that it names."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._cache.manager import TieredCacheManager
from ipfs_kit_py._closing import Closing
from ipfs_kit_py._config import Config, Loaded, load
from ipfs_kit_py._engine import open_engine
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSPath, Repository
from ipfs_kit_py.errors import BlockNotFoundError

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._sources import ChainReader, Source


class Node(Closing):
    """What all operations stand on.

    Args:
        resources: Limits, as `metadata["resources"]`.
        metadata: Settings over those of the environment and the configuration file.
        engine: An engine that is open already, and stays open; `config` belongs to it.
        config: A configuration that is loaded already.
        cache: A cache that others use too.
        sources: Where blocks come from that are not here, beside those of the settings.
    """

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        engine: "Engine | None" = None,
        config: Loaded | None = None,
        cache: TieredCacheManager | None = None,
        sources: "Iterable[Source]" = (),
    ) -> None:
        self._loaded = config or load(with_resources(metadata, resources))
        self._owns_engine = engine is None
        self._engine: Engine = engine or open_engine(self._loaded.config)
        settings = self._loaded.config.cache_config
        self._owns_cache = cache is None
        self._cache = cache or TieredCacheManager.for_settings(settings)
        self._sources = tuple(sources)
        self._cache.loads_by(self._small_file)

    @cached_property
    def _reader(self) -> "ChainReader":
        from ipfs_kit_py._sources import reader_for

        config = self._loaded.config
        return reader_for(self._engine, self._cache, config, self._sources)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle all but what reads: whoever unpickles it makes that anew."""
        return {name: it for name, it in vars(self).items() if name != "_reader"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the rest over."""
        vars(self).update(state)
        self._cache.loads_by(self._small_file)

    @property
    def engine(self) -> "Engine":
        """Who keeps the blocks, pins and names."""
        return self._engine

    @property
    def cache(self) -> TieredCacheManager:
        """What was read lately."""
        return self._cache

    @property
    def reader(self) -> "ChainReader":
        """What reads, out of the engine and every other source."""
        return self._reader

    @property
    def config(self) -> Config:
        """The settings."""
        return self._loaded.config

    def close(self) -> None:
        """Let go of the repository; closing twice is no error."""
        if "_reader" in vars(self):
            self._reader.close()
        if self._owns_cache:
            self._cache.close()
        if self._owns_engine:
            self._engine.close()

    def _small_file(self, key: str) -> bytes | None:
        """Read a file that may be kept in memory."""
        if self._reader.stat(key).size > self._cache.memory_cache.max_item:
            return None
        return self._reader.cat(key)

    @property
    def _profile(self) -> str:
        return self._loaded.config.cid_profile


def with_resources(
    metadata: Mapping[str, Any] | None, resources: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Put limits that were given apart among the other settings."""
    given = dict(metadata or {})
    if resources:
        given["resources"] = {**resources, **given.get("resources", {})}
    return given


def text_of(path: IPFSPath) -> str:
    """Give a path or CID as text."""
    return path if isinstance(path, str) else str(path)


def both(cid: CID, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - sizes and names
    """Give values under the names of both worlds: `cid` and `Hash`, `size` and `Size`."""
    found = {"cid": str(cid), "Hash": str(cid)}
    for name, value in values.items():
        found |= {name: value, name.capitalize(): value}
    return found


def content_of(
    node: Node, path: IPFSPath, offset: int = 0, length: int | None = None
) -> bytes:
    """Read a file, or a range of it, from memory if it was read whole before."""
    reader, cache, name = node.reader, node.cache, _plain_cid(path)
    if name is None or offset < 0 or (length is not None and length < 0):
        return reader.cat(path, offset, length)
    is_whole = offset == 0 and length is None
    known = cache.get_in_memory(name)
    if known is None:
        data = reader.cat(path, offset, length)
        if is_whole:
            cache.put_in_memory(name, data)
        return data
    if is_whole:
        return known
    return known[offset : None if length is None else offset + length]


def pinned(
    node: Node, path: IPFSPath, *, recursive: bool = True, name: str | None = None
) -> CID:
    """Pin something; what is not here is fetched, if there is anyone to ask for it."""
    engine, reader = node.engine, node.reader
    try:
        return engine.pin_add(path, recursive=recursive, name=name)
    except BlockNotFoundError:
        # A Kubo node has looked for it already.
        if not (recursive and reader.is_remote and isinstance(engine, Repository)):
            raise
    from ipfs_kit_py._sources.pull import pull

    seconds = node.config.timeouts.api
    return pull(engine, reader.sources, path, name=name, timeout_seconds=seconds).cid


def _plain_cid(path: IPFSPath) -> str | None:
    """Give the text of a CID that stands for itself; `None` for any longer path."""
    if not isinstance(path, str):
        return str(path)
    name = path.removeprefix("/ipfs/").removeprefix("ipfs://")
    return None if "/" in name or ":" in name else name
