"""What `storacha_kit` takes apart without asking anybody: CARs and tokens."""

import hashlib
import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_kit_py import CID, car_blocks, car_roots, cid_of
from ipfs_kit_py._native import ipld_encode
from ipfs_kit_py._storacha.delegation import spaces_of
from ipfs_kit_py._storacha.shards import Shards
from ipfs_kit_py.errors import ConfigurationError, MalformedDataError


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80, value >> 7]) if value >> 7 else bytes([value])


def car_of(blocks: list[bytes]) -> bytes:
    header = ipld_encode({"version": 1, "roots": []}, "dag-cbor")
    sections = (bytes(cid_of(it)) + it for it in blocks)
    return b"".join(varint(len(it)) + it for it in (header, *sections))


@given(
    blocks=st.lists(st.binary(max_size=300), max_size=12, unique=True),
    limit=st.integers(257, 1500),
    step=st.integers(1, 400),
)
def test_shards_hold_each_block_once_in_order(
    blocks: list[bytes], limit: int, step: int
) -> None:
    car, root = car_of(blocks), cid_of(b"root")
    pieces: list[object] = [car[at : at + step] for at in range(0, len(car), step)]
    shards = Shards([*pieces, (root, 0, None)], limit)
    found: list[bytes] = []
    roots: list[list[CID]] = []
    with tempfile.TemporaryDirectory() as folder:
        for shard in shards:
            data = b"".join(shard.pieces())
            # It can be read again.
            assert b"".join(shard.pieces()) == data
            assert len(data) == shard.size
            assert shard.cid.digest == hashlib.sha256(data).digest()
            path = Path(folder, str(shard.cid))
            path.write_bytes(data)
            held = [it.data for it in car_blocks(path)]
            assert len(data) <= limit or len(held) == 1
            found += held
            roots.append(car_roots(path))
    assert found == blocks
    assert roots == [[]] * (len(roots) - 1) + [[root]]
    assert shards.known_root == root


@given(cut=st.integers(0, 999))
def test_a_car_that_is_cut_is_told_of(cut: int) -> None:
    car = car_of([b"x" * 200, b"y" * 700])
    cut %= len(car)
    # What ends just behind a block, or its header, cannot be told from the whole.
    whole = [len(car_of([])), len(car_of([b"x" * 200]))]
    for shards in (Shards([car[:cut]], 10_000, cid_of(b"")), Shards([car[:cut]], 300)):
        if cut in whole:
            assert sum(1 for _ in shards) == 1
            continue
        with pytest.raises(MalformedDataError, match="ends within a block"):
            list(shards)


@pytest.mark.parametrize("length", [b"\xff" * 12, b"\xff\xff\xff\xff\x0f"])
def test_a_length_that_is_none_is_told_of(length: bytes) -> None:
    with pytest.raises(MalformedDataError, match=r"length|too large"):
        list(Shards([car_of([b"x"]) + length], 1000))


def test_a_car_without_a_root_has_none() -> None:
    with pytest.raises(MalformedDataError, match="names no root"):
        _ = Shards([car_of([])], 1000).known_root


@given(data=st.binary(max_size=400), wrapped=st.booleans())
def test_no_bytes_make_a_token_but_a_delegation(data: bytes, *, wrapped: bool) -> None:
    if wrapped:
        inner = ipld_encode({"ucan@0.9.1": cid_of(data, codec="dag-cbor")}, "dag-cbor")
        header = ipld_encode({"version": 1, "roots": []}, "dag-cbor")
        sections = [bytes(cid_of(it, codec="dag-cbor")) + it for it in (data, inner)]
        data = b"".join(varint(len(it)) + it for it in (header, *sections))
    token = "u" + urlsafe_b64encode(data).decode().rstrip("=")
    with pytest.raises(ConfigurationError, match="is no delegation") as raised:
        spaces_of(token)
    assert len(token) < 5 or token not in str(raised.value)


@pytest.mark.parametrize(
    "inner",
    [
        {},
        {"att": 1},
        {"att": [1]},
        {"att": [{}]},
        {"att": [{"with": 1, "can": "a/b"}]},
        {"att": [{"with": "did:key:x", "can": None}]},
        {"att": [{"with": "did:key:x", "can": "a/b"}], "prf": 5},
        {"att": [{"with": "did:key:x", "can": "a/b"}], "fct": 5},
    ],
)
def test_a_delegation_of_another_form_is_refused(inner: object) -> None:
    with pytest.raises(ConfigurationError, match="is no delegation"):
        spaces_of(token_of(inner))


def test_facts_and_dates_may_be_odd() -> None:
    capability = {"with": "did:key:x", "can": "a/b"}
    facts: list[object] = [[], [1], [{}], [{"space": 1}], [{"space": {"name": 1}}]]
    for odd in facts:
        found = spaces_of(token_of({"att": [capability], "fct": odd, "exp": None}))
        assert [it.name for it in found] == ["did:key:x"]
        assert found[0].expires is None
    other = {"with": "did:mailto:example.com:a", "can": "a/b"}
    assert spaces_of(token_of({"att": [other]})) == []


def token_of(inner: object) -> str:
    block = ipld_encode(inner, "dag-cbor")
    root = ipld_encode({"ucan@0.9.1": cid_of(block, codec="dag-cbor")}, "dag-cbor")
    header = ipld_encode({"version": 1, "roots": []}, "dag-cbor")
    sections = [bytes(cid_of(it, codec="dag-cbor")) + it for it in (block, root)]
    data = b"".join(varint(len(it)) + it for it in (header, *sections))
    return "u" + urlsafe_b64encode(data).decode().rstrip("=")
