"""The record of a dataset's name: its versions, the oldest first.

{"type": "ipfs-kit/dataset-versions/1", "name": str,
 "versions": [{"version": str, "manifest": link, "created": str}]}
"""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ipfs_kit_py._ml.fields import link, table, text
from ipfs_kit_py._ml.names import divided
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import MalformedDataError, NameNotFoundError

if TYPE_CHECKING:
    from ipfs_kit_py._ml.client import Client
    from ipfs_kit_py._ml.registry import Draft, Registry

KIND: Final = "datasets"
TYPE: Final = "ipfs-kit/dataset-versions/1"


class Version(NamedTuple):
    """A version that is registered."""

    version: str
    manifest: CID
    created: str


def read_versions(registry: "Registry", name: str, record: CID | None) -> list[Version]:
    """Read the versions of a name, the oldest first; none if there is no record.

    Raises:
        MalformedDataError: The record is none of this dataset.
    """
    if record is None:
        return []
    fields = registry.record(record, TYPE)
    given = fields.get("versions")
    if fields.get("name") != name or not isinstance(given, list) or not given:
        raise MalformedDataError(f"{record} has no versions of the dataset {name!r}")
    return [_version(it) for it in given]


def _version(value: object) -> Version:
    fields = table(value, "a version")
    return Version(
        text(fields.get("version"), "version"),
        link(fields.get("manifest"), "manifest"),
        text(fields.get("created"), "created"),
    )


def put_versions(draft: "Draft", name: str, versions: list[Version]) -> None:
    """Write the versions of a name into a change; without any, the name goes."""
    if not versions:
        draft.names.pop(name, None)
        return
    value: list[dict[str, Any]] = [it._asdict() for it in versions]
    draft.names[name] = draft.put({"type": TYPE, "name": name, "versions": value})


def pick(versions: list[Version], name: str, version: str | None) -> Version:
    """Find a version; the newest if none is named.

    Raises:
        NameNotFoundError: There is no such dataset, or version of it.
    """
    if not versions:
        raise NameNotFoundError(f"there is no dataset {name!r} here")
    if version is None:
        return versions[-1]
    for it in versions:
        if it.version == version:
            return it
    known = ", ".join(it.version for it in versions[-20:])
    raise NameNotFoundError(f"{name!r} has no version {version!r}, but {known}")


def version_cid(client: "Client", name: str) -> CID | None:
    """Give the version that `NAME` or `NAME@VERSION` means; `None` if there is no NAME.

    Raises:
        NameNotFoundError: There is no such version of it.
    """
    from ipfs_kit_py._ml.registry import Registry

    own, version = divided(name)
    registry = Registry(client, KIND)
    record = registry.get(own)
    if record is None:
        return None
    return pick(read_versions(registry, own, record), own, version).manifest
