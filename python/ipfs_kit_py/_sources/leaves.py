"""Leaves of a file, made of its bytes and verified.

It takes one request for many blocks, and whoever is asked need not know of blocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from ipfs_kit_py._native import CID, Block, verified_blocks, verified_parts
from ipfs_kit_py._sources.layouts import Run
from ipfs_kit_py.errors import IntegrityError

_BATCH_BYTES: Final = 16 << 20
FILE, RAW = 2, 0
"""Kinds of leaves: those of balanced files, and those of trickle ones."""


def leaves_of(
    run: Run, pieces: Iterable[bytes], batch_bytes: int = _BATCH_BYTES
) -> Iterator[dict[CID, Block]]:
    """Iterate over leaves, some at a time, as their bytes come.

    Args:
        run: Which leaves.
        pieces: The bytes of the file that they have.
        batch_bytes: How many bytes are verified together.

    Raises:
        IntegrityError: The bytes are not those of these leaves, or the leaves are made in
            a way that is not known here. What is right came before.
    """
    for cids, sizes, content in _batches(run, pieces, batch_bytes):
        if all(cid.codec == "raw" for cid in cids):
            blocks = verified_parts(cids, sizes, content)
        else:
            blocks = _plain(cids, sizes, b"".join(content))
        checked = zip(cids, blocks, strict=True)
        yield {cid: block for cid, block in checked if block is not None}
        if None in blocks:
            raise IntegrityError(f"the bytes are not those of the leaves of {run.cid}")


def _plain(
    cids: Sequence[CID], sizes: Sequence[int], content: bytes
) -> list[Block | None]:
    """Make leaves that are nodes without links."""
    ends = [*accumulate(sizes)]
    parts = [content[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    of_cid = dict(zip(cids, parts, strict=True))
    sample = next(cid for cid in cids if cid.codec == "dag-pb")
    kind = kind_of(sample, of_cid[sample])
    made = zip(cids, parts, strict=True)
    return verified_blocks(cids, [leaf(cid, part, kind or RAW) for cid, part in made])


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


class _Batch(NamedTuple):
    """Leaves whose bytes are here."""

    cids: Sequence[CID]
    sizes: Sequence[int]
    content: Sequence[bytes]
    """Their bytes, and perhaps some behind them."""


def _batches(run: Run, pieces: Iterable[bytes], batch_bytes: int) -> Iterator[_Batch]:
    """Gather pieces until some leaves are whole."""
    parts, content, here = run.parts, list[bytes](), 0
    for piece in pieces:
        content.append(piece)
        here += len(piece)
        if here < min(batch_bytes, sum(size for _, size in parts)):
            continue
        count, taken = _whole(parts, here)
        if not count:
            continue
        yield _batch(parts[:count], content)
        parts = parts[count:]
        if not parts:
            # What comes more was not asked for, and is perhaps without end.
            return
        here -= taken
        content = _tail(content, here)
    count, _ = _whole(parts, here)
    if count:
        yield _batch(parts[:count], content)


def _tail(content: Sequence[bytes], size: int) -> list[bytes]:
    """Give the last so many bytes."""
    found: list[bytes] = []
    for piece in reversed(content):
        if not size:
            break
        found.append(piece[max(0, len(piece) - size) :])
        size -= len(found[-1])
    return found[::-1]


def _batch(parts: Sequence[tuple[CID, int]], content: Sequence[bytes]) -> _Batch:
    cids, sizes = zip(*parts, strict=True)
    return _Batch(cids, sizes, content)


def _whole(parts: Sequence[tuple[CID, int]], here: int) -> tuple[int, int]:
    """Count the leaves that so many bytes are enough for, and their bytes."""
    count = taken = 0
    for _, size in parts:
        if taken + size > here:
            break
        count, taken = count + 1, taken + size
    return count, taken
