"""`save_checkpoint`: ordinary files, whose blocks the versions of a model share."""

import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import numpy as reference
from tests.mapped import is_private_map_of_a_pack
from tests.processes import run_python

import ipfs_accelerate_py
from ipfs_accelerate_py import (
    ipfs_accelerate,
    load_checkpoint_and_dispatch,
    save_checkpoint,
)
from ipfs_accelerate_py._laying_out import Shape, lay_out
from ipfs_accelerate_py._saving import _Saving
from ipfs_kit_py import hash_file
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.errors import (
    FileChangedError,
    InvalidParameterError,
    LimitExceededError,
    MalformedDataError,
    PathNotFoundError,
    UnsupportedFileError,
)

pytestmark = pytest.mark.usefixtures("workplace")
KIB, MIB = 1 << 10, 1 << 20
FILE = "model.safetensors"

State = dict[str, Any]


def engine() -> Any:
    return ipfs_accelerate.content().kit.engine


def saved(cid: object, name: str = FILE) -> bytes:
    found: bytes = engine().cat(f"{cid}/{name}")
    return found


def leaves(cid: object, name: str = FILE) -> list[bytes]:
    root = engine().resolve(f"{cid}/{name}")
    if root.codec == "raw":
        return [engine().block_get(root)]
    links = [it.target for it in engine().refs(root, recursive=True, unique=False)]
    return [engine().block_get(it) for it in links if it.codec == "raw"]


def same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return found.keys() == wanted.keys() and all(
        found[name].dtype == np.asarray(it).dtype.newbyteorder("=")
        and found[name].shape == it.shape
        and found[name].tobytes() == it.astype(found[name].dtype).tobytes()
        for name, it in wanted.items()
    )


def model(layers: int = 10, width: int = 128, words: int = 700) -> State:
    """The tensors of a transformer, with random numbers in them."""
    rng = np.random.default_rng(layers * width)

    def tensor(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    state = {"embeddings.words.weight": tensor(words, width)}
    for number in range(layers):
        at = f"encoder.layer.{number}."
        for name in ("query", "key", "value", "output"):
            state[f"{at}attention.{name}.weight"] = tensor(width, width)
            state[f"{at}attention.{name}.bias"] = tensor(width)
        state[f"{at}up.weight"] = tensor(4 * width, width)
        state[f"{at}up.bias"] = tensor(4 * width)
        state[f"{at}down.weight"] = tensor(width, 4 * width)
        state[f"{at}norm.weight"] = tensor(width)
    return state


DTYPES = [
    "bool",
    "u1",
    "i1",
    "u2",
    "i2",
    "u4",
    "i4",
    "u8",
    "i8",
    "f2",
    "f4",
    "f8",
    "c8",
    ">f4",
    ">i2",
]
SHAPES = st.lists(st.integers(0, 6), max_size=4).map(tuple)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
).filter(lambda name: name != "__metadata__")


@st.composite
def states(draw: st.DrawFn) -> State:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    state = {}
    for name in draw(st.lists(NAMES, max_size=8, unique=True)):
        dtype, shape = np.dtype(draw(st.sampled_from(DTYPES))), draw(SHAPES)
        data = rng.bytes(dtype.itemsize * int(np.prod(shape)))
        if dtype.kind == "b":
            data = bytes(it & 1 for it in data)
        array = np.frombuffer(data, dtype).reshape(shape)
        state[name] = array.T if draw(st.booleans()) else array
    return state


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states(), st.dictionaries(NAMES, NAMES, max_size=3))
def test_tensors_come_back_as_safetensors_reads_them(
    state: State, metadata: dict[str, str]
) -> None:
    done = save_checkpoint(state, metadata=metadata)
    data = saved(done.cid)
    assert same(reference.load(data), state)
    length = int.from_bytes(data[:8], "little")
    assert (8 + length) % 4096 == 0
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__", {}) == metadata
    # No number straddles two of its size.
    ends = [it["data_offsets"] for it in header.values()]
    assert ends == sorted(ends)
    assert all((8 + length + start) % _width(header, start) == 0 for start, _ in ends)


