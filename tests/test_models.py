"""Models by name and version: what is kept comes back, and nothing runs on the way."""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ml import needs_ml
from tests.processes import run_python

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._ml.records import NAME_TYPE, ModelVersion
from ipfs_kit_py.ai_ml_integration import DatasetManager, ModelRegistry
from ipfs_kit_py.errors import (
    InvalidParameterError,
    IPFSError,
    MalformedDataError,
    NameNotFoundError,
    PathNotFoundError,
    UnsupportedFileError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

ELSEWHERE = CID("bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq")


@pytest.fixture
def models(repository: Repository, tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(repository, base_path=tmp_path / "base")


def add(models: ModelRegistry, name: str, model: Any = 1, **more: Any) -> dict[str, Any]:
    return models.add_model(model, name, **more).raise_for_error()


def test_what_is_added_says_all_that_the_contract_names(models: ModelRegistry) -> None:
    done = models.add_model({"a": 1}, "small", "v1", metadata={"b": [1, None]})
    assert done["success"]
    assert done["operation"] == "add_model"
    expected = ("small", "v1", "json", "json")
    keys = ("model_name", "version", "framework", "format")
    assert tuple(done[key] for key in keys) == expected
    assert done["cid"] == done["Hash"]
    listed = models.list_models()
    assert listed["count"] == 1
    (it,) = listed["models"]["small"]
    assert (it["version"], it["framework"], it["cid"]) == ("v1", "json", done["cid"])
    assert it["metadata"] == {"b": [1, None]}


def test_all_that_is_linked_is_told_again(
    models: ModelRegistry, repository: Repository
) -> None:
    base = add(models, "base")
    data = repository.add(b"data", pin=False).cid
    add(
        models,
        "tuned",
        metrics={"accuracy": np.float32(0.5), "epochs": np.int64(3)},
        dataset=data,
        code_version="9f1c2ab",
        parents=["base@1", ELSEWHERE, "base"],
        stage="production",
    )
    model, told = models.get_model("tuned", "production")
    assert model == 1
    assert told["metrics"] == {"accuracy": 0.5, "epochs": 3}
    assert told["dataset"] == {"cid": str(data), "name": None}
    assert told["code_version"] == "9f1c2ab"
    assert told["parents"] == [base["record_cid"], str(ELSEWHERE)]
    assert told["stages"] == ["production"]
    assert models.info("tuned")["created"] == told["created"]
    record = repository.dag_get(told["record_cid"])
    assert record["dataset"]["cid"] == data
    assert record["parents"] == [CID(base["record_cid"]), ELSEWHERE]
    assert str(record["model"]) == told["cid"]


def test_versions_count_up_and_the_newest_is_meant(models: ModelRegistry) -> None:
    assert [add(models, "m", number)["version"] for number in range(3)] == ["1", "2", "3"]
    assert add(models, "m", ["text"], version="beta")["version"] == "beta"
    assert models.get_model("m")[0] == ["text"]
    assert add(models, "m", 9)["version"] == "4"
    assert [it["version"] for it in models.versions("m")["versions"]] == [
        *("1", "2", "3", "beta", "4")
    ]
    assert models.get_model("m", "2")[0] == 1
    for number in range(5, 13):
        add(models, "m", number)
    assert models.get_model("m")[1]["version"] == "12"


def test_a_version_does_not_change(models: ModelRegistry) -> None:
    add(models, "m", 1, version="a")
    done = models.add_model(2, "m", "a")
    assert done["error_type"] == "InvalidParameterError"
    assert "already" in done["error"]
    assert models.get_model("m", "a")[0] == 1


def test_a_number_is_given_once(models: ModelRegistry) -> None:
    for _ in range(3):
        add(models, "m")
    models.delete("m", "3").raise_for_error()
    models.delete("m", "2").raise_for_error()
    assert add(models, "m")["version"] == "4"
    models.delete("m", "4").raise_for_error()
    models.update_model_metadata("m", "1", {"a": 1}).raise_for_error()
    assert add(models, "m", stage="best")["version"] == "5"
    # Of a model that is gone nothing is left to count from.
    models.delete("m").raise_for_error()
    assert add(models, "m")["version"] == "1"


def test_a_version_is_named_behind_its_model(models: ModelRegistry) -> None:
    for number in range(3):
        add(models, "org/m", number, stage="best" if number == 1 else None)
    for word, value in (("org/m@1", 0), ("org/m@best", 1), ("org/m", 2)):
        model, told = models.get_model(word)
        assert (model, told["model_name"]) == (value, "org/m")
        assert models.get_model_cid(word) == models.info(word)["cid"] == told["cid"]
        assert models.lineage(word).root == told["record_cid"]
        assert models.share_model(word)["model_name"] == "org/m"
    changed = models.update_model_metadata("org/m@1", metadata={"a": 1})
    assert (changed["model_name"], changed["version"]) == ("org/m", "1")
    assert models.delete("org/m@best")["versions"] == ["2"]
    with pytest.raises(NameNotFoundError, match="no version or stage '7' of 'org/m'"):
        models.get_model("org/m@7")
    with pytest.raises(NameNotFoundError, match="no model called 'org/m@1'"):
        models.get_model("org/m@1", "1")
    with pytest.raises(InvalidParameterError, match="give '1' and not 1"):
        models.get_model("org/m", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["v@1", "@", " 1", "", str(ELSEWHERE)])
def test_what_would_not_be_found_again_is_no_version_and_no_stage(
    word: str, models: ModelRegistry
) -> None:
    add(models, "m")
    for done in (
        models.add_model(1, "m", word),
        models.add_model(1, "m", stage=word),
        models.promote("m", "1", word),
    ):
        assert done["error_type"] == "InvalidParameterError"
    assert models.versions("m")["count"] == 1


def test_a_stage_moves_from_version_to_version(models: ModelRegistry) -> None:
    for number in range(2):
        add(models, "m", number)
    assert models.promote("m", "1")["previous"] is None
    assert models.promote("m", "1", "best")["previous"] is None
    assert models.promote("m", "2", "production")["previous"] == "1"
    assert models.get_model("m", "production")[0] == 1
    assert models.versions("m")["stages"] == {"best": "1", "production": "2"}
    assert models.promote("m", "best", "production")["version"] == "1"
    models.promote("m", "1", None).raise_for_error()
    assert models.versions("m")["stages"] == {}
    assert models.promote("m", "9")["not_found"]
    assert models.promote("m", "1", "2")["error_type"] == "InvalidParameterError"
    models.promote("m", "1", "best").raise_for_error()
    assert models.add_model(1, "m", "best")["error_type"] == "InvalidParameterError"


def test_metadata_changes_and_the_model_stays(models: ModelRegistry) -> None:
    done = add(models, "m", 5, metadata={"a": 1, "b": 2})
    changed = models.update_model_metadata("m", "1", {"b": None, "c": 3})
    assert changed["metadata"] == {"a": 1, "c": 3}
    assert models.get_model_cid("m") == done["cid"]
    model, told = models.get_model("m", "1")
    assert (model, told["metadata"], told["cid"]) == (5, {"a": 1, "c": 3}, done["cid"])
    models.update_model_metadata("m", metadata={"d": 4}, replace=True)
    assert models.info("m")["metadata"] == {"d": 4}


def test_what_is_deleted_is_collected_and_others_stay(
    models: ModelRegistry, repository: Repository, later: Repository
) -> None:
    big = np.random.default_rng(1).standard_normal(200_000)
    one = add(models, "m", {"big": big, "own": np.arange(20_000)})
    add(models, "m", {"big": big, "own": np.arange(20_000) * 2}, parents=["m@1"])
    add(models, "other", {"big": big})
    gone = add(models, "gone", {"big": big * 2})
    later.gc()
    assert models.delete("gone")["versions"] == ["1"]
    assert models.delete("m", "1")["versions"] == ["1"]
    before = later.gc().bytes
    assert before > 1_600_000
    assert not later.has(CID(gone["cid"]))
    # It is a parent, and known as one.
    assert repository.has(CID(one["record_cid"]))
    assert [it.label for it in models.lineage("m").nodes] == ["m", "m"]
    assert (models.get_model("m")[0]["big"] == big).all()
    assert (models.get_model("other")[0]["big"] == big).all()
    assert models.list_models()["models"].keys() == {"m", "other"}
    assert models.delete("m", "1")["not_found"]
    models.delete("m").raise_for_error()
    assert models.info("m")["not_found"]
    later.gc()
    assert not later.has(CID(one["record_cid"]))
    assert (models.get_model("other")[0]["big"] == big).all()


def test_what_is_not_there_is_told(models: ModelRegistry) -> None:
    for call in (models.get_model, models.lineage):
        with pytest.raises(NameNotFoundError, match="no model called 'm'"):
            call("m")
    for result in (models.info("m"), models.versions("m"), models.delete("m")):
        assert result["not_found"]
    add(models, "m")
    with pytest.raises(NameNotFoundError, match="version or stage '2'"):
        models.get_model("m", "2")
    for wrong in ({"parents": ["nobody"]}, {"dataset": "nothing"}):
        assert models.add_model(1, "n", **wrong)["not_found"]
    assert models.list_models()["count"] == 1


@pytest.mark.parametrize("name", ["", "a@b", " a", "a\n", "x" * 256, str(ELSEWHERE), 5])
def test_what_is_no_name_is_refused(name: Any, models: ModelRegistry) -> None:
    assert models.add_model(1, name)["error_type"] == "InvalidParameterError"


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 1 << 64, object(), {1: 2}, "\udc80", np.zeros(3)],
    ids=lambda it: ascii(it)[:20],
)
def test_what_no_record_holds_is_refused(value: Any, models: ModelRegistry) -> None:
    for more in ({"metrics": {"a": value}}, {"metadata": {"a": [value]}}):
        done = models.add_model(1, "m", **more)
        assert done["error_type"] == "InvalidParameterError"
        assert "a" in done["error"]
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    assert not models.add_model(1, "m", metadata={"a": deep})["success"]


