"""CARs of version 1, framed as they are sent, and files of them."""

import os
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import Readable, StrPath
from ipfs_kit_py._http.waiting import check
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.system import checked_path, typed
from ipfs_kit_py._sources.leaves import varint

_PIECE_BYTES = 1 << 20


def car(
    roots: Collection[CID], blocks: Iterable[tuple[CID, bytes]] = ()
) -> Iterator[bytes]:
    """Frame blocks as a CAR (https://ipld.io/specs/transport/car/carv1/).

    What is small is gathered: each piece becomes a chunk of the request.

    Args:
        roots: What it names as roots, looked at when the first bytes are asked for.
        blocks: What it has in it.
    """
    header = _native.ipld_encode({"roots": [*roots], "version": 1}, "dag-cbor")
    gathered, size = [varint(len(header)), header], len(header)
    for cid, data in blocks:
        name = bytes(cid)
        gathered += [varint(len(name) + len(data)), name, data]
        size += len(name) + len(data)
        if size >= _PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


@contextmanager
def as_file(source: StrPath | Readable) -> Iterator[Path]:
    """Give a file with the bytes of a source: the file itself, if it is one.

    What can be read only once waits on the disk, since it is read twice.
    """
    if isinstance(source, str | os.PathLike):
        yield checked_path(source)
        return
    with tempfile.NamedTemporaryFile(prefix="ipfs-kit-", suffix=".car") as file:
        while piece := source.read(_PIECE_BYTES):
            check()
            try:
                file.write(piece)
            except OSError as error:
                raise typed(error, Path(file.name)) from error
        file.flush()
        yield Path(file.name)
