"""`DatasetManager`: datasets by name and version, each of which is a CID."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from ipfs_kit_py._closing import Closing
from ipfs_kit_py._datasets.blocks import get_manifest, put_manifest, reader_of
from ipfs_kit_py._datasets.checking import check
from ipfs_kit_py._datasets.difference import compare
from ipfs_kit_py._datasets.formats import chunker_of, named
from ipfs_kit_py._datasets.manifest import Manifest, Stats
from ipfs_kit_py._datasets.shards import SHARD_BYTES, ShardAdding
from ipfs_kit_py._datasets.splits import check_split, only_split
from ipfs_kit_py._datasets.tables import is_path, splits_in
from ipfs_kit_py._datasets.tree import Content, TreeAdding, format_at
from ipfs_kit_py._datasets.versions import (
    KIND,
    Version,
    Versions,
    put_versions,
    read_versions,
)
from ipfs_kit_py._ml.client import client_of
from ipfs_kit_py._ml.names import as_cid, check_label, check_name, divided
from ipfs_kit_py._ml.plain import plain
from ipfs_kit_py._ml.registry import Draft, Registry
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.system import checked_path
from ipfs_kit_py._results import operation
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    NameNotFoundError,
    NotPinnedError,
    PathExistsError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import ProgressCallback, StrPath

# How often a tree is added anew whose blocks were collected before it was registered.
_TRIES: Final = 3


class _Told(NamedTuple):
    """What a caller says of a version, as far as it is said."""

    version: str | None
    metadata: Mapping[str, Any] | None
    licence: str | None


class DatasetManager(Closing):
    """Datasets in a repository: added, listed, compared, checked, written to disk.

    Every method gives a result dictionary, which says what went wrong, if anything did;
    `raise_for_error()` raises it. `name` is a dataset's name; where one version is read,
    it may also be `NAME@VERSION`, or the CID of a manifest, wherever that is.

    Args:
        ipfs_client: What reads and writes: a kit, its `ipfs`, an `IPFSSimpleAPI` or a
            `Repository`. If not given, a kit is made, and closed with this.
        base_path: The folder that `get_dataset` writes to where it is told no other; the
            platform's folder for caches if not given.

    Raises:
        InvalidParameterError: `ipfs_client` is none of these.
    """

    def __init__(
        self, ipfs_client: object | None = None, base_path: "StrPath | None" = None
    ) -> None:
        self._client = client_of(ipfs_client)
        self._is_own = ipfs_client is None
        self._base_path = base_path
        self._registry = Registry(self._client, KIND)

    @operation("add_dataset")
    def add_dataset(
        self,
        dataset_path: object,
        dataset_name: str,
        version: str | None = None,
        format: str | None = None,  # noqa: A002 - the contract's name
        metadata: Mapping[str, Any] | None = None,
        *,
        split: str | None = None,
        licence: str | None = None,
        chunker: str | None = None,
        max_shard_bytes: int = SHARD_BYTES,
        trust_stat: bool = True,
        progress: "ProgressCallback | None" = None,
    ) -> dict[str, Any]:
        """Add a dataset, or another version of one.

        A version that is there never changes. What is as it was in the newest version is
        no new one, unless `version` says so. What is not given is as it was before.

        Args:
            dataset_path: A file or folder; a table of pandas, pyarrow, polars or
                Hugging Face's datasets; an iterator of dictionaries or of bytes; or a
                table of such by the names of splits.
            dataset_name: What it is called.
            version: What the version is called; 1, 2, 3 if not given.
            format: `parquet`, `arrow`, `jsonl`, `json`, `csv`, `tsv`, `text`, `tar`,
                `npy`, or `files`, each of which is a row; by the names of files if not
                given.
            metadata: Text, finite numbers, truth values, bytes, CIDs, and lists and
                tables of them; numbers of numpy become Python's.
            split: All rows are of this split. If not given it is as in the version
                before, where that had one, or what names of files speak of, or `train`.
            licence: The licence, as SPDX names it for example.
            chunker: How files are cut, see `ImportParams`; by the format if not given.
            max_shard_bytes: About how large the files are that tables are written to.
            trust_stat: Take a file for unchanged if size, times and inode are.
            progress: Called with bytes and files done so far.

        Returns:
            `dataset_name`, `version`, `format`, `stats` (`size_bytes`, `num_files`,
            `num_rows`), `dataset_cid`, `cid` and `manifest_cid` (the version itself),
            `data_cid` (its files), `splits` (rows by name), `new_bytes`, `shared_bytes`,
            `unchanged`.

        Raises:
            ImportError: It takes a library that is not installed.
        """
        told = _Told(version, _plain(metadata), licence)
        import_as = {"trust_stat": trust_stat, "chunker": chunker}
        return self._add(
            dataset_path,
            dataset_name,
            format,
            told,
            split=split,
            import_as=import_as,
            max_shard_bytes=max_shard_bytes,
            progress=progress,
        )

    @operation("update")
    def update(
        self,
        name: str,
        source: object,
        version: str | None = None,
        format: str | None = None,  # noqa: A002 - as above
        metadata: Mapping[str, Any] | None = None,
        *,
        split: str | None = None,
        licence: str | None = None,
        chunker: str | None = None,
        max_shard_bytes: int = SHARD_BYTES,
        trust_stat: bool = True,
        progress: "ProgressCallback | None" = None,
    ) -> dict[str, Any]:
        """Add a version of a dataset that is there: see `add_dataset`."""
        if not self._versions(check_name(name)).all:
            raise NameNotFoundError(f"there is no dataset {name!r} here")
        told = _Told(version, _plain(metadata), licence)
        import_as = {"trust_stat": trust_stat, "chunker": chunker}
        return self._add(
            source,
            name,
            format,
            told,
            split=split,
            import_as=import_as,
            max_shard_bytes=max_shard_bytes,
            progress=progress,
        )

    @operation("get_dataset")
    def get_dataset(
        self,
        dataset_name: str,
        version: str | None = None,
        output_path: "StrPath | None" = None,
        *,
        progress: "ProgressCallback | None" = None,
    ) -> dict[str, Any]:
        """Write a dataset's files to disk, verified.

        Args:
            dataset_name: The dataset.
            version: Which one; the newest if not given.
            output_path: The folder to make, which must not exist and appears when it is
                whole. If not given it is one for this version below `base_path`, which is
                taken as it is if it is there.
            progress: Called with bytes and entries done so far.

        Returns:
            `local_path`, `metadata`, and what `info` tells.
        """
        cid, manifest = self._find(dataset_name, version)
        reader = reader_of(self._client)
        # Whoever wrote it has said how much it is.
        most = manifest.stats.size_bytes
        if output_path is not None:
            target = checked_path(output_path)
            reader.get(manifest.data, target, progress, max_bytes=most)
        else:
            target = self._base() / str(cid)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                # Another process may be as far with the same.
                with suppress(PathExistsError):
                    reader.get(manifest.data, target, progress, max_bytes=most)
        return _told_of(cid, manifest) | {"local_path": str(target.absolute())}

    @operation("list_datasets")
    def list_datasets(self) -> dict[str, Any]:
        """List the datasets that are registered, with all versions.

        Returns:
            `datasets`: by name a list of versions, the oldest first, each with what
            `info` tells but for columns and splits; `count`.
        """
        found = {
            name: self._lines(read_versions(self._registry, name, record))
            for name, record in sorted(self._registry.names().items())
        }
        return {"datasets": found, "count": len(found)}

    @operation("versions")
    def versions(self, name: str) -> dict[str, Any]:
        """List the versions of a dataset, the oldest first: `versions`, `count`."""
        known = self._versions(name)
        known.chosen(None)
        found = self._lines(known)
        return {"dataset_name": name, "versions": found, "count": len(found)}

    @operation("info")
    def info(self, name: str, version: str | None = None) -> dict[str, Any]:
        """Tell everything of a version but the names of its files.

        Returns:
            `dataset_name`, `version`, `format`, `dataset_cid`, `cid`, `manifest_cid`,
            `data_cid`, `stats`, `splits` (by name: `rows`, `bytes`, `num_shards`,
            `path`), `schema`, `licence`, `metadata`, `created`, `parents`.
        """
        return _told_of(*self._find(name, version))

    @operation("diff")
    def diff(
        self, name: str, a: str | None = None, b: str | None = None
    ) -> dict[str, Any]:
        """Compare two versions.

        Args:
            name: The dataset.
            a: The one to come from; the one before `b` if not given.
            b: The one to come to; the newest if not given.

        Returns:
            `added`, `removed`, `changed` (paths of files), `rows` (by split, how many
            more), `new_bytes`, `shared_bytes`, `removed_bytes` (of blocks), `from`, `to`.
        """
        second_cid, second = self._find(name, b)
        if a is not None:
            first_cid = as_cid(a) or self._find(name, a)[0]
        elif second.parents:
            first_cid = second.parents[0]
        else:
            raise InvalidParameterError(
                f"{name} {second.version} has no version before it to compare with"
            )
        first = get_manifest(self._client, first_cid)
        found = compare(self._client, first, second)
        versions = {"from": first.version, "to": second.version}
        cids = {"from_cid": str(first_cid), "to_cid": str(second_cid)}
        return {"dataset_name": name} | versions | cids | found._asdict()

    @operation("delete")
    def delete(self, name: str, version: str | None = None) -> dict[str, Any]:
        """Forget a dataset, or one version of it.

        What nothing else keeps is collected by the next `repo gc`. A version that a later
        one follows on is its parent, and is kept with it.

        Args:
            name: The dataset; `NAME@VERSION` is one version.
            version: Which one; all of them if not given.

        Returns:
            `dataset_name`; `removed`: the versions that are no longer listed.
        """
        if version is None:
            name, version = divided(name)
        removed: list[Version] = []

        def forget(draft: Draft) -> None:
            known = read_versions(self._registry, name, draft.names.get(name))
            chosen = known.chosen(version)
            removed[:] = known.all if version is None else [chosen]
            put_versions(draft, known.without(removed))

        self._registry.change(forget)
        if not self._registry.is_kept_by_name:
            # There the pins have stayed.
            for it in removed:
                with suppress(NotPinnedError):
                    self._client.engine.pin_rm(it.manifest)
        return {"dataset_name": name, "removed": [it.version for it in removed]}

    @operation("verify")
    def verify(
        self,
        name: str,
        version: str | None = None,
        *,
        progress: "ProgressCallback | None" = None,
    ) -> dict[str, Any]:
        """Read and hash every block of a version, and none of those before it.

        Returns:
            `is_whole`, `blocks`, `bytes`; `missing` and `damaged`: by CID, why.
        """
        cid, manifest = self._find(name, version)
        found = check(self._client, cid, set(manifest.parents), progress)
        return {
            "dataset_name": manifest.name,
            "version": manifest.version,
            "cid": str(cid),
            "is_whole": found.is_whole,
            "blocks": found.blocks,
            "bytes": found.bytes,
            "missing": {str(it): why for it, why in found.missing.items()},
            "damaged": {str(it): why for it, why in found.damaged.items()},
        }

    def close(self) -> None:
        """Let go of the kit, if it was made here."""
        if self._is_own and isinstance(self._client, Closing):
            self._client.close()

    def _add(
        self,
        source: object,
        name: str,
        format_name: str | None,
        told: _Told,
        *,
        split: str | None,
        import_as: dict[str, Any],
        max_shard_bytes: int,
        progress: "ProgressCallback | None",
    ) -> dict[str, Any]:
        check_name(name)
        self._registry.check_writable()
        if told.version is not None:
            check_name(told.version)
        if split is not None:
            check_split(split)
        wanted = None if format_name is None else named(format_name)
        if import_as["chunker"] is None:
            del import_as["chunker"]
        if not is_path(source):
            adding = ShardAdding(
                self._client, wanted, max_shard_bytes, import_as, progress
            )
            before = self._newest(name)
            default = only_split(before.splits if before else {})
            content = adding.run(splits_in(source, split, default))
            return self._register(name, content, told)
        path = cast("StrPath", source)
        tries = 0
        while True:
            before = self._newest(name)
            chosen = wanted or format_at(path, before.format if before else None)
            params = {"chunker": chunker_of(chosen)} | import_as
            content = TreeAdding(self._client, chosen, split, params).run(
                path, before, progress
            )
            tries += 1
            try:
                return self._register(name, content, told)
            except BlockNotFoundError:
                if tries == _TRIES:
                    raise

    def _register(self, name: str, content: Content, told: _Told) -> dict[str, Any]:
        """Make a version of what was added, and register it."""
        found: dict[str, Any] = {}

        def register(draft: Draft) -> None:
            known = read_versions(self._registry, name, draft.names.get(name))
            manifest = _made(name, content, told, known, self._newest_of(known))
            same = self._same(known, manifest, told.version)
            if same is not None:
                there = get_manifest(self._client, same.manifest)
                found.update(_told_of(same.manifest, there), unchanged=True)
                return
            cid = put_manifest(self._client, manifest)
            draft.keep(cid)
            made = Version(manifest.version, cid, manifest.created)
            put_versions(draft, known.having(made))
            found.update(_told_of(cid, manifest), unchanged=False)

        self._registry.change(register)
        found["splits"] = {split: it["rows"] for split, it in found["splits"].items()}
        return found | {
            "new_bytes": content.new_bytes,
            "shared_bytes": content.shared_bytes,
        }

    def _same(
        self, known: Versions, manifest: Manifest, version: str | None
    ) -> Version | None:
        """Give the version that is there already and as the one to be made.

        Raises:
            InvalidParameterError: It has the name of one that is there, and differs.
        """
        candidates = known.all[-1:] if version is None else known.all
        for it in candidates:
            if version in (None, it.version):
                there = get_manifest(self._client, it.manifest)
                if _content_of(there) == _content_of(manifest):
                    return it
                if version is not None:
                    raise InvalidParameterError(
                        f"{manifest.name} has a version {version!r} already, which "
                        "differs from this: versions never change"
                    )
        return None

    def _find(self, name: str, version: str | None) -> tuple[CID, Manifest]:
        cid = as_cid(name)
        if cid is None:
            if version is None:
                name, version = divided(name)
            cid = self._versions(name).chosen(version).manifest
            return cid, get_manifest(self._client, cid)
        manifest = get_manifest(self._client, cid)
        if version not in (None, manifest.version):
            raise NameNotFoundError(
                f"{name} is {manifest.name} {manifest.version!r}, not {version!r}"
            )
        return cid, manifest

    def _versions(self, name: str) -> Versions:
        return read_versions(self._registry, name, self._registry.get(check_label(name)))

    def _newest(self, name: str) -> Manifest | None:
        return self._newest_of(self._versions(name))

    def _newest_of(self, known: Versions) -> Manifest | None:
        return get_manifest(self._client, known.all[-1].manifest) if known.all else None

    def _lines(self, known: Versions) -> list[dict[str, Any]]:
        return [self._line(it) for it in known.all]

    def _line(self, version: Version) -> dict[str, Any]:
        found = _told_of(version.manifest, get_manifest(self._client, version.manifest))
        return {key: it for key, it in found.items() if key not in ("schema", "splits")}

    def _base(self) -> Path:
        if self._base_path is not None:
            return checked_path(self._base_path)
        import platformdirs

        return platformdirs.user_cache_path("ipfs-kit", appauthor=False) / "datasets"


def _made(
    name: str,
    content: Content,
    told: _Told,
    known: Versions,
    last: Manifest | None,
) -> Manifest:
    rows = sum(it.rows for it in content.splits.values())
    metadata = told.metadata if told.metadata is not None else last and last.metadata
    return Manifest(
        name=name,
        version=told.version or known.following(),
        format=content.format,
        data=content.data,
        splits=content.splits,
        stats=Stats(content.size_bytes, content.num_files, rows),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        schema=content.schema,
        licence=told.licence or (last.licence if last else None),
        metadata=dict(metadata or {}),
        parents=(known.all[-1].manifest,) if known.all else (),
    )


def _plain(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give metadata as they will be read: tuples are lists then, for example.

    Raises:
        InvalidParameterError: They are no table, or a block holds no such value.
    """
    if metadata is None:
        return None
    found = plain(metadata, "metadata")
    if not isinstance(found, dict):
        raise InvalidParameterError("metadata are a table")
    return found


def _content_of(manifest: Manifest) -> tuple[object, ...]:
    """Give what makes two versions differ, but for their names and times."""
    return (
        manifest.data,
        manifest.format,
        dict(manifest.splits),
        manifest.schema,
        manifest.licence,
        manifest.metadata,
    )


def _told_of(cid: CID, manifest: Manifest) -> dict[str, Any]:
    """Tell what a version is, in values that JSON has too."""
    text = str(cid)
    return {
        "dataset_name": manifest.name,
        "version": manifest.version,
        "format": manifest.format,
        "dataset_cid": text,
        "cid": text,
        "manifest_cid": text,
        "data_cid": str(manifest.data),
        "stats": manifest.stats._asdict(),
        "splits": {
            name: {
                "rows": it.rows,
                "bytes": it.bytes,
                "num_shards": len(it.shards),
                "path": it.path,
            }
            for name, it in manifest.splits.items()
        },
        "schema": None if manifest.schema is None else dict(manifest.schema),
        "licence": manifest.licence,
        "metadata": dict(manifest.metadata),
        "created": manifest.created,
        "parents": [str(it) for it in manifest.parents],
    }
