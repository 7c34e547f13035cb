"""Rows, formats and splits: counted and found as by whoever reads the files."""

import csv
import io
import json
import sys
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_kit_py import Repository
from ipfs_kit_py._datasets.counting import columns, count, has_lines
from ipfs_kit_py._datasets.formats import detect, named
from ipfs_kit_py._datasets.lines import spans
from ipfs_kit_py._datasets.splits import divide, folders_of, split_named
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

ALPHABET = st.sampled_from([b"\n", b" ", b"\r", b"\t", b"x", b"yy"])
PIECES = st.lists(st.lists(ALPHABET, max_size=6).map(b"".join), max_size=8)


@given(PIECES)
def test_lines_are_those_that_are_not_empty(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    found = [whole[start:stop] for start, stop in spans(pieces, json=False)]
    assert found == [line for line in whole.split(b"\n") if line.strip(b"\r")]
    found = [whole[start:stop] for start, stop in spans(pieces, json=True)]
    assert found == [line for line in whole.split(b"\n") if line.strip()]


ROWS = st.lists(
    st.sampled_from([b'{"a": 1}', b"[2]", b" 3\r", b"", b" ", b"\t \r", b"\r", b"\r\r"])
)


@settings(max_examples=40)
@given(ROWS, st.booleans(), st.integers(1, 20))
def test_lines_are_counted_as_a_loader_finds_them(
    rows: list[bytes], ends: bool, block: int
) -> None:
    data = b"\n".join(rows) + b"\n" * ends
    lines = [line for line in data.split(b"\n") if line.strip()]
    texts = [line for line in data.split(b"\n") if line.strip(b"\r")]
    whole: dict[str, list[Any]] = {
        "jsonl": [json.loads(line) for line in lines],
        "text": [line.decode().removesuffix("\r") for line in texts],
    }
    with tempfile.TemporaryDirectory() as folder, Repository(folder) as repository:
        cid = repository.add(data, pin=False, chunker=f"size-{block}").cid
        reader: Any = repository
        for kind, samples in whole.items():
            assert count(reader, cid, "it", kind) == len(samples)
            loader = IPFSDataLoader(repository, shuffle=False)
            loader.load_dataset(cid, format=kind)
            assert [sample for batch in loader for sample in batch] == samples


CELLS = st.text(st.sampled_from('a",\n\t '), max_size=5)


def counted(repository: Repository, data: bytes, kind: str) -> int:
    cid = repository.add(data, pin=False, chunker="size-16").cid
    reader: Any = repository
    return count(reader, cid, "it", kind)


@settings(max_examples=20)
@given(st.lists(st.tuples(CELLS.map("x{}".format), CELLS), max_size=20))
def test_rows_of_csv_are_counted_with_line_ends_in_quotes(
    rows: list[tuple[str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, Repository(folder) as repository:
        for kind, delimiter in (("csv", ","), ("tsv", "\t")):
            text = io.StringIO(newline="")
            writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
            writer.writerows([("a", "b"), *rows])
            data = text.getvalue().encode()
            assert counted(repository, data, kind) == len(rows)
            with pytest.MonkeyPatch.context() as patch:
                patch.setitem(sys.modules, "pyarrow.csv", None)
                assert counted(repository, data, kind) == len(rows)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"[1, 2, 3]", 3),
        (b'[\n {"a": 1},\n {"a": 2}\n]', 2),
        (b'{"data": [1, 2], "about": 1}', 2),
        (b'{"samples": []}', 0),
        (b'{"a": 1}\n{"a": 2}\n', None),
        (b'{"a": 1}', None),
        (b"1", None),
        (b"", None),
    ],
)
def test_json_is_an_array_or_has_one(
    repository: Repository, data: bytes, rows: int | None
) -> None:
    if rows is not None:
        assert counted(repository, data, "json") == rows
        return
    with pytest.raises(MalformedDataError, match="it is no json file"):
        counted(repository, data, "json")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a": 1}\n{"a": 2}\n', True),
        (b'\n {"a": 1} ', True),
        (b'{"data": 1}\n{"data": 2}\n', True),
        (b'{"data": [1]}\n', False),
        (b'{\n "a": 1\n}\n', False),
        (b"[1]", False),
        (b"", False),
    ],
)
def test_lines_of_json_are_known_by_their_beginning(data: bytes, found: bool) -> None:
    assert has_lines(data) == found


