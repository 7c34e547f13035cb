"""Both engines give the same CIDs; a node that fails is an error, never a wrong answer.

Trees and parameters are random, and the same at every run. Each tree goes into an
embedded repository and into two Kubo nodes, one with the settings of each CID profile; a
third Kubo says what `ipfs add` calls it under the same flags. The faults go through a
kit, which is the same one before and after each of them.
"""

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.inputs import random_name, write_tree
from tests.integration.conftest import PROFILES, Kubo
from tests.integration.test_kubo import added, tree_params
from tests.processes import send
from tests.scripted_server import scripted
from tests.soon import wait_until

from ipfs_kit_py import CID, Repository, cid_of
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py._kubo.fetching import Fetcher
from ipfs_kit_py._native import Block
from ipfs_kit_py.errors import (
    InvalidParameterError,
    IPFSError,
    PathIsADirectoryError,
    PathNotFoundError,
    UnreachableError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")

MIB = 1 << 20
V0, V1 = PROFILES
Params = dict[str, Any]
# One of each at least, whatever the random ones are.
OPTIONS: tuple[Params, ...] = (
    {},
    {"chunker": "size-1000"},
    {"chunker": "rabin-1024-4096-16384"},
    {"chunker": "buzhash"},
    {"cid_version": 1, "raw_leaves": False},
    {"cid_version": 0, "raw_leaves": True},
    {"cid_version": 1, "hash": "blake3"},
    {"trickle": True, "max_file_links": 5, "chunker": "size-65536"},
    {"hamt_threshold": 1, "max_hamt_fanout": 16},
    {"hamt_threshold": 1, "hamt_size_estimation": "block-bytes"},
    {"max_directory_links": 5, "hamt_size_estimation": "links-count"},
    {"inline": True, "inline_limit": 64},
)


@pytest.fixture(scope="module")
def program(require_real: Callable[[str, str], Path]) -> Path:
    return require_real("ipfs", "`make tools` builds it where Go is installed")


@pytest.fixture(scope="module")
def nodes(
    program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[KuboEngine]]:
    """A node with the `Import` settings of each profile."""
    with ExitStack() as stack:
        made = []
        for profile in PROFILES:
            folder = tmp_path_factory.mktemp("node") / profile
            daemon = Daemon(folder, program=program, profile=profile, online=False)
            stack.enter_context(daemon)
            made.append(stack.enter_context(KuboEngine(folder)))
        yield made


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository(tmp_path / "embedded") as made:
        yield made


def tree_of(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    """Files of up to 3 MiB, empty ones among them, and folders, some of them empty."""
    tree: dict[str, Any] = {random_name(rng): b"", random_name(rng): {}}
    for _ in range(rng.randrange(8)):
        size = rng.choice([1, 100, 1000, 262_144, 262_145, MIB, rng.randrange(3 * MIB)])
        tree[random_name(rng)] = rng.randbytes(size if rng.random() < 0.3 else size % 999)
    if depth:
        tree[random_name(rng)] = tree_of(rng, depth - 1)
    return tree


def expect_same(
    places: list[Any], kubo: Kubo, path: Path, profile: str, params: Params
) -> CID:
    (theirs,) = added(kubo, [path], profile, params, "--pin=false")[-1:]
    ours = [place.add(path, profile=profile, **params).cid for place in places]
    assert [str(cid) for cid in ours] == [theirs] * len(places), (profile, params)
    return CID(theirs)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_option_gives_kubos_cid_on_every_engine(
    profile: str,
    nodes: list[KuboEngine],
    repository: Repository,
    kubo: Kubo,
    tmp_path: Path,
) -> None:
    rng = random.Random(profile)
    tree = tree_of(rng) | {"large": rng.randbytes(3 * MIB)}
    folder = write_tree(tmp_path / "tree", tree)
    for params in OPTIONS:
        if profile == V1 and params.get("cid_version") == 0:
            params = params | {"raw_leaves": False}
        expect_same([repository, *nodes], kubo, folder, profile, params)


@pytest.mark.parametrize("seed", range(10))
def test_random_trees_have_one_cid_on_every_engine(
    seed: int,
    nodes: list[KuboEngine],
    repository: Repository,
    kubo: Kubo,
    tmp_path: Path,
) -> None:
    rng = random.Random(f"engines {seed}")
    folder = write_tree(tmp_path / "tree", tree_of(rng))
    for _ in range(3):
        params = tree_params(rng)
        if "hamt_threshold" in params:
            # Near a threshold Kubo's own answers differ: see `test_kubo`.
            params["hamt_threshold"] = rng.choice([1, 100_000])
        expect_same([repository, *nodes], kubo, folder, rng.choice(PROFILES), params)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_car_of_one_engine_is_taken_by_the_other(
    profile: str, nodes: list[KuboEngine], repository: Repository, tmp_path: Path
) -> None:
    rng = random.Random(f"car {profile}")
    data = rng.randbytes(3 * MIB)
    theirs, ours = nodes
    tree = write_tree(tmp_path / "theirs", {"large": data, "empty": {}, "文件": b"x"})
    root = theirs.add(tree, profile=profile).cid
    car = b"".join(theirs.export_car(root))
    report = repository.dag_import(io.BytesIO(car))
    assert report.roots == [root]
    assert repository.cat(f"{root}/large") == data

    tree = write_tree(tmp_path / "ours", {"large": data[:-1], "empty": b""})
    root = repository.add(tree, profile=profile).cid
    repository.dag_export(root, tmp_path / "out.car")
    ours.import_car([(tmp_path / "out.car").read_bytes()], roots=[root])
    assert ours.cat(f"{root}/large") == data[:-1]
    assert ours.pin_find(root)


def test_mutable_files_have_kubos_cids(
    nodes: list[KuboEngine], repository: Repository
) -> None:
    rng = random.Random("files")
    data = rng.randbytes(2 * MIB)
    roots = set()
    for place in (repository, nodes[1]):
        place.files_mkdir("/t/a/b", parents=True)
        place.files_write("/t/a/b/large", data, create=True)
        place.files_write("/t/a/b/large", b"other", 1_500_000)
        place.files_write("/t/ü", b"", create=True)
        place.files_cp(place.add(data[:5000]).cid, "/t/copy")
        place.files_mv("/t/copy", "/t/a/moved")
        place.files_rm("/t/ü")
        roots.add(place.files_flush("/t"))
    assert len(roots) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_mutable_files_are_cut_as_is_asked_for_whatever_the_node_would_do(
    profile: str, nodes: list[KuboEngine], repository: Repository
) -> None:
    rng = random.Random(f"cut {profile}")
    old, new = rng.randbytes(3 * MIB), rng.randbytes(2 * MIB + 5)
    found = []
    places: list[Repository | KuboEngine] = [repository, *nodes]
    for place in places:
        cids = []

        def write(path: str, data: Any, place: Any = place, **how: Any) -> None:
            place.files_write(path, data, profile=profile, **how)

        place.files_rm("/cut", force=True)
        write("/cut/a/b/new", io.BytesIO(old), create=True, parents=True)
        cids.append(place.files_flush("/cut/a/b"))
        write("/cut/small", b"small", create=True, chunker="size-2")
        write("/cut/rabin", old[:MIB], create=True, chunker="rabin", raw_leaves=False)
        write("/cut/hash", new, create=True, cid_version=1, hash="blake3")
        write("/cut/none", b"", create=True)
        for name in ("a/b/new", "small", "rabin", "hash", "none"):
            cids.append(place.files_flush(f"/cut/{name}"))
            found_pin = place.pin_find(cids[-1])
            assert found_pin is None or found_pin.type == "indirect"
        found.append(cids)
        for path, error in (
            ("/cut/a", PathIsADirectoryError),
            ("/cut/nowhere", PathNotFoundError),
            ("/cut/no/where", PathNotFoundError),
        ):
            with pytest.raises(error):
                write(path, new, truncate=True)
        assert place.files_read("/cut/a/b/new") == old
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_written_into_a_file_keeps_the_rest_of_it(
    profile: str, nodes: list[KuboEngine], repository: Repository
) -> None:
    rng = random.Random(f"into {profile}")
    old = rng.randbytes(3 * MIB)
    places: list[Repository | KuboEngine] = [repository, *nodes]
    for place in places:
        place.files_rm("/into", force=True)
        place.files_write("/into", old, create=True, profile=profile)
        pinned = place.files_flush("/into")
        place.pin_add(pinned)
        place.files_write("/into", b"new", 2 * MIB, profile=profile)
        assert place.files_read("/into") == old[: 2 * MIB] + b"new" + old[2 * MIB + 3 :]
        # What was pinned before stays so, when it is written again.
        place.files_rm("/into")
        place.files_write("/into", old, create=True, profile=profile)
        assert place.files_flush("/into") == pinned
        assert place.pin_find(pinned)
        place.files_chmod("/into", 0o600)
        place.files_write("/into", b"less", truncate=True, profile=profile)
        assert place.files_stat("/into").mode == 0o600
        assert place.files_read("/into") == b"less"
    for node in nodes:
        with pytest.raises(InvalidParameterError, match="new files"):
            node.files_write("/into", b"x", 1, chunker="size-3")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("chunker", ["size-262144", "size-1000", "rabin-16384"])
def test_files_are_read_in_one_stream_whatever_their_layout(
    chunker: str, profile: str, nodes: list[KuboEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(chunker + profile)
    data = rng.randbytes(300_000 if chunker == "size-1000" else 3 * MIB)
    node = nodes[0]
    asked: list[str] = []
    get = Fetcher._get

    def counted(self: Fetcher, cid: CID, *, offline: bool) -> bytes | None:
        asked.append(str(cid))
        return get(self, cid, offline=offline)

    monkeypatch.setattr(Fetcher, "_get", counted)
    for params in ({}, {"trickle": True, "max_file_links": 30}):
        root = node.add(data, profile=profile, chunker=chunker, **params).cid  # type: ignore[arg-type] # of the dictionary
        leaves = node.dag_stat(root).blocks
        with KuboEngine(node.path) as engine:
            asked.clear()
            assert engine.cat(root) == data
            # Inner nodes and what stands alone are asked for by themselves.
            assert len(asked) <= max(6, leaves // 2), params
            assert engine.cat(root, 100_000, 99_999) == data[100_000:199_999]


def test_a_file_that_repeats_itself_is_read(nodes: list[KuboEngine]) -> None:
    chunk = random.Random("again").randbytes(1000)
    data = (chunk + bytes(1000) + chunk) * 50 + b"end"
    root = nodes[0].add(data, chunker="size-1000").cid
    with KuboEngine(nodes[0].path) as engine:
        assert engine.cat(root) == data
        assert b"".join(engine.iter_file(root, 500)) == data[500:]


def test_a_file_that_lies_of_its_parts_is_no_short_cut(nodes: list[KuboEngine]) -> None:
    # Its parts are as long together as it says, and each of another length.
    node, rng = nodes[0], random.Random("lies")
    parts = [rng.randbytes(1000 + number) for number in range(8)]
    cids = [node.block_put(part) for part in parts]
    with KuboEngine(node.path) as engine:
        sizes = [1000 + number for number in range(8)]
        for claimed in (sizes, sizes[::-1]):
            root = node.block_put(file_node(cids, claimed), "dag-pb")
            if claimed == sizes:
                assert engine.cat(root) == b"".join(parts)
            else:
                with pytest.raises(IPFSError):
                    engine.cat(root)
                # The blocks themselves are right all the same.
                found = engine.get_blocks([root, *cids])
                found |= engine.get_blocks(cids)
                assert [bytes(found[cid]) for cid in cids] == parts


def file_node(cids: list[CID], sizes: list[int]) -> bytes:
    from tests.inputs import FILE, Dag

    dag = Dag()
    made = dag.file(list(zip(cids, sizes, strict=True)))
    assert isinstance(made, CID)
    assert FILE == 2
    return dag.blocks[made]


def test_blocks_of_a_stream_are_verified(nodes: list[KuboEngine]) -> None:
    data = os.urandom(10_000)
    root = nodes[0].add(data, chunker="size-1000").cid
    leaves = [link["Hash"] for link in nodes[0].dag_get(root)["Links"]]
    with KuboEngine(nodes[0].path) as engine:
        assert engine.block_get(root)
        found = engine.get_blocks(leaves)
        assert all(isinstance(block, Block) for block in found.values())
        assert [cid_of(block) for block in found.values()] == leaves


class Node:
    """A Kubo daemon that nobody watches over, so that it stays as a test leaves it."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.environ = os.environ | {"IPFS_PATH": str(folder), "IPFS_TELEMETRY": "off"}
        self.process: subprocess.Popen[bytes] | None = None
        if not (folder / "config").exists():
            # Settings of a node for loopback alone.
            with Daemon(folder, program=program, online=False):
                pass

    def start(self) -> None:
        (self.folder / "api").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [self.program, "daemon", "--offline"],
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until((self.folder / "api").exists)

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        send(self.process.pid, number)
        if number == signal.SIGKILL:
            self.process.wait(20)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)

    @property
    def url(self) -> str:
        return (self.folder / "api").read_text().strip()


@contextmanager
def started(program: Path, folder: Path) -> Iterator[Node]:
    node = Node(program, folder)
    try:
        node.start()
        yield node
    finally:
        node.stop()


@contextmanager
def kit_on(folder: Path, place: Path, **settings: Any) -> Iterator[ipfs_kit]:
    metadata = {
        "ipfs_path": str(folder),
        "engine": "kubo",
        "timeouts": {"api": 2},
        "cache_config": {
            "disk_cache_path": str(place / "cache"),
            "memory_cache_size": 32 * MIB,
            "prefetch_enabled": False,
        },
    }
    with ipfs_kit(metadata=metadata | settings) as kit:
        yield kit


def expect_failure(result: Any, *kinds: str) -> None:
    """What the kit's calls promise of a failure, and that it may be tried again."""
    assert result["success"] is False, result
    assert result["error_type"] in kinds, result
    assert result["error"]
    assert result["recoverable"], result
    with pytest.raises(IPFSError):
        result.raise_for_error()


def calls(kit: ipfs_kit, cid: CID) -> Iterator[Any]:
    """One call of each sort."""
    yield kit.ipfs.cat(cid)
    yield kit.ipfs.add_bytes(b"new")
    yield kit.ipfs.pin_ls()
    yield kit.ipfs.files_ls("/")


def test_a_kit_goes_on_when_its_node_was_killed_stopped_or_moved(
    program: Path, tmp_path: Path
) -> None:
    data = [os.urandom(300_000) for _ in range(4)]
    with (
        started(program, tmp_path / "node") as node,
        kit_on(node.folder, tmp_path) as kit,
    ):
        cids = [CID(kit.ipfs.add_bytes(part).raise_for_error()["cid"]) for part in data]
        before = node.url
        node.signal(signal.SIGKILL)
        for result in calls(kit, cids[0]):
            expect_failure(result, "EngineUnavailableError", "UnreachableError")
        node.start()
        # Whichever port it has now.
        assert node.url != before
        assert kit.ipfs.cat(cids[0]).raise_for_error()["data"] == data[0]
        assert kit.ipfs.add_bytes(b"new").raise_for_error()["success"]

        node.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            result = kit.ipfs.cat(cids[1])
            expect_failure(result, "TimedOutError")
            assert result["timeout"]
            expect_failure(kit.ipfs.add_bytes(os.urandom(9)), "TimedOutError")
            assert time.monotonic() - began < 15
        finally:
            node.signal(signal.SIGCONT)
        assert kit.ipfs.cat(cids[1]).raise_for_error()["data"] == data[1]

        before = node.url
        node.stop()
        node.start()
        assert node.url != before
        assert kit.ipfs.cat(cids[2]).raise_for_error()["data"] == data[2]
        assert kit.ipfs.pin_ls().raise_for_error()["success"]


def test_a_kit_goes_on_when_its_node_dies_while_bytes_come(
    program: Path, tmp_path: Path
) -> None:
    data = os.urandom(40_000_000)
    with (
        started(program, tmp_path / "node") as node,
        kit_on(node.folder, tmp_path) as kit,
    ):
        cid = kit.ipfs.add_bytes(data).raise_for_error()["cid"]
        chunks = kit.ipfs.cat_stream(cid).raise_for_error()["chunks"]
        got = len(next(chunks))
        node.signal(signal.SIGKILL)
        with pytest.raises(UnreachableError):
            got += sum(map(len, chunks))
        assert got < len(data)
        node.start()
        assert kit.ipfs.cat(cid).raise_for_error()["data"] == data


OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Stream-Error\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_reply_that_is_cut_is_no_short_block(tmp_path: Path) -> None:
    block = os.urandom(5000)
    cid = cid_of(block)
    whole = [OK, chunk(block[:2000]), chunk(block[2000:]), b"0\r\n\r\n"]
    faults = {
        "UnreachableError": [whole[:2], [*whole[:2], b"bbb\r\nshort"], [OK]],
        "TimedOutError": [
            [*whole[:3], b"0\r\nX-Stream-Error: context canceled: timeout"]
        ],
        "IntegrityError": [[OK, chunk(block[:2000]), b"0\r\n\r\n"]],
    }
    with (
        scripted(whole) as server,
        kit_on(tmp_path / "none", tmp_path, api_url=server.url) as kit,
    ):
        for kind, answers in faults.items():
            for answer in answers:
                server.answers[:] = [answer]
                result = kit.ipfs.cat(cid)
                assert result["success"] is False, answer
                assert result["error_type"] in {kind, "UnreachableError"}, answer
        # A reply to something that must not be asked twice.
        server.answers[:] = [[OK, chunk(b'{"Root":{"Cid":{"/":"')]]
        before = len(server.requests)
        expect_failure(kit.ipfs.add_bytes(block), "UnreachableError")
        assert len(server.requests) == before + 1
        server.answers[:] = [whole]
        assert kit.ipfs.cat(cid).raise_for_error()["data"] == block


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root on Linux")
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_told_and_room_again_is_enough(
    small_disk: Path, program: Path, tmp_path: Path
) -> None:
    with (
        started(program, small_disk / "node") as node,
        kit_on(node.folder, tmp_path) as kit,
    ):
        small = kit.ipfs.add_bytes(b"small").raise_for_error()["cid"]
        filler = small_disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - 4 * MIB))
        result = kit.ipfs.add_bytes(os.urandom(20 * MIB))
        assert result["success"] is False
        assert result["error_type"] == "DiskFullError", json.dumps(result, default=str)
        # What can be read still can.
        assert kit.ipfs.cat(small).raise_for_error()["data"] == b"small"
        filler.unlink()
        data = os.urandom(5 * MIB)
        added = kit.ipfs.add_bytes(data).raise_for_error()
        assert kit.ipfs.cat(added["cid"]).raise_for_error()["data"] == data
