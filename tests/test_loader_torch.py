"""`IPFSDataLoader` under the real `DataLoader` of torch: workers, samplers, tensors."""

import importlib
import importlib.util
import io
import os
import signal
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from tests.ml import needs_ml
from tests.processes import seconds_to_interrupt

from ipfs_kit_py._repository import Repository
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    MalformedDataError,
)

pytestmark = [
    needs_ml,
    # Of torch itself, and of Python's about forks beside threads.
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(os.name == "nt", reason="workers are forked"),
]
SAMPLES = 60
ABSENT = "bafkreieq5jui4j25lacwomsqgjeswwl3y5zcdrresptwgmfylxo2depppq"


@pytest.fixture
def torch() -> Any:
    return importlib.import_module("torch")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def folder(tmp_path: Path, repository: Repository) -> str:
    """Sixty files of 16 bytes, in two folders."""
    for number in range(SAMPLES):
        place = tmp_path / "samples" / ("cats", "dogs")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:03}.bin").write_bytes(bytes([number]) * 16)
    return str(repository.add(tmp_path / "samples").cid)


def loaded(repository: Repository, cid: str, **options: Any) -> IPFSDataLoader:
    loader = IPFSDataLoader(repository, **({"batch_size": 7} | options))
    assert loader.load_dataset(cid)["success"]
    return loader


def forked(loader: IPFSDataLoader, workers: int, **options: Any) -> Any:
    kind = "fork" if workers else None
    return loader.to_pytorch(num_workers=workers, multiprocessing_context=kind, **options)


def first(sample: Any) -> int:
    return int(memoryview(sample)[0])


def flat(batches: Iterable[list[int]]) -> list[int]:
    return list(chain.from_iterable(batches))


def numbers(batches: Any) -> list[list[int]]:
    return [[first(sample) for sample in batch] for batch in batches]


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("persists", [False, True])
def test_the_order_does_not_depend_on_workers(
    repository: Repository, folder: str, workers: int, persists: bool
) -> None:
    alone = loaded(repository, folder)
    epochs = [numbers(alone) for _ in range(3)]
    assert all(sorted(flat(epoch)) == list(range(SAMPLES)) for epoch in epochs)
    options = {"persistent_workers": persists and workers > 0}
    loader = forked(loaded(repository, folder), workers, **options)
    assert [numbers(loader) for _ in range(3)] == epochs
    assert len(loader) == len(epochs[0]) == 9


def test_a_state_tells_of_the_pass_that_began_last(
    repository: Repository, folder: str
) -> None:
    loader = forked(loaded(repository, folder), 2)
    older = iter(loader)
    next(older)
    newer = iter(loader)
    seen = flat(numbers([next(newer), next(newer)]))
    state = loader.state_dict()
    next(older)
    assert loader.state_dict() == state
    again = loaded(repository, folder)
    again.load_state_dict(state)
    assert sorted(seen + flat(numbers(again))) == list(range(SAMPLES))
    # Nor does one that is under way when a state is taken up.
    loader.load_state_dict(state)
    next(newer)
    assert loader.state_dict() == state


def test_bytes_come_from_workers_by_column_too(
    repository: Repository, folder: str
) -> None:
    loader = forked(loaded(repository, folder, columns=["data", "label"]), 2)
    seen = [
        (data, label)
        for batch in loader
        for data, label in zip(batch["data"], batch["label"], strict=True)
    ]
    assert sorted(seen) == [(bytes([at]) * 16, at % 2) for at in range(SAMPLES)]


@pytest.mark.parametrize("persists", [False, True])
def test_workers_hear_what_is_done_to_the_loader(
    repository: Repository, folder: str, persists: bool
) -> None:
    alone = loaded(repository, folder)
    epochs = [numbers(alone) for _ in range(6)]
    inner = loaded(repository, folder)
    loader = forked(inner, 2, persistent_workers=persists)
    assert numbers(loader) == epochs[0]
    loader.set_epoch(4)
    assert numbers(loader) == epochs[4]
    state = None
    for _ in zip(range(3), loader, strict=False):
        state = loader.state_dict()
    assert numbers(loader) == _epoch(alone, 6)
    loader.load_state_dict(state)
    assert numbers(loader) == epochs[5][3:]
    assert numbers(loader) == _epoch(alone, 6)
    inner.load_embedded_dataset([b"a", b"b"])
    assert sorted(flat(numbers(loader))) == [ord("a"), ord("b")]


def _epoch(loader: IPFSDataLoader, epoch: int) -> list[list[int]]:
    loader.set_epoch(epoch)
    return numbers(loader)


