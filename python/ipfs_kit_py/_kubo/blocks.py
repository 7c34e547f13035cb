"""Single blocks of a node."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from ipfs_kit_py import _native
from ipfs_kit_py._kubo.multipart import one_file
from ipfs_kit_py._kubo.session import Session, ask, cid_in, look, value_in
from ipfs_kit_py._kubo.waiting import SLICE_SECONDS, check
from ipfs_kit_py._native import CID, CancelToken
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py.errors import BlockNotFoundError, IntegrityError, LimitExceededError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_AT_ONCE = 8
_BIG_BYTES = 2 << 20
_SEND_BYTES = 1 << 20


class Blocks(Session):
    """What puts and gets blocks by themselves."""

    def get_blocks(
        self, cids: Sequence[CID], *, offline: bool = True
    ) -> dict[CID, bytes]:
        """Get blocks, several at once. Their bytes are as the node gave them: unverified.

        Args:
            cids: Which.
            offline: Ask the node for what it has itself, not for what it finds.

        Returns:
            Those that are there.
        """
        wanted = list(dict.fromkeys(cids))
        if len(wanted) <= 1:
            found = [self._get_block(cid, offline=offline) for cid in wanted]
        else:
            found = self._get_many(wanted, offline=offline)
        pairs = zip(wanted, found, strict=True)
        return {cid: data for cid, data in pairs if data is not None}

    def _get_many(self, cids: list[CID], *, offline: bool) -> list[bytes | None]:
        token = CancelToken()

        def get(cid: CID) -> bytes | None:
            with token:
                return self._get_block(cid, offline=offline)

        with ThreadPoolExecutor(min(_AT_ONCE, len(cids))) as pool:
            waiting = [pool.submit(get, cid) for cid in cids]
            try:
                rest = set(waiting)
                while rest:
                    check()
                    done, rest = wait(rest, timeout=SLICE_SECONDS)
                    for future in done:
                        future.result()
            except BaseException:
                # The threads are not inside the tokens of this one.
                token.cancel()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return [future.result() for future in waiting]

    def _get_block(self, cid: CID, *, offline: bool) -> bytes | None:
        try:
            return self._client.read(look("block/get", cid, offline=offline or None))
        except BlockNotFoundError:
            return None

    def has(self, cid: CID | str) -> bool:
        """Tell whether the node has a block itself."""
        try:
            self._client.call(look("block/stat", CID(cid), offline=True))
        except BlockNotFoundError:
            return False
        return True

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

    def block_get(self, path: IPFSPath) -> bytes:
        """Read a block; the node looks for it among others if it is online.

        Raises:
            BlockNotFoundError: It is not here.
            IntegrityError: The node gave other bytes.
        """
        cid = self._block(path)
        data = self._client.read(look("block/get", cid))
        if not cid.verify(data):
            raise IntegrityError(f"what the node gives for {cid} is something else")
        return data

    def block_stat(self, path: IPFSPath) -> int:
        """Say how many bytes a block has."""
        asked = look("block/stat", self._block(path))
        size: int = value_in(self._client.call(asked), asked.command, int, "Size")
        return size
