"""Single blocks of a node."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipfs_kit_py import _native
from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.multipart import one_file
from ipfs_kit_py._kubo.replies import cid_in, value_in
from ipfs_kit_py._kubo.session import Session
from ipfs_kit_py._native import CID, Block
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py.errors import IntegrityError, LimitExceededError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BIG_BYTES = 2 << 20
_SEND_BYTES = 1 << 20


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
        content = memoryview(data).cast("B")
        if len(content) > _BIG_BYTES and not allow_big:
            raise LimitExceededError(
                f"a block of {len(content)} bytes is over 2 MiB: others do not take it"
            )
        expected = _native.cid_of(content, codec, hash)
        pieces = (
            bytes(content[at : at + _SEND_BYTES])
            for at in range(0, len(content), _SEND_BYTES)
        )
        asked = ask(
            "block/put",
            body=one_file(pieces),
            cid_codec=codec,
            mhtype=hash,
            pin=pin,
            allow_big_block=allow_big or None,
        )
        found = cid_in(self._client.call(asked), asked.command, "Key")
        if found != expected:
            raise IntegrityError(f"the node calls {found} what is {expected}")
        return found

    def block_stat(self, path: IPFSPath) -> int:
        """Say how many bytes a block has."""
        asked = look("block/stat", self._cid_at(path))
        size: int = value_in(self._client.call(asked), asked.command, int, "Size")
        return size
