"""`ipfs_accelerate`: files and checkpoints by CID.

    result = ipfs_accelerate_py.ipfs_accelerate.add_file("model.safetensors")
    ipfs_accelerate_py.ipfs_accelerate.get_file(result["cid"], "copy.safetensors")

It goes by `./config.toml`, read when it is first needed, or by what `configure` is given.
"""

import threading
from typing import TYPE_CHECKING, Any

from ipfs_accelerate_py._checkpoints import (
    load_checkpoint_and_dispatch as load_checkpoint_and_dispatch,
)
from ipfs_accelerate_py._content import Content
from ipfs_accelerate_py._modules import keep_module

if TYPE_CHECKING:
    from ipfs_accelerate_py.config import config
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._hashing import StrPath
    from ipfs_kit_py._repository import IPFSPath

    cache: TieredCacheManager

__all__ = [
    "add_file",
    "cache",
    "cid_exists",
    "close",
    "configure",
    "get_cid_metadata",
    "get_file",
    "load_checkpoint_and_dispatch",
]

_lock = threading.Lock()
_content: Content | None = None


def configure(settings: "config") -> None:
    """Go by a configuration from now on, in place of the one before."""
    global _content
    with _lock:
        before, _content = _content, Content(settings)
    if before is not None:
        before.close()


def content() -> Content:
    """Give what the functions here are methods of."""
    global _content
    with _lock:
        if _content is None:
            from ipfs_accelerate_py.config import config

            _content = Content(config())
        return _content


def close() -> None:
    """Close the repository and all connections; what is asked for later opens them."""
    with _lock:
        opened = _content
    if opened is not None:
        opened.close()


def add_file(path: "StrPath", *, pin: bool = True) -> dict[str, Any]:
    """Add a file or folder; see `Content.add_file`."""
    return content().add_file(path, pin=pin)


def get_file(cid: "IPFSPath", output_path: "StrPath | None" = None) -> dict[str, Any]:
    """Write a file or folder that a CID names; see `Content.get_file`."""
    return content().get_file(cid, output_path)


def cid_exists(cid: "IPFSPath") -> bool:
    """Tell whether a block can be had; see `Content.cid_exists`."""
    return content().cid_exists(cid)


def get_cid_metadata(cid: "IPFSPath") -> dict[str, Any]:
    """Describe what a CID names; see `Content.get_cid_metadata`."""
    return content().get_cid_metadata(cid)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Give `cache`: what was read lately, in memory and on the disk."""
        if name == "cache":
            return content().cache
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


keep_module(globals())