# Every framework.

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES.filter(lambda it: not isinstance(it, str)))
def test_values_of_json_come_back(value: Any, models: ModelRegistry) -> None:
    done = models.add_model(value, "values", framework="json")
    if "\\ud" in json.dumps(value):
        assert done["success"] or done["error_type"] == "InvalidParameterError"
        return
    done.raise_for_error()
    assert models.get_model("values")[0] == value


@pytest.mark.parametrize(
    "value",
    [(1, 2), {1: 2}, {"a": {1, 2}}, float("nan"), {"a": float("inf")}, ["\ud800"]],
    ids=ascii,
)
def test_values_that_json_would_change_are_refused(
    value: Any, models: ModelRegistry
) -> None:
    done = models.add_model(value, "m", framework="json")
    assert done["error_type"] == "InvalidParameterError"


def test_arrays_come_back_and_versions_share_them(
    models: ModelRegistry, repository: Repository
) -> None:
    rng = np.random.default_rng(1)
    state = {f"layer {number}": rng.standard_normal((300, 100)) for number in range(4)}
    add(models, "net", state)
    state["layer 2"] = state["layer 2"] + 1
    done = add(models, "net", state)
    assert done["framework"] == "numpy"
    both = repository.dag_stat([models.info("net", it)["cid"] for it in ("1", "2")])
    assert both.bytes < 1.3 * done["size"]
    found, _ = models.get_model("net")
    assert found.keys() == state.keys()
    assert all((found[name] == state[name]).all() for name in state)
    again, _ = models.get_model("net", "1")
    assert (again["layer 1"] == state["layer 1"]).all()
    assert (again["layer 2"] != state["layer 2"]).all()