@pytest.mark.parametrize(("before", "after"), [(2, 0), (0, 2), (2, 1)])
def test_another_number_of_workers_goes_on(
    repository: Repository, folder: str, before: int, after: int
) -> None:
    whole = numbers(loaded(repository, folder))
    loader = forked(loaded(repository, folder), before)
    batches = iter(loader)
    seen = [[first(sample) for sample in next(batches)] for _ in range(4)]
    state = loader.state_dict()
    del batches
    other = forked(loaded(repository, folder), after)
    other.load_state_dict(state)
    assert seen + numbers(other) == whole


def test_a_pass_that_was_not_begun_is_no_epoch(
    repository: Repository, folder: str
) -> None:
    whole = numbers(loaded(repository, folder))
    for workers in (0, 2):
        loader = forked(loaded(repository, folder), workers)
        iter(loader)
        assert numbers(iter(loader)) == whole


def test_workers_are_forked_while_the_loader_is_at_work(
    repository: Repository, folder: str, torch: Any
) -> None:
    inner = loaded(repository, folder, decode=first)
    batches = iter(inner)
    begun = [next(batches)]
    dataset = inner.to_pytorch_dataset()
    options = {"batch_size": None, "num_workers": 2, "multiprocessing_context": "fork"}
    beside = list(torch.utils.data.DataLoader(dataset, **options))
    assert sorted(flat(beside)) == list(range(SAMPLES))
    assert sorted(flat(begun + list(batches))) == list(range(SAMPLES))


def test_a_killed_worker_is_raised(repository: Repository, folder: str) -> None:
    loader = forked(loaded(repository, folder, decode=_killed_at_30), 2)
    with pytest.raises(RuntimeError, match="worker"):
        list(loader)


