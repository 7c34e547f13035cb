"""Gateways: never a wrong byte, never a hang, whatever they answer."""

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import gateway_server as bad
from tests.gateway_server import Behaviour, GatewayServer, Request, Serve, serving
from tests.soon import PATIENT_SECONDS, SOON_SECONDS

from ipfs_kit_py import CID, CancelToken, Repository, cid_of, snapshot_download
from ipfs_kit_py._sources.pull import pull
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    CancelledError,
    ConfigurationError,
    IntegrityError,
    IPFSError,
    TimedOutError,
    UnreachableError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.sources import GatewaySource

KIB, MIB = 1 << 10, 1 << 20
DATA = os.urandom(5 * MIB)
STALL = 0.4
AMPLE_STALL = 2.0
"""Where one server is silent, and another must not be taken for it."""

Open = Callable[..., ipfs_kit]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Open]:
    """Open a kit that reads through gateways; each time the same folders."""
    kits = []

    def open_kit(*servers: GatewayServer, **metadata: Any) -> ipfs_kit:
        given: dict[str, Any] = {
            "ipfs_path": str(tmp_path / "repo"),
            "cache_config": {
                "disk_cache_path": str(tmp_path / "cache"),
                "disk_cache_size": "256MiB",
                "min_item_size": 0,
            },
            "gateway_urls": [server.url for server in servers],
            "timeouts": {"gateway": PATIENT_SECONDS},
        }
        kits.append(ipfs_kit(metadata=given | metadata))
        return kits[-1]

    yield open_kit
    for kit in kits:
        kit.close()


def source_of(
    *servers: GatewayServer, stall: float = PATIENT_SECONDS, **more: Any
) -> GatewaySource:
    urls = [server.url for server in servers]
    return GatewaySource(urls, stall_seconds=stall, **more)


def test_a_file_comes_through_a_gateway_once(
    far: Repository, serve: Serve, make: Open
) -> None:
    cid = far.add(DATA).cid
    server = serve()
    kit = make(server)
    names = [source.name for source in kit.reader.sources]
    assert names == ["memory", "disk", "local", "gateway"]
    assert server.asked == []
    assert kit.ipfs.cat(cid)["content"] == DATA
    assert len(server.asked) == 6
    assert all(path.endswith("?format=raw") for path in server.asked)
    kit.tiered_cache.clear(["memory"])
    assert kit.ipfs.cat(cid)["content"] == DATA
    assert len(server.asked) == 6
    assert make(server, offline=True).reader.cat(cid) == DATA


def test_folders_come_whole(
    far: Repository, serve: Serve, make: Open, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    for number in range(300):
        place = tree / f"{number % 7}" / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(number * 10))
    cid = far.add(tree, max_directory_links=50, max_hamt_fanout=16).cid
    server = serve()
    kit = make(server)
    kit.ipfs.get(cid, tmp_path / "out").raise_for_error()
    for place in tree.rglob("*.bin"):
        assert (tmp_path / "out" / place.relative_to(tree)).read_bytes() == (
            place.read_bytes()
        )
    name = "3/10.bin"
    assert kit.reader.cat(f"{cid}/{name}") == (tree / name).read_bytes()


def test_cids_of_every_form_are_asked_for(far: Repository, serve: Serve) -> None:
    source = source_of(serve())
    for cid in (
        far.add(b"old", profile="unixfs-v0-2015").cid,
        far.dag_put({"a": [1]}),
        far.block_put(b"b3", "raw", "blake3"),
        far.block_put(b"512", "raw", "sha2-512"),
    ):
        assert bytes(source.get_blocks([cid])[cid]) == far.block_get(cid)


