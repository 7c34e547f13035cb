"""Blocks in a bucket, as one of the chain's sources.

Below a prefix there are

* `blocks/<multihash>`: single blocks, named by their multihash in base32 with its `b`, so
  that all CIDs of the same bytes find them;
* `cars/<CID>.car`: whole DAGs, and beside each its index, `cars/<CID>.car.idx`. A CAR
  without an index is not looked into.
"""

import threading
import time
from base64 import b32encode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ipfs_kit_py import _native
from ipfs_kit_py._forks import remember
from ipfs_kit_py._hashing import ProgressCallback
from ipfs_kit_py._native import CID
from ipfs_kit_py._s3.car_index import CarIndex, Sections, block_of, index_of
from ipfs_kit_py._s3.download import fetch_into
from ipfs_kit_py._s3.errors import translated
from ipfs_kit_py._s3.keys import folder_prefix
from ipfs_kit_py._s3.progress import Counter, side_by_side, stoppable
from ipfs_kit_py._s3.settings import resolve
from ipfs_kit_py._s3.store import Store
from ipfs_kit_py._s3.upload import put_bytes, put_stream
from ipfs_kit_py._sources.source import Watched, cost_of
from ipfs_kit_py.errors import (
    ConfigurationError,
    MalformedDataError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._config import Config
    from ipfs_kit_py._repository import IPFSPath, Repository

_CARS: Final = "cars/"
_BLOCKS: Final = "blocks/"
_INDEX: Final = ".car.idx"
# How long a list of CARs is good for; who uploads one here knows it at once.
_LIST_SECONDS: Final = 30.0


def source_of(config: "Config", backend: object) -> "S3Source":
    """Make the source that the settings ask for.

    Args:
        config: The kit's settings.
        backend: The table of S3 in `cache_config.external_backends`; it stands over
            `s3cfg`.

    Raises:
        ConfigurationError: No bucket is named, or a setting is wrong.
    """
    if backend is not None and not isinstance(backend, Mapping):
        raise ConfigurationError("cache_config.external_backends.s3 is no table")
    settings = resolve(config, backend)
    if not settings.bucket:
        raise ConfigurationError("cache_config.external_backends.s3 names no bucket")
    return S3Source(Store(settings), settings.bucket, settings.prefix)


class PutDag(NamedTuple):
    """What was uploaded."""

    cid: str
    key: str
    """The CAR."""
    index_key: str
    """Its index."""
    blocks: int
    size: int
    """Bytes of the CAR."""


class S3Source(Watched):
    """See above.

    Args:
        store: What reaches the store.
        bucket: The bucket.
        prefix: The folder in it; the bucket as a whole if not given.
    """

    name = "s3"
    cost = cost_of("s3")

    def __init__(self, store: Store, bucket: str, prefix: str | None = None) -> None:
        self._store = store
        self._bucket = store.bucket_of(bucket)
        self._prefix = folder_prefix(prefix or "")
        self._indexes: dict[str, CarIndex] = {}
        self._listed_at: float | None = None
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Forget the lock of a thread that is not here."""
        self._lock = threading.Lock()

    def get_blocks(self, cids: Sequence[CID]) -> Mapping[CID, bytes]:
        """Give those blocks that the bucket has, out of CARs or by themselves."""
        found = self._out_of_cars(cids)
        if len(found) < len(cids) and self._refresh():
            found |= self._out_of_cars([cid for cid in cids if cid not in found])
        left = [cid for cid in cids if cid not in found]
        single = side_by_side(self._single, left)
        found |= {cid: it for cid, it in zip(left, single, strict=True) if it is not None}
        return found

    def put_blocks(self, blocks: "Mapping[CID, Buffer]") -> None:
        """Put single blocks."""
        side_by_side(
            lambda it: put_bytes(self._store, self._bucket, self._key(it[0]), it[1]),
            blocks.items(),
        )

    def put_dag(
        self,
        repository: "Repository",
        path: "IPFSPath",
        *,
        progress: ProgressCallback | None = None,
    ) -> PutDag:
        """Upload a block with all below it, as a CAR and then its index.

        What is there is not uploaded again: a DAG has the same blocks everywhere.

        Args:
            repository: Who has the blocks.
            path: The root.
            progress: Called with bytes of the CAR so far, and 0, on another thread.

        Raises:
            BlockNotFoundError: A block is not here; nothing was put.
        """
        root = repository.resolve(path)
        stem = f"{self._prefix}{_CARS}{root.to_v1()}"
        key, index_key = f"{stem}.car", f"{stem}{_INDEX}"

        def put() -> PutDag:
            index = self._index(index_key)
            if index is None:
                index = self._put_dag(repository, root, key, index_key, progress)
            with self._lock:
                self._indexes[index_key] = index
            return PutDag(str(root), key, index_key, len(index), index.size)

        return stoppable(put)

    def close(self) -> None:
        """Close the connections; what is asked for later makes new ones."""
        self._store.close()

    def __repr__(self) -> str:
        """Show where the blocks are."""
        return f"S3Source('s3://{self._bucket}/{self._prefix}')"

    def _put_dag(
        self,
        repository: "Repository",
        root: CID,
        key: str,
        index_key: str,
        progress: ProgressCallback | None,
    ) -> CarIndex:
        sections = Sections()
        stream = _native.repo_export_car(repository._core, root)

        def pieces() -> Iterator[bytes]:
            for piece in stream:
                sections.feed(piece)
                yield piece

        put_stream(self._store, self._bucket, key, pieces(), Counter(progress))
        data = index_of(sections.found)
        # Whoever finds the index finds the CAR as a whole.
        put_bytes(self._store, self._bucket, index_key, data)
        return CarIndex(data, sections.size)

    def _out_of_cars(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        with self._lock:
            indexes = list(self._indexes.items())
        wanted: dict[str, list[tuple[CID, tuple[int, int]]]] = defaultdict(list)
        for cid in cids:
            for key, index in indexes:
                if place := index.range_of(cid):
                    wanted[key].append((cid, place))
                    break
        found: dict[CID, bytes] = {}
        for key, places in wanted.items():
            found |= self._ranges(key, places)
        return found

    def _ranges(
        self, index_key: str, places: list[tuple[CID, tuple[int, int]]]
    ) -> dict[CID, bytes]:
        import obstore

        key = index_key.removesuffix(".idx")
        at = self._store.bucket(self._bucket)
        starts, ends = zip(*(place for _, place in places), strict=True)
        try:
            with translated(f"reading s3://{self._bucket}/{key}"):
                parts = obstore.get_ranges(at, key, starts=starts, ends=ends)
        except PathNotFoundError:
            # Removed since it was listed.
            with self._lock:
                self._indexes.pop(index_key, None)
            return {}
        given = zip(places, parts, strict=True)
        blocks = ((cid, block_of(bytes(part), cid)) for (cid, _), part in given)
        return {cid: block for cid, block in blocks if block is not None}

    def _refresh(self) -> bool:
        """Look for CARs that are not known yet; tell whether there are any."""
        with self._lock:
            now = time.monotonic()
            if self._listed_at is not None and now - self._listed_at < _LIST_SECONDS:
                return False
            known = set(self._indexes)
        prefix = f"{self._prefix}{_CARS}"
        listed = self._store.rest.objects(self._bucket, prefix)
        new = [it.key for it in listed if it.key.endswith(_INDEX) and it.key not in known]
        found = zip(new, side_by_side(self._index, new), strict=True)
        with self._lock:
            self._indexes |= {key: index for key, index in found if index is not None}
            self._listed_at = now
        return bool(new)

    def _index(self, key: str) -> CarIndex | None:
        """Read an index; `None` if it is not there, or leads nowhere."""
        import logging
        from io import BytesIO

        import obstore

        file, car = BytesIO(), key.removesuffix(".idx")
        try:
            fetch_into(self._store, self._bucket, key, file, Counter(None))
            at = self._store.bucket(self._bucket)
            with translated(f"looking at s3://{self._bucket}/{car}"):
                size = obstore.head(at, car)["size"]
            return CarIndex(file.getvalue(), size)
        except PathNotFoundError:
            return None
        except MalformedDataError as error:
            log = logging.getLogger("ipfs_kit_py")
            log.warning("s3://%s/%s is passed over: %s", self._bucket, key, error)
            return None

    def _single(self, cid: CID) -> bytes | None:
        from io import BytesIO

        file = BytesIO()
        try:
            fetch_into(self._store, self._bucket, self._key(cid), file, Counter(None))
        except PathNotFoundError:
            return None
        return file.getvalue()

    def _key(self, cid: CID) -> str:
        name = b32encode(cid.multihash).decode().lower().rstrip("=")
        return f"{self._prefix}{_BLOCKS}b{name}"
