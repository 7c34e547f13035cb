"""CARs of version 1, framed as they are sent."""

from collections.abc import Collection, Iterable, Iterator

from ipfs_kit_py import _native
from ipfs_kit_py._native import CID


def car(
    roots: Collection[CID], blocks: Iterable[tuple[CID, bytes]] = ()
) -> Iterator[bytes]:
    """Frame blocks as a CAR (https://ipld.io/specs/transport/car/carv1/).

    Args:
        roots: What it names as roots, looked at when the first bytes are asked for.
        blocks: What it has in it.
    """
    header = _native.ipld_encode({"roots": [*roots], "version": 1}, "dag-cbor")
    yield _varint(len(header)) + header
    for cid, data in blocks:
        name = bytes(cid)
        yield _varint(len(name) + len(data)) + name
        yield data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
