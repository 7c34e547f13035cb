"""`IPFSDataLoader` in training by others: torchdata, torch.distributed, transformers."""

import importlib
import json
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from tests.ml import needs_ml

from ipfs_kit_py._repository import Repository
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader

pytestmark = [
    needs_ml,
    # Of the libraries themselves, and of Python's about forks beside threads.
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(os.name == "nt", reason="workers are forked"),
]
SAMPLES = 101


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def cid(repository: Repository) -> str:
    return str(repository.dag_put({"data": list(range(SAMPLES))}))


def loaded(repository: Repository, cid: str, **options: Any) -> IPFSDataLoader:
    loader = IPFSDataLoader(repository, **({"batch_size": 8} | options))
    loader.load_dataset(cid)
    return loader


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("taken", [0, 1, 6, 13])
def test_the_loader_of_torchdata_goes_on(
    repository: Repository, cid: str, workers: int, taken: int
) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    alone = loaded(repository, cid)
    epochs = [list(alone) for _ in range(3)]

    def over(dataset: Any) -> Any:
        kind = "fork" if workers else None
        return stateful(
            dataset, batch_size=None, num_workers=workers, multiprocessing_context=kind
        )

    dataset = loaded(repository, cid).to_pytorch_dataset()
    loader = over(dataset)
    dataset.set_epoch(1)
    batches = iter(loader)
    seen = [next(batches) for _ in range(taken)]
    state = json.loads(json.dumps(loader.state_dict()))
    assert seen + list(batches) == epochs[1]

    dataset = loaded(repository, cid).to_pytorch_dataset()
    loader = over(dataset)
    loader.load_state_dict(state)
    assert seen + list(loader) == epochs[1]
    dataset.set_epoch(2)
    assert list(loader) == epochs[2]


def test_the_loader_of_torchdata_goes_on_between_epochs(
    repository: Repository, cid: str
) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    alone = loaded(repository, cid)
    epochs = [list(alone) for _ in range(3)]
    loader = stateful(loaded(repository, cid).to_pytorch_dataset(), batch_size=None)
    assert list(loader) == epochs[0]
    other = stateful(loaded(repository, cid).to_pytorch_dataset(), batch_size=None)
    other.load_state_dict(loader.state_dict())
    assert [list(other), list(other)] == epochs[1:]


def at_once(count: int, work: Callable[..., Any], *given: Any) -> list[Any]:
    """Call a function in processes forked from here, which need not import torch again.

    What each returns goes through JSON; `None` of one that was killed.
    """
    fork = multiprocessing.get_context("fork")

    def told(way: Any, number: int) -> None:
        way.send(json.dumps(work(number, *given)))

    ways = [fork.Pipe(duplex=False) for _ in range(count)]
    running = [
        fork.Process(target=told, args=(way[1], number))
        for number, way in enumerate(ways)
    ]
    try:
        for process, (_, mouth) in zip(running, ways, strict=True):
            process.start()
            mouth.close()
        for process in running:
            process.join(60)
        found = [
            json.loads(ear.recv()) if process.exitcode == 0 else None
            for process, (ear, _) in zip(running, ways, strict=True)
        ]
        assert all(process.exitcode in (0, -signal.SIGKILL) for process in running)
        return found
    finally:
        for process in running:
            process.kill()


