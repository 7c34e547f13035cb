"""Pins: set, listed, looked up, updated, removed, checked."""

import os
from pathlib import Path

import pytest

from ipfs_kit_py import CID, Pin, Repository, cid_of
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    NotFoundError,
    NotPinnedError,
    PinConflictError,
)


@pytest.fixture
def root(repository: Repository) -> CID:
    return repository.add(os.urandom(2_000_000), pin=False).cid


def test_a_pin_keeps_all_below(
    repository: Repository, later: Repository, root: CID
) -> None:
    assert repository.pin_add(root, name="mine") == root
    later.gc()
    assert len(repository.cat(root)) == 2_000_000
    assert repository.pin_rm(root) == root
    assert later.gc().blocks == 3
    assert not repository.has(root)
    with pytest.raises(BlockNotFoundError):
        repository.cat(root)


def test_a_direct_pin_keeps_one_block(
    repository: Repository, later: Repository, root: CID
) -> None:
    repository.pin_add(root, recursive=False)
    assert later.gc().blocks == 2
    assert repository.has(root)
    with pytest.raises(BlockNotFoundError):
        repository.cat(root)


def test_pinning_again_succeeds_and_renames(repository: Repository, root: CID) -> None:
    repository.pin_add(root)
    repository.pin_add(root, name="ein Name ü")
    repository.pin_add(root)
    repository.pin_add(root.to_v0())
    assert [pin.name for pin in repository.pin_ls("recursive")] == ["ein Name ü"]


def test_what_is_not_whole_cannot_be_pinned(repository: Repository, root: CID) -> None:
    leaf = next(repository.refs(root)).target
    repository.block_rm(leaf)
    with pytest.raises(BlockNotFoundError, match=str(leaf)):
        repository.pin_add(root)
    repository.pin_add(root, recursive=False)
    assert [pin.type for pin in repository.pin_ls()] == ["direct"]


def test_kinds_of_pins_are_in_each_others_way(repository: Repository, root: CID) -> None:
    repository.pin_add(root)
    with pytest.raises(PinConflictError):
        repository.pin_add(root, recursive=False)
    with pytest.raises(PinConflictError):
        repository.pin_rm(root, recursive=False)
    repository.pin_rm(root)
    with pytest.raises(NotPinnedError) as caught:
        repository.pin_rm(root)
    assert isinstance(caught.value, NotFoundError)
    repository.pin_add(root, recursive=False)
    repository.pin_add(root)
    assert [pin.type for pin in repository.pin_ls() if pin.cid == root] == ["recursive"]


def test_listing_tells_kinds_apart(repository: Repository, root: CID) -> None:
    leaves = {link.target for link in repository.refs(root)}
    single = repository.block_put(b"single")
    repository.pin_add(root, name="tree")
    repository.pin_add(single, recursive=False)
    assert list(repository.pin_ls("recursive")) == [Pin(root, "recursive", "tree")]
    assert list(repository.pin_ls("direct")) == [Pin(single, "direct")]
    assert {pin.cid for pin in repository.pin_ls("indirect")} == leaves
    assert {pin.cid for pin in repository.pin_ls()} == {root, single, *leaves}
    with pytest.raises(InvalidParameterError):
        repository.pin_ls("other")  # type: ignore[arg-type]


def test_more_pins_than_a_page_are_listed_once(repository: Repository) -> None:
    cids = repository.block_put_many(b"%d" % number for number in range(2100))
    for cid in cids:
        repository.pin_add(cid)
    listed = [pin.cid for pin in repository.pin_ls("recursive")]
    assert len(listed) == len(cids)
    assert set(listed) == set(cids)


def test_a_pin_is_found_from_below(repository: Repository, root: CID) -> None:
    leaf = next(repository.refs(root)).target
    assert repository.pin_find(leaf) is None
    repository.pin_add(root, name="tree")
    assert repository.pin_find(root) == Pin(root, "recursive", "tree")
    assert repository.pin_find(leaf) == Pin(leaf, "indirect", None, root)
    repository.pin_add(leaf, recursive=False)
    assert repository.pin_find(str(leaf)) == Pin(leaf, "direct")


def test_paths_can_be_pinned(repository: Repository) -> None:
    leaf = repository.block_put(b"leaf")
    outer = repository.dag_put({"leaf": leaf})
    assert repository.pin_add(f"/ipfs/{outer}/leaf") == leaf
    assert repository.pin_rm(f"{outer}/leaf") == leaf


def test_an_update_moves_a_pin_with_its_name(repository: Repository, root: CID) -> None:
    new = repository.add(b"new", pin=False).cid
    with pytest.raises(NotPinnedError):
        repository.pin_update(root, new)
    repository.pin_add(root, name="moves")
    assert repository.pin_update(root, new) == new
    assert list(repository.pin_ls("recursive")) == [Pin(new, "recursive", "moves")]
    repository.pin_update(new, root, unpin=False)
    assert {pin.cid for pin in repository.pin_ls("recursive")} == {new, root}
    with pytest.raises(BlockNotFoundError):
        repository.pin_update(root, cid_of(b"not here"))
    assert {pin.cid for pin in repository.pin_ls("recursive")} == {new, root}


def test_checking_names_what_is_missing(tmp_path: "os.PathLike[str]") -> None:
    with Repository(tmp_path, verify="never") as repository:
        root = repository.add(os.urandom(2_000_000)).cid
        assert [check.is_whole for check in repository.pin_verify()] == [True]
        leaf = next(repository.refs(root)).target
        damage(repository, bytes(repository.block_view(leaf))[:64])
        report = repository.verify(drop_bad=True)
        assert [bad.cid for bad in report.bad] == [leaf]
        assert report.dropped
        (check,) = repository.pin_verify()
        assert not check.is_whole
        assert check.missing == leaf


def damage(repository: Repository, data: bytes) -> None:
    """Flip a bit of a block where it is stored."""
    import pathlib

    for pack in pathlib.Path(repository.path).rglob("*.car"):
        whole = bytearray(pack.read_bytes())
        if (at := whole.find(data)) >= 0:
            with pack.open("r+b") as file:
                file.seek(at)
                file.write(bytes([whole[at] ^ 1]))
            return
    pytest.fail("the block is in no pack")


def test_pin_verify_goes_on_behind_a_pack_that_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "lost"
    contents = [os.urandom(60_000) for _ in range(4)]
    with Repository(folder, _pack_bytes=50_000, threads=1) as repository:
        roots = [repository.add(data, chunker="size-1000").cid for data in contents]
    packs = folder / "embedded" / "packs"
    lost = [
        path for path in packs.glob("*.car") if contents[1][:1000] in path.read_bytes()
    ]
    assert lost
    for path in lost:
        path.unlink()
    with Repository(folder, threads=1) as repository:
        found = {check.cid: check for check in repository.pin_verify()}
    assert set(found) == set(roots)
    assert not found[roots[1]].is_whole
    assert any(check.is_whole for check in found.values())
