"""Which gateways are used: the settings, IPIP-280, delegated routing."""

import json
from pathlib import Path

import pytest
from tests import gateway_server as bad
from tests.gateway_server import Behaviour, GatewayServer, Request, Serve
from tests.soon import PATIENT_SECONDS

from ipfs_kit_py import Repository, cid_of
from ipfs_kit_py._config import load
from ipfs_kit_py._gateways import find_gateways, find_routers
from ipfs_kit_py._gateways.address import parse_address, url_of_multiaddr
from ipfs_kit_py.errors import (
    ConfigurationError,
    IPFSError,
    TimedOutError,
    UnreachableError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.sources import GatewaySource

GATEWAY = "transport-ipfs-gateway-http"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No user's files, no variables."""
    for name in ("IPFS_GATEWAY", "IPFS_PATH", "XDG_CONFIG_HOME", "IPFS_KIT_GATEWAY_URLS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def found(**metadata: object) -> tuple[str, ...]:
    return find_gateways(load(metadata).config)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.usefixtures("home")
def test_no_gateway_is_used_unless_somebody_names_one() -> None:
    assert found() == ()
    assert find_routers(load({}).config) == ()


def test_the_first_place_that_names_a_gateway_decides(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [
        home / ".config" / "ipfs" / "gateway",
        home / "xdg" / "ipfs" / "gateway",
        home / ".ipfs" / "gateway",
        home / "path" / "gateway",
    ]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    monkeypatch.setenv("IPFS_PATH", str(home / "path"))
    for number, place in enumerate(places):
        put(place, f"http://127.0.0.1:{number}\n")
        assert found() == (f"http://127.0.0.1:{number}",)
    monkeypatch.setenv("IPFS_GATEWAY", "http://127.0.0.1:10 http://127.0.0.1:11")
    assert found() == ("http://127.0.0.1:10", "http://127.0.0.1:11")
    monkeypatch.setenv("IPFS_KIT_GATEWAY_URLS", "http://127.0.0.1:20,http://[::1]:21")
    assert found() == ("http://127.0.0.1:20", "http://[::1]:21")
    assert found(gateway_urls=["https://mine"]) == ("https://mine",)
    assert found(gateway_urls=[]) == ()


def test_the_file_of_the_repository_in_use_comes_first(home: Path) -> None:
    put(home / ".ipfs" / "gateway", "http://127.0.0.1:1")
    put(home / "kubo" / "gateway", "http://127.0.0.1:2\r\nhttp://127.0.0.1:3\r\n")
    assert found(ipfs_path=str(home / "kubo")) == (
        "http://127.0.0.1:2",
        "http://127.0.0.1:3",
    )


def test_what_other_programs_wrote_stops_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (home / ".ipfs" / "gateway").mkdir(parents=True)
    monkeypatch.setenv("IPFS_GATEWAY", "nonsense ftp://host")
    put(home / ".config" / "ipfs" / "gateway", "http://good:8080")
    assert found() == ("http://good:8080",)
    assert "IPFS_GATEWAY" in caplog.text
    put(home / ".config" / "ipfs" / "gateway", "\xff\0")
    assert found() == ()
    with pytest.raises(ConfigurationError):
        _ = ipfs_kit(metadata={"gateway_urls": ["nonsense"]}).reader


@pytest.mark.usefixtures("home")
def test_public_ones_have_to_be_asked_for() -> None:
    urls = found(gateway_urls=["http://mine", "public"])
    assert urls[0] == "http://mine"
    assert len(urls) > 1
    assert all(url.startswith("https://") for url in urls[1:])
    assert find_routers(load({"routing_urls": ["public"]}).config)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://host/", "https://host"),
        ("https://host/ipfs/", "https://host"),
        (" https://host/base/ipfs ", "https://host/base"),
        ("HTTP://[::1]:80", "http://[::1]:80"),
    ],
)
def test_urls_are_read_as_people_write_them(text: str, url: str) -> None:
    assert parse_address(text).url == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/dns4/gw.example/tcp/443/https", "https://gw.example:443"),
        ("/dns/gw.example/tcp/443/tls/http", "https://gw.example:443"),
        ("/dns/gw.example/tcp/443/tls/sni/gw.example/http", "https://gw.example:443"),
        ("/ip4/1.2.3.4/tcp/80/http", "http://1.2.3.4:80"),
        ("/ip6/::1/tcp/80/http", "http://[::1]:80"),
        ("/ip4/1.2.3.4/tcp/4001", None),
        ("/ip4/1.2.3.4/udp/4001/quic-v1", None),
        ("/nonsense", None),
    ],
)
def test_multiaddrs_of_gateways_are_known(text: str, url: str | None) -> None:
    assert url_of_multiaddr(text) == url


