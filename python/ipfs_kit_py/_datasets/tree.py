"""Adding a file or folder, and what of it are rows."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ipfs_kit_py._datasets.arrow import arrow
from ipfs_kit_py._datasets.blocks import reader_of
from ipfs_kit_py._datasets.counting import Columns, columns, count, has_lines
from ipfs_kit_py._datasets.formats import FILES, detect, format_of, is_shard, tells
from ipfs_kit_py._datasets.manifest import Manifest, Shard, Split
from ipfs_kit_py._datasets.splits import (
    TRAIN,
    asked_for,
    divide,
    folders_of,
    only_split,
    split_of,
)
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.system import checked_path
from ipfs_kit_py.errors import InvalidParameterError, PathNotFoundError

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import ProgressCallback, StrPath
    from ipfs_kit_py._ml.client import Client
    from ipfs_kit_py._repository import AddResult
    from ipfs_kit_py._sources import ChainReader


# Longer lines of JSON do not show what they are by the name `.json`.
_HEAD_BYTES: Final = 1 << 20


class Content(NamedTuple):
    """What a version has, apart from its name."""

    data: CID
    format: str
    splits: Mapping[str, Split]
    schema: Columns
    size_bytes: int
    num_files: int
    new_bytes: int
    """Bytes of blocks that the repository did not have."""
    shared_bytes: int
    """Bytes of blocks that it had, and of files that were not read again."""


class File(NamedTuple):
    """A file of a folder that was added."""

    path: str
    cid: CID
    size: int


def format_at(source: "StrPath", before: str | None = None) -> str:
    """Say of what format a file or folder is, by names alone.

    Args:
        source: The file or folder.
        before: The format of the version before, which stays if there are such files.

    Raises:
        PathNotFoundError: There is nothing.
        InvalidParameterError: There are no files in it.
    """
    path = checked_path(source)
    if not path.exists():
        raise PathNotFoundError(2, "No such file or directory", str(path))
    if before == FILES:
        return before
    is_folder = path.is_dir()
    if is_folder and before and any(is_shard(it, before) for it in _names(path)):
        return before
    found = detect(_names(path)) if is_folder else format_of(path.name)
    if found != "json":
        return found
    first = next(it for it in _names(path) if is_shard(it, found)) if is_folder else ""
    with (path / first).open("rb") as file:
        return "jsonl" if has_lines(file.read(_HEAD_BYTES)) else found


def _names(folder: Path) -> Iterator[str]:
    """List the paths of files as they will be added; folders that are links are left."""
    ahead = [""]
    while ahead:
        path = ahead.pop()
        with os.scandir(f"{folder}/{path}") as found:
            for it in found:
                if it.name.startswith("."):
                    continue
                if not it.is_dir():
                    yield path + it.name
                elif not it.is_symlink():
                    ahead.append(f"{path}{it.name}/")


class TreeAdding:
    """One file or folder.

    Args:
        client: What to add it to.
        format_name: What its files are.
        split: All rows are of this split; as in the version before, or by the names of
            files, if not given.
        params: How it is imported.
    """

    def __init__(
        self,
        client: "Client",
        format_name: str,
        split: str | None,
        params: Mapping[str, Any],
    ) -> None:
        self._client = client
        self._format = format_name
        self._split = split
        self._params = dict(params)

    def run(
        self,
        source: "StrPath",
        before: Manifest | None,
        progress: "ProgressCallback | None" = None,
    ) -> Content:
        """Add it.

        Args:
            source: The file or folder.
            before: The version before, whose rows are not counted again.
            progress: Called with bytes and files done so far.
        """
        path = checked_path(source)
        if self._format in ("arrow", "parquet"):
            # Not when all is added already.
            arrow("parquet")
        # Where files are links, as in huggingface's cache, their content is meant.
        params = {"dereference_symlinks": True, "wrap_with_directory": not path.is_dir()}
        done = self._client.engine.add(
            path, pin=False, progress=progress, **(params | self._params)
        )
        if before and self._is_as(before, done.cid):
            return self._content(done, before.splits, before.schema)
        splits, schema = self._rows(done.cid, before)
        return self._content(done, splits, schema)

    def _is_as(self, before: Manifest, cid: CID) -> bool:
        is_same = (before.data, before.format) == (cid, self._format)
        return is_same and (self._split is None or list(before.splits) == [self._split])

    def _content(
        self, done: "AddResult", splits: Mapping[str, Split], schema: Columns
    ) -> Content:
        return Content(
            data=done.cid,
            format=self._format,
            splits=splits,
            schema=schema,
            size_bytes=done.bytes,
            num_files=done.files,
            new_bytes=done.new_bytes,
            shared_bytes=done.known_bytes + done.unchanged_bytes,
        )

    def _rows(
        self, data: CID, before: Manifest | None
    ) -> tuple[Mapping[str, Split], Columns]:
        listed = _files_below(reader_of(self._client), data)
        if self._format == FILES:
            return self._files(listed, before), None
        every = sorted(it for it in listed if not tells(it.path))
        # Whoever names a format need not have named the files after it.
        files = [it for it in every if is_shard(it.path, self._format)] or every
        if not files:
            raise InvalidParameterError(
                f"there is no file of the format {self._format} to take rows from"
            )
        return self._shards(files, before)

    def _splits(self, before: Manifest | None) -> tuple[str | None, str]:
        """Give the split that all rows are of, and the one if no name speaks of any."""
        if before is None:
            return self._split, TRAIN
        return self._split or asked_for(before.splits), only_split(before.splits)

    def _shards(
        self, files: list[File], before: Manifest | None
    ) -> tuple[Mapping[str, Split], Columns]:
        reader = reader_of(self._client)
        is_same = before is not None and before.format == self._format
        known = before.shards() if before and is_same else {}
        by_path = {it.path: it for it in files}

        def shard(path: str) -> Shard:
            _, cid, size = by_path[path]
            there = known.get(cid)
            rows = there.rows if there else count(reader, cid, path, self._format)
            return Shard(path, cid, rows, size)

        split, default = self._splits(before)
        names = {split: list(by_path)} if split else divide(by_path, default)
        splits = {
            name: split_of(shard(path) for path in paths) for name, paths in names.items()
        }
        first = next(it for split in splits.values() for it in split.shards)
        if before and first.cid == next(iter(known), None):
            return splits, before.schema
        return splits, columns(reader, first.cid, first.path, self._format)

    def _files(
        self, listed: Iterator[File], before: Manifest | None
    ) -> Mapping[str, Split]:
        """Count the files in every folder that may be a split."""
        counts = Counter({"": 0})
        sizes: Counter[str] = Counter()
        for path, _, bytes_ in listed:
            if tells(path):
                continue
            for folder in _folders_above(path):
                counts[folder] += 1
                sizes[folder] += bytes_
        split, default = self._splits(before)
        names = {split: ""} if split else folders_of(set(counts) - {"", "data"}, default)
        return {
            name: Split(counts[folder], sizes[folder], path=folder)
            for name, folder in names.items()
        }


def _files_below(reader: "ChainReader", root: CID) -> Iterator[File]:
    """List files with their sizes, in no particular order; links are none."""
    ahead = [("", root)]
    while ahead:
        path, folder = ahead.pop()
        for it in reader.ls(folder, resolve=False):
            at = f"{path}{it.name}"
            if it.cid.codec == "raw":
                yield File(at, it.cid, it.size)
                continue
            stat = reader.stat(it.cid)
            if stat.kind == "directory":
                ahead.append((f"{at}/", it.cid))
            elif stat.kind == "file":
                yield File(at, it.cid, stat.size)


def _folders_above(path: str) -> Iterator[str]:
    """Give those folders above a file that may be splits."""
    parts = path.split("/")
    yield ""
    if len(parts) > 1:
        yield parts[0]
        if parts[0] == "data" and len(parts) > 2:
            yield "/".join(parts[:2])
