"""`ipfs-kit dataset`: what it prints, what it makes, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import DatasetManager

PROGRAM = Path(sys.executable).with_name("ipfs-kit")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IPFS_KIT_IPFS_PATH", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets" / "train").mkdir(parents=True)
    (tmp_path / "pets" / "train" / "1.jpg").write_bytes(b"1")
    return tmp_path


def run(*arguments: object, code: int = 0) -> str:
    done = subprocess.run(
        [str(PROGRAM), "dataset", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 or done.stdout else done.stderr


def run_json(*arguments: object, code: int = 0) -> list[dict[str, Any]]:
    lines = run(*arguments, "--json", code=code).splitlines()
    return [json.loads(line) for line in lines]


def test_a_dataset_goes_in_and_comes_out(folder: Path) -> None:
    cid = run("add", "pets", "-q").strip()
    assert run("add", "pets") == f"unchanged {cid} pets@1\n"
    (folder / "pets" / "train" / "2.jpg").write_bytes(b"22")
    [added] = run_json("add", "pets", "--licence", "MIT", "--metadata", "from=zoo")
    assert (added["version"], added["licence"]) == ("2", "MIT")
    assert added["metadata"] == {"from": "zoo"}
    assert added["parents"] == [cid]
    assert run("ls") == f"{added['cid']} pets@2 files: 2 rows in 2 files, 3 B\n"
    assert run("ls", "-q") == "pets\n"
    assert [it["version"] for it in run_json("ls", "pets")] == ["1", "2"]
    assert run("diff", "pets") == "+ train/2.jpg\n"
    assert run("diff", "pets", "2", "1") == "- train/2.jpg\n"
    [difference] = run_json("diff", "pets")
    assert difference["rows"] == {"train": 1}
    assert run("get", "pets@1", "-o", "out") == "Saving dataset to out\n"
    assert [it.name for it in (folder / "out" / "train").iterdir()] == ["1.jpg"]
    assert run("get", added["cid"], "-q") == f"{folder / added['cid']}\n"
    assert "ok: " in run("verify", "pets@1")


def test_all_is_told_of_a_version(folder: Path) -> None:
    (folder / "t.csv").write_text("a,b\n1,x\n")
    run("add", "t.csv", "tables@first", "--split", "all", "--metadata", "a=b=c")
    text = run("info", "tables@first")
    for line in ("tables@first", "  split all: 1 rows, 8 B", "  column a: int64"):
        assert line in text.splitlines()
    [told] = run_json("info", "tables")
    assert told["metadata"] == {"a": "b=c"}
    assert told["schema"] == {"a": "int64", "b": "string"}
    with Repository(os.environ["IPFS_KIT_IPFS_PATH"]) as repository:
        info = DatasetManager(repository).info("tables")
        metadata = {"link": repository.add(b"x").cid, "data": b"\xff"}
        assert told == {key: info[key] for key in told}
        DatasetManager(repository).update("tables", "t.csv", metadata=metadata)
    assert run_json("info", "tables")[0]["metadata"] == {
        "link": {"/": str(metadata["link"])},
        "data": {"/": {"bytes": "/w"}},
    }


def test_what_goes_wrong_is_one_line_and_a_code(folder: Path) -> None:
    run("ls", code=1)
    assert run("add", "none", code=1) == "Error: none: No such file or directory\n"
    run("add", "pets", "--metadata", "x", code=2)
    run("add", code=2)
    run("add", "pets")
    assert run("info", "cats", code=1) == "Error: there is no dataset 'cats' here\n"
    assert "no version '9'" in run("get", "pets@9", code=1)
    assert run("get", "pets", code=1) == "Error: pets: File exists\n"
    run("diff", "pets", "1", "2", "3", code=2)
    (folder / "bad.parquet").write_bytes(b"no")
    assert "bad.parquet is no parquet file" in run("add", "bad.parquet", code=1)
    assert "another" in run("add", "pets", "pets@2", "--version", "3", code=2)
    assert run_json("add", "pets", "--version", "3")[0]["version"] == "3"


def test_a_library_that_is_not_there_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pyarrow.py").write_text("raise ImportError('not here')")
    (folder / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    error = run("add", "a.parquet", code=1)
    assert error.startswith("Error: ")
    assert "pip install 'ipfs-kit-py[arrow]'" in error


def test_a_version_that_is_broken_ends_with_code_1(folder: Path) -> None:
    (folder / "pets" / "train" / "2.jpg").write_bytes(os.urandom(20_000))
    run("add", "pets")
    data = (folder / "pets" / "train" / "2.jpg").read_bytes()
    for pack in (folder / "store").rglob("*"):
        if pack.is_file() and (at := (content := pack.read_bytes()).find(data)) >= 0:
            pack.write_bytes(content[:at] + b"x" * len(data) + content[at + len(data) :])
    [found] = run_json("verify", "pets", code=1)
    assert not found["is_whole"]
    assert len(found["missing"]) + len(found["damaged"]) == 1


def test_a_dataset_is_forgotten(folder: Path) -> None:
    run("add", "pets")
    run("add", folder / "pets", "pets@two")
    assert run("rm", "pets@1") == "removed pets@1\n"
    assert run("rm", "pets", "-q") == "pets@two\n"
    assert run("ls") == ""
