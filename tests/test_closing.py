"""What is closed keeps no connection, and what nobody has any more no file."""

import gc
import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.gateway_server import GatewayServer
from tests.scripted_server import scripted

from ipfs_kit_py import CID, Repository
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from ipfs_kit_py.errors import BlockNotFoundError
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.sources import GatewaySource

ABSENT = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
FDS = Path("/proc/self/fd")
pytestmark = pytest.mark.skipif(not FDS.is_dir(), reason="this system has no /proc")


def sockets() -> set[str]:
    """List the sockets of this process."""
    found = set()
    for fd in FDS.iterdir():
        try:
            name = str(fd.readlink())
        except OSError:
            continue
        if name.startswith("socket:"):
            found.add(name)
    return found


@pytest.fixture
def metadata(tmp_path: Path) -> dict[str, Any]:
    cache = {"disk_cache_path": str(tmp_path / "cache")}
    return {"ipfs_path": str(tmp_path / "repository"), "cache_config": cache}


def served(server: GatewayServer, before: set[str]) -> set[str]:
    """Leave out the ends of connections that the server of the test holds."""
    port = f":{server.server_port:04X}"
    held = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(port):
            held.add(f"socket:[{fields[9]}]")
    return sockets() - before - held


def test_connections_to_gateways_end_with_the_kit(
    far: Repository, server: GatewayServer, metadata: dict[str, Any]
) -> None:
    cid = far.add(os.urandom(5_000_000)).cid
    before = sockets()
    kit = ipfs_kit(metadata=metadata | {"gateway_urls": [server.url]})
    kit.reader.cat(cid)
    assert served(server, before)
    kit.close()
    assert not served(server, before)
    kit.close()


def test_a_source_of_ones_own_stays_open(
    far: Repository, server: GatewayServer, metadata: dict[str, Any]
) -> None:
    cid = far.add(b"content").cid
    before = sockets()
    with ipfs_kit(
        metadata=metadata, sources=[source := GatewaySource([server.url])]
    ) as kit:
        kit.reader.cat(cid)
    assert served(server, before)
    source.close()
    assert not served(server, before)
    assert source.get_blocks([cid])
    source.close()


def test_connections_to_pinning_services_end_with_each_call(
    metadata: dict[str, Any],
) -> None:
    body = json.dumps({"count": 0, "results": []}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with scripted([head + body]) as server:
        services = {"ours": {"endpoint": server.url, "token": "s3cret"}}
        before = sockets()
        kit = ipfs_kit(metadata=metadata | {"pinning_services": services})
        assert kit.ipfs_pin_remote_ls()["count"] == 0
        kit.close()
        # The server's own end goes when it sees that ours has gone.
        assert len(sockets() - before) <= 1


def held(folder: Path) -> list[str]:
    """List the files below a folder that this process has open or mapped."""
    gc.collect()
    found = [str(fd.readlink()) for fd in FDS.iterdir() if fd.is_symlink()]
    maps = Path("/proc/self/maps").read_text().splitlines()
    return [
        name
        for name in [*found, *(line.rpartition(" ")[2] for line in maps)]
        if name.startswith(str(folder))
    ]


class OfAKit:
    """A source that knows the kit whose source it is."""

    name, cost, is_remote = "of a kit", 5.0, False
    kit: Any = None

    def get_blocks(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        return dict.fromkeys(cids[:0], b"")


def use_kit(metadata: dict[str, Any]) -> object:
    source = OfAKit()
    kit = source.kit = ipfs_kit(metadata=metadata, sources=[source])
    cid = kit.ipfs.add(os.urandom(3_000_000))["cid"]
    view = kit.reader.cat_view(cid)
    with pytest.raises(BlockNotFoundError):
        kit.reader.cat(ABSENT)
    return kit, view, kit.reader.open(cid)


def use_file_systems(metadata: dict[str, Any]) -> object:
    options = {"skip_instance_cache": True, "metadata": metadata}
    mfs = fsspec.filesystem("mfs", **options)
    with mfs.transaction:
        mfs.pipe("/folder/a", os.urandom(300_000))
    mfs.get_mapper("/folder")["b"] = b"b"
    ipfs = fsspec.filesystem("ipfs", **options)
    file = ipfs.open(f"{mfs.commit('/folder')}/a")
    file.read(10)
    return mfs, ipfs, file


def use_loader(metadata: dict[str, Any]) -> object:
    kit = ipfs_kit(metadata=metadata)
    folder = Path(metadata["ipfs_path"]).with_name("folder")
    folder.mkdir()
    for number in range(20):
        (folder / str(number)).write_bytes(os.urandom(3000))
    loader = IPFSDataLoader(kit, batch_size=4)
    loader.load_dataset(kit.ipfs.add(folder)["cid"])
    batches = iter(loader)
    return kit, loader, next(batches), batches


@pytest.mark.parametrize("use", [use_kit, use_file_systems, use_loader])
def test_what_nobody_has_any_more_holds_no_files(
    use: Callable[[dict[str, Any]], object], metadata: dict[str, Any], tmp_path: Path
) -> None:
    """Closed or not: a process that makes kits all day must not run out of files."""
    used = use(metadata)
    assert held(tmp_path)
    del used
    assert not held(tmp_path)


def test_connections_that_nobody_has_any_more_end_without_a_word(
    far: Repository, server: GatewayServer, metadata: dict[str, Any]
) -> None:
    """In whichever order a collection finds them."""
    cid = far.add(os.urandom(300_000)).cid
    before = sockets()
    metadata |= {"gateway_urls": [server.url], "cache_config": {"disk_cache_size": 0}}
    for _ in range(10):
        kit = ipfs_kit(metadata=metadata)
        kit.reader.cat(cid)
    assert served(server, before)
    del kit
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(it.message) for it in caught] == []
    assert not served(server, before)


def test_a_forked_child_collects_what_its_parent_left(
    far: Repository, server: GatewayServer, metadata: dict[str, Any]
) -> None:
    """And takes nothing from what the parent goes on with."""
    cids = [far.add(os.urandom(2_000_000)).cid for _ in range(3)]
    metadata |= {"gateway_urls": [server.url]}
    gc.collect()
    gc.disable()
    try:
        kit = ipfs_kit(metadata=metadata)
        for cid in cids[:2]:
            left = ipfs_kit(metadata=metadata)
            left.reader.cat(cid)
            left.ipfs.add(os.urandom(100_000))
        del left
        child = os.fork()
        if child == 0:
            gc.collect()
            os._exit(0)
        assert os.waitpid(child, 0) == (child, 0)
        added = kit.ipfs.add(b"after")["cid"]
    finally:
        gc.enable()
    gc.collect()
    assert [len(kit.reader.cat(cid)) for cid in cids] == [2_000_000] * 3
    kit.close()
    with Repository(metadata["ipfs_path"]) as repository:
        assert repository.cat(added) == b"after"
        assert repository.verify().bad == []
