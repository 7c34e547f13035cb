"""Tables and iterators become shards, streamed, whose versions share what is equal."""

import shutil
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.processes import run_python

from ipfs_kit_py import Repository
from ipfs_kit_py._datasets import cutting
from ipfs_kit_py._datasets.tables import source_of
from ipfs_kit_py.ai_ml_integration import DatasetManager
from ipfs_kit_py.errors import InvalidParameterError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def manager(repository: Repository, tmp_path: Path) -> DatasetManager:
    return DatasetManager(repository, tmp_path / "copies")


def table(rows: int = 1000, first: int = 0) -> Any:
    numbers = range(first, first + rows)
    return pa.table(
        {"id": numbers, "text": [f"row {it * 7919 % 100_003}" for it in numbers]}
    )


def written(manager: DatasetManager, name: str, version: str | None = None) -> Any:
    folder = manager.get_dataset(name, version).raise_for_error()["local_path"]
    return pa.concat_tables(
        [pq.read_table(it) for it in sorted(Path(folder).rglob("*.parquet"))]
    )


def test_a_table_is_written_as_parquet_and_comes_back(manager: DatasetManager) -> None:
    added = manager.add_dataset(table(), "it").raise_for_error()
    assert (added["format"], added["stats"]["num_rows"]) == ("parquet", 1000)
    assert added["schema"] == {"id": "int64", "text": "string"}
    assert written(manager, "it") == table()
    assert manager.add_dataset(table(), "it")["unchanged"]


@pytest.mark.parametrize("kind", ["reader", "batch", "pandas", "polars", "iterator"])
def test_tables_of_every_library_are_taken(manager: DatasetManager, kind: str) -> None:
    source: Any = table()
    if kind == "reader":
        source = source.to_reader(max_chunksize=10)
    elif kind == "batch":
        [source] = source.to_batches()
    elif kind == "iterator":
        source = iter(source.to_pylist())
    else:
        pytest.importorskip(kind)
        source = source.to_pandas() if kind == "pandas" else polars(source)
    added = manager.add_dataset(source, "it").raise_for_error()
    assert added["stats"]["num_rows"] == 1000
    assert written(manager, "it").to_pylist() == table().to_pylist()


def polars(source: Any) -> Any:
    import polars as pl

    return pl.from_arrow(source)


def test_a_dataset_of_hugging_face_keeps_its_splits_and_order(
    manager: DatasetManager,
) -> None:
    datasets = pytest.importorskip("datasets")
    train = datasets.Dataset(table()).shuffle(seed=1)
    both = datasets.DatasetDict(train=train, extra=datasets.Dataset(table(5)))
    added = manager.add_dataset(both, "it").raise_for_error()
    assert added["splits"] == {"train": 1000, "extra": 5}
    folder = manager.get_dataset("it")["local_path"]
    [file] = Path(folder).rglob("train-*.parquet")
    assert file.relative_to(folder).as_posix() == "data/train-00000-of-00001.parquet"
    assert pq.read_table(file)["id"].to_pylist() == train["id"][:]
    # What was written is divided as it was, by us and by the library.
    again = manager.add_dataset(folder, "again").raise_for_error()
    assert again["splits"] == {"train": 1000, "extra": 5}
    assert again["data_cid"] == added["data_cid"]
    loaded = datasets.load_dataset(folder, cache_dir=str(Path(folder).parent / "hf"))
    assert {name: len(it) for name, it in loaded.items()} == added["splits"]


@pytest.mark.parametrize("streaming", [False, True])
def test_images_of_a_folder_are_kept_themselves_and_not_their_paths(
    manager: DatasetManager, tmp_path: Path, streaming: bool
) -> None:
    datasets = pytest.importorskip("datasets")
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "pictures"
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        for it in range(20):
            image.new("RGB", (4, 4), (it, 2, 3)).save(folder / kind / f"{it:02}.png")
    given = datasets.load_dataset(
        "imagefolder",
        data_dir=str(folder),
        split="train",
        streaming=streaming,
        cache_dir=str(tmp_path / "hf"),
    )
    added = manager.add_dataset(given, "it").raise_for_error()
    shutil.rmtree(folder)
    assert added["splits"] == {"train": 40}
    rows = written(manager, "it").to_pylist()
    assert {it["image"]["path"] for it in rows} == {f"{it:02}.png" for it in range(20)}
    found = [image.open(BytesIO(it["image"]["bytes"])).getpixel((0, 0)) for it in rows]
    assert found == 2 * [(it, 2, 3) for it in range(20)]
    assert [it["label"] for it in rows] == 20 * [0] + 20 * [1]
    # The library knows of what was written that these are images.
    [file] = Path(manager.get_dataset("it")["local_path"]).rglob("*.parquet")
    again = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "hf"))
    assert again.features == given.features
    assert again[25]["image"].getpixel((0, 0)) == (5, 2, 3)