def multiaddr(server: GatewayServer) -> str:
    return f"/ip4/127.0.0.1/tcp/{server.server_port}/http"


def routes(records: list[object], *, stream: bool = True) -> Behaviour:
    """Answer as a router."""

    def answer(request: Request) -> bool:
        if stream:
            body = "".join(json.dumps(record) + "\n" for record in records)
            request.reply(200, body.encode(), "application/x-ndjson")
        else:
            body = json.dumps({"Providers": records})
            request.reply(200, body.encode(), "application/json")
        return True

    return answer


def provider(*addrs: object, **more: object) -> dict[str, object]:
    record = {"Schema": "peer", "ID": "12D3", "Addrs": addrs, "Protocols": [GATEWAY]}
    return record | more


@pytest.mark.parametrize("stream", [True, False])
def test_a_router_finds_the_gateway_that_has_a_block(
    far: Repository, serve: Serve, stream: bool
) -> None:
    cids = [far.block_put(b"one"), far.block_put(b"two")]
    gateway = serve()
    records = [
        provider("/ip4/1.2.3.4/udp/4001/quic-v1", Protocols=["transport-bitswap"]),
        provider(Protocols=None),
        provider(None, 5, "/nonsense", "ftp://host", Addrs=None),
        {"Schema": "unknown"},
        provider("/ip4/127.0.0.1/udp/4001/quic-v1", multiaddr(gateway)),
    ]
    router = serve(routes(records, stream=stream))
    source = GatewaySource(routing_urls=[router.url + "/routing/v1"])
    assert router.asked == []
    assert source.get_blocks(cids[:1]).keys() == {cids[0]}
    assert router.asked == [f"/routing/v1/providers/{cids[0]}"]
    assert source.urls == (gateway.url,)
    # The gateway is known now.
    assert source.get_blocks(cids[1:])
    assert len(router.asked) == 1


def test_a_router_is_asked_when_no_gateway_has_a_block(
    far: Repository, serve: Serve
) -> None:
    cid = far.block_put(b"one")
    without, gateway = serve(bad.empty), serve()
    router = serve(routes([provider(gateway.url)]))
    source = GatewaySource([without.url], routing_urls=[router.url])
    assert source.get_blocks([cid])
    assert source.get_blocks([cid])
    assert len(router.asked) == 1


def test_what_nobody_provides_is_asked_about_once(serve: Serve) -> None:
    router = serve(bad.empty)
    source = GatewaySource(routing_urls=[router.url])
    for _ in range(3):
        assert source.get_blocks([cid_of(b"nowhere")]) == {}
    assert len(router.asked) == 1


def test_a_gateway_that_a_router_names_may_lie(far: Repository, serve: Serve) -> None:
    cid = far.block_put(b"one")
    liar, good = serve(bad.lie), serve()
    router = serve(routes([provider(multiaddr(liar)), provider(multiaddr(good))]))
    assert GatewaySource(routing_urls=[router.url]).get_blocks([cid])


def test_a_router_can_name_only_so_many(far: Repository, serve: Serve) -> None:
    cid, good = far.block_put(b"one"), serve()
    many = [provider(f"http://127.0.0.1:{port}") for port in range(1, 500)]
    router = serve(routes([provider(multiaddr(good)), *many]))
    source = GatewaySource(routing_urls=[router.url])
    source.get_blocks([cid])
    assert len(source.urls) <= 16


def routes_wrongly(request: Request) -> bool:
    request.reply(200, b'{"Providers": 3}', "application/json")
    return True


ROUTER_FAULTS: dict[str, tuple[Behaviour, type[IPFSError]]] = {
    "stalls": (bad.stall, TimedOutError),
    "hangs up": (bad.hang_up, UnreachableError),
    "500": (bad.status(500), UnreachableError),
    "page": (bad.page, UnreachableError),
    "endless": (bad.endless, UnreachableError),
    "circle": (bad.circle, UnreachableError),
    "no list": (routes_wrongly, UnreachableError),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", ROUTER_FAULTS)
def test_a_router_that_fails_is_a_typed_error(
    fault: str, far: Repository, serve: Serve
) -> None:
    behave, kind = ROUTER_FAULTS[fault]
    cid = far.block_put(b"one")
    stall = 2.0 if kind is TimedOutError else PATIENT_SECONDS
    source = GatewaySource(
        [serve(bad.empty).url], routing_urls=[serve(behave).url], stall_seconds=stall
    )
    with pytest.raises(kind, match="routers: "):
        source.get_blocks([cid])
    good = serve(routes([provider(serve().url)]))
    both = [serve(behave).url, good.url]
    assert GatewaySource(routing_urls=both, stall_seconds=stall).get_blocks([cid])
