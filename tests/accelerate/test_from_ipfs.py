"""`from_ipfs`: a folder of files, of which nothing is written twice."""

from pathlib import Path

import pytest
from tests.gateway_server import serving

import ipfs_accelerate_py
from ipfs_accelerate_py import from_ipfs, ipfs_accelerate
from ipfs_kit_py import Repository
from ipfs_kit_py.errors import BlockNotFoundError, PathNotADirectoryError


@pytest.fixture
def folder(workplace: Path) -> Path:
    folder = workplace / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "words.txt").write_text("words")
    return folder


def test_files_appear_and_those_that_are_unchanged_stay(folder: Path) -> None:
    cid = ipfs_accelerate.add_file(folder)["cid"]
    found = from_ipfs(cid)
    assert found.name == cid
    assert (found / "sub" / "words.txt").read_text() == "words"
    before = (found / "config.json").stat()
    (found / "sub" / "words.txt").write_text("other")
    assert from_ipfs(f"ipfs://{cid}") == found
    assert (found / "sub" / "words.txt").read_text() == "words"
    after = (found / "config.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert from_ipfs(cid, force_download=True) == found
    assert (found / "config.json").stat().st_ino != before.st_ino


def test_it_goes_where_one_says_and_takes_what_is_wanted(folder: Path) -> None:
    cid = ipfs_accelerate.add_file(folder)["cid"]
    found = from_ipfs(cid, folder.parent / "there", allow_patterns="*.json")
    assert found == folder.parent / "there"
    assert [it.name for it in found.rglob("*")] == ["config.json"]
    cached = from_ipfs(f"{cid}/sub", cache_dir=folder.parent / "cached")
    assert cached.parent == folder.parent / "cached" / "snapshots"
    assert (cached / "words.txt").read_text() == "words"


def test_it_comes_by_the_endpoint_of_the_configuration(
    folder: Path, tmp_path: Path
) -> None:
    with Repository(tmp_path / "served") as repository, serving(repository) as server:
        cid = str(repository.add(folder).cid)
        config = ipfs_accelerate_py.config()
        config.set("endpoints", "default", "lab")
        config.set("endpoints.lab", "gateway", server.url)
        ipfs_accelerate.configure(config)
        assert (from_ipfs(cid) / "sub" / "words.txt").read_text() == "words"
        server.forget()
        from_ipfs(cid)
        assert server.asked == []


def test_what_is_no_folder_or_nowhere_is_an_error(folder: Path) -> None:
    cid = ipfs_accelerate.add_file(folder)["cid"]
    with pytest.raises(PathNotADirectoryError):
        from_ipfs(f"{cid}/config.json")
    with pytest.raises(BlockNotFoundError):
        from_ipfs("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
