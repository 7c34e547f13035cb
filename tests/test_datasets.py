"""`DatasetManager`: what is added comes back, and versions say what they differ in."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipfs_kit_py import CID, Repository, cid_of
from ipfs_kit_py._datasets.tree import _files_below
from ipfs_kit_py._datasets.versions import TYPE
from ipfs_kit_py._native import ipld_encode
from ipfs_kit_py.ai_ml_integration import DatasetManager
from ipfs_kit_py.errors import (
    InvalidParameterError,
    LimitExceededError,
    MalformedDataError,
    NameNotFoundError,
    PathExistsError,
    PathNotFoundError,
    ReadOnlyRepositoryError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

Tree = dict[str, bytes]


@pytest.fixture
def manager(repository: Repository, tmp_path: Path) -> Iterator[DatasetManager]:
    with DatasetManager(repository, tmp_path / "copies") as manager:
        yield manager


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write(
        tmp_path / "pets",
        {
            "train/cat/1.jpg": b"1",
            "train/dog/2.jpg": os.urandom(3 << 20),
            "test/cat/3.jpg": b"3",
            "README.md": b"pets",
        },
    )


def write(folder: Path, tree: Tree) -> Path:
    """Make a folder of these files and nothing else."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for path, data in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def read(folder: Path) -> Tree:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_folder_of_files_is_added_and_comes_back(
    manager: DatasetManager, pets: Path, tmp_path: Path
) -> None:
    added = manager.add_dataset(pets, "pets", metadata={"by": ["a", 1]}, licence="MIT")
    assert added["success"]
    assert (added["dataset_name"], added["version"], added["format"]) == (
        *("pets", "1"),
        "files",
    )
    assert added["cid"] == added["dataset_cid"] == added["manifest_cid"]
    assert added["stats"] == {
        "size_bytes": 6 + (3 << 20),
        "num_files": 4,
        "num_rows": 3,
    }
    assert added["splits"] == {"train": 2, "test": 1}
    assert added["new_bytes"] > 3 << 20
    got = manager.get_dataset("pets", output_path=tmp_path / "out")
    assert got["local_path"] == str(tmp_path / "out")
    assert got["metadata"] == {"by": ["a", 1]}
    assert read(tmp_path / "out") == read(pets)
    info = manager.info("pets")
    assert info["splits"]["train"] == {
        "rows": 2,
        "bytes": 1 + (3 << 20),
        "num_shards": 0,
        "path": "train",
    }
    assert (info["licence"], info["schema"], info["parents"]) == ("MIT", None, [])


def test_metadata_are_plain_values(manager: DatasetManager, pets: Path) -> None:
    np = pytest.importorskip("numpy")
    given = {"rows": np.int64(3), "share": [np.float32(0.5)]}
    added = manager.add_dataset(pets, "pets", metadata=given).raise_for_error()
    assert added["metadata"] == {"rows": 3, "share": [0.5]}
    wrong: list[Any] = [{"x": float("nan")}, [1], {1: 2}, {"x": object()}]
    for it in wrong:
        done = manager.update("pets", pets, metadata=it)
        assert done["error_type"] == "InvalidParameterError"
        assert "metadata" in done["error"]


def test_the_data_are_files_that_anyone_reads(
    manager: DatasetManager, repository: Repository, pets: Path
) -> None:
    added = manager.add_dataset(pets, "pets")
    assert repository.cat(f"{added['data_cid']}/train/cat/1.jpg") == b"1"
    assert repository.dag_get(f"{added['cid']}/name") == "pets"
    assert repository.cat(f"{added['cid']}/data/README.md") == b"pets"


