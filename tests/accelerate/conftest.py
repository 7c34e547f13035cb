"""What the tests of `ipfs_accelerate_py` may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import ipfs_accelerate_py
from ipfs_accelerate_py import ipfs_accelerate


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder, a repository and a cache with nothing in them."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IPFS_KIT_IPFS_PATH", str(tmp_path / "repository"))
    monkeypatch.setenv("IPFS_ACCELERATE_CACHE_PATH", str(tmp_path / "cache"))
    ipfs_accelerate.configure(ipfs_accelerate_py.config())
    yield folder
    ipfs_accelerate.close()
