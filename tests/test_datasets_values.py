"""Values of rows are kept as they are, or refused: none is changed in silence."""

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import DatasetManager, IPFSDataLoader
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

pa = pytest.importorskip("pyarrow")
np = pytest.importorskip("numpy")
pq = pytest.importorskip("pyarrow.parquet")

NOON = datetime(2020, 1, 1, 12)
AWAY = NOON.replace(tzinfo=timezone(timedelta(hours=5)))


@pytest.fixture
def manager(repository: Repository, tmp_path: Path) -> DatasetManager:
    return DatasetManager(repository, tmp_path / "copies")


def written(manager: DatasetManager, name: str) -> Any:
    folder = manager.get_dataset(name).raise_for_error()["local_path"]
    return pa.concat_tables(
        [pq.read_table(it) for it in sorted(Path(folder).rglob("*.parquet"))]
    )


def rows_of(repository: Repository, cid: str, **options: Any) -> list[Any]:
    with IPFSDataLoader(repository, shuffle=False, **options) as loader:
        loader.load_dataset(cid)
        return [loader[it] for it in range(len(loader.dataset.source))]


@pytest.mark.parametrize("first", [1, 10_000])
@pytest.mark.parametrize(
    ("value", "other"),
    [
        ({"k": 1}, [{"k": 1}]),
        ("x", b"y"),
        (b"x", "y"),
        (1, "y"),
        (1, True),
        (1.5, True),
        (1.5, (1 << 60) + 1),
        (1.5, np.int64((1 << 60) + 1)),
        (np.float32(1.5), [0.1]),
        (NOON, AWAY),
        (AWAY, NOON),
        (date(2020, 1, 1), NOON),
        (NOON, date(2020, 1, 1)),
        (time(1), time(1, tzinfo=UTC)),
        ([date(2020, 1, 1)], [NOON]),
        ({"at": NOON}, {"at": AWAY}),
        (Decimal("1.5"), 0.1),
    ],
)
def test_a_value_that_its_column_would_change_is_refused(
    manager: DatasetManager, first: int, value: object, other: object
) -> None:
    rows = [*[{"n": 1, "a": value}] * first, {"n": 2, "a": other}]
    with pytest.raises(InvalidParameterError, match=r"row [\d,]+ has .* column 'a'"):
        manager.add_dataset(iter(rows), "it").raise_for_error()
    assert manager.list_datasets()["count"] == 0


@pytest.mark.parametrize(
    ("value", "later"),
    [
        ({"k": 1}, {"k": 1, "extra": 2}),
        ([{"k": 1}], [{"k": 1, "extra": 2}]),
        (1, 2.0),
        (1, 2.5),
        (None, 3),
        ([], [3]),
        (Decimal("1.5"), Decimal("1.55")),
        (np.float32(1.5), 0.1),
    ],
)
def test_a_later_value_that_its_column_would_change_is_refused(
    manager: DatasetManager, value: object, later: object
) -> None:
    rows = [*[{"n": 1, "a": value}] * 10_500, {"n": 1, "a": later}]
    with pytest.raises(InvalidParameterError, match=r"row 10,500 has .* column 'a'"):
        manager.add_dataset(iter(rows), "it").raise_for_error()


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 2],
        [1, 2.5],
        [1.5, math.inf, -math.inf, None],
        [True, None],
        [{"k": 1, "l": [1.5]}, {"k": 2, "l": None}, None],
        [[1], [], None, [2, None]],
        [NOON, datetime.min],
        [AWAY, NOON.replace(tzinfo=UTC)],
        [Decimal("1.50"), Decimal(2), 3],
        ["a", "", "\0"],
        [b"a", bytearray(b"b"), memoryview(b"c")],
    ],
)
def test_values_that_go_together_are_kept(
    manager: DatasetManager, values: list[Any]
) -> None:
    rows = [{"a": it} for it in values]
    times = 10_500 // len(rows) + 1
    manager.add_dataset(iter(rows * times), "it").raise_for_error()
    assert written(manager, "it")["a"].to_pylist() == values * times


def test_keys_that_a_dictionary_lacks_are_nulls(manager: DatasetManager) -> None:
    rows = [{"a": {"k": 1}}, {"a": {"l": 2.5}}, {"a": {}}]
    manager.add_dataset(rows, "it").raise_for_error()
    found = written(manager, "it")["a"].to_pylist()
    assert found == [{"k": 1, "l": None}, {"k": None, "l": 2.5}, {"k": None, "l": None}]


def test_numbers_that_are_none_are_kept(manager: DatasetManager) -> None:
    rows = [{"a": math.nan, "b": [1.5, math.nan], "c": {"d": math.nan}}]
    manager.add_dataset(rows, "it").raise_for_error()
    [row] = written(manager, "it").to_pylist()
    assert math.isnan(row["a"])
    assert row["b"][0] == 1.5
    assert math.isnan(row["b"][1])
    assert math.isnan(row["c"]["d"])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.float32(0.1), "float"),
        (np.uint64((1 << 64) - 1), "uint64"),
        (np.array([0.1, 2], np.float32), "list<item: float>"),
        (np.array([1, 2], np.uint8), "list<item: uint8>"),
        (np.array([1.5], np.float16), "list<item: halffloat>"),
        ({"x": np.array([True])}, "struct<x: list<item: bool>>"),
        ([np.float32(0.1)], "list<item: float>"),
        (np.datetime64("2020-01-01T00:00:00.123456789"), "timestamp[ns]"),
    ],
)
def test_values_of_numpy_keep_their_types(
    manager: DatasetManager, value: object, kind: str
) -> None:
    pytest.importorskip("pandas")
    added = manager.add_dataset(iter([{"a": value}] * 10_001), "it").raise_for_error()
    assert added["schema"] == {"a": kind}
    column = written(manager, "it")["a"]
    assert column[0].equals(column[10_000])