def test_a_single_file_keeps_its_name(manager: DatasetManager, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text('a,b\n1,"x\ny"\n2,z\n')
    added = manager.add_dataset(file, "table")
    assert (added["format"], added["stats"]["num_rows"]) == ("csv", 2)
    got = manager.get_dataset("table")
    assert read(Path(got["local_path"])) == {"table.csv": file.read_bytes()}
    assert got["schema"] == {"a": "int64", "b": "string"}


def test_an_unchanged_tree_is_the_same_version(
    manager: DatasetManager, pets: Path
) -> None:
    first = manager.add_dataset(pets, "pets", metadata={"a": (1,)})
    again = manager.add_dataset(pets, "pets")
    assert again["unchanged"]
    assert (again["version"], again["cid"]) == ("1", first["cid"])
    assert again["metadata"] == {"a": [1]}
    assert again["new_bytes"] == 0
    # To have another version of it is to ask for one.
    tagged = manager.add_dataset(pets, "pets", "best")
    assert not tagged["unchanged"]
    assert tagged["data_cid"] == first["data_cid"]
    assert tagged["parents"] == [first["cid"]]
    assert manager.add_dataset(pets, "pets", "1")["cid"] == first["cid"]
    assert not manager.add_dataset(pets, "pets", licence="MIT")["unchanged"]
    assert [it["version"] for it in manager.versions("pets")["versions"]] == [
        *("1", "best", "2")
    ]


def test_a_version_never_changes(manager: DatasetManager, pets: Path) -> None:
    manager.add_dataset(pets, "pets", "a").raise_for_error()
    (pets / "train/new.jpg").write_bytes(b"new")
    result = manager.add_dataset(pets, "pets", "a")
    assert not result["success"]
    with pytest.raises(InvalidParameterError, match="versions never change"):
        result.raise_for_error()


def test_a_number_is_given_once(manager: DatasetManager, pets: Path) -> None:
    def add() -> object:
        (pets / "train/new.jpg").write_bytes(os.urandom(8))
        return manager.add_dataset(pets, "pets")["version"]

    assert [add() for _ in range(3)] == ["1", "2", "3"]
    for version in ("3", "1"):
        manager.delete("pets", version).raise_for_error()
    assert add() == "4"
    # Of a dataset that is gone nothing is left to count from.
    manager.delete("pets").raise_for_error()
    assert add() == "1"


@pytest.mark.parametrize("last", [None, 7, -1, "1"], ids=repr)
def test_the_record_of_a_name_is_checked(
    last: Any, manager: DatasetManager, pets: Path
) -> None:
    manager.add_dataset(pets, "pets").raise_for_error()
    (known,) = manager._versions("pets").all

    def change(draft: Any) -> None:
        record = {"type": TYPE, "name": "pets", "versions": [known._asdict()]}
        # Who wrote before numbers were given once has none.
        draft.names["pets"] = draft.put(record | ({} if last is None else {"last": last}))

    manager._registry.change(change)
    (pets / "train/new.jpg").write_bytes(b"new")
    result = manager.add_dataset(pets, "pets")
    if last in (None, 7):
        assert result["version"] == str((last or 1) + 1)
    else:
        assert result["error_type"] == "MalformedDataError"


def test_versions_are_texts(manager: DatasetManager, pets: Path) -> None:
    manager.add_dataset(pets, "pets").raise_for_error()
    for result in (manager.info("pets", 1), manager.delete("pets", 1)):  # type: ignore[arg-type]
        assert result["error_type"] == "InvalidParameterError"
        assert "give '1' and not 1" in result["error"]


def test_an_update_says_what_is_new_and_what_is_shared(
    manager: DatasetManager, pets: Path
) -> None:
    first = manager.add_dataset(pets, "pets")
    (pets / "train/cat/4.jpg").write_bytes(os.urandom(1 << 20))
    (pets / "test/cat/3.jpg").write_bytes(b"33")
    (pets / "train/cat/1.jpg").unlink()
    second = manager.update("pets", pets)
    assert (second["version"], second["parents"]) == ("2", [first["cid"]])
    assert 1 << 20 < second["new_bytes"] < (1 << 20) + 2000
    assert second["shared_bytes"] >= 3 << 20
    found = manager.diff("pets")
    assert (found["from"], found["to"]) == ("1", "2")
    assert found["added"] == ["train/cat/4.jpg"]
    assert found["removed"] == ["train/cat/1.jpg"]
    assert found["changed"] == ["test/cat/3.jpg"]
    assert found["rows"] == {"test": 0, "train": 0}
    back = manager.diff("pets", "2", "1")
    assert (back["added"], back["removed"]) == (found["removed"], found["added"])
    assert back["new_bytes"] == found["removed_bytes"]
    assert back["shared_bytes"] == found["shared_bytes"]
    same = manager.diff("pets", "2", "2")
    assert (same["added"], same["new_bytes"]) == ([], 0)
    assert same["shared_bytes"] == found["new_bytes"] + found["shared_bytes"]


def test_what_is_not_there_is_said(manager: DatasetManager, pets: Path) -> None:
    for result in (
        manager.info("none"),
        manager.get_dataset("none"),
        manager.versions("none"),
        manager.update("none", pets),
        manager.delete("none"),
        manager.diff("none"),
        manager.verify("none"),
    ):
        assert not result["success"]
        assert result["not_found"]
        with pytest.raises(NameNotFoundError, match="'none'"):
            result.raise_for_error()
    manager.add_dataset(pets, "pets")
    with pytest.raises(NameNotFoundError, match="no version '7', but 1"):
        manager.info("pets", "7").raise_for_error()
    with pytest.raises(InvalidParameterError, match="no version before it"):
        manager.diff("pets").raise_for_error()
    with pytest.raises(PathNotFoundError):
        manager.add_dataset(pets / "none", "pets").raise_for_error()


@pytest.mark.parametrize(
    "name", ["", "a@b", "a\nb", " a", "x" * 256, "bafkqaaa", "\ud800"]
)
def test_a_bad_name_is_refused_before_anything_is_added(
    manager: DatasetManager, repository: Repository, pets: Path, name: str
) -> None:
    with pytest.raises(InvalidParameterError):
        manager.add_dataset(pets, name).raise_for_error()
    if name:
        with pytest.raises(InvalidParameterError):
            manager.add_dataset(pets, "pets", name).raise_for_error()
    assert not list(repository.blocks())


def test_a_folder_without_rows_is_refused(
    manager: DatasetManager, tmp_path: Path
) -> None:
    empty = write(tmp_path / "empty", {"README.md": b"nothing"})
    with pytest.raises(InvalidParameterError, match="no files"):
        manager.add_dataset(empty, "it").raise_for_error()
    with pytest.raises(InvalidParameterError, match="no file of the format csv"):
        manager.add_dataset(empty, "it", format="csv").raise_for_error()
    with pytest.raises(InvalidParameterError, match="is not one of"):
        manager.add_dataset(empty, "it", format="xls").raise_for_error()
    nothing = write(tmp_path / "nothing", {"a.csv": b"", "b.csv": b"x\n1\n"})
    for path in (nothing, nothing / "a.csv"):
        with pytest.raises(MalformedDataError, match=r"a\.csv .* it is empty"):
            manager.add_dataset(path, "it").raise_for_error()
    assert manager.list_datasets()["count"] == 0


def test_a_file_of_another_format_than_its_name_says_is_refused(
    manager: DatasetManager, tmp_path: Path
) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no")
    with pytest.raises(MalformedDataError, match=r"a\.parquet is no parquet file"):
        manager.add_dataset(tmp_path / "a.parquet", "a").raise_for_error()


@pytest.mark.parametrize("has_arrow", [True, False])
def test_a_csv_file_with_a_column_twice_is_refused(
    manager: DatasetManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_arrow: bool,
) -> None:
    if not has_arrow:
        monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    (tmp_path / "a.csv").write_text("a,b,a\n1,2,3\n")
    with pytest.raises(MalformedDataError, match="columns are called 'a'"):
        manager.add_dataset(tmp_path / "a.csv", "a").raise_for_error()


def test_links_stand_for_the_files_that_they_lead_to(
    manager: DatasetManager, tmp_path: Path
) -> None:
    (tmp_path / "blob").write_text("a\nb\n")
    folder = write(tmp_path / "links", {})
    (folder / "train.txt").symlink_to(tmp_path / "blob")
    added = manager.add_dataset(folder, "links")
    assert (added["format"], added["stats"]["num_rows"]) == ("text", 2)
    copy = Path(manager.get_dataset("links")["local_path"])
    assert not (copy / "train.txt").is_symlink()
    assert read(copy) == {"train.txt": b"a\nb\n"}


def test_the_format_stays_while_there_are_such_files(
    manager: DatasetManager, tmp_path: Path
) -> None:
    folder = write(tmp_path / "it", {"a.txt": b"1\n2\n"})
    assert manager.add_dataset(folder, "it", format="files")["stats"]["num_rows"] == 1
    write(folder, {"a.txt": b"1\n2\n", "b.txt": b"1\n"})
    assert manager.update("it", folder)["stats"]["num_rows"] == 2
    assert manager.update("it", folder, format="text")["stats"]["num_rows"] == 3
    write(folder, {"a.txt": b"1\n2\n", "b.csv": b"1\n", "c.csv": b"1\n"})
    assert manager.update("it", folder)["format"] == "text"
    write(folder, {"b.csv": b"a\n1\n", "c.csv": b"a\n"})
    found = manager.update("it", folder)
    assert (found["format"], found["stats"]["num_rows"]) == ("csv", 1)


def test_one_split_can_be_named(manager: DatasetManager, tmp_path: Path) -> None:
    folder = write(tmp_path / "it", {"train.txt": b"1\n", "b.txt": b"1\n"})
    assert manager.add_dataset(folder, "it", split="all")["splits"] == {"all": 2}
    assert manager.add_dataset(folder, "other")["splits"] == {"train": 1}
    assert manager.add_dataset(folder, "it", split="more")["splits"] == {"more": 2}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"a.txt": b"1\n"}, {"b.txt": b"1\n2\n"}),
        ({"a.txt": b"1\n"}, {"a.txt": b"1\n", "b.txt": b"1\n"}),
        # Their names spoke of another split when this one was asked for.
        ({"train.txt": b"1\n"}, {"train.txt": b"1\n", "b.txt": b"1\n"}),
        ({"a.jpg": b"1"}, {"a.jpg": b"1", "train/b.jpg": b"1"}),
    ],
)
def test_a_split_that_was_asked_for_stays(
    manager: DatasetManager, tmp_path: Path, first: Tree, then: Tree
) -> None:
    folder = write(tmp_path / "it", first)
    assert manager.add_dataset(folder, "it", split="test")["splits"] == {"test": 1}
    assert manager.update("it", folder)["unchanged"]
    assert manager.update("it", write(folder, then))["splits"] == {"test": 2}
    found = manager.update("it", folder, split="train")
    assert found["splits"] == {"train": 2}