def test_workers_that_stay_serve_one_pass_at_a_time(
    repository: Repository, folder: str
) -> None:
    options: dict[str, Any] = {"shuffle": False, "batch_size": 6, "decode": first}
    loader = forked(loaded(repository, folder, **options), 2, persistent_workers=True)
    older = iter(loader)
    seen = next(older)
    newer = iter(loader)
    assert next(newer) == seen
    with pytest.raises(InvalidParameterError, match="another pass"):
        next(older)
    assert sorted(seen + flat(newer)) == sorted(flat(loader)) == list(range(SAMPLES))


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_workers_that_were_to_stay_are_made_anew_when_one_is_killed(
    repository: Repository, folder: str, tmp_path: Path, sent: signal.Signals
) -> None:
    once = tmp_path / "once"
    once.touch()

    def decode(data: Any) -> int:
        if first(data) == 30 and once.exists():
            once.unlink()
            os.kill(os.getpid(), sent)
        return first(data)

    loader = forked(loaded(repository, folder, decode=decode), 2, persistent_workers=True)
    with pytest.raises(RuntimeError, match="worker"):
        list(loader)
    whole = list(range(SAMPLES))
    epochs = [flat(loader) for _ in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [whole, whole]
    assert epochs[0] != epochs[1]


def test_workers_that_stay_outlive_an_error(
    repository: Repository, folder: str, tmp_path: Path
) -> None:
    once = tmp_path / "once"
    once.touch()

    def decode(data: Any) -> int:
        if first(data) == 30 and once.exists():
            once.unlink()
            raise LookupError("not now")
        return first(data)

    loader = forked(loaded(repository, folder, decode=decode), 2, persistent_workers=True)
    with pytest.raises(LookupError, match="not now"):
        list(loader)
    assert sorted(flat(loader)) == list(range(SAMPLES))


def _killed_at_30(data: Any) -> int:
    if first(data) == 30:
        os.kill(os.getpid(), signal.SIGKILL)
    return first(data)


def test_workers_end_with_ctrl_c(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    # They take 50 seconds: who sleeps for two may wake late.
    for number in range(500):
        (samples / str(number)).write_bytes(b"a")
    took = seconds_to_interrupt(
        """
        from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
        def slow(data):
            time.sleep(0.2)
        with Repository(path + "-repository") as repository:
            loader = IPFSDataLoader(repository, batch_size=10, decode=slow)
            loader.load_dataset(str(repository.add(path).cid))
            kind = "fork"
            try:
                list(loader.to_pytorch(num_workers=2, multiprocessing_context=kind))
            except KeyboardInterrupt as error:
                # What it holds on to ends here: who is killed while it ends its workers
                # may leave them waiting for its lock.
                error.with_traceback(None)
                raise
        """,
        samples,
        after=2,
        # It is no friend of a Ctrl-C that comes while it is imported.
        before="import torch.utils.data",
    )
    # torch itself waits for its workers for five seconds.
    assert took < 15


def test_what_cannot_leave_a_worker_is_raised(
    repository: Repository, folder: str
) -> None:
    loader = forked(loaded(repository, folder, decode=lambda _: lambda: 0), 2)
    with pytest.raises(InvalidParameterError, match="a batch holds a function"):
        list(loader)


def test_spawned_workers(repository: Repository, folder: str) -> None:
    whole = [[first(sample) for sample in batch] for batch in loaded(repository, folder)]
    options = {"num_workers": 1, "multiprocessing_context": "spawn"}
    loader = loaded(repository, folder, decode=lambda data: data).to_pytorch(**options)
    with pytest.raises(InvalidParameterError, match="decode cannot be pickled"):
        list(loader)
    assert (
        numbers(loaded(repository, folder, decode=bytes).to_pytorch(**options)) == whole
    )


class Unpicklable(Repository):
    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("stays here")


def test_a_client_that_cannot_be_sent_is_named(
    tmp_path: Path, repository: Repository, folder: str
) -> None:
    repository.close()
    client = Unpicklable(tmp_path / "repository")
    options = {"num_workers": 2, "multiprocessing_context": "forkserver"}
    with pytest.raises(InvalidParameterError, match="the client cannot be pickled"):
        list(loaded(client, folder).to_pytorch(**options))
    assert len(list(forked(loaded(client, folder), 2))) == 9


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_workers_keep_their_type(repository: Repository, workers: int) -> None:
    there = repository.add(io.BytesIO(b"there")).cid
    cid = str(repository.dag_put({"samples": [str(there), ABSENT]}))
    with pytest.raises(BlockNotFoundError, match=ABSENT):
        list(forked(loaded(repository, cid), workers))
    found = list(forked(loaded(repository, cid, on_error="skip"), workers))
    assert found == [[b"there"]]
    by_number = loaded(repository, cid, on_error="skip").to_pytorch_dataset(style="map")
    assert by_number.__getitems__([0, 1]) == [b"there"]
    with pytest.raises(BlockNotFoundError):
        by_number[1]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_of_nothing_are_counted_and_not_given(
    repository: Repository, torch: Any, workers: int
) -> None:
    texts = [b"%d" % number for number in range(20)]
    cids = [str(repository.add(io.BytesIO(text)).cid) for text in texts]
    cids[4:8] = [ABSENT] * 4
    cid = str(repository.dag_put({"samples": cids}))
    options: dict[str, Any] = {"on_error": "skip", "batch_size": 2, "shuffle": False}
    loader = forked(loaded(repository, cid, **options), workers)
    batches = iter(loader)
    seen = [[bytes(one) for one in next(batches)] for _ in range(3)]
    assert seen == [texts[0:2], texts[2:4], texts[8:10]]
    other = forked(loaded(repository, cid, **options), 0)
    other.load_state_dict(loader.state_dict())
    rest = [bytes(one) for batch in other for one in batch]
    assert rest == texts[10:]
    dataset = loaded(repository, cid, **options).to_pytorch_dataset()
    given = {"batch_size": None, "num_workers": workers}
    if workers:
        given["multiprocessing_context"] = "fork"  # type: ignore[assignment]
    found = [
        bytes(one)
        for batch in torch.utils.data.DataLoader(dataset, **given)
        for one in batch
    ]
    assert sorted(found) == sorted(texts[:4] + texts[8:])


def test_a_closed_client_is_raised(repository: Repository, folder: str) -> None:
    loader = loaded(repository, folder)
    repository.close()
    for workers in (0, 2):
        with pytest.raises(Exception, match="closed"):
            list(forked(loader, workers))


def test_what_the_loader_decides_is_refused(repository: Repository, folder: str) -> None:
    loader = loaded(repository, folder)
    for option in ({"batch_size": 3}, {"shuffle": True}, {"sampler": range(3)}):
        with pytest.raises(InvalidParameterError, match="belongs to the loader"):
            loader.to_pytorch(**option)
    with pytest.raises(InvalidParameterError, match="in_order"):
        loader.to_pytorch(num_workers=2, in_order=False)


def pair(row: Any) -> tuple[int, int]:
    return first(row["data"]), row["label"]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("output", ["list", "torch"])
def test_samplers_of_torch(
    repository: Repository, folder: str, torch: Any, workers: int, output: str
) -> None:
    data = torch.utils.data
    options = {"columns": ["data", "label"], "decode": pair, "output": output}
    dataset = loaded(repository, folder, **options).to_pytorch_dataset(style="map")
    assert (len(dataset), dataset[0], dataset[-1]) == (SAMPLES, (0, 0), (59, 1))
    given: dict[str, Any] = {
        "num_workers": workers,
        "multiprocessing_context": "fork" if workers else None,
    }

    def seen(**how: Any) -> list[int]:
        loader = data.DataLoader(dataset, **given, **how)
        return [int(one) for number, label in loader for one in number]

    whole = list(range(SAMPLES))
    assert seen(batch_size=8) == [*range(0, SAMPLES, 2), *range(1, SAMPLES, 2)]
    sampler = data.RandomSampler(dataset)
    assert sorted(seen(sampler=sampler, batch_size=8)) == whole
    batches = data.BatchSampler(data.SequentialSampler(dataset), 16, drop_last=False)
    assert sorted(seen(batch_sampler=batches)) == whole
    ranks = [
        seen(sampler=data.DistributedSampler(dataset, 3, rank), batch_size=8)
        for rank in range(3)
    ]
    assert sorted(flat(ranks)) == whole


def test_bytes_by_number_are_collated_by_torch(
    repository: Repository, folder: str, torch: Any
) -> None:
    dataset = loaded(repository, folder).to_pytorch_dataset(style="map")
    assert dataset[3] == bytes([6]) * 16
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=2)))
    assert batch == [bytes(16), bytes([2]) * 16]


