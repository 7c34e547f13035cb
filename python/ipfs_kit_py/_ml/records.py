"""What the registry of models writes: one record a version, and one that lists them.

A version is a record in dag-cbor, which links all that it was made of::

    {"type": "ipfs-kit/model/1", "name", "version", "framework", "format",
     "model": link to a folder, "size": bytes of it,
     "metrics": {...}, "metadata": {...}, "code_version": text or null,
     "dataset": {"cid": link, "name": text or null} or null,
     "parents": [links to records of versions, or to anything else],
     "created": time in UTC}

The name's record lists the versions in the order in which they came::

    {"type": "ipfs-kit/model-name/1", "name",
     "versions": [{"version", "record": link}], "stages": {stage: version},
     "last": the greatest number of a version that was deleted, or 0}

What is read is checked field by field, for a record may come from anyone.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from ipfs_kit_py._ml.fields import link, number, rows, table, text, text_or_none
from ipfs_kit_py._ml.names import check_name, check_version, following, greatest
from ipfs_kit_py._ml.registry import MOST_RECORD_BYTES
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import (
    InvalidParameterError,
    MalformedDataError,
    NameNotFoundError,
)

VERSION_TYPE: Final = "ipfs-kit/model/1"
NAME_TYPE: Final = "ipfs-kit/model-name/1"
MOST_PARENTS: Final = 64


class Dataset(NamedTuple):
    """What a model was trained with."""

    cid: CID
    name: str | None = None
    """What it was called when the model was added."""


class ModelVersion(NamedTuple):
    """One version of a model."""

    name: str
    version: str
    framework: str
    format: str
    model: CID
    """The folder that it is in."""
    size: int
    created: str
    metrics: Mapping[str, Any] = {}
    metadata: Mapping[str, Any] = {}
    dataset: Dataset | None = None
    code_version: str | None = None
    parents: tuple[CID, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Give what is written."""
        dataset = None if self.dataset is None else self.dataset._asdict()
        fields = self._asdict() | {"dataset": dataset, "parents": [*self.parents]}
        return {"type": VERSION_TYPE, **fields}

    @classmethod
    def of_record(cls, cid: CID, value: dict[str, Any]) -> "ModelVersion":
        """Read what was written.

        Raises:
            MalformedDataError: A field is missing, or of another type.
        """
        at = _fields_of(value, cid)
        dataset = value.get("dataset")
        if dataset is not None:
            inside = _fields_of(table(*at("dataset")), cid)
            dataset = Dataset(link(*inside("cid")), text_or_none(*inside("name")))
        return cls(
            name=text(*at("name")),
            version=text(*at("version")),
            framework=text(*at("framework")),
            format=text(*at("format")),
            model=link(*at("model")),
            size=number(*at("size")),
            created=text(*at("created")),
            metrics=table(*at("metrics")),
            metadata=table(*at("metadata")),
            dataset=dataset,
            code_version=text_or_none(*at("code_version"), MOST_RECORD_BYTES),
            parents=tuple(
                link(it, f"a parent of {cid}")
                for it in rows(*at("parents"), MOST_PARENTS)
            ),
        )


class ModelName(NamedTuple):
    """All versions of a model."""

    name: str
    versions: Mapping[str, CID]
    """Their records, in the order in which they came."""
    stages: Mapping[str, str]
    """Versions by what they are for: `production`, for example."""
    last: int = 0
    """The greatest number of a version that was deleted, which is not given again."""

    def to_record(self) -> dict[str, Any]:
        """Give what is written."""
        versions = [{"version": it, "record": cid} for it, cid in self.versions.items()]
        return {
            "type": NAME_TYPE,
            "name": self.name,
            "versions": versions,
            "stages": dict(self.stages),
            "last": self.last,
        }

    def following(self) -> str:
        """Give the number of the next version."""
        return following(self.versions, self.last)

    def chosen(self, version: str | None) -> str:
        """Give the version that is meant: by its own name, by a stage, or the newest.

        Raises:
            NameNotFoundError: There is none.
            InvalidParameterError: It is no text.
        """
        if version is None:
            return [*self.versions][-1]
        check_version(version)
        if version in self.versions:
            return version
        if version in self.stages:
            return self.stages[version]
        raise NameNotFoundError(
            f"there is no version or stage {version!r} of {self.name!r}"
        )

    def having(self, version: str, record: CID) -> "ModelName":
        """Give it with a new version.

        Raises:
            InvalidParameterError: There is one, or a stage, of this name.
        """
        if version in self.versions:
            raise InvalidParameterError(
                f"there is a version {version!r} of {self.name!r} already, and versions "
                "do not change: give another, or none"
            )
        if version in self.stages:
            raise InvalidParameterError(
                f"{version!r} is what a stage of {self.name!r} is called"
            )
        return self._replace(versions={**self.versions, version: record})

    def without(self, gone: Collection[str]) -> "ModelName":
        """Give it without some versions, and the stages that they were at."""
        left = {it: cid for it, cid in self.versions.items() if it not in gone}
        stages = {stage: it for stage, it in self.stages.items() if it in left}
        last = max(self.last, greatest(gone))
        return self._replace(versions=left, stages=stages, last=last)

    def promoted(self, version: str, stage: str | None) -> "ModelName":
        """Give it with a version at a stage, or at none.

        Raises:
            InvalidParameterError: The stage has the name of a version, or is no name.
        """
        if stage is None:
            left = {name: it for name, it in self.stages.items() if it != version}
            return self._replace(stages=left)
        if check_name(stage) in self.versions:
            raise InvalidParameterError(
                f"{stage!r} is a version of {self.name!r}, and can be no stage"
            )
        return self._replace(stages={**self.stages, stage: version})

    def stages_of(self, version: str) -> list[str]:
        """List the stages that a version is at."""
        return sorted(stage for stage, it in self.stages.items() if it == version)

    @classmethod
    def of_record(cls, cid: CID, value: dict[str, Any]) -> "ModelName":
        """Read what was written.

        Raises:
            MalformedDataError: A field is missing, or of another type, or a stage is that
                of a version which is not there.
        """
        at = _fields_of(value, cid)
        versions: dict[str, CID] = {}
        for entry in rows(*at("versions"), MOST_RECORD_BYTES):
            inside = _fields_of(table(entry, f"a version of {cid}"), cid)
            version = text(*inside("version"))
            if version in versions:
                raise MalformedDataError(f"{cid} has version {version!r} twice")
            versions[version] = link(*inside("record"))
        stages = table(*at("stages"))
        if not versions:
            raise MalformedDataError(f"{cid} lists no versions")
        for stage, version in stages.items():
            if not isinstance(version, str) or version not in versions:
                raise MalformedDataError(f"stage {stage!r} of {cid} is of no version")
        # Those who wrote before there was one gave none.
        last = number(*at("last")) if "last" in value else 0
        return cls(text(*at("name")), versions, stages, last)


def _fields_of(value: Mapping[str, Any], cid: CID) -> Callable[[str], tuple[object, str]]:
    """Give what gives a field, and how to call it where it is wrong."""
    return lambda field: (value.get(field), f"{field} of {cid}")