def test_names_that_speak_of_splits_go_before_what_was(
    manager: DatasetManager, tmp_path: Path
) -> None:
    folder = write(tmp_path / "it", {"dev.txt": b"1\n"})
    assert manager.add_dataset(folder, "it")["splits"] == {"validation": 1}
    write(folder, {"a.txt": b"1\n"})
    assert manager.update("it", folder)["splits"] == {"validation": 1}
    write(folder, {"train.txt": b"1\n", "test.txt": b"1\n"})
    assert manager.update("it", folder)["splits"] == {"train": 1, "test": 1}
    write(folder, {"a.txt": b"1\n"})
    assert manager.update("it", folder)["splits"] == {"train": 1}


def test_rows_stay_in_their_split(manager: DatasetManager, tmp_path: Path) -> None:
    assert manager.add_dataset([b"1"], "it", split="test")["splits"] == {"test": 1}
    assert manager.update("it", [b"1"])["unchanged"]
    assert manager.update("it", [b"1", b"2"])["splits"] == {"test": 2}
    folder = write(tmp_path / "it", {"a.txt": b"1\n"})
    assert manager.update("it", folder)["splits"] == {"test": 1}
    both = {"train": [b"1"], "test": [b"2"]}
    assert manager.update("it", both)["splits"] == {"train": 1, "test": 1}
    assert manager.update("it", [b"1"])["splits"] == {"train": 1}


