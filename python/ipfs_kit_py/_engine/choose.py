"""Which engine a configuration asks for.

The engine belongs to the repository, not to the moment: one that is asked for and does
not answer is an error, never a reason to write somewhere else.
"""

import os
from typing import TYPE_CHECKING

from ipfs_kit_py._engine.embedded import EmbeddedEngine
from ipfs_kit_py.errors import ConfigurationError, EngineUnavailableError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config


def open_engine(config: "Config", *, create: bool = True) -> EmbeddedEngine:
    """Open the repository that a configuration names, with the engine that it belongs to.

    Args:
        config: The settings.
        create: Make the repository if there is none.

    Raises:
        EngineUnavailableError: It belongs to Kubo, which this version does not speak to.
        ConfigurationError: `engine` is `kubo`, and `offline` is set.
    """
    if _is_for_kubo(config):
        raise EngineUnavailableError(
            f"{_reason(config)}, and this version has no Kubo engine: with the setting "
            "engine=embedded (IPFS_KIT_ENGINE=embedded) an own store is kept beside it"
        )
    quota = config.storage_quota
    return EmbeddedEngine(config.ipfs_path, create=create, max_bytes=quota)


def _is_for_kubo(config: "Config") -> bool:
    if config.engine == "kubo" and config.offline:
        raise ConfigurationError('engine "kubo" and offline=True exclude each other')
    if config.engine != "auto" or config.offline:
        return config.engine == "kubo"
    return config.api_url is not None or holds_kubo_repository(config.ipfs_path)


def holds_kubo_repository(folder: str) -> bool:
    """Tell whether Kubo has made a repository in a folder."""
    files = (os.path.join(folder, name) for name in ("config", "datastore_spec"))  # noqa: PTH118 - a text in
    return all(map(os.path.exists, files))


def _reason(config: "Config") -> str:
    if config.engine == "kubo":
        return 'engine is "kubo"'
    if config.api_url is not None:
        return "api_url names a Kubo node"
    return f"{os.fspath(config.ipfs_path)} holds a Kubo repository"
