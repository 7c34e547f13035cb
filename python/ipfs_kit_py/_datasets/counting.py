"""How many rows a file has, and of which columns.

Lines, members of archives and arrays are counted by the standard library alone. Columns,
and rows of Parquet files, are known by pyarrow.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ipfs_kit_py._datasets.arrow import arrow
from ipfs_kit_py._datasets.columns import column_of
from ipfs_kit_py._datasets.lines import spans
from ipfs_kit_py._datasets.npy import head_of, row_bytes
from ipfs_kit_py._datasets.plain_types import plain_schema
from ipfs_kit_py._datasets.separated import check_text, options_of, table_of
from ipfs_kit_py._datasets.tars import samples_of
from ipfs_kit_py.errors import InvalidParameterError, IPFSError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._native import CID
    from ipfs_kit_py._sources import ChainReader

_READ_BYTES: Final = 4 << 20
_SAMPLE_BYTES: Final = 1 << 20
# Of larger files the types of columns are not told, as that takes them into memory.
_MOST_SEPARATED_BYTES: Final = 256 << 20

Columns: TypeAlias = Mapping[str, str] | None


def count(reader: "ChainReader", cid: "CID", path: str, format_name: str) -> int:
    """Count the rows of a file.

    Raises:
        ImportError: It takes pyarrow, which is not installed.
        MalformedDataError: It is no file of this format.
    """
    if format_name == "tar":
        return sum(1 for _ in samples_of(reader, cid, path))
    if format_name == "npy":
        head = head_of(reader, cid, path)
        row_bytes(reader, cid, path, head)
        return head.rows
    try:
        return _COUNTERS[format_name](reader, cid)
    except IPFSError:
        raise
    except (ValueError, EOFError) as error:
        # Pyarrow's, json's, and those of bytes that are no text.
        raise MalformedDataError(f"{path} is no {format_name} file: {error}") from error


def columns(reader: "ChainReader", cid: "CID", path: str, format_name: str) -> Columns:
    """Say which columns a file has, and their types; `None` if nothing here knows."""
    if format_name == "npy":
        head = head_of(reader, cid, path)
        return {"array": f"{head.dtype}[{', '.join(map(str, head.shape))}]"}
    found = _COLUMNS.get(format_name)
    if found is None:
        return None
    try:
        return found(reader, cid)
    except ImportError:
        return None
    except IPFSError:
        raise
    except (ValueError, EOFError) as error:
        raise MalformedDataError(f"{path} is no {format_name} file: {error}") from error


def columns_of(schema: Any) -> dict[str, str]:  # noqa: ANN401 - pyarrow's
    """Say the types of an Arrow schema as texts."""
    return {str(it.name): str(it.type) for it in schema}


def _lines_of_text(reader: "ChainReader", cid: "CID") -> int:
    return sum(1 for _ in spans(reader.iter_file(cid), json=False))


def _lines_of_json(reader: "ChainReader", cid: "CID") -> int:
    return sum(1 for _ in spans(reader.iter_file(cid), json=True))


def _json(reader: "ChainReader", cid: "CID") -> int:
    """Count the items of an array, or of the one that an object holds."""
    value = json.loads(reader.cat(cid))
    for name in ("data", "samples"):
        if isinstance(value, dict) and isinstance(value.get(name), list):
            value = value[name]
    if not isinstance(value, list):
        raise _unlisted()
    return len(value)


def _unlisted() -> ValueError:
    return ValueError(
        "it is no array, and has none as `data` or `samples`. Of objects one a line the "
        "format is jsonl, and of files that are one row each it is files"
    )


def has_lines(head: bytes) -> bool:
    """Tell whether a file of JSON that begins so has an object a line."""
    line, _, rest = head.strip().partition(b"\n")
    try:
        value = json.loads(line)
    except ValueError:
        return False
    return isinstance(value, dict) and (
        bool(rest) or {"data", "samples"}.isdisjoint(value)
    )


def _separated(delimiter: str) -> "Callable[[ChainReader, CID], int]":
    def rows(reader: "ChainReader", cid: "CID") -> int:
        if not reader.stat(cid).size:
            raise _nameless()
        check_text(reader.iter_file(cid))
        try:
            return _rows_by_arrow(reader, cid, delimiter)
        except ImportError:
            return _rows_by_csv(reader, cid, delimiter)

    return rows


def _rows_by_arrow(reader: "ChainReader", cid: "CID", delimiter: str) -> int:
    csv = arrow("csv")
    options = options_of(delimiter)
    with _buffered(reader, cid) as file:
        names = csv.open_csv(file, **options).schema.names
    _check_different(names)
    # Types of columns are guessed from the first rows, and later ones may differ.
    convert = csv.ConvertOptions(column_types=dict.fromkeys(names, arrow().binary()))
    with _buffered(reader, cid) as file:
        read = csv.open_csv(file, **options, convert_options=convert)
        return sum(it.num_rows for it in read)


def _rows_by_csv(reader: "ChainReader", cid: "CID", delimiter: str) -> int:
    import csv

    with _buffered(reader, cid) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            found = (row for row in csv.reader(text, delimiter=delimiter) if row)
            names = next(found, None)
            if names is None:
                raise _nameless()
            _check_different(names)
            return sum(1 for _ in found)
        except csv.Error as error:
            raise ValueError(error) from error


def _nameless() -> ValueError:
    return ValueError("it is empty, and does not even name its columns")


def _check_different(names: Sequence[str]) -> None:
    """Refuse columns of one name, of which a loader could tell none from another."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"several of its columns are called {twice[0]!r}")


