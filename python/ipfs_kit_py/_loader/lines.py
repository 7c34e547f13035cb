"""Samples that are lines of files: text, or JSON one a line."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._datasets.lines import spans
from ipfs_kit_py._loader.documents import parsed
from ipfs_kit_py._loader.files import Files
from ipfs_kit_py._native import CID, Samples
from ipfs_kit_py.errors import MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._repository.reading import Reading


def source_of_lines(
    cid: CID, shards: Sequence[tuple[str, CID]], reader: "Reading", *, json: bool
) -> Files:
    """Open files of lines; empty lines are none, nor are those of JSON that are blank.

    Each file is read once to find where its lines end; its samples are then ranges of it.
    """
    file_of, starts, ends = array("I"), array("Q"), array("Q")
    groups = []
    for number, (_, shard) in enumerate(shards):
        for start, end in spans(reader.iter_file(str(shard)), json=json):
            file_of.append(number)
            starts.append(start)
            ends.append(end)
        groups.append(len(starts))
    samples = Samples.ranges([shard for _, shard in shards], file_of, starts, ends)
    names = _Names([path for path, _ in shards], file_of, starts)
    rows: tuple[str, ...] = ()
    if json and len(samples):
        first = reader.cat(str(shards[file_of[0]][1]), starts[0], ends[0] - starts[0])
        row = parsed(first, names[0])
        rows = tuple(row) if isinstance(row, dict) else ()
    return Files(
        cid,
        reader,
        samples,
        names=names,
        decode=_json if json else _text,
        columns=("index",),
        rows=rows,
    )


class _Names(Sequence[str]):
    """Where each line stands."""

    def __init__(
        self, paths: list[str], file_of: "array[int]", starts: "array[int]"
    ) -> None:
        self._paths, self._file_of, self._starts = paths, file_of, starts

    def __getitem__(self, sample: Any) -> Any:  # noqa: ANN401 - no slices are asked for
        path = self._paths[self._file_of[sample]]
        return f"{path}, line at byte {self._starts[sample]}"

    def __len__(self) -> int:
        return len(self._starts)


def _text(files: Files, sample: int, data: Any) -> str:  # noqa: ANN401
    try:
        return str(memoryview(data), "utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise MalformedDataError(f"{files.name(sample)} is no UTF-8: {error}") from error


def _json(files: Files, sample: int, data: Any) -> Any:  # noqa: ANN401
    return parsed(memoryview(data), files.name(sample))
