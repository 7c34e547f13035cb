"""Reading the blocks of a CAR while it comes."""

from collections.abc import Iterator
from typing import Final

from ipfs_kit_py._gateways.gateway import MOST_BYTES
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidCIDError, LimitExceededError, MalformedDataError

_MOST_VARINT: Final = 9
_V0: Final = b"\x12\x20"


class _Pieces:
    """Bytes to take from, as they come."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0

    def byte(self) -> int | None:
        """Take one; `None` at the end."""
        while self._at >= len(self._piece):
            piece = next(self._pieces, None)
            if piece is None:
                return None
            self._piece, self._at = piece, 0
        self._at += 1
        return self._piece[self._at - 1]

    def take(self, size: int) -> bytes:
        """Take so many.

        Raises:
            MalformedDataError: There are fewer.
        """
        found = self._piece[self._at : self._at + size]
        self._at += len(found)
        if len(found) == size:
            return found
        parts = [found]
        size -= len(found)
        while size:
            piece = next(self._pieces, None)
            if piece is None:
                raise MalformedDataError("the CAR ends within a block")
            parts.append(piece[:size])
            self._piece, self._at = piece, min(size, len(piece))
            size -= self._at
        return b"".join(parts)

    def varint(self) -> int | None:
        """Take a number; `None` at the end."""
        value = 0
        for place in range(_MOST_VARINT):
            byte = self.byte()
            if byte is None:
                if place:
                    raise MalformedDataError("the CAR ends within a number")
                return None
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise MalformedDataError("the CAR has a number that does not end")


def car_blocks(pieces: Iterator[bytes]) -> Iterator[tuple[CID, bytes]]:
    """Iterate over the blocks of a CAR, version 1, none of them verified.

    Raises:
        MalformedDataError: It is no CAR, or ends too soon.
        LimitExceededError: A block is larger than blocks are.
    """
    source = _Pieces(pieces)
    size = source.varint()
    if size is None or not 0 < size <= MOST_BYTES:
        raise MalformedDataError("it is no CAR")
    # The roots in it mean nothing, by the specification of gateways.
    source.take(size)
    while (size := source.varint()) is not None:
        if size > MOST_BYTES:
            raise LimitExceededError(f"the CAR has a block of {size} bytes")
        frame = source.take(size)
        end = _end_of_cid(frame)
        try:
            yield CID(frame[:end]), frame[end:]
        except InvalidCIDError as error:
            raise MalformedDataError(f"the CAR has a block without a CID: {error}") from (
                error
            )


def _end_of_cid(frame: bytes) -> int:
    if frame.startswith(_V0):
        return 34
    at = 0
    for _ in range(3):
        # Version, codec, hash function.
        _, at = _number(frame, at)
    length, at = _number(frame, at)
    return at + length


def _number(frame: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(frame[at : at + _MOST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise MalformedDataError("the CAR has a block without a CID")
