"""Looking after a repository: numbers, collection, checks, space, a new index."""

import os
from pathlib import Path

import pytest
from tests.test_repository_pins import damage

from ipfs_kit_py import CID, Repository
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    IntegrityError,
    IPFSError,
    RepositoryNotFoundError,
)


def test_stat_counts(repository: Repository) -> None:
    root = repository.add(os.urandom(2_500_000)).cid
    found = repository.repo_stat()
    assert (found.blocks, found.pins, found.in_place) == (4, 1, 0)
    assert 2_500_000 < found.bytes < 2_600_000
    assert (found.packs, found.format, found.max_bytes) == (1, 1, None)
    assert len(list(repository.refs(root))) + 1 == found.blocks


def test_collection_reports_what_it_removed(
    repository: Repository, later: Repository
) -> None:
    kept = repository.add(os.urandom(1_500_000)).cid
    gone = repository.add(os.urandom(1_500_000), pin=False).cid
    blocks = {gone, *(link.target for link in repository.refs(gone))}
    removed: list[CID] = []
    report = later.gc(removed.append)
    assert report.blocks == len(removed) == len(blocks)
    assert {cid.multihash for cid in removed} == {cid.multihash for cid in blocks}
    assert report.bytes > 1_500_000
    assert later.gc().blocks == 0
    assert len(repository.cat(kept)) == 1_500_000
    with pytest.raises(BlockNotFoundError):
        later.cat(gone)
    freed = report.freed_bytes + later.compact()
    assert freed >= 1_500_000
    assert repository.repo_stat().bytes < 1_600_000
    assert len(repository.cat(kept)) == 1_500_000
    assert repository.verify().bad == []


def test_what_is_young_stays(repository: Repository) -> None:
    root = repository.add(b"young", pin=False).cid
    with Repository(repository.path, _clock_offset_seconds=3500) as soon:
        assert soon.gc().blocks == 0
    with Repository(repository.path, _clock_offset_seconds=3700) as late:
        assert late.gc().blocks == 1
    assert not repository.has(root)


def test_an_error_in_the_callback_comes_out(
    repository: Repository, later: Repository
) -> None:
    repository.block_put(b"x")
    with pytest.raises(ZeroDivisionError):
        later.gc(lambda _: 1 / 0)


def test_damage_is_found_named_and_dropped(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    with Repository(tmp_path / "r") as repository:
        root = repository.add(data).cid
        leaf = list(repository.refs(root))[1].target
        damage(repository, data[1 << 20 :][:64])
    with Repository(tmp_path / "r") as repository:
        with pytest.raises(IntegrityError, match=str(leaf)):
            repository.cat(root)
        assert repository.cat(root, 0, 1000) == data[:1000]
        report = repository.verify()
        assert [bad.cid for bad in report.bad] == [leaf]
        assert not report.dropped
        assert Path(report.bad[0].place).exists()
        assert repository.verify(drop_bad=True).dropped
        with pytest.raises(BlockNotFoundError):
            repository.cat(root)
        assert repository.add(data).new_blocks == 1
        assert repository.cat(root) == data
        assert repository.verify().bad == []


def test_progress_is_told(repository: Repository) -> None:
    repository.add(os.urandom(2_000_000))
    calls: list[int] = []
    report = repository.verify(lambda done, _: calls.append(done))
    assert calls[-1] == report.bytes


def test_rebuilding_keeps_pins_and_files(tmp_path: Path, tree: Path) -> None:
    path = tmp_path / "r"
    with Repository(path) as repository:
        root = repository.add(tree, name="tree").cid
        repository.files_cp(root, "/copy")
        files = repository.files_flush()
        blocks = set(repository.blocks())
    report = Repository.rebuild(path)
    assert (report.packs, report.blocks, report.damaged) == (1, len(blocks), [])
    assert (report.pins_kept, report.roots_pinned) == (1, 0)
    with Repository(path) as repository:
        assert set(repository.blocks()) == blocks
        assert repository.files_flush() == files
        assert next(repository.pin_ls()).name == "tree"
        assert repository.verify().bad == []
    with pytest.raises(RepositoryNotFoundError):
        Repository.rebuild(tmp_path / "none")


def test_packs_cut_short_are_errors_not_wrong_bytes(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    with Repository(tmp_path / "r") as repository:
        root = repository.add(data).cid
    (pack,) = (tmp_path / "r").rglob("*.car")
    with pack.open("r+b") as file:
        file.truncate(1_600_000)
    try:
        with Repository(tmp_path / "r") as repository:
            assert repository.cat(root, 0, 1000) == data[:1000]
            with pytest.raises(IPFSError):
                repository.cat(root)
    except IPFSError:
        pass
    report = Repository.rebuild(tmp_path / "r")
    assert report.blocks < 4
    with Repository(tmp_path / "r") as repository:
        assert repository.add(data).cid == root
        assert repository.cat(root) == data


def test_all_blocks_can_be_hashed_at_every_read(tmp_path: Path) -> None:
    data = os.urandom(500_000)
    with Repository(tmp_path / "r", verify="always") as repository:
        root = repository.add(data).cid
        assert repository.cat(root) == data
        damage(repository, data[:64])
        with pytest.raises(IntegrityError):
            repository.cat(root)
