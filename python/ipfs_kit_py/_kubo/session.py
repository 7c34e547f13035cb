"""A node as an engine sees it: where it is, and the native reader over its blocks."""

import os

from ipfs_kit_py import _native
from ipfs_kit_py._closing import Closing
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._kubo.client import Client
from ipfs_kit_py._kubo.fetching import Fetcher
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py._repository.dags import DagReading
from ipfs_kit_py._repository.reading import Reading
from ipfs_kit_py.errors import InvalidParameterError


class Session(Reading, DagReading, Closing):
    """An open way to a node, which is read as a `Repository` is.

    Args:
        client: Its RPC API.
        folder: Its repository, as far as that is known.
    """

    def __init__(self, client: Client, folder: StrPath) -> None:
        self._client = client
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - a text in, a text out
        self._fetcher = Fetcher(client)
        self._core = _native.Chain(self._fetcher.blocks, self._fetcher.path_of)

    @property
    def path(self) -> str:
        """The repository's folder."""
        return self._folder

    @property
    def read_only(self) -> bool:
        """Never: a node that can be asked can be changed."""
        return False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._client.closed

    def close(self) -> None:
        """Close the connections; closing twice is no error."""
        self._fetcher.close()
        self._client.close()

    def _cid_at(self, path: IPFSPath) -> CID:
        """Follow a path to a block."""
        root, names = _native.split_path(path)
        if isinstance(root, CID) and not names:
            return root
        cid, rest, _ = _native.repo_resolve(self._core, path)
        if rest:
            raise InvalidParameterError(
                f"{path} is no block: {'/'.join(rest)!r} is left of it"
            )
        return cid
