"""Looking at objects: one by its key, or all below a folder."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ipfs_kit_py._closing import Closing
from ipfs_kit_py._s3.errors import translated
from ipfs_kit_py._s3.keys import folder_prefix, object_key, one_bucket
from ipfs_kit_py._s3.progress import stoppable
from ipfs_kit_py._s3.rest import Listed
from ipfs_kit_py._s3.settings import Settings, resolve
from ipfs_kit_py._s3.store import Store
from ipfs_kit_py.errors import PathNotFoundError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._repository import Repository

ObjectInfo: TypeAlias = dict[str, Any]
"""An object as the kit tells it."""


class Listing(Closing):
    """What looks; all else of `s3_kit` stands on it. See there."""

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        config: "Config | None" = None,
        repository: "Repository | None" = None,
    ) -> None:
        if config is None:
            from ipfs_kit_py._config import load
            from ipfs_kit_py._ipfs.node import with_resources

            config = load(with_resources(metadata, resources)).config
        self._config = config
        self._repository = repository
        self._stores: dict[Settings, Store] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Pickle all but connections."""
        return vars(self) | {"_stores": {}}

    def close(self) -> None:
        """Close all connections; they are made anew when they are needed."""
        while self._stores:
            self._stores.popitem()[1].close()

    def s3_ls_dir(
        self,
        dir: str = "",  # noqa: A002 - as others call it
        bucket_name: str | None = None,
        *,
        bucket: str | None = None,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """List all objects below a folder, in the order of their keys."""
        at = one_bucket(bucket, bucket_name)
        store, name, prefix = self._folder(dir, at, s3cfg)
        found = stoppable(lambda: list(store.rest.objects(name, prefix)))
        return [it._asdict() for it in found if it.key != prefix]

    def s3_ls_file(
        self,
        filekey: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Look at one object."""
        store, name, key = self._object(filekey, bucket, s3cfg)
        return stoppable(lambda: self._info(store, name, key))

    def s3_mk_dir(
        self,
        path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Make an empty folder: an object whose key ends with a slash."""
        store, name, key = self._object(path.strip("/"), bucket, s3cfg)
        stoppable(lambda: store.rest.put_mark(name, f"{key}/"))
        return self._mark(f"{key}/")

    def s3_get_session(self, s3_config: Mapping[str, Any] | None = None) -> Store:
        """Give what reaches the store: `.bucket(name)` of it is obstore's `S3Store`."""
        return self._store(s3_config)

    def s3_config_to_boto(
        self, s3_config: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Give the settings as `boto3.client` takes them, secrets among them."""
        settings = self._store(s3_config).settings
        keys = settings.credentials
        found = {
            "service_name": "s3",
            "aws_access_key_id": keys and keys.access_key_id,
            "aws_secret_access_key": keys and keys.secret_access_key,
            "aws_session_token": keys and keys.session_token,
            "endpoint_url": settings.endpoint_url,
            "region_name": settings.region,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _store(self, s3cfg: Mapping[str, Any] | None) -> Store:
        settings = resolve(self._config, s3cfg)
        if settings not in self._stores:
            self._stores[settings] = Store(settings)
        return self._stores[settings]

    def _object(
        self, path: str, bucket: str | None, s3cfg: Mapping[str, Any] | None
    ) -> tuple[Store, str, str]:
        """Find out what a call is about: the store, the bucket, and the key."""
        store = self._store(s3cfg)
        return store, store.bucket_of(bucket), object_key(path)

    def _folder(
        self, path: str, bucket: str | None, s3cfg: Mapping[str, Any] | None
    ) -> tuple[Store, str, str]:
        """The same for a folder: what the keys in it begin with."""
        store = self._store(s3cfg)
        return store, store.bucket_of(bucket), folder_prefix(path)

    def _info(self, store: Store, bucket: str, key: str) -> ObjectInfo:
        import obstore

        at = store.bucket(bucket)
        with translated(f"looking at s3://{bucket}/{key}"):
            meta = obstore.head(at, key)
        e_tag = (meta["e_tag"] or "").strip('"')
        when = meta["last_modified"].timestamp()
        return Listed(key, meta["size"], when, e_tag)._asdict()

    def _mark(self, key: str) -> ObjectInfo:
        return Listed(key, 0, time.time(), "")._asdict()

    def _below(self, store: Store, bucket: str, prefix: str) -> list[Listed]:
        """List a folder, which must be there."""
        found = stoppable(lambda: list(store.rest.objects(bucket, prefix)))
        if not found and prefix:
            raise PathNotFoundError(f"s3://{bucket}/{prefix} is not there")
        return found
