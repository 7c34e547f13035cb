"""Other nodes and repositories, as people name them."""

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipfs_kit_py._repository import Repository
from ipfs_kit_py._sources.source import RepositorySource, Source
from ipfs_kit_py.errors import OfflineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipfs_kit_py._config import Config
    from ipfs_kit_py._engine.kubo import KuboEngine


@contextmanager
def opened(
    name: str, config: "Config", *, read_only: bool = False
) -> "Iterator[Repository | KuboEngine]":
    """Open what a name stands for: the folder of a repository, or a Kubo node's API.

    Args:
        name: A folder; or `http://host:5001`, `/ip4/127.0.0.1/tcp/5001`,
            `unix:///path`, as `api_url` takes them.
        config: The settings, for time limits.
        read_only: Change nothing in a folder.

    Raises:
        RepositoryNotFoundError: The folder holds no repository.
        ConfigurationError: The name can be neither.
        OfflineError: It is a node, and `offline` is set.
    """
    if os.path.isdir(name):  # noqa: PTH112 - never raises
        with Repository(name, create=False, read_only=read_only) as repository:
            yield repository
        return
    from ipfs_kit_py._engine.kubo import KuboEngine

    if config.offline:
        raise OfflineError(f"{name} would be asked over the network: offline is set")
    engine = KuboEngine(
        config.ipfs_path,
        api_url=name,
        auth=config.api_auth,
        connect_seconds=config.timeouts.peer_connect,
        stall_seconds=config.timeouts.api,
    )
    with engine:
        yield engine


def source_of(place: "Repository | KuboEngine") -> Source:
    """Give the blocks of what was opened."""
    if isinstance(place, Repository):
        return RepositorySource(place, place.path)
    from ipfs_kit_py._kubo.source import KuboSource

    return KuboSource(place)
