"""Inputs that the tests share: byte streams, folders, and blocks made by hand.

Streams and the folders of the vectors follow `tests/vectors/README.md`. Blocks and CARs
are built here from their formats, so that a test can also build what no writer would.
"""

import hashlib
import json
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ipfs_kit_py import CID, cids_of

VECTORS = Path(__file__).parent / "vectors"

_WORD = np.dtype("<u4")
_NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz01234567890-_"
_COLUMNS_THEN_DIAGONALS = (
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),
)


def load_vectors(name: str) -> Any:
    """Read a file of vectors."""
    return json.loads((VECTORS / name).read_text())


def _keystream_blocks(key: bytes, first: int, count: int) -> bytes:
    """ChaCha20 blocks of 64 bytes, all at once: a word is a column of `count`."""
    start = np.zeros((16, count), _WORD)
    start[:4] = np.frombuffer(b"expand 32-byte k", _WORD)[:, None]
    start[4:12] = np.frombuffer(key, _WORD)[:, None]
    start[12] = np.arange(first, first + count, dtype=_WORD)
    state, high = start.copy(), np.empty(count, _WORD)
    for _ in range(10):
        for a, b, c, d in _COLUMNS_THEN_DIAGONALS:
            for x, y, z, bits in (
                (a, b, d, 16),
                (c, d, b, 12),
                (a, b, d, 8),
                (c, d, b, 7),
            ):
                state[x] += state[y]
                state[z] ^= state[x]
                np.left_shift(state[z], bits, out=high)
                state[z] >>= 32 - bits
                state[z] |= high
    state += start
    return np.ascontiguousarray(state.T).tobytes()