def test_samples_of_a_tar_are_members_side_by_side_of_one_name(
    repository: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("a/1.jpg", "a/1.json", "b/1.jpg", "b/2.cls.txt", "b/2.jpg"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    assert counted(repository, path.read_bytes(), "tar") == 3


@pytest.mark.parametrize("shape", [(0,), (7,), (7, 3)])
def test_rows_of_an_array_are_its_first_dimension(
    repository: Repository, shape: tuple[int, ...]
) -> None:
    data = io.BytesIO()
    np.save(data, np.zeros(shape, "float32"))
    assert counted(repository, data.getvalue(), "npy") == shape[0]


@pytest.mark.parametrize("array", [np.zeros(()), np.zeros((2, 3), order="F")])
def test_an_array_without_rows_is_refused(
    repository: Repository, array: np.ndarray[Any, Any]
) -> None:
    data = io.BytesIO()
    np.save(data, array)
    with pytest.raises(MalformedDataError, match="no array that can be read"):
        counted(repository, data.getvalue(), "npy")


@pytest.mark.parametrize(
    ("array", "cut", "match"),
    [
        (np.zeros((7, 3)), 1, "cut off: it has 295 bytes"),
        (np.array([None, "x"]), 0, "not numbers"),
        (np.array(["x"]), 0, "not numbers"),
        (np.zeros(2, [("a", "i4")]), 0, "records"),
        (np.zeros((3, 0)), 0, "rows without bytes"),
    ],
)
def test_an_array_that_no_loader_reads_is_refused(
    repository: Repository, array: np.ndarray[Any, Any], cut: int, match: str
) -> None:
    data = io.BytesIO()
    np.save(data, array)
    whole = data.getvalue()
    with pytest.raises(MalformedDataError, match=match):
        counted(repository, whole[: len(whole) - cut], "npy")


@pytest.mark.parametrize("kind", ["parquet", "json", "tar", "npy", "csv"])
@pytest.mark.parametrize("data", [b"{]\xff", b"\x93NUMPY\x01\x00\x04\x00oops", b'a\n"\n'])
def test_what_is_no_such_file_is_an_error_or_has_rows(
    repository: Repository, kind: str, data: bytes
) -> None:
    with suppress(MalformedDataError):
        assert counted(repository, data, kind) >= 0


def test_without_pyarrow_only_what_takes_it_fails(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "pyarrow.parquet", "pyarrow.csv", "pyarrow.json"):
        monkeypatch.setitem(sys.modules, name, None)
    assert counted(repository, b'a,b\n1,"x\ny"\n', "csv") == 1
    assert counted(repository, b'{"a": 1}\n', "jsonl") == 1
    with pytest.raises(ImportError, match=r"pip install 'ipfs-kit-py\[arrow\]'"):
        counted(repository, b"PAR1", "parquet")
    reader: Any = repository
    cid = repository.add(b'{"a": 1}\n').cid
    assert columns(reader, cid, "it", "jsonl") is None


def test_columns_are_named_with_their_types(repository: Repository) -> None:
    reader: Any = repository
    lines = "".join(json.dumps({"a": it, "b": "x"}) + "\n" for it in range(3))
    cid = repository.add(lines.encode()).cid
    assert columns(reader, cid, "it", "jsonl") == {"a": "int64", "b": "string"}
    cid = repository.add(b"a,b\n1,x\n").cid
    assert columns(reader, cid, "it", "csv") == {"a": "int64", "b": "string"}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a": 1}\n{"a": "x"}\n', None),
        (b'{"a": [1]}\n{"a": {"b": 1}}\n', None),
        (b'{"a": true}\n{"a": 1.5}\n', None),
        (b'{"a": 99999999999999999999}\n', None),
        (b"[1, 2]\n3\n", None),
        (b'{"a": "2020-01-01"}\n{"a": "x"}\n', {"a": "string"}),
        (b'{"a": "2020-01-01"}\n', {"a": "string"}),
        (b'{"a": [{"b": "2020-01-01"}]}', {"a": "list<item: struct<b: string>>"}),
        (b'{"a": 1}\n\n{"a": 2.5, "b": NaN}\n', {"a": "double", "b": "double"}),
        (b'{"a": 1, "a": "x"}\n', {"a": "string"}),
        (b'\xef\xbb\xbf{"a": 1}\n', {"a": "int64"}),
        (b'{"a": "' + bytes(2 << 20).replace(b"\0", b"x") + b'"}\n', None),
        (b'{"a": 1}\n' * 200_000 + b'{"a": "x"}', {"a": "int64"}),
        (b"", {}),
    ],
)
def test_lines_of_json_have_the_columns_that_python_makes_of_them(
    repository: Repository, data: bytes, found: dict[str, str] | None
) -> None:
    reader: Any = repository
    assert columns(reader, repository.add(data).cid, "it", "jsonl") == found


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b'{"a": 1}\n\n{"a":\n', "line 3 is no JSON"),
        ('{"a": 1}\n'.encode("utf-16"), "line 1 is no JSON"),
        (b'{"a": 1}\n{"a": "\xff"}', "line 2 is no JSON"),
        (b"[" * 100_000, "line 1 is no JSON"),
    ],
)
def test_a_line_that_is_no_json_is_named(
    repository: Repository, data: bytes, match: str
) -> None:
    reader: Any = repository
    cid = repository.add(data).cid
    with pytest.raises(MalformedDataError, match=f"it is no jsonl file: {match}"):
        columns(reader, cid, "it", "jsonl")


