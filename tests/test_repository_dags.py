"""DAGs: values, CAR files, counts."""

import io
import json
import os
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.inputs import car_v1

from ipfs_kit_py import CID, Repository, car_blocks, car_pack, car_verify, cid_of
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    FileIOError,
    IntegrityError,
    InvalidInputError,
    InvalidNameError,
    InvalidParameterError,
    MalformedDataError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    UnsupportedCodecError,
)

LINK = cid_of(b"linked")
VALUES: list[Any] = [
    *(None, True, False, 0, -1, (1 << 64) - 1, -(1 << 64), 1.5, "", "ü 大"),
    *(b"", b"\x00\xff", [], {}, [1, [2, [3]]], {"b": 1, "a": {"c": None}}, LINK),
    {"link": [LINK, {"deep": LINK}], "bytes": b"x"},
]


@pytest.mark.parametrize("codec", ["dag-cbor", "dag-json"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back(repository: Repository, codec: str, value: object) -> None:
    if codec == "dag-json" and value == -(1 << 64):
        value = -(1 << 63)
    cid = repository.dag_put(value, codec)
    assert cid.codec == codec
    back = repository.dag_get(cid)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        1 << 64,
        -(1 << 64) - 1,
        float("nan"),
        float("inf"),
        {1: 2},
        "\ud800",
        {"\ud800": 1},
    ],
    ids=repr,
)
def test_values_without_a_form_are_refused(repository: Repository, value: object) -> None:
    with pytest.raises(InvalidInputError):
        repository.dag_put(value)


def test_values_that_are_no_values_are_refused(repository: Repository) -> None:
    with pytest.raises(TypeError):
        repository.dag_put(object())
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(InvalidInputError):
        repository.dag_put(endless)
    with pytest.raises(InvalidParameterError):
        repository.dag_put({"a": 1}, "raw")
    with pytest.raises(UnsupportedCodecError):
        repository.dag_put({}, "libp2p-key")


def test_tuples_and_buffers_become_lists_and_bytes(repository: Repository) -> None:
    cid = repository.dag_put((1, bytearray(b"x"), memoryview(b"y")))
    assert repository.dag_get(cid) == [1, b"x", b"y"]


def test_paths_lead_into_values_and_across_blocks(repository: Repository) -> None:
    inner = repository.dag_put({"x": [10, {"y": "deep"}]})
    outer = repository.dag_put({"in": inner, "list": [inner]}, "dag-json")
    assert repository.dag_get(f"{outer}/in/x/1/y") == "deep"
    assert repository.dag_get(f"{outer}/list/0/x/0") == 10
    assert repository.dag_get(f"/ipfs/{outer}/in") == {"x": [10, {"y": "deep"}]}
    for wrong in ("nope", "list/1", "list/01", "list/-1", "in/x/0/z"):
        with pytest.raises((PathNotFoundError, OSError)):
            repository.dag_get(f"{outer}/{wrong}")


def test_dag_pb_nodes_are_dicts(repository: Repository, tree: Path) -> None:
    root = repository.add(tree).cid
    node = repository.dag_get(root)
    assert node["Data"] == b"\x08\x01"
    assert [link["Name"] for link in node["Links"]] == [
        link.name for link in repository.refs(root)
    ]
    assert repository.dag_put(node, "dag-pb") == root
    wrongs: list[Any] = [
        {"Data": b""},
        {"Links": [{"Name": "x"}]},
        {"Links": [], "Other": 1},
        {"Links": [{"Hash": LINK, "Tsize": -1}]},
        {"Links": [], "Data": "text"},
        [],
    ]
    for wrong in wrongs:
        with pytest.raises(InvalidParameterError):
            repository.dag_put(wrong, "dag-pb")


def test_bytes_in_a_codec_go_in_and_out(repository: Repository) -> None:
    text = b'{"b": [1, {"/": {"bytes": "eA"}}], "a": {"/": "%s"}}' % str(LINK).encode()
    cid = repository.dag_put(text, input_codec="dag-json")
    assert cid.codec == "dag-cbor"
    assert repository.dag_get(cid) == {"a": LINK, "b": [1, b"x"]}
    shown = repository.dag_get(cid, output_codec="dag-json")
    assert json.loads(shown) == json.loads(text)
    assert repository.dag_get(cid, output_codec="dag-cbor") == repository.block_get(cid)
    with pytest.raises(MalformedDataError):
        repository.dag_put(b"{", input_codec="dag-json")
    with pytest.raises(MalformedDataError):
        repository.dag_put(b"\xff", input_codec="dag-cbor")


def test_a_put_with_a_pin_keeps_all_below(
    repository: Repository, later: Repository
) -> None:
    leaf = repository.block_put(b"leaf")
    root = repository.dag_put({"leaf": leaf}, pin=True)
    later.gc()
    assert repository.has(leaf)
    assert repository.has(root)
    with pytest.raises(BlockNotFoundError):
        repository.dag_put({"leaf": LINK}, pin=True)