@pytest.mark.parametrize("split", ["", "a/b", "..", 3])
def test_what_is_no_name_of_a_split_is_refused(
    manager: DatasetManager, pets: Path, split: Any
) -> None:
    for source in (pets, [b"1"]):
        done = manager.add_dataset(source, "it", split=split)
        assert done["error_type"] == "InvalidParameterError"
        assert "no name of a split" in done["error"]


@pytest.mark.parametrize("most", [None, 0, 1.5, "1"])
def test_a_size_of_shards_is_a_number(manager: DatasetManager, most: Any) -> None:
    done = manager.add_dataset([b"1"], "it", max_shard_bytes=most)
    assert done["error_type"] == "InvalidParameterError"
    assert "max_shard_bytes" in done["error"]


def test_a_copy_is_written_where_it_is_told_and_never_over_another(
    manager: DatasetManager, pets: Path, tmp_path: Path
) -> None:
    manager.add_dataset(pets, "pets")
    assert manager.get_dataset("pets", output_path=tmp_path / "out")["success"]
    with pytest.raises(PathExistsError):
        manager.get_dataset("pets", output_path=tmp_path / "out").raise_for_error()
    first = manager.get_dataset("pets")["local_path"]
    assert Path(first).parent == tmp_path / "copies"
    assert manager.get_dataset("pets")["local_path"] == first


