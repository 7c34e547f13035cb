"""Rows that are no files yet: tables of any library, and iterators."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from ipfs_kit_py._datasets.arrow import arrow
from ipfs_kit_py._datasets.columns import column_of
from ipfs_kit_py._datasets.plain_types import plain_schema, plain_table
from ipfs_kit_py.errors import InvalidParameterError

# Rows that become a table together; those of which the columns are guessed.
_ROWS_AT_ONCE: Final = 1000
_FIRST_ROWS: Final = 10_000
# Rows whose images or sounds are read from their files together: each may be large.
_FILES_AT_ONCE: Final = 16
_BYTES: Final = (bytes, bytearray, memoryview)


class Table(NamedTuple):
    """Batches of rows of known columns."""

    schema: Any
    """pyarrow's."""
    batches: Iterator[Any]
    """pyarrow's record batches, read once."""


class Rows(NamedTuple):
    """Rows one after the other: dictionaries, or bytes."""

    rows: Iterator[Any]
    are_bytes: bool


Source = Table | Rows


def is_path(source: object) -> bool:
    """Tell whether something is the path of a file or folder."""
    return isinstance(source, str | os.PathLike)


def splits_in(source: object, split: str | None, default: str) -> dict[str, object]:
    """Give the splits of what is given: one, unless there is a table of them by name.

    Args:
        source: Rows, or a table of such.
        split: What the one is called.
        default: What it is called if nothing is said.

    Raises:
        InvalidParameterError: A split is named, and there are several, or they are
            columns rather than splits.
    """
    if not isinstance(source, Mapping):
        return {split or default: source}
    if split is not None:
        raise InvalidParameterError(
            "split is for one table, and several are given by name"
        )
    if not source:
        raise InvalidParameterError("there are no splits to make a dataset of")
    for name, it in source.items():
        if _is_column(it):
            raise InvalidParameterError(
                f"a dictionary has splits by their names, and {name!r} has no rows. "
                "Those are dictionaries or bytes; of columns make a pyarrow.table"
            )
    return {str(name): it for name, it in source.items()}


def _is_column(given: object) -> bool:
    """Tell whether something is values rather than rows."""
    if isinstance(given, list | tuple):
        return bool(given) and not isinstance(given[0], (Mapping, *_BYTES))
    return hasattr(given, "__array__") and not hasattr(given, "__arrow_c_stream__")


