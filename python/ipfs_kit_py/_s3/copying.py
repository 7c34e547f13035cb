"""Copying, moving and removing, all of it done by the store."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._s3.errors import translated
from ipfs_kit_py._s3.keys import folder_prefix, object_key
from ipfs_kit_py._s3.listing import Listing, ObjectInfo
from ipfs_kit_py._s3.progress import side_by_side, stoppable
from ipfs_kit_py._s3.rest import Listed
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._s3.store import Store


class Copying(Listing):
    """What changes a bucket without moving bytes through this machine."""

    def s3_rm_file(
        self,
        this_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Remove an object, and tell what it was."""
        store, name, key = self._object(this_path, bucket, s3cfg)

        def remove() -> ObjectInfo:
            found = self._info(store, name, key)
            store.rest.delete(name, key)
            return found

        return stoppable(remove)

    def s3_rm_dir(
        self,
        dir: str,  # noqa: A002 - as others call it
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """Remove all objects below a folder, and tell what they were.

        Raises:
            InvalidParameterError: `dir` is the whole bucket.
        """
        store, name, prefix = self._folder(dir, bucket, s3cfg)
        if not prefix:
            raise InvalidParameterError("the whole bucket is not removed: name a folder")

        def remove(listed: Listed) -> ObjectInfo:
            store.rest.delete(name, listed.key)
            return listed._asdict()

        # A folder's own mark last, as a tree is taken down.
        return side_by_side(remove, reversed(self._below(store, name, prefix)))[::-1]

    def s3_cp_file(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Copy an object within a bucket, and tell what the copy is."""
        store, name, source = self._object(src_path, bucket, s3cfg)
        target = object_key(dst_path)

        def copy() -> ObjectInfo:
            self._copy(store, name, source, target)
            return self._info(store, name, target)

        return stoppable(copy)

    def s3_mv_file(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Copy an object, and remove it where it was."""
        found = self.s3_cp_file(src_path, dst_path, bucket, s3cfg=s3cfg)
        if src_path != dst_path:
            self.s3_rm_file(src_path, bucket, s3cfg=s3cfg)
        return found

    def s3_cp_dir(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """Copy all objects below a folder to below another, and tell what they are.

        Raises:
            InvalidParameterError: One of the folders is in the other.
        """
        _, _, copies = self._copies(src_path, dst_path, bucket, s3cfg)
        return [found for _, found in copies]

    def s3_mv_dir(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """Copy all objects below a folder, and then remove them where they were."""
        store, name, copies = self._copies(src_path, dst_path, bucket, s3cfg)
        # Only what was copied: somebody may have put more there meanwhile.
        side_by_side(lambda key: store.rest.delete(name, key), [key for key, _ in copies])
        return [found for _, found in copies]

    def _copies(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None,
        s3cfg: Mapping[str, Any] | None,
    ) -> "tuple[Store, str, list[tuple[str, ObjectInfo]]]":
        """Copy a folder; give the store, the bucket, and of each object key and copy."""
        store, name, source = self._folder(src_path, bucket, s3cfg)
        target = folder_prefix(dst_path)
        if source.startswith(target) or target.startswith(source):
            raise InvalidParameterError(
                f"{src_path!r} and {dst_path!r} lie in each other"
            )

        def copy(listed: Listed) -> tuple[str, ObjectInfo]:
            key = target + listed.key[len(source) :]
            if key.endswith("/"):
                store.rest.put_mark(name, key)
                return listed.key, self._mark(key)
            self._copy(store, name, object_key(listed.key), object_key(key))
            return listed.key, self._info(store, name, key)

        return store, name, side_by_side(copy, self._below(store, name, source))

    def _copy(self, store: "Store", bucket: str, source: str, target: str) -> None:
        import obstore

        at = store.bucket(bucket)
        with translated(f"copying s3://{bucket}/{source} to {target}"):
            obstore.copy(at, source, target)
