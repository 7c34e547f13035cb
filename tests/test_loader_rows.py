"""Rows and columns of each format: what is asked for is what stands in the data."""

import importlib
import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.ml import ARRAYS

from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import DatasetManager, IPFSDataLoader
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

Folder = Callable[..., str]
ROWS = [
    {"label": n + 5, "data": f"d{n}", "path": f"p{n}", "cid": n, "index": n * 7}
    for n in range(4)
]


@pytest.fixture
def add(repository: Repository, tmp_path: Path) -> Folder:
    """Add a folder of files, each given by its path."""
    made: list[int] = []

    def add(files: Mapping[str, str | bytes]) -> str:
        folder = tmp_path / f"folder{len(made)}"
        made.append(0)
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            raw = data.encode() if isinstance(data, str) else data
            (folder / name).write_bytes(raw)
        return str(repository.add(folder).cid)

    return add


def loaded(repository: Repository, cid: str, **options: Any) -> IPFSDataLoader:
    given = {"batch_size": 100, "shuffle": False, **options}
    loader = IPFSDataLoader(repository, **given)
    loader.load_dataset(cid)
    return loader


def batch_of(repository: Repository, cid: str, **options: Any) -> Any:
    return next(iter(loaded(repository, cid, **options)))


def tar_of(members: Mapping[str, bytes], path: Path) -> bytes:
    import tarfile

    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            (path.parent / "member").write_bytes(data)
            tar.add(path.parent / "member", name)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["jsonl", "document", "mixture"])
