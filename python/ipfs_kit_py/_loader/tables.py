"""Samples that are rows of tables: Parquet, Arrow, CSV.

Rows are read in groups, as they are stored, and a group stays decoded while rows of it
are still to come.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ipfs_kit_py._datasets.plain_types import plain_schema, plain_table
from ipfs_kit_py._datasets.separated import table_of
from ipfs_kit_py._loader.source import Ahead, Part, Trouble
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidParameterError, IPFSError, MalformedDataError

if TYPE_CHECKING:
    import pyarrow as pa

    from ipfs_kit_py._repository.reading import Reading

# Decoded groups may take so many times the bytes that are read ahead: the rows of a
# window are wanted until its end.
_DECODED_TIMES = 4


class _Group(NamedTuple):
    """Rows that are stored together."""

    rows: int
    bytes: int
    load: "Callable[[list[str] | None], pa.Table]"
    name: str


class Tables:
    """Rows of tables.

    Args:
        cid: What decides their order.
        groups: In their order.
        schema: What columns there are.
    """

    sizes = None

    def __init__(self, cid: CID, groups: Sequence[_Group], schema: "pa.Schema") -> None:
        """Keep all this."""
        self.cid, self._groups, self.schema = cid, groups, schema
        ends, end = [], 0
        for group in groups:
            end += group.rows
            ends.append(end)
        self.groups: list[int] = ends
        self.columns: tuple[str, ...] = tuple(schema.names)
        self.wanted: list[str] | None = None
        """Columns to read; all if not said."""

    def __len__(self) -> int:
        """Count the rows."""
        return self.groups[-1] if self.groups else 0

    def column(self, name: str, samples: "memoryview[int]", part: Part) -> Sequence[Any]:
        """Give a column."""
        del samples
        columns: Any = part.values
        if name not in self.columns:
            raise InvalidParameterError(
                f"there is no column {name!r}, but {', '.join(self.columns)}"
            )
        found: Sequence[Any] = columns[name]
        return found

    def name(self, sample: int) -> str:
        """Say which row it is."""
        from bisect import bisect_right

        at = bisect_right(self.groups, sample)
        first = self.groups[at - 1] if at else 0
        return f"row {sample - first} of {self._groups[at].name}"

    def reading(self, ahead: Ahead) -> "_Reading":
        """Begin to read."""
        return _Reading(self._groups, self.groups, self.wanted, self.schema, ahead)


class _Reading:
    """Groups on their way."""

    def __init__(
        self,
        groups: Sequence[_Group],
        ends: list[int],
        wanted: list[str] | None,
        schema: "pa.Schema",
        ahead: Ahead,
    ) -> None:
        self._groups, self._ends, self._wanted = groups, ends, wanted
        names = schema.names if wanted is None else wanted
        self._nothing = schema.empty_table().select(names)
        self._schema = self._nothing.schema
        self._most = ahead.bytes * _DECODED_TIMES
        self._pool = ThreadPoolExecutor(ahead.threads or 1, "ipfs-kit-loader")
        self._asked: deque[tuple[memoryview[int], list[int]]] = deque()
        # Groups that were begun, those used last standing last.
        self._held: OrderedDict[int, Future[pa.Table]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, samples: "memoryview[int]") -> None:
        from bisect import bisect_right

        groups = [bisect_right(self._ends, sample) for sample in samples]
        self._asked.append((samples, groups))
        for group in dict.fromkeys(groups):
            if self._has_room(group):
                self._begin(group)

    def _has_room(self, group: int) -> bool:
        if group in self._held:
            return True
        held = sum(self._groups[at].bytes for at in self._held)
        return held + self._groups[group].bytes <= self._most

    def _begin(self, group: int) -> "Future[pa.Table]":
        found = self._held.get(group)
        if found is None:
            found = self._held[group] = self._pool.submit(self._load, group)
        self._held.move_to_end(group)
        return found

    def _load(self, group: int) -> "pa.Table":
        """Read a group; shards may say the same in types of other widths."""
        import pyarrow as pa

        it = self._groups[group]
        try:
            table = it.load(self._wanted).select(self._schema.names)
            return plain_table(table, self._schema)
        except pa.ArrowException as error:
            raise MalformedDataError(
                f"{it.name} cannot be read, or has values that the types of all shards "
                f"have not: {error}"
            ) from error

    def take(self) -> Part:
        samples, groups = self._asked.popleft()
        wanted = list(dict.fromkeys(groups))
        tables, bases, base = [], {}, 0
        trouble: Trouble = []
        for group in wanted:
            # What nobody needs for longest makes room.
            while len(self._held) > 1 and not self._has_room(group):
                self._held.popitem(last=False)
            try:
                table = self._begin(group).result()
            except (IPFSError, OSError) as error:
                self._held.pop(group, None)
                trouble += [(at, error) for at, one in enumerate(groups) if one == group]
                continue
            first = self._ends[group - 1] if group else 0
            bases[group] = base - first
            base += table.num_rows
            tables.append(table)
        return Part(_rows(samples, groups, tables or [self._nothing], bases), trouble)

    def close(self) -> None:
        self._asked.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._held.clear()


def _rows(
    samples: "memoryview[int]",
    groups: list[int],
    tables: "list[pa.Table]",
    bases: dict[int, int],
) -> Any:  # noqa: ANN401 - a table, of which columns are taken
    import pyarrow as pa

    both = zip(samples, groups, strict=True)
    # Of what could not be read there is an empty row.
    places = [sample + bases[at] if at in bases else None for sample, at in both]
    return pa.concat_tables(tables).take(pa.array(places, pa.int64()))


def plain_column(values: Any, *, with_arrays: bool = False) -> Sequence[Any]:  # noqa: ANN401
    """Give a column of a table as an array if it holds numbers, and as a list if not.

    Args:
        values: The column.
        with_arrays: Give lists of numbers that are of one length as an array, too.
    """
    kind = getattr(values, "type", None)
    if kind is None:
        return cast("Sequence[Any]", values)
    may_be = with_arrays or _is_numeric(kind)
    array = _array_of(values.combine_chunks()) if may_be else None
    return cast("Sequence[Any]", values.to_pylist() if array is None else array)


def _is_numeric(kind: Any) -> bool:  # noqa: ANN401 - pyarrow's
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind))


def _array_of(values: Any) -> Any:  # noqa: ANN401 - of pyarrow, and numpy
    """Make an array of numbers, or of lists of them; `None` if there is none."""
    from pyarrow import compute, types

    kind = values.type
    if values.null_count:
        return None
    if _is_numeric(kind):
        return values.to_numpy(zero_copy_only=False)
    if not (
        types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    ):
        return None
    lengths = compute.unique(compute.list_value_length(values)).to_pylist()
    inner = _array_of(values.flatten()) if len(lengths) == 1 else None
    if inner is None:
        return None
    return inner.reshape(len(values), *lengths, *inner.shape[1:])


def source_of_tables(
    cid: CID, shards: Sequence[tuple[str, CID]], reader: "Reading", kind: str
) -> Tables:
    """Open tables of one schema.

    Args:
        cid: What decides the order.
        shards: The files: their paths and CIDs.
        reader: What reads.
        kind: `parquet`, `arrow` (a file or stream of Arrow IPC), `csv` or `tsv`.

    Raises:
        ImportError: There is no pyarrow.
        MalformedDataError: A file is none of this kind, or they have different columns.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(
            f"datasets of {kind} need pyarrow: pip install ipfs-kit-py[arrow]",
            name="pyarrow",
        ) from error

    opens = {"parquet": _parquet, "arrow": _arrow, "csv": _csv, "tsv": _tsv}
    groups: list[_Group] = []
    schemas: list[pa.Schema] = []
    for path, shard in shards:
        try:
            found, stored = opens[kind](path, shard, reader)
            own = plain_schema(stored)
        except pa.ArrowException as error:
            raise MalformedDataError(f"{path} is no {kind}: {error}") from error
        if schemas and own.names != schemas[0].names:
            raise MalformedDataError(
                f"{path} has columns {', '.join(own.names)}, and {shards[0][0]} has "
                f"{', '.join(schemas[0].names)}"
            )
        twice = [name for name in own.names if own.names.count(name) > 1]
        if twice:
            raise MalformedDataError(f"{path} has more than one column {twice[0]!r}")
        schemas.append(own.remove_metadata())
        groups += found
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise MalformedDataError(
            f"the shards of {cid} have columns of one name and of types that do not go "
            f"together: {error}"
        ) from error
    return Tables(cid, groups, schema)


