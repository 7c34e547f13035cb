"""Samples whose bytes are there, verified, and cannot be made sense of."""

import importlib
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.test_loader_rows import tar_of

from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

COUNT = 20
WRONG = {0, 7, 8, 13}
RIGHT = [at for at in range(COUNT) if at not in WRONG]

Samples = tuple[str, Callable[[Any], int], dict[str, Any]]


def lines(tmp_path: Path, kind: str) -> bytes:
    """Numbers, one a line; some are no JSON, or no UTF-8, or cut off."""
    del tmp_path
    wrong = {"jsonl": b'{"n": ', "text": b"\xff"}[kind]
    good = {"jsonl": b'{"n": %d}', "text": b"%d"}[kind]
    return b"".join((wrong if at in WRONG else good % at) + b"\n" for at in range(COUNT))


def tar(tmp_path: Path) -> bytes:
    members = {f"{at:02}.json": b"%d" % at for at in range(COUNT)}
    members |= {f"{at:02}.json": b"{bad" for at in WRONG}
    return tar_of(members, tmp_path / "shard.tar")


@pytest.fixture(params=["jsonl", "text", "tar"])
def samples(
    request: pytest.FixtureRequest, repository: Repository, tmp_path: Path
) -> Samples:
    """A dataset of numbers, and what gives the number of a sample."""
    kind: str = request.param
    data = tar(tmp_path) if kind == "tar" else lines(tmp_path, kind)
    number: dict[str, Callable[[Any], int]] = {
        "jsonl": lambda row: int(row["n"]),
        "text": int,
        "tar": lambda row: int(row["json"]),
    }
    return str(repository.add(data).cid), number[kind], {"format": kind}


def loaded(
    repository: Repository, cid: str, how: dict[str, Any] | None = None, **options: Any
) -> IPFSDataLoader:
    loader = IPFSDataLoader(repository, **({"batch_size": 6, "shuffle": False} | options))
    loader.load_dataset(cid, **(how or {}))
    return loader


def test_what_is_no_sample_is_left_out_and_counted(
    repository: Repository, samples: Samples
) -> None:
    cid, number, how = samples
    loader = loaded(repository, cid, how, on_error="skip")
    assert [[number(one) for one in batch] for batch in loader] == [
        [at for at in RIGHT if first <= at < first + 6] for first in range(0, COUNT, 6)
    ]
    shown = loader.get_performance_metrics()
    assert (shown["skipped"], shown["samples"]) == (len(WRONG), len(RIGHT))
    decoding = loaded(repository, cid, how, on_error="skip", decode=number, collate=sum)
    assert sum(decoding) == sum(RIGHT)
    assert number(loader[1]) == 1
    with pytest.raises(MalformedDataError):
        loader[7]


@pytest.mark.parametrize("on_error", ["raise", "retry"])
def test_what_is_no_sample_is_raised_and_not_read_again(
    repository: Repository, samples: Samples, on_error: str
) -> None:
    cid, _, how = samples
    loader = loaded(repository, cid, how, on_error=on_error)
    with pytest.raises(MalformedDataError):
        list(loader)
    assert loader.get_performance_metrics()["retries"] == 0


@pytest.mark.parametrize("on_error", ["raise", "retry", "skip"])
def test_mixtures_leave_out_what_is_no_sample(
    repository: Repository, samples: Samples, on_error: str
) -> None:
    cid, number, how = samples
    loader = IPFSDataLoader(repository, batch_size=7, on_error=on_error)  # type: ignore[arg-type]
    loader.load_mixture([{"cid": cid, **how}] * 2)
    if on_error == "skip":
        assert sorted(number(one) for it in loader for one in it) == sorted(RIGHT * 2)
    else:
        with pytest.raises(MalformedDataError) as caught:
            list(loader)
        assert any("on_error" in note for note in caught.value.__notes__)
    assert loader.get_performance_metrics()["retries"] == 0


def test_columns_leave_out_what_has_none(repository: Repository) -> None:
    rows: list[Any] = [{"n": 0}, [1], {"n": 2}, "3", {"n": 4}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    cid = str(repository.add(data).cid)
    for output in ("list", "numpy"):
        options: dict[str, Any] = {"columns": ["n", "index"], "output": output}
        (batch,) = loaded(
            repository, cid, {"format": "jsonl"}, on_error="skip", **options
        )
        assert (
            [int(n) for n in batch["n"]] == [int(n) for n in batch["index"]] == [0, 2, 4]
        )


def test_damaged_images_are_left_out(repository: Repository, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    np = importlib.import_module("numpy")
    place = tmp_path / "images"
    place.mkdir()
    for at in range(COUNT):
        file = io.BytesIO()
        image.new("L", (40, 40), at).save(file, "png")
        data = file.getvalue()
        cut = {0: b"no image", 7: data[:60], 8: data[:20], 13: b""}.get(at, data)
        (place / f"{at:02}.png").write_bytes(cut)

    def decode(data: Any) -> Any:
        return np.array(image.open(io.BytesIO(data)))

    cid = str(repository.add(place).cid)
    for threads in (0, 2):
        loader = loaded(
            repository,
            cid,
            decode=decode,
            output="numpy",
            on_error="skip",
            decode_threads=threads,
        )
        assert np.concatenate(list(loader))[:, 0, 0].tolist() == RIGHT
    with pytest.raises(OSError, match="cannot identify"):
        list(loaded(repository, cid, decode=decode))


def test_what_is_wrong_with_the_program_is_raised(
    repository: Repository, samples: Samples
) -> None:
    cid, _, how = samples

    def wrong(row: Any) -> Any:
        return row.there_is_no_such_thing

    with pytest.raises(AttributeError):
        list(loaded(repository, cid, how, decode=wrong, on_error="skip"))
    loader = loaded(repository, cid, how, on_error="skip")
    loader._finish = loader._finish._replace(columns=("none",))
    with pytest.raises(InvalidParameterError, match="no column 'none'"):
        list(loader)


def test_samples_that_do_not_go_together_are_raised(repository: Repository) -> None:
    cid = str(repository.dag_put({"data": [[1], [1, 2]]}))
    with pytest.raises(MalformedDataError, match="different shapes"):
        list(loaded(repository, cid, on_error="skip", output="numpy"))


def test_batches_of_nothing_are_no_function_s_to_make(repository: Repository) -> None:
    cid = str(repository.dag_put({"data": [1, 2, 3, 4]}))

    def decode(number: int) -> int:
        if number < 3:
            raise ValueError(number)
        return number

    options: dict[str, Any] = {"decode": decode, "collate": max, "batch_size": 2}
    assert list(loaded(repository, cid, on_error="skip", **options)) == [4]


def test_many_that_are_left_out_are_logged_as_one_and_the_rest(
    repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    data = b'{"n": 1}\n' + b"{\n" * 500
    cid = str(repository.add(data).cid)
    loader = loaded(repository, cid, {"format": "jsonl"}, on_error="skip")
    with caplog.at_level(logging.WARNING, "ipfs_kit_py"):
        for _ in range(2):
            caplog.clear()
            assert list(loader) == [[{"n": 1}]]
            one, rest = [record.getMessage() for record in caplog.records]
            assert one.startswith("left out ")
            assert "holds no JSON" in one
            assert rest.startswith("left out 499 more samples")
    assert loader.get_performance_metrics()["skipped"] == 1000


def test_a_file_of_no_json_at_all_is_no_dataset(repository: Repository) -> None:
    cid = str(repository.add(b"words\n" * 20).cid)
    with pytest.raises(MalformedDataError, match="line at byte 0"):
        loaded(repository, cid, {"format": "jsonl"}, on_error="skip")