def test_an_image_that_is_gone_is_told(manager: DatasetManager, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("PIL.Image")
    features = datasets.Features({"picture": datasets.Image()})
    rows = {"picture": [str(tmp_path / "gone.png")]}
    given = datasets.Dataset.from_dict(rows, features=features)
    assert manager.add_dataset(given, "it")["not_found"]
    assert manager.list_datasets()["count"] == 0


def test_bytes_are_members_of_a_tar(manager: DatasetManager) -> None:
    import tarfile

    added = manager.add_dataset(
        (bytes([it]) * it for it in range(50)), "it", max_shard_bytes=10_000
    ).raise_for_error()
    assert (added["format"], added["stats"]["num_rows"]) == ("tar", 50)
    files = sorted(Path(manager.get_dataset("it")["local_path"]).rglob("*.tar"))
    assert len(files) == added["stats"]["num_files"] > 1
    found = []
    for file in files:
        with tarfile.open(file) as archive:
            found += [archive.extractfile(it).read() for it in archive]  # type: ignore[union-attr]
    assert found == [bytes([it]) * it for it in range(50)]
    again = manager.add_dataset(files[0].parent.parent, "again")
    assert again["stats"]["num_rows"] == 50


def test_dictionaries_are_lines_of_json_without_pyarrow(
    manager: DatasetManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"a": it, "b": None if it % 2 else "ü"} for it in range(100)]
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"ipfs-kit-py\[arrow\]"):
        manager.add_dataset(iter(rows), "it")
    added = manager.add_dataset(iter(rows), "it", format="jsonl").raise_for_error()
    assert (added["format"], added["stats"]["num_rows"]) == ("jsonl", 100)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ([], "no rows"),
        ({}, "no splits"),
        (3, "a int is no dataset"),
        (b"abc", "a bytes is no dataset"),
        ([1, 2], "a row is a int, not bytes"),
        ([{"a": 1}, b"x"], "a row is a bytes, not a dictionary"),
        ([{"a": 1}] * 10_000 + [{"b": 1}], "row 10,000 has columns .* not: b"),
        ([{"a": 1}] * 10_000 + [{"a": "x"}], "row 10,000 has 'x' .* 'a'"),
        ([{"a": 1}, {"a": "x"}], "row 1 has 'x' .* 'a'"),
        ({"a/b": [{"a": 1}]}, "no name of a split"),
        ([{}], "no columns"),
        ([{1: 2}], "a column is called 1"),
        ([{"a": 1 << 70}], "row 0 has .*does not fit there"),
        ([{"a": 1j}], "row 0 has 1j .*does not fit there"),
        ([{"a": 1}] * 10_000 + [{"a": 1 << 70}], "row 10,000 has 1180"),
        ([{"a": {}}], "Parquet has no columns such as these"),
        ({"x": [1, 2], "y": [3, 4]}, "splits by their names, and 'x' .*pyarrow.table"),
        ({"x": "ab"}, "a str is no dataset"),
        (pa.table({"a": [1]}).select([]), "the table has no columns"),
        (pa.table([[1], [2]], names=["a", "a"]), "several columns called 'a'"),
    ],
)
def test_what_is_no_table_is_refused(
    manager: DatasetManager, source: Any, match: str
) -> None:
    with pytest.raises(InvalidParameterError, match=match):
        manager.add_dataset(source, "it").raise_for_error()
    assert manager.list_datasets()["count"] == 0


def test_columns_are_those_of_all_rows_that_decide_on_them(
    manager: DatasetManager,
) -> None:
    rows: list[dict[str, int]] = [{"a": 1}, {"c": 2, "b": 3}, {}]
    rows += [{"a": 1}] * 10_000
    rows += [{"b": 4}]
    added = manager.add_dataset(rows, "it").raise_for_error()
    assert added["schema"] == {"a": "int64", "c": "int64", "b": "int64"}
    found = written(manager, "it").to_pylist()
    assert found[:3] == [{n: row.get(n) for n in "acb"} for row in rows[:3]]
    assert found[-1] == {"a": None, "c": None, "b": 4}


@pytest.mark.parametrize("kind", ["mixed", "complex", "series", "twice"])
def test_what_is_no_table_of_pandas_is_refused(
    manager: DatasetManager, kind: str
) -> None:
    pd = pytest.importorskip("pandas")
    source = {
        "mixed": lambda: pd.DataFrame({"o": [1, "a"]}),
        "complex": lambda: pd.DataFrame({"a": [1j]}),
        "series": lambda: pd.Series([1, 2]),
        "twice": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    }[kind]()
    result = manager.add_dataset(source, "it")
    assert result["error_type"] == "InvalidParameterError"
    assert "is no table: " in result["error"]


