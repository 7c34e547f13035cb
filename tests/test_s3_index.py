"""The index of a CAR beside it: every block is where it says, and nothing else is."""

import io
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_kit_py import CID, Repository, cid_of
from ipfs_kit_py._s3.car_index import CarIndex, Sections, block_of, index_of
from ipfs_kit_py.errors import MalformedDataError


def car_of(repository: Repository) -> tuple[bytes, dict[CID, bytes]]:
    """Give a CAR of blocks of many kinds, and what is in it."""
    links = [
        repository.block_put(os.urandom(size), hash=name)
        for size in (0, 1, 100, 127, 128, 5000)
        for name in ("sha2-256", "sha2-512", "blake3", "identity")
        if name != "identity" or size == 1
    ]
    files = [
        repository.add(os.urandom(size), profile=profile).cid
        for size in (1, 300_000, 2_000_000)
        for profile in ("unixfs-v0-2015", "unixfs-v1-2025")
    ]
    root = repository.dag_put([*links, *files])
    out = io.BytesIO()
    repository.dag_export(root, out)
    blocks = {cid: repository.block_get(cid) for cid in repository.blocks()}
    return out.getvalue(), blocks


def sections_of(car: bytes, pieces: random.Random) -> Sections:
    found, at = Sections(), 0
    while at < len(car):
        size = pieces.choice((1, 2, 3, 40, 1000, 70_000))
        found.feed(car[at : at + size])
        at += size
    return found


@pytest.mark.parametrize("seed", range(5))
def test_every_block_is_found_wherever_the_bytes_are_cut(
    repository: Repository, seed: int
) -> None:
    car, blocks = car_of(repository)
    found = sections_of(car, random.Random(seed))
    assert found.size == len(car)
    index = CarIndex(index_of(found.found), len(car))
    for cid, block in blocks.items():
        place = index.range_of(cid)
        assert place is not None, cid
        assert block_of(car[slice(*place)], cid) == block
    assert index.range_of(cid_of(b"nowhere")) is None
    assert index.range_of(cid_of(b"nowhere", hash="sha1")) is None


@given(st.data())
def test_no_bytes_make_it_fail_otherwise(data: st.DataObject) -> None:
    good = index_of((cid_of(bytes([n])), 100 * n) for n in range(20))
    cut = data.draw(st.integers(0, len(good)))
    bad = bytearray(good[:cut] + data.draw(st.binary(max_size=40)))
    if bad:
        bad[data.draw(st.integers(0, len(bad) - 1))] ^= data.draw(st.integers(0, 255))
    try:
        index = CarIndex(bytes(bad), data.draw(st.integers(0, 3000)))
    except MalformedDataError:
        return
    for number in range(20):
        place = index.range_of(cid_of(bytes([number])))
        assert place is None or 0 <= place[0] < place[1] <= 3000


@given(st.binary(max_size=80))
def test_a_section_of_something_else_gives_no_block(section: bytes) -> None:
    assert block_of(section, cid_of(b"wanted")) is None