@pytest.mark.parametrize(
    "dtype", ["uint8", "float32", "int64", "uint16", ">u2", "bfloat16", "float8_e4m3fn"]
)
def test_tensors_of_a_type(
    repository: Repository, folder: str, torch: Any, dtype: str
) -> None:
    loader = loaded(repository, folder, output="torch", dtype=dtype)
    for batches in (loader, forked(loader, 2)):
        found = torch.cat(list(batches))
        assert found.dtype == getattr(torch, dtype.replace(">u2", "uint16"))
        assert found.shape[0] == SAMPLES
        assert found.shape[1] * found.element_size() == 16
        lying = found.view(torch.uint8)[:, 0]
        assert sorted(lying.tolist()) == list(range(SAMPLES))


def test_types_that_numpy_knows_by_name_alone_are_those_of_torch(
    repository: Repository, folder: str, torch: Any
) -> None:
    # Whatever imports it, jax and onnx among others, teaches numpy these names.
    importlib.import_module("ml_dtypes")
    loader = loaded(repository, folder, output="torch", dtype="bfloat16")
    assert {batch.dtype for batch in loader} == {torch.bfloat16}


@pytest.mark.parametrize(
    "options",
    [
        {"output": "numpy", "dtype": "bfloat16"},
        {"output": "torch", "dtype": "float33"},
        {"output": "torch", "dtype": "cat"},
        {"output": "torch", "dtype": "O"},
        {"output": "torch", "dtype": "U4"},
        {"dtype": "uint8"},
        {"output": "torch", "dtype": "uint8", "decode": bytes},
        {"output": "torch", "dtype": "uint8", "columns": ["data"]},
    ],
)
def test_types_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match="type"):
        IPFSDataLoader(**options)


def test_memory_that_cannot_be_pinned_is_not(
    repository: Repository, folder: str, torch: Any
) -> None:
    if torch.accelerator.is_available():
        pytest.skip("here it can be")
    options = {"output": "torch", "dtype": "uint8", "pin_memory": True}
    with pytest.warns(UserWarning, match="no accelerator"):
        loader = loaded(repository, folder, **options)
    assert len(list(loader)) == 9
    assert len(list(forked(loader, 2))) == 9


def test_columns_and_nested_samples_become_tensors(
    repository: Repository, folder: str, torch: Any
) -> None:
    by_column = loaded(repository, folder, columns=["data", "label"], output="torch")
    batch = next(iter(by_column))
    assert batch["label"].dtype == torch.int64
    assert [first(data) % 2 for data in batch["data"]] == batch["label"].tolist()

    def decode(data: Any) -> Any:
        number = first(data)
        return {"x": (number, [float(number)]), "name": str(number), "raw": data}

    batch = next(iter(loaded(repository, folder, decode=decode, output="torch")))
    ones, (twos,) = batch["x"]
    assert ones.tolist() == twos.tolist() == [int(name) for name in batch["name"]]
    assert [first(data) for data in batch["raw"]] == ones.tolist()
    ragged = loaded(
        repository, folder, decode=lambda data: [0] * (first(data) + 1), output="torch"
    )
    with pytest.raises(MalformedDataError, match="different shapes"):
        next(iter(ragged))