def test_what_is_deleted_is_collected_when_nothing_else_needs_it(
    tmp_path: Path, pets: Path
) -> None:
    with Repository(tmp_path / "store") as repository:
        manager = DatasetManager(repository)
        first = manager.add_dataset(pets, "pets")
        (pets / "train/dog/2.jpg").write_bytes(b"2")
        second = manager.update("pets", pets)
    two_hours = 7200
    with Repository(tmp_path / "store", _clock_offset_seconds=two_hours) as repository:
        manager = DatasetManager(repository)
        repository.gc()
        assert manager.verify("pets", "1")["is_whole"]
        assert manager.delete("pets", "1")["removed"] == ["1"]
        assert manager.versions("pets")["count"] == 1
        repository.gc()
        # Its successor follows on it.
        assert manager.verify(first["cid"])["is_whole"]
        assert manager.delete("pets")["removed"] == ["2"]
        assert manager.list_datasets()["datasets"] == {}
        repository.gc()
        for it in (first, second):
            assert not repository.has(it["cid"])
            assert not repository.has(it["data_cid"])


def test_a_damaged_block_and_a_missing_one_are_found(
    manager: DatasetManager, repository: Repository, pets: Path
) -> None:
    added = manager.add_dataset(pets, "pets")
    whole = manager.verify("pets")
    assert (whole["is_whole"], whole["missing"], whole["damaged"]) == (True, {}, {})
    big = repository.resolve(f"{added['data_cid']}/train/dog/2.jpg")
    leaf = next(repository.refs(big)).target
    data = bytes(repository.block_view(leaf))
    for pack in Path(repository.path).rglob("*"):
        if pack.is_file() and (at := (content := pack.read_bytes()).find(data)) >= 0:
            with pack.open("r+b") as file:
                file.seek(at + 1000)
                file.write(bytes([content[at + 1000] ^ 1]))
    found = manager.verify("pets")
    assert found["success"]
    assert not found["is_whole"]
    assert [*found["missing"], *found["damaged"]] == [str(leaf)]
    assert found["blocks"] == whole["blocks"] - 1


