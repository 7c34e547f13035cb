"""`IPFSDataLoader` over real repositories: datasets of every kind, order, trouble."""

import io
import json
import pickle
import random
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py._native import CID, Block, cid_of
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    IntegrityError,
    InvalidCIDError,
    InvalidParameterError,
    MalformedDataError,
    UnreachableError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

SAMPLES = 100


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def folder(tmp_path: Path, repository: Repository) -> str:
    """A hundred files of 16 bytes, in two folders."""
    for number in range(SAMPLES):
        place = tmp_path / "samples" / ("cats", "dogs")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:03}.bin").write_bytes(number.to_bytes(2, "little") * 8)
    return str(repository.add(tmp_path / "samples").cid)


def loaded(repository: object, cid: object, **options: Any) -> IPFSDataLoader:
    loader = IPFSDataLoader(repository, **options)
    assert loader.load_dataset(str(cid))["success"]
    return loader


def numbers(loader: IPFSDataLoader) -> list[int]:
    """The numbers that the files of one pass hold."""
    return [int.from_bytes(bytes(one)[:2], "little") for batch in loader for one in batch]


def test_an_epoch_has_each_file_once_in_an_order_of_its_own(
    repository: Repository, folder: str
) -> None:
    loader = loaded(repository, folder, batch_size=8)
    assert (loader.total_samples, len(loader)) == (SAMPLES, 13)
    first, second = numbers(loader), numbers(loader)
    assert sorted(first) == sorted(second) == list(range(SAMPLES))
    assert first != second
    again = loaded(repository, folder, batch_size=32)
    assert numbers(again) == first
    again.set_epoch(1)
    assert numbers(again) == second
    assert numbers(loaded(repository, folder, seed=1)) not in (first, second)
    lying = numbers(loaded(repository, folder, shuffle=False))
    assert lying == [*range(0, SAMPLES, 2), *range(1, SAMPLES, 2)]


def test_columns_of_files(repository: Repository, folder: str) -> None:
    wanted = ["data", "path", "label", "cid", "index"]
    loader = loaded(repository, folder, columns=wanted, batch_size=7)
    assert loader.classes == ("cats", "dogs")
    for batch in loader:
        for data, path, label, cid, index in zip(*batch.values(), strict=True):
            number = int(path[-7:-4])
            assert bytes(data) == number.to_bytes(2, "little") * 8
            assert loader.classes[label] == path.partition("/")[0]
            assert repository.cat(cid) == bytes(data)
            assert index == number // 2 + (number % 2) * 50
    with pytest.raises(InvalidParameterError, match="no column 'size'"):
        loaded(repository, folder, columns=["size"])


def test_patterns_choose_files(repository: Repository, folder: str) -> None:
    loader = IPFSDataLoader(repository, columns=["path"])
    loader.load_dataset(folder, pattern="dogs/*")
    assert loader.total_samples == 50
    loader.load_dataset(folder, pattern="00*.bin")
    assert loader.total_samples == 10
    with pytest.raises(MalformedDataError, match="no files like"):
        loader.load_dataset(folder, pattern="*.jpg")


def test_arrays_of_samples(repository: Repository, folder: str) -> None:
    np = pytest.importorskip("numpy")
    options: dict[str, Any] = {"output": "numpy", "batch_size": 9}
    loader = loaded(repository, folder, dtype="<u2", shape=(2, 4), **options)
    batches = list(loader)
    assert {batch.shape[1:] for batch in batches} == {(2, 4)}
    found = np.concatenate(batches)
    assert sorted(found[:, 0, 0].tolist()) == list(range(SAMPLES))
    assert (found == found[:, :1, :1]).all()
    kept = [np.array(batch) for batch in batches]
    assert all((a == b).all() for a, b in zip(kept, batches, strict=True))
    with pytest.raises(MalformedDataError, match="16 bytes"):
        next(iter(loaded(repository, folder, dtype="<u2", shape=(3, 3), **options)))
    with pytest.raises(MalformedDataError, match="no whole number"):
        next(iter(loaded(repository, folder, dtype="<c32", **options)))