def test_columns_of_rows_are_theirs_whatever_they_are_called(
    repository: Repository, add: Folder, kind: str
) -> None:
    names = [*ROWS[0]]
    if kind == "document":
        cids = [str(repository.dag_put(row)) for row in ROWS]
        cid = str(repository.dag_put({"samples": cids}))
    else:
        cid = add({"a.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS)})
    loader = IPFSDataLoader(repository, batch_size=8, shuffle=False, columns=names)
    if kind == "mixture":
        loader.load_mixture([cid, cid])
    else:
        loader.load_dataset(cid)
    times = 2 if kind == "mixture" else 1
    expected = {name: [row[name] for row in ROWS] * times for name in names}
    assert next(iter(loader)) == expected


def test_members_of_tars_are_theirs_whatever_they_are_called(
    repository: Repository, add: Folder, tmp_path: Path
) -> None:
    members = {f"{n}.{name}": b"%d" % (n + 5) for n in range(3) for name in ROWS[0]}
    cid = add({"a.tar": tar_of(members, tmp_path / "a.tar")})
    found = batch_of(repository, cid, columns=[*ROWS[0]])
    assert found["index"] == [5, 6, 7]
    for name in ("label", "data", "path", "cid"):
        assert [bytes(one) for one in found[name]] == [b"5", b"6", b"7"]


def test_what_rows_lack_is_numbered_still(repository: Repository, add: Folder) -> None:
    cid = add({"a.jsonl": '{"x": 1}\n{"x": 2}\n'})
    assert batch_of(repository, cid, columns=["x", "index"]) == {
        "x": [1, 2],
        "index": [0, 1],
    }
    with pytest.raises(InvalidParameterError, match="no column 'label', but x, index"):
        loaded(repository, cid, columns=["label"])
    mixed = add({"a.jsonl": '{"x": 1}\n[2]\n'})
    with pytest.raises(MalformedDataError, match="is no object, and has no column 'x'"):
        batch_of(repository, mixed, columns=["x"])


@pytest.mark.parametrize("output", ARRAYS)
def test_single_samples_are_what_they_are_in_batches(
    repository: Repository, output: Any
) -> None:
    rows = [{"x": n, "n": {"a": n, "b": 2.5}, "v": [n, n], "s": str(n)} for n in range(5)]
    loader = IPFSDataLoader(repository, output=output, shuffle=False)
    loader.load_embedded_dataset(rows)
    batch = next(iter(loader))
    assert batch["v"].shape == (5, 2)
    for number, one in enumerate([*(loader[at] for at in range(5))]):
        assert one["x"] == batch["x"][number] == number
        assert one["x"].dtype == batch["x"].dtype
        assert one["n"]["a"] == batch["n"]["a"][number]
        assert one["v"].tolist() == batch["v"][number].tolist() == [number, number]
        assert one["s"] == batch["s"][number]
    loader.load_embedded_dataset([[n, n * 10, n * 100] for n in range(8)])
    assert loader[5].tolist() == [5, 50, 500]
    assert next(iter(loader)).shape == (8, 3)
    if output == "torch":
        samples: Any = loader.to_pytorch_dataset(style="map")
        assert [one.tolist() for one in samples.__getitems__([3, 1])] == [
            [3, 30, 300],
            [1, 10, 100],
        ]


def test_labels_mean_the_same_in_each_split(
    repository: Repository, tmp_path: Path
) -> None:
    for name in ("train/cats/1", "train/dogs/2", "test/dogs/3"):
        path = tmp_path / "pets" / f"{name}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    manager = DatasetManager(repository)
    cid = manager.add_dataset(tmp_path / "pets", "pets")["cid"]
    labels: dict[str, int] = {}
    for split in ("train", "test"):
        loader = IPFSDataLoader(repository, shuffle=False, columns=["path", "label"])
        loader.load_dataset(cid, split=split)
        assert loader.classes == ("cats", "dogs")
        batch = next(iter(loader))
        labels |= dict(zip(batch["path"], batch["label"], strict=True))
    assert labels == {"cats/1.bin": 0, "dogs/2.bin": 1, "dogs/3.bin": 1}


def test_shards_of_wider_and_narrower_types_go_together(
    repository: Repository, add: Folder
) -> None:
    cid = add({"a.csv": "x,y\n1,a\n2,b\n", "b.csv": "x,y\n1.5,\n,d\n"})
    loader = loaded(repository, cid, batch_size=3)
    batches = [*loader]
    assert batches[0] == {"x": [1.0, 2.0, 1.5], "y": ["a", "b", ""]}
    assert batches[1] == {"x": [None], "y": ["d"]}
    apart = add({"a.csv": "x\n1\n", "b.csv": "x\nword\n"})
    with pytest.raises(MalformedDataError, match=r"types that do not go together.*x"):
        loaded(repository, apart)
    twice = add({"a.csv": "x,x\n1,2\n"})
    with pytest.raises(MalformedDataError, match="more than one column 'x'"):
        loaded(repository, twice)


@pytest.mark.parametrize("output", ARRAYS)
def test_columns_of_tables_make_arrays_or_say_why_not(
    repository: Repository, output: str
) -> None:
    pa = importlib.import_module("pyarrow")
    np = importlib.import_module("numpy")
    table = pa.table(
        {
            "v": [[1, 2], [3, 4]],
            "f": pa.array([[1.5], [2.5]], pa.list_(pa.float32(), 1)),
            "n": pa.array([1, None], pa.int32()),
            "s": ["a", None],
        }
    )
    cid = DatasetManager(repository).add_dataset(table, "t")["cid"]
    some = loaded(repository, cid, columns=["v", "f", "s"], output=output)
    batch = next(iter(some))
    assert np.asarray(batch["v"]).tolist() == [[1, 2], [3, 4]]
    assert np.asarray(batch["f"]).tolist() == [[1.5], [2.5]]
    assert batch["s"] == ["a", None]
    with pytest.raises(MalformedDataError, match="column 'n' has numbers and nulls"):
        batch_of(repository, cid, columns=["n"], output=output)
    assert batch_of(repository, cid, columns=["n"]) == {"n": [1, None]}


def test_mixtures_keep_columns_and_types(repository: Repository, add: Folder) -> None:
    pa = importlib.import_module("pyarrow")
    one = add({"x/a.bin": b"1", "y/b.bin": b"2"})
    two = add({"y/c.bin": b"3"})
    loader = IPFSDataLoader(
        repository, shuffle=False, columns=["path", "data", "label", "index"]
    )
    loader.load_mixture([one, two])
    batch = next(iter(loader))
    assert batch["path"] == ["x/a.bin", "y/b.bin", "y/c.bin"]
    assert [bytes(data) for data in batch["data"]] == [b"1", b"2", b"3"]
    narrow = {"x": pa.array([1, 2], pa.int32()), "y": pa.array([1, 2], pa.float32())}
    tables = DatasetManager(repository).add_dataset(pa.table(narrow), "t")["cid"]
    for columns in (None, ["x", "y"]):
        loader = IPFSDataLoader(
            repository, shuffle=False, columns=columns, output="numpy"
        )
        loader.load_mixture([tables, tables])
        batch = next(iter(loader))
        assert {str(batch["x"].dtype), str(batch["y"].dtype)} == {"int32", "float32"}
        loader = IPFSDataLoader(repository, shuffle=False, columns=columns)
        loader.load_mixture([tables])
        batch = next(iter(loader))
        first = batch["x"][0] if columns else batch[0]["x"]
        assert type(first) is int


def test_mixtures_that_cannot_be_are_refused_at_once(
    repository: Repository, add: Folder
) -> None:
    np = importlib.import_module("numpy")
    some, none = add({"a.txt": "one\n"}), add({"a.txt": ""})
    loader = IPFSDataLoader(repository)
    with pytest.raises(InvalidParameterError, match="has no samples"):
        loader.load_mixture([some, none], [1, 1])
    with pytest.raises(InvalidParameterError, match="finite number more than 0"):
        loader.load_mixture([some, some], [1, -1])
    loader.load_mixture([some, some], np.array([1, 3], np.float32))
    assert json.loads(json.dumps(loader.state_dict())) == loader.state_dict()


def test_a_state_of_other_files_of_a_folder_is_refused(
    repository: Repository, add: Folder
) -> None:
    cid = add({f"{'ab'[n % 2]}/{n}.bin": b"%d" % n for n in range(20)})

    def of(**which: str) -> IPFSDataLoader:
        loader = IPFSDataLoader(repository, batch_size=3)
        loader.load_dataset(cid, **which)
        return loader

    one = of(pattern="a/*")
    next(iter(one))
    state = json.loads(json.dumps(one.state_dict()))
    of(pattern="a/*").load_state_dict(state)
    for which in ({"pattern": "b/*"}, {}, {"pattern": "a/*", "format": "files"}):
        with pytest.raises(InvalidParameterError, match="another order: part was"):
            of(**which).load_state_dict(state)


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("document", {"format": "parquet"}),
        ("document", {"pattern": "*.zip"}),
        ("file", {"pattern": "*.zip"}),
        ("manifest", {"format": "jsonl"}),
    ],
)
def test_what_would_not_matter_is_refused(
    repository: Repository, add: Folder, what: str, given: dict[str, str]
) -> None:
    folder = add({"a.jsonl": '{"x": 1}\n'})
    cids = {
        "document": str(repository.dag_put({"data": [1, 2]})),
        "file": f"{folder}/a.jsonl",
        "manifest": DatasetManager(repository).add_dataset([{"x": 1}], "t")["cid"],
    }
    with pytest.raises(InvalidParameterError):
        IPFSDataLoader(repository).load_dataset(cids[what], **given)
    IPFSDataLoader(repository).load_dataset(cids[what])


