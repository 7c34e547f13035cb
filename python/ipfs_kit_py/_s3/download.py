"""Taking objects out of a bucket, into files that appear when they are whole.

What is fetched lies in a part file beside its place, named by the object's ETag. One that
was stopped leaves it, and the next one goes on behind its end.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from ipfs_kit_py._native import check_cancelled
from ipfs_kit_py._parts import own_part
from ipfs_kit_py._s3.errors import PartChangedError, translated
from ipfs_kit_py._s3.keys import object_key
from ipfs_kit_py._s3.progress import Counter
from ipfs_kit_py._s3.upload import HASH_NAME
from ipfs_kit_py.errors import IntegrityError, UnreachableError

if TYPE_CHECKING:
    from obstore import GetOptions

    from ipfs_kit_py._s3.store import Store

_PIECE_BYTES: Final = 1 << 20
_MD5_LETTERS: Final = 32


class Fetched(NamedTuple):
    """What an object is."""

    key: str
    size: int
    last_modified: float
    e_tag: str


def fetch_file(
    store: "Store", bucket: str, key: str, path: Path, counter: Counter
) -> Fetched:
    """Fetch an object into a file, which replaces what stood there.

    Raises:
        PathNotFoundError: There is no such object, or no folder to write into.
        IntegrityError: The bytes are not those whose hash the store gives.
    """
    for part in sorted(path.parent.glob(f".{_plain(path.name)}.*.part")):
        with contextlib.suppress(PartChangedError, IntegrityError):
            return _fetch_into(store, bucket, key, path, counter, part)
        # Of an older object, or of another one.
        part.unlink(missing_ok=True)
    return _fetch_into(store, bucket, key, path, counter, None)


def fetch_into(
    store: "Store", bucket: str, key: str, file: IO[bytes], counter: Counter
) -> Fetched:
    """Fetch an object and write it to a file object."""
    begun = _begin(store, bucket, key, 0, None)
    with begun.check:
        for piece in begun:
            file.write(piece)
            counter.add(len(piece))
    return begun.found


def _fetch_into(
    store: "Store",
    bucket: str,
    key: str,
    path: Path,
    counter: Counter,
    part: Path | None,
) -> Fetched:
    """Fetch an object by way of a part file: one that is there, or a new one."""
    before = counter.bytes
    try:
        if part is None:
            begun = _begin(store, bucket, key, 0, None)
            part = path.with_name(f".{path.name}.{_tag(begun.found.e_tag)}.part")
            with own_part(part) as file:
                file.truncate(0)
                return _finish(begun, file, path, counter)
        with own_part(part) as file:
            begun = _begin(store, bucket, key, os.fstat(file.fileno()).st_size, part)
            while piece := file.read(_PIECE_BYTES):
                check_cancelled()
                begun.check.update(piece)
                counter.add(len(piece))
            return _finish(begun, file, path, counter)
    except (PartChangedError, IntegrityError):
        counter.add(before - counter.bytes)
        # To go on from here would never come to an end.
        if part is not None:
            part.unlink(missing_ok=True)
        raise


def _finish(begun: "_Begun", file: IO[bytes], path: Path, counter: Counter) -> Fetched:
    """Write what comes behind what is there, and put it into its place."""
    with begun.check:
        for piece in begun:
            file.write(piece)
            counter.add(len(piece))
    file.flush()
    Path(file.name).replace(path)
    os.utime(path, (begun.found.last_modified, begun.found.last_modified))
    return begun.found


class _Check:
    """The hash of what comes, compared with what the store says when all is here."""

    def __init__(self, what: str, wanted: Any) -> None:  # noqa: ANN401 - a hash of any kind
        self._what = what
        self._hash, self._wanted = wanted

    def update(self, piece: bytes) -> None:
        if self._hash is not None:
            self._hash.update(piece)

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Compare, unless something else went wrong."""
        if kind is None and self._hash is not None:
            found = self._hash.hexdigest()
            if found != self._wanted:
                raise IntegrityError(
                    f"{self._what}: the bytes do not have the hash that is kept with them"
                )


class _Begun:
    """An object whose bytes are about to come."""

    def __init__(
        self,
        store: "Store",
        what: str,
        key: str,
        reply: Any,  # noqa: ANN401 - as obstore has it
        start: int,
    ) -> None:
        meta = reply.meta
        e_tag = (meta["e_tag"] or "").strip('"')
        when = meta["last_modified"].timestamp()
        self.found = Fetched(key, meta["size"], when, e_tag)
        self.start = start
        self._reply = reply
        self._what = what
        self.check = _Check(what, _hash_of(store, e_tag, dict(reply.attributes)))

    def __iter__(self) -> Iterator[bytes]:
        left = self.found.size - self.start
        if left <= 0:
            return
        with translated(self._what):
            for piece in self._reply.stream(min_chunk_size=_PIECE_BYTES):
                check_cancelled()
                data = bytes(piece)
                self.check.update(data)
                left -= len(data)
                yield data
        if left:
            raise UnreachableError(f"{self._what}: the reply is cut off")


def _begin(
    store: "Store", bucket: str, key: str, start: int, part: Path | None
) -> _Begun:
    import obstore

    what = f"downloading s3://{bucket}/{object_key(key)}"
    at = store.bucket(bucket)
    with translated(what):
        if part is None:
            return _Begun(store, what, key, obstore.get(at, key), 0)
        head = obstore.head(at, key)
        e_tag = head["e_tag"]
        if not e_tag or f".{_tag(e_tag)}.part" not in part.name or start > head["size"]:
            raise PartChangedError
        options: GetOptions = {"if_match": e_tag}
        if start == head["size"]:
            # Nothing is left to ask for; an empty range is an error.
            options["head"] = True
        elif start:
            options["range"] = {"offset": start}
        try:
            reply = obstore.get(at, key, options=options)
        except obstore.exceptions.BaseError as error:
            if start and _gave_all(error):
                raise PartChangedError from None
            raise
        return _Begun(store, what, key, reply, start)


def _gave_all(error: Exception) -> bool:
    """Tell whether a store gave the whole where a range was asked for."""
    return "status code" not in str(error) and "range" in str(error).lower()


def _hash_of(store: "Store", e_tag: str, attributes: dict[str, Any]) -> Any:  # noqa: ANN401 - a hash of any kind
    kept = attributes.get(HASH_NAME)
    if isinstance(kept, str) and len(kept) == 2 * hashlib.sha256().digest_size:
        return hashlib.sha256(), kept
    if store.settings.etag_is_md5 and len(e_tag) == _MD5_LETTERS:
        return hashlib.md5(usedforsecurity=False), e_tag
    return None, None


def _tag(e_tag: str) -> str:
    return hashlib.sha256(e_tag.strip('"').encode()).hexdigest()[:16]


def _plain(name: str) -> str:
    """Escape a name for `glob`."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
