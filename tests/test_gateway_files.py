"""Files whose leaves are known come as their bytes, and each leaf is verified."""

import os
from collections.abc import Callable

import pytest
from tests import gateway_server as bad
from tests.gateway_server import Behaviour, GatewayServer, Request, Serve

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._sources.chain import Chain
from ipfs_kit_py._sources.reader import ChainReader
from ipfs_kit_py.sources import GatewaySource

MIB = 1 << 20
DATA = os.urandom(20 * MIB + 5)


def reader_of(*servers: GatewayServer) -> ChainReader:
    source = GatewaySource([server.url for server in servers], stall_seconds=2.0)
    return ChainReader(Chain(None, [source]))


def kinds(server: GatewayServer) -> dict[str, int]:
    """Count what was asked for: files, blocks and CARs."""
    found = {"file": 0, "raw": 0, "car": 0}
    for path in server.asked:
        found[path.partition("format=")[2][:3] or "file"] += 1
    return found


@pytest.fixture
def giving(serve: Serve) -> Callable[[Behaviour | None], GatewayServer]:
    def run(behave: Behaviour | None = None) -> GatewayServer:
        server = serve(behave)
        server.gives_files = True
        return server

    return run


Giving = Callable[..., GatewayServer]


@pytest.mark.parametrize("profile", ["unixfs-v1-2025", "unixfs-v0-2015"])
def test_a_large_file_takes_few_requests(
    profile: str, far: Repository, giving: Giving
) -> None:
    cid, server = far.add(DATA, profile=profile).cid, giving()
    assert reader_of(server).cat(cid) == DATA
    asked = kinds(server)
    assert asked["file"] <= 3
    assert asked["raw"] + asked["car"] <= 3


def test_a_range_takes_no_more_than_its_leaves(far: Repository, giving: Giving) -> None:
    cid, server = far.add(DATA).cid, giving()
    reader = reader_of(server)
    reader.stat(cid)
    reader.cat(cid, 3 * MIB, 1)
    assert reader.cat(cid, 2 * MIB, 9 * MIB) == DATA[2 * MIB : 11 * MIB]


def test_one_that_gives_blocks_alone_is_asked_for_a_file_once(
    far: Repository, serve: Serve
) -> None:
    refused: list[str] = []

    def note(request: Request) -> bool:
        if request.is_file:
            refused.append(request.path)
            request.reply(406, b"no", "text/plain")
        return request.is_file

    server = serve(note)
    server.gives_files = True
    reader = reader_of(server)
    for _ in range(2):
        assert reader.cat(far.add(DATA).cid) == DATA
    assert len(refused) == 1


def flipped(request: Request) -> bool:
    """Give a file in which one byte is wrong."""
    if not request.is_file:
        return False
    data = bytearray(request.span())
    data[len(data) // 2] ^= 1
    request.reply(206, bytes(data), "text/plain", Content_Range=request.spanned)
    return True


def half(request: Request) -> bool:
    """Say that the file is all there, and give half of it."""
    if not request.is_file:
        return False
    data = request.span()
    part = data[: len(data) // 2]
    request.reply(206, part, "text/plain", Content_Range=request.spanned)
    return True


def other_bytes(request: Request) -> bool:
    """Give another range than was asked for."""
    if not request.is_file:
        return False
    request.reply(206, DATA[:MIB], "text/plain", Content_Range="bytes 0-1048575/*")
    return True


def endless(request: Request) -> bool:
    """Give a file that does not end."""
    if not request.is_file:
        return False
    request.head(206, Content_Type="text/plain", Content_Range=request.spanned)
    try:
        request.wfile.write(request.span())
        while True:
            request.wfile.write(bytes(MIB))
    except OSError:
        request.close_connection = True
    return True


def raw_block(request: Request) -> bool:
    """Give the first block, whatever is asked for."""
    request.reply(200, request.block())
    return True


def only_files(behave: Behaviour) -> Behaviour:
    """Misbehave where files are asked for alone."""
    return lambda request: request.is_file and behave(request)


FAULTS: dict[str, Behaviour] = {
    "one byte is wrong": flipped,
    "half of it": half,
    "another range": other_bytes,
    "no end": endless,
    "the raw block": raw_block,
    "a page": only_files(bad.page),
    "stalls": only_files(bad.stall),
    "stalls within": only_files(bad.stall_within),
    "cut": only_files(bad.cut),
    "hangs up": only_files(bad.hang_up),
    "no HTTP": only_files(bad.no_http),
    "redirects in a circle": only_files(bad.circle),
    "error": only_files(bad.status(500)),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_is_given_for_a_file_the_bytes_are_right(
    fault: str, far: Repository, giving: Giving
) -> None:
    cid, server = far.add(DATA[: 6 * MIB]).cid, giving(FAULTS[fault])
    assert reader_of(server).cat(cid) == DATA[: 6 * MIB]
    assert kinds(server)["file"] >= 1


def test_a_file_with_parts_of_its_own_kind_comes_block_by_block(
    far: Repository, giving: Giving
) -> None:
    parts = [far.block_put(os.urandom(1000)) for _ in range(8)]
    # Sizes that are not those of the parts.
    message = b"\x08\x02\x18\xc0\x3e" + b"\x20\xe9\x07" * 8
    links = [{"Hash": cid, "Name": "", "Tsize": 1000} for cid in parts]
    root: CID = far.dag_put({"Data": message, "Links": links}, "dag-pb")
    source = GatewaySource([giving().url])
    assert source.get_blocks([root])
    assert set(source.get_blocks(parts)) == set(parts)