def _width(header: Mapping[str, Any], start: int) -> int:
    sizes = {"8": 1, "L": 1, "6": 2, "2": 4, "4": 8}
    found = next(it for it in header.values() if it["data_offsets"][0] == start)
    return sizes[found["dtype"][-1]] if found["data_offsets"][1] > start else 1


def test_every_large_tensor_begins_with_a_block_of_its_own(workplace: Path) -> None:
    del workplace
    state = model(layers=2, width=256) | {"huge": np.zeros((3, 400_000), np.float32)}
    done = save_checkpoint(state)
    data, sizes = saved(done.cid), [len(it) for it in leaves(done.cid)]
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    begin = 8 + int.from_bytes(data[:8], "little")
    starts = set(accumulate(sizes, initial=0))
    for name, it in header.items():
        if name != "__metadata__" and state[name].nbytes >= 64 * KIB:
            assert begin + it["data_offsets"][0] in starts
    assert begin in starts
    assert max(sizes) < MIB + 64 * KIB
    assert sum(sizes) == len(data)
    # Whole pages come first, and so does each block of theirs.
    places = [it["data_offsets"] for name, it in header.items() if "shape" in it]
    whole = [stop % 4096 == 0 and stop - start >= 64 * KIB for start, stop in places]
    assert whole == sorted(whole, reverse=True)
    end = begin + max(places[at][1] for at, it in enumerate(whole) if it)
    assert [it for it in starts if it < end and it % 4096] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux joins what is mapped")
def test_every_large_tensor_is_loaded_where_it_lies_in_the_repository() -> None:
    # Whole pages, small ones between them by name, and some that end within a page.
    state = model(layers=3, width=256) | {
        f"odd.{number}": np.full(MIB + number, number, np.uint8) for number in range(4)
    }
    done = save_checkpoint(state)
    result = load_checkpoint_and_dispatch(done.cid, framework="numpy")
    assert result["status"] == "success"
    for name, tensor in result["data"].items():
        is_small = tensor.nbytes < 64 * KIB
        assert is_small or is_private_map_of_a_pack(tensor.ctypes.data), name
        assert (tensor == state[name]).all()


def test_small_tensors_share_a_block_with_those_of_their_layer_alone() -> None:
    names = [f"layer.{number}.{name}" for number in range(3) for name in "abc"]
    shapes = [Shape(name, "F32", (256,), KIB) for name in [*names, "z.weight"]]
    layout = lay_out(shapes, {})
    assert layout.lengths == [len(layout.head), 3 * KIB, 3 * KIB, 3 * KIB, KIB]
    many = [Shape(f"layer.0.{name:03}", "U8", (60_000,), 60_000) for name in range(9)]
    assert lay_out(many, {}).lengths[1:] == [240_000, 240_000, 60_000]


def test_what_is_saved_again_is_there_in_whatever_order_it_comes() -> None:
    state = model(layers=2)
    first = save_checkpoint(state)
    assert first.new_bytes > sum(it.nbytes for it in state.values())
    again = save_checkpoint(dict(reversed(state.items())))
    assert (again.cid, again.new_bytes) == (first.cid, 0)
    assert again.shared_bytes == first.new_bytes + first.shared_bytes


def test_a_fine_tune_of_one_layer_in_ten_writes_little_more_than_that_layer() -> None:
    state = model()
    first = save_checkpoint(state)
    for name in state:
        if name.startswith("encoder.layer.4."):
            state[name] = state[name] + 1
    tuned = save_checkpoint(state)
    assert same(reference.load(saved(tuned.cid)), state)
    assert tuned.new_bytes <= 0.15 * first.new_bytes
    assert tuned.shared_bytes >= 0.85 * first.new_bytes


