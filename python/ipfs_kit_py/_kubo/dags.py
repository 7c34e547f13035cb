"""Whole DAGs of a node: values, and CAR streams both ways."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import ProgressCallback, Readable, StrPath
from ipfs_kit_py._http.waiting import check
from ipfs_kit_py._kubo.blocks import Blocks
from ipfs_kit_py._kubo.cars import as_file, car
from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.errors import of_message
from ipfs_kit_py._kubo.multipart import Multipart, Part
from ipfs_kit_py._kubo.replies import cid_in, value_in
from ipfs_kit_py._native import CID, CarReader
from ipfs_kit_py._repository import ImportReport


def _counted(
    blocks: Iterable[tuple[CID, bytes]], progress: ProgressCallback | None
) -> Iterator[tuple[CID, bytes]]:
    done = 0
    for cid, data in blocks:
        yield cid, data
        done += len(data)
        if progress:
            progress(done, 0)


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

    def dag_import(
        self,
        source: StrPath | Readable,
        progress: ProgressCallback | None = None,
        *,
        pin_roots: bool = True,
    ) -> ImportReport:
        """Take over the blocks of a CAR file, each checked against its CID.

        All of it is checked before anything is sent, so it is read twice; what can be
        read only once waits in a temporary file. The node decodes each block, and refuses
        one whose codec it does not know.

        Args:
            source: The CAR, version 1 or 2: a path, or an object with `read`.
            progress: Called with bytes sent so far, and 0.
            pin_roots: Pin what it names as roots; all that they need must be there.

        Raises:
            MalformedDataError: It is no CAR, or ends too early. Nothing was sent.
            IntegrityError: A block is not what its CID names. Nothing was sent.
            BlockNotFoundError: A root that is to be pinned is not complete. The node has
                the blocks until it collects them.
        """
        with as_file(source) as path:
            blocks = size = 0
            for _, data in CarReader(path):
                check()
                blocks, size = blocks + 1, size + len(data)
            reader = CarReader(path)
            sent = car(reader.roots, _counted(reader, progress))
            taken = self.import_car(sent, roots=reader.roots, pin=pin_roots)
        if taken != blocks:
            raise of_message(f"the node took {taken} blocks of {blocks}")
        return ImportReport(reader.roots, blocks, size)

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
