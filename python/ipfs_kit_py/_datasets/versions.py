"""The record of a dataset's name: its versions, the oldest first.

{"type": "ipfs-kit/dataset-versions/1", "name": str,
 "versions": [{"version": str, "manifest": link, "created": str}],
 "last": the greatest number of a version that was deleted, or 0}
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, NamedTuple

from ipfs_kit_py._ml.fields import link, number, table, text
from ipfs_kit_py._ml.names import check_version, divided, following, greatest
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


class Versions(NamedTuple):
    """All versions of a dataset."""

    name: str
    all: tuple[Version, ...] = ()
    """The oldest first; none if there is no such dataset."""
    last: int = 0
    """The greatest number of a version that was deleted, which is not given again."""

    def following(self) -> str:
        """Give the number of the next version."""
        return following((it.version for it in self.all), self.last)

    def chosen(self, version: str | None) -> Version:
        """Find a version; the newest if none is named.

        Raises:
            NameNotFoundError: There is no such dataset, or version of it.
            InvalidParameterError: The version is no text.
        """
        if not self.all:
            raise NameNotFoundError(f"there is no dataset {self.name!r} here")
        if version is None:
            return self.all[-1]
        check_version(version)
        for it in self.all:
            if it.version == version:
                return it
        known = ", ".join(it.version for it in self.all[-20:])
        raise NameNotFoundError(f"{self.name!r} has no version {version!r}, but {known}")

    def having(self, made: Version) -> "Versions":
        """Give them with a new one."""
        return self._replace(all=(*self.all, made))

    def without(self, gone: Collection[Version]) -> "Versions":
        """Give them without some."""
        left = tuple(it for it in self.all if it not in gone)
        last = max(self.last, greatest(it.version for it in gone))
        return self._replace(all=left, last=last)


def read_versions(registry: "Registry", name: str, record: CID | None) -> Versions:
    """Read the versions of a name; there are none if there is no record.

    Raises:
        MalformedDataError: The record is none of this dataset.
    """
    if record is None:
        return Versions(name)
    fields = registry.record(record, TYPE)
    given = fields.get("versions")
    if fields.get("name") != name or not isinstance(given, list) or not given:
        raise MalformedDataError(f"{record} has no versions of the dataset {name!r}")
    # Those who wrote before there was one gave none.
    last = number(fields["last"], f"last of {record}") if "last" in fields else 0
    return Versions(name, tuple(_version(it) for it in given), last)


def _version(value: object) -> Version:
    fields = table(value, "a version")
    return Version(
        text(fields.get("version"), "version"),
        link(fields.get("manifest"), "manifest"),
        text(fields.get("created"), "created"),
    )


def put_versions(draft: "Draft", versions: Versions) -> None:
    """Write the versions of a name into a change; without any, the name goes."""
    if not versions.all:
        draft.names.pop(versions.name, None)
        return
    draft.names[versions.name] = draft.put(
        {
            "type": TYPE,
            "name": versions.name,
            "versions": [it._asdict() for it in versions.all],
            "last": versions.last,
        }
    )


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
    return read_versions(registry, own, record).chosen(version).manifest
