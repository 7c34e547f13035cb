"""Whole DAGs of a node: values, and CAR streams both ways."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ipfs_kit_py import _native
from ipfs_kit_py._kubo.blocks import Blocks
from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.errors import of_message
from ipfs_kit_py._kubo.multipart import Multipart, Part
from ipfs_kit_py._kubo.replies import cid_in, value_in
from ipfs_kit_py._native import CID


class Dags(Blocks):
    """What reads and writes DAGs."""

    def dag_put(
        self,
        value: Any,  # noqa: ANN401 - whatever the codec can hold
        codec: str = "dag-cbor",
        *,
        input_codec: str | None = None,
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
        pin: bool = False,
    ) -> CID:
        """Put a value; it is encoded here, as by `Repository.dag_put`."""
        if input_codec is not None:
            value = _native.ipld_decode(value, input_codec)
        return self.block_put(_native.ipld_encode(value, codec), codec, hash, pin=pin)

    def import_car(
        self, *cars: Iterable[bytes], roots: Collection[CID], pin: bool = True
    ) -> int:
        """Send CARs, and make sure that the node took them.

        Nothing of them is collected as garbage before the roots are pinned.

        Args:
            cars: The bytes of each, sent one after the other.
            roots: What they name as roots; looked at when they were sent.
            pin: Pin them; the node checks that all below is there.

        Returns:
            How many blocks the node took.

        Raises:
            BlockNotFoundError: Something below a root is missing.
        """
        pinned, blocks = set[CID](), None
        asked = ask(
            "dag/import",
            body=Multipart(Part("data", car) for car in cars),
            # It answers when all is pinned.
            patient=True,
            pin_roots=pin,
            stats=True,
        )
        for line in self._client.lines(asked):
            if isinstance(line, dict) and line.get("Stats"):
                blocks = value_in(line, asked.command, int, "Stats", "BlockCount")
            else:
                root = cid_in(line, asked.command, "Root", "Cid")
                if failed := value_in(line, asked.command, str, "Root", "PinErrorMsg"):
                    raise of_message(failed)
                pinned.add(root)
        if blocks is None or (pin and pinned != {*roots}):
            shown = ", ".join(sorted(map(str, pinned))) or "none"
            raise of_message(f"the node pinned other roots than it was sent: {shown}")
        return int(blocks)

    def export_car(self, cid: CID, *, offline: bool = False) -> Iterator[bytes]:
        """Iterate over a CAR of everything below a CID; its blocks are unverified."""
        return self._client.stream(
            look("dag/export", cid, progress=False, offline=offline or None)
        )
