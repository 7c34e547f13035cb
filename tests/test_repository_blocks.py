"""Single blocks: put, get, look, remove, list, many at once."""

import os
from collections.abc import Iterator

import pytest

from ipfs_kit_py import CID, Repository, cid_of
from ipfs_kit_py.errors import (
    BlockInUseError,
    BlockNotFoundError,
    InvalidCIDError,
    InvalidParameterError,
    LimitExceededError,
    UnsupportedCodecError,
    UnsupportedHashError,
)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 1 << 20, 2 << 20])
def test_a_block_comes_back(repository: Repository, size: int) -> None:
    data = os.urandom(size)
    cid = repository.block_put(data)
    assert cid == cid_of(data)
    assert repository.block_get(cid) == data
    assert repository.block_view(str(cid)) == data
    assert repository.block_stat(cid) == size
    assert repository.has(cid)
    assert repository.has(str(cid))


def test_codec_and_hash_are_the_callers(repository: Repository) -> None:
    cid = repository.block_put(b"x", "dag-cbor", "blake3")
    assert (cid.codec, cid.hash_name) == ("dag-cbor", "blake3")
    # A store knows hashes, not codecs.
    assert repository.block_get(cid_of(b"x", "raw", "blake3")) == b"x"
    with pytest.raises(UnsupportedCodecError):
        repository.block_put(b"x", "nope")
    with pytest.raises(UnsupportedHashError):
        repository.block_put(b"x", hash="nope")


def test_large_blocks_take_asking(repository: Repository) -> None:
    data = bytes((2 << 20) + 1)
    with pytest.raises(LimitExceededError):
        repository.block_put(data)
    cid = repository.block_put(data, allow_big=True)
    assert repository.block_get(cid) == data


def test_only_buffers_are_blocks(repository: Repository) -> None:
    for wrong in ("text", 5, None, [b"x"]):
        with pytest.raises(TypeError):
            repository.block_put(wrong)  # type: ignore[arg-type]
    assert repository.block_put(memoryview(b"ab")) == cid_of(b"ab")


def test_many_blocks_stream_both_ways(repository: Repository) -> None:
    blobs = [b"%d" % number for number in range(10_000)]

    def source() -> Iterator[bytes]:
        for number, blob in enumerate(blobs):
            # Blocks are taken some thousands at a time, and are there then.
            assert number < 5000 or repository.has(cid_of(blobs[0]))
            yield blob

    all_cids = repository.block_put_many(source())
    assert all_cids[0] == cid_of(b"0")
    assert [bytes(data or b"") for data in repository.block_get_many(all_cids)] == blobs
    assert set(repository.blocks()) == {cid.to_v1() for cid in all_cids}
    assert repository.block_put_many([]) == []


def test_removal_spares_what_is_needed(repository: Repository) -> None:
    root = repository.add(os.urandom(2_000_000)).cid
    leaf = next(repository.refs(root)).target
    loose = repository.block_put(b"loose")
    for needed in (root, leaf):
        with pytest.raises(BlockInUseError):
            repository.block_rm([loose, needed])
    assert repository.has(loose)
    assert repository.block_rm(loose) == 1
    assert not repository.has(loose)
    with pytest.raises(BlockNotFoundError):
        repository.block_rm(loose)
    assert repository.block_rm([loose, str(loose)], force=True) == 0
    repository.pin_rm(root)
    assert repository.block_rm([root, leaf]) == 2
    # What was removed can come again.
    assert repository.block_get(repository.block_put(b"loose")) == b"loose"


def test_a_block_put_with_a_pin_stays(repository: Repository, later: Repository) -> None:
    cid = repository.block_put(b"kept", pin=True)
    later.gc()
    assert repository.has(cid)


def test_a_path_leads_to_a_block(repository: Repository) -> None:
    leaf = repository.block_put(b"leaf")
    root = repository.dag_put({"leaf": leaf})
    assert repository.block_get(f"{root}/leaf") == b"leaf"
    assert repository.block_get(f"/ipfs/{leaf}") == b"leaf"


def test_wrong_cids_are_refused(repository: Repository) -> None:
    for use in (repository.block_get, repository.has, repository.block_rm):
        with pytest.raises(InvalidCIDError):
            use("nonsense")
    with pytest.raises(InvalidParameterError):
        repository.has(f"{cid_of(b'')}/a")
    with pytest.raises(TypeError):
        repository.has(5)  # type: ignore[arg-type]


def test_v0_and_v1_are_one_block(repository: Repository) -> None:
    cid = repository.add(os.urandom(600_000), profile="unixfs-v0-2015").cid
    assert cid.version == 0
    assert repository.has(cid.to_v1())
    assert repository.block_get(cid.to_v1()) == repository.block_get(cid)
    assert CID(str(cid.to_v1())) != cid


def test_blocks_are_removed_each_for_itself(repository: Repository) -> None:
    kept = repository.add(b"pinned").cid
    loose = repository.block_put_many([b"one", b"two"])
    missing = cid_of(b"not here")
    done = repository.block_rm_each([loose[0], str(kept), missing, loose[1]])
    assert [cid for cid, _ in done] == [loose[0], kept, missing, loose[1]]
    assert [type(error) for _, error in done] == [
        type(None),
        BlockInUseError,
        BlockNotFoundError,
        type(None),
    ]
    assert [repository.has(cid) for cid in (*loose, kept)] == [False, False, True]
    assert repository.block_rm_each([missing, missing], force=True) == [
        (missing, None),
        (missing, None),
    ]
    assert repository.block_rm_each([]) == []
    with pytest.raises(InvalidCIDError):
        repository.block_rm_each([kept, "nonsense"])