def chacha20_pieces(seed: str, size: int) -> Iterator[bytes]:
    """Give the ChaCha20 stream of a seed, a mebibyte at a time."""
    key, blocks_at_once = hashlib.sha256(seed.encode()).digest(), 1 << 14
    for first in range(0, -(-size // 64), blocks_at_once):
        left = size - first * 64
        yield _keystream_blocks(key, first, min(blocks_at_once, -(-left // 64)))[:left]


@cache
def chacha20(seed: str, size: int) -> bytes:
    """The ChaCha20 stream of a seed, cut to `size`."""
    return b"".join(chacha20_pieces(seed, size))


def _sha256ctr(size: int) -> bytes:
    counts = np.arange(-(-size // 32), dtype="<u8").view(np.uint8).reshape(-1, 8)
    return cids_of(counts).digests.tobytes()[:size] if size else b""


def kubo_input(name: str, size: int) -> bytes:
    """An input of `kubo-0.22.json`; its sha256 there tells if it is the right one."""
    match name:
        case "sha256ctr":
            return _sha256ctr(size)
        case "zero":
            return bytes(size)
        case "rep":
            return (_sha256ctr(1000) * (size // 1000 + 1))[:size]
    raise ValueError(name)


def seeded_folder(folder: Path, vector: dict[str, Any]) -> Path:
    """Fill a folder with files that hold `x`, under the names of a seed."""
    folder.mkdir()
    stream = chacha20(vector["seed"], 1 << 20)
    letters = iter(
        stream.translate(bytes(ord(_NAME_LETTERS[b % 39]) for b in range(256)))
    )
    lengths = [vector["name_len"]] * vector["files"]
    lengths[-1] = vector.get("last_name_len", lengths[-1])
    for length in lengths:
        (folder / bytes(islice(letters, length)).decode()).write_bytes(b"x")
    return folder


def numbered_files(folder: Path, count: int, name: str) -> Path:
    """Fill a folder with files that hold their own number."""
    folder.mkdir(exist_ok=True)
    where = os.open(folder, os.O_RDONLY)
    try:
        for i in range(count):
            file = os.open(name % i, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=where)
            os.write(file, b"%d" % i)
            os.close(file)
    finally:
        os.close(where)
    return folder


def write_tree(folder: Path, tree: dict[str, Any]) -> Path:
    """Write a folder: bytes are files, text a link's target, dictionaries folders."""
    folder.mkdir()
    for name, what in tree.items():
        path = folder / name
        match what:
            case bytes():
                path.write_bytes(what)
            case str():
                path.symlink_to(what)
            case _:
                write_tree(path, what)
    return folder


def read_tree(folder: Path) -> dict[str, Any]:
    """Read a folder back as `write_tree` takes it."""
    tree: dict[str, Any] = {}
    for path in folder.iterdir():
        if path.is_symlink():
            tree[path.name] = str(path.readlink())
        else:
            tree[path.name] = read_tree(path) if path.is_dir() else path.read_bytes()
    return tree


def kubo_tree(folder: Path, name: str) -> Path:
    """A folder of `kubo-0.22.json`, by its name."""
    kind, _, count = name.rpartition("_")
    match kind:
        case "flat":
            return numbered_files(folder, int(count), "file-%06d")
        case "n30":
            return numbered_files(folder, int(count), "%030d")
        case "n28":
            return numbered_files(folder, int(count), "%028d")
        case "long":
            return numbered_files(folder, int(count), "x" * 200 + "%06d")
        case "nested":
            write_tree(folder, {"readme": b"r"})
            numbered_files(folder / "big", 6000, "file-%06d")
            return folder
    return write_tree(
        folder, {"empty": {}, "mixed": _mixed(), "symlinks": _links()}[name]
    )


def _mixed() -> dict[str, Any]:
    stream = _sha256ctr(262_145)
    texts = {
        "Zed": "Z",
        "a b": "space",
        "\u00e9t\u00e9": "nfc",
        "文件": "cjk",
        "~tilde": "~",
        "a.txt": "a",
        "a": "a1",
        "B": "b",
    }
    files = {"empty": b"", "one": stream[:1], "chunk": stream[:-1], "two": stream}
    folders = {"sub": {"deep": {"leaf": stream[:100]}}, "emptydir": {}}
    return files | folders | {name: text.encode() for name, text in texts.items()}


def _links() -> dict[str, Any]:
    links = {"link": "target", "dangling": "../outside", "dlink": "d", "abs": "/abs/path"}
    return {"target": b"hello\n", "d": {}} | links


def random_tree(rng: random.Random, depth: int = 3, most: int = 12) -> dict[str, Any]:
    """Make up a tree for `write_tree`: all kinds, odd names, many sizes."""
    tree: dict[str, Any] = {}
    for _ in range(rng.randint(0, most)):
        name = random_name(rng)
        kind = rng.random()
        if kind < 0.2 and depth > 0:
            tree[name] = random_tree(rng, depth - 1, most)
        elif kind < 0.3:
            tree[name] = rng.choice(["x", "../up", "a/b", "/abs", "dangling", "é"])
        else:
            tree[name] = rng.randbytes(
                rng.choice([0, 1, 20, 127, 128, 1000, 5000, 300_000])
            )
    return tree


def random_name(rng: random.Random) -> str:
    """Make up a file name: letters of one to four bytes, dots, spaces."""
    letters = "abzAZ09-_.~ +,%=é\u0301ß文件🎈\u200b\ud7ff"
    length = rng.choice([1, 2, 3, 8, 20, 60])
    name = "".join(rng.choice(letters) for _ in range(length))
    # `.` and `..` are no names, and what begins with a dot is left out unless asked for.
    hidden = rng.random() < 0.1
    return ("." if hidden else "") + "n" + name


def varint(number: int) -> bytes:
    """Encode an unsigned number as multiformats and protobuf do."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _pb(number: int, value: int | bytes) -> bytes:
    """Encode one protobuf field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    return varint(number << 3 | 2) + varint(len(value)) + value


RAW, FOLDER, FILE, METADATA, SYMLINK, SHARD = range(6)
"""Kinds of UnixFS nodes."""


def unixfs(
    kind: int,
    data: bytes | None = None,
    size: int | None = None,
    block_sizes: Iterable[int] = (),
    hash_type: int | None = None,
    fanout: int | None = None,
    *,
    mode: int | None = None,
    mtime_ns: int | None = None,
) -> bytes:
    """Encode a UnixFS message."""
    fields: list[tuple[int, int | bytes | None]] = [(1, kind), (2, data), (3, size)]
    fields += [(4, block_size) for block_size in block_sizes]
    fields += [(5, hash_type), (6, fanout), (7, mode)]
    if mtime_ns is not None:
        seconds, nanoseconds = divmod(mtime_ns, 10**9)
        fixed = b"\x15" + nanoseconds.to_bytes(4, "little") if nanoseconds else b""
        fields.append((8, _pb(1, seconds) + fixed))
    return b"".join(_pb(number, value) for number, value in fields if value is not None)


@dataclass(frozen=True)
class Link:
    """A link of a dag-pb node."""

    name: bytes
    cid: CID
    tsize: int = 0

    def encode(self) -> bytes:
        """Encode the link's message."""
        return _pb(1, bytes(self.cid)) + _pb(2, self.name) + _pb(3, self.tsize)


def cid_for(data: bytes, codec: int) -> CID:
    """The CIDv1 of a block by hashlib alone."""
    return CID(b"\x01" + varint(codec) + b"\x12\x20" + hashlib.sha256(data).digest())


@dataclass
class Dag:
    """Blocks made by hand, and the CAR file that holds them."""

    blocks: dict[CID, bytes] = field(default_factory=dict)
    links: dict[CID, list[Link]] = field(default_factory=dict)

    def add(self, data: bytes, codec: int) -> CID:
        """Keep a block."""
        cid = cid_for(data, codec)
        self.blocks[cid] = data
        return cid

    def raw(self, data: bytes) -> CID:
        """Keep a raw leaf."""
        return self.add(data, 0x55)

    def node(self, message: bytes, links: Iterable[Link] = ()) -> CID:
        """Keep a dag-pb node."""
        links = list(links)
        encoded = b"".join(_pb(2, link.encode()) for link in links)
        cid = self.add(encoded + _pb(1, message), 0x70)
        self.links[cid] = links
        return cid

    def folder(self, entries: Iterable[tuple[str | bytes, CID]]) -> CID:
        """Keep a folder with its entries in the order given."""
        links = [
            Link(name if isinstance(name, bytes) else name.encode(), cid)
            for name, cid in entries
        ]
        return self.node(unixfs(FOLDER), links)

    def file(self, parts: Iterable[tuple[CID, int]], size: int | None = None) -> CID:
        """Keep a file node; each part comes with the size claimed for it."""
        parts = list(parts)
        sizes = [claimed for _, claimed in parts]
        message = unixfs(
            FILE, size=sum(sizes) if size is None else size, block_sizes=sizes
        )
        return self.node(message, [Link(b"", cid) for cid, _ in parts])

    def symlink(self, target: str | bytes) -> CID:
        """Keep a symbolic link."""
        target = target if isinstance(target, bytes) else target.encode()
        return self.node(unixfs(SYMLINK, target))

    def car(self, *roots: CID) -> bytes:
        """The CARv1 of all blocks."""
        return car_v1(roots, self.blocks.items())


def car_header(roots: Iterable[CID]) -> bytes:
    """The header of a CARv1: dag-cbor of `{roots, version: 1}`, with its length."""
    roots = list(roots)
    links = b"".join(
        b"\xd8\x2a" + _cbor_head(2, len(bytes(root)) + 1) + b"\0" + bytes(root)
        for root in roots
    )
    body = b"\xa2\x65roots" + _cbor_head(4, len(roots)) + links + b"\x67version\x01"
    return varint(len(body)) + body


def _cbor_head(major: int, length: int) -> bytes:
    if length < 24:
        return bytes([major << 5 | length])
    size = next(size for size in (1, 2, 4, 8) if length < 1 << 8 * size)
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]]) + length.to_bytes(
        size
    )


def car_section(cid: CID, data: bytes) -> bytes:
    """A section of a CAR: a length, a CID, a block."""
    return varint(len(bytes(cid)) + len(data)) + bytes(cid) + data


def car_v1(roots: Iterable[CID], blocks: Iterable[tuple[CID, bytes]]) -> bytes:
    """A CARv1 with these sections in this order."""
    return car_header(roots) + b"".join(car_section(cid, data) for cid, data in blocks)