def test_times_finer_than_a_column_are_refused(manager: DatasetManager) -> None:
    pd = pytest.importorskip("pandas")
    rows = [{"a": pd.Timestamp("2020-01-01 00:00:00.123456789")}]
    with pytest.raises(InvalidParameterError, match="would become"):
        manager.add_dataset(rows, "it").raise_for_error()


def of_polars() -> Any:
    pl = pytest.importorskip("polars")
    return pl.DataFrame(
        {
            "text": ["longer than what a view has in itself", None],
            "bytes": [b"longer than what a view has in itself", b""],
            "kind": pl.Series(["u", "v"], dtype=pl.Categorical),
            "one_of": pl.Series(["u", None], dtype=pl.Enum(["u", "v"])),
            "texts": [["u"], ["v", "w"]],
            "kinds": pl.Series([["u"], ["u", "v"]], dtype=pl.List(pl.Categorical)),
            "pair": pl.Series([["u"], ["v"]], dtype=pl.Array(pl.String, 1)),
            "table": [{"text": "u"}, {"text": None}],
            "at": [time(1, 2, 3, 4), None],
        }
    )


def test_frames_of_polars_are_written_and_read(
    manager: DatasetManager, repository: Repository
) -> None:
    frame = of_polars()
    added = manager.add_dataset(frame, "it").raise_for_error()
    assert written(manager, "it").to_pylist() == frame.to_dicts()
    assert rows_of(repository, added["cid"]) == frame.to_dicts()
    assert (added["schema"]["text"], added["schema"]["at"]) == (
        "large_string",
        "time64[us]",
    )


@pytest.mark.parametrize("name", ["it.parquet", "it.arrow"])
@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_files_with_views_are_read(
    manager: DatasetManager,
    repository: Repository,
    tmp_path: Path,
    name: str,
    library: str,
) -> None:
    path = tmp_path / name
    frame = of_polars()
    if library == "polars":
        (frame.write_parquet if path.suffix == ".parquet" else frame.write_ipc)(path)
    elif path.suffix == ".arrow":
        table = pa.table(frame)
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        frame = frame.drop("kind", "one_of", "kinds")
        pq.write_table(pa.table(frame), path)
    added = manager.add_dataset(path, "it").raise_for_error()
    assert rows_of(repository, added["cid"]) == frame.to_dicts()
    assert added["schema"]["at"] == "time64[us]"


def test_objects_in_polars_are_refused(manager: DatasetManager) -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"n": [1], "o": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(InvalidParameterError, match="the column 'o' holds objects"):
        manager.add_dataset(frame, "it").raise_for_error()


def test_times_finer_than_those_of_python_are_refused(manager: DatasetManager) -> None:
    table = pa.table({"a": pa.array([1001], pa.time64("ns"))})
    with pytest.raises(InvalidParameterError, match="would lose data"):
        manager.add_dataset(table, "it").raise_for_error()


def test_tensors_are_refused(
    manager: DatasetManager, repository: Repository, tmp_path: Path
) -> None:
    tensors = np.zeros((2, 2, 2), np.float32)
    table = pa.table({"a": pa.FixedShapeTensorArray.from_numpy_ndarray(tensors)})
    with pytest.raises(InvalidParameterError, match="column 'a' holds tensors"):
        manager.add_dataset(table, "it").raise_for_error()
    path = tmp_path / "it.parquet"
    pq.write_table(table, path)
    with pytest.raises(MalformedDataError, match=r"it.parquet is .*holds tensors"):
        manager.add_dataset(path, "it").raise_for_error()
    cid = repository.add(path).cid
    with (
        IPFSDataLoader(repository) as loader,
        pytest.raises(MalformedDataError, match="column 'a' holds tensors"),
    ):
        loader.load_dataset(cid, format="parquet")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([(1 << 53) + 1]), pa.array([1.5])),
        (pa.array([-1]), pa.array([(1 << 64) - 1], pa.uint64())),
    ],
)
def test_shards_whose_numbers_do_not_go_together_are_malformed(
    manager: DatasetManager, repository: Repository, tmp_path: Path, one: Any, other: Any
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, column in (("a", one), ("b", other)):
        pq.write_table(pa.table({"n": column}), folder / f"{name}.parquet")
    added = manager.add_dataset(folder, "it").raise_for_error()
    with pytest.raises(MalformedDataError, match="types"):
        rows_of(repository, added["cid"])


def test_a_column_is_named_once(repository: Repository) -> None:
    with pytest.raises(InvalidParameterError, match="name twice"):
        IPFSDataLoader(repository, columns=["a", "b", "a"])
