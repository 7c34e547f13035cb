"""What a dataset is: its data, its splits and shards, how many rows, who came before.

A manifest is a dag-cbor block, whose CID is the dataset's identity. What is read is
checked field by field, for a manifest may come from anyone.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

from ipfs_kit_py._ml.fields import link, number, rows, table, text, text_or_none
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import LimitExceededError, MalformedDataError

T = TypeVar("T")

TYPE: Final = "ipfs-kit/dataset/1"

MOST_SPLITS: Final = 1024
MOST_SHARDS: Final = 1 << 18
MOST_PARENTS: Final = 64
_MOST_COLUMNS: Final = 1 << 16
_ORDER: Final = {"train": 0, "validation": 1, "test": 2}
_MOST_PATH: Final = 4096
_MOST_TYPE: Final = 1 << 16


class Shard(NamedTuple):
    """A file with rows in it."""

    path: str
    """Below the data; empty if it is the data itself."""
    cid: CID
    rows: int
    bytes: int


class Split(NamedTuple):
    """Rows that belong together: those to train with, for example."""

    rows: int
    bytes: int
    shards: tuple[Shard, ...] = ()
    path: str | None = None
    """The folder below the data whose files are the rows, where no shards have them."""


class Stats(NamedTuple):
    """How much there is."""

    size_bytes: int
    """Bytes of all files, those that are no rows among them."""
    num_files: int
    num_rows: int


class Manifest(NamedTuple):
    """One version of a dataset."""

    name: str
    version: str
    format: str
    data: CID
    splits: Mapping[str, Split]
    stats: Stats
    created: str
    schema: Mapping[str, str] | None = None
    licence: str | None = None
    metadata: Mapping[str, Any] = {}
    parents: tuple[CID, ...] = ()

    def shards(self) -> dict[CID, Shard]:
        """Give the shards of all splits by their CIDs."""
        return {it.cid: it for split in self.splits.values() for it in split.shards}


def to_value(manifest: Manifest) -> dict[str, Any]:
    """Give what the block holds, with all shards in it."""
    return {
        "type": TYPE,
        **manifest._asdict(),
        "schema": None if manifest.schema is None else dict(manifest.schema),
        "splits": {name: _split_value(it) for name, it in manifest.splits.items()},
        "stats": manifest.stats._asdict(),
        "metadata": dict(manifest.metadata),
        "parents": list(manifest.parents),
    }


def _split_value(split: Split) -> dict[str, Any]:
    value: dict[str, Any] = {
        "shards": [it._asdict() for it in split.shards],
        "rows": split.rows,
        "bytes": split.bytes,
    }
    return value if split.path is None else value | {"path": split.path}


def from_value(value: object) -> Manifest:
    """Read what a block holds, with all shards in it.

    Raises:
        MalformedDataError: It is no manifest, or one that contradicts itself.
        LimitExceededError: It has more of something than is read.
    """
    fields = table(value, "it")
    if fields.get("type") != TYPE:
        raise MalformedDataError(f"its type is not {TYPE!r}")
    splits = {
        text(name, "the name of a split"): _split(it, f"splits.{name}")
        for name, it in in_order(_few(fields, "splits", MOST_SPLITS)).items()
    }
    stats = table(fields.get("stats"), "stats")
    parents = rows(fields.get("parents"), "parents", MOST_PARENTS)
    found = Manifest(
        name=text(fields.get("name"), "name"),
        version=text(fields.get("version"), "version"),
        format=text(fields.get("format"), "format"),
        data=link(fields.get("data"), "data"),
        splits=splits,
        stats=Stats(*(number(stats.get(it), f"stats.{it}") for it in Stats._fields)),
        created=text(fields.get("created"), "created"),
        schema=_schema(fields),
        licence=text_or_none(fields.get("licence"), "licence", _MOST_PATH),
        metadata=table(fields.get("metadata"), "metadata"),
        parents=tuple(link(it, "a parent") for it in parents),
    )
    counted = sum(it.rows for it in splits.values())
    if counted != found.stats.num_rows:
        raise _contradiction("stats.num_rows", found.stats.num_rows, counted)
    return found


def in_order(splits: Mapping[str, T]) -> dict[str, T]:
    """Put splits into the order in which they are used; a block has another."""
    names = sorted(splits, key=lambda it: (_ORDER.get(it, len(_ORDER)), it))
    return {name: splits[name] for name in names}


def _split(value: object, where: str) -> Split:
    fields = table(value, where)
    given = rows(fields.get("shards"), f"{where}.shards", MOST_SHARDS)
    shards = tuple(_shard(it, f"{where}.shards.{at}") for at, it in enumerate(given))
    path = fields.get("path")
    split = Split(
        rows=number(fields.get("rows"), f"{where}.rows"),
        bytes=number(fields.get("bytes"), f"{where}.bytes"),
        shards=shards,
        path=None if path is None else _path(path, f"{where}.path"),
    )
    if path is not None and shards:
        raise MalformedDataError(f"{where} has a path and shards, but one has the rows")
    if path is None:
        for field, said in (("rows", split.rows), ("bytes", split.bytes)):
            found = sum(getattr(it, field) for it in shards)
            if said != found:
                raise _contradiction(f"{where}.{field}", said, found)
    return split


def _shard(value: object, where: str) -> Shard:
    fields = table(value, where)
    return Shard(
        _path(fields.get("path"), f"{where}.path"),
        link(fields.get("cid"), f"{where}.cid"),
        number(fields.get("rows"), f"{where}.rows"),
        number(fields.get("bytes"), f"{where}.bytes"),
    )


def _schema(fields: Mapping[str, Any]) -> dict[str, str] | None:
    if fields.get("schema") is None:
        return None
    columns = _few(fields, "schema", _MOST_COLUMNS)
    for name, kind in columns.items():
        text(kind, f"schema.{name}", _MOST_TYPE)
    return columns


def _few(fields: Mapping[str, Any], name: str, most: int) -> dict[str, Any]:
    found = table(fields.get(name), name)
    if len(found) > most:
        raise LimitExceededError(f"{name} has {len(found):,} entries: over {most:,}")
    return found


def _path(value: object, where: str) -> str:
    """Give a path that stays below where it begins."""
    if value == "":
        return ""
    path = text(value, where, _MOST_PATH)
    if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise MalformedDataError(f"{where} is {path!r}, which is no path below the data")
    return path


def _contradiction(where: str, said: int, found: int) -> MalformedDataError:
    return MalformedDataError(f"{where} is {said:,}, but what it counts has {found:,}")
