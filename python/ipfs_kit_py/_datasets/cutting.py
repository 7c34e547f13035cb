"""Groups of rows that begin and end by what is in the rows, not by their number.

Where rows are put in or taken out, groups of a fixed length would all move on behind
them, and be written anew at each end. These find their old ends again.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from ipfs_kit_py._datasets.arrow import arrow
from ipfs_kit_py._datasets.tables import Table

# Of rows as they are in memory.
_MOST_BYTES: Final = 64 << 20
_MOST_ROWS: Final = 1 << 20
# A row's number is made of it and of those before it, for one alone may be like many.
_ROWS_MIXED: Final = 8
_ODD: Final = 0x9E3779B97F4A7C15
_BITS: Final = (1 << 64) - 1


def groups_of(table: Table) -> Iterator[Any]:
    """Gather batches into groups, each a table that memory holds."""
    pa = arrow()
    held: list[Any] = []
    size = rows = 0
    for batch in _small(table.batches):
        held.append(batch)
        size += batch.nbytes
        rows += batch.num_rows
        while size >= _MOST_BYTES or rows >= _MOST_ROWS:
            whole = pa.Table.from_batches(held, table.schema)
            at = _end(whole)
            yield whole.slice(0, at)
            held = whole.slice(at).to_batches()
            size = sum(it.nbytes for it in held)
            rows -= at
    if rows:
        yield pa.Table.from_batches(held, table.schema)


def _small(batches: Iterator[Any]) -> Iterator[Any]:
    """Divide batches that hold much of a group by themselves."""
    for batch in batches:
        parts = max(batch.nbytes // (_MOST_BYTES // 16), batch.num_rows >> 16, 1)
        step = max(-(-batch.num_rows // parts), 1)
        for start in range(0, batch.num_rows, step):
            yield batch.slice(start, step)


def _end(table: Any) -> int:  # noqa: ANN401 - pyarrow's
    """Find the row in the second half that has the least number, and end before it."""
    start = max(table.num_rows // 2, 1)
    first = max(start - _ROWS_MIXED + 1, 0)
    numbers = _numbers(table.slice(first))
    if numbers is None:
        return int(table.num_rows)
    compute = arrow("compute")
    mixed = numbers.slice(start - first)
    for back in range(1, start - first + 1):
        before = numbers.slice(start - first - back, len(mixed))
        mixed = compute.add(mixed, compute.multiply(before, _odd(back)))
    mixed = compute.multiply(_folded(mixed), _odd(_ROWS_MIXED))
    least = compute.index(mixed, compute.min(mixed)).as_py()
    return start + int(least) if 0 <= least < len(mixed) else int(table.num_rows)


def _numbers(table: Any) -> Any:  # noqa: ANN401 - pyarrow's
    """Make a number of each row; `None` where no column gives any."""
    compute = arrow("compute")
    total = None
    for at, column in enumerate(table.columns):
        bits = _bits(column.combine_chunks())
        if bits is not None:
            bits = compute.multiply(_folded(bits), _odd(_ROWS_MIXED + 1 + at))
            total = bits if total is None else compute.add(total, bits)
    return total


def _bits(column: Any) -> Any:  # noqa: ANN401 - pyarrow's
    """Give what is in a column as numbers, or its lengths; `None` for other types."""
    pa, compute = arrow(), arrow("compute")
    types = pa.types
    kind = column.type
    if types.is_boolean(kind):
        column = compute.cast(column, pa.uint8())
    elif any(is_it(kind) for is_it in _bytes_types()):
        column = compute.binary_length(column)
    elif types.is_list(kind) or types.is_large_list(kind):
        column = compute.list_value_length(column)
    elif not types.is_primitive(kind):
        return None
    wide = {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}
    plain = wide.get(column.type.bit_width)
    if plain is None:
        return None
    unsigned = column.view(plain)
    return compute.fill_null(compute.cast(unsigned, pa.uint64()), _number(0))


def _bytes_types() -> tuple[Callable[[Any], bool], ...]:
    types = arrow().types
    return (
        types.is_string,
        types.is_large_string,
        types.is_binary,
        types.is_large_binary,
    )


def _folded(numbers: Any) -> Any:  # noqa: ANN401 - pyarrow's
    compute = arrow("compute")
    spread = compute.multiply(numbers, _number(_ODD))
    return compute.bit_wise_xor(spread, compute.shift_right(spread, _number(29)))


def _odd(power: int) -> Any:  # noqa: ANN401 - pyarrow's
    return _number(pow(_ODD, power, 1 << 64))


def _number(value: int) -> Any:  # noqa: ANN401 - pyarrow's
    pa = arrow()
    return pa.scalar(value & _BITS, pa.uint64())