@pytest.fixture
def group(tmp_path: Path, cid: str) -> Callable[..., list[Any]]:
    """Gives what a loader gives in each rank of a real group, and its state then."""
    # Once here, not in each process.
    importlib.import_module("torch.distributed")

    def rank_of(rank: int, ranks: int, store: Path, state: Any, how: Any) -> Any:
        distributed = importlib.import_module("torch.distributed")
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        distributed.init_process_group(
            "gloo", init_method=f"file://{store}", rank=rank, world_size=ranks
        )
        workers, most = how.pop("workers", 0), how.pop("most", -1)
        with Repository(tmp_path / "repository") as repository:
            inner = loaded(repository, cid, **how)
            if state is not None:
                inner.load_state_dict(state)
            kind = "fork" if workers else None
            loader = inner.to_pytorch(num_workers=workers, multiprocessing_context=kind)
            seen = []
            for batch in loader:
                seen.append(batch)
                if len(seen) == most:
                    break
            sent = pickle.dumps(inner.to_pytorch_dataset()).hex()
            found = [seen, loader.state_dict(), sent]
        # Who went earlier would close connections that others are still making.
        distributed.barrier()
        distributed.destroy_process_group()
        return found

    def run(ranks: int, *, state: Any = None, **how: Any) -> list[Any]:
        store = tmp_path / f"store-{len(list(tmp_path.iterdir()))}"
        return at_once(ranks, rank_of, ranks, store, state, how)

    return run


def flat(told: Any) -> list[int]:
    return sorted(chain.from_iterable(chain.from_iterable(one[0] for one in told)))


@pytest.mark.parametrize("workers", [0, 1])
def test_ranks_of_a_group_share_an_epoch(
    group: Callable[..., list[Any]], workers: int
) -> None:
    told = group(2, workers=workers)
    assert flat(told) == list(range(SAMPLES))
    assert sorted(len(list(chain(*one[0]))) for one in told) == [50, 51]


def test_workers_that_are_of_no_group_know_their_rank(
    group: Callable[..., list[Any]],
) -> None:
    told = group(3)
    # As spawned workers get it: this process is of no group.
    sent = [pickle.loads(bytes.fromhex(one[2])) for one in told]  # noqa: S301 - our own
    assert flat([[list(dataset)] for dataset in sent]) == list(range(SAMPLES))


def test_every_rank_has_as_many_steps_if_asked_for(
    group: Callable[..., list[Any]],
) -> None:
    dropped, padded = group(3, drop_last=True), group(3, pad_last=True)
    assert [len(one[0]) for one in dropped] == [4, 4, 4]
    assert len(set(flat(dropped))) == len(flat(dropped)) == 96
    assert [len(list(chain(*one[0]))) for one in padded] == [34, 34, 34]
    assert set(flat(padded)) == set(range(SAMPLES))


def test_two_ranks_stop_and_three_go_on(group: Callable[..., list[Any]]) -> None:
    before = group(2, most=3)
    assert len(flat(before)) == 48
    after = group(3, state=before[1][1])
    assert sorted(flat(before) + flat(after)) == list(range(SAMPLES))
    assert sorted(len(list(chain(*one[0]))) for one in after) == [17, 18, 18]


