"""Samples that are members of tar shards."""

import json
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._datasets.tars import samples_of
from ipfs_kit_py._loader.files import Files
from ipfs_kit_py._native import CID, Samples
from ipfs_kit_py.errors import MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._repository.reading import Reading


def source_of_tars(
    cid: CID, shards: Sequence[tuple[str, CID]], reader: "Reading"
) -> "Files":
    """Open tar shards. A sample is what lies between its first member and its last.

    Raises:
        MalformedDataError: A shard is no tar, or is cut off.
    """
    file_of, starts, ends = array("I"), array("Q"), array("Q")
    keys: list[str] = []
    parts: list[tuple[tuple[str, int, int], ...]] = []
    names: dict[str, None] = {}
    for number, (path, shard) in enumerate(shards):
        for key, members in samples_of(reader, shard, path):
            begin = members[0].start
            file_of.append(number)
            starts.append(begin)
            ends.append(members[-1].stop)
            keys.append(key)
            parts.append(
                tuple(
                    (name, start - begin, stop - begin) for name, start, stop in members
                )
            )
            names.update(dict.fromkeys(name for name, _, _ in members))
    samples = Samples.ranges([shard for _, shard in shards], file_of, starts, ends)

    def decode(files: Files, sample: int, data: Any) -> dict[str, Any]:  # noqa: ANN401
        view = memoryview(data)
        found: dict[str, Any] = {"__key__": keys[sample]}
        for name, start, end in parts[sample]:
            try:
                found[name] = _plain(name, view[start:end])
            except (ValueError, RecursionError) as error:
                raise MalformedDataError(
                    f"member .{name} of {files.name(sample)} cannot be read: {error}"
                ) from error
        return found

    rows = ("__key__", *names)
    return Files(
        cid, reader, samples, names=keys, decode=decode, columns=("index",), rows=rows
    )


def _plain(name: str, data: "memoryview") -> Any:  # noqa: ANN401
    """Read what every reader of such shards reads alike: text, numbers, JSON."""
    ending = name.rpartition(".")[2].lower()
    if ending in ("txt", "text"):
        return str(data, "utf-8")
    if ending in ("cls", "cls2", "id", "index"):
        return int(bytes(data))
    if ending == "json":
        return json.loads(bytes(data))
    return data
