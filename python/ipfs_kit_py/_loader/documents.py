"""Datasets that are documents: lists of samples, or of CIDs of samples."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._loader.files import Files
from ipfs_kit_py._loader.source import Source
from ipfs_kit_py._loader.values import Values
from ipfs_kit_py._native import CID, Samples, ipld_decode
from ipfs_kit_py.errors import InvalidCIDError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._repository.dags import DagReading
    from ipfs_kit_py._repository.reading import Reading

KEYS = ("samples", "data", "shards")
"""What a document has one of, if it is a dataset."""
# Shards of shards of shards.
_DEEPEST = 8
_MOST_SHARDS = 1 << 20


def source_of_document(cid: CID, document: Any, reader: "Reading") -> Source:  # noqa: ANN401 - as it stands in the block
    """Open a dataset by its document.

    `{"data": [...]}` and a bare list hold the samples themselves; `{"samples": [...]}`
    are their CIDs; `{"shards": [...]}` are the CIDs of documents of such kinds.

    Raises:
        MalformedDataError: It is none of these.
    """
    values = _embedded(document)
    if values is not None:
        return Values(cid, values)
    cids = _cids(document, reader, 0)
    if isinstance(cids, Values):
        return Values(cid, cids.values)
    return Files(
        cid, reader, Samples.of(cids), decode=_value, columns=("data", "cid", "index")
    )


def _embedded(document: Any) -> list[Any] | None:  # noqa: ANN401
    if isinstance(document, list):
        return document
    if isinstance(document, Mapping) and isinstance(document.get("data"), list):
        found: list[Any] = document["data"]
        return found
    return None


def _cids(document: Any, reader: "Reading", depth: int) -> "list[CID] | Values":  # noqa: ANN401
    if not isinstance(document, Mapping):
        raise _unknown(document)
    if isinstance(document.get("samples"), list):
        return _samples(document["samples"])
    shards = document.get("shards")
    if not isinstance(shards, list):
        raise _unknown(document)
    if depth >= _DEEPEST or len(shards) > _MOST_SHARDS:
        raise MalformedDataError("a dataset has shards of shards without end")
    cids: list[CID] = []
    values: list[Any] = []
    for shard in shards:
        inner = read_document(_cid(shard), reader)
        embedded = _embedded(inner)
        if embedded is not None:
            values += embedded
            continue
        found = _cids(inner, reader, depth + 1)
        if isinstance(found, Values):
            values += found.values
        else:
            cids += found
    if cids and values:
        raise MalformedDataError("some shards hold samples and some hold CIDs of them")
    return Values(CID("bafkqaaa"), values) if values else cids


def _samples(given: list[Any]) -> "list[CID] | Values":
    """Give the CIDs that a list has; or its values, where none of them is one."""
    links = [_link(one) for one in given]
    if not any(links):
        return Values(CID("bafkqaaa"), given)
    for at, (link, one) in enumerate(zip(links, given, strict=True)):
        if link is None:
            raise MalformedDataError(
                f"some samples are CIDs, and number {at} is not: {one!r:.80}"
            )
    return [link for link in links if link is not None]


def _cid(given: Any) -> CID:  # noqa: ANN401
    link = _link(given)
    if link is None:
        raise InvalidCIDError(f"{given!r:.80} is no CID")
    return link


def _link(given: Any) -> CID | None:  # noqa: ANN401
    """Give what a value links to: a CID, its text, or a table of that alone."""
    if isinstance(given, CID):
        return given
    if isinstance(given, Mapping) and len(given) == 1:
        # As JSON writes links, and as some write samples.
        given = given.get("/", given.get("cid"))
    if not isinstance(given, str | CID):
        return None
    try:
        return CID(given)
    except InvalidCIDError:
        return None


def read_document(cid: CID, reader: "Reading") -> Any:  # noqa: ANN401 - as it stands in the block
    """Read a value, whatever it is written in: dag-cbor, dag-json, or a file of JSON."""
    if cid.codec in ("raw", "dag-pb"):
        return parsed(reader.cat(str(cid)), str(cid))
    dags: DagReading = reader  # type: ignore[assignment] # every reader reads these too
    return dags.dag_get(str(cid))


def parsed(data: "bytes | memoryview", name: str) -> Any:  # noqa: ANN401
    """Read JSON."""
    try:
        return json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise MalformedDataError(f"{name} holds no JSON: {error}") from error


def _value(files: Files, sample: int, data: Any) -> Any:  # noqa: ANN401
    """Make a sample of its block: a value; of a file what JSON it holds, or its bytes."""
    cid = files.samples.cid(sample)
    if cid is not None and cid.codec not in ("raw", "dag-pb"):
        return ipld_decode(data, cid.codec)
    view = memoryview(data)
    if view[:1].tobytes() in (b"{", b"["):
        try:
            return json.loads(bytes(view))
        except (ValueError, RecursionError):
            pass
    return data


def _unknown(document: object) -> MalformedDataError:
    shown = ", ".join(map(str, document)) if isinstance(document, Mapping) else document
    return MalformedDataError(
        f"this is no dataset that is known here: it has {shown!s:.200}, and neither "
        "`samples`, `data` nor `shards`"
    )