def test_a_longer_vocabulary_leaves_all_other_tensors_as_they_are() -> None:
    state = model(words=10_000)
    first = save_checkpoint(state)
    words = state["embeddings.words.weight"]
    state["embeddings.words.weight"] = np.concatenate([words, words[:9] + 1])
    longer = save_checkpoint(state)
    assert same(reference.load(saved(longer.cid)), state)
    # The last block of these, and the header.
    assert longer.new_bytes < MIB + 128 * KIB
    assert longer.new_bytes <= 0.15 * first.new_bytes


def test_a_file_that_is_cut_elsewhere_would_share_nothing_behind_a_longer_tensor(
    workplace: Path,
) -> None:
    state = model(words=10_000)
    reference.save_file(state, "a")
    words = state["embeddings.words.weight"]
    state["embeddings.words.weight"] = np.concatenate([words, words[:9] + 1])
    reference.save_file(state, "b")
    first = ipfs_accelerate.add_file(workplace / "a")
    second = ipfs_accelerate.add_file(workplace / "b")
    assert second["new_bytes"] > 0.5 * first["new_bytes"]


def test_tensors_that_are_the_same_one_are_kept_once() -> None:
    words = np.random.default_rng(1).standard_normal((5000, 64), dtype=np.float32)
    done = save_checkpoint({"embed.weight": words, "head.weight": words})
    assert set(reference.load(saved(done.cid))) == {"embed.weight", "head.weight"}
    assert done.new_bytes < 1.1 * words.nbytes


def test_large_states_are_shards_with_an_index() -> None:
    state = model(layers=4)
    most = 400_000
    done = save_checkpoint(state, max_shard_bytes=most)
    names = [entry.name for entry in engine().ls(done.cid)]
    index = json.loads(saved(done.cid, "model.safetensors.index.json"))
    shards = sorted(set(index["weight_map"].values()))
    assert names == sorted([*shards, "model.safetensors.index.json"])
    assert shards[0] == f"model-00001-of-{len(shards):05}.safetensors"
    found: State = {}
    for shard in shards:
        inside = reference.load(saved(done.cid, shard))
        assert all(index["weight_map"][name] == shard for name in inside)
        assert len(inside) == 1 or sum(it.nbytes for it in inside.values()) <= most
        found |= inside
    assert same(found, state)
    assert index["metadata"]["total_size"] == sum(it.nbytes for it in state.values())
    # Other bounds move tensors from file to file, not into other blocks.
    other = save_checkpoint(state)
    assert other.new_bytes < 0.1 * done.new_bytes


def test_a_folder_keeps_its_other_files_and_the_metadata_of_tensors(
    workplace: Path,
) -> None:
    state = {"x": np.arange(9.0), "y": np.ones((300, 300))}
    folder = workplace / "model"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / ".git").mkdir()
    reference.save_file(state, folder / "sub" / "a.safetensors", {"made by": "me"})
    (workplace / "blob").write_bytes(b"words")
    (folder / "vocabulary.txt").symlink_to("../blob")
    done = save_checkpoint(folder)
    assert [it.name for it in engine().ls(done.cid)] == [
        "config.json",
        "sub",
        "vocabulary.txt",
    ]
    assert [it.name for it in engine().ls(f"{done.cid}/sub")] == [
        "a.safetensors",
        "empty",
    ]
    assert saved(done.cid, "vocabulary.txt") == b"words"
    assert same(reference.load(saved(done.cid, "sub/a.safetensors")), state)
    assert b'"made by":"me"' in saved(done.cid, "sub/a.safetensors")
    changed = save_checkpoint(folder, metadata={"format": "np"})
    assert b"made by" not in saved(changed.cid, "sub/a.safetensors")


def test_a_folder_without_tensors_is_the_one_that_add_makes(workplace: Path) -> None:
    folder = workplace / "folder"
    (folder / "ä" / "b").mkdir(parents=True)
    for number in range(30):
        data = random.Random(number).randbytes(number * 70_000)
        (folder / "ä" / f"{number}.dat").write_bytes(data)
    done = save_checkpoint(folder)
    added = engine().add(folder)
    assert (added.cid, added.new_bytes) == (done.cid, 0)
    assert engine().stat(done.cid).cumulative_size == added.size