# What each fault comes to, if no other gateway is there.
FAULTS: dict[str, tuple[Behaviour, type[IPFSError], str]] = {
    "wrong byte": (bad.lie, IntegrityError, "do not have the hash"),
    "another block": (bad.lie_with_another_block, IntegrityError, "do not have"),
    "cut": (bad.cut, UnreachableError, "broke off"),
    "cut chunks": (bad.cut_chunks, UnreachableError, "broke off"),
    "hangs up": (bad.hang_up, UnreachableError, "broke off"),
    "stalls": (bad.stall, TimedOutError, "too slow: no byte for 0.4 seconds"),
    "stalls within": (bad.stall_within, TimedOutError, "too slow: no byte"),
    "drips": (bad.drip, TimedOutError, "bytes in 0.8 seconds|no byte"),
    "endless": (bad.endless, UnreachableError, "sends more than"),
    "endless head": (bad.endless_head, UnreachableError, "broke off|failed|sends"),
    "too long": (bad.too_long, UnreachableError, "says it sends 1099511627776"),
    "wrong length": (bad.length_lie, IntegrityError, "do not have the hash"),
    "no HTTP": (bad.no_http, UnreachableError, "broke off"),
    "circle": (bad.circle, UnreachableError, "redirects more than 5 times"),
    "to a file": (bad.to("file:///etc/passwd"), UnreachableError, "no HTTP"),
    "to another scheme": (bad.to("gopher://127.0.0.1/"), UnreachableError, "no HTTP"),
    "to nowhere": (bad.to("http://[::"), UnreachableError, "no URL"),
    "to nobody": (bad.to("http://127.0.0.1:1/"), UnreachableError, "be reached"),
    "redirect to itself": (bad.to("{cid}?format=raw"), UnreachableError, "5 times"),
    "429": (bad.status(429), UnreachableError, "status 429"),
    "500": (bad.status(500), UnreachableError, "status 500"),
    "400": (bad.status(400), UnreachableError, "status 400"),
    "page": (bad.page, IntegrityError, "of type 'text/html'"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_typed_error(
    fault: str, far: Repository, serve: Serve, make: Open
) -> None:
    behave, kind, words = FAULTS[fault]
    cid = far.add(DATA[:MIB]).cid
    server = serve(behave)
    timeouts = {"gateway": STALL if kind is TimedOutError else PATIENT_SECONDS}
    start = time.monotonic()
    with pytest.raises(kind, match=words) as raised:
        make(server, timeouts=timeouts).reader.cat(cid)
    assert server.url in str(raised.value)
    result = make(server, timeouts=timeouts).ipfs.cat(cid)
    assert (result["success"], result["error_type"]) == (False, kind.__name__)
    assert time.monotonic() - start < 15


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_gateway_is_asked(
    fault: str, far: Repository, serve: Serve, make: Open
) -> None:
    cid = far.add(DATA).cid
    faulty, good = serve(FAULTS[fault][0]), serve()
    start = time.monotonic()
    kit = make(faulty, good, timeouts={"gateway": AMPLE_STALL})
    assert kit.reader.cat(cid) == DATA
    assert time.monotonic() - start < 15
    assert len(set(good.cids)) == 6


@pytest.mark.parametrize("fault", ["cut", "cut chunks", "hangs up", "500", "429"])
def test_what_passes_is_waited_for(
    fault: str, far: Repository, serve: Serve, make: Open
) -> None:
    cid = far.add(DATA).cid
    server = serve(bad.at_first(2, FAULTS[fault][0]))
    assert make(server).reader.cat(cid) == DATA
    assert len(server.asked) <= 6 + 2


def test_a_wrong_content_type_does_not_matter_if_the_bytes_are_right(
    far: Repository, serve: Serve
) -> None:
    cid = far.block_put(DATA[:KIB])
    assert source_of(serve(bad.wrong_type)).get_blocks([cid])


def test_what_nobody_has_is_not_found(serve: Serve, make: Open) -> None:
    kit = make(serve(), serve(bad.empty))
    with pytest.raises(BlockNotFoundError):
        kit.reader.cat(cid_of(b"nowhere"))
    result = kit.ipfs.cat(cid_of(b"nowhere"))
    assert (result["success"], result.get("not_found")) == (False, True)


def test_what_one_gateway_lacks_another_gives(
    far: Repository, serve: Serve, tmp_path: Path
) -> None:
    with Repository(tmp_path / "other") as other:
        first, second = serve(), serve(repository=other)
        cids = [far.block_put(b"one"), other.block_put(b"two"), cid_of(b"three")]
        assert source_of(first, second).get_blocks(cids).keys() == {*cids[:2]}


def test_good_blocks_stay_when_another_fails(
    far: Repository, serve: Serve, make: Open
) -> None:
    cid = far.add(DATA).cid
    leaf = str([*far.refs(cid)][3].target)
    server = serve(lambda request: request.cid == leaf and bad.stall(request))
    with pytest.raises(TimedOutError, match=leaf):
        make(server, timeouts={"gateway": AMPLE_STALL}).reader.cat(cid)
    before = len(server.asked)
    server.behave = None
    assert make(server).reader.cat(cid) == DATA
    assert set(server.cids[before:]) == {leaf}


def test_a_gateway_that_lies_is_left_alone(far: Repository, serve: Serve) -> None:
    cids = [far.block_put(os.urandom(100)) for _ in range(100)]
    liar, good = serve(bad.lie), serve()
    source = source_of(liar, good)
    assert len(source.get_blocks(cids)) == 100
    asked = len(liar.asked)
    assert 1 <= asked <= 16
    assert len(source.get_blocks(cids)) == 100
    assert len(liar.asked) == asked


def test_pauses_grow(far: Repository, serve: Serve) -> None:
    cid = far.block_put(b"bytes")
    server = serve(bad.status(500))
    source = source_of(server)
    counts = []
    for _ in range(4):
        with pytest.raises(UnreachableError):
            source.get_blocks([cid])
        counts.append(len(server.asked))
    assert counts[0] == 3
    # Later calls wait a little, and then say that it rests.
    assert counts[-1] - counts[0] <= 3
    with pytest.raises(UnreachableError, match="rests for"):
        source.get_blocks([cid])


def test_retry_after_is_heeded(far: Repository, serve: Serve) -> None:
    cid = far.block_put(b"bytes")
    busy, good = serve(bad.status(429, Retry_After=60)), serve()
    source = source_of(busy, good)
    for _ in range(10):
        assert source.get_blocks([cid])
    assert len(busy.asked) == 1


def test_the_fastest_gateway_is_asked_most(far: Repository, serve: Serve) -> None:
    cids = [far.block_put(os.urandom(100)) for _ in range(100)]
    slow, fast = serve(bad.slow(0.15)), serve()
    assert len(source_of(slow, fast).get_blocks(cids)) == 100
    assert len(slow.asked) <= 10


def test_a_late_reply_is_raced(far: Repository, serve: Serve) -> None:
    cid = far.block_put(b"bytes")
    stalled, good = serve(bad.stall), serve()
    source = source_of(stalled, good)
    start = time.monotonic()
    assert source.get_blocks([cid])
    assert time.monotonic() - start < SOON_SECONDS
    for _ in range(5):
        assert source.get_blocks([cid])
    assert len(stalled.asked) <= 2


def test_the_gateway_that_has_things_is_asked_first(
    far: Repository, serve: Serve
) -> None:
    cids = [far.block_put(os.urandom(100)) for _ in range(200)]
    without, with_all = serve(bad.empty), serve()
    assert len(source_of(without, with_all).get_blocks(cids)) == 200
    assert len(without.asked) <= 60


def test_redirects_are_followed(far: Repository, serve: Serve, make: Open) -> None:
    cid = far.add(DATA).cid
    good = serve()
    first = serve(bad.to(f"{good.url}/ipfs/{{cid}}?format=raw"))
    assert make(first).reader.cat(cid) == DATA


def test_what_the_world_points_to_is_not_in_our_network(
    far: Repository, serve: Serve
) -> None:
    from ipfs_kit_py._gateways.address import Address
    from ipfs_kit_py._gateways.client import Client
    from ipfs_kit_py._gateways.gateway import Gateway

    cid, server = far.block_put(b"bytes"), serve()
    stranger = Gateway(Address(server.url), Client(1, 1), public_only=True)
    with pytest.raises(UnreachableError, match="no public address"):
        stranger.fetch(cid)
    named = Address(server.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(UnreachableError, match="no public address"):
        Gateway(named, Client(1, 1), public_only=True).fetch(cid)
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:1.1.1.1", True),
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
    ],
)
def test_private_addresses_are_known(address: str, public: bool) -> None:
    from ipfs_kit_py._http.network import is_public

    assert is_public((address, 80)) is public


@pytest.mark.parametrize("url", ["ftp://host", "host:80", "", "http://", "http://h:x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        GatewaySource([url])


def test_passwords_are_sent_and_not_shown(far: Repository, serve: Serve) -> None:
    said: list[str | None] = []

    def note(request: Request) -> bool:
        said.append(request.headers.get("Authorization"))
        return False

    server, cid = serve(note), far.block_put(b"bytes")
    with_user = server.url.replace("//", "//user:s3cret@") + "/ipfs/"
    source = GatewaySource([with_user])
    assert source.get_blocks([cid])
    assert said == ["Basic dXNlcjpzM2NyZXQ="]
    assert "s3cret" not in repr(source)
    first = serve(bad.to(f"{server.url}/ipfs/{{cid}}"))
    assert GatewaySource([first.url.replace("//", "//a:b@")]).get_blocks([cid])
    assert said[-1] is None


@pytest.mark.timeout(60)
def test_a_cancelled_reader_stops_soon(far: Repository, serve: Serve, make: Open) -> None:
    cid = far.add(DATA).cid
    kit = make(serve(bad.stall), timeouts={"gateway": 60})
    token = CancelToken()
    threading.Timer(0.2, token.cancel).start()
    start = time.monotonic()
    with token, pytest.raises(CancelledError):
        kit.reader.cat(cid)
    assert time.monotonic() - start < SOON_SECONDS


@pytest.mark.timeout(60)
def test_a_closed_server_is_a_typed_error(far: Repository, make: Open) -> None:
    cid = far.add(DATA).cid
    with serving(far) as server:
        kit = make(server)
        kit.reader.block_get(cid)
    with pytest.raises(UnreachableError, match=r"cannot be reached|broke off"):
        kit.reader.cat(cid)


def test_a_forked_process_reads_on(far: Repository, serve: Serve, make: Open) -> None:
    cids = [far.block_put(os.urandom(10)) for _ in range(3)]
    kit = make(serve(bad.slow(0.05)))
    kit.reader.block_get(cids[0])
    child = os.fork()
    if child == 0:
        os._exit(0 if kit.reader.block_get(cids[1]) else 1)
    assert kit.reader.block_get(cids[2])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_pickled_source_asks_the_same_gateways(far: Repository, serve: Serve) -> None:
    cid, server = far.block_put(b"bytes"), serve()
    source = pickle.loads(pickle.dumps(source_of(server)))  # noqa: S301 - our own
    assert source.urls == (server.url,)
    assert source.get_blocks([cid])


def test_the_largest_blocks_come_and_larger_ones_do_not(
    far: Repository, serve: Serve
) -> None:
    source = source_of(serve())
    largest = far.block_put(bytes(2 * MIB))
    assert source.get_blocks([largest])
    large = far.block_put(bytes(3 * MIB), allow_big=True)
    with pytest.raises(UnreachableError, match="says it sends 3145728"):
        source.get_blocks([large])


def test_connections_are_used_again(far: Repository, serve: Serve) -> None:
    peers: set[CID | Any] = set()

    def note(request: Request) -> bool:
        peers.add(request.client_address)
        return False

    cids = [far.block_put(os.urandom(100)) for _ in range(200)]
    source = source_of(serve(note))
    source.get_blocks(cids)
    source.get_blocks(cids)
    assert len(peers) <= 20


def small_files(tmp_path: Path, count: int = 500) -> Path:
    tree = tmp_path / "many"
    for number in range(count):
        place = tree / f"{number % 5}" / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(number))
    return tree


def is_car(path: str) -> bool:
    return "format=car" in path


def read_tree(folder: Path) -> dict[str, bytes]:
    files = (place for place in folder.rglob("*") if place.is_file())
    return {str(place.relative_to(folder)): place.read_bytes() for place in files}


def test_a_folder_comes_in_one_reply(
    far: Repository, serve: Serve, make: Open, tmp_path: Path
) -> None:
    tree = small_files(tmp_path)
    root = far.add(tree).cid
    server = serve()
    make(server).reader.get(root, tmp_path / "out")
    assert read_tree(tmp_path / "out") == read_tree(tree)
    assert len(server.asked) < 50
    assert sum(map(is_car, server.asked)) == 1
    # What is here, at least its top, is not asked for whole.
    make(server, offline=True).reader.get(root, tmp_path / "again")
    before = len(server.asked)
    make(server).reader.get(root, tmp_path / "third")
    assert len(server.asked) == before


@pytest.mark.parametrize("way", ["get", "pull", "snapshot"])
def test_folders_in_a_folder_come_in_one_reply_though_they_are_large(
    far: Repository, serve: Serve, make: Open, tmp_path: Path, way: str
) -> None:
    # More than may lie ready, and each folder is wanted before the files of the one
    # before it.
    tree = tmp_path / "tree"
    for number in range(800):
        place = tree / f"{number % 8}" / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(25_000))
    root, server = far.add(tree).cid, serve()
    kit = make(server)
    if way == "get":
        kit.reader.get(root, tmp_path / "out")
    elif way == "snapshot":
        snapshot_download(
            root,
            local_dir=tmp_path / "out",
            cache_dir=tmp_path / "known",
            reader=kit.reader,
        )
    else:
        kit.ipfs.pin_add(root).raise_for_error()
        kit.reader.get(root, tmp_path / "out")
    assert read_tree(tmp_path / "out") == read_tree(tree)
    assert sum(map(is_car, server.asked)) == 1
    assert len(server.asked) < 80


def test_a_pull_takes_a_car(far: Repository, serve: Serve, tmp_path: Path) -> None:
    root = far.add(small_files(tmp_path)).cid
    server = serve()
    with Repository(tmp_path / "near") as near:
        done = pull(near, [source_of(server)], f"{root}/3")
        assert near.dag_stat(done.cid) == far.dag_stat(f"{root}/3")
        assert near.verify().bad == []
    assert len(server.asked) < 20


def test_large_files_come_side_by_side(
    far: Repository, serve: Serve, make: Open, tmp_path: Path
) -> None:
    data = os.urandom(60 * MIB)
    root = far.add(data).cid
    server = serve()
    make(server).reader.get(root, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert len(server.asked) > 30


def car_fault(spoil: Callable[[bytes], bytes]) -> Behaviour:
    def answer(request: Request) -> bool:
        if is_car(request.path):
            request.reply(200, spoil(request.car()), bad.CAR)
            return True
        return False

    return answer


def only_cars(behave: Behaviour) -> Behaviour:
    return lambda request: is_car(request.path) and behave(request)


def junk_car(request: Request) -> bool:
    """Blocks without end, each of them right, and none of them asked for."""
    request.head(200, Content_Type=bad.CAR, Transfer_Encoding="chunked")
    car = request.car()
    head = car[: car[0] + 1]
    request.wfile.write(b"%x\r\n%b\r\n" % (len(head), head))
    while True:
        data = os.urandom(100_000)
        frame = bad.frame(bytes(cid_of(data)) + data)
        request.wfile.write(b"%x\r\n%b\r\n" % (len(frame), frame))


CAR_FAULTS: dict[str, Behaviour] = {
    "no CARs here": only_cars(bad.status(400)),
    "a page": only_cars(bad.page),
    "nonsense": car_fault(lambda car: os.urandom(len(car))),
    "empty": car_fault(lambda _: b""),
    "only a head": car_fault(lambda car: car[: car[0] + 1]),
    "short": car_fault(lambda car: car[:-100]),
    "wrong byte": car_fault(lambda car: car[:5000] + b"\0\1" + car[5002:]),
    "huge block": car_fault(lambda car: car[: car[0] + 1] + b"\xff\xff\xff\xff\x7f"),
    "number without end": car_fault(lambda car: car[: car[0] + 1] + b"\xff" * 100),
    "no CID": car_fault(lambda car: car[: car[0] + 1] + b"\x20" + b"\xff" * 40),
    "short frame": car_fault(lambda car: car[: car[0] + 1] + b"\x01\x01"),
    "cut": only_cars(bad.cut_car),
    "stalls": only_cars(bad.stall),
    "stalls within": only_cars(bad.stall_car),
    "junk": only_cars(junk_car),
    "circle": only_cars(bad.circle),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", CAR_FAULTS)
def test_a_bad_car_is_gone_on_from_block_by_block(
    fault: str, far: Repository, serve: Serve, make: Open, tmp_path: Path
) -> None:
    tree = small_files(tmp_path, 100)
    root = far.add(tree).cid
    # One that lies is put back for long: another has to be there.
    servers = serve(CAR_FAULTS[fault]), serve(only_cars(bad.status(400)))
    kit = make(*servers, timeouts={"gateway": AMPLE_STALL})
    start = time.monotonic()
    kit.reader.get(root, tmp_path / "out")
    assert read_tree(tmp_path / "out") == read_tree(tree)
    assert time.monotonic() - start < 20
