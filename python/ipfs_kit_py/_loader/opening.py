"""Opening a dataset by its CID, whatever it is."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from ipfs_kit_py._datasets.blocks import get_manifest
from ipfs_kit_py._datasets.formats import FILES, detect, format_of, is_shard, named, tells
from ipfs_kit_py._datasets.manifest import TYPE, Split
from ipfs_kit_py._loader.documents import KEYS, parsed, read_document, source_of_document
from ipfs_kit_py._loader.files import Files
from ipfs_kit_py._loader.source import Source
from ipfs_kit_py._native import CID, Samples
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._ml.client import Client
    from ipfs_kit_py._repository.reading import Reading

_TABLES = {"parquet", "arrow", "csv", "tsv"}
# Enough of a file to see what it is.
_SNIFF_BYTES = 512


class Dataset(NamedTuple):
    """An open dataset."""

    source: Source
    format: str
    metadata: dict[str, Any]


def open_dataset(
    path: str,
    client: "Client",
    *,
    format: str | None = None,  # noqa: A002 - as in the manifest
    split: str | None = None,
    pattern: str | None = None,
) -> Dataset:
    """Open a dataset.

    Args:
        path: A CID, or a path below one: of a manifest, a document, a folder, a file.
        client: What reads.
        format: What its files are, if they do not show it; `files`: each is a sample.
        split: Which part of a manifest; may be left out if there is but one.
        pattern: Which files of a folder, as `*.jpg` or `train/*`: of the whole path below
            the folder, or of the name where it has no slash.

    Raises:
        MalformedDataError: It is no dataset.
        BlockNotFoundError: It is not here, or not all of it.
    """
    kind = None if format is None else named(format)
    reader = client.reader
    cid = reader.resolve(path)
    if cid.codec not in ("raw", "dag-pb"):
        document = read_document(cid, reader)
        if isinstance(document, Mapping) and document.get("type") == TYPE:
            return _of_manifest(cid, client, kind, split, pattern)
        _no_split(split)
        if kind is not None or pattern is not None:
            raise InvalidParameterError(
                f"format= and pattern= are about files, and {cid} is a document"
            )
        return Dataset(source_of_document(cid, document, reader), "document", {})
    _no_split(split)
    if reader.stat(str(cid)).kind == "directory":
        return _of_folder(cid, cid, reader, kind, pattern)
    if pattern is not None:
        raise InvalidParameterError(f"pattern= is for folders, and {cid} is a file")
    name = path.rstrip("/").rpartition("/")[2]
    if kind is None and format_of(name) != FILES:
        kind = format_of(name)
    kind = kind or _sniffed(cid, reader)
    return Dataset(_source(cid, [(name, cid)], reader, kind), kind, {})


def _no_split(split: str | None) -> None:
    if split is not None:
        raise InvalidParameterError(f"there are no splits here, and so no {split!r}")


def _of_manifest(
    cid: CID,
    client: "Client",
    kind: str | None,
    split: str | None,
    pattern: str | None,
) -> Dataset:
    manifest = get_manifest(client, cid)
    if kind not in (None, manifest.format):
        raise InvalidParameterError(
            f"{manifest.name} is of format {manifest.format}, and not {kind}"
        )
    name = split or (next(iter(manifest.splits)) if len(manifest.splits) == 1 else None)
    if name is None or name not in manifest.splits:
        names = ", ".join(manifest.splits)
        wrong = "say which split" if split is None else f"there is no split {split!r}"
        raise InvalidParameterError(f"{wrong}: {manifest.name} has {names}")
    chosen = manifest.splits[name]
    about = {
        "name": manifest.name,
        "version": manifest.version,
        "format": manifest.format,
        "split": name,
        "schema": None if manifest.schema is None else dict(manifest.schema),
        "licence": manifest.licence,
        "metadata": dict(manifest.metadata),
    }
    own = _split_cid(cid, manifest.splits, name)
    if chosen.path is not None:
        root, reader = manifest.data, client.reader
        folder = reader.resolve(f"{root}/{chosen.path}".rstrip("/"))
        others = [it.path for it in manifest.splits.values() if it.path is not None]

        def siblings() -> Iterator[str]:
            for path in others:
                samples = Samples.folder(reader._core, f"{root}/{path}".rstrip("/"))
                paths = samples.paths()
                yield from (paths[at] for at in _samples_of(paths, pattern))

        found = _of_folder(own, folder, reader, FILES, pattern, siblings)
        return found._replace(metadata=about)
    shards = [(it.path, it.cid) for it in chosen.shards if _matches(it.path, pattern)]
    if pattern is not None and not shards:
        raise MalformedDataError(f"{manifest.name} has no shards like {pattern}")
    source = _source(own, shards, client.reader, manifest.format)
    if pattern is None and len(source) != chosen.rows:
        raise MalformedDataError(
            f"the manifest says {chosen.rows} rows in {name}, and there are {len(source)}"
        )
    return Dataset(source, manifest.format, about)


def _split_cid(cid: CID, splits: Mapping[str, Split], name: str) -> CID:
    """Give what decides the order of a split: each has an order of its own."""
    if len(splits) == 1:
        return cid
    import hashlib

    digest = hashlib.sha256(bytes(cid) + name.encode()).digest()
    return CID.from_multihash(b"\x12\x20" + digest)


def _of_folder(
    cid: CID,
    folder: CID,
    reader: "Reading",
    kind: str | None,
    pattern: str | None,
    siblings: Callable[[], Iterable[str]] = tuple,
) -> Dataset:
    samples = Samples.folder(reader._core, str(folder))
    paths = samples.paths()
    chosen: Sequence[int] = range(len(paths))
    if pattern is not None:
        chosen = _samples_of(paths, pattern)
    if not chosen:
        like = f" like {pattern}" if pattern else ""
        raise MalformedDataError(f"the folder {folder} has no files{like}")
    if kind is None:
        kind = detect(paths if pattern is None else [paths[at] for at in chosen])
    if kind == FILES:
        if pattern is None:
            chosen = _samples_of(paths, None)
        if len(chosen) < len(paths):
            samples = samples.pick(chosen)
        whole = folder if pattern is None else None
        files = Files(cid, reader, samples, folder=whole, siblings=siblings)
        return Dataset(files, kind, {})
    shards = [
        (paths[at], _known(samples, at)) for at in chosen if is_shard(paths[at], kind)
    ]
    if not shards:
        raise MalformedDataError(f"the folder {folder} has no files of format {kind}")
    return Dataset(_source(cid, shards, reader, kind), kind, {})


def _samples_of(paths: Sequence[str], pattern: str | None) -> list[int]:
    """Say which files of a folder are samples: those asked for, or all but READMEs."""
    if pattern is None:
        return [at for at, path in enumerate(paths) if not tells(path)]
    return [at for at, path in enumerate(paths) if _matches(path, pattern)]


def _known(samples: Samples, at: int) -> CID:
    cid = samples.cid(at)
    if cid is None:
        raise IndexError(at)
    return cid


def _source(
    cid: CID, shards: Sequence[tuple[str, CID]], reader: "Reading", kind: str
) -> Source:
    if kind in _TABLES:
        from ipfs_kit_py._loader.tables import source_of_tables

        return source_of_tables(cid, shards, reader, kind)
    if kind == "tar":
        from ipfs_kit_py._loader.tars import source_of_tars

        return source_of_tars(cid, shards, reader)
    if kind == "npy":
        from ipfs_kit_py._loader.arrays import source_of_arrays

        return source_of_arrays(cid, shards, reader)
    if kind in ("text", "jsonl"):
        from ipfs_kit_py._loader.lines import source_of_lines

        return source_of_lines(cid, shards, reader, json=kind == "jsonl")
    if kind == "json":
        if len(shards) == 1:
            path, shard = shards[0]
            document = parsed(reader.cat(str(shard)), path or str(shard))
            return source_of_document(cid, document, reader)
        return source_of_document(cid, {"shards": [shard for _, shard in shards]}, reader)
    samples = Samples.of([shard for _, shard in shards])
    return Files(cid, reader, samples, names=[path for path, _ in shards])


def _matches(path: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern)


def _sniffed(cid: CID, reader: "Reading") -> str:
    """Tell by its first bytes what a file is."""
    head = reader.cat(str(cid), 0, _SNIFF_BYTES)
    magics = {b"PAR1": "parquet", b"\x93NUMPY": "npy", b"ARROW1": "arrow"}
    for magic, kind in magics.items():
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    # JSON may begin with the mark that Windows' programs write.
    if head.removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        # One value a line, or one in all?
        return "json" if _is_document(cid, reader) else "jsonl"
    raise MalformedDataError(
        f"nothing shows what {cid} is: give format=, as parquet, jsonl, text or tar"
    )


def _is_document(cid: CID, reader: "Reading") -> bool:
    """Tell a document from lines, of which there may be but one."""
    try:
        value = parsed(reader.cat(str(cid)), str(cid))
    except MalformedDataError:
        return False
    return not isinstance(value, Mapping) or not value.keys().isdisjoint(KEYS)
