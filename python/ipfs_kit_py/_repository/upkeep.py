"""Looking after a repository: numbers, collection, checks, space, a new index."""

import os
from collections.abc import Callable
from typing import NamedTuple

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.handle import Handle, default_path


class RepoStat(NamedTuple):
    """The numbers of a repository."""

    blocks: int
    """Blocks in it. One that two processes wrote at once counts twice."""
    bytes: int
    """Bytes of all packs."""
    dead_bytes: int
    """Bytes of blocks that are no more, which `compact` gives back."""
    in_place: int
    """Blocks that lie in files of yours."""
    packs: int
    sealed_packs: int
    pins: int
    format: int
    max_bytes: int | None
    """The limit that this handle was opened with."""


class GcReport(NamedTuple):
    """What a collection did."""

    blocks: int
    """Blocks that were removed."""
    bytes: int
    """Bytes of them."""
    freed_bytes: int
    """Bytes that the disk has back; the rest comes when a quarter of a pack is dead."""


class BadBlock(NamedTuple):
    """A block that is not what its CID says, or a pack that cannot be read."""

    cid: CID | None
    """The block; `None` for a whole pack."""
    place: str
    """The file it lies in."""
    reason: str


class VerifyReport(NamedTuple):
    """What a check found."""

    blocks: int
    """Blocks that were looked at."""
    bytes: int
    """Bytes of those that are whole."""
    bad: list[BadBlock]
    dropped: bool
    """Whether the bad places were taken out of the index."""


class RebuildReport(NamedTuple):
    """What a new index was made of."""

    packs: int
    blocks: int
    pins_kept: int
    """Pins that the old index still had."""
    roots_pinned: int
    """Roots that were pinned because the old index could not be read."""
    damaged: list[str]
    """Packs that could not be read to their end."""


class Upkeep(Handle):
    """What looks after a repository."""

    def repo_stat(self) -> RepoStat:
        """Count what is here."""
        return RepoStat(*_native.repo_stat(self._core))

    def gc(self, on_removed: Callable[[CID], object] | None = None) -> GcReport:
        """Remove every block that no pin and no mutable file needs.

        What was added or found by an add within the last hour stays, and so does what a
        running add relies on.

        Args:
            on_removed: Called with each CID that was removed, as a raw one.
        """
        removed = _native.repo_gc(self._core)
        for cid in removed:
            if on_removed:
                on_removed(cid)
        return GcReport(*(removed.report or (0, 0, 0)))

    def verify(
        self, progress: ProgressCallback | None = None, *, drop_bad: bool = False
    ) -> VerifyReport:
        """Hash every block that is stored.

        Args:
            progress: Called with bytes done so far, and 0.
            drop_bad: Take bad blocks out of the index, so that they can be added again.
        """
        blocks, size, bad, dropped = _native.repo_verify(
            self._core, progress, drop_bad=drop_bad
        )
        found = [BadBlock(cid, os.fspath(place), why) for cid, place, why in bad]
        return VerifyReport(blocks, size, found, dropped)

    def compact(self, progress: ProgressCallback | None = None) -> int:
        """Give all space of removed blocks back to the disk.

        Returns:
            How many bytes.
        """
        return _native.repo_compact(self._core, progress)

    @staticmethod
    def rebuild(
        path: StrPath | None = None, progress: ProgressCallback | None = None
    ) -> RebuildReport:
        """Make the index of a repository anew from its packs.

        Pins and mutable files are taken over from the old index as far as it can be read;
        where it cannot, every root is pinned. Nobody may be writing meanwhile.

        Args:
            path: The repository's folder, as for `Repository`.
            progress: Called with bytes done so far, and 0.
        """
        folder = default_path() if path is None else os.fspath(path)
        return RebuildReport(*_native.repo_rebuild(folder, progress))
