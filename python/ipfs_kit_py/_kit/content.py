"""Operations of the kit that go to the cluster on a master and stay local elsewhere."""

from typing import TYPE_CHECKING, Any

from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._ipfs.pinning import one_of
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py._results import operation
from ipfs_kit_py.errors import MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py.ipfs import ipfs_py


class Content:
    """Adding, pinning and publishing, by role."""

    ipfs: "ipfs_py"

    def _whole(self) -> dict[str, bool]:
        # Who coordinates a cluster, and has none, has done half of it.
        return {"fully_successful": self.ipfs.config.role != "master"}

    @operation("ipfs_add_path")
    def ipfs_add_path(
        self, path: StrPath, *, pin: bool = True, progress: ProgressCallback | None = None
    ) -> dict[str, Any]:
        """Add a file or folder.

        Returns:
            `cid` and `Hash`, `path`, `files` (CIDs by path), `ipfs`, the result of
            adding, `ipfs_cluster`, that of pinning in the cluster or `None`, and
            `fully_successful`: false on a master whose cluster has not pinned it too.
        """
        done = self.ipfs.ipfs_add_path(path, pin=pin, progress=progress)
        done.raise_for_error()
        keys = ("cid", "Hash", "size", "Size", "name", "Name", "path", "files")
        found = {key: done[key] for key in keys}
        return found | {"ipfs": done, "ipfs_cluster": None} | self._whole()

    @operation("ipfs_add_pin")
    def ipfs_add_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> dict[str, Any]:
        """Pin what `pin` or `cid` names, with all below.

        Returns:
            `cid`, `pins`, `ipfs`, the result of pinning here, `ipfs_cluster`, that of
            pinning in the cluster or `None`, and `fully_successful` as above.
        """
        done = self.ipfs.pin_add(one_of(pin, cid)).raise_for_error()
        return _pinned(done) | self._whole()

    @operation("ipfs_remove_pin")
    def ipfs_remove_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> dict[str, Any]:
        """Remove the pin of what `pin` or `cid` names."""
        return _pinned(self.ipfs.pin_rm(one_of(pin, cid)).raise_for_error())

    @operation("ipfs_get_pinset")
    def ipfs_get_pinset(self) -> dict[str, Any]:
        """List what is pinned: `ipfs` here, `ipfs_cluster` in the cluster or `None`."""
        done = self.ipfs.ipfs_get_pinset().raise_for_error()
        return {"ipfs": done["pins"], "ipfs_cluster": None, "count": done["count"]}

    @operation("name_publish")
    def name_publish(self, path: StrPath, *, key: str = "self") -> dict[str, Any]:
        """Add a file or folder, and publish it under the name of a key.

        Returns:
            `cid`, `ipns_name`, `add` and `publish`, the results of both steps.
        """
        add = self.ipfs.ipfs_add_path(path).raise_for_error()
        publish = self.ipfs.name_publish(add["cid"], key=key).raise_for_error()
        name = publish["ipns_name"]
        return {"add": add, "publish": publish, "cid": add["cid"], "ipns_name": name}

    @operation("load_collection")
    def load_collection(self, cid: IPFSPath) -> dict[str, Any]:
        """Read a file of JSON.

        Returns:
            `cid`, and `collection` and `data`: the value.
        """
        import json

        content = self.ipfs.cat(cid).raise_for_error()["content"]
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise MalformedDataError(f"{cid} is no JSON: {error}") from error
        return {"cid": str(cid), "collection": value, "data": value}


def _pinned(done: dict[str, Any]) -> dict[str, Any]:
    keys = ("cid", "Hash", "pins", "count")
    found = {key: done[key] for key in keys}
    return found | {"ipfs": done, "ipfs_cluster": None}