def test_decode_and_collate(repository: Repository, folder: str) -> None:
    def decode(data: Any) -> int:
        return int.from_bytes(bytes(data)[:2], "little")

    for threads in (0, 1, 3):
        loader = loaded(
            repository, folder, decode=decode, collate=sum, decode_threads=threads
        )
        assert sum(loader) == sum(range(SAMPLES))
    by_row = loaded(
        repository,
        folder,
        columns=["data", "label"],
        decode=lambda row: (decode(row["data"]) % 2, row["label"]),
    )
    assert all(one == other for batch in by_row for one, other in batch)


def test_going_on_in_mid_epoch_with_other_ranks(
    repository: Repository, folder: str
) -> None:
    for first_ranks, later_ranks in ((1, 3), (3, 1), (2, 4)):
        seen: list[int] = []
        states = []
        for rank in range(first_ranks):
            loader = loaded(
                repository, folder, batch_size=4, rank=rank, world_size=first_ranks
            )
            batches = iter(loader)
            for _ in range(2 + rank):
                seen += [
                    int.from_bytes(bytes(one)[:2], "little") for one in next(batches)
                ]
            states.append(json.loads(json.dumps(loader.state_dict())))
            loader.close()
        for rank in range(later_ranks):
            loader = loaded(
                repository, folder, batch_size=6, rank=rank, world_size=later_ranks
            )
            loader.load_state_dict(states)
            seen += numbers(loader)
            assert loader.epoch == 1
        assert sorted(seen) == list(range(SAMPLES))


def test_a_state_at_the_end_of_an_epoch_begins_the_next(
    repository: Repository, folder: str
) -> None:
    loader = loaded(repository, folder)
    numbers(loader)
    state = loader.state_dict()
    second = numbers(loader)
    other = loaded(repository, folder)
    other.load_state_dict(state)
    assert numbers(other) == second


def test_an_epoch_that_was_left_is_not_repeated(
    repository: Repository, folder: str
) -> None:
    loader = loaded(repository, folder, batch_size=10)
    next(iter(loader))
    assert loader.epoch == 0
    other = loaded(repository, folder, batch_size=10)
    other.set_epoch(1)
    assert numbers(loader) == numbers(other)


def test_documents_of_samples(repository: Repository) -> None:
    rows = [{"x": number, "text": str(number)} for number in range(10)]
    cids = [str(repository.dag_put(row)) for row in rows]
    shards = [
        str(repository.dag_put({"samples": cids[:4]})),
        str(repository.dag_put({"samples": cids[4:]})),
    ]
    document = json.dumps({"samples": cids}).encode()
    for given in (
        repository.dag_put({"samples": cids}),
        repository.dag_put({"data": rows}),
        repository.dag_put({"shards": shards}),
        repository.add(document).cid,
        repository.add(json.dumps(rows).encode()).cid,
    ):
        loader = loaded(repository, given, batch_size=3)
        found = [row for batch in loader for row in batch]
        assert sorted(row["x"] for row in found) == list(range(10))
    mixed = repository.dag_put(
        {"samples": [cids[0], str(repository.add(b"plain bytes").cid)]}
    )
    value, data = loaded(repository, mixed, shuffle=False)[0], None
    assert value == rows[0]
    data = loaded(repository, mixed, shuffle=False)[1]
    assert bytes(data) == b"plain bytes"


def test_samples_are_cids_or_values_but_not_some_of_each(
    repository: Repository,
) -> None:
    cid = str(repository.add(b"bytes").cid)
    rows = [{"cid": cid, "label": 1}, {"cid": cid, "label": 2}]
    loader = loaded(repository, repository.dag_put({"samples": rows}), shuffle=False)
    assert list(loader) == [rows]
    linked = [{"/": cid}, {"cid": cid}]
    given = repository.add(json.dumps({"samples": linked}).encode()).cid
    assert [bytes(one) for one in next(iter(loaded(repository, given)))] == [b"bytes"] * 2
    with pytest.raises(MalformedDataError, match="number 1 is not: 'bafytypo'"):
        loaded(repository, repository.dag_put({"samples": [cid, "bafytypo"]}))
    with pytest.raises(InvalidCIDError):
        loaded(repository, repository.dag_put({"shards": ["bafytypo"]}))


