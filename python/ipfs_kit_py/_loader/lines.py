"""Samples that are lines of files: text, or JSON one a line."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._datasets.lines import spans
from ipfs_kit_py._loader.documents import parsed
from ipfs_kit_py._loader.files import LOOKED_AT, Files
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
    firsts = [
        (str(shards[file_of[at]][1]), starts[at], ends[at] - starts[at])
        for at in range(min(len(samples), LOOKED_AT))
    ]
    rows = _columns(reader, firsts, names) if json else ()
    return Files(
        cid,
        reader,
        samples,
        names=names,
        decode=_json if json else _text,
        columns=("index",),
        rows=rows,
    )


def _columns(
    reader: "Reading", firsts: Sequence[tuple[str, int, int]], names: Sequence[str]
) -> tuple[str, ...]:
    """Give what the first line has that can be read; if none can, this is no JSON."""
    wrong: MalformedDataError | None = None
    for place, name in zip(firsts, names, strict=False):
        try:
            row = parsed(reader.cat(*place), name)
        except MalformedDataError as error:
            wrong = wrong or error
        else:
            return tuple(row) if isinstance(row, dict) else ()
    if wrong is not None:
        raise wrong
    return ()


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
        # A file, or one of those that were put together, may begin with a mark of it.
        return str(memoryview(data), "utf-8-sig").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise MalformedDataError(f"{files.name(sample)} is no UTF-8: {error}") from error


def _json(files: Files, sample: int, data: Any) -> Any:  # noqa: ANN401
    return parsed(memoryview(data), files.name(sample))