def test_cars_go_out_and_in(repository: Repository, tree: Path, tmp_path: Path) -> None:
    root = repository.add(tree).cid
    car = tmp_path / "out.car"
    done = repository.dag_export(root, car)
    report = car_verify(car)
    assert report.is_complete
    assert (report.roots, report.blocks, report.bytes) == ([root], *done)
    assert next(car_blocks(car)).cid == root
    stream = io.BytesIO()
    assert repository.dag_export(f"/ipfs/{root}", stream) == done
    assert stream.getvalue() == car.read_bytes()
    for source in (car, str(car), io.BytesIO(stream.getvalue())):
        with Repository(tmp_path / f"other {type(source).__name__}") as other:
            found = other.dag_import(source)
            assert (found.roots, found.blocks, found.bytes) == ([root], *done)
            assert [pin.cid for pin in other.pin_ls("recursive")] == [root]
            other.get(root, tmp_path / f"copy {type(source).__name__}")
            assert other.verify().bad == []


def test_both_versions_of_cars_are_taken(
    repository: Repository, tree: Path, tmp_path: Path
) -> None:
    versions: tuple[Literal[1], Literal[2]] = (1, 2)
    for version in versions:
        root = car_pack(tree, tmp_path / "x.car", version=version)
        assert repository.dag_import(tmp_path / "x.car", pin_roots=False).roots == [root]
    assert list(repository.pin_ls()) == []
    assert repository.cat(f"{root}/a.txt") == b"one\n"


def test_nothing_of_a_bad_car_is_taken(
    repository: Repository, tree: Path, tmp_path: Path
) -> None:
    car_pack(tree, tmp_path / "x.car")
    good = (tmp_path / "x.car").read_bytes()
    flipped = bytearray(good)
    flipped[-100_000] ^= 1
    cases: list[tuple[bytes, type[Exception]]] = [
        (good[:-5], MalformedDataError),
        (b"", MalformedDataError),
        (b"no car at all", Exception),
        (bytes(flipped), IntegrityError),
    ]
    for data, error in cases:
        (tmp_path / "bad.car").write_bytes(data)
        with pytest.raises(error):
            repository.dag_import(tmp_path / "bad.car")
        with pytest.raises(error):
            repository.dag_import(io.BytesIO(data))
    with pytest.raises(PathNotFoundError):
        repository.dag_import(tmp_path / "nope.car")
    assert list(repository.blocks()) == []


def test_a_root_that_is_not_whole_is_not_pinned(
    repository: Repository, tmp_path: Path
) -> None:
    root = repository.dag_put({"missing": LINK})
    with pytest.raises(BlockNotFoundError):
        repository.dag_export(root, tmp_path / "out.car")
    assert list(tmp_path.glob("*.car")) == []
    assert list(tmp_path.glob(".*")) == []


def test_roots_of_a_car_are_pinned_together_or_not_at_all(
    repository: Repository, tmp_path: Path
) -> None:
    with Repository(tmp_path / "source") as source:
        leaf = source.block_put(b"leaf")
        whole = source.dag_put({"leaf": leaf})
        parts = [source.dag_put({"missing": LINK}), source.dag_put([LINK])]
        blocks = [(cid, source.block_get(cid)) for cid in (leaf, whole, *parts)]
    for roots in ([whole, parts[0]], [parts[0], whole], [whole, *parts]):
        with pytest.raises(BlockNotFoundError, match=str(LINK)):
            repository.dag_import(io.BytesIO(car_v1(roots, blocks)))
        assert list(repository.pin_ls()) == []
        assert list(repository.blocks()) == []
    found = repository.dag_import(io.BytesIO(car_v1([whole, leaf], blocks)))
    assert found.roots == [whole, leaf]
    assert {pin.cid for pin in repository.pin_ls("recursive")} == {whole, leaf}


def test_export_replaces_only_when_it_is_whole(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "out.car").write_text("before")
    with pytest.raises(BlockNotFoundError):
        repository.dag_export(LINK, tmp_path / "out.car")
    assert (tmp_path / "out.car").read_text() == "before"
    root = repository.add(b"x").cid
    repository.dag_export(root, tmp_path / "out.car")
    assert car_verify(tmp_path / "out.car").roots == [root]

    class Full:
        def write(self, _data: bytes, /) -> None:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        repository.dag_export(root, Full())


def test_stat_counts_shared_blocks_once(repository: Repository) -> None:
    data = os.urandom(2_000_000)
    one = repository.add(data).cid
    two = repository.add(data + b"more").cid
    found = repository.dag_stat([one, two])
    assert [root.cid for root in found.roots] == [one, two]
    assert found.roots[0].blocks == 3
    assert found.blocks < sum(root.blocks for root in found.roots)
    assert found.bytes < sum(root.bytes for root in found.roots)
    single = repository.dag_stat(one)
    assert (single.blocks, single.bytes) == found.roots[0][1:]
    with pytest.raises(BlockNotFoundError):
        repository.dag_stat(CID(str(LINK)))


def test_an_export_that_cannot_be_written_is_an_error_of_ours(
    repository: Repository, tmp_path: Path
) -> None:
    cid = repository.add(b"exported").cid
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for output, kind in (
        (tmp_path / "folder", PathIsADirectoryError),
        (tmp_path / "none" / "a.car", PathNotFoundError),
        (tmp_path / "file" / "a.car", PathNotADirectoryError),
        (tmp_path / "a\ud800.car", InvalidNameError),
        (tmp_path / ("x" * 300), FileIOError),
    ):
        with pytest.raises(kind) as caught:
            repository.dag_export(cid, output)
        if isinstance(caught.value, OSError):
            assert caught.value.filename == str(output)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file", "repository"}