def test_shards_that_none_is_like_are_none(repository: Repository) -> None:
    cid = DatasetManager(repository).add_dataset([{"x": 1}], "t")["cid"]
    with pytest.raises(MalformedDataError, match=r"no shards like \*\.zip"):
        IPFSDataLoader(repository).load_dataset(cid, pattern="*.zip")


def test_one_line_without_a_name_is_one_row(repository: Repository) -> None:
    cid = str(repository.add(b'{"x": 1}\n').cid)
    assert batch_of(repository, cid) == [{"x": 1}]


def test_blank_lines_are_no_rows(repository: Repository, add: Folder) -> None:
    cid = add({"a.jsonl": '{"x": 1}\n  \n\t\r\n\n{"x": 2}\n'})
    assert batch_of(repository, cid, columns=["x"]) == {"x": [1, 2]}
    text = add({"a.txt": "one\n  \ntwo\n"})
    assert batch_of(repository, text) == ["one", "  ", "two"]


def test_numbers_of_numpy_are_numbers(repository: Repository, add: Folder) -> None:
    np = importlib.import_module("numpy")
    cid = add({"a.txt": "one\ntwo\nthree\n"})
    names = ("batch_size", "seed", "rank", "shuffle_block", "shuffle_window")
    numbers = {name: np.int64(name not in ("seed", "rank")) for name in names}
    loader = IPFSDataLoader(repository, world_size=np.int64(1), **numbers)
    loader.load_dataset(cid)
    loader.set_epoch(np.int64(3))
    next(iter(loader))
    assert json.loads(json.dumps(loader.state_dict())) == loader.state_dict()
    assert len(loader.samples(np.array([-1, 0]))) == 2
    with pytest.raises(IndexError, match="no sample 5 of 3"):
        loader.samples([5])


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 1.5},
        {"batch_size": "3"},
        {"seed": 1.5},
        {"seed": 1 << 64},
        {"rank": "0", "world_size": 1},
        {"shuffle_block": -1},
        {"shuffle_window": 0},
        {"columns": "label"},
        {"columns": 3},
        {"columns": [1]},
        {"columns": []},
        {"columns": ["a", "a"]},
        {"bucket_window": -1},
        {"retries": 1.5},
        {"retries": None},
        *({"threads": given} for given in (0, -1, 1.5, "2", 1 << 40)),
        *({"decode_threads": given} for given in (-1, 1.5, "2", 1 << 40)),
        *({"prefetch": given} for given in (-1, 1.5, "2", None, 1 << 70)),
        *({"ahead_bytes": given} for given in (0, -1, 1.5, "1", 1 << 70)),
        {"batch_size": 1 << 70},
        {"decode": 3},
        {"collate": "sum"},
        {"metrics": 3},
        {"whole": "yes"},
        {"shuffle": "yes"},
        {"drop_last": "no"},
        {"pad_last": 2},
        {"on_error": ["skip"]},
        {"output": ["numpy"]},
        {"pin_memory": "x", "output": "torch"},
        {"shape": 6, "dtype": "uint8", "output": "numpy"},
        {"shape": (-1, 2), "dtype": "uint8", "output": "numpy"},
        {"shape": (0,), "dtype": "uint8", "output": "numpy"},
    ],
)
def test_arguments_that_cannot_be_are_refused(
    repository: Repository, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidParameterError):
        IPFSDataLoader(repository, **wrong)


