"""Who keeps what was fetched."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from ipfs_kit_py._native import CID, Block

if TYPE_CHECKING:
    from ipfs_kit_py._cache.disk import DiskCache


class Keeper(Protocol):
    """What a chain asks of the cache; `BlockTiers` does all of it."""

    @property
    def open_disk(self) -> "DiskCache | None":
        """The tier on the disk, if it was needed yet."""

    def has_in_memory(self, cid: CID) -> bool:
        """Tell whether a block is in memory, or was fetched ahead."""

    def count_fetched(self, blocks: Iterable[Block]) -> None:
        """Count blocks that came from a remote source."""

    def keep_block(self, cid: CID, block: Block, *, lasting: bool = False) -> None:
        """Keep a block that was fetched and verified; `lasting`: longer than we run."""

    def set_aside(self, cid: CID, block: Block) -> None:
        """Keep a block that was fetched ahead, apart from those that were asked for."""

    def use_aside(self, cid: CID) -> Block | None:
        """Take a block that was fetched ahead, and keep it as one that was asked for."""


class Uncached:
    """Keeps nothing: for who puts what comes into a place of their own."""

    open_disk = None

    def has_in_memory(self, cid: CID) -> bool:
        """Say no."""
        del cid
        return False

    def count_fetched(self, blocks: Iterable[Block]) -> None:
        """Do nothing."""

    def keep_block(self, cid: CID, block: Block, *, lasting: bool = False) -> None:
        """Do nothing."""

    def set_aside(self, cid: CID, block: Block) -> None:
        """Do nothing."""

    def use_aside(self, cid: CID) -> Block | None:
        """Give nothing."""
        del cid
        return None