def test_what_a_format_cannot_hold_is_refused(manager: DatasetManager) -> None:
    for source, kind in ((table(), "csv"), ([b"x"], "parquet"), ([{"a": 1}], "tar")):
        with pytest.raises(InvalidParameterError, match="are written as"):
            manager.add_dataset(source, "it", format=kind).raise_for_error()
    with pytest.raises(InvalidParameterError, match="a row is no JSON"):
        manager.add_dataset([{"a": {1}}], "it", format="jsonl").raise_for_error()
    with pytest.raises(InvalidParameterError, match=r"max_shard_bytes is .* not 0"):
        manager.add_dataset([b"x"], "it", max_shard_bytes=0).raise_for_error()
    with pytest.raises(InvalidParameterError, match="several are given"):
        manager.add_dataset({"a": [b"x"]}, "it", split="b").raise_for_error()


def test_what_an_iterator_raises_comes_out(manager: DatasetManager) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        manager.add_dataset(rows(), "it")
    assert manager.list_datasets()["count"] == 0


def test_a_table_without_rows_keeps_its_columns(manager: DatasetManager) -> None:
    added = manager.add_dataset(table(0), "it").raise_for_error()
    assert added["stats"]["num_rows"] == 0
    assert written(manager, "it").schema == table(0).schema


def test_rows_put_in_cost_little_more_than_themselves(manager: DatasetManager) -> None:
    numpy = pytest.importorskip("numpy")
    random = numpy.random.default_rng(1)

    def made(rows: int) -> Any:
        return pa.table(
            {"id": random.integers(0, 1 << 40, rows), "x": random.standard_normal(rows)}
        )

    whole, more = made(2_000_000), made(20_000)
    manager.add_dataset(whole, "it").raise_for_error()
    longer = pa.concat_tables([whole.slice(0, 300_000), more, whole.slice(300_000)])
    added = manager.update("it", longer).raise_for_error()
    # Groups that end after so many rows would make a third of it new.
    assert added["new_bytes"] < 0.1 * added["stats"]["size_bytes"]
    assert written(manager, "it") == longer
    assert manager.diff("it")["rows"] == {"train": 20_000}


def test_lines_put_in_cost_little_more_than_themselves(
    manager: DatasetManager, tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    lines = [
        f'{{"id": {it}, "text": "row {it * 7919 % 100_003}"}}\n' for it in range(200_000)
    ]
    file.write_text("".join(lines))
    first = manager.add_dataset(file, "it").raise_for_error()
    file.write_text("".join([*lines[:60_000], *lines[:2000], *lines[60_000:]]))
    added = manager.update("it", file).raise_for_error()
    assert added["stats"]["num_rows"] == 202_000
    assert added["new_bytes"] < 0.1 * first["new_bytes"]


COLUMNS = {
    "i": pa.int64(),
    "f": pa.float32(),
    "b": pa.bool_(),
    "s": pa.string(),
    "l": pa.list_(pa.int8()),
    "d": pa.decimal128(10, 2),
    "t": pa.timestamp("us"),
    "x": pa.struct([("y", pa.int8())]),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_groups_are_all_rows_in_order(
    monkeypatch: pytest.MonkeyPatch, names: list[str], sizes: list[int]
) -> None:
    monkeypatch.setattr(cutting, "_MOST_ROWS", 16)
    schema = pa.schema([(name, COLUMNS[name]) for name in names])
    rows = [
        {
            "i": it * 31 % 17,
            "f": it / 3 if it % 5 else None,
            "b": it % 2 == 0,
            "s": "x" * (it % 7) if it % 3 else None,
            "l": [1] * (it % 4),
            "d": it,
            "t": it,
            "x": {"y": it % 9},
        }
        for it in range(60)
    ]
    batches = [pa.RecordBatch.from_pylist(rows[:size], schema=schema) for size in sizes]
    given_ = pa.Table.from_batches(batches, schema)
    groups = list(cutting.groups_of(source_of(given_)))  # type: ignore[arg-type]
    assert all(0 < it.num_rows <= 16 + 60 for it in groups)
    assert sum(it.num_rows for it in groups) == given_.num_rows
    if groups:
        assert pa.concat_tables(groups) == given_


STREAMER = """
import resource, sys
import pyarrow as pa
from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import DatasetManager

def batches(count):
    import os
    for _ in range(count):
        yield pa.record_batch({"x": [os.urandom(1 << 20) for _ in range(8)]})

with Repository(sys.argv[1], threads=1) as repository:
    manager = DatasetManager(repository)
    schema = pa.schema({"x": pa.binary()})
    for count in (12, 48):
        source = pa.RecordBatchReader.from_batches(schema, batches(count))
        done = manager.add_dataset(source, f"it {count}", max_shard_bytes=64 << 20)
        assert done["stats"]["num_rows"] == 8 * count
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    few, many = map(int, run_python(STREAMER, tmp_path / "store").split())
    # In KiB: 96 MiB of rows, and then 384 MiB.
    assert many - few < 100 << 10
