"""The file systems of a kit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._fsspec.options import KitFileSystem
from ipfs_kit_py.errors import InvalidParameterError
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, MFSFileSystem

if TYPE_CHECKING:
    from ipfs_kit_py._kit.kit import IpfsKit

_KINDS: dict[str, type[KitFileSystem]] = {"ipfs": IPFSFileSystem, "mfs": MFSFileSystem}
# What says nothing against the kit's own settings.
_BESIDE = {
    *("enable_metrics", "metrics_config", "cache_type", "asynchronous", "loop"),
    *("batch_size", "use_listings_cache", "skip_instance_cache", "default_block_size"),
}


def file_system(
    kit: "IpfsKit", protocol: str, options: Mapping[str, Any]
) -> KitFileSystem:
    """Make a file system over a kit, or over one that is set like it but for some."""
    if protocol not in _KINDS:
        raise InvalidParameterError(
            f"protocol {protocol!r} is none of {', '.join(_KINDS)}"
        )
    kind = _KINDS[protocol]
    own = {name: it for name, it in options.items() if it is not None}
    if own.keys() <= _BESIDE:
        return kind(kit=kit, skip_instance_cache=True, **own)
    # Unknown ones are refused before anything is opened.
    kind(**own, skip_instance_cache=True)
    settings = {**kit.settings(), "ipfs_path": kit.engine.path}
    return kind(metadata=settings, **own)
