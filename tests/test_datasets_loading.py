"""Datasets are read by a loader, which finds the rows that were counted."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipfs_kit_py import Repository
from ipfs_kit_py._loader.opening import open_dataset
from ipfs_kit_py._ml.client import client_of
from ipfs_kit_py.ai_ml_integration import DatasetManager, IPFSDataLoader


def rows_of(repository: Repository, cid: str, split: str = "train") -> int:
    # It fails by itself where the manifest counts others.
    return len(open_dataset(cid, client_of(repository), split=split).source)


def tar_of(*names: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    return data.getvalue()


def npy_of(rows: int) -> bytes:
    data = io.BytesIO()
    np.save(data, np.arange(2 * rows).reshape(rows, 2))
    return data.getvalue()


LINES = b'{"a": 1}\n\n{"a": 2}\r\n\r\n{"a": 3}'
CASES: list[tuple[dict[str, bytes], str | None, int]] = [
    ({"a.jsonl": LINES, "b.jsonl": b""}, None, 3),
    ({"a.json": LINES}, None, 3),
    ({"a.txt": b"\n\none\r\n\r\ntwo\n \n"}, None, 3),
    ({"a.log": b"one\ntwo\n", "README.md": b"no\n"}, "text", 2),
    ({"a.csv": b'a,b\n1,"x\ny"\n\n2,z\n', "b.csv": b"a,b\n"}, None, 2),
    ({"a.csv": b'a,b\n"' + b"x\n" * (3 << 20) + b'",1\n2,3\n'}, None, 2),
    ({"a.tsv": b"a\tb\n1\tx\n"}, None, 1),
    ({"a.json": b'[{"a": 1}, {"a": 2}]'}, None, 2),
    ({"a.json": b'{"data": [1, 2, 3]}'}, None, 3),
    ({"a.json": b"[1]", "b.json": b"[2, 3]"}, None, 3),
    ({"a.tar": tar_of("1.jpg", "1.cls", "README", "2.jpg", "1.jpg")}, None, 3),
    ({"a.npy": npy_of(5), "b.npy": npy_of(2)}, None, 7),
    ({"cat/1.jpg": b"1", "dog/2.jpg": b"2", "README.md": b"pets"}, None, 2),
    ({"train/1.jpg": b"1", "test/2.jpg": b"2", "train/LICENSE": b"-"}, None, 1),
]


@pytest.mark.parametrize(("files", "kind", "rows"), CASES)
def test_a_loader_has_the_rows_that_were_counted(
    repository: Repository,
    tmp_path: Path,
    files: dict[str, bytes],
    kind: str | None,
    rows: int,
) -> None:
    for name, data in files.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(data)
    manager = DatasetManager(repository)
    added = manager.add_dataset(tmp_path / "data", "it", format=kind).raise_for_error()
    assert added["splits"]["train"] == rows
    assert rows_of(repository, added["cid"]) == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.sampled_from([b"\n", b"\r", b" ", b"x"]), max_size=12).map(b"".join))
def test_lines_are_counted_as_a_loader_divides_them(
    repository: Repository, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    manager = DatasetManager(repository)
    added = manager.add_dataset(tmp_path / "a.txt", "it", trust_stat=False)
    cid = added.raise_for_error()["cid"]
    assert rows_of(repository, cid) == added["stats"]["num_rows"]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "tar"])
def test_rows_of_an_iterator_come_in_their_order(
    repository: Repository, kind: str
) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    rows: list[Any] = [{"a": it} for it in range(500)]
    if kind == "tar":
        rows = [json.dumps(it).encode() for it in rows]
    manager = DatasetManager(repository)
    added = manager.add_dataset(iter(rows), "it", format=kind, max_shard_bytes=5000)
    loader = IPFSDataLoader(repository, batch_size=64, shuffle=False)
    told = loader.load_dataset(added.raise_for_error()["dataset_cid"])
    assert (told["success"], told["total_samples"]) == (True, 500)
    found = [row for batch in loader for row in batch]
    if kind == "jsonl":
        assert found == rows
    if kind == "tar":
        assert [bytes(it["bin"]) for it in found] == rows


def test_a_schema_tells_what_a_loader_gives(
    repository: Repository, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b'{"a": "2020-01-01"}\n')
    (folder / "b.jsonl").write_bytes(b'{"b": 1}\n')
    manager = DatasetManager(repository)
    added = manager.add_dataset(folder, "it").raise_for_error()
    assert added["schema"] == {"a": "string"}
    with IPFSDataLoader(repository) as loader:
        loader.load_dataset(added["cid"])
        assert loader[0] == {"a": "2020-01-01"}
    # The first file is now one that was there before, but not the first.
    (folder / "a.jsonl").unlink()
    assert manager.update("it", folder).raise_for_error()["schema"] == {"b": "int64"}
    (folder / "b.jsonl").write_bytes(b'{"b": 1}\n{"b": "x"}\n')
    added = manager.update("it", folder).raise_for_error()
    assert added["schema"] is None
    with IPFSDataLoader(repository) as loader:
        loader.load_dataset(added["cid"])
        assert [loader[0], loader[1]] == [{"b": 1}, {"b": "x"}]


def test_a_mark_of_utf_8_is_none_of_the_text(
    repository: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "it.txt"
    path.write_bytes(b"\xef\xbb\xbfone\ntwo \xef\xbb\xbf\n")
    added = DatasetManager(repository).add_dataset(path, "it").raise_for_error()
    with IPFSDataLoader(repository) as loader:
        loader.load_dataset(added["cid"])
        assert [loader[0], loader[1]] == ["one", "two \ufeff"]