def test_embedded_samples(repository: Repository) -> None:
    loader = IPFSDataLoader(repository, batch_size=2, columns=["b"])
    result = loader.load_embedded_dataset([{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    assert (result["total_samples"], len(loader)) == (2, 1)
    assert sorted(next(iter(loader))["b"]) == [2, 4]
    loader = IPFSDataLoader(repository)
    loader.load_embedded_dataset([object()])
    assert loader.total_samples == 1


def test_lines_and_rows(repository: Repository, tmp_path: Path) -> None:
    rows = [{"n": number, "t": "é" * number} for number in range(50)]
    lines = "\r\n".join(json.dumps(row) for row in rows) + "\n\n"
    cid = repository.add(lines.encode()).cid
    loader = loaded(repository, cid, columns=["n"], batch_size=8)
    assert sorted(n for batch in loader for n in batch["n"]) == list(range(50))
    place = tmp_path / "text"
    place.mkdir()
    (place / "a.txt").write_text("one\ntwo\n\nthree")
    (place / "b.txt").write_text("four\n")
    (place / "README.md").write_text("about it")
    loader = loaded(repository, repository.add(place).cid, shuffle=False)
    assert list(loader) == [["one", "two", "three", "four"]]
    assert loader[-1] == "four"
    # As programs of Windows write it.
    for text in (b'{"n": 0}\r\n{"n": 1}\r\n', b'[{"n": 0}, {"n": 1}]'):
        marked = repository.add(b"\xef\xbb\xbf" + text).cid
        assert list(loaded(repository, marked, shuffle=False)) == [[{"n": 0}, {"n": 1}]]
    bad = repository.add(b'{"n": 1}\nno json\n').cid
    with pytest.raises(MalformedDataError, match="line at byte 9"):
        list(loaded(repository, bad))


@pytest.mark.parametrize("kind", ["parquet", "arrow", "csv", "tsv"])
def test_tables(repository: Repository, tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import csv, feather, parquet

    table = pa.table({"n": range(1000), "t": [str(n) for n in range(1000)]})
    place = tmp_path / "tables"
    place.mkdir()
    for at, part in enumerate((table[:700], table[700:])):
        path = place / f"{at}.{kind}"
        if kind == "parquet":
            parquet.write_table(part, path, row_group_size=90)
        elif kind == "arrow":
            feather.write_feather(part, path, compression="uncompressed", chunksize=90)
        else:
            options = csv.WriteOptions(delimiter="," if kind == "csv" else "\t")
            csv.write_csv(part, path, options)
    cid = repository.add(place).cid
    options_: dict[str, Any] = {"batch_size": 64, "output": "numpy"}
    loader = loaded(repository, cid, **options_)
    found = [(n, t) for b in loader for n, t in zip(b["n"].tolist(), b["t"], strict=True)]
    assert sorted(n for n, _ in found) == list(range(1000))
    assert [n for n, _ in found] != list(range(1000))
    assert all(str(n) == str(t) for n, t in found)
    only = loaded(repository, cid, columns=["n"], **options_)
    assert all(set(batch) == {"n"} for batch in only)
    rows = loaded(repository, cid, decode=lambda row: row["n"])
    assert sorted(n for batch in rows for n in batch) == list(range(1000))
    assert loader[3]["n"] == 3


def test_tar_shards(repository: Repository) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number in range(20):
            for ending, data in (("img", b"J" * number), ("cls", b"%d" % number)):
                member = tarfile.TarInfo(f"set/{number:04}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    cid = repository.add(out.getvalue()).cid
    loader = loaded(repository, cid, columns=["__key__", "cls", "img"], batch_size=6)
    for batch in loader:
        for key, label, image in zip(*batch.values(), strict=True):
            assert (int(key[-4:]), bytes(image)) == (label, b"J" * label)
    cut = repository.add(out.getvalue()[:5000]).cid
    with pytest.raises(MalformedDataError, match=r"cut off|no tar"):
        loaded(repository, cut, columns=["img"])


def test_rows_of_arrays(repository: Repository) -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(600, dtype="float32").reshape(100, 2, 3)
    out = io.BytesIO()
    np.save(out, array)
    loader = loaded(repository, repository.add(out.getvalue()).cid, output="numpy")
    found = np.concatenate(list(loader))
    assert (found[found[:, 0, 0].argsort()] == array).all()
    for wrong in (out.getvalue()[:-1], out.getvalue()[:20], b"\x93NUMPY"):
        with pytest.raises(MalformedDataError, match="cut off"):
            loaded(repository, repository.add(wrong).cid)
    refused = {
        "not numbers": np.array([{}], dtype=object),
        "not plain numbers": np.zeros(2, "i4,f4"),
        "rows without bytes": np.zeros((5, 0)),
        "in C order": np.zeros((2, 3), order="F"),
        "it has no rows": np.zeros(()),
    }
    for why, array in refused.items():
        out = io.BytesIO()
        np.save(out, array, allow_pickle=True)
        with pytest.raises(MalformedDataError, match=why):
            loaded(repository, repository.add(out.getvalue()).cid)


def test_mixtures(repository: Repository, folder: str) -> None:
    rows = [{"n": n} for n in range(30)]
    other = str(repository.dag_put({"data": rows}))
    loader = IPFSDataLoader(repository, batch_size=10)
    loader.load_mixture([folder, other])
    kinds = Counter(type(one) for batch in loader for one in batch)
    assert sorted(kinds.values()) == [30, SAMPLES]
    loader.load_mixture([folder, other], weights=[1, 1])
    found = [one for batch in loader for one in batch]
    assert len([one for one in found if isinstance(one, dict)]) == 30
    assert 20 <= len([one for one in found if not isinstance(one, dict)]) <= 60
    assert len({one["n"] for one in found if isinstance(one, dict)}) == 30
    loader.load_mixture([folder, other], weights=[1, 3], repeats=True)
    found = [one for batch in loader for one in batch]
    files = {bytes(one) for one in found if not isinstance(one, dict)}
    assert len(files) == SAMPLES
    repeated = Counter(one["n"] for one in found if isinstance(one, dict))
    assert max(repeated.values()) - min(repeated.values()) <= 1 < min(repeated.values())
    # Going on in the middle gives the rest of the same row.
    loader.load_mixture([folder, other], weights=[1, 3], repeats=True)
    batches = iter(loader)
    begun = [next(batches) for _ in range(7)]
    state = json.loads(json.dumps(loader.state_dict()))
    later = IPFSDataLoader(repository, batch_size=10)
    later.load_mixture([folder, other], weights=[1, 3], repeats=True)
    later.load_state_dict(state)
    both = [one for batch in (*begun, *later) for one in batch]
    assert [_plain(one) for one in both] == [_plain(one) for one in found]


def _plain(one: Any) -> object:
    return one["n"] if isinstance(one, dict) else bytes(one)


def test_buckets_of_about_one_length(repository: Repository) -> None:
    lengths = random.Random(0).sample(range(1, 3000), 600)
    lines = "\n".join("x" * length for length in lengths)
    cid = repository.add(lines.encode()).cid
    loader = IPFSDataLoader(repository, batch_size=20, bucket_window=10)
    loader.load_dataset(cid, format="text")
    batches = [[len(line) for line in batch] for batch in loader]
    assert sorted(n for batch in batches for n in batch) == sorted(lengths)
    spread = sum(max(batch) - min(batch) for batch in batches) / len(batches)
    assert spread < 600
    assert [sum(batch) for batch in batches] != sorted(sum(batch) for batch in batches)


def test_blocks_and_windows_keep_reads_near(repository: Repository, folder: str) -> None:
    loader = loaded(
        repository,
        folder,
        columns=["index"],
        batch_size=20,
        shuffle_block=5,
        shuffle_window=4,
    )
    for batch in loader:
        assert len({index // 5 for index in batch["index"]}) == 4


def test_a_missing_or_damaged_sample_is_raised_or_left_out(
    repository: Repository, tmp_path: Path
) -> None:
    cids = [str(repository.add(bytes([n]) * 5000).cid) for n in range(20)]
    cid = repository.dag_put({"samples": cids})
    repository.pin_rm(cids[7])
    repository.block_rm([cids[7]])
    pack = next((tmp_path / "repository").rglob("*.car"), None) or next(
        (tmp_path / "repository").rglob("*.pack")
    )
    data = bytearray(pack.read_bytes())
    data[data.index(bytes([3]) * 5000) + 10] ^= 1
    pack.write_bytes(data)
    with pytest.raises((BlockNotFoundError, IntegrityError)) as caught:
        list(loaded(repository, cid))
    assert any("on_error" in note for note in caught.value.__notes__)
    loader = loaded(repository, cid, batch_size=6, on_error="skip")
    found = {bytes(one)[0] for batch in loader for one in batch}
    assert found == set(range(20)) - {3, 7}
    shown = loader.get_performance_metrics()
    assert (shown["skipped"], shown["samples"]) == (2, 18)
    assert {cids[3], cids[7]} == {
        name.rpartition("(")[2].rstrip(")")
        for name in (one["sample"] for one in shown["skipped_samples"])
    }


def test_a_sample_that_comes_later_is_had_by_trying_again(
    repository: Repository,
) -> None:
    late = bytes([9]) * 3000
    cids = [str(repository.add(bytes([n]) * 3000).cid) for n in range(5)]
    late_cid = str(repository.add(late).cid)
    cid = repository.dag_put({"samples": [*cids, late_cid]})
    repository.pin_rm(late_cid)
    repository.block_rm([late_cid])
    loader = loaded(repository, cid, on_error="retry", retries=6)

    def come() -> None:
        while loader.get_performance_metrics()["retries"] < 2:
            time.sleep(0.01)
        repository.block_put(late)

    coming = threading.Thread(target=come, daemon=True)
    coming.start()
    assert {bytes(one)[0] for batch in loader for one in batch} == {0, 1, 2, 3, 4, 9}
    coming.join()


def test_a_loader_that_is_let_go_of_ends(repository: Repository, folder: str) -> None:
    before = threading.active_count()
    for _ in range(5):
        batches = iter(loaded(repository, folder, batch_size=1, decode=bytes))
        next(batches)
        del batches
    loader = loaded(repository, folder, batch_size=1)
    next(iter(loader))
    loader.close()
    loader.close()
    with pytest.raises(InvalidParameterError, match="no dataset is loaded"):
        next(iter(loader))
    assert threading.active_count() <= before + 1


class Afar:
    """A repository as if it were far away, which counts what is asked of it."""

    name = "afar"
    cost = 50.0
    is_remote = True

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.asked = 0

    def get_blocks(self, cids: Iterable[CID]) -> dict[CID, Block]:
        wanted = list(cids)
        self.asked += len(wanted)
        blocks = zip(wanted, self._repository.block_get_many(wanted), strict=True)
        return {cid: block for cid, block in blocks if block is not None}


@pytest.mark.parametrize("fetchers", [1, 3])
def test_memory_keeps_what_the_next_epoch_needs_soonest(
    repository: Repository, tmp_path: Path, fetchers: int
) -> None:
    count = 400
    cids = [str(repository.add(n.to_bytes(2, "big") * 5000).cid) for n in range(count)]
    dataset = str(repository.dag_put({"samples": cids}))
    afar = Afar(repository)
    cache = {"memory_cache_size": 130 * 10_000, "disk_cache_size": 0}
    metadata = {"ipfs_path": str(tmp_path / "near"), "cache_config": cache}
    with ipfs_kit(metadata=metadata, sources=[afar]) as kit:
        loader = kit.get_data_loader(batch_size=8, threads=fetchers, ahead_bytes=200_000)
        loader.load_dataset(dataset)
        epochs = []
        for _ in range(4):
            before = afar.asked
            assert sum(len(batch) for batch in loader) == count
            epochs.append(afar.asked - before)
    # The least recently used would be here for about one reading in twenty.
    assert all(asked < 0.75 * count for asked in epochs[1:]), epochs


def test_a_loader_goes_to_another_process(tmp_path: Path, folder: str) -> None:
    repository = Repository(tmp_path / "repository")
    loader = loaded(repository, folder, batch_size=10)
    expected = numbers(loaded(repository, folder, batch_size=10))
    next(iter(loader))
    other: IPFSDataLoader = pickle.loads(pickle.dumps(loader))  # noqa: S301 - our own
    other.set_epoch(0)
    assert (numbers(other), other.total_samples) == (expected, SAMPLES)


def test_what_is_no_dataset_is_refused(repository: Repository, folder: str) -> None:
    loader = IPFSDataLoader(repository)
    for wrong, error in (
        ("nonsense", InvalidCIDError),
        (repository.dag_put({"rows": 3}), MalformedDataError),
        (repository.dag_put("text"), MalformedDataError),
        (repository.add(b"what am I").cid, MalformedDataError),
        (repository.dag_put({"type": "ipfs-kit/dataset/1"}), MalformedDataError),
        (
            "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
            BlockNotFoundError,
        ),
    ):
        with pytest.raises(error):
            loader.load_dataset(str(wrong))
        assert loader.total_samples == 0
    with pytest.raises(InvalidParameterError, match="is not one of"):
        loader.load_dataset(folder, format="docx")
    with pytest.raises(InvalidParameterError, match="no splits"):
        loader.load_dataset(folder, split="train")
    with pytest.raises(InvalidParameterError, match="ipfs_client is a str"):
        IPFSDataLoader("somewhere").load_dataset(folder)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"seed": -1},
        {"drop_last": True, "pad_last": True},
        {"output": "pandas"},
        {"shape": (2,)},
        {"pin_memory": True},
        {"on_error": "ignore"},
        {"retries": -1},
        {"prefetch": -1},
        {"ahead_bytes": 0},
        {"rank": 2, "world_size": 2},
        {"rank": 1},
        {"collate": list, "output": "numpy"},
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        IPFSDataLoader(None, **wrong)


def test_a_kit_reads(tmp_path: Path) -> None:
    place = tmp_path / "samples"
    place.mkdir()
    for number in range(SAMPLES):
        (place / f"{number:03}").write_bytes(number.to_bytes(2, "little"))
    with ipfs_kit(metadata={"ipfs_path": str(tmp_path / "other")}) as kit:
        cid = kit.ipfs.add(place)["cid"]
        for client in (kit, kit.ipfs):
            assert len(numbers(loaded(client, cid))) == SAMPLES


class Dead(Afar):
    """Fails whenever it is asked for what it does not have."""

    def get_blocks(self, cids: Iterable[CID]) -> dict[CID, Block]:
        found = super().get_blocks(cids)
        if not found:
            raise UnreachableError("nobody answers")
        return found


def test_a_dead_source_is_asked_once_a_batch(
    repository: Repository, tmp_path: Path
) -> None:
    here = [str(repository.add(bytes([n]) * 40).cid) for n in range(20)]
    gone = [str(cid_of(bytes([n]) * 50)) for n in range(20)]
    dataset = str(repository.dag_put({"samples": here + gone}))
    dead = Dead(repository)
    metadata = {"ipfs_path": str(tmp_path / "near")}
    with ipfs_kit(metadata=metadata, sources=[dead]) as kit:
        loader = kit.get_data_loader(batch_size=40, on_error="skip")
        loader.load_dataset(dataset)
        assert {bytes(one) for one in next(iter(loader))} == {
            bytes([n]) * 40 for n in range(20)
        }
        shown = loader.get_performance_metrics()
        assert shown["skipped"] == 20
        assert all("nobody answers" in it["error"] for it in shown["skipped_samples"])
        loader = kit.get_data_loader(batch_size=40)
        loader.load_dataset(dataset)
        with pytest.raises(UnreachableError, match="nobody answers"):
            next(iter(loader))


def test_rows_that_cannot_be_read_are_left_out(
    repository: Repository, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    data = random.Random(0).randbytes(400_000)
    rows = [data[at : at + 1000] for at in range(0, 400_000, 1000)]
    table = pa.table({"n": range(400), "data": rows})
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=40)
    added = repository.add(tmp_path / "t.parquet", chunker="size-20000")
    blocks = [link.target for link in repository.refs(added.cid)]
    repository.pin_rm(added.cid)
    repository.block_rm([blocks[7]])
    with pytest.raises(BlockNotFoundError):
        list(loaded(repository, added.cid))
    for options in ({}, {"columns": ["n"]}, {"decode": lambda row: row}):
        loader = loaded(repository, added.cid, batch_size=8, on_error="skip", **options)
        found: list[int] = []
        for batch in loader:
            found += batch["n"] if isinstance(batch, dict) else [it["n"] for it in batch]
        left_out = 0 if options == {"columns": ["n"]} else 40
        assert len(set(found)) == len(found) >= 400 - 80
        assert None not in found
        assert len(found) <= 400 - left_out
        assert loader.get_performance_metrics()["skipped"] == 400 - len(found)


def test_batches_of_nothing_are_not_given(repository: Repository) -> None:
    gone = [str(cid_of(bytes([n]) * 50)) for n in range(20)]
    here = str(repository.add(b"here").cid)
    dataset = repository.dag_put({"samples": [*gone, here]})
    loader = loaded(repository, dataset, batch_size=2, on_error="skip")
    assert [[bytes(one) for one in batch] for batch in loader] == [[b"here"]]
    assert loader.epoch == 1


def test_a_loader_gives_one_pass_at_a_time(repository: Repository, folder: str) -> None:
    loader = loaded(repository, folder, batch_size=10)
    first = iter(loader)
    next(first)
    second = iter(loader)
    assert len(next(second)) == 10
    with pytest.raises(InvalidParameterError, match="one pass at a time"):
        next(first)
    assert sum(len(batch) for batch in second) == SAMPLES - 10


def test_what_tells_of_the_files_is_no_sample(
    repository: Repository, tmp_path: Path
) -> None:
    place = tmp_path / "images"
    place.mkdir()
    for number in range(40):
        (place / f"{number:02}.png").write_bytes(b"x" * (number + 1))
    for name in ("README.md", "LICENSE", ".hidden", "notes.png"):
        (place / name).write_bytes(b"about it" * 100)
    cid = repository.add(place).cid
    loader = loaded(repository, cid, columns=["path", "data"], bucket_window=4)
    found = {
        path: len(data)
        for batch in loader
        for path, data in zip(batch["path"], batch["data"], strict=True)
    }
    expected = {f"{number:02}.png": number + 1 for number in range(40)}
    assert found == expected | {"notes.png": 800}


def test_a_state_belongs_to_an_order(repository: Repository, folder: str) -> None:
    state = loaded(repository, folder, bucket_window=3).state_dict()
    loaded(repository, folder, bucket_window=3).load_state_dict(state)
    others: list[dict[str, Any]] = [
        {"bucket_window": 3, "batch_size": 7},
        {"bucket_window": 4},
        {"shuffle": False},
        {"shuffle_block": 9, "bucket_window": 3},
    ]
    for other in others:
        with pytest.raises(InvalidParameterError, match="another order"):
            loaded(repository, folder, **other).load_state_dict(state)
