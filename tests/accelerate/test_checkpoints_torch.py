"""`load_checkpoint_and_dispatch` with torch, and with a model over accelerate itself."""

import importlib
import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.gateway_server import serving
from tests.ml import needs_ml
from tests.processes import run_python

import ipfs_accelerate_py
from ipfs_accelerate_py import ipfs_accelerate, load_checkpoint_and_dispatch
from ipfs_kit_py import Repository
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    IntegrityError,
    UnsupportedFileError,
)

pytestmark = [
    needs_ml,
    # Of torch itself, and of what it imports.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(autouse=True)
def here(workplace: Path) -> Path:
    """Every test has a place of its own."""
    return workplace


@pytest.fixture
def torch() -> Any:
    return importlib.import_module("torch")


def save(state: dict[str, Any], path: Path) -> None:
    safetensors = importlib.import_module("safetensors.torch")
    safetensors.save_file(state, path, {"format": "pt"})


def state_of(torch: Any) -> dict[str, Any]:
    """Tensors of every type that both sides have."""
    torch.manual_seed(1)
    names = "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 bfloat16"
    names += " float32 float64 complex64 float8_e4m3fn float8_e5m2"
    state = {}
    for name in names.split():
        numbers = torch.randint(0, 2, (5, 3)) * 2
        state[name] = numbers.to(getattr(torch, name))
    state["large"] = torch.randn(1000, 1000)
    state["scalar"] = torch.tensor(2.5)
    state["empty"] = torch.empty(0, 3)
    return state


def assert_same(torch: Any, found: Any, state: dict[str, Any]) -> None:
    assert sorted(found) == sorted(state)
    for name, tensor in state.items():
        same = found[name]
        assert (same.dtype, same.shape) == (tensor.dtype, tensor.shape)
        flat = same.contiguous().reshape(-1).view(torch.uint8)
        assert flat.equal(tensor.contiguous().reshape(-1).view(torch.uint8)), name


def test_tensors_of_every_type_come_back(here: Path, torch: Any) -> None:
    state = state_of(torch)
    save(state, here / "m.safetensors")
    result = load_checkpoint_and_dispatch("m.safetensors")
    assert (result["status"], result["format"]) == ("success", "safetensors")
    assert result["metadata"] == {"format": "pt"}
    assert_same(torch, result["data"], state)


def test_no_warning_is_given_and_nothing_is_copied() -> None:
    program = """
    import warnings; warnings.simplefilter("error")
    import resource, torch
    from safetensors.torch import save_file
    from ipfs_accelerate_py import load_checkpoint_and_dispatch as load
    save_file({"a": torch.ones(100, dtype=torch.uint8)}, "m.safetensors")
    data = load("m.safetensors")["data"]
    one, again = data["a"], data["a"]
    assert one is again
    place = one.data_ptr()
    del one, again
    # Made anew where it lies.
    assert data["a"].data_ptr() == place and int(data["a"].sum()) == 100
    print("good")
    """
    assert run_python(program).split() == ["good"]


def test_what_is_written_into_a_tensor_reaches_nobody_else(
    here: Path, torch: Any
) -> None:
    state = state_of(torch)
    save(state, here / "m.safetensors")
    mine = load_checkpoint_and_dispatch("m.safetensors")["data"]
    other = load_checkpoint_and_dispatch("m.safetensors")["data"]
    for name in mine:
        tensor = mine[name]
        tensor.zero_()
        assert mine[name] is tensor
    assert_same(torch, other, state)
    later = load_checkpoint_and_dispatch("m.safetensors")["data"]
    assert_same(torch, later, state)


def test_a_model_may_take_the_tensors_themselves_and_train(
    here: Path, torch: Any
) -> None:
    state = network(torch, seed=1).state_dict()
    save(state, here / "m.safetensors")
    model = empty(torch)
    data = load_checkpoint_and_dispatch("m.safetensors")["data"]
    model.load_state_dict(data, assign=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(3, 64)).sum().backward()
    optimizer.step()
    assert not model.state_dict()["0.weight"].equal(state["0.weight"])
    later = load_checkpoint_and_dispatch("m.safetensors")["data"]
    assert_same(torch, later, state)


def test_floats_and_devices_are_as_asked(here: Path, torch: Any) -> None:
    state = state_of(torch)
    save(state, here / "m.safetensors")
    for dtype in ("bfloat16", torch.bfloat16, "torch.bfloat16"):
        data = load_checkpoint_and_dispatch("m.safetensors", dtype=dtype)["data"]
        assert data["large"].dtype == torch.bfloat16
        assert data["large"].equal(state["large"].to(torch.bfloat16))
        assert data["int64"].dtype == torch.int64
        assert data["complex64"].dtype == torch.complex64
    places = {"large": "meta", "scalar": "disk", "empty": torch.device("cpu")}
    result = load_checkpoint_and_dispatch("m.safetensors", device_map=places)
    data = result["data"]
    assert sorted(data) == ["empty", "large", "scalar"]
    assert (data["large"].device.type, data["large"].shape) == ("meta", (1000, 1000))
    assert float(data["scalar"]) == 2.5
    assert result["size"] == 4
    if not torch.cuda.is_available():
        for device in ("cuda:0", 0, "no such device"):
            wrong = load_checkpoint_and_dispatch("m.safetensors", device_map=device)
            assert wrong["error_type"] == "InvalidParameterError"


def test_what_is_put_on_meta_is_not_fetched(tmp_path: Path, torch: Any) -> None:
    save({"a": torch.randn(1000, 1000), "b": torch.randn(9)}, tmp_path / "m")
    with Repository(tmp_path / "far") as far, serving(far) as server:
        cid = str(far.add(tmp_path / "m", chunker="size-65536").cid)
        places = {"a": "meta", "b": "cpu"}
        result = load_checkpoint_and_dispatch(cid, server.url, device_map=places)
        assert result["data"]["a"].is_meta
        assert server.sent_bytes < 300_000


def test_numpy_can_be_asked_for_though_torch_is_there(here: Path, torch: Any) -> None:
    save({"a": torch.ones(2, dtype=torch.bfloat16)}, here / "m.safetensors")
    result = load_checkpoint_and_dispatch("m.safetensors", framework="numpy")
    try:
        importlib.import_module("ml_dtypes")
    except ImportError:
        assert result["error_type"] == "UnsupportedFileError"
    else:
        assert str(result["data"]["a"].dtype) == "bfloat16"


def test_pickles_are_loaded_if_asked_for_and_tensors_alone(
    here: Path, torch: Any
) -> None:
    state = {"large": torch.randn(1000, 1000), "half": torch.ones(3).half()}
    torch.save(state, here / "new.bin")
    torch.save(state, here / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("new.bin", "old.pt"):
        refused = load_checkpoint_and_dispatch(name)
        assert refused["error_type"] == "UnsupportedFileError"
        assert "weights_only=True" in refused["message"]
        result = load_checkpoint_and_dispatch(name, weights_only=True, names=["large"])
        assert result["format"] == "pickle"
        assert_same(torch, result["data"], {"large": state["large"]})
        half = load_checkpoint_and_dispatch(name, weights_only=True, dtype="float16")
        assert half["data"]["large"].dtype == torch.float16
    torch.save({"a": Path("x")}, here / "other.bin")
    other = load_checkpoint_and_dispatch("other.bin", weights_only=True)
    assert other["error_type"] == "UnsupportedFileError"
    (here / "cut.bin").write_bytes((here / "new.bin").read_bytes()[:-100] + bytes(100))
    cut = load_checkpoint_and_dispatch("cut.bin", weights_only=True)
    assert cut["format"] == "raw" if cut["status"] == "success" else cut["error_type"]


def test_shards_of_pickles_are_loaded_as_far_as_wanted(here: Path, torch: Any) -> None:
    folder = here / "folder"
    folder.mkdir()
    torch.save({"a": torch.ones(3)}, folder / "pytorch_model-1.bin")
    torch.save({"b": torch.ones(2)}, folder / "pytorch_model-2.bin")
    weight_map = {"a": "pytorch_model-1.bin", "b": "pytorch_model-2.bin"}
    index = json.dumps({"weight_map": weight_map})
    (folder / "pytorch_model.bin.index.json").write_text(index)
    result = load_checkpoint_and_dispatch(folder, weights_only=True)
    assert_same(torch, result["data"], {"a": torch.ones(3), "b": torch.ones(2)})
    one = load_checkpoint_and_dispatch(folder, weights_only=True, names="b")
    assert_same(torch, one["data"], {"b": torch.ones(2)})


# With a model.


def network(torch: Any, *, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    linear = torch.nn.Linear
    return torch.nn.Sequential(linear(64, 64), torch.nn.ReLU(), linear(64, 64))


def empty(torch: Any) -> Any:
    with torch.device("meta"):
        return network(torch)


def write_shards(torch: Any, folder: Path) -> dict[str, Any]:
    """Write a network, and more, as two shards."""
    folder.mkdir()
    state: dict[str, Any] = network(torch, seed=1).state_dict()
    more = {"other.weight": torch.randn(300, 300)}
    save(state, folder / "model-1.safetensors")
    save(more, folder / "model-2.safetensors")
    weight_map = dict.fromkeys(state, "model-1.safetensors")
    weight_map |= dict.fromkeys(more, "model-2.safetensors")
    index = json.dumps({"metadata": {}, "weight_map": weight_map})
    (folder / "model.safetensors.index.json").write_text(index)
    return state


def test_the_signature_is_accelerates() -> None:
    from ipfs_accelerate_py._dispatching import load_and_dispatch

    accelerate = importlib.import_module("accelerate")
    theirs = inspect.signature(accelerate.load_checkpoint_and_dispatch).parameters
    ours = inspect.signature(load_and_dispatch).parameters
    assert [(it.name, it.default, it.kind) for it in ours.values()] == [
        (it.name, it.default, it.kind) for it in theirs.values()
    ]


MAPS = [
    {},
    {"device_map": {"": "cpu"}},
    {"device_map": "auto"},
    {"device_map": {"0": "cpu", "1": "cpu", "2": "disk"}, "offload_folder": "offload"},
    {"device_map": {"": "cpu"}, "dtype": "float16"},
    {"device_map": {"0": "disk", "2": "cpu", "1": "cpu"}, "offload_folder": "offload"},
]


@pytest.mark.parametrize("given", MAPS, ids=str)
@pytest.mark.parametrize("kind", ["file", "folder", "pickle", "index"])
def test_a_model_is_what_accelerate_makes_of_files(
    here: Path, torch: Any, kind: str, given: dict[str, Any]
) -> None:
    accelerate = importlib.import_module("accelerate")
    state = network(torch, seed=1).state_dict()
    place: Path = here / "model"
    if kind == "file":
        place = here / "m.safetensors"
        save(state, place)
    elif kind == "pickle":
        place = here / "m.bin"
        torch.save(state, place)
    else:
        write_shards(torch, place)
    cid = ipfs_accelerate.add_file(place)["cid"]
    if kind == "index":
        place /= "model.safetensors.index.json"
        cid += "/model.safetensors.index.json"

    def fresh() -> Any:
        # Without a map nothing replaces parameters that have no bytes.
        return empty(torch) if given else network(torch)

    wanted = accelerate.load_checkpoint_and_dispatch(fresh(), str(place), **given)
    model = load_checkpoint_and_dispatch(fresh(), cid, **given)
    assert type(model) is type(wanted)
    assert getattr(model, "hf_device_map", None) == getattr(wanted, "hf_device_map", None)
    theirs = wanted.state_dict()
    for name, tensor in model.state_dict().items():
        assert tensor.device == theirs[name].device
        assert tensor.dtype == theirs[name].dtype
    given_in = torch.ones(3, 64, dtype=theirs["0.weight"].dtype)
    assert model(given_in).equal(wanted(given_in))
    # Nothing is left of the files that accelerate read.
    assert list((here.parent / "cache" / "checkpoints").iterdir()) == []


def test_keywords_and_local_paths_are_as_accelerate_has_them(
    here: Path, torch: Any
) -> None:
    state = network(torch, seed=1).state_dict()
    save(state, here / "m.safetensors")
    for place in ("m.safetensors", here / "m.safetensors"):
        model = load_checkpoint_and_dispatch(model=network(torch), checkpoint=place)
        assert_same(torch, model.state_dict(), state)
    assert not (here.parent / "repository").exists()
    with pytest.raises(ValueError, match="path"):
        load_checkpoint_and_dispatch(network(torch), "no such file")


def test_shards_without_a_part_of_the_model_are_not_fetched(
    tmp_path: Path, torch: Any
) -> None:
    state = write_shards(torch, tmp_path / "folder")
    with Repository(tmp_path / "far") as far, serving(far) as server:
        root = far.add(tmp_path / "folder").cid
        config = ipfs_accelerate_py.config()
        config.set("endpoints", "default", "lab")
        config.set("endpoints.lab", "gateway", server.url)
        ipfs_accelerate.configure(config)
        model = load_checkpoint_and_dispatch(empty(torch), str(root), {"": "cpu"})
        assert_same(torch, model.state_dict(), state)
        other = str(far.resolve(f"{root}/model-2.safetensors"))
        assert other not in server.sent
        # Whoever asks what else there is has it read.
        with pytest.raises(RuntimeError, match="other"):
            load_checkpoint_and_dispatch(network(torch), str(root), strict=True)
        assert other in server.sent


def test_with_a_model_failures_are_raised(here: Path, tmp_path: Path, torch: Any) -> None:
    lost = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
    with pytest.raises(BlockNotFoundError):
        load_checkpoint_and_dispatch(network(torch), lost)
    (here / "text").write_text("text")
    with pytest.raises(UnsupportedFileError, match="no checkpoint"):
        load_checkpoint_and_dispatch(
            network(torch), ipfs_accelerate.add_file("text")["cid"]
        )
    save(network(torch).state_dict(), here / "m.safetensors")
    cid = ipfs_accelerate.add_file("m.safetensors")["cid"]
    with pytest.raises(ValueError, match="device_map"):
        load_checkpoint_and_dispatch(network(torch), cid, device_map="nowhere")
    ipfs_accelerate.close()
    (pack,) = (tmp_path / "repository" / "embedded" / "packs").glob("*.car")
    changed = bytearray(pack.read_bytes())
    at = changed.index((here / "m.safetensors").read_bytes()[-4000:])
    changed[at + 1234] ^= 1
    pack.write_bytes(changed)
    model = network(torch, seed=5)
    before = {name: it.clone() for name, it in model.state_dict().items()}
    with pytest.raises(IntegrityError):
        load_checkpoint_and_dispatch(model, cid)
    assert_same(torch, model.state_dict(), before)


def test_a_forked_process_reads_tensors(here: Path, torch: Any) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    save(state_of(torch), here / "m.safetensors")
    program = """
    import os
    import torch
    from ipfs_accelerate_py import load_checkpoint_and_dispatch as load
    data = load("m.safetensors")["data"]
    tensor = data["large"]
    total = float(tensor.double().sum())
    child = os.fork()
    if not child:
        same = float(tensor.double().sum()) == total
        tensor.zero_()
        os._exit(0 if same and float(tensor.sum()) == 0 else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code, float(tensor.double().sum()) == total)
    """
    assert run_python(program).split() == ["0", "True"]
