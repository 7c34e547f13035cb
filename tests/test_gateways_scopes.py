"""Parts of DAGs in one reply: the way to a block, a range of a file, a folder's list."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests import gateway_server as bad
from tests.gateway_server import GatewayServer, Request, Serve
from tests.soon import PATIENT_SECONDS

from ipfs_kit_py import CID, Repository, cid_of
from ipfs_kit_py._sources import ChainReader
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    IntegrityError,
    PathNotFoundError,
    UnreachableError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

KIB, MIB = 1 << 10, 1 << 20
DATA = os.urandom(40 * MIB)


@pytest.fixture
def root(far: Repository, tmp_path: Path) -> CID:
    """A file three folders down, and a folder of many shards."""
    folder = tmp_path / "tree"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "large").write_bytes(DATA)
    (folder / "many").mkdir()
    for number in range(300):
        (folder / "many" / f"{number}").write_bytes(os.urandom(10))
    return far.add(folder, max_directory_links=20, max_hamt_fanout=16).cid


Open = Callable[..., ChainReader]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Open]:
    """Make what reads through gateways, each time with an empty cache."""
    with ExitStack() as stack:

        def make(*servers: GatewayServer) -> ChainReader:
            place = tempfile.mkdtemp(dir=tmp_path)
            metadata = {
                "ipfs_path": f"{place}/repository",
                "cache_config": {"disk_cache_path": f"{place}/cache"},
                "gateway_urls": [server.url for server in servers],
                "timeouts": {"gateway": PATIENT_SECONDS},
            }
            return stack.enter_context(ipfs_kit(metadata=metadata)).reader

        yield make


def cars(server: GatewayServer) -> list[dict[str, str]]:
    queries = [parse_qs(urlsplit(path).query) for path in server.asked]
    return [
        {key: values[0] for key, values in it.items()} for it in queries if len(it) > 1
    ]


def test_a_range_comes_with_all_that_leads_to_it(
    reader: Open, root: CID, server: GatewayServer
) -> None:
    start = 20 * MIB - 5
    found = reader(server).cat(f"{root}/a/b/large", start, 10)
    assert found == DATA[start : start + 10]
    [car] = cars(server)
    assert (car["dag-scope"], car["entity-bytes"]) == ("entity", f"{start}:{start + 9}")
    assert server.asked[0].startswith(f"/ipfs/{root}/a/b/large?")
    # Three folders, the file's first block, and two with those bytes.
    assert (len(server.asked), len(server.sent)) == (1, 6)


def test_a_range_of_a_file_by_itself_does_too(
    reader: Open, far: Repository, root: CID, server: GatewayServer
) -> None:
    cid = far.resolve(f"{root}/a/b/large")
    assert reader(server).cat(cid, 39 * MIB + 7) == DATA[39 * MIB + 7 :]
    assert bytes(reader(server).cat_view(cid, 5, 6)) == DATA[5:11]
    spans = [car["entity-bytes"] for car in cars(server)]
    assert spans == [f"{39 * MIB + 7}:*", "5:10"]
    assert len(server.asked) == 2


def test_a_small_file_below_folders_comes_in_one_reply(
    reader: Open, far: Repository, root: CID, server: GatewayServer
) -> None:
    path = f"{root}/many/77"
    assert reader(server).cat(path) == far.cat(path)
    assert [car["dag-scope"] for car in cars(server)] == ["entity"]
    assert "entity-bytes" not in cars(server)[0]
    assert len(server.asked) == 1


def test_the_list_of_a_folder_comes_in_one_reply(
    reader: Open, far: Repository, root: CID, server: GatewayServer
) -> None:
    path = f"{root}/many"
    expected = list(far.ls(path, resolve=False))
    assert list(reader(server).ls(path, resolve=False)) == expected
    assert [car["dag-scope"] for car in cars(server)] == ["entity"]
    # All its shards, and none of its files.
    assert len(server.asked) == 1
    assert 10 < len(server.sent) < 200


def test_other_reads_go_on_between_two_entries(
    reader: Open, far: Repository, root: CID, server: GatewayServer
) -> None:
    through = reader(server)
    entries = through.ls(f"{root}/many", resolve=False)
    for entry in (next(entries), next(entries)):
        assert through.cat(entry.cid) == far.cat(entry.cid)
    raw = [path for path in server.asked if path.endswith("?format=raw")]
    assert len(raw) == 2
    del entries


def test_a_path_is_followed_in_one_reply(
    reader: Open, far: Repository, root: CID, server: GatewayServer
) -> None:
    path = f"{root}/a/b/large"
    assert reader(server).stat(path) == far.stat(path)
    assert reader(server).resolve(path) == far.resolve(path)
    assert [car["dag-scope"] for car in cars(server)] == ["block", "block"]
    assert len(server.asked) == 2
    assert len(server.sent) <= 8


def test_one_block_is_asked_for_as_a_block(
    reader: Open, root: CID, server: GatewayServer
) -> None:
    through = reader(server)
    through.stat(root)
    through.block_get(root)
    assert cars(server) == []


def test_what_is_not_there_is_said_as_ever(
    reader: Open, root: CID, server: GatewayServer
) -> None:
    with pytest.raises(PathNotFoundError):
        reader(server).cat(f"{root}/a/none")
    with pytest.raises(BlockNotFoundError):
        reader(server).cat(cid_of(b"nowhere"), 5, 5)


def more_than_asked(request: Request) -> bool:
    """Know no scopes, and give all that is below."""
    request.query.pop("dag-scope", None)
    request.query.pop("entity-bytes", None)
    return False


def no_cars(request: Request) -> bool:
    return "car" in request.query.values() and bad.status(400)(request)


def half(request: Request) -> bool:
    return "car" in request.query.values() and bad.cut_car(request)


def without_its_end(request: Request) -> bool:
    """Leave out what the path leads to."""
    if "car" not in request.query.values():
        return False
    sections = request.sections()[:-1]
    request.reply(200, b"".join(data for _, data in sections), bad.CAR)
    return True


ODD: dict[str, Callable[[Request], bool]] = {
    "gives all": more_than_asked,
    "gives no CARs": no_cars,
    "breaks off": half,
    "leaves out the end": without_its_end,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ODD)
def test_gateways_that_know_no_scopes_do_no_harm(
    reader: Open, kind: str, far: Repository, root: CID, serve: Serve
) -> None:
    server = serve(ODD[kind])
    path = f"{root}/a/b/large"
    start = 30 * MIB
    assert reader(server).cat(path, start, 100) == DATA[start : start + 100]
    assert reader(server).stat(path) == far.stat(path)
    listed = list(reader(server).ls(f"{root}/many", resolve=False))
    assert listed == list(far.ls(f"{root}/many", resolve=False))
    # It sends into nothing what nobody takes, but not for long.
    assert server.sent_bytes < 40 * MIB


def test_one_that_gives_no_cars_is_asked_for_them_once(
    reader: Open, root: CID, serve: Serve
) -> None:
    server = serve(no_cars)
    through = reader(server)
    for start in (0, 10 * MIB, 20 * MIB):
        assert through.cat(f"{root}/a/b/large", start, 10) == DATA[start : start + 10]
    assert len(cars(server)) == 1


def test_wrong_bytes_in_a_part_are_never_given_out(
    reader: Open, root: CID, serve: Serve
) -> None:
    def lie(request: Request) -> bool:
        if "car" not in request.query.values():
            return bad.lie(request)
        car = bytearray(request.car())
        car[-3] ^= 1
        request.reply(200, bytes(car), bad.CAR)
        return True

    start = 25 * MIB
    # Who lied rests, and is not asked for single blocks.
    with pytest.raises((IntegrityError, UnreachableError)):
        reader(serve(lie)).cat(f"{root}/a/b/large", start, 100)
    good = serve()
    found = reader(serve(lie), good).cat(f"{root}/a/b/large", start, 100)
    assert found == DATA[start : start + 100]
