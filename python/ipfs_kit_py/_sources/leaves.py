"""Leaves of a file, made of its bytes and verified.

It takes one request for many blocks, and whoever is asked need not know of blocks.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import Final, Protocol, TypeAlias

from ipfs_kit_py._http.apart import received_apart
from ipfs_kit_py._native import CID, Block, Draft, verified_blocks
from ipfs_kit_py._sources.layouts import Run
from ipfs_kit_py.errors import IntegrityError

_BATCH_BYTES: Final = 8 << 20
FILE, RAW = 2, 0
"""Kinds of leaves: those of balanced files, and those of trickle ones."""

_Part: TypeAlias = tuple[CID, int]
_Filled: TypeAlias = Sequence[tuple[CID, Draft]]


class Reply(Protocol):
    """Bytes that somebody sends."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Write what comes into a buffer, and tell how much; 0 at the end."""


class Pieces:
    """Bytes that come in pieces, as a reply.

    Args:
        pieces: The pieces.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")

    def readinto(self, buffer: memoryview, /) -> int:
        """Write what there is of a piece into a buffer."""
        while not self._piece:
            try:
                self._piece = memoryview(next(self._pieces))
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count


_Begin: TypeAlias = Callable[[], AbstractContextManager[Reply]]


def leaves_of(
    run: Run, begin: _Begin, batch_bytes: int = _BATCH_BYTES
) -> Generator[dict[CID, Block], None, None]:
    """Iterate over leaves, some at a time, as their bytes come.

    The next ones are received while these are looked at.

    Args:
        run: Which leaves.
        begin: Ask for the bytes of the file that they have; called on another thread.
        batch_bytes: How many bytes are verified together.

    Raises:
        IntegrityError: The bytes are not those of these leaves, or the leaves are made in
            a way that is not known here. What is right came before.
    """
    with closing(received_apart(partial(_received, run, begin, batch_bytes))) as batches:
        for batch in batches:
            cids = [cid for cid, _ in batch]
            blocks = verified_blocks(cids, _as_blocks(batch))
            checked = zip(cids, blocks, strict=True)
            del batch
            yield {cid: block for cid, block in checked if block is not None}
            if None in blocks:
                message = f"the bytes are not those of the leaves of {run.cid}"
                raise IntegrityError(message)


def _received(
    run: Run, begin: _Begin, batch_bytes: int
) -> Generator[_Filled, None, None]:
    """Receive the bytes of some leaves at a time, as long as whole ones come."""
    # What comes behind them was not asked for, and is perhaps without end.
    with begin() as reply:
        for parts in _batches(run.parts, batch_bytes):
            filled: list[tuple[CID, Draft]] = []
            failure = None
            try:
                for cid, size in parts:
                    draft = Draft(size)
                    if not _fill(draft, reply):
                        break
                    filled.append((cid, draft))
            except Exception as error:  # noqa: BLE001 - raised below
                failure = error
            if filled:
                yield filled
            if failure is not None:
                raise failure
            if len(filled) < len(parts):
                return


def _batches(parts: Iterable[_Part], batch_bytes: int) -> Iterator[Sequence[_Part]]:
    batch: list[_Part] = []
    held = 0
    for part in parts:
        batch.append(part)
        held += part[1]
        if held >= batch_bytes:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _fill(draft: Draft, reply: Reply) -> bool:
    with memoryview(draft) as whole:
        at = 0
        while at < len(whole):
            with whole[at:] as rest:
                count = reply.readinto(rest)
            if not count:
                return False
            at += count
    return True


def _as_blocks(batch: _Filled) -> "Sequence[Draft | bytes]":
    """Make of the bytes of leaves what their blocks are."""
    sample = next(((it, draft) for it, draft in batch if it.codec == "dag-pb"), None)
    if sample is None:
        return [draft for _, draft in batch]
    cid, draft = sample
    kind = kind_of(cid, bytes(draft))
    return [leaf(cid, bytes(draft), kind or RAW) for cid, draft in batch]


def leaf(cid: CID, content: bytes, kind: int = FILE) -> bytes:
    """Make the block that a leaf of these bytes is, if it is one of this kind."""
    if cid.codec == "raw":
        return content
    size = varint(len(content))
    message = b"\x08" + bytes([kind]) + b"\x12" + size + content + b"\x18" + size
    return b"\x0a" + varint(len(message)) + message


def kind_of(cid: CID, content: bytes) -> int | None:
    """Find out which kind of leaf has this CID; `None` if it is no plain one."""
    for kind in (FILE, RAW):
        if verified_blocks([cid], [leaf(cid, content, kind)]) != [None]:
            return kind
    return None


def varint(number: int) -> bytes:
    """Encode a number as protobuf and multiformats do."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