def test_arrays_that_safetensors_have_no_type_for_are_refused(
    models: ModelRegistry,
) -> None:
    done = models.add_model({"a": np.array([object()])}, "m")
    assert done["error_type"] == "InvalidParameterError"


def test_a_folder_comes_back_as_it_was(
    models: ModelRegistry, tree: Path, tmp_path: Path
) -> None:
    (tree / "link").unlink()
    done = add(models, "folder", tree, framework="jax")
    assert (done["framework"], done["format"]) == ("jax", "files")
    found, told = models.get_model("folder")
    assert found.is_relative_to(tmp_path / "base")
    assert told["local_path"] == str(found)
    for path in tree.rglob("*"):
        if path.is_file():
            assert (found / path.relative_to(tree)).read_bytes() == path.read_bytes()
    where, _ = models.get_model("folder", output_path=tmp_path / "out")
    assert where == tmp_path / "out"
    assert (where / "a.txt").read_text() == "one\n"


def test_links_of_a_folder_are_followed(models: ModelRegistry, tmp_path: Path) -> None:
    # As huggingface's cache has them.
    snapshot = tmp_path / "cache" / "snapshots" / "9f1c2ab"
    weights = os.urandom(300_000)
    snapshot.mkdir(parents=True)
    (tmp_path / "cache" / "blobs").mkdir()
    (tmp_path / "cache" / "blobs" / "e3b0c4").write_bytes(weights)
    (snapshot / "weights.bin").symlink_to("../../blobs/e3b0c4")
    (snapshot / "onnx").symlink_to("../../blobs")
    add(models, "m", snapshot)
    found, _ = models.get_model("m")
    for name in ("weights.bin", "onnx/e3b0c4"):
        assert (found / name).read_bytes() == weights
    assert not any(it.is_symlink() for it in found.rglob("*"))


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("nowhere", "PathNotFoundError"),
        ("link", "UnsupportedFileError"),
        (".", "UnsupportedFileError"),
    ],
)
def test_links_that_lead_nowhere_are_refused(
    target: str, error: str, models: ModelRegistry, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(target)
    done = models.add_model(tmp_path / "folder", "m")
    assert done["error_type"] == error
    assert "link" in done["error"]
    if target != ".":
        done = models.add_model(tmp_path / "folder" / "link", "m", framework="onnx")
        assert done["error_type"] == "PathNotFoundError"
    assert models.list_models()["count"] == 0


def test_safetensors_that_are_not_whole_are_refused(
    models: ModelRegistry, tmp_path: Path
) -> None:
    folder = tmp_path / "run" / "deep"
    folder.mkdir(parents=True)
    add(models, "net", {"a": np.arange(3000.0)})
    whole = models.get_model("net", output_path=tmp_path / "net")[0]
    data = (whole / "model.safetensors").read_bytes()
    for wrong in (data[:-1], data[:20], b"", b"version https://git-lfs.github.com/"):
        path = folder / "model.safetensors"
        path.write_bytes(wrong)
        for model in (path, tmp_path / "run"):
            done = models.add_model(model, "m")
            assert done["error_type"] == "MalformedDataError"
            assert str(path) in done["error"]
    path.write_bytes(data)
    (folder / ".hidden").mkdir()
    for hidden in (".hidden.safetensors", ".hidden/some.safetensors"):
        (folder / hidden).write_bytes(b"not added")
    add(models, "m", tmp_path / "run")
    assert models.versions("m")["count"] == 1


def test_a_folder_without_files_is_refused(models: ModelRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "empty").mkdir(parents=True)
    (folder / ".hidden").touch()
    done = models.add_model(folder, "m")
    assert done["error_type"] == "InvalidParameterError"
    assert "no files" in done["error"]


def test_what_is_neither_file_nor_folder_is_refused(models: ModelRegistry) -> None:
    assert models.add_model(os.devnull, "m")["error_type"] == "UnsupportedFileError"
    assert models.add_model("", "m")["error_type"] == "PathNotFoundError"


def test_a_file_comes_back_under_its_name(models: ModelRegistry, tmp_path: Path) -> None:
    path = tmp_path / "100% größe #1.gguf"
    path.write_bytes(b"GGUF" * 999)
    done = add(models, "file", path)
    assert (done["framework"], done["format"]) == ("files", "file")
    found, _ = models.get_model("file")
    assert (found.name, found.read_bytes()) == (path.name, path.read_bytes())
    # Whatever it is kept as, its files can be had.
    add(models, "json", {"a": 1})
    folder, _ = models.get_model("json", output_path=tmp_path / "json")
    assert json.loads((folder / "model.json").read_text()) == {"a": 1}
    done = models.add_model(tmp_path / "nowhere", "m")
    assert done["error_type"] == "PathNotFoundError"
    assert models.add_model("nowhere", "m")["not_found"]


def test_what_is_here_already_is_named_by_its_cid(
    models: ModelRegistry, repository: Repository, tree: Path
) -> None:
    (tree / "link").unlink()
    cid = repository.add(tree, pin=False).cid
    assert add(models, "m", cid)["cid"] == str(cid)
    assert (models.get_model("m")[0] / "a.txt").read_text() == "one\n"
    assert models.add_model(ELSEWHERE, "m")["error_type"] == "BlockNotFoundError"


@pytest.mark.parametrize("size", [3, 3_000_000])
def test_a_file_that_is_here_is_called_by_its_cid(
    size: int, models: ModelRegistry, repository: Repository
) -> None:
    data = os.urandom(size)
    cid = repository.add(data, pin=False).cid
    done = add(models, "m", cid, framework="gguf")
    assert (done["framework"], done["format"]) == ("gguf", "file")
    found, _ = models.get_model("m")
    assert (found.name, found.read_bytes()) == (str(cid), data)


def test_what_is_here_and_no_file_is_refused(
    models: ModelRegistry, repository: Repository
) -> None:
    for cid in (repository.dag_put({"a": 1}), repository.dag_put(b"a", "dag-json")):
        done = models.add_model(cid, "m")
        assert done["error_type"] == "InvalidParameterError"
        assert "no folder or file" in done["error"]


@pytest.mark.parametrize("model", [object(), b"bytes", {1, 2}, lambda: 1, print])
def test_what_is_no_model_is_refused(model: Any, models: ModelRegistry) -> None:
    done = models.add_model(model, "m")
    assert done["error_type"] == "InvalidParameterError"
    assert "no framework that is known" in done["error"]
    for framework in ("torch", "numpy", "onnx", "json"):
        if framework == "onnx" and isinstance(model, bytes):
            continue
        assert not models.add_model(model, "m", framework=framework)["success"]


@pytest.mark.parametrize("framework", ["tensorflow", "Keras", "files "])
def test_a_framework_whose_objects_are_not_known_is_refused(
    framework: str, models: ModelRegistry
) -> None:
    done = models.add_model({"a": np.zeros(3)}, "m", framework=framework)
    assert done["error_type"] == "InvalidParameterError"
    assert framework.lower() in done["error"]
    assert "torch, numpy, sklearn, onnx, json" in done["error"]


def test_a_framework_is_known_however_it_is_spelled(
    models: ModelRegistry, tmp_path: Path
) -> None:
    (tmp_path / "w.bin").write_bytes(b"w")
    for spelled, framework in (
        ("PyTorch", "torch"),
        ("Scikit-Learn", "sklearn"),
        ("JAX", "JAX"),
    ):
        done = add(models, "m", tmp_path / "w.bin", framework=spelled)
        assert (done["framework"], done["format"]) == (framework, "file")
    done = add(models, "m", {"a": np.zeros(3)}, framework="NumPy")
    assert (done["framework"], done["format"]) == ("numpy", "safetensors")
    done = models.add_model(tmp_path, "m", framework="ONNX")
    assert done["error_type"] == "PathIsADirectoryError"


@pytest.mark.parametrize("model", [3, {"a": 1}, [1], print, dict])
def test_what_is_no_estimator_is_none_of_sklearn(
    model: Any, models: ModelRegistry
) -> None:
    done = models.add_model(model, "m", framework="sklearn", allow_pickle=True)
    assert done["error_type"] == "InvalidParameterError"


def test_a_text_is_the_path_of_a_file_whatever_the_framework(
    models: ModelRegistry, tmp_path: Path
) -> None:
    path = tmp_path / "trees.json"
    path.write_text('{"lr": 1}')
    for model in (path, str(path)):
        done = add(models, "m", model, framework="json")
        assert (done["framework"], done["format"]) == ("json", "file")
        found, _ = models.get_model("m")
        assert found.read_bytes() == path.read_bytes()
    assert models.add_model("nowhere", "m", framework="json")["not_found"]
    # To keep one of ONNX as a file, say so.
    (tmp_path / "it.onnx").write_bytes(b"no model")
    done = add(models, "m", tmp_path / "it.onnx", framework="files")
    assert (done["framework"], done["format"]) == ("files", "file")


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.abort, ())