def train(_: int, folder: Path, cid: str, name: str, dies_at: int) -> float:
    """Train for three epochs, from the checkpoint if there is one; die at a step if said.

    Batches are noted as they come.
    """
    torch: Any = importlib.import_module("torch")
    checkpoint = folder / f"{name}.pt"
    inner = loaded(Repository(folder / "repository"), cid, collate=torch.tensor)
    loader: Any = inner.to_pytorch(num_workers=1, multiprocessing_context="fork")
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    first, step = 0, 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        loader.load_state_dict(saved["loader"])
        first, step = saved["epoch"], saved["step"]
    for epoch in range(first, 3):
        loader.set_epoch(epoch)
        for batch in loader:
            x = batch[:, None] / 100
            loss = ((model(x) - (3 * x - 1)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            with (folder / f"{name}.txt").open("a") as notes:
                print(*batch.tolist(), file=notes)
            if step % 4 == 0:
                saved = {"model": model.state_dict(), "epoch": epoch, "step": step}
                saved["optimizer"] = optimizer.state_dict()
                saved["loader"] = loader.state_dict()
                torch.save(saved, f"{checkpoint}.part")
                Path(f"{checkpoint}.part").replace(checkpoint)
            if step == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
    return float(loss.item())


def test_a_killed_training_ends_as_one_that_was_not(tmp_path: Path, cid: str) -> None:
    # What optimizers import at their first step: once here, not in each process.
    importlib.import_module("torch._dynamo")
    whole = at_once(1, train, tmp_path, cid, "one", 0)
    # Killed two steps behind a checkpoint, in mid-epoch.
    assert at_once(1, train, tmp_path, cid, "other", 22) == [None]
    assert at_once(1, train, tmp_path, cid, "other", 0) == whole
    one, other = ((tmp_path / f"{name}.txt").read_text() for name in ("one", "other"))
    assert len(one.splitlines()) == 3 * 13
    lines = other.splitlines()
    assert lines[:20] + lines[22:] == one.splitlines()
    assert lines[20:22] == lines[22:24]


def test_the_trainer_of_transformers(repository: Repository, tmp_path: Path) -> None:
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    rows = [{"input_ids": [at % 4, 4 + at % 4] * 4} for at in range(64)]
    cid = str(repository.dag_put({"data": rows}))

    def model() -> Any:
        torch.manual_seed(0)
        config = transformers.GPT2Config(
            vocab_size=8,
            n_positions=8,
            n_embd=16,
            n_layer=1,
            n_head=2,
            bos_token_id=0,
            eos_token_id=0,
        )
        return transformers.GPT2LMHeadModel(config)

    def together(samples: list[Any]) -> dict[str, Any]:
        tokens = torch.tensor([sample["input_ids"] for sample in samples])
        return {"input_ids": tokens, "labels": tokens}

    def losses(dataset: Any, **options: Any) -> list[float]:
        collator = options.pop("collator")
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"),
            max_steps=24,
            logging_steps=8,
            learning_rate=3e-2,
            lr_scheduler_type="constant",
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            **options,
        )
        trainer = transformers.Trainer(
            model=model(), args=arguments, train_dataset=dataset, data_collator=collator
        )
        trainer.train()
        return [one["loss"] for one in trainer.state.log_history if "loss" in one]

    by_number = loaded(repository, cid).to_pytorch_dataset(style="map")
    found = losses(by_number, per_device_train_batch_size=8, collator=together)
    assert found[-1] < found[0] / 2

    # These are batches already: the trainer takes one at a time.
    batches = loaded(repository, cid, collate=together).to_pytorch_dataset()
    one = {"per_device_train_batch_size": 1, "collator": lambda given: given[0]}
    again = losses(batches, **one)
    assert again[-1] < again[0] / 2


@pytest.mark.parametrize("workers", [0, 2])
def test_lightning_goes_on_in_mid_epoch(
    repository: Repository, cid: str, tmp_path: Path, workers: int
) -> None:
    torch: Any = importlib.import_module("torch")
    lightning: Any = pytest.importorskip("pytorch_lightning")
    alone = loaded(repository, cid)
    epochs = [list(alone) for _ in range(3)]

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self, dies_at: int) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.model, self.dies_at = torch.nn.Linear(1, 1), dies_at
            self.seen: list[list[int]] = []

        def training_step(self, batch: Any, _: int) -> Any:
            if self.global_step == self.dies_at:
                raise InterruptedError("the machine went down")
            self.seen.append(batch.tolist())
            return (self.model(batch[:, None] / 100) ** 2).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    def trained(dies_at: int, checkpoint: Path | None) -> Any:
        module = Module(dies_at)
        keep = lightning.callbacks.ModelCheckpoint(
            tmp_path, filename="{step}", every_n_train_steps=4, save_top_k=-1
        )
        trainer = lightning.Trainer(
            max_epochs=3,
            accelerator="cpu",
            logger=False,
            callbacks=[keep],
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        loader = loaded(repository, cid, collate=torch.tensor).to_pytorch(
            num_workers=workers, multiprocessing_context="fork" if workers else None
        )
        trainer.fit(module, loader, ckpt_path=checkpoint)
        return module

    with pytest.raises(InterruptedError):
        trained(18, None)
    rest = trained(-1, tmp_path / "step=16.ckpt")
    assert rest.seen == [*epochs[1][3:], *epochs[2]]
