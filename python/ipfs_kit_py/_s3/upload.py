"""Putting files, buffers and streams into a bucket.

What is sent carries its SHA2-256 for the store to verify, part by part. Of what can be
read twice, the hash of the whole is kept with the object, so that it can be verified when
it comes back.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Final

from ipfs_kit_py._native import check_cancelled
from ipfs_kit_py._s3.errors import translated
from ipfs_kit_py._s3.keys import object_key
from ipfs_kit_py._s3.progress import Counter
from ipfs_kit_py.errors import FileChangedError, UnreachableError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._s3.store import Store

PART_BYTES: Final = 8 << 20
HASH_NAME: Final = "sha256"
"""The name under which the hash of the whole is kept with an object."""
_PIECE_BYTES: Final = 1 << 20
_PARTS_AT_ONCE: Final = 4
# A store takes ten thousand.
_MOST_PARTS: Final = 9_000


def put_bytes(store: "Store", bucket: str, key: str, data: "Buffer") -> None:
    """Put a buffer, in one request."""
    _put(store, bucket, key, bytes(data), hashlib.sha256(data).hexdigest())


def put_file(store: "Store", bucket: str, key: str, path: str, counter: Counter) -> None:
    """Put a file.

    Raises:
        FileChangedError: It changed meanwhile; nothing was put.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - a text in
        digest = hashlib.sha256()
        size = 0
        for piece in _pieces(file):
            digest.update(piece)
            size += len(piece)
        file.seek(0)
        if size <= PART_BYTES:
            data = file.read(PART_BYTES + 1)
            if hashlib.sha256(data).digest() != digest.digest():
                raise FileChangedError(f"{path} changed while it was read")
            _put(store, bucket, key, data, digest.hexdigest())
            counter.add(size)
            return
        pieces = _same(path, _counted(_pieces(file), counter), digest.digest())
        _put(store, bucket, key, pieces, digest.hexdigest(), size)


def put_stream(
    store: "Store",
    bucket: str,
    key: str,
    pieces: "Iterable[Buffer]",
    counter: Counter,
    *,
    part_bytes: int = 2 * PART_BYTES,
) -> None:
    """Put what comes in pieces, and can be read only once."""
    _put(store, bucket, key, _counted(pieces, counter), None, part_bytes * _MOST_PARTS)


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    """Read a file object to its end."""
    return _pieces(file)


def _put(
    store: "Store",
    bucket: str,
    key: str,
    content: "bytes | Iterator[Buffer]",
    digest: str | None,
    size: int = 0,
) -> None:
    import obstore

    what = f"uploading s3://{bucket}/{object_key(key)}"
    at = store.bucket(bucket)
    with translated(what):
        done = obstore.put(
            at,
            key,
            content,
            attributes={HASH_NAME: digest} if digest else None,
            use_multipart=not isinstance(content, bytes),
            chunk_size=max(PART_BYTES, -(-size // _MOST_PARTS)),
            max_concurrency=_PARTS_AT_ONCE,
        )
    _confirm(store, what, content, done)


def _confirm(store: "Store", what: str, content: object, done: Any) -> None:  # noqa: ANN401 - as obstore has it
    """Compare the store's ETag with ours, where it is a hash."""
    e_tag = (done["e_tag"] or "").strip('"')
    if not (store.settings.etag_is_md5 and isinstance(content, bytes)):
        return
    ours = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if len(e_tag) == len(ours) and e_tag != ours:
        raise UnreachableError(f"{what}: the store has other bytes than were sent")


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        check_cancelled()
        yield piece


def _counted(pieces: "Iterable[Buffer]", counter: Counter) -> "Iterator[Buffer]":
    for piece in pieces:
        yield piece
        counter.add(memoryview(piece).nbytes)


def _same(path: str, pieces: "Iterator[Buffer]", digest: bytes) -> "Iterator[Buffer]":
    """Fail before the end if a file is no longer what it was."""
    again = hashlib.sha256()
    held: Buffer | None = None
    for piece in pieces:
        again.update(piece)
        if held is not None:
            yield held
        held = piece
    if again.digest() != digest:
        raise FileChangedError(f"{os.fspath(path)} changed while it was read")
    if held is not None:
        yield held