def test_a_pickle_does_not_run_unless_it_is_asked_to(
    models: ModelRegistry, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "model.joblib").write_bytes(pickle.dumps(Bomb()))
    add(models, "file", tmp_path / "model.joblib")
    assert models.get_model("file")[0].name == "model.joblib"
    # A record that says that it is to be unpickled.
    cid = repository.add(tmp_path / "model.joblib", wrap_with_directory=True).cid
    value = ModelVersion("bomb", "1", "sklearn", "joblib", cid, 1, "now")
    register(models, "bomb", value.to_record())
    with pytest.raises(UnsupportedFileError, match="pickle"):
        models.get_model("bomb")


def register(models: ModelRegistry, name: str, record: dict[str, Any]) -> None:
    """Register whatever a record says, as someone hostile may."""

    def change(draft: Any) -> None:
        versions = [{"version": "1", "record": draft.put(record)}]
        value = {"type": NAME_TYPE, "name": name, "versions": versions, "stages": {}}
        draft.names[name] = draft.put(value)

    models._registry.change(change)


def test_estimators_come_back(models: ModelRegistry) -> None:
    pytest.importorskip("skops")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    rows = np.random.default_rng(1).standard_normal((50, 3))
    classes = rows[:, 0] > 0
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, classes)
    done = add(models, "pipeline", fitted)
    assert (done["framework"], done["format"]) == ("sklearn", "skops")
    found, told = models.get_model("pipeline")
    assert (found.predict(rows) == fitted.predict(rows)).all()
    assert told["metadata"]["class"] == "sklearn.pipeline.Pipeline"
    # Made of a function: skops loads it only if that is trusted.
    add(models, "odd", FunctionTransformer(json.dumps))
    with pytest.raises(UnsupportedFileError, match=r"json\.dumps"):
        models.get_model("odd")
    found, _ = models.get_model("odd", trusted=["json.dumps"])
    assert found.transform([1]) == "[1]"


