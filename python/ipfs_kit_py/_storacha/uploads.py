"""Uploads of a space: what goes up, and the list of it."""

import contextlib
from typing import TYPE_CHECKING, Any

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._native import CID
from ipfs_kit_py._results import operation
from ipfs_kit_py._storacha.files import CarFile, is_car, path_of
from ipfs_kit_py._storacha.shards import Shards
from ipfs_kit_py._storacha.spaces import Spaces
from ipfs_kit_py._storacha.upload import Piece, Sent, Uploader
from ipfs_kit_py.errors import InvalidParameterError, PathNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipfs_kit_py._repository import IPFSPath


class Uploads(Spaces):
    """What goes up. See `StorachaKit`."""

    @operation("upload_add")
    def upload_add(
        self,
        space: str | None,
        file: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Upload a file or folder with all below.

        It is packed here, into CARs of at most `storacha.shard_size` bytes. Those that
        the service has are not sent again: an upload that was stopped goes on with the
        shard at which it stopped.

        Returns:
            `cid` and `Hash`, the root; `shards`, the CIDs of the CARs; `size`, their
            bytes; `sent_bytes`, how many of them were sent; `space`.
        """
        did = self._ready(space)
        packed = self._packed(path_of(file))
        sent = self._send(did, packed, progress)
        return self._add(did, packed.known_root, sent)

    @operation("upload_dag")
    def upload_dag(
        self,
        space: str | None,
        path: "IPFSPath",
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Upload a block of the kit's repository with all below, as `upload_add` does."""
        if self._repository is None:
            raise InvalidParameterError("there is no repository to take the DAG from")
        did = self._ready(space)
        root = self._repository.resolve(path)
        car = _native.repo_export_car(self._repository._core, root)
        packed = Shards(car, self._settings.shard_size, root)
        return self._add(did, root, self._send(did, packed, progress))

    @operation("upload_add_https")
    def upload_add_https(
        self,
        space: str | None,
        file: StrPath,
        file_root: StrPath | None = None,
        shards: "Sequence[CID | str] | None" = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Upload a file or folder, or list one whose shards are there.

        Args:
            space: The space.
            file: The file.
            file_root: The folder that it is in, if `file` does not say so.
            shards: CARs that hold it all and are in the space: nothing is sent.
            progress: As in `upload_add`.

        Returns:
            As `upload_add`.
        """
        did = self._ready(space)
        path = path_of(file, file_root)
        if shards is None:
            packed = self._packed(path)
            sent = self._send(did, packed, progress)
            return self._add(did, packed.known_root, sent)
        if isinstance(shards, str):
            raise InvalidParameterError("shards is a list of CIDs")
        given = [car_of(it) for it in shards]
        size = sum(self._stored(did, it) for it in given)
        root, _, _ = _native.hash_path(path, self._settings.profile, None, None, {})
        return self._add(did, root, Sent(given, size, 0))

    @operation("upload_list")
    def upload_list(self, space: str | None = None) -> dict[str, Any]:
        """List the uploads of a space.

        Returns:
            `uploads`, tables of `cid`, `shards`, `inserted_at` and `updated_at`; `count`;
            `space`.
        """
        did = self._space(space)
        uploads = [
            {
                "cid": it.get("root"),
                "shards": it.get("shards") or [],
                "inserted_at": it.get("insertedAt"),
                "updated_at": it.get("updatedAt"),
            }
            for it in self._listed("upload/list", did)
        ]
        return {"space": did, "uploads": uploads, "count": len(uploads)}

    @operation("upload_remove")
    def upload_remove(
        self, space: str | None, cid: CID | str, *, shards: bool = False
    ) -> dict[str, Any]:
        """Take an upload off the list of a space.

        Args:
            space: The space.
            cid: The root of the upload.
            shards: Whether to remove its CARs too, but for those that another upload of
                the space has.

        Returns:
            `cid`, `removed_shards` and `space`.
        """
        did, root = self._space(space), CID(str(cid))
        removed: list[str] = []
        if shards:
            own = self._run("upload/get", did, root=root).get("shards") or []
            others = {
                shard
                for it in self._listed("upload/list", did)
                if it.get("root") != str(root)
                for shard in it.get("shards") or ()
            }
            removed = [it for it in own if it not in others]
        # The list last: what stops here is found again by who goes on.
        for shard in removed:
            with contextlib.suppress(PathNotFoundError):
                self._run("store/remove", did, link=CID(shard))
        self._run("upload/remove", did, root=root)
        return {"space": did, "cid": str(root), "removed_shards": removed}

    @operation("store_add")
    def store_add(
        self,
        space: str | None,
        file: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Store a CAR file as it is, and list no upload; others are packed before.

        Returns:
            As `upload_add`; `cid` is that of the CAR, or of the file that was packed.
        """
        did, path = self._ready(space), path_of(file)
        if is_car(path):
            sent = self._send(did, [CarFile(path)], progress)
            return _told(did, sent.shards[0], sent)
        packed = self._packed(path)
        sent = self._send(did, packed, progress)
        return _told(did, packed.known_root, sent)

    def _ready(self, space: str | None) -> str:
        """Give the DID of a space, once all is known that an upload needs."""
        self._settings.service("uploading")
        self._settings.headers()
        return self._space(space)

    def _packed(self, path: str) -> Shards:
        settings = self._settings
        car = _native.car_stream(path, settings.profile, None, None, {}, False)
        return Shards(car, settings.shard_size)

    def _send(
        self, space: str, pieces: "Iterable[Piece]", progress: ProgressCallback | None
    ) -> Sent:
        return Uploader(self._wire, self._settings, space, progress).send(pieces)

    def _add(self, space: str, root: CID, sent: Sent) -> dict[str, Any]:
        self._run("upload/add", space, root=root, shards=sent.shards)
        return _told(space, root, sent)

    def _stored(self, space: str, car: CID) -> int:
        """Give the size of a CAR.

        Raises:
            PathNotFoundError: The space does not have it.
        """
        size = self._run("store/get", space, link=car).get("size")
        if not isinstance(size, int) or size < 0:
            raise PathNotFoundError(f"{car}: the service does not say how large it is")
        return size


def _told(space: str, root: CID, sent: Sent) -> dict[str, Any]:
    return {
        "space": space,
        "cid": str(root),
        "Hash": str(root),
        "shards": [str(it) for it in sent.shards],
        "size": sent.size,
        "sent_bytes": sent.sent_bytes,
    }


def car_of(cid: CID | str) -> CID:
    """Give the CID of a CAR.

    Raises:
        InvalidParameterError: It names something else.
    """
    found = CID(str(cid))
    if found.codec != "car" or found.hash_name != "sha2-256":
        raise InvalidParameterError(f"{found} names no CAR: such CIDs begin with `bag`")
    return found
