"""zarr's own tests of stores, on `mfs://`."""

from pathlib import Path
from typing import Any

import pytest

zarr = pytest.importorskip("zarr")

from zarr.core.buffer import Buffer, cpu  # noqa: E402
from zarr.storage import FsspecStore  # noqa: E402
from zarr.testing.store import StoreTests  # noqa: E402

from ipfs_kit_py.ipfs_fsspec import MFSFileSystem  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class TestStore(StoreTests[FsspecStore, cpu.Buffer]):
    """Theirs, with what only we know: how to look behind the store's back."""

    store_cls = FsspecStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, tmp_path: Path) -> dict[str, Any]:
        fs = MFSFileSystem(ipfs_path=str(tmp_path / "store"), asynchronous=True)
        return {"fs": fs, "path": "/store"}

    @pytest.fixture
    async def store(self, store_kwargs: dict[str, Any]) -> FsspecStore:
        return self.store_cls(**store_kwargs)

    async def set(self, store: FsspecStore, key: str, value: Buffer) -> None:
        await store.fs._pipe_file(f"{store.path}/{key}", value.to_bytes())

    async def get(self, store: FsspecStore, key: str) -> Buffer:
        return self.buffer_cls.from_bytes(await store.fs._cat_file(f"{store.path}/{key}"))

    def test_store_repr(self, store: FsspecStore) -> None:
        assert str(store) == "<FsspecStore(MFSFileSystem, /store)>"

    def test_store_supports_writes(self, store: FsspecStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: FsspecStore) -> None:
        assert store.supports_listing

    def test_store_supports_partial_writes(self, store: FsspecStore) -> None:
        assert not store.supports_partial_writes
