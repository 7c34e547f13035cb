"""`s3_kit`: objects and folders of a bucket, by the names that the kit calls them."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast

from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._s3.copying import Copying
from ipfs_kit_py._s3.download import fetch_file, fetch_into
from ipfs_kit_py._s3.files import local_files
from ipfs_kit_py._s3.keys import files_for
from ipfs_kit_py._s3.progress import Counter, side_by_side, stoppable
from ipfs_kit_py._s3.upload import pieces_of, put_bytes, put_file, put_stream
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._repository import IPFSPath
    from ipfs_kit_py._s3.listing import ObjectInfo

S3Config: TypeAlias = Mapping[str, Any]
"""Settings of one call over those of the kit: `accessKey`, `secretKey`, `endpoint`, or as
AWS's tools name them."""

_METHODS = """
    ls_dir rm_dir cp_dir mv_dir dl_dir ul_dir ls_file rm_file cp_file mv_file dl_file
    ul_file mk_dir get_object upload_object download_object upload_dir download_dir
    put_dag get_session config_to_boto
"""


class S3Kit(Copying):
    """Files and folders in S3-compatible stores.

    Every method gives what it found or did, and raises what went wrong. An object is told
    as `key`, `size`, `last_modified` (seconds since 1970) and `e_tag`; where a file was
    written or read, also as `local_path`. Folders are what keys have in common up to a
    slash; an empty one is an object whose key ends with a slash.

    `bucket` is `s3cfg.bucket` if not given. `s3cfg` stands over the kit's settings for
    one call. `progress` is called with bytes and files done so far, on another thread.

    Args:
        resources: Limits, as in the kit.
        metadata: Settings over those of the environment and the configuration file.
        config: Settings that are loaded already.
        repository: Where `put_dag` takes DAGs from.

    Raises:
        ConfigurationError: A setting is unknown, or half of a key is missing.
        PathNotFoundError: There is no such object, folder or bucket.
        AccessDeniedError: The store does not know the key, or forbids it.
        UnreachableError: The store could not be reached, or broke off.
        TimedOutError: It was silent for `timeouts.api`.
        OfflineError: `offline` is set.
    """

    def __call__(self, method: str, /, **arguments: Any) -> Any:  # noqa: ANN401 - as the method
        """Call a method by its name, with or without `s3_` before it.

        Raises:
            ValueError: There is no method of this name.
        """
        name = method.removeprefix("s3_")
        if name not in _METHODS.split():
            raise ValueError(f"Unknown method: {method}")
        return getattr(self, f"s3_{name}")(**arguments)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Give a method by its name without `s3_`."""
        if name in _METHODS.split():
            return cast("Callable[..., Any]", getattr(self, f"s3_{name}"))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def s3_ul_file(
        self,
        upload_file: "StrPath | IO[bytes] | bytes",
        path: str,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> "ObjectInfo":
        """Upload a file, an open file or bytes to a key."""
        store, name, key = self._object(path, bucket, s3cfg)
        counter = Counter(progress)

        def upload() -> "ObjectInfo":
            if isinstance(upload_file, bytes | bytearray | memoryview):
                put_bytes(store, name, key, upload_file)
                counter.add(len(upload_file))
            elif hasattr(upload_file, "read"):
                pieces = pieces_of(cast("IO[bytes]", upload_file))
                put_stream(store, name, key, pieces, counter)
            else:
                local = str(Path(upload_file))
                put_file(store, name, key, local, counter)
                return self._info(store, name, key) | {"local_path": local}
            return self._info(store, name, key)

        return stoppable(upload)

    def s3_ul_dir(
        self,
        local_path: StrPath,
        remote_path: str,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> "list[ObjectInfo]":
        """Upload a folder with all below; empty folders too.

        Raises:
            UnsupportedFileError: Something in it is neither a file nor a folder, nor a
                link to a file.
            InvalidNameError: A name in it can be no part of a key.
        """
        store, name, prefix = self._folder(remote_path, bucket, s3cfg)
        counter = Counter(progress)
        entries = local_files(Path(local_path), prefix)

        def upload(entry: tuple[str, Path]) -> "ObjectInfo":
            key, path = entry
            if key.endswith("/"):
                store.rest.put_mark(name, key)
                return self._mark(key) | {"local_path": str(path)}
            put_file(store, name, key, str(path), counter)
            counter.add(0, 1)
            return self._info(store, name, key) | {"local_path": str(path)}

        return side_by_side(upload, entries)

    def s3_dl_file(
        self,
        remote_path: str,
        local_path: StrPath,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> "ObjectInfo":
        """Download an object to a file, or into a folder that is there.

        The file appears when it is whole and verified. One that was stopped goes on where
        it was.
        """
        store, name, key = self._object(remote_path, bucket, s3cfg)
        path = Path(local_path)
        if path.is_dir():
            [(_, path)] = files_for(path, key[: key.rfind("/") + 1], [key])
        counter = Counter(progress)
        found = stoppable(partial(fetch_file, store, name, key, path, counter))
        return found._asdict() | {"local_path": str(path)}

    def s3_dl_dir(
        self,
        remote_path: str,
        local_path: StrPath,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> "list[ObjectInfo]":
        """Download all objects below a folder.

        Raises:
            UnsafePathError: A key would lead out of `local_path`; nothing was written.
        """
        store, name, prefix = self._folder(remote_path, bucket, s3cfg)
        counter = Counter(progress)
        listed = {it.key: it for it in self._below(store, name, prefix)}
        entries = files_for(Path(local_path), prefix, listed)
        for key, path in entries:
            (path if key.endswith("/") else path.parent).mkdir(
                parents=True, exist_ok=True
            )

        def download(entry: tuple[str, Path]) -> "ObjectInfo":
            key, path = entry
            if key.endswith("/"):
                return listed[key]._asdict() | {"local_path": str(path)}
            found = fetch_file(store, name, key, path, counter)
            counter.add(0, 1)
            return found._asdict() | {"local_path": str(path)}

        return side_by_side(download, entries)

    def s3_get_object(
        self, bucket: str | None = None, key: str = "", *, s3cfg: S3Config | None = None
    ) -> bytes:
        """Give the bytes of an object."""
        from io import BytesIO

        file = BytesIO()
        self._fetch(file, key, bucket, s3cfg, None)
        return file.getvalue()

    def s3_upload_object(
        self,
        f: IO[bytes],
        bucket: str | None,
        key: str,
        s3_config: S3Config | None = None,
        progress_callback: Callable[[int], object] | None = None,
    ) -> "ObjectInfo":
        """Upload what an open file still holds.

        Args:
            f: The file.
            bucket: The bucket.
            key: The key.
            s3_config: As `s3cfg` elsewhere.
            progress_callback: Called with the bytes moved since it was called before.
        """
        return self.s3_ul_file(
            f, key, bucket, s3cfg=s3_config, progress=_steps(progress_callback)
        )

    def s3_download_object(
        self,
        f: IO[bytes],
        bucket: str | None,
        key: str,
        s3_config: S3Config | None = None,
        progress_callback: Callable[[int], object] | None = None,
    ) -> "ObjectInfo":
        """Download an object into an open file; the arguments are as above."""
        return self._fetch(f, key, bucket, s3_config, _steps(progress_callback))

    def _fetch(
        self,
        file: IO[bytes],
        path: str,
        bucket: str | None,
        s3cfg: S3Config | None,
        progress: ProgressCallback | None,
    ) -> "ObjectInfo":
        store, name, key = self._object(path, bucket, s3cfg)
        work = partial(fetch_into, store, name, key, file, Counter(progress))
        return stoppable(work)._asdict()

    s3_upload_dir = s3_ul_dir
    s3_download_dir = s3_dl_dir

    def s3_put_dag(
        self,
        path: "IPFSPath",
        bucket: str | None = None,
        prefix: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Upload a block of the repository with all below, as a CAR with an index.

        Returns:
            `cid`, `key`, `index_key`, `blocks`, `size`.
        """
        from ipfs_kit_py._s3.source import S3Source

        if self._repository is None:
            raise InvalidParameterError("there is no repository to take the DAG from")
        store = self._store(s3cfg)
        source = S3Source(store, store.bucket_of(bucket), prefix)
        return source.put_dag(self._repository, path, progress=progress)._asdict()


def _steps(callback: Callable[[int], object] | None) -> ProgressCallback | None:
    """Tell the bytes of each step where all so far are told."""
    if callback is None:
        return None
    before = 0

    def tell(done_bytes: int, _files: int) -> None:
        nonlocal before
        step, before = done_bytes - before, done_bytes
        if step:
            callback(step)

    return tell