def test_estimators_are_pickled_where_that_is_asked_for(models: ModelRegistry) -> None:
    pytest.importorskip("skops")
    from sklearn.preprocessing import StandardScaler

    made = StandardScaler().fit([[1.0], [2.0]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "skops.io", None)
        with pytest.raises(ImportError, match="pip install skops"):
            models.add_model(made, "m")
        done = add(models, "m", made, allow_pickle=True)
        assert done["format"] == "joblib"
        with pytest.raises(UnsupportedFileError, match="allow_pickle"):
            models.get_model("m")
        assert models.get_model("m", allow_pickle=True)[0].mean_ == [1.5]


def test_models_of_onnx_come_back(models: ModelRegistry, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [helper.make_tensor_value_info("x", kind, [1])],
        [helper.make_tensor_value_info("y", kind, [1])],
    )
    proto = helper.make_model(graph)
    with pytest.raises(IsADirectoryError, match="name the file"):
        add(models, "same", tmp_path, framework="onnx")
    (tmp_path / "same.onnx").write_bytes(proto.SerializeToString())
    for model, framework in (
        (proto, None),
        (proto.SerializeToString(), "onnx"),
        (tmp_path / "same.onnx", None),
        (str(tmp_path / "same.onnx"), "onnx"),
    ):
        done = add(models, "same", model, framework=framework)
        assert (done["framework"], done["format"]) == ("onnx", "onnx")
        found, _ = models.get_model("same")
        assert onnx.load_from_string(found) == proto


def test_what_is_no_whole_model_of_onnx_is_refused(
    models: ModelRegistry, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    weights = onnx.numpy_helper.from_array(np.ones((20, 30), np.float32), "w")
    graph = onnx.helper.make_graph([], "weights", [], [], [weights])
    proto = onnx.helper.make_model(graph)
    add(models, "whole", proto)
    path = tmp_path / "folder" / "it.onnx"
    path.parent.mkdir()
    onnx.save(
        proto, path, save_as_external_data=True, location="it.data", size_threshold=0
    )
    loaded = onnx.load(path, load_external_data=False)
    for model in (path, path.read_bytes(), loaded):
        done = models.add_model(model, "m", framework="onnx")
        assert done["error_type"] == "InvalidParameterError"
        assert "the folder" in done["error"]
    add(models, "folder", path.parent)
    cut = proto.SerializeToString()[:-1]
    for garbage in (b"garbage!!", cut, b"\x08\x07", b"\xff" * 20):
        done = models.add_model(garbage, "m", framework="onnx")
        assert done["error_type"] == "InvalidParameterError"
        assert "no model of ONNX" in done["error"]


def test_estimators_that_nobody_could_load_are_refused(models: ModelRegistry) -> None:
    pytest.importorskip("skops")
    from sklearn.preprocessing import FunctionTransformer

    def inside(it: Any) -> Any:
        return it

    for function, name in ((lambda it: it, "<lambda>"), (inside, "inside")):
        for allow_pickle in (False, True):
            done = models.add_model(
                FunctionTransformer(function), "m", allow_pickle=allow_pickle
            )
            assert done["error_type"] == "InvalidParameterError"
            assert allow_pickle or name in done["error"]


def test_dill_does_not_change_what_is_refused(tmp_path: Path) -> None:
    for needed in ("dill", "skops"):
        pytest.importorskip(needed)
    script = """
import dill, sys
from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import ModelRegistry
from sklearn.preprocessing import FunctionTransformer

with Repository(sys.argv[1]) as repository:
    models = ModelRegistry(repository)
    done = models.add_model(FunctionTransformer(lambda it: it), "m", allow_pickle=True)
    sys.exit(done["error"])
"""
    arguments = [sys.executable, "-c", script, str(tmp_path / "store")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert "cannot be pickled either" in done.stderr


def test_what_contradicts_itself_is_refused(
    models: ModelRegistry, tmp_path: Path
) -> None:
    add(models, "net", {"a": np.arange(3)})
    with pytest.raises(InvalidParameterError, match="list of names"):
        models.get_model("net", trusted="json.dumps")
    with pytest.raises(InvalidParameterError, match="not both"):
        models.get_model("net", into=object(), output_path=tmp_path / "out")
    wrong: Any = [5]
    for done in (
        models.add_model(1, "m", parents=wrong),
        models.update_model_metadata("net", metadata=wrong),
    ):
        assert done["error_type"] == "InvalidParameterError"


@needs_ml
def test_modules_of_torch_come_back(models: ModelRegistry) -> None:
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    done = add(models, "net", net)
    assert (done["framework"], done["format"]) == ("torch", "safetensors")
    state, told = models.get_model("net")
    assert told["metadata"] == {"class": "torch.nn.modules.container.Sequential"}
    assert all(torch.equal(state[name], it) for name, it in net.state_dict().items())
    other = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    found, _ = models.get_model("net", into=other)
    assert found is other
    assert torch.equal(other[0].weight, net[0].weight)
    done = add(models, "net", net.state_dict(), framework="pytorch")
    assert done["framework"] == "torch"
    with pytest.raises(InvalidParameterError, match="takes no tensors"):
        models.get_model("net", into=object())
    with pytest.raises(InvalidParameterError, match=r"(?s)do not fit.*size mismatch"):
        models.get_model("net", into=torch.nn.Sequential(torch.nn.Linear(4, 4)))
    add(models, "values", {"a": 1})
    with pytest.raises(InvalidParameterError, match="`into`"):
        models.get_model("values", into=other)


# Others at work at the same time.

ADDER = """
import sys
import numpy as np
from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import ModelRegistry

folder, who, count = sys.argv[1:]
models = ModelRegistry(Repository(folder, threads=1))
for number in range(int(count)):
    state = {"shared": np.arange(30_000), "own": np.full(9_000, hash((who, number)))}
    done = models.add_model(state, "m", metadata={"who": who, "number": number})
    done.raise_for_error()
    print(done["version"], flush=True)
"""


def start(folder: Path, who: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ADDER, *map(str, (folder, who, count))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_many_processes_add_versions_of_one_model(tmp_path: Path) -> None:
    folder, writers, count = tmp_path / "repository", 4, 8
    Repository(folder).close()
    running = [start(folder, who, count) for who in range(writers)]
    said = [process.communicate(timeout=100)[0].split() for process in running]
    assert not any(process.returncode for process in running)
    numbers = sorted(int(it) for each in said for it in each)
    assert numbers == list(range(1, writers * count + 1))
    with Repository(folder) as repository:
        listed = ModelRegistry(repository).versions("m")["versions"]
        made = {(it["metadata"]["who"], it["metadata"]["number"]) for it in listed}
        assert made == {(str(a), b) for a in range(writers) for b in range(count)}
        assert not list(repository.pin_ls("recursive"))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_one_that_is_killed_leaves_every_version_whole(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    Repository(folder).close()
    chance, known = random.Random(1), 0
    for who in range(5):
        process = start(folder, who, 10_000)
        assert process.stdout
        said = [process.stdout.readline()]
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        with Repository(folder, _clock_offset_seconds=100_000) as repository:
            repository.gc()
            models = ModelRegistry(repository)
            listed = models.versions("m")["versions"]
            assert len(listed) >= known + len([it for it in said if it.endswith("\n")])
            known = len(listed)
            for it in listed:
                state, _ = models.get_model("m", it["version"])
                assert (state["shared"] == np.arange(30_000)).all()


def test_collections_take_nothing_of_a_model_that_is_being_added(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "repository"
    Repository(folder).close()
    # What is written is not pinned at once: here that may take a second, and not an hour.
    running = [start(folder, who, 8) for who in range(2)]
    removed = 0
    with Repository(folder, _clock_offset_seconds=3599) as collector:
        while any(process.poll() is None for process in running):
            removed += collector.gc().blocks
            time.sleep(0.01)
        for process in running:
            process.communicate()
            assert process.returncode == 0
    with Repository(folder, _clock_offset_seconds=100_000) as collector:
        assert removed + collector.gc().blocks > 0
        models = ModelRegistry(collector)
        listed = models.versions("m")["versions"]
        assert len(listed) == 16
        for it in listed:
            state, _ = models.get_model("m", it["version"])
            assert (state["shared"] == np.arange(30_000)).all()


def test_two_kits_share_a_registry(tmp_path: Path) -> None:
    place = {"ipfs_path": str(tmp_path / "store"), "enable_ai_ml": True}
    with ipfs_kit(metadata=place) as one, ipfs_kit(metadata=place) as two:
        assert one("add_model", model=[1], model_name="m")["success"]
        assert two("get_model", model_name="m")[0] == [1]
        assert two.list_models()["count"] == 1
        assert one.model_registry.ipns_name == two.model_registry.ipns_name
        # Without the setting the class still works.
        with ipfs_kit(metadata=place | {"enable_ai_ml": False}) as plain:
            assert ModelRegistry(plain).get_model("m")[0] == [1]
            assert ModelRegistry(plain.ipfs).get_model("m")[0] == [1]


def test_a_registry_travels_with_its_kit(tmp_path: Path) -> None:
    place = {"ipfs_path": str(tmp_path / "store"), "enable_ai_ml": True}
    with ipfs_kit(metadata=place) as kit:
        add(kit.model_registry, "m", 5)
        for thing in (kit.model_registry, kit):
            again = pickle.loads(pickle.dumps(thing))  # noqa: S301 - our own
            models = getattr(again, "model_registry", again)
            assert models.get_model("m")[0] == 5
            with models._client as other:
                assert other is not kit


def test_a_registry_of_its_own_closes_what_it_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPFS_PATH", str(tmp_path / "own"))
    with ModelRegistry() as models:
        assert models.add_model(1, "m")["success"]
    assert models.info("m")["error_type"] == "RepositoryClosedError"
    with Repository(tmp_path / "own", read_only=True) as repository:
        with ModelRegistry(repository) as again:
            assert again.get_model("m")[0] == 1
            done = again.add_model(2, "m")
            assert done["error_type"] == "ReadOnlyRepositoryError"
        # What was given is not closed.
        assert not repository.closed


def test_models_are_read_from_wherever_they_are(
    repository: Repository, far: Repository
) -> None:
    from ipfs_kit_py._sources import ChainReader
    from ipfs_kit_py._sources.chain import Chain
    from ipfs_kit_py._sources.source import RepositorySource

    models = ModelRegistry(far)
    add(models, "m", {"a": np.arange(500_000)})
    head = models._registry.read().cid
    assert head
    repository.key_import("ipfs-kit-models", far.key_export("ipfs-kit-models"))
    repository.name_put(str(models.ipns_name), far.name_get("ipfs-kit-models"))

    class Chained:
        reader = ChainReader(Chain(None, [RepositorySource(far)]), repository)
        engine = repository

    found, _ = ModelRegistry(Chained()).get_model("m")
    assert (found["a"] == np.arange(500_000)).all()


def test_a_model_is_shared_as_a_car(
    models: ModelRegistry, far: Repository, tmp_path: Path
) -> None:
    added = add(models, "m", {"a": np.arange(1000)})
    told = models.share_model("m")
    assert told["url"] == f"ipfs://{added['cid']}"
    assert "output_path" not in told
    told = models.share_model("m", output=tmp_path / "m.car")
    assert told["blocks"] == 4
    assert far.dag_import(tmp_path / "m.car").roots == [CID(added["cid"])]
    add(ModelRegistry(far), "theirs", CID(added["cid"]), framework="numpy")


# Records of anyone's.

GOOD = ModelVersion(
    "m", "1", "json", "json", ELSEWHERE, 1, "now", parents=(ELSEWHERE,)
).to_record()
ODD = st.sampled_from(
    [None, True, -1, 1 << 62, "", "m", b"", [], [1], {}, {"cid": "x"}, ELSEWHERE, 1.5]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(GOOD)), value=ODD, gone=st.booleans())
def test_a_hostile_record_is_told_and_never_a_bug(
    field: str, value: Any, gone: bool, models: ModelRegistry
) -> None:
    record = {**GOOD, field: value}
    if gone:
        del record[field]
    register(models, "m", record)
    for call in (
        lambda: models.get_model("m"),
        lambda: models.lineage("m").svg(),
        lambda: models.lineage("m").text(),
        lambda: models.info("m").raise_for_error(),
        lambda: models.list_models().raise_for_error(),
    ):
        try:
            call()
        except IPFSError as error:
            assert str(error)  # noqa: PT017 - any of ours


@pytest.mark.parametrize(
    "value",
    [
        {"name": "m", "versions": [], "stages": {}},
        {"name": "m", "versions": [5], "stages": {}},
        {"name": "m", "versions": {"1": ELSEWHERE}, "stages": {}},
        {"name": "m", "versions": [{"version": "1", "record": "x"}], "stages": {}},
        {"name": "m", "versions": [{"version": "1", "record": ELSEWHERE}] * 2},
        {
            "name": "m",
            "versions": [{"version": "1", "record": ELSEWHERE}],
            "stages": {"production": "2"},
        },
        {
            "name": "m",
            "versions": [{"version": "1", "record": ELSEWHERE}],
            "stages": {},
            "last": -1,
        },
    ],
    ids=range(7),
)
def test_a_hostile_list_of_versions_is_told(
    value: dict[str, Any], models: ModelRegistry
) -> None:
    def change(draft: Any) -> None:
        draft.names["m"] = draft.put({"type": NAME_TYPE, **value})

    models._registry.change(change)
    with pytest.raises(MalformedDataError):
        models.get_model("m")
    assert models.list_models()["error_type"] == "MalformedDataError"
    assert models.add_model(1, "m")["error_type"] == "MalformedDataError"


def test_a_folder_that_is_none_is_told(
    models: ModelRegistry, repository: Repository, tree: Path
) -> None:
    several = repository.add(tree, pin=False).cid
    single = repository.add(b"{}", pin=False).cid
    for cid in (several, single):
        for form in ("json", "onnx", "skops", "joblib", "safetensors", "odd", "file"):
            value = ModelVersion("m", "1", "torch", form, cid, 1, "now").to_record()
            register(models, "m", value)
            with pytest.raises((IPFSError, ImportError)):
                models.get_model("m", allow_pickle=True)
    wrapped = repository.add(tree / "a.txt", pin=False, wrap_with_directory=True).cid
    for form in ("skops", "json", "safetensors"):
        value = ModelVersion("m", "1", "torch", form, wrapped, 1, "now").to_record()
        register(models, "m", value)
        with pytest.raises((MalformedDataError, UnsupportedFileError, ImportError)):
            models.get_model("m")


# Lineage.


def test_lineage_goes_back_to_the_beginning(
    models: ModelRegistry, repository: Repository
) -> None:
    data = repository.add(b"data", pin=False).cid
    add(models, "base", dataset=data, code_version="c1")
    add(models, "other", dataset=data, metrics={"loss": 0.12345})
    add(models, "merged", parents=["base", "other", ELSEWHERE], code_version="c1")
    found = models.lineage("merged")
    assert found.is_complete
    nodes = {it.id: it for it in found.nodes}
    assert nodes[found.root].label == "merged"
    kinds = sorted(it.kind for it in found.nodes)
    assert kinds == ["code", "dataset", "model", "model", "model", "other"]
    relations = sorted(it.relation for it in found.edges)
    assert relations == [*["code"] * 2, *["dataset"] * 2, *["parent"] * 3]
    short = f"{str(data)[:8]}…{str(data)[-6:]}"
    assert found.text() == "\n".join(
        [
            "merged 1 json",
            "├── code c1",
            "├── base 1 json",
            f"│   ├── dataset {short}",
            "│   └── code c1",
            "├── other 1 json loss=0.1235",
            f"│   └── dataset {short}",
            "└── ? bafkreib…hc4yeq",
        ]
    )
    assert json.loads(json.dumps(found.as_dict()))["root"] == found.root


def test_a_data_set_that_is_registered_is_called_by_its_name(
    models: ModelRegistry, repository: Repository, tmp_path: Path
) -> None:
    datasets, made = DatasetManager(repository), list[str]()
    for number in range(2):
        (tmp_path / "rows.jsonl").write_text('{"a": 1}\n' * (5 + number))
        done = datasets.add_dataset(tmp_path / "rows.jsonl", "digits")
        made.append(done.raise_for_error()["cid"])
    for given_name, version in (("digits", 1), ("digits@1", 0), (made[0], 0)):
        add(models, "m", dataset=given_name)
        told = models.info("m")["dataset"]
        assert told["cid"] == made[version]
        assert told["name"] == (None if given_name == made[0] else "digits")
        (node,) = [it for it in models.lineage("m").nodes if it.kind == "dataset"]
        assert (node.label, node.version) == ("digits", str(version + 1))
    assert models.add_model(1, "m", dataset="digits@3")["not_found"]
    # The registry of models keeps what they were made of.
    datasets.delete("digits").raise_for_error()
    assert models.lineage("m").text() == "m 3 json\n└── dataset digits 1"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parents=st.lists(st.sets(st.integers(0, 30), max_size=4), min_size=1, max_size=9),
    most=st.integers(1, 12),
)
def test_every_ancestor_is_drawn_once(
    parents: list[set[int]], most: int, models: ModelRegistry
) -> None:
    from xml.etree import ElementTree as ET

    made: list[str] = []
    above: list[set[int]] = []
    for number, chosen in enumerate(parents):
        before = {it % number for it in chosen} if number else set[int]()
        names = [made[it] for it in sorted(before)]
        made.append(add(models, "m", number, parents=names)["record_cid"])
        above.append(before.union(*(above[it] for it in before)))
    found = models.lineage("m", max_nodes=most)
    wanted = {made[-1], *(made[it] for it in above[-1])}
    ids = [it.id for it in found.nodes]
    assert len(ids) == len({*ids}) == min(most, len(wanted))
    assert {*ids} <= wanted
    assert found.is_complete == (len(wanted) <= most)
    picture = ET.fromstring(found.svg())  # noqa: S314 - our own
    boxes = picture.findall("{http://www.w3.org/2000/svg}g")
    assert len(boxes) == len(ids)
    assert found.text().count("(see above)") <= len(found.edges)


def test_a_long_line_of_ancestors_is_no_matter(models: ModelRegistry) -> None:
    def change(draft: Any) -> None:
        parents: tuple[CID, ...] = ()
        for number in range(1500):
            value = ModelVersion(
                "m", str(number), "json", "json", ELSEWHERE, 1, "now", parents=parents
            )
            cid = models._client.engine.dag_put(value.to_record())
            parents = (cid,)
        versions = [{"version": "1", "record": draft.put(value.to_record())}]
        made = {"type": NAME_TYPE, "name": "m", "versions": versions, "stages": {}}
        draft.names["m"] = draft.put(made)

    models._registry.change(change)
    found = models.lineage("m", max_nodes=2000)
    assert (len(found.nodes), found.is_complete) == (1500, True)
    assert len(found.text().splitlines()) == 1500
    assert found.svg().count("<rect") == 1501
    short = models.lineage("m", max_nodes=10)
    assert (len(short.nodes), short.is_complete) == (10, False)
    assert short.text().endswith("… and more")
    assert "and more" in short.svg()
    with pytest.raises(InvalidParameterError):
        models.lineage("m", max_nodes=0)


def test_a_dense_lineage_is_drawn_in_bounded_time(models: ModelRegistry) -> None:
    def change(draft: Any) -> None:
        made: list[CID] = []
        for number in range(300):
            value = ModelVersion(
                *("m", str(number), "json", "json", ELSEWHERE, 1, "now"),
                parents=(*made[:63], *made[-1:]) if number > 63 else tuple(made),
            )
            made.append(models._client.engine.dag_put(value.to_record()))
        versions = [{"version": "1", "record": draft.put(value.to_record())}]
        named = {"type": NAME_TYPE, "name": "m", "versions": versions, "stages": {}}
        draft.names["m"] = draft.put(named)

    models._registry.change(change)
    found = models.lineage("m")
    assert len(found.edges) > 15_000
    began = time.monotonic()
    assert found.svg().count("<path") == len(found.edges) + 1
    assert len(found.text().splitlines()) == len(found.edges) + 1
    assert time.monotonic() - began < 20


def test_a_name_is_text_in_a_picture_and_on_a_terminal(models: ModelRegistry) -> None:
    from xml.etree import ElementTree as ET

    nasty = "</text><script>alert(1)</script>&\"'"
    add(
        models,
        nasty,
        metrics={nasty: nasty, "esc": "\x1b[2J\x00"},
        code_version="\x1b[31m",
    )
    found = models.lineage(nasty)
    picture = ET.fromstring(found.svg())  # noqa: S314 - our own
    assert not picture.findall(".//{http://www.w3.org/2000/svg}script")
    assert "\x1b" not in found.text()
    assert "\\x1b" in found.text()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_importing_it_loads_no_library_of_models() -> None:
    said = run_python(
        """
        import sys
        import ipfs_kit_py.ai_ml_integration
        heavy = {"torch", "numpy", "sklearn", "onnx", "skops", "joblib", "httpx2"}
        print(sorted(heavy & sys.modules.keys()))
        """
    )
    assert said == "[]\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_files_are_written_where_the_paths_say(
    repository: Repository, tree: Path, tmp_path: Path
) -> None:
    (tree / "link").unlink()
    models = ModelRegistry(repository)
    add(models, "m", tree)
    found, _ = models.get_model("m")
    assert found.is_relative_to(tmp_path / "cache")
    with pytest.raises(PathNotFoundError):
        models.add_model(tmp_path / "none", "m").raise_for_error()