def test_epochs_that_cannot_be_are_refused(repository: Repository) -> None:
    loader = IPFSDataLoader(repository)
    for epoch in (-1, 1 << 64, 1.0):
        with pytest.raises(InvalidParameterError):
            loader.set_epoch(epoch)  # type: ignore[arg-type]


def test_files_of_no_bytes_have_no_shape(repository: Repository, add: Folder) -> None:
    cid = add({"a.bin": b""})
    with pytest.raises(MalformedDataError, match="a sample has 0 bytes"):
        batch_of(repository, cid, dtype="uint8", shape=(1,), output="numpy")


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
@pytest.mark.parametrize("output", ARRAYS)
def test_rows_of_arrays_of_any_shape(
    repository: Repository, add: Folder, shape: tuple[int, ...], output: str
) -> None:
    np = importlib.import_module("numpy")
    rows = np.arange(7 * math.prod(shape), dtype="<i4").reshape(7, *shape)
    file = io.BytesIO()
    np.save(file, rows)
    loader = loaded(repository, add({"a.npy": file.getvalue()}), output=output)
    (batch,) = loader
    assert tuple(batch.shape) == rows.shape
    assert batch.tolist() == rows.tolist() == [loader[at].tolist() for at in range(7)]
    assert {tuple(loader[at].shape) for at in range(7)} == {shape}
    assert tuple(loader.samples([]).shape) == (0, *shape)


def test_files_of_one_number(repository: Repository, add: Folder) -> None:
    np = importlib.import_module("numpy")
    cid = add({f"{n}.bin": np.int32(n).tobytes() for n in range(3)})
    options = {"output": "numpy", "dtype": "int32"}
    assert batch_of(repository, cid, shape=(), **options).tolist() == [0, 1, 2]
    assert batch_of(repository, cid, **options).tolist() == [[0], [1], [2]]
    pairs = add({"0.bin": bytes(8)})
    with pytest.raises(MalformedDataError, match="8 bytes, and int32 of shape"):
        batch_of(repository, pairs, shape=(), **options)


@pytest.mark.parametrize("output", ARRAYS)
def test_lists_of_numbers_keep_their_types(repository: Repository, output: str) -> None:
    pa = pytest.importorskip("pyarrow")
    np = pytest.importorskip("numpy")
    columns = {
        "vector": pa.array([[0.1, 2], [3, 4], [5, 6]], pa.list_(pa.float32())),
        "bytes": pa.array([[1, 255], [3, 4], [5, 6]], pa.large_list(pa.uint8())),
        "pair": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float16(), 2)),
        "square": pa.array([[[1, 2], [3, 4]]] * 3, pa.list_(pa.list_(pa.int16(), 2))),
        "none": pa.array([[], [], []], pa.list_(pa.int32())),
    }
    manager = DatasetManager(repository)
    cid = manager.add_dataset(pa.table(columns), "it").raise_for_error()["cid"]
    kinds = dict(
        zip(columns, ("float32", "uint8", "float16", "int16", "int32"), strict=True)
    )
    for options in ({}, {"columns": list(columns)}):
        loader = loaded(repository, cid, output=output, batch_size=2, **options)
        batches = list(loader)
        for name, kind in kinds.items():
            wanted = np.array(columns[name].to_pylist(), kind)
            found = np.concatenate([np.asarray(it[name]) for it in batches])
            assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
            assert (found == wanted).all()
            one = np.asarray(loader[1][name])
            assert one.dtype == wanted.dtype
            assert (one == wanted[1]).all()
    rows = loaded(repository, cid)
    assert rows[0]["bytes"] == [1, 255]
    assert batch_of(repository, cid)["square"] == columns["square"].to_pylist()


def test_lists_that_make_no_array_are_refused_as_before(repository: Repository) -> None:
    pa = pytest.importorskip("pyarrow")
    manager = DatasetManager(repository)
    for name, values in (("ragged", [[1], [2, 3]]), ("null", [[1, None], [2, 3]])):
        table = pa.table({"a": pa.array(values, pa.list_(pa.int8()))})
        cid = manager.add_dataset(table, name).raise_for_error()["cid"]
        assert batch_of(repository, cid)["a"] == values
        if name == "ragged":
            with pytest.raises(MalformedDataError, match="make no array"):
                batch_of(repository, cid, output="numpy")
