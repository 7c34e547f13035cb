"""Many ranges of many files, with one native call for each file."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from ipfs_kit_py._native import FileReader, repo_read_ranges
from ipfs_kit_py._sources import ChainReader

if TYPE_CHECKING:
    from ipfs_kit_py._repository.reading import Reading

# Bytes whose missing blocks are asked for together.
_TOGETHER_BYTES = 64 << 20
# No file has so many levels.
_MOST_LEVELS = 64


def span(start: int | None, end: int | None, size: int) -> tuple[int, int]:
    """Give a range as offsets from the start, as slices count."""
    begin, stop, _ = slice(start, end).indices(size)
    return begin, max(begin, stop)


def read_ranges(
    reader: "Reading",
    file: FileReader,
    starts: Sequence[int | None],
    ends: Sequence[int | None],
) -> list[bytes]:
    """Read ranges of a file; what is not on this machine is asked for in one go."""
    begins, stops = _offsets(file.size, starts, ends)
    if isinstance(reader, ChainReader) and reader.is_remote:
        _fetch(reader, file, sorted(zip(begins, stops, strict=True)))
    try:
        return repo_read_ranges(file, begins, stops)
    except OverflowError:
        # No file is so long: the range ends where the file does.
        spans = [span(*pair, file.size) for pair in zip(begins, stops, strict=True)]
        return repo_read_ranges(file, [s for s, _ in spans], [e for _, e in spans])


def _offsets(
    size: int, starts: Sequence[int | None], ends: Sequence[int | None]
) -> tuple[Sequence[int], Sequence[int]]:
    """Give ranges as offsets from the start."""
    begins, stops = cast("Sequence[int]", starts), cast("Sequence[int]", ends)
    try:
        # To look at each of them would take as long as to read all.
        if not begins or (min(begins) >= 0 and min(stops) >= 0):
            return begins, stops
    except TypeError:
        pass
    spans = [span(start, end, size) for start, end in zip(starts, ends, strict=True)]
    return [begin for begin, _ in spans], [stop for _, stop in spans]


def _fetch(
    reader: ChainReader, file: FileReader, ranges: Iterable[tuple[int, int]]
) -> None:
    """Have the blocks of ranges fetched side by side."""
    batch: list[tuple[int, int]] = []
    total = 0
    for start, end in ranges:
        batch.append((start, end))
        total += end - start
        if total >= _TOGETHER_BYTES:
            _fetch_batch(reader, file, batch)
            batch, total = [], 0
    _fetch_batch(reader, file, batch)


def _fetch_batch(
    reader: ChainReader, file: FileReader, ranges: list[tuple[int, int]]
) -> None:
    before: set[object] = set()
    for _ in range(_MOST_LEVELS):
        wanted = dict.fromkeys(
            cid
            for start, end in ranges
            if end > start
            for cid in file.missing(start, end - start, _TOGETHER_BYTES)
        )
        new = [cid for cid in wanted if cid not in before]
        if not new:
            return
        before.update(new)
        reader.fetch(new)
