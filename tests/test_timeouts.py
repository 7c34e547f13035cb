"""Each of `timeouts` acts, on whatever it is said to."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.scripted_server import STALL, scripted
from tests.soon import SOON_SECONDS

from ipfs_kit_py import cid_of
from ipfs_kit_py.ipfs_kit import ipfs_kit

NOWHERE = str(cid_of(b"nowhere"))
Call = Callable[[str, dict[str, Any]], dict[str, Any]]


@pytest.fixture
def deaf() -> Iterator[str]:
    """Give the URL of a server that accepts no connection, and refuses none."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # Its queue is full from now on.
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"


def gateway(url: str, given: dict[str, Any]) -> dict[str, Any]:
    with ipfs_kit(metadata=given | {"gateway_urls": [url]}) as kit:
        return kit.ipfs.cat(NOWHERE)


def node(url: str, given: dict[str, Any]) -> dict[str, Any]:
    with ipfs_kit(metadata=given | {"api_url": url, "engine": "kubo"}) as kit:
        return kit.ipfs.pin_ls()


def service(url: str, given: dict[str, Any]) -> dict[str, Any]:
    services = {"ours": {"endpoint": url, "token": "s3cret"}}
    with ipfs_kit(metadata=given | {"pinning_services": services}) as kit:
        return kit.ipfs_pin_remote_ls()


def store(url: str, given: dict[str, Any]) -> dict[str, Any]:
    s3cfg = {"endpoint": url, "anonymous": True, "bucket": "b", "prefix": "p"}
    with ipfs_kit(metadata=given | {"s3cfg": s3cfg}) as kit:
        return kit.ipfs.cat(NOWHERE)


EVERYONE: dict[str, tuple[Call, str]] = {
    "gateway": (gateway, "gateway"),
    "node": (node, "api"),
    "service": (service, "api"),
    "store": (store, "api"),
}


def settings(tmp_path: Path, **timeouts: float) -> dict[str, Any]:
    cache = {"disk_cache_path": str(tmp_path / "cache")}
    given = {"ipfs_path": str(tmp_path / "repository"), "cache_config": cache}
    return given | {"timeouts": timeouts}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("whom", EVERYONE)
def test_who_is_silent_is_left_when_its_own_time_is_over(
    whom: str, tmp_path: Path
) -> None:
    call, name = EVERYONE[whom]
    others = {"api": 60.0, "gateway": 60.0, "peer_connect": 60.0}
    with scripted([STALL]) as server:
        start = time.monotonic()
        result = call(server.url, settings(tmp_path, **(others | {name: 0.3})))
    assert not result["success"]
    assert time.monotonic() - start < SOON_SECONDS


@pytest.mark.timeout(60)
@pytest.mark.parametrize("whom", EVERYONE)
def test_who_accepts_no_connection_is_left_after_peer_connect(
    whom: str, tmp_path: Path, deaf: str
) -> None:
    call, _ = EVERYONE[whom]
    start = time.monotonic()
    given = settings(tmp_path, api=60.0, gateway=60.0, peer_connect=0.3)
    result = call(deaf, given)
    assert not result["success"]
    assert time.monotonic() - start < SOON_SECONDS