def test_a_dataset_is_read_by_its_cid_where_nobody_has_a_name_for_it(
    manager: DatasetManager, repository: Repository, pets: Path, tmp_path: Path
) -> None:
    added = manager.add_dataset(pets, "pets")
    car = tmp_path / "pets.car"
    repository.dag_export(added["cid"], car)
    with Repository(tmp_path / "other") as other:
        other.dag_import(car)
        there = DatasetManager(other, tmp_path)
        paths = (f"ipfs://{added['cid']}", f"/ipfs/{added['cid']}/")
        for name in (added["cid"], *paths):
            assert there.info(name)["dataset_name"] == "pets"
        assert there.verify(added["cid"])["is_whole"]
        got = there.get_dataset(added["cid"])
        assert read(Path(got["local_path"])) == read(pets)
        with pytest.raises(NameNotFoundError, match="'1', not '2'"):
            there.info(added["cid"], "2").raise_for_error()
        with pytest.raises(MalformedDataError, match="no dataset manifest"):
            there.info(added["data_cid"]).raise_for_error()


def test_no_more_is_written_than_a_manifest_says(
    manager: DatasetManager, repository: Repository, pets: Path, tmp_path: Path
) -> None:
    added = manager.add_dataset(pets, "pets")
    value = repository.dag_get(added["cid"])
    value["stats"]["size_bytes"] = 1000
    lie = str(repository.dag_put(value))
    with pytest.raises(LimitExceededError):
        manager.get_dataset(lie, output_path=tmp_path / "out").raise_for_error()
    assert not (tmp_path / "out").exists()


def test_a_version_is_named_behind_the_name(manager: DatasetManager, pets: Path) -> None:
    first = manager.add_dataset(pets, "pets")
    manager.add_dataset(pets, "pets", "best")
    assert manager.info("pets@1")["cid"] == first["cid"]
    assert manager.info("pets@best")["parents"] == [first["cid"]]
    assert manager.info("pets@2")["not_found"]
    assert manager.delete("pets@1")["removed"] == ["1"]
    assert [it["version"] for it in manager.versions("pets")["versions"]] == ["best"]


@pytest.mark.parametrize("name", [5, None, b"pets", ""], ids=repr)
def test_what_is_no_name_is_refused(name: Any, manager: DatasetManager) -> None:
    for method in (manager.info, manager.versions, manager.delete, manager.verify):
        result = method(name)
        assert result["error_type"] == "InvalidParameterError"


def test_files_that_take_a_library_are_refused_before_they_are_added(
    manager: DatasetManager,
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match="pip install"):
        manager.add_dataset(tmp_path / "a.parquet", "a")
    assert not list(repository.blocks())


def test_a_kit_has_one_where_machine_learning_is_on(tmp_path: Path, pets: Path) -> None:
    settings = {"ipfs_path": str(tmp_path / "kit")}
    with ipfs_kit(metadata=settings) as kit:
        assert not hasattr(kit, "dataset_manager")
        # The class works all the same.
        assert DatasetManager(kit).add_dataset(pets, "pets")["success"]
    with ipfs_kit(metadata=settings | {"enable_ai_ml": True}) as kit:
        assert kit("list_datasets")["count"] == 1
        again = kit.add_dataset(dataset_path=pets, dataset_name="pets")
        assert again["unchanged"]
        assert again["operation"] == "add_dataset"
        result = kit.dataset_manager.info("none", correlation_id="x")  # type: ignore[call-arg]
        assert (result["success"], result["correlation_id"]) == (False, "x")


def test_a_repository_to_read_from_lists_and_refuses(tmp_path: Path, pets: Path) -> None:
    with Repository(tmp_path / "store") as repository:
        DatasetManager(repository).add_dataset(pets, "pets")
    with Repository(tmp_path / "store", read_only=True) as repository:
        manager = DatasetManager(repository)
        assert manager.list_datasets()["count"] == 1
        (pets / "train/cat/9.jpg").write_bytes(b"9")
        for result in (manager.add_dataset(pets, "pets"), manager.delete("pets")):
            with pytest.raises(ReadOnlyRepositoryError):
                result.raise_for_error()


