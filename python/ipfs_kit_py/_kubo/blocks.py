"""Single blocks of a node."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from ipfs_kit_py import _native
from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.errors import of_message
from ipfs_kit_py._kubo.multipart import Multipart, Part
from ipfs_kit_py._kubo.replies import cid_in, value_in
from ipfs_kit_py._kubo.session import Session
from ipfs_kit_py._native import CID, Block
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py._repository.blocks import batches, missing
from ipfs_kit_py.errors import (
    BlockInUseError,
    IntegrityError,
    IPFSError,
    LimitExceededError,
    NotPinnedError,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK_BYTES = 2 << 20
"""No other node takes more."""
_SEND_BYTES = 1 << 20
# Blocks of one request: they stand in its URL.
_AT_ONCE = 64


class Blocks(Session):
    """What puts and gets blocks by themselves."""

    def get_blocks(
        self, cids: Sequence[CID], *, offline: bool = True
    ) -> dict[CID, bytes | Block]:
        """Get blocks, several at once.

        Those that come as `Block` are verified; bytes are as the node gave them.

        Args:
            cids: Which.
            offline: Ask the node for what it has itself, not for what it finds.

        Returns:
            Those that are there.
        """
        return self._fetcher.get_blocks(cids, offline=offline)

    def has(self, cid: CID | str) -> bool:
        """Tell whether the node has a block itself."""
        return self._fetcher.has(CID(cid))

    def lacks(self, cids: Sequence[CID]) -> list[CID]:
        """List those blocks that the node does not have itself."""
        return self._fetcher.lacks(cids)

    def block_put(
        self,
        data: "Buffer",
        codec: str = "raw",
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
        *,
        pin: bool = False,
        allow_big: bool = False,
    ) -> CID:
        """Put a block.

        Raises:
            LimitExceededError: It has over 2 MiB.
            IntegrityError: The node names it otherwise.
        """
        return self._put([data], codec, hash, pin=pin, allow_big=allow_big)[0]

    def block_put_many(
        self,
        blocks: "Iterable[Buffer]",
        codec: str = "raw",
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
    ) -> list[CID]:
        """Put many blocks, 4096 or 16 MiB at a time: those before an error stay."""
        cids: list[CID] = []
        for batch in batches(blocks):
            cids += self._put(batch, codec, hash)
        return cids

    def block_rm(
        self, cids: "CID | str | Iterable[CID | str]", *, force: bool = False
    ) -> int:
        """Remove blocks. The node asks its pins, and not its mutable files.

        Args:
            cids: One CID, or many.
            force: Pass over those that are not here.

        Returns:
            How many were here.

        Raises:
            BlockInUseError: Pins need one of them. What became so just now, when none
                was found before, is the only one that stays.
            BlockNotFoundError: One of them is not here; none was removed.
        """
        given = [CID(cids)] if isinstance(cids, CID | str) else list(map(CID, cids))
        given = list(dict.fromkeys(given))
        absent = set(self.lacks(given))
        if absent and not force:
            raise missing(next(cid for cid in given if cid in absent))
        present = [cid for cid in given if cid not in absent]
        if used := next(filter(self._pinned, present), None):
            raise BlockInUseError(f"{used} is pinned, or something that needs it")
        for _, error in self.block_rm_each(present, force=True):
            if error is not None:
                raise error
        return len(present)

    def block_rm_each(
        self, cids: Iterable[CID | str], *, force: bool = False
    ) -> list[tuple[CID, Exception | None]]:
        """Remove those of these blocks that can be removed. Pins alone keep them.

        Args:
            cids: The blocks.
            force: Pass over those that are not here.

        Returns:
            For each its CID, and why it was not removed: a `BlockInUseError` or a
            `BlockNotFoundError`, else `None`.
        """
        given = [CID(cid) for cid in cids]
        failed: dict[bytes, Exception] = {}
        for at in range(0, len(given), _AT_ONCE):
            asked = ask("block/rm", *given[at : at + _AT_ONCE], force=force)
            for line in self._client.lines(asked):
                if not (said := line.get("Error")):
                    continue
                if not line.get("Hash"):
                    raise of_message(str(said))
                failed[cid_in(line, asked.command, "Hash").multihash] = _why(str(said))
        return [(cid, failed.get(cid.multihash)) for cid in given]

    def blocks(self) -> Iterator[CID]:
        """Iterate over all blocks that the node has, as raw CIDs in version 1."""
        asked = look("refs/local")
        for line in self._client.lines(asked):
            if said := line.get("Err"):
                raise of_message(str(said))
            found = cid_in(line, asked.command, "Ref")
            yield CID.from_multihash(found.multihash)

    def block_stat(self, path: IPFSPath) -> int:
        """Say how many bytes a block has."""
        asked = look("block/stat", self._cid_at(path))
        size: int = value_in(self._client.call(asked), asked.command, int, "Size")
        return size

    def _put(
        self,
        blocks: "Sequence[Buffer]",
        codec: str,
        hash: str,  # noqa: A002 - as in `cid_of`
        *,
        pin: bool = False,
        allow_big: bool = False,
    ) -> list[CID]:
        contents = [memoryview(block).cast("B") for block in blocks]
        longest = max(map(len, contents), default=0)
        if longest > BLOCK_BYTES and not allow_big:
            raise LimitExceededError(
                f"a block of {longest} bytes is over 2 MiB: others do not take it"
            )
        expected = [_native.cid_of(content, codec, hash) for content in contents]
        asked = ask(
            "block/put",
            body=Multipart([Part("data", _pieces(content)) for content in contents]),
            cid_codec=codec,
            mhtype=hash,
            pin=pin,
            allow_big_block=allow_big or None,
        )
        lines = self._client.lines(asked)
        found = [cid_in(line, asked.command, "Key") for line in lines]
        for given, wanted in zip_longest(found, expected):
            if given != wanted:
                raise IntegrityError(f"the node calls {given} what is {wanted}")
        return found

    def _pinned(self, cid: CID) -> bool:
        asked = look("pin/ls", cid)
        try:
            self._client.call(asked)
        except NotPinnedError:
            return False
        return True


def _pieces(content: memoryview) -> Iterator[bytes]:
    for at in range(0, len(content), _SEND_BYTES):
        yield bytes(content[at : at + _SEND_BYTES])


def _why(said: str) -> IPFSError:
    """Say why a block was not removed."""
    if said.startswith("pinned"):
        return BlockInUseError(said)
    return of_message(said)
