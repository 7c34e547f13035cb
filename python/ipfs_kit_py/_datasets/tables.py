"""Rows that are no files yet: tables of any library, and iterators."""

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from ipfs_kit_py._datasets.arrow import arrow
from ipfs_kit_py._datasets.splits import TRAIN
from ipfs_kit_py.errors import InvalidParameterError

# Rows that become a table together; those of which the columns are guessed.
_ROWS_AT_ONCE: Final = 1000
_FIRST_ROWS: Final = 10_000


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


def splits_in(source: object, split: str | None) -> dict[str, object]:
    """Give the splits of what is given: one, unless there is a table of them by name.

    Raises:
        InvalidParameterError: A split is named, and there are several.
    """
    if not isinstance(source, Mapping):
        return {split or TRAIN: source}
    if split is not None:
        raise InvalidParameterError(
            "split is for one table, and several are given by name"
        )
    if not source:
        raise InvalidParameterError("there are no splits to make a dataset of")
    return {str(name): it for name, it in source.items()}


def source_of(given: object) -> Source:
    """Give the rows of a table of any library, or of an iterator.

    Raises:
        InvalidParameterError: It is neither, or has no rows to guess columns from.
        ImportError: It is a table, and pyarrow is not installed.
    """
    features = getattr(given, "features", None)
    if features is not None and hasattr(given, "with_format"):
        return _of_hugging_face(given, features)
    if hasattr(given, "__arrow_c_stream__"):
        reader = arrow().RecordBatchReader.from_stream(given)
        return Table(reader.schema, iter(reader))
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidParameterError(
            f"a {type(given).__name__} is no dataset: give a path, a table of pandas, "
            "pyarrow, polars or datasets, or an iterator of dictionaries or bytes"
        )
    return _of_iterator(iter(given))


def _of_hugging_face(given: Any, features: Any) -> Table:  # noqa: ANN401 - datasets'
    pa = arrow()
    schema = features.arrow_schema

    def batches() -> Iterator[Any]:
        for table in given.with_format("arrow").iter(batch_size=_ROWS_AT_ONCE):
            found = table if isinstance(table, pa.Table) else pa.table(table)
            yield from found.cast(schema).to_batches()

    return Table(schema, batches())


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
    kinds = (bytes, bytearray, memoryview) if are_bytes else (Mapping,)
    if not isinstance(row, kinds):
        wanted = "bytes" if are_bytes else "a dictionary"
        raise InvalidParameterError(f"a row is a {type(row).__name__}, not {wanted}")


def table_of(source: Rows) -> Table:
    """Make a table of dictionaries, whose columns are those of the first rows.

    Raises:
        InvalidParameterError: A later row does not fit them.
    """
    pa = arrow()
    rows = checked_rows(source)
    try:
        first = pa.Table.from_pylist([dict(it) for it in islice(rows, _FIRST_ROWS)])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidParameterError(f"the rows make no table: {error}") from error
    schema = first.schema

    def batches() -> Iterator[Any]:
        yield from first.to_batches()
        number = first.num_rows
        while some := [dict(it) for it in islice(rows, _ROWS_AT_ONCE)]:
            yield _batch(some, schema, number)
            number += len(some)

    return Table(schema, batches())


def _batch(rows: list[dict[str, Any]], schema: Any, number: int) -> Any:  # noqa: ANN401 - pyarrow's
    pa = arrow()
    known = set(schema.names)
    # Names alone would be passed over, and what does not fit is for the caller to know.
    for at, row in enumerate(rows, number):
        if not row.keys() <= known:
            strange = ", ".join(sorted(map(str, row.keys() - known)))
            raise InvalidParameterError(
                f"row {at:,} has columns that those before have not: {strange}. Give "
                "pyarrow's RecordBatchReader, which knows its schema"
            )
    try:
        return pa.RecordBatch.from_pylist(rows, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidParameterError(
            f"rows {number:,} to {number + len(rows) - 1:,} do not fit those before: "
            f"{error}. Give pyarrow's RecordBatchReader, which knows its schema"
        ) from error