def test_one_file_becomes_a_folder_with_it(workplace: Path) -> None:
    state = {"x": np.arange(9.0)}
    reference.save_file(state, workplace / "a.safetensors", {"format": "pt"})
    done = save_checkpoint("a.safetensors")
    assert same(reference.load(saved(done.cid, "a.safetensors")), state)
    alone = save_checkpoint(state)
    assert saved(alone.cid) == saved(done.cid, "a.safetensors")


def test_pickles_are_added_for_those_who_ask_alone(workplace: Path) -> None:
    folder = workplace / "model"
    folder.mkdir()
    (folder / "optimizer.pt").write_bytes(b"a pickle")
    with pytest.raises(
        UnsupportedFileError, match=r"optimizer\.pt is a pickle: .*pickles="
    ):
        save_checkpoint(folder)
    done = save_checkpoint(folder, pickles=True)
    assert saved(done.cid, "optimizer.pt") == b"a pickle"


def test_it_is_pinned_at_the_end_and_not_before(workplace: Path) -> None:
    class Broken(dict[str, Any]):
        asked = 0

        def __getitem__(self, name: str) -> Any:
            self.asked += 1
            if self.asked > 2 * len(self) - 1:
                raise ZeroDivisionError
            return super().__getitem__(name)

    state = model(layers=2)
    with pytest.raises(ZeroDivisionError):
        save_checkpoint(Broken(state))
    assert list(engine().pin_ls()) == []
    done = save_checkpoint(state, name="the model")
    (pin,) = engine().pin_ls("recursive")
    assert (pin.cid, pin.name) == (done.cid, "the model")
    del workplace


def test_blocks_that_were_collected_before_the_pin_are_put_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, kept = model(layers=2), engine()
    pin, tries = kept.pin_add, []

    def late(root: object, **options: Any) -> object:
        tries.append(root)
        if len(tries) == 1:
            kept.block_rm([it.target for it in kept.refs(root)], force=True)
        return pin(root, **options)

    monkeypatch.setattr(type(kept), "pin_add", lambda _, *a, **k: late(*a, **k))
    done = save_checkpoint(state)
    assert tries == [done.cid, done.cid]
    assert same(reference.load(saved(done.cid)), state)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        ({"a": 3}, "'a' is int, not an array"),
        ({"a": {"b": np.zeros(1)}}, "'a' is dict, not an array"),
        ({7: np.zeros(1)}, "7 cannot be the name"),
        ({"__metadata__": np.zeros(1)}, "'__metadata__' cannot be the name"),
        ({"a": np.zeros(1, np.complex128)}, "no type complex128"),
        ({"a": np.array(["text"])}, "no type <U4"),
        ({"a": np.array([object()])}, "no type object"),
        ({"a": np.ma.array([1, 2], mask=[False, True])}, "'a' is masked"),
    ],
)
def test_what_is_no_tensor_is_refused(state: Any, complaint: str) -> None:
    with pytest.raises(InvalidParameterError, match=complaint):
        save_checkpoint(state)
    assert list(engine().pin_ls()) == []


def test_other_things_are_refused_with_what_to_give(workplace: Path) -> None:
    with pytest.raises(InvalidParameterError, match=r"give `model\.state_dict"):
        save_checkpoint(object())  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterError, match="less than 1"):
        save_checkpoint({}, max_shard_bytes=0)
    with pytest.raises(InvalidParameterError, match="metadata is text by text"):
        save_checkpoint({}, metadata={"a": 1})  # type: ignore[dict-item]
    with pytest.raises(FileNotFoundError):
        save_checkpoint("nothing")
    (workplace / "bad.safetensors").write_bytes(b"{}" * 99)
    with pytest.raises(MalformedDataError):
        save_checkpoint(workplace)
    (workplace / "bad.safetensors").unlink()
    (workplace / "link").symlink_to(workplace)
    with pytest.raises(UnsupportedFileError, match="a link to a folder"):
        save_checkpoint(workplace)
    (workplace / "link").unlink()
    (workplace / "link").symlink_to("link")
    with pytest.raises(PathNotFoundError, match="link"):
        save_checkpoint(workplace)
    (workplace / "link").unlink()
    for number in range(1000):
        (workplace / f"{number:0240}").touch()
    with pytest.raises(LimitExceededError, match="1,000 entries"):
        save_checkpoint(workplace)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_what_is_no_file_is_refused(workplace: Path) -> None:
    os.mkfifo(workplace / "fifo")
    with pytest.raises(UnsupportedFileError, match="neither a file nor a folder"):
        save_checkpoint(workplace)


