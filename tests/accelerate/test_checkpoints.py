"""`load_checkpoint_and_dispatch` without torch: what is needed, verified, and no more."""

import hashlib
import inspect
import io
import json
import os
import pickle
import random
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save, save_file
from tests.gateway_server import lie, serving
from tests.mapped import is_private_map_of_a_pack
from tests.processes import run_python

import ipfs_accelerate_py
from ipfs_accelerate_py import ipfs_accelerate, load_checkpoint_and_dispatch
from ipfs_kit_py import Repository

MIB = 1 << 20
NOWHERE = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
# What an example leaves behind is no matter to the next.
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
State = dict[str, NDArray[Any]]


@pytest.fixture(autouse=True)
def here(workplace: Path) -> Path:
    """Every test has a place of its own."""
    return workplace


def model(seed: int = 0, layers: int = 4, size: int = 100_000) -> State:
    """Tensors of a few types, the largest of them across several blocks."""
    source = np.random.default_rng(seed)
    state: State = {
        f"layers.{n}.weight": source.random((size // 100, 100), "f4")
        for n in range(layers)
    }
    state["embed"] = source.integers(0, 255, 3 * MIB, "u1")
    state["norm.bias"] = source.random(7).astype("f2")
    state["steps"] = np.array(seed)
    state["nothing"] = np.empty((0, 4), "f8")
    return state


def loaded(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Load with numpy, whatever else is installed."""
    result: dict[str, Any] = load_checkpoint_and_dispatch(
        *args, **{"framework": "numpy", **kwargs}
    )
    return result


def assert_same(found: Any, state: State) -> None:
    assert sorted(found) == sorted(state)
    for name, array in state.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def write_sharded(folder: Path, shards: dict[str, State]) -> State:
    """Write a folder as `save_pretrained` does."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    weight_map: dict[str, str] = {}
    for name, state in shards.items():
        save_file(state, folder / name, {"format": "pt"})
        weight_map |= dict.fromkeys(state, name)
    index = {"metadata": {"total_size": 5}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return {name: it for state in shards.values() for name, it in state.items()}


def test_it_is_one_function_under_both_names() -> None:
    assert ipfs_accelerate.load_checkpoint_and_dispatch is load_checkpoint_and_dispatch
    assert "load_checkpoint_and_dispatch" in dir(ipfs_accelerate_py)


def test_a_file_is_loaded_by_its_cid(here: Path) -> None:
    state = model()
    save_file(state, here / "model.safetensors", {"made by": "a test"})
    cid = ipfs_accelerate.add_file("model.safetensors")["cid"]
    result = loaded(cid)
    data = result.pop("data")
    assert result == {
        "status": "success",
        "source": "cache",
        "cid": cid,
        "format": "safetensors",
        "metadata": {"made by": "a test"},
        "size": sum(array.nbytes for array in state.values()),
    }
    assert_same(data, state)
    assert len(data) == len(state)
    assert "embed" in data
    assert "no such" not in data
    with pytest.raises(KeyError):
        data["no such"]
    assert repr(data).startswith("<8 tensors of")
    for form in (f"ipfs://{cid}", f"/ipfs/{cid}", result["cid"]):
        assert_same(loaded(form)["data"], state)


def test_a_local_path_is_added_and_loaded(here: Path) -> None:
    state = model()
    save_file(state, here / "model.safetensors")
    by_text = loaded("model.safetensors")
    by_path = loaded(here / "model.safetensors")
    assert by_text["cid"] == by_path["cid"]
    assert_same(by_path["data"], state)
    assert ipfs_accelerate.get_cid_metadata(by_path["cid"])["pinned"] is False
    # What was loaded stays as it was, whatever becomes of the file.
    (here / "model.safetensors").write_bytes(b"")
    assert_same(by_text["data"], state)


def test_tensors_outlive_all_that_they_came_from(here: Path, tmp_path: Path) -> None:
    state = model()
    save_file(state, here / "m.safetensors")
    data = loaded("m.safetensors")["data"]
    embed = data["embed"]
    ipfs_accelerate.close()
    with Repository(tmp_path / "repository") as repository:
        repository.gc()
    assert_same(data, state)
    del data
    assert embed.tobytes() == state["embed"].tobytes()


def test_what_is_written_into_an_array_reaches_nobody_else(
    here: Path, tmp_path: Path
) -> None:
    state = model()
    save_file(state, here / "m.safetensors")
    cid = loaded("m.safetensors")["cid"]
    (pack,) = packs_of(tmp_path / "repository")
    before = pack.read_bytes()
    mine, other = loaded(cid)["data"], loaded(cid)["data"]
    for name in mine:
        array = mine[name]
        assert mine[name] is array
        array[...] = 1
    # What was written stays, as in a dictionary.
    assert all((mine[name] == 1).all() for name in mine)
    assert_same(other, state)
    assert_same(loaded(cid)["data"], state)
    assert pack.read_bytes() == before


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not map pages of packs once more"
)
def test_arrays_lie_in_the_packs(here: Path, tmp_path: Path) -> None:
    state = model(layers=1, size=2_000_000)
    (here / "m.safetensors").write_bytes(save(state))
    result = loaded("m.safetensors")
    for name in ("layers.0.weight", "embed"):
        assert is_private_map_of_a_pack(result["data"][name].ctypes.data)
    with Repository(tmp_path / "far") as far, serving(far) as server:
        other = save(model(1, layers=1, size=2_000_000))
        cid = str(far.add(other, chunker="size-262144").cid)
        assert loaded(cid, server.url)["source"] == "ipfs"
    # What came from elsewhere lies in the packs of the cache.
    again = loaded(cid)
    assert is_private_map_of_a_pack(again["data"]["embed"].ctypes.data)


def test_floats_become_what_is_asked_for(here: Path) -> None:
    state = model()
    save_file(state, here / "m.safetensors")
    for dtype in ("float16", np.float16, np.dtype("f2")):
        data = loaded("m.safetensors", dtype=dtype)["data"]
        assert data["layers.0.weight"].dtype == np.float16
        assert (data["layers.0.weight"] == state["layers.0.weight"].astype("f2")).all()
        assert data["embed"].dtype == np.uint8
        assert data["steps"].dtype == np.int64
    wrong = loaded("m.safetensors", dtype="float17")
    assert wrong["error_type"] == "InvalidParameterError"


def test_a_folder_of_shards_is_loaded_as_one(here: Path) -> None:
    parts = {"a-1.safetensors": model(1), "a-2.safetensors": {"last": np.ones(3, "f4")}}
    state = write_sharded(here / "folder", parts)
    result = loaded("folder")
    assert_same(result["data"], state)
    assert result["metadata"] == {"format": "pt", "total_size": 5}
    index = loaded(f"{result['cid']}/model.safetensors.index.json")
    assert_same(index["data"], state)
    one = loaded(f"ipfs://{result['cid']}/a-2.safetensors")
    assert list(one["data"]) == ["last"]


def test_of_a_folder_the_usual_file_is_taken(here: Path) -> None:
    folder = here / "folder"
    folder.mkdir()
    (folder / "readme.md").write_text("text")
    none = loaded(folder)
    assert none["error_type"] == "UnsupportedFileError"
    assert "holds no checkpoint" in none["message"]
    save_file({"a": np.ones(1, "f4")}, folder / "one.safetensors")
    assert list(loaded(folder)["data"]) == ["a"]
    save_file({"b": np.ones(1, "f4")}, folder / "two.safetensors")
    two = loaded(folder)
    assert "one.safetensors, two.safetensors" in two["message"]
    save_file({"c": np.ones(1, "f4")}, folder / "model.safetensors")
    assert list(loaded(folder)["data"]) == ["c"]


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ({"weight_map": {"a": "../m.safetensors"}}, "not beside it"),
        ({"weight_map": {"a": "/etc/passwd"}}, "not beside it"),
        ({"weight_map": {"a": "lost.safetensors"}}, "not beside it"),
        ({"weight_map": {"a": 1}}, "in no file"),
        ({"weight_map": []}, "no JSON object"),
        ([], "no JSON object"),
        ({"weight_map": {"other": "m.safetensors"}}, "no such tensor"),
    ],
)
def test_an_index_that_is_wrong_is_malformed(here: Path, index: Any, says: str) -> None:
    folder = here / "folder"
    folder.mkdir()
    save_file({"a": np.ones(1, "f4")}, folder / "m.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    result = loaded(folder)
    assert (result["status"], result["error_type"]) == ("error", "MalformedDataError")
    assert says in result["message"]
    assert "data" not in result


def test_what_is_no_checkpoint_is_raw(here: Path) -> None:
    for data in (b"my file\n", b"", b'{"a": 1}', os.urandom(3 * MIB), b"PK\x03\x04..."):
        (here / "file").write_bytes(data)
        result = loaded("file")
        assert (result["status"], result["format"]) == ("success", "raw")
        assert result["data"] == data
    # Its name says what it would be.
    (here / "file.safetensors").write_bytes(b"my file\n")
    assert loaded("file.safetensors")["error_type"] == "MalformedDataError"


class Deed:
    """What does something when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("done",)


def pickles() -> dict[str, bytes]:
    plain = pickle.dumps(Deed())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr("archive/data.pkl", plain)
    npz = io.BytesIO()
    np.savez(npz, a=np.array([Deed()], object))
    npy = io.BytesIO()
    np.save(npy, np.array([Deed()], object))
    return {
        "bin": plain,
        "pt": file.getvalue(),
        "npz": npz.getvalue(),
        "x": npy.getvalue(),
    }


@pytest.mark.parametrize("ending", ["bin", "pt", "npz", "x"])
def test_pickles_are_refused_and_do_nothing(here: Path, ending: str) -> None:
    (here / f"file.{ending}").write_bytes(pickles()[ending])
    for path in (f"file.{ending}", loaded_cid(here / f"file.{ending}")):
        result = loaded(path)
        assert result["error_type"] == "UnsupportedFileError"
        assert "pickle" in result["message"]
    assert not (here / "done").exists()


def loaded_cid(path: Path) -> str:
    cid: str = ipfs_accelerate.add_file(path)["cid"]
    return cid


def test_numpys_own_files_are_loaded(here: Path) -> None:
    state = model()
    arrays: dict[str, Any] = dict(state)
    np.savez(here / "m.npz", **arrays)
    np.savez_compressed(here / "c.npz", **arrays)
    np.save(here / "m.npy", state["layers.0.weight"])
    for name in ("m.npz", "c.npz"):
        result = loaded(name)
        assert result["format"] == "numpy"
        assert_same(result["data"], state)
    assert list(loaded("m.npz", names="embed")["data"]) == ["embed"]
    alone = loaded("m.npy")["data"]
    assert alone.tobytes() == state["layers.0.weight"].tobytes()
    (here / "bad.npy").write_bytes((here / "m.npy").read_bytes()[:-1])
    assert loaded("bad.npy")["error_type"] == "MalformedDataError"
    huge = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": (1 << 59,)}
    np.lib.format.write_array_header_1_0(huge, about)
    (here / "huge.npy").write_bytes(huge.getvalue())
    assert loaded("huge.npy")["error_type"] == "MalformedDataError"


def test_what_numpy_has_not_is_never_a_wrong_number(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Others of the tests' libraries bring it.
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    data = np.arange(4, dtype="u2").tobytes()
    for dtype in ("BF16", "F8_E4M3", "F4"):
        size = {"BF16": 4, "F8_E4M3": 8, "F4": 16}[dtype]
        header = {"a": {"dtype": dtype, "shape": [size], "data_offsets": [0, 8]}}
        text = json.dumps(header).encode()
        file = here / "m.safetensors"
        file.write_bytes(len(text).to_bytes(8, "little") + text + data)
        result = loaded(file)
        assert result["error_type"] == "UnsupportedFileError", result
        assert "'a'" in result["message"]
        says = "smaller than a byte" if dtype == "F4" else "pip install"
        assert says in result["message"]


def test_one_may_say_what_is_wanted(here: Path) -> None:
    state = model()
    save_file(state, here / "m.safetensors")
    two = ["layers.0.weight", "embed"]
    assert sorted(loaded("m.safetensors", names=two)["data"]) == sorted(two)
    by_rule = loaded("m.safetensors", names=lambda name: name.startswith("layers."))
    assert sorted(by_rule["data"]) == [f"layers.{n}.weight" for n in range(4)]
    by_map = loaded("m.safetensors", device_map={"layers.1": "cpu", "embed": "disk"})
    assert sorted(by_map["data"]) == ["embed", "layers.1.weight"]
    # A prefix ends at a dot.
    assert list(loaded("m.safetensors", device_map={"layer": "cpu"})["data"]) == []
    assert len(loaded("m.safetensors", device_map="cpu")["data"]) == len(state)
    for wrong in ({"names": "no such"}, {"device_map": "auto"}, {"device_map": 0}):
        result = loaded("m.safetensors", **wrong)
        assert result["error_type"] == "InvalidParameterError", wrong
    assert "needs a model" in loaded("m.safetensors", device_map="auto")["message"]


def test_failures_are_results_that_say_why(here: Path) -> None:
    lost = loaded(NOWHERE)
    assert (lost["status"], lost["error_type"]) == ("error", "BlockNotFoundError")
    assert NOWHERE in lost["message"]
    assert loaded("no cid")["error_type"] == "InvalidCIDError"
    assert loaded(here / "none")["error_type"] == "PathNotFoundError"
    save_file(model(), here / "m.safetensors")
    nobody = loaded("m.safetensors", "lab")
    assert nobody["error_type"] == "ConfigurationError"
    assert "[endpoints.lab]" in nobody["message"]
    assert loaded("m.safetensors", framework="jax")["status"] == "error"
    assert all("data" not in it for it in (lost, nobody))


def test_bytes_of_what_is_wanted_are_fetched_and_no_others(tmp_path: Path) -> None:
    state = model(layers=8, size=2_000_000)
    (tmp_path / "file").write_bytes(save(state))
    with Repository(tmp_path / "far") as far, serving(far) as server:
        cid = str(far.add(tmp_path / "file", chunker="size-262144").cid)
        all_of_it = far.stat(cid).size
        result = loaded(cid, server.url, names=["layers.3.weight"])
        assert (result["status"], result["source"]) == ("success", "ipfs")
        assert_same(result["data"], {"layers.3.weight": state["layers.3.weight"]})
        # The tensor, a block on either side, the header's, and the root.
        assert server.sent_bytes <= 8_000_000 + 4 * 262_144
        assert server.sent_bytes < all_of_it / 6
        server.forget()
        again = loaded(cid, server.url, names=["layers.3.weight"])
        assert (again["source"], server.sent) == ("cache", [])
        more = loaded(cid, server.url, names=["layers.4.weight"])
        assert more["source"] == "ipfs"
        assert 0 < server.sent_bytes <= 8_000_000 + 2 * 262_144


def test_shards_in_which_nothing_is_wanted_are_left_alone(tmp_path: Path) -> None:
    shards = {f"{n}.safetensors": {f"part.{n}": model(n)["embed"]} for n in range(4)}
    write_sharded(tmp_path / "folder", shards)
    with Repository(tmp_path / "far") as far, serving(far) as server:
        root = far.add(tmp_path / "folder").cid
        result = loaded(str(root), server.url, device_map={"part.2": "cpu"})
        assert_same(result["data"], shards["2.safetensors"])
        others = {
            str(link.target)
            for n in (0, 1, 3)
            for link in far.refs(f"{root}/{n}.safetensors", recursive=True)
        }
        assert not others & set(server.sent)


def test_an_endpoint_is_asked_by_name_or_url(tmp_path: Path) -> None:
    state = model()
    with Repository(tmp_path / "far") as far, serving(far) as server:
        cid = str(far.add(save(state)).cid)
        config = ipfs_accelerate_py.config()
        config.set("endpoints.lab", "gateway", server.url)
        ipfs_accelerate.configure(config)
        assert loaded(cid)["error_type"] == "BlockNotFoundError"
        first, later = loaded(cid, "lab"), loaded(cid, endpoint="local")
        assert (first["source"], later["source"]) == ("ipfs", "cache")
        assert_same(first["data"], state)
        server.behave = lie
        other = str(far.add(save(model(1))).cid)
        wrong = loaded(other, server.url)
    assert wrong["error_type"] == "IntegrityError"
    assert "data" not in wrong


def packs_of(folder: Path) -> list[Path]:
    return sorted((folder / "embedded" / "packs").glob("*.car"))


@settings(max_examples=30, suppress_health_check=SHARED)
@given(seed=st.integers())
def test_a_bit_flipped_on_the_disk_is_an_error_before_any_tensor(
    flippable: tuple[Path, str, bytes], seed: int
) -> None:
    folder, cid, file = flippable
    chance = random.Random(seed)
    at = chance.randrange(len(file))
    start, length = at & -262_144, min(4096, len(file) - (at & -262_144))
    # The block that it lies in begins so.
    piece = file[start : start + length]
    (pack,) = packs_of(folder)
    sound = pack.read_bytes()
    place = sound.index(piece) + at - start
    changed = bytearray(sound)
    changed[place] ^= 1 << chance.randrange(8)
    ipfs_accelerate.close()
    pack.write_bytes(changed)
    try:
        result = loaded(cid)
        ipfs_accelerate.close()
    finally:
        pack.write_bytes(sound)
    assert (result["status"], result["error_type"]) == ("error", "IntegrityError")
    assert "data" not in result


@pytest.fixture
def flippable(here: Path, tmp_path: Path) -> tuple[Path, str, bytes]:
    state = model(layers=2, size=300_000)
    save_file(state, here / "m.safetensors")
    with Repository(tmp_path / "repository") as repository:
        cid = str(repository.add(here / "m.safetensors", chunker="size-262144").cid)
    return tmp_path / "repository", cid, (here / "m.safetensors").read_bytes()


def test_damage_elsewhere_is_no_matter(here: Path, tmp_path: Path) -> None:
    state = model(layers=4, size=300_000)
    save_file(state, here / "m.safetensors")
    file = (here / "m.safetensors").read_bytes()
    with Repository(tmp_path / "repository") as repository:
        cid = str(repository.add(here / "m.safetensors", chunker="size-262144").cid)
    (pack,) = packs_of(tmp_path / "repository")
    held = pack.read_bytes()
    whole = loaded(cid)
    layer = whole["data"]["layers.3.weight"].tobytes()
    ipfs_accelerate.close()
    # Somewhere in the middle of another tensor.
    at = file.index(state["layers.1.weight"].tobytes()[600_000:601_000])
    pack.write_bytes(held.replace(file[at : at + 1000], bytes(1000)))
    found = loaded(cid, names="layers.3.weight")
    assert found["data"]["layers.3.weight"].tobytes() == layer
    assert loaded(cid)["error_type"] == "IntegrityError"


@settings(max_examples=25, suppress_health_check=SHARED)
@given(data=st.data())
def test_what_safetensors_writes_is_loaded_as_it_was(
    here: Path, data: st.DataObject
) -> None:
    names = data.draw(
        st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True)
    )
    state: State = {}
    for name in names:
        dtype = data.draw(st.sampled_from(["?", "u1", "i2", "f2", "f4", "i8", "c8"]))
        shape = data.draw(st.lists(st.integers(0, 40), max_size=3))
        source = np.random.default_rng(len(state))
        state[name] = np.array(source.random(shape) * 100, dtype)
    file = save(state)
    chunk = data.draw(st.sampled_from([100, 1000, 262_144]))
    (here / "m.safetensors").write_bytes(file)
    with Repository(here.parent / "repository") as repository:
        cid = str(repository.add(here / "m.safetensors", chunker=f"size-{chunk}").cid)
    assert_same(loaded(cid)["data"], load(file))
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    assert_same(loaded(cid, names=chosen)["data"], {name: state[name] for name in chosen})


PROGRAM = """
import hashlib, os, sys
from ipfs_accelerate_py import load_checkpoint_and_dispatch
result = load_checkpoint_and_dispatch(sys.argv[1], framework="numpy")
assert "torch" not in sys.modules
digest = hashlib.sha256()
for name in sorted(result["data"]):
    digest.update(result["data"][name].tobytes())
print(digest.hexdigest(), result["source"])
"""


def digest_of(data: Any) -> str:
    digest = hashlib.sha256()
    for name in sorted(data):
        digest.update(data[name].tobytes())
    return digest.hexdigest()


def test_two_processes_load_the_same(here: Path) -> None:
    state = model()
    save_file(state, here / "m.safetensors")
    cid = loaded("m.safetensors")["cid"]
    digest, source = run_python(PROGRAM, cid).split()
    assert (digest, source) == (digest_of(state), "cache")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_the_tensors_and_loads_others(here: Path) -> None:
    state, other = model(), model(1)
    save_file(state, here / "m.safetensors")
    save_file(other, here / "n.safetensors")
    program = """
    import os, sys
    from ipfs_accelerate_py import load_checkpoint_and_dispatch as load
    data = load("m.safetensors", framework="numpy")["data"]
    one = data["embed"]
    child = os.fork()
    if not child:
        total = sum(int(one.sum()) for name in data)
        more = load("n.safetensors", framework="numpy")["data"]
        os._exit(0 if total and int(more["embed"].sum()) else 1)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), int(data["embed"].sum()))
    """
    assert run_python(program).split() == ["0", str(state["embed"].sum(dtype="i8"))]


def test_many_threads_share_one(here: Path) -> None:
    state = model()
    save_file(state, here / "m.safetensors")
    cid = loaded("m.safetensors")["cid"]
    shared = loaded(cid)["data"]
    digests: list[str] = []

    def work() -> None:
        digests.append(digest_of(loaded(cid)["data"]))
        digests.append(digest_of(shared))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [digest_of(state)] * 16


def test_without_numpy_one_is_told_what_to_install(here: Path) -> None:
    save_file(model(), here / "m.safetensors")
    program = """
    import sys
    sys.modules["numpy"] = None
    from ipfs_accelerate_py import load_checkpoint_and_dispatch as load
    assert load("text")["format"] == "raw"
    try:
        load("m.safetensors", framework="numpy")
    except ImportError as error:
        print(error.name, "pip install 'ipfs-kit-py[ml]'" in str(error))
    """
    (here / "text").write_text("text")
    assert run_python(program).split() == ["numpy", "True"]


def test_keywords_are_those_of_the_docstring() -> None:
    from ipfs_accelerate_py._content import Content

    parameters = inspect.signature(Content.load_checkpoint).parameters
    assert list(parameters)[1:3] == ["cid", "endpoint"]
    doc = inspect.getdoc(Content.load_checkpoint) or ""
    assert all(f"\n    {name}: " in doc for name in list(parameters)[1:])