def source_of(given: object) -> Source:
    """Give the rows of a table of any library, or of an iterator.

    Raises:
        InvalidParameterError: It is neither, has no rows to guess columns from, has two
            columns of one name, or values that Arrow has no type for.
        ImportError: It is a table, and pyarrow is not installed.
    """
    features = getattr(given, "features", None)
    if features is not None and hasattr(given, "with_format"):
        return _of_hugging_face(given, features)
    if hasattr(given, "__arrow_c_stream__"):
        _check_objects(given)
        what = f"this {type(given).__name__} is no table"
        with _refused(what):
            return _of_reader(arrow().RecordBatchReader.from_stream(given), what)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidParameterError(
            f"a {type(given).__name__} is no dataset: give a path, a table of pandas, "
            "pyarrow, polars or datasets, or an iterator of dictionaries or bytes"
        )
    return _of_iterator(iter(given))


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Say of what pyarrow, or a library that makes its tables, cannot do what it is."""
    pa = arrow()
    try:
        yield
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InvalidParameterError(
            f"{what}: {error}. A table has columns by name, each of one type"
        ) from error


def _check_objects(given: object) -> None:
    """Refuse objects of Python in polars, which gives their places in memory instead."""
    polars = sys.modules.get("polars")
    if polars is None or not isinstance(given, polars.DataFrame):
        return
    for name, kind in given.schema.items():
        if kind == polars.Object:
            raise InvalidParameterError(
                f"the column {name!r} holds objects of Python, which are no data: "
                "cast it to another type"
            )


def _of_reader(reader: Any, what: str) -> Table:  # noqa: ANN401 - pyarrow's
    counts = Counter(reader.schema.names)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise InvalidParameterError(
            f"there are several columns called {twice[0]!r}: give each a name of its own"
        )
    schema = plain_schema(reader.schema)

    def batches() -> Iterator[Any]:
        for batch in reader:
            with _refused(what):
                table = plain_table(arrow().Table.from_batches([batch]), schema)
            yield from table.to_batches()

    return Table(schema, batches())


def _of_hugging_face(given: Any, features: Any) -> Table:  # noqa: ANN401 - datasets'
    pa = arrow()
    schema = features.arrow_schema

    def batches() -> Iterator[Any]:
        for table in given.with_format("arrow").iter(batch_size=_ROWS_AT_ONCE):
            found = table if isinstance(table, pa.Table) else pa.table(table)
            for whole in _embedded(found.cast(schema), features):
                yield from whole.to_batches()

    return Table(schema, batches())


def _embedded(table: Any, features: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    """Put the bytes of images and sounds in the place of paths, which only lead here."""
    from datasets.features.features import require_storage_embed
    from datasets.table import embed_table_storage

    if not require_storage_embed(dict(features)):
        yield table
        return
    for start in range(0, table.num_rows, _FILES_AT_ONCE):
        yield embed_table_storage(table.slice(start, _FILES_AT_ONCE))


def _of_iterator(rows: Iterator[Any]) -> Rows:
    first = next(rows, None)
    if first is None:
        raise InvalidParameterError("there are no rows to make a dataset of")
    are_bytes = not isinstance(first, Mapping)
    if are_bytes:
        _checked(first, are_bytes=True)
    return Rows(chain([first], rows), are_bytes)


def checked_rows(source: Rows) -> Iterator[Any]:
    """Give rows, all of the kind of the first.

    Raises:
        InvalidParameterError: One is of another.
    """
    for row in source.rows:
        _checked(row, are_bytes=source.are_bytes)
        yield row


def _checked(row: object, *, are_bytes: bool) -> None:
    kinds = _BYTES if are_bytes else (Mapping,)
    if not isinstance(row, kinds):
        wanted = "bytes" if are_bytes else "a dictionary"
        raise InvalidParameterError(f"a row is a {type(row).__name__}, not {wanted}")


def table_of(source: Rows) -> Table:
    """Make a table of dictionaries, whose columns are those of the first 10,000 rows.

    Raises:
        InvalidParameterError: They make no table, a later row does not fit them, or a
            value would not be kept as it is.
    """
    pa = arrow()
    rows = checked_rows(source)
    some = list(islice(rows, _FIRST_ROWS))
    # Not every row need have every column.
    names = list(dict.fromkeys(name for row in some for name in row))
    for name in names:
        if not isinstance(name, str):
            raise InvalidParameterError(f"a column is called {name!r}, which is no text")
    if not names:
        raise InvalidParameterError("the rows make no table: they have no columns")
    first = pa.table(
        {name: column_of(name, [it.get(name) for it in some]) for name in names}
    )
    schema = first.schema

    def batches() -> Iterator[Any]:
        yield from first.to_batches()
        number = first.num_rows
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            yield _batch(some, schema, number)
            number += len(some)

    return Table(schema, batches())


def _batch(rows: list[Mapping[str, Any]], schema: Any, number: int) -> Any:  # noqa: ANN401 - pyarrow's
    known = set(schema.names)
    # Names alone would be passed over, and what does not fit is for the caller to know.
    for at, row in enumerate(rows, number):
        if not row.keys() <= known:
            strange = ", ".join(sorted(map(str, row.keys() - known)))
            raise InvalidParameterError(
                f"row {at:,} has columns that those before have not: {strange}. Give "
                "pyarrow's RecordBatchReader, which knows its schema"
            )
    columns = [
        column_of(it.name, [row.get(it.name) for row in rows], it.type, number)
        for it in schema
    ]
    return arrow().RecordBatch.from_arrays(columns, schema=schema)