@pytest.mark.filterwarnings("error")
def test_arrays_over_what_was_read_become_tensors(
    repository: Repository, folder: str, torch: Any
) -> None:
    np = importlib.import_module("numpy")

    def decode(data: Any) -> Any:
        return np.frombuffer(data, ">u2").reshape(2, 4)

    for batch in loaded(repository, folder, decode=decode, output="torch"):
        assert (batch.dtype, batch.shape[1:]) == (torch.uint16, (2, 4))
        assert batch.view(torch.uint8).unique(dim=1).shape[1] == 1
        batch.zero_()


def test_images_lie_channels_last(
    repository: Repository, tmp_path: Path, torch: Any
) -> None:
    np, image = _images(tmp_path)

    def decode(row: Any) -> tuple[Any, int]:
        picture = image.open(io.BytesIO(row["data"])).convert("RGB")
        return np.array(picture).transpose(2, 0, 1), row["label"]

    options: dict[str, Any] = {
        "columns": ["data", "label"],
        "decode": decode,
        "output": "torch",
        "channels_last": True,
    }
    loader = loaded(repository, str(repository.add(tmp_path / "pets").cid), **options)
    assert loader.classes == ("cats", "dogs")
    for workers in (0, 2):
        seen = 0
        for pixels, labels in forked(loader, workers):
            assert (pixels.dtype, pixels.shape[1:]) == (torch.uint8, (3, 8, 6))
            assert pixels.is_contiguous(memory_format=torch.channels_last)
            assert all(abs(pixels[:, 0].float().mean(dim=(1, 2)) - 200 * labels) < 8)
            seen += len(labels)
        assert seen == 20


def _images(tmp_path: Path) -> tuple[Any, Any]:
    """Twenty images: black cats, and dogs in light grey; as JPEG and as PNG."""
    image = pytest.importorskip("PIL.Image")
    for number in range(20):
        kind, grey = (("cats", 0), ("dogs", 200))[number % 2]
        ending = ("jpg", "png")[number // 2 % 2]
        place = tmp_path / "pets" / kind
        place.mkdir(parents=True, exist_ok=True)
        image.new("RGB", (6, 8), (grey,) * 3).save(place / f"{number}.{ending}")
    return importlib.import_module("numpy"), image


def test_buckets_pad_little_under_workers(repository: Repository, torch: Any) -> None:
    lines = "".join("x" * (1 + 37 * at % 50) + "\n" for at in range(200))
    cid = str(repository.add(io.BytesIO(lines.encode())).cid)

    def padded(texts: list[str]) -> Any:
        tokens = [torch.tensor([ord(one) for one in text]) for text in texts]
        return torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True)

    def wasted(window: int, workers: int) -> tuple[int, int]:
        loader = IPFSDataLoader(
            repository, batch_size=10, bucket_window=window, collate=padded
        )
        loader.load_dataset(cid, format="text")
        batches = list(forked(loader, workers))
        return (
            sum(int((batch == 0).sum()) for batch in batches),
            sum(int((batch != 0).sum()) for batch in batches),
        )

    assert wasted(20, 0) == wasted(20, 2)
    assert wasted(20, 2)[1] == wasted(0, 2)[1] == len(lines) - 200
    assert wasted(20, 2)[0] < wasted(0, 2)[0] / 5


def test_mixtures_go_on_under_workers(repository: Repository) -> None:
    parts = [
        str(repository.dag_put({"data": list(range(start, start + count))}))
        for start, count in ((0, 90), (1000, 30))
    ]

    def mixed(workers: int, **how: Any) -> Any:
        loader = IPFSDataLoader(repository, batch_size=8)
        loader.load_mixture(parts, **how)
        return forked(loader, workers)

    kinds: list[dict[str, Any]] = [{}, {"weights": [1, 1], "repeats": True}]
    for how in kinds:
        whole = list(mixed(0, **how))
        assert list(mixed(2, **how)) == whole
        loader, other = mixed(2, **how), mixed(1, **how)
        batches = iter(loader)
        seen = [next(batches) for _ in range(5)]
        other.load_state_dict(loader.state_dict())
        assert seen + list(other) == whole


def test_there_is_no_tensorflow(repository: Repository, folder: str) -> None:
    if importlib.util.find_spec("tensorflow"):
        pytest.skip("there is")
    with pytest.raises(ImportError, match="pip install tensorflow"):
        loaded(repository, folder).to_tensorflow()
