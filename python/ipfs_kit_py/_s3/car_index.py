"""The index of a CAR: which block begins where, as its own small object.

It is CARv2's `MultihashIndexSorted` (code 0x0401) by itself, as go-car writes it: by hash
function and length, the digests in order, each with the offset of its section. Offsets
count from the beginning of the CAR.
"""

import struct
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import MalformedDataError

_CODE = b"\x81\x08"
# No block that is exchanged is larger, and its CID and length take less than a KiB.
_MOST_SECTION_BYTES = (4 << 20) + 1024


class CarIndex:
    """Where the blocks of one CAR are.

    Args:
        data: An index as it is stored.
        size: Bytes of the CAR.

    Attributes:
        size: Bytes of the CAR.

    Raises:
        MalformedDataError: It is none.
    """

    def __init__(self, data: bytes, size: int) -> None:
        try:
            self._rows = dict(_read(data))
        except (struct.error, ValueError) as error:
            raise MalformedDataError("it is no index of a CAR") from error
        offsets = (
            offset
            for width, rows in self._rows.values()
            for (offset,) in struct.iter_unpack(f"<{width - 8}xQ", rows)
        )
        self.size = size
        self._begins = [*sorted({it for it in offsets if it < size}), size]

    def __len__(self) -> int:
        """Count the blocks."""
        return len(self._begins) - 1

    def range_of(self, cid: CID) -> tuple[int, int] | None:
        """Give where the section of a block begins and ends, if the CAR has it."""
        digest = cid.digest
        width, rows = self._rows.get((cid.hash_code, len(digest)), (0, b""))
        count = len(rows) // width if width else 0

        def digest_at(at: int) -> bytes:
            return rows[at * width : at * width + width - 8]

        at = bisect_left(range(count), digest, key=digest_at)
        if at == count or digest_at(at) != digest:
            return None
        (begin,) = struct.unpack_from("<Q", rows, (at + 1) * width - 8)
        end = bisect_right(self._begins, begin)
        if end == len(self._begins):
            return None
        found = (begin, self._begins[end])
        return found if found[1] - begin <= _MOST_SECTION_BYTES else None


def _read(data: bytes) -> Iterator[tuple[tuple[int, int], tuple[int, bytes]]]:
    if not data.startswith(_CODE):
        raise ValueError("another kind of index")
    at = len(_CODE)
    (codes,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(codes):
        code, widths = struct.unpack_from("<Qi", data, at)
        at += 12
        for _ in range(widths):
            width, size = struct.unpack_from("<IQ", data, at)
            at += 12
            rows = data[at : at + size]
            if width <= 8 or size % width or len(rows) != size:
                raise ValueError("rows of another length")
            at += size
            yield (code, width - 8), (width, rows)
    if at != len(data):
        raise ValueError("bytes behind the end")


def index_of(sections: Iterable[tuple[CID, int]]) -> bytes:
    """Write the index of sections: the CID of each, and where it begins."""
    rows: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for cid, offset in sections:
        digest = cid.digest
        # An empty identity hash is in its CID: nobody looks for it.
        if digest:
            row = digest + struct.pack("<Q", offset)
            rows[cid.hash_code, len(row)].append(row)
    codes = sorted({code for code, _ in rows})
    out = [_CODE, struct.pack("<i", len(codes))]
    for code in codes:
        widths = sorted(width for found, width in rows if found == code)
        out.append(struct.pack("<Qi", code, len(widths)))
        for width in widths:
            found = b"".join(sorted(rows[code, width]))
            out += [struct.pack("<IQ", width, len(found)), found]
    return b"".join(out)


def block_of(section: bytes, cid: CID) -> bytes | None:
    """Give the bytes of a block out of its section; `None` if that is another's."""
    try:
        length, at = varint(section, 0)
        end = cid_end(section, at)
    except ValueError:
        return None
    if at + length > len(section) or not section[at:end].endswith(cid.multihash):
        return None
    return section[end : at + length]


def varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Read a varint, and tell where it ends.

    Raises:
        ValueError: The data end in it, or it is longer than nine bytes.
    """
    value = 0
    for shift in range(0, 63, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("no whole varint")


def cid_end(data: bytes | bytearray, at: int) -> int:
    """Tell where a CID in a CAR ends.

    Raises:
        ValueError: The data end in it.
    """
    if data[at : at + 2] == b"\x12\x20":
        return at + 34
    for _ in range(3):
        _, at = varint(data, at)
    length, at = varint(data, at)
    return at + length


class Sections:
    """Notes where the sections of a CAR begin, while its bytes go by.

    Attributes:
        found: The CID of each block, and the offset of its section.
        size: How many bytes went by.
    """

    def __init__(self) -> None:
        self.found: list[tuple[CID, int]] = []
        self.size = 0
        self._held = bytearray()
        self._skip = 0
        self._is_header = True

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        start = self.size - len(self._held)
        self.size += len(piece)
        if self._skip >= len(piece):
            self._skip -= len(piece)
            return
        begin = start + self._skip if not self._held else start
        self._held += piece[self._skip :] if not self._held else piece
        self._skip = 0
        at = 0
        while at < len(self._held):
            try:
                length, body = varint(self._held, at)
                end = body if self._is_header else cid_end(self._held, body)
            except ValueError:
                break
            if end > len(self._held):
                break
            if not self._is_header:
                self.found.append((CID(bytes(self._held[body:end])), begin + at))
            self._is_header = False
            at = body + length
        self._skip = max(0, at - len(self._held))
        del self._held[:at]