def test_a_file_that_changes_meanwhile_is_refused(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workplace / "a.safetensors"
    reference.save_file({"x": np.zeros(10 * MIB, np.uint8)}, path)
    monkeypatch.setattr(
        "ipfs_accelerate_py._saving.lay_out",
        lambda *given: (path.write_bytes(b"short"), lay_out(*given))[1],
    )
    with pytest.raises(FileChangedError):
        save_checkpoint(path)
    assert list(engine().pin_ls()) == []


def test_it_holds_one_tensor_at_a_time(workplace: Path) -> None:
    program = """
    import resource
    from collections.abc import Mapping
    import numpy as np
    import ipfs_accelerate_py

    class State(Mapping):
        def __len__(self): return 40
        def __iter__(self): return (f"tensor {it}" for it in range(len(self)))
        def __getitem__(self, name): return np.full(1 << 23, int(name[7:]), np.uint8)

    ipfs_accelerate_py.save_checkpoint({"small": np.zeros(9 << 20)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = ipfs_accelerate_py.save_checkpoint(State())
    assert done.new_bytes > 40 << 17, done
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
    """
    pytest.importorskip("resource")
    del workplace
    assert int(run_python(program)) < 100


@pytest.fixture(scope="module")
def ipfs(require_real: Callable[[str, str], Path]) -> Path:
    if os.name == "nt":
        pytest.skip("the kit starts no daemon on Windows")
    return require_real("ipfs", "`make tools` builds it where Go is installed")


@pytest.fixture(scope="module")
def node(ipfs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboEngine]:
    folder = tmp_path_factory.mktemp("node")
    with Daemon(folder, program=ipfs, online=False):
        found = KuboEngine(folder)
        yield found
        found.close()


def by_kubo(ipfs: Path, node: KuboEngine, path: str) -> bytes:
    """What Kubo's own `cat` says, not our reader."""
    env = os.environ | {"IPFS_PATH": str(node.path)}
    done = subprocess.run([ipfs, "cat", path], env=env, check=True, capture_output=True)
    return done.stdout


def test_kubo_reads_what_was_saved(ipfs: Path, node: KuboEngine, workplace: Path) -> None:
    state = model(layers=3) | {"huge": np.zeros((3, 400_000), np.float32)}
    done = save_checkpoint(state)
    engine().dag_export(done.cid, workplace / "model.car")
    node.dag_import(workplace / "model.car")
    data = saved(done.cid)
    assert by_kubo(ipfs, node, f"{done.cid}/{FILE}") == data
    # Kubo cuts it otherwise: the file is the same, its CID is not.
    assert hash_file(io.BytesIO(data)) != engine().resolve(f"{done.cid}/{FILE}")


def test_it_is_saved_in_a_kubo_node_alike(ipfs: Path, node: KuboEngine) -> None:
    state = model(layers=2, width=64)
    here = save_checkpoint(state)
    there = _Saving(node, None, pickles=False).run(state, 1 << 40, None)
    assert there.cid == here.cid
    assert node.pin_find(there.cid) is not None
    assert by_kubo(ipfs, node, f"{there.cid}/{FILE}") == saved(here.cid)


def test_the_name_is_an_attribute_of_the_package() -> None:
    assert ipfs_accelerate_py.save_checkpoint is save_checkpoint
    assert {"save_checkpoint", "from_ipfs"} <= set(ipfs_accelerate_py.__all__)