def _parquet(
    path: str, shard: CID, reader: "Reading"
) -> "tuple[list[_Group], pa.Schema]":
    import pyarrow.parquet as pq

    file = pq.ParquetFile(reader.open(str(shard)), pre_buffer=True)

    def load(at: int, columns: list[str] | None) -> "pa.Table":
        # Each its own file: one is not read by two threads at once.
        own = pq.ParquetFile(reader.open(str(shard)), metadata=file.metadata)
        return own.read_row_group(at, columns).replace_schema_metadata()

    found = []
    for at in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(at)
        rows, size = group.num_rows, group.total_byte_size
        name = f"{path}, row group {at}"
        found.append(_Group(rows, size, partial(load, at), name))
    return found, file.schema_arrow


def _arrow(path: str, shard: CID, reader: "Reading") -> "tuple[list[_Group], pa.Schema]":
    import pyarrow as pa

    # Where it lies: a row of it takes no copy of the rest.
    data = pa.py_buffer(reader.cat_view(str(shard)))
    try:
        file = pa.ipc.open_file(data)
        batches = [file.get_batch(at) for at in range(file.num_record_batches)]
        schema = file.schema
    except pa.ArrowInvalid:
        stream = pa.ipc.open_stream(data)
        batches, schema = list(stream), stream.schema
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    return [_held(table, path, at) for at, table in enumerate(tables)], schema


def _held(table: "pa.Table", path: str, at: int) -> _Group:
    """A group that is at hand, and takes no memory."""
    table = table.replace_schema_metadata()

    def load(columns: list[str] | None) -> "pa.Table":
        return table if columns is None else table.select(columns)

    return _Group(table.num_rows, 0, load, f"{path}, batch {at}")


def _csv(path: str, shard: CID, reader: "Reading") -> "tuple[list[_Group], pa.Schema]":
    return _separated(path, shard, reader, ",")


def _tsv(path: str, shard: CID, reader: "Reading") -> "tuple[list[_Group], pa.Schema]":
    return _separated(path, shard, reader, "\t")


def _separated(
    path: str, shard: CID, reader: "Reading", separator: str
) -> "tuple[list[_Group], pa.Schema]":
    """Read a whole file: only that tells how many rows it has, and of what types."""
    table = table_of(reader.cat_view(str(shard)), separator)
    return [_held(table, path, 0)], table.schema
