"""`from_ipfs`: a folder by its CID as files, for what loads from folders."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipfs_kit_py._hashing import ProgressCallback, StrPath
    from ipfs_kit_py._repository import IPFSPath


def from_ipfs(
    cid: "IPFSPath",
    local_dir: "StrPath | None" = None,
    *,
    cache_dir: "StrPath | None" = None,
    allow_patterns: "str | Iterable[str] | None" = None,
    ignore_patterns: "str | Iterable[str] | None" = None,
    max_workers: int = 8,
    force_download: bool = False,
    progress: "ProgressCallback | None" = None,
) -> Path:
    """Write a model's folder to disk, for `from_pretrained` of transformers and its like.

    What is there already and unchanged is left alone, and not fetched. Each file appears
    when it is whole and verified.

    Args:
        cid: The folder: a CID, a path below one, or an `ipfs://` URL.
        local_dir: Where to; a folder of its own for each CID in `cache_dir` if not given.
        cache_dir: Where those are; the platform's folder for caches if not given.
        allow_patterns: Only what matches any of these, `*.json` or `data/` for example.
        ignore_patterns: Nothing that matches any of these.
        max_workers: How many files to fetch at once.
        force_download: Write all files again.
        progress: Called with bytes and files done so far.

    Returns:
        The folder.

    Raises:
        PathNotADirectoryError: It is no folder.
        BlockNotFoundError: A block is nowhere.
        UnsafePathError: A name or link would lead out of the folder.
    """
    from ipfs_accelerate_py.ipfs_accelerate import content
    from ipfs_kit_py._snapshots import snapshot_download

    return Path(
        snapshot_download(
            cid,
            local_dir=local_dir,
            cache_dir=cache_dir,
            allow_patterns=allow_patterns,
            ignore_patterns=ignore_patterns,
            max_workers=max_workers,
            force_download=force_download,
            progress=progress,
            reader=content().kit.reader,
        )
    )