def _parquet(reader: "ChainReader", cid: "CID") -> int:
    with reader.open(cid) as file:
        return int(arrow("parquet").ParquetFile(file).metadata.num_rows)


def _arrow_batches(reader: "ChainReader", cid: "CID") -> Any:  # noqa: ANN401 - pyarrow's
    """Open a file or a stream of Arrow where it lies."""
    ipc = arrow("ipc")
    data = reader.cat_view(str(cid))
    try:
        return ipc.open_file(data).read_all()
    except ValueError:
        return ipc.open_stream(data).read_all()


def _arrow_rows(reader: "ChainReader", cid: "CID") -> int:
    return int(_arrow_batches(reader, cid).num_rows)


def _arrow_columns(reader: "ChainReader", cid: "CID") -> Columns:
    return columns_of(plain_schema(_arrow_batches(reader, cid).schema))


def _parquet_columns(reader: "ChainReader", cid: "CID") -> Columns:
    with reader.open(cid) as file:
        return columns_of(plain_schema(arrow("parquet").ParquetFile(file).schema_arrow))


def _separated_columns(delimiter: str) -> "Callable[[ChainReader, CID], Columns]":
    def found(reader: "ChainReader", cid: "CID") -> Columns:
        if reader.stat(cid).size > _MOST_SEPARATED_BYTES:
            return None
        return columns_of(table_of(reader.cat_view(str(cid)), delimiter).schema)

    return found


def _json_columns(reader: "ChainReader", cid: "CID") -> Columns:
    """Guess columns of the first lines, each of which is what Python makes of it.

    Raises:
        ValueError: One of them is no JSON.
    """
    head = reader.cat(cid, 0, _SAMPLE_BYTES)
    if len(head) == _SAMPLE_BYTES:
        head = head[: head.rfind(b"\n") + 1]
        if not head:
            return None
    lines = enumerate(head.split(b"\n"), 1)
    rows = [_line(number, line) for number, line in lines if line.strip()]
    if not all(isinstance(it, dict) for it in rows):
        return None
    names = dict.fromkeys(name for row in rows for name in row)
    try:
        return {
            name: str(column_of(name, [row.get(name) for row in rows]).type)
            for name in names
        }
    except InvalidParameterError:
        # Lines may differ as they like: nothing but a table needs columns of one type.
        return None


def _line(number: int, line: bytes) -> Any:  # noqa: ANN401 - whatever is in it
    try:
        return json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number:,} is no JSON: {error}") from error


def _buffered(reader: "ChainReader", cid: "CID") -> io.BufferedReader:
    return reader.open(cid, buffer_bytes=_READ_BYTES)


_COUNTERS: Final[Mapping[str, "Callable[[ChainReader, CID], int]"]] = {
    "parquet": _parquet,
    "arrow": _arrow_rows,
    "jsonl": _lines_of_json,
    "json": _json,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "text": _lines_of_text,
}
_COLUMNS: Final[Mapping[str, "Callable[[ChainReader, CID], Columns]"]] = {
    "parquet": _parquet_columns,
    "arrow": _arrow_columns,
    "jsonl": _json_columns,
    "csv": _separated_columns(","),
    "tsv": _separated_columns("\t"),
}