@pytest.mark.parametrize("has_pyarrow", [True, False])
@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"a,b\n1,2\ncaf\xe9,2\n", "byte 11, in line 3"),
        ("a,b\n1,2\n".encode("utf-16"), "byte 0, in line 1"),
        (b"a,b\nx,caf\xc3", "its end, in line 2"),
        (b"a\n" * ((1 << 20) - 1) + b"\xc3\xc3", "byte 2,097,150, in line 1,048,576"),
        (b"a\n" + b"x" * ((4 << 20) - 3) + b"\xe2\x82x\n", "byte 4,194,303, in line 2"),
    ],
)
def test_separated_values_that_are_no_utf_8_are_refused(
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    match: str,
    has_pyarrow: bool,
) -> None:
    if not has_pyarrow:
        monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    with pytest.raises(MalformedDataError, match=f"it is no csv file: .*at {match}"):
        counted(repository, data, "csv")


def test_a_field_may_be_long(repository: Repository) -> None:
    data = b'a,b\n"' + b"x\n" * (3 << 20) + b'",1\n2,3\n'
    assert counted(repository, data, "csv") == 2


def test_columns_of_separated_values_are_those_of_all_rows(
    repository: Repository,
) -> None:
    reader: Any = repository
    cid = repository.add(b"\xef\xbb\xbfa,b\n" + b"1,2\n" * 1_000_000 + b"x,2.5\n").cid
    assert columns(reader, cid, "it", "csv") == {"a": "string", "b": "double"}


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a.parquet", "README.md"], "parquet"),
        (["1.jpg", "2.jpg", "metadata.csv"], "files"),
        (["1.jpg", "metadata.csv", "metadata.jsonl"], "files"),
        (["a.csv", "b.csv", "c.bin"], "csv"),
        (["a.TXT"], "text"),
        (["a.jsonl.gz"], "files"),
        (["a.tar", "b.tar", "LICENSE"], "tar"),
    ],
)
def test_a_folder_is_what_most_of_its_files_are(paths: list[str], found: str) -> None:
    assert detect(paths) == found


def test_a_format_has_other_names_and_an_unknown_one_is_refused() -> None:
    assert [named(it) for it in ("JSONLines", ".csv", "imagefolder", "webdataset")] == [
        "jsonl",
        "csv",
        "files",
        "tar",
    ]
    with pytest.raises(InvalidParameterError, match="is not one of parquet"):
        named("xls")
    with pytest.raises(InvalidParameterError, match="no files"):
        detect(["README.md"])


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a.csv", "b.csv"], {"train": ["a.csv", "b.csv"]}),
        (
            ["test.csv", "my-train-1.csv", "other.csv"],
            {"train": ["my-train-1.csv"], "test": ["test.csv"]},
        ),
        (
            ["dev/a.csv", "training/test.csv"],
            {"train": ["training/test.csv"], "validation": ["dev/a.csv"]},
        ),
        (
            ["data/random-00000-of-00002.parquet", "data/random-00001-of-00002.parquet"],
            {
                "random": [
                    "data/random-00000-of-00002.parquet",
                    "data/random-00001-of-00002.parquet",
                ]
            },
        ),
        (["latest.csv", "contrain.csv"], {"train": ["latest.csv", "contrain.csv"]}),
    ],
)
def test_shards_are_divided_as_datasets_divides_them(
    paths: list[str], found: dict[str, list[str]]
) -> None:
    divided = divide(paths)
    assert divided == found
    assert list(divided) == list(found)


@pytest.mark.parametrize(
    "paths",
    [
        ["train.csv", "test.csv", "extra.csv"],
        ["my-train-file.csv", "dev.csv"],
        ["train/a.csv", "test/b.csv", "c.csv"],
        ["data/train-00000-of-00001.parquet", "data/odd-00000-of-00001.parquet"],
        ["training.csv", "evaluation.csv", "valid1.csv"],
        ["a.csv", "trains.csv"],
    ],
)
def test_splits_are_those_of_the_library_itself(paths: list[str], tmp_path: Path) -> None:
    files = pytest.importorskip("datasets.data_files")
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    patterns = files.get_data_patterns(str(tmp_path))
    found = files.DataFilesDict.from_patterns(patterns, base_path=str(tmp_path))
    theirs = {
        str(name): sorted(Path(it).relative_to(tmp_path).as_posix() for it in each)
        for name, each in found.items()
    }
    assert divide(sorted(paths)) == theirs


def test_folders_of_files_are_splits_by_their_names() -> None:
    assert folders_of(["cat", "dog"]) == {"train": ""}
    assert folders_of(["test", "train", "more"]) == {"train": "train", "test": "test"}
    twice = folders_of(["val", "valid"])
    assert twice == {"validation": "val", "valid": "valid"}
    assert folders_of(["data/train", "data/dev"]) == {
        "train": "data/train",
        "validation": "data/dev",
    }
    assert split_named("Train") == "train"
