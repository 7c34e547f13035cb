"""Adding files, folders and bytes."""

import os
from typing import TYPE_CHECKING, NamedTuple, Unpack

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import (
    DEFAULT_PROFILE,
    ImportParams,
    ProgressCallback,
    Readable,
    StrPath,
)
from ipfs_kit_py._native import CID, TreeEntries
from ipfs_kit_py._repository.handle import Handle

if TYPE_CHECKING:
    from typing_extensions import Buffer


class AddResult(NamedTuple):
    """What was added, and how much of it was new."""

    cid: CID
    """The root."""
    size: int
    """Bytes of all blocks below the root, each as often as it is linked (Kubo's size)."""
    files: int
    """Files that were added, unchanged ones among them."""
    bytes: int
    """Bytes of these files."""
    new_blocks: int
    """Blocks that the repository did not have."""
    new_bytes: int
    """Bytes of these."""
    known_blocks: int
    """Blocks that were made again and were there already."""
    known_bytes: int
    """Bytes of these."""
    unchanged_files: int
    """Files that were not read, because nothing about them has changed."""
    unchanged_bytes: int
    """Bytes of these."""
    entries: TreeEntries | None = None
    """Everything below the root, if it was asked for."""


class Adding(Handle):
    """What adds."""

    def add(
        self,
        source: "StrPath | Buffer | Readable",
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str = DEFAULT_PROFILE,
        threads: int | None = None,
        progress: ProgressCallback | None = None,
        nocopy: bool = False,
        trust_stat: bool = True,
        entries: bool = False,
        **params: Unpack[ImportParams],
    ) -> AddResult:
        """Add a file, a folder, or bytes.

        All of it is there when this returns, durably, or nothing is. Files that have not
        changed since they were added with the same parameters are not read again.

        Args:
            source: A path (`str` or `os.PathLike`), bytes (anything with the buffer
                protocol), or an object with `read`.
            pin: Keep it from collection. What is not pinned lives for an hour at least.
            name: Name of the pin.
            profile: As for `hash_file`.
            threads: How many threads hash; those of the repository if not given.
            progress: Called with bytes and files done so far.
            nocopy: Refer to the bytes in the files instead of copying them. They are
                verified whenever they are read; a file that changes is lost to the
                repository.
            trust_stat: Take a file for unchanged if size, times and inode are. Writers
                through shared memory maps can leave all of them as they were.
            entries: List everything below the root in the result.
            **params: Single parameters, see `ImportParams`.

        Raises:
            PathNotFoundError: There is no such file.
            FileChangedError: A file changed while it was being read.
            RepositoryFullError: It would be more than `max_bytes`.
            DiskFullError: The disk has no room.
        """
        given: object = source
        file_name = None
        if isinstance(source, str | os.PathLike):
            given = os.fsdecode(source)
        elif hasattr(source, "read"):
            from pathlib import Path

            named = getattr(source, "name", None)
            file_name = Path(named).name if isinstance(named, str) else None
        cid, size, numbers, found = _native.repo_add(
            self._core,
            given,
            profile,
            threads,
            progress,
            params,
            pin=pin,
            name=name,
            file_name=file_name,
            nocopy=nocopy,
            trust_stat=trust_stat,
            entries=entries,
        )
        return AddResult(cid, size, *numbers, entries=found)
