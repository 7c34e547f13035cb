"""Which engine a configuration asks for.

The engine belongs to the repository, not to the moment: one that is asked for and does
not answer is an error, never a reason to write somewhere else.
"""

import os
from typing import TYPE_CHECKING

from ipfs_kit_py._engine.embedded import EmbeddedEngine
from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._engine.kubo import KuboEngine


def open_engine(
    config: "Config", *, create: bool = True
) -> "EmbeddedEngine | KuboEngine":
    """Open the repository that a configuration names, with the engine that it belongs to.

    A Kubo node is asked nothing here: a call that finds it silent is an
    `EngineUnavailableError`.

    Args:
        config: The settings.
        create: Make the repository if there is none; Kubo makes its own.

    Raises:
        ConfigurationError: `engine` is `kubo`, and `offline` is set.
    """
    if _is_for_kubo(config):
        from ipfs_kit_py._engine.kubo import KuboEngine

        return KuboEngine.for_config(config)
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
