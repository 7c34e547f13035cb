"""Rows as the bytes of shards: Parquet, lines of JSON, and tar archives.

Each writer gives one shard piece by piece, as it is read: nothing is written to a disk
before it is in the repository, and of the rows a group at most is in memory.
"""

import io
import json
from collections.abc import Iterator
from typing import Any, Final, Protocol

from ipfs_kit_py._datasets.arrow import arrow
from ipfs_kit_py._datasets.cutting import groups_of
from ipfs_kit_py._datasets.tables import Rows, Table, checked_rows, table_of
from ipfs_kit_py.errors import InvalidParameterError

# pyarrow from which pages can be cut by content.
_CUTS_BY_CONTENT: Final = 21
# Bytes of a page before it is compressed, about as many as a block has.
_PAGES: Final = {"min_chunk_size": 64 << 10, "max_chunk_size": 256 << 10}
_BLOCK: Final = 512


class Writer(Protocol):
    """What makes shards of one source, one after the other."""

    rows: int
    """Rows in the shard that was made last."""

    @property
    def has_more(self) -> bool:
        """Whether there are rows for another shard."""

    def shard(self, max_bytes: int) -> Iterator[bytes]:
        """Give a shard of about so many bytes, with one row at least."""


class _Ahead:
    """An iterator that knows whether it has more."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._has = False
        self._next: Any = None

    @property
    def has_more(self) -> bool:
        if not self._has:
            try:
                self._next = next(self._items)
            except StopIteration:
                return False
            self._has = True
        return True

    def take(self) -> Any:  # noqa: ANN401 - whatever comes
        self._has = False
        found, self._next = self._next, None
        return found


class ParquetWriter:
    """Tables as Parquet, whose pages are cut by content where pyarrow can."""

    def __init__(self, table: Table) -> None:
        if not table.schema.names:
            raise InvalidParameterError(
                "the table has no columns, and Parquet no rows without them"
            )
        self._schema = table.schema
        self._groups = _Ahead(groups_of(table))
        self.rows = 0
        self._is_first = True

    @property
    def has_more(self) -> bool:
        # A table without rows still has columns to tell of.
        return self._groups.has_more or self._is_first

    def shard(self, max_bytes: int) -> Iterator[bytes]:
        parquet = arrow("parquet")
        self._is_first, self.rows = False, 0
        sink = _Sink()
        try:
            writing = parquet.ParquetWriter(sink, self._schema, **_parquet_options())
        except (NotImplementedError, ValueError) as error:
            raise InvalidParameterError(
                f"Parquet has no columns such as these: {error}"
            ) from error
        with writing as writer:
            while self._groups.has_more and (sink.size < max_bytes or not self.rows):
                group = self._groups.take()
                self.rows += group.num_rows
                writer.write_table(group, row_group_size=max(group.num_rows, 1))
                yield from sink.pieces()
        yield from sink.pieces()


def _parquet_options() -> dict[str, Any]:
    # A dictionary that one row changes makes all pages behind that row new, and zstd does
    # without one.
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": False}
    if int(arrow().__version__.partition(".")[0]) >= _CUTS_BY_CONTENT:
        options["use_content_defined_chunking"] = dict(_PAGES)
    return options


class _Sink(io.RawIOBase):
    """What pyarrow writes into, and gives on."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - a buffer
        piece = bytes(data)
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self.size

    def pieces(self) -> Iterator[bytes]:
        found, self._pieces = self._pieces, []
        yield from found


class JsonLinesWriter:
    """Dictionaries as lines of JSON."""

    def __init__(self, source: Rows) -> None:
        self._ahead = _Ahead(checked_rows(source))
        self.rows = 0

    @property
    def has_more(self) -> bool:
        return self._ahead.has_more

    def shard(self, max_bytes: int) -> Iterator[bytes]:
        self.rows = size = 0
        while size < max_bytes and self._ahead.has_more:
            row = self._ahead.take()
            try:
                line = json.dumps(dict(row), ensure_ascii=False, allow_nan=False)
                piece = line.encode() + b"\n"
            except (TypeError, ValueError, RecursionError) as error:
                raise InvalidParameterError(f"a row is no JSON: {error}") from error
            self.rows += 1
            size += len(piece)
            yield piece


class TarWriter:
    """Bytes as members of tar archives, numbered over all of them."""

    def __init__(self, source: Rows) -> None:
        self._ahead = _Ahead(checked_rows(source))
        self._number = 0
        self.rows = 0

    @property
    def has_more(self) -> bool:
        return self._ahead.has_more

    def shard(self, max_bytes: int) -> Iterator[bytes]:
        import tarfile

        self.rows = size = 0
        while size < max_bytes and self._ahead.has_more:
            data = bytes(self._ahead.take())
            # Nothing of the time or the user: the same rows have the same CID.
            member = tarfile.TarInfo(f"{self._number:09}.bin")
            member.size = len(data)
            header = member.tobuf(tarfile.GNU_FORMAT)
            padding = bytes(-len(data) % _BLOCK)
            yield header
            yield data
            yield padding
            size += len(header) + len(data) + len(padding)
            self.rows += 1
            self._number += 1
        yield bytes(2 * _BLOCK)


def writer_of(source: Table | Rows, format_name: str | None) -> tuple[str, Writer]:
    """Give what writes a source, and the format it writes.

    Raises:
        InvalidParameterError: Such rows are not written in this format.
    """
    if isinstance(source, Rows) and source.are_bytes:
        return _only("tar", format_name, "bytes"), TarWriter(source)
    if isinstance(source, Rows) and format_name == "jsonl":
        return "jsonl", JsonLinesWriter(source)
    if isinstance(source, Rows):
        return _only("parquet", format_name, "dictionaries"), ParquetWriter(
            table_of(source)
        )
    return _only("parquet", format_name, "tables"), ParquetWriter(source)


def _only(name: str, given: str | None, kind: str) -> str:
    if given not in (None, name):
        raise InvalidParameterError(f"{kind} are written as {name}, not as {given}")
    return name
