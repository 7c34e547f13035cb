"""Reading through the gateway of a real Kubo."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Kubo

from ipfs_kit_py import Repository, cid_of
from ipfs_kit_py._gateways.address import Address
from ipfs_kit_py._gateways.client import Client
from ipfs_kit_py._sources import ChainReader
from ipfs_kit_py._sources.pull import pull
from ipfs_kit_py.errors import BlockNotFoundError, IPFSError
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.sources import GatewaySource

MIB = 1 << 20


class Daemon(Kubo):
    """A Kubo whose daemon runs; its `gateway` file says where the gateway is."""

    @property
    def url(self) -> str:
        return (self.repo / "gateway").read_text().strip()


@pytest.fixture(scope="module")
def daemon(
    require_real: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Daemon]:
    program = require_real("ipfs", "`make tools` builds Kubo where Go is installed")
    kubo = Daemon.create(program, tmp_path_factory.mktemp("gateway"))
    found = Daemon(kubo.program, kubo.repo, kubo.imports)
    env = os.environ | {"IPFS_PATH": str(found.repo), "IPFS_TELEMETRY": "off"}
    process = subprocess.Popen(
        [program, "daemon", "--offline"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"Daemon is ready"):
                break
        yield found
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def add(daemon: Daemon, path: Path) -> str:
    # The daemon has the repository: its own API adds.
    done = subprocess.run(
        [daemon.program, "add", "-rQ", "--cid-version=1", path],
        env=os.environ | {"IPFS_PATH": str(daemon.repo), "IPFS_TELEMETRY": "off"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_what_kubo_has_is_read_and_found_by_its_file(
    daemon: Daemon, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = add(daemon, tree)
    # As a user of both has it: Kubo's folder says where its gateway is.
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".ipfs").symlink_to(daemon.repo)
    cache = {"disk_cache_path": str(tmp_path / "cache")}
    metadata = {"ipfs_path": str(tmp_path / "repo"), "cache_config": cache}
    with ipfs_kit(metadata=metadata) as kit:
        assert kit.reader.sources[-1].name == "gateway"
        kit.ipfs.get(root, tmp_path / "out").raise_for_error()
        for place in tree.rglob("*"):
            if place.is_file():
                same = tmp_path / "out" / place.relative_to(tree)
                assert same.read_bytes() == place.read_bytes()
        names = {entry.name for entry in kit.reader.ls(root)}
        assert names == {place.name for place in tree.iterdir()}


def test_a_whole_dag_is_pulled(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(40 * MIB))
    root = add(daemon, tmp_path / "big")
    with Repository(tmp_path / "near") as near:
        done = pull(near, [GatewaySource([daemon.url])], root)
        assert done.bytes >= 40 * MIB
        assert near.cat(root) == (tmp_path / "big").read_bytes()
        assert near.verify().bad == []


def test_what_kubo_does_not_have_is_an_error_soon(daemon: Daemon, tmp_path: Path) -> None:
    source = GatewaySource([daemon.url], stall_seconds=10)
    start = time.monotonic()
    found = None
    with suppress(IPFSError):
        found = source.get_blocks([cid_of(b"nowhere, ever")])
    assert not found
    assert time.monotonic() - start < 30
    with (
        Repository(tmp_path / "near") as near,
        pytest.raises((BlockNotFoundError, OSError)),
    ):
        pull(near, [source], cid_of(b"nowhere, ever"))


def test_a_part_comes_in_one_reply(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = os.urandom(20 * MIB)
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "below" / "big").write_bytes(data)
    for number in range(50):
        (tmp_path / "tree" / "below" / f"{number}").write_bytes(os.urandom(100))
    root = add(daemon, tmp_path / "tree")
    asked: list[str] = []

    class Noting(Client):
        def get(self, server: Address, path: str, *rest: Any, **more: Any) -> Any:
            asked.append(path)
            return super().get(server, path, *rest, **more)

    def reader() -> ChainReader:
        asked.clear()
        source = GatewaySource([daemon.url])
        source._client.__class__ = Noting
        place = tempfile.mkdtemp(dir=tmp_path)
        metadata = {"ipfs_path": place, "cache_config": {"disk_cache_path": place}}
        return stack.enter_context(ipfs_kit(metadata=metadata, sources=[source])).reader

    caplog.set_level("DEBUG", "ipfs_kit_py")
    with ExitStack() as stack:
        start = 11 * MIB
        assert reader().cat(f"{root}/below/big", start, 10) == data[start : start + 10]
        assert [path for path in asked if "format=car" in path] == asked
        assert len(asked) == 1
        names = {entry.name for entry in reader().ls(f"{root}/below", resolve=False)}
        assert len(names) == 51
        assert len(asked) == 1
        assert reader().stat(f"{root}/below/7").size == 100
        assert len(asked) == 1
    assert "ended" not in caplog.text


def test_batches_are_fetched_ahead_and_kept(daemon: Daemon, tmp_path: Path) -> None:
    """The first epoch comes from the gateway, the second from the cache."""
    place = tmp_path / "samples"
    place.mkdir()
    large = os.urandom(3 * MIB)
    for number in range(300):
        (place / f"{number:04}").write_bytes(number.to_bytes(2, "little") * 2000)
    (place / "large").write_bytes(large)
    root = add(daemon, place)
    for disk_bytes in (1 << 30, 0):
        cache = {
            "disk_cache_path": str(tmp_path / f"cache{disk_bytes}"),
            "disk_cache_size": disk_bytes,
        }
        metadata = {
            "ipfs_path": str(tmp_path / f"repo{disk_bytes}"),
            "cache_config": cache,
            "gateway_urls": [daemon.url],
        }
        with ipfs_kit(metadata=metadata) as kit:
            loader = kit.get_data_loader(batch_size=32, ahead_bytes=4 * MIB)
            loader.load_dataset(root)
            for _ in range(2):
                found = [bytes(one) for batch in loader for one in batch]
                assert large in found
                small = {one for one in found if len(one) == 4000}
                assert (len(small), len(found)) == (300, 301)
            # Stopping while much is on its way ends at once.
            loader = kit.get_data_loader(batch_size=4)
            loader.load_dataset(root)
            batches = iter(loader)
            next(batches)
            begin = time.perf_counter()
            loader.close()
            assert time.perf_counter() - begin < 5
