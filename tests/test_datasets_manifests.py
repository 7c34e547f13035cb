"""Manifests: what is written is read again, and what anyone may write is checked."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._datasets.blocks import get_manifest, put_manifest
from ipfs_kit_py._datasets.manifest import (
    Manifest,
    Shard,
    Split,
    Stats,
    from_value,
    to_value,
)
from ipfs_kit_py._datasets.splits import split_of
from ipfs_kit_py._ml.client import client_of
from ipfs_kit_py._native import cid_of, ipld_decode, ipld_encode
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidInputError,
    LimitExceededError,
    MalformedDataError,
)

DATA = cid_of(b"data")

names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1)
short = names.filter(lambda it: len(it) < 200 and it not in {".", ".."})
numbers = st.integers(0, 1 << 40)
shards = st.builds(
    Shard,
    path=st.just("") | st.lists(short, min_size=1, max_size=3).map("/".join),
    cid=st.binary(max_size=8).map(cid_of),
    rows=numbers,
    bytes=numbers,
)
splits = st.lists(shards, max_size=4).map(split_of) | st.builds(
    Split, rows=numbers, bytes=numbers, shards=st.just(()), path=st.just("") | short
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    by_name = draw(st.dictionaries(short, splits, max_size=4))
    return Manifest(
        name=draw(short),
        version=draw(short),
        format=draw(st.sampled_from(["files", "parquet", "of another day"])),
        data=DATA,
        splits=by_name,
        stats=Stats(
            draw(numbers), draw(numbers), sum(it.rows for it in by_name.values())
        ),
        created="2026-01-01T00:00:00Z",
        schema=draw(st.none() | st.dictionaries(short, short, max_size=3)),
        licence=draw(st.none() | short),
        metadata=draw(
            st.dictionaries(short, st.integers() | short, max_size=3).filter(
                lambda it: all(
                    abs(v) < 1 << 60 for v in it.values() if isinstance(v, int)
                )
            )
        ),
        parents=tuple(draw(st.lists(st.binary(max_size=8).map(cid_of), max_size=3))),
    )


@given(manifests())
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    block = ipld_encode(to_value(manifest), "dag-cbor")
    assert from_value(ipld_decode(block, "dag-cbor")) == manifest


def small(**changed: Any) -> dict[str, Any]:
    shard = Shard("a.csv", cid_of(b"a"), 3, 10)
    manifest = Manifest(
        "n", "1", "csv", DATA, {"train": split_of([shard])}, Stats(10, 1, 3), "now"
    )
    return to_value(manifest) | changed


def train(**changed: Any) -> dict[str, Any]:
    split = small()["splits"]["train"] | changed
    return small(splits={"train": split})


def shard(**changed: Any) -> dict[str, Any]:
    one = small()["splits"]["train"]["shards"][0] | changed
    return train(shards=[one])


HOSTILE = [
    ({}, "its type"),
    (small(type="ipfs-kit/dataset/2"), "its type"),
    (small(name=None), "name is missing"),
    (small(name=""), "name"),
    (small(version=1), "version is of type int"),
    (small(data="bafy"), "data is of type str, not a link"),
    (small(splits=[]), "splits is of type list"),
    (small(stats={"size_bytes": 10, "num_files": 1}), "num_rows is missing"),
    (small(stats={"size_bytes": 10, "num_files": 1, "num_rows": 4}), "what it counts"),
    (small(schema={"a": 1}), "schema.a"),
    (small(schema=["a"]), "schema"),
    (small(metadata=None), "metadata is missing"),
    (small(parents=["a"]), "a parent"),
    (small(licence=1), "licence"),
    (train(rows=4), "rows is 4"),
    (train(rows=True), "rows is of type bool"),
    (train(bytes=-1), "counts nothing"),
    (train(shards={}), "shards is of type dict"),
    (train(path="train"), "a path and shards"),
    (train(path="../x", shards=[], rows=3, bytes=10), "no path below"),
    (shard(path="/etc/passwd"), "no path below"),
    (shard(path="a/../../b"), "no path below"),
    (shard(path="a\0b"), "no path below"),
    (shard(path="a//b"), "no path below"),
    (shard(cid=None), "cid is missing"),
    (shard(rows=1 << 63), "counts nothing"),
    (shard(rows="3"), "rows is of type str"),
]


@pytest.mark.parametrize(("value", "match"), HOSTILE)
def test_what_is_wrong_is_said(value: dict[str, Any], match: str) -> None:
    with pytest.raises(MalformedDataError, match=match):
        from_value(value)


@pytest.mark.parametrize(
    "value",
    [
        small(name="n" * 256),
        small(parents=[DATA] * 65),
        small(splits={str(it): {} for it in range(1025)}),
    ],
)
def test_too_much_of_anything_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(LimitExceededError, match="over"):
        from_value(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.just(DATA),
    lambda it: (
        st.lists(it, max_size=3)
        | st.dictionaries(st.sampled_from(["rows", "bytes", "shards", "path", "a"]), it)
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(small())), values)
def test_any_value_in_any_field_is_read_or_refused(field: str, value: object) -> None:
    try:
        from_value(small() | {field: value})
    except InvalidInputError:
        return


def many(count: int) -> Manifest:
    shards = [Shard(f"data/{at:06}.tar", cid_of(b"%d" % at), 1, 2) for at in range(count)]
    half = count // 2
    splits = {"train": split_of(shards[:half]), "test": split_of(shards[half:])}
    return Manifest("n", "1", "tar", DATA, splits, Stats(2 * count, count, count), "now")


@pytest.mark.parametrize("count", [0, 2, 5000, 20_000])
def test_many_shards_have_blocks_of_their_own(repository: Repository, count: int) -> None:
    client = client_of(repository)
    cid = put_manifest(client, many(count))
    assert get_manifest(client, cid) == many(count)
    assert repository.block_stat(cid) <= 1 << 20
    linked = isinstance(repository.dag_get(cid)["splits"]["train"]["shards"], CID)
    assert linked == (count == 20_000)


def test_blocks_of_shards_are_no_longer_than_others(repository: Repository) -> None:
    client = client_of(repository)
    long = [Shard("a" * 4000, cid_of(b"%d" % at), 1, 2) for at in range(1000)]
    manifest = many(0)._replace(
        splits={"train": split_of(long)}, stats=Stats(2000, 1000, 1000)
    )
    cid = put_manifest(client, manifest)
    assert get_manifest(client, cid) == manifest
    assert all(repository.block_stat(it) <= 1 << 20 for it in repository.blocks())


def test_long_metadata_are_refused(repository: Repository) -> None:
    manifest = many(2)._replace(metadata={"a": "x" * (1 << 20)})
    with pytest.raises(LimitExceededError, match="put long metadata into a file"):
        put_manifest(client_of(repository), manifest)


def test_a_list_that_is_linked_often_is_not_read_for_ever(
    repository: Repository,
) -> None:
    client = client_of(repository)
    one = [small()["splits"]["train"]["shards"][0]] * 4000
    shards = repository.dag_put(one)
    lists = repository.dag_put([shards] * 40_000)
    cid = repository.dag_put(train(shards=lists))
    with pytest.raises(LimitExceededError, match="over 262,144 shards"):
        get_manifest(client, cid)
    empty = repository.dag_put([repository.dag_put([])] * 40_000)
    with pytest.raises(MalformedDataError, match="no list of shards"):
        get_manifest(client, repository.dag_put(train(shards=empty)))


def test_what_is_no_manifest_is_refused_by_name(repository: Repository) -> None:
    client = client_of(repository)
    for cid in (
        repository.add(b"x").cid,
        repository.dag_put([1]),
        repository.dag_put(small(splits={"train": 1})),
        repository.dag_put(train(shards=DATA)),
        repository.dag_put(train(shards=repository.dag_put({"a": 1}))),
        repository.dag_put(train(shards=repository.dag_put(["a"]))),
    ):
        with pytest.raises((MalformedDataError, BlockNotFoundError)) as caught:
            get_manifest(client, cid)
        assert caught.value.code in {"malformed-data", "block-not-found"}
    long = repository.block_put(bytes(3 << 20), "dag-cbor", allow_big=True)
    with pytest.raises(LimitExceededError, match="a block of"):
        get_manifest(client, long)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.binary(max_size=60))
def test_any_bytes_are_no_manifest(repository: Repository, data: bytes) -> None:
    cid = repository.block_put(data, "dag-cbor")
    with pytest.raises(InvalidInputError):
        get_manifest(client_of(repository), cid)
