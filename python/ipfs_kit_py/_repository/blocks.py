"""Single blocks."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ipfs_kit_py import _native
from ipfs_kit_py._native import CID, Block
from ipfs_kit_py._repository.handle import Core, Handle, IPFSPath
from ipfs_kit_py.errors import BlockNotFoundError

if TYPE_CHECKING:
    from typing_extensions import Buffer

# What one commit takes, in blocks and in bytes.
_BATCH_BLOCKS = 4096
_BATCH_BYTES = 16 << 20


class BlockReading(Core):
    """What reads blocks by themselves."""

    def block_get(self, path: IPFSPath) -> bytes:
        """Read a block.

        Raises:
            BlockNotFoundError: It is not here.
        """
        cid = self._block(path)
        data = _native.repo_get(self._core, cid)
        if data is None:
            raise missing(cid)
        return data

    def block_view(self, path: IPFSPath) -> Block:
        """Read a block where it lies, without a copy.

        Raises:
            BlockNotFoundError: It is not here.
        """
        cid = self._block(path)
        data = _native.repo_view(self._core, cid)
        if data is None:
            raise missing(cid)
        return data

    def block_get_many(self, cids: Iterable[CID | str]) -> Iterator[Block | None]:
        """Read many blocks where they lie, in order; `None` for each that is not here."""
        rest = iter(cids)
        while batch := list(islice(rest, 64)):
            yield from _native.repo_view_many(self._core, batch)

    def block_stat(self, path: IPFSPath) -> int:
        """Say how many bytes a block has.

        Raises:
            BlockNotFoundError: It is not here.
        """
        return len(self.block_view(path))

    def _block(self, path: IPFSPath) -> IPFSPath:
        """Follow a path with names in it."""
        if isinstance(path, CID) or not ("/" in path or ":" in path):
            return path
        return _native.repo_resolve(self._core, path)[0]


class Blocks(BlockReading, Handle):
    """What puts, gets and removes blocks by themselves."""

    def block_put(
        self,
        data: "Buffer",
        codec: str = "raw",
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
        *,
        pin: bool = False,
        allow_big: bool = False,
    ) -> CID:
        """Put a block, durably.

        Args:
            data: Its bytes, which are taken as they are.
            codec: What its CID says of them.
            hash: Name of the hash function.
            pin: Pin it, with all below.
            allow_big: Take more than 2 MiB, which other nodes do not.

        Raises:
            LimitExceededError: It has over 2 MiB.
        """
        put = _native.repo_put(
            self._core, [data], codec, hash, pin=pin, allow_big=allow_big
        )
        return put[0]

    def block_put_many(
        self,
        blocks: "Iterable[Buffer]",
        codec: str = "raw",
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
    ) -> list[CID]:
        """Put many blocks, which are durable when this returns.

        They are read and committed 4096 blocks or 16 MiB at a time: what was put before
        an error stays. Of the blocks themselves only these are in memory.
        """
        cids: list[CID] = []
        for batch in batches(blocks):
            cids += _native.repo_put(self._core, batch, codec, hash)
        return cids

    def block_rm(
        self, cids: "CID | str | Iterable[CID | str]", *, force: bool = False
    ) -> int:
        """Remove blocks, however old they are.

        Args:
            cids: One CID, or many.
            force: Pass over those that are not here.

        Returns:
            How many were here.

        Raises:
            BlockInUseError: Pins or mutable files need one of them; none was removed.
            BlockNotFoundError: One of them is not here; none was removed.
        """
        given = [cids] if isinstance(cids, CID | str) else list(cids)
        return _native.repo_remove(self._core, given, force=force)

    def block_rm_each(
        self, cids: Iterable[CID | str], *, force: bool = False
    ) -> list[tuple[CID, Exception | None]]:
        """Remove those of these blocks that can be removed, however old they are.

        What is in use is looked up once for all of them.

        Args:
            cids: The blocks.
            force: Pass over those that are not here.

        Returns:
            For each its CID, and why it was not removed: a `BlockInUseError` or a
            `BlockNotFoundError`, else `None`.
        """
        return _native.repo_remove_each(self._core, list(cids), force=force)

    def has(self, cid: CID | str) -> bool:
        """Tell whether a block is here, without reading it."""
        return _native.repo_has(self._core, cid)

    def blocks(self) -> Iterator[CID]:
        """Iterate over all blocks, as raw CIDs in version 1: stores know hashes alone."""
        return iter(_native.repo_blocks(self._core))


def batches(blocks: "Iterable[Buffer]") -> "Iterator[list[Buffer]]":
    """Gather blocks as far as one commit takes them."""
    batch: list[Buffer] = []
    size = 0
    for block in blocks:
        batch.append(block)
        size += memoryview(block).nbytes
        if len(batch) >= _BATCH_BLOCKS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def missing(cid: IPFSPath) -> BlockNotFoundError:
    """Say that a block is not here."""
    return BlockNotFoundError(
        f"block {cid} is missing: add what it belongs to, or import a CAR that has it"
    )
