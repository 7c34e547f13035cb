"""`IpfsKit`: one configuration, one repository, and the components of a role over it."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from ipfs_kit_py._cache.manager import TieredCacheManager
from ipfs_kit_py._closing import Closing
from ipfs_kit_py._config import Loaded, load
from ipfs_kit_py._engine import open_engine
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._ipfs.node import with_resources
from ipfs_kit_py._kit.configuring import Configuring
from ipfs_kit_py._kit.content import Content
from ipfs_kit_py._kit.learning import GATED, Learning, switched_off
from ipfs_kit_py._kit.methods import METHODS, PARTS
from ipfs_kit_py._kit.remote_pinning import RemotePinning
from ipfs_kit_py._kit.roles import RoleName, roles_with
from ipfs_kit_py._kit.running import Running
from ipfs_kit_py.errors import ComponentUnavailableError, RoleError
from ipfs_kit_py.ipfs import ipfs_py

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._fsspec.options import KitFileSystem
    from ipfs_kit_py._repository import Repository
    from ipfs_kit_py._s3.kit import S3Kit
    from ipfs_kit_py._sources import ChainReader, Source
    from ipfs_kit_py._storacha.kit import StorachaKit
    from ipfs_kit_py.ipget import Ipget

_told: set[str] = set()


class IpfsKit(Content, Configuring, Learning, RemotePinning, Running, Closing):
    """The kit: what a node of its role can do, behind one object.

    It opens the repository and starts no process; a component starts what it manages at
    its first call or in `ipfs_kit_start`. Any number of kits, threads and processes may
    use one repository.

    Args:
        resources: Limits, such as `{"max_storage": "10GB"}`.
        metadata: Settings, over those of the environment and the configuration file.
        enable_libp2p: As in `metadata`, which has the last word.
        enable_cluster_management: The same.
        enable_metadata_index: The same.
        config_path: The configuration file to read.
        sources: Where blocks come from that are not here, beside those of the settings.

    Attributes:
        ipfs: Content, pins, names and mutable files.
        tiered_cache: What was read lately, in memory and on the disk.
        metadata: The settings that were given.

    Raises:
        ConfigurationError: A setting is unknown or of the wrong type.
        EngineUnavailableError: The repository belongs to an engine that is not there.
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        enable_libp2p: bool = False,
        enable_cluster_management: bool = False,
        enable_metadata_index: bool = False,
        *,
        config_path: StrPath | None = None,
        sources: "Iterable[Source]" = (),
    ) -> None:
        flags = {
            "enable_libp2p": enable_libp2p,
            "enable_cluster_management": enable_cluster_management,
            "enable_metadata_index": enable_metadata_index,
        }
        given = {name: True for name, is_set in flags.items() if is_set}
        self.metadata = given | with_resources(metadata, resources)
        self._loaded: Loaded = load(self.metadata, config_path)
        start_logging(self._loaded)
        self._engine: Engine = open_engine(self._loaded.config)
        settings = self._loaded.config.cache_config
        self.tiered_cache = TieredCacheManager.for_settings(settings)
        self.ipfs = ipfs_py(
            engine=self._engine,
            config=self._loaded,
            cache=self.tiered_cache,
            sources=sources,
        )

    @property
    def role(self) -> RoleName:
        """`master`, `worker` or `leecher`."""
        return self._loaded.config.role

    @property
    def engine(self) -> "Engine":
        """Who keeps the blocks, pins and names."""
        return self._engine

    @property
    def reader(self) -> "ChainReader":
        """What reads, out of the engine and every other source."""
        return self.ipfs.reader

    @cached_property
    def ipget(self) -> "Ipget":
        """Downloads of files and folders, from wherever they can be had."""
        from ipfs_kit_py.ipget import Ipget

        return Ipget(self.reader)

    @cached_property
    def s3_kit(self) -> "S3Kit":
        """Objects and folders in S3-compatible stores."""
        from ipfs_kit_py._s3.kit import S3Kit

        return S3Kit(config=self._loaded.config, repository=self._repository())

    @cached_property
    def storacha_kit(self) -> "StorachaKit":
        """Uploads, shards and spaces of a Storacha upload service."""
        from ipfs_kit_py._storacha.kit import StorachaKit

        return StorachaKit(config=self._loaded.config, repository=self._repository())

    def get_filesystem(self, protocol: str = "ipfs", **options: Any) -> "KitFileSystem":  # noqa: ANN401 - fsspec's
        """Give this node's content as an fsspec file system.

        Args:
            protocol: `ipfs`, what has a CID; `mfs`, the mutable files.
            **options: As `IPFSFileSystem` takes them. Settings that are the kit's make a
                file system with a kit of its own, set like this one but for them.

        Raises:
            InvalidParameterError: An option is unknown.
        """
        from ipfs_kit_py._fsspec.making import file_system

        return file_system(self, protocol, options)

    def settings(self) -> dict[str, object]:
        """Give what was set, nested, as a file can hold it: with secrets."""
        return self._loaded.given()

    def __call__(self, method: str, /, **arguments: Any) -> Any:  # noqa: ANN401 - as the method
        """Call a method by its name.

        Raises:
            ValueError: There is no method of this name.
            RoleError: A node of this role does not do this (a `PermissionError`).
            ComponentUnavailableError: The part that does this is not there (an
                `AttributeError`).
        """
        if method not in METHODS:
            raise ValueError(f"Unknown method: {method}")
        component = METHODS[method].component
        roles = roles_with(component)
        if self.role not in roles:
            allowed = " or ".join(roles)
            raise RoleError(
                f"{method} is for a {allowed}, and this node is a {self.role}"
            )
        return self._bound(method)(**arguments)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - components and methods
        """Give what is called by name; say why if a component is not there."""
        if name in METHODS:
            return self._bound(name)
        if name in PARTS or not self._has(name):
            raise self._absent(name, name)
        kind = type(self).__name__
        raise AttributeError(f"{kind!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        """List the methods that are there, those called by name among them."""
        absent = {*PARTS, *(name for name in GATED if not self._has(name))}
        here = [name for name, at in METHODS.items() if at.component not in absent]
        return sorted({*super().__dir__(), *here} - absent)

    def close(self) -> None:
        """Let go of the repository, the cache, connections, and what was started."""
        self._stop()
        for name in {"s3_kit", "storacha_kit"} & vars(self).keys():
            getattr(self, name).close()
        self.ipfs.close()
        self.tiered_cache.close()
        self._engine.close()

    def __repr__(self) -> str:
        """Show the role, the engine and the repository."""
        engine = self._engine
        return f"ipfs_kit(role={self.role!r}, {engine.kind} engine at {engine.path!r})"

    def _repository(self) -> "Repository | None":
        from ipfs_kit_py._repository import Repository

        return self._engine if isinstance(self._engine, Repository) else None

    def _bound(self, method: str) -> Callable[..., Any]:
        component, attribute = METHODS[method]
        if component in PARTS or not self._has(component):
            raise self._absent(method, component)
        owner = self if component == "kit" else getattr(self, component)
        return cast("Callable[..., Any]", getattr(owner, attribute))

    def _absent(self, name: str, component: str) -> ComponentUnavailableError:
        roles = roles_with(component)
        if self.role not in roles:
            allowed = " or ".join(roles)
            return ComponentUnavailableError(
                f"{name} is there on a {allowed}, and this node is a {self.role}"
            )
        if component in GATED:
            return switched_off(name, component)
        part = PARTS[component]
        return ComponentUnavailableError(
            f"{name} belongs to {part}, which this version does not have"
        )


def start_logging(loaded: Loaded) -> None:
    """Log as the configuration says, and say once what has no effect."""
    settings = loaded.config.logging
    path = settings.file
    is_level_given = loaded.source_of("logging.level").kind != "default"
    unheard = [key for key in loaded.inactive() if key not in _told]
    if not (is_level_given or path or unheard):
        return
    # To load this takes longer than to open a repository.
    import logging

    log = logging.getLogger("ipfs_kit_py")
    if is_level_given:
        log.setLevel(settings.level)
    handlers = [at for at in log.handlers if isinstance(at, logging.FileHandler)]
    if path is not None and path not in [at.baseFilename for at in handlers]:
        log.addHandler(logging.FileHandler(path, delay=True))
    if unheard:
        _told.update(unheard)
        log.warning(
            "these settings have no effect yet, since the parts that use them are not in "
            "this version: %s",
            ", ".join(unheard),
        )
