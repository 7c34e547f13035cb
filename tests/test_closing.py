"""A kit that is closed keeps no connection, though nobody used it for long."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.gateway_server import GatewayServer
from tests.scripted_server import scripted

from ipfs_kit_py import Repository
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.sources import GatewaySource

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
