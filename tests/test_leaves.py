"""Leaves are made of the bytes of their file, however these come, or not at all."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_kit_py import CID, cid_of
from ipfs_kit_py._native import Block, Draft, verified_blocks
from ipfs_kit_py._sources.layouts import Run
from ipfs_kit_py._sources.leaves import FILE, RAW, Pieces, leaf, leaves_of
from ipfs_kit_py.errors import IntegrityError, LimitExceededError, UnreachableError

KINDS = {"raw": None, "file": FILE, "trickle": RAW}


def cid_for(part: bytes, kind: int | None) -> CID:
    if kind is None:
        return cid_of(part)
    sample = CID("bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y")
    return CID(cid_of(leaf(sample, part, kind), codec="dag-pb"))


def run_of(parts: list[bytes], kind: int | None) -> Run:
    cid = cid_of(b"the file")
    return Run(cid, 0, [(cid_for(part, kind), len(part)) for part in parts])


def reply_of(data: bytes, seed: int) -> Callable[[], AbstractContextManager[Pieces]]:
    return lambda: nullcontext(Pieces(iter(pieces_of(data, seed))))


def pieces_of(data: bytes, seed: int) -> list[bytes]:
    rng, pieces, at = random.Random(seed), list[bytes](), 0
    while at < len(data):
        size = rng.randint(1, 60)
        pieces.append(data[at : at + size])
        at += size
    return pieces


PARTS = st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=30)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(PARTS, st.integers(0, 99), st.integers(1, 500), st.binary(max_size=100))
def test_pieces_of_any_size_give_all_leaves(
    kind: int | None, parts: list[bytes], seed: int, batch: int, more: bytes
) -> None:
    run = run_of(parts, kind)
    found: dict[CID, Block] = {}
    for blocks in leaves_of(run, reply_of(b"".join(parts) + more, seed), batch):
        assert blocks
        found |= blocks
    wanted = {
        cid: leaf(cid, part, kind or 0)
        for (cid, _), part in zip(run.parts, parts, strict=True)
    }
    assert {cid: bytes(block) for cid, block in found.items()} == wanted


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(PARTS, st.integers(0, 99), st.integers(1, 500), st.data())
def test_wrong_bytes_are_an_error_behind_what_is_right(
    kind: int | None, parts: list[bytes], seed: int, batch: int, data: st.DataObject
) -> None:
    run, whole = run_of(parts, kind), bytearray(b"".join(parts))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1
    known = {
        cid: leaf(cid, part, kind or 0)
        for (cid, _), part in zip(run.parts, parts, strict=True)
    }
    right: dict[CID, Block] = {}

    def read() -> None:
        for blocks in leaves_of(run, reply_of(bytes(whole), seed), batch):
            right.update(blocks)

    with pytest.raises(IntegrityError):
        read()
    assert all(known[cid] == bytes(block) for cid, block in right.items())


@given(PARTS, st.integers(0, 99), st.data())
def test_what_ends_early_gives_the_leaves_that_are_whole(
    parts: list[bytes], seed: int, data: st.DataObject
) -> None:
    run, whole = run_of(parts, None), b"".join(parts)
    end = data.draw(st.integers(0, len(whole)))
    count = 0
    for blocks in leaves_of(run, reply_of(whole[:end], seed), 1000):
        count += len(blocks)
    sums = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]
    here = {part for part, total in zip(parts, sums, strict=True) if total <= end}
    assert count == len(here)


def test_what_breaks_off_gives_the_leaves_that_are_whole_first() -> None:
    parts = [b"a" * 50, b"b" * 50, b"c" * 50]
    run = run_of(parts, None)

    def broken() -> Iterator[bytes]:
        yield b"".join(parts)[:120]
        raise UnreachableError("it broke off")

    leaves = leaves_of(run, lambda: nullcontext(Pieces(broken())), 1000)
    assert [bytes(block) for block in next(leaves).values()] == parts[:2]
    with pytest.raises(UnreachableError, match="it broke off"):
        next(leaves)


def test_a_draft_becomes_one_block_when_nobody_writes_to_it() -> None:
    cid, draft = cid_of(b"abc"), Draft(3)
    assert len(draft) == 3
    view = memoryview(draft)
    assert bytes(view) == bytes(3)
    view[:] = b"abc"
    with pytest.raises(BufferError, match="written to"):
        verified_blocks([cid], [draft])
    view.release()
    [block] = verified_blocks([cid], [draft])
    assert block is not None
    assert bytes(block) == b"abc"
    with pytest.raises(BufferError, match="has become a block"):
        memoryview(draft)
    with pytest.raises(BufferError, match="has become a block"):
        verified_blocks([cid], [draft])
    assert verified_blocks([cid], [Draft(3)]) == [None]
    with pytest.raises(LimitExceededError):
        Draft(1 << 40)