def test_progress_is_told(manager: DatasetManager, pets: Path, tmp_path: Path) -> None:
    told: list[int] = []

    def report(done_bytes: int, _done: int) -> None:
        told.append(done_bytes)

    works: list[Callable[[], dict[str, Any]]] = [
        lambda: manager.add_dataset(pets, "pets", progress=report),
        lambda: manager.get_dataset("pets", None, tmp_path / "out", progress=report),
        lambda: manager.verify("pets", progress=report),
    ]
    for work in works:
        assert work()["success"]
        assert told.pop() >= 3 << 20
        told.clear()


def test_folders_as_deep_as_anyone_makes_them_are_compared(
    manager: DatasetManager, repository: Repository, pets: Path
) -> None:
    manifest = repository.dag_get(manager.add_dataset(pets, "pets")["cid"])
    leaf = repository.add(b"x").cid
    cids = []
    for names in (["1"], ["1", "2"]):
        links = [{"Name": it, "Hash": leaf, "Tsize": 1} for it in names]
        nodes = []
        for _ in range(1000):
            nodes.append(ipld_encode({"Data": b"\x08\x01", "Links": links}, "dag-pb"))
            root = cid_of(nodes[-1], codec="dag-pb")
            links = [{"Name": "d", "Hash": root, "Tsize": 1}]
        repository.block_put_many(nodes, "dag-pb")
        cids.append(str(repository.dag_put(manifest | {"data": root})))
    assert manager.verify(cids[1])["is_whole"]
    found = manager.diff(cids[1], cids[0]).raise_for_error()
    assert found["added"] == ["d/" * 999 + "2"]
    listed = {it.path for it in _files_below(cast("Any", repository), root)}
    assert listed == {"d/" * 999 + it for it in "12"}


NAMES = st.sampled_from(["a", "b/c", "b/d/e", "train/x", "test/y", "train/z"])
TREES = st.dictionaries(
    NAMES, st.sampled_from([b"", b"1", b"2", b"x" * 3000]), min_size=1
)
_number = count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(TREES, TREES)
def test_versions_come_back_and_differ_as_their_files_do(
    manager: DatasetManager, repository: Repository, tmp_path: Path, a: Tree, b: Tree
) -> None:
    number = next(_number)
    name, folder = f"it {number}", tmp_path / f"tree{number}"
    manager.add_dataset(write(folder, a), name, "a", "files").raise_for_error()
    manager.add_dataset(write(folder, b), name, "b", trust_stat=False).raise_for_error()
    for version, tree in (("a", a), ("b", b)):
        got: dict[str, Any] = manager.get_dataset(name, version)
        assert read(Path(got["local_path"])) == tree
        assert got["stats"]["num_files"] == len(tree)
        assert got["stats"]["size_bytes"] == sum(map(len, tree.values()))
    found = manager.diff(name, "a", "b").raise_for_error()
    assert found["added"] == sorted(b.keys() - a.keys())
    assert found["removed"] == sorted(a.keys() - b.keys())
    assert found["changed"] == sorted(it for it in a.keys() & b.keys() if a[it] != b[it])
    blocks = [below(repository, manager.info(name, it)["data_cid"]) for it in "ab"]
    shared = blocks[0].keys() & blocks[1].keys()
    assert found["shared_bytes"] == sum(blocks[0][it] for it in shared)
    assert found["new_bytes"] == sum(blocks[1].values()) - found["shared_bytes"]
    assert found["removed_bytes"] == sum(blocks[0].values()) - found["shared_bytes"]


def below(repository: Repository, root: str) -> dict[CID, int]:
    cids = {CID(root), *(it.target for it in repository.refs(root, recursive=True))}
    return {cid: repository.block_stat(cid) for cid in cids}
