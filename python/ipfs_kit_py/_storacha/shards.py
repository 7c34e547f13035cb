"""Cutting a CAR into shards: CARs that a service takes in one go.

The core writes the same CAR of the same files on every machine, so the shards are the
same too, and an upload that is begun again finds those that are there. As the reference
client does it, all but the last name no root, which is so that two versions of a folder
share their first shards.
"""

import hashlib
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Final, cast

from ipfs_kit_py import _native
from ipfs_kit_py._http.waiting import check
from ipfs_kit_py._native import CID
from ipfs_kit_py._sources.leaves import varint
from ipfs_kit_py.errors import MalformedDataError

_PIECE_BYTES: Final = 1 << 20
# With a root, whatever its hash is.
_HEADER_BYTES: Final = 256
# No block that is exchanged is larger, and its CID and length take less than a KiB.
_MOST_SECTION_BYTES: Final = (4 << 20) + 1024


class Shard:
    """A CAR of a part of the blocks, in a temporary file.

    Args:
        file: Its sections.
        size: How many bytes those are.
        root: What its header names, if anything.

    Attributes:
        cid: The CID of the CAR.
        size: How many bytes it has.
    """

    def __init__(self, file: IO[bytes], size: int, root: CID | None) -> None:
        self._head = _header([] if root is None else [root])
        self._file = file
        self.size = len(self._head) + size
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        self.cid = car_cid(digest.digest())

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes, from the beginning."""
        yield self._head
        self._file.seek(0)
        while piece := self._file.read(_PIECE_BYTES):
            check()
            yield piece

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def car_cid(sha256: bytes) -> CID:
    """Give the CID of a CAR by its SHA2-256."""
    return CID.from_multihash(b"\x12\x20" + sha256, codec="car")


class Shards:
    """The shards of a CAR, one after the other. Each is closed before the next one comes.

    Args:
        car: The bytes of the CAR as they come; what else comes last is a tuple that
            begins with the root, as the core gives it.
        most_bytes: Most bytes of a shard; one that holds a single block may have more.
        root: The root, if it is known before.

    """

    def __init__(
        self, car: Iterable[object], most_bytes: int, root: CID | None = None
    ) -> None:
        self._root = root
        self._car = car
        self._room = most_bytes - _HEADER_BYTES

    def __iter__(self) -> Iterator[Shard]:
        """Give them.

        Raises:
            MalformedDataError: It is no CAR.
        """
        sections = (section for found in self._sections() for section in found)
        waiting = next(sections, None)
        while True:
            with TemporaryFile() as file:
                size = 0
                while waiting is not None and (
                    not size or size + len(waiting) <= self._room
                ):
                    file.write(waiting)
                    size += len(waiting)
                    waiting = next(sections, None)
                is_last = waiting is None
                yield Shard(file, size, self._root if is_last else None)
            if is_last:
                return

    @property
    def known_root(self) -> CID:
        """What the last shard names, once all have come.

        Raises:
            MalformedDataError: The CAR came without it.
        """
        if self._root is None:
            raise MalformedDataError("the CAR names no root")
        return self._root

    def _sections(self) -> Iterator[list[memoryview]]:
        """Give the sections of the CAR, without its header, those that came at a time."""
        held = bytearray()
        is_header = True
        for piece in self._car:
            check()
            if isinstance(piece, tuple):
                self._root = piece[0]
                continue
            held += cast("bytes", piece)
            found, at = [], 0
            view = memoryview(bytes(held))
            while (end := _end(view, at)) is not None and end <= len(view):
                if not is_header:
                    found.append(view[at:end])
                is_header, at = False, end
            held = bytearray(view[at:])
            if found:
                yield found
        if held or is_header:
            raise MalformedDataError("the CAR ends within a block")


def _end(view: memoryview, at: int) -> int | None:
    """Tell where the section at some place ends; `None` if its length is not here yet."""
    length = 0
    for shift in range(0, 63, 7):
        if at >= len(view):
            return None
        byte = view[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            if length > _MOST_SECTION_BYTES:
                raise MalformedDataError("a block of the CAR is too large")
            return at + length
    raise MalformedDataError("a length in the CAR is none")


def _header(roots: list[CID]) -> bytes:
    header = _native.ipld_encode({"version": 1, "roots": roots}, "dag-cbor")
    return varint(len(header)) + header
