"""A real node over its RPC API: what it takes, what it gives, and how it fails."""

import json
import os
import pickle
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.inputs import random_tree, write_tree
from tests.processes import send
from tests.soon import PATIENT_SECONDS, SOON_SECONDS, wait_until

from ipfs_kit_py import CID, cid_of, hash_file, hash_tree
from ipfs_kit_py._config import load
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.address import address_of_repository
from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py._kubo.source import KuboSource, KuboSwarm
from ipfs_kit_py._native import CancelToken
from ipfs_kit_py._repository import Repository
from ipfs_kit_py._sources import Chain, ChainReader
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    CancelledError,
    ComponentUnavailableError,
    EngineUnavailableError,
    InvalidMultiaddrError,
    InvalidParameterError,
    IPFSError,
    NotPinnedError,
    OfflineError,
    PinConflictError,
    RepositoryClosedError,
    TimedOutError,
    UnreachableError,
    UnsupportedCodecError,
    UnsupportedHashError,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")

NOWHERE = CID("bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm")
PROFILES = ("unixfs-v1-2025", "unixfs-v0-2015")


@pytest.fixture(scope="module")
def program(require_real: Callable[[str, str], Path]) -> Path:
    return require_real("ipfs", "`make tools` builds it where Go is installed")


@contextmanager
def running(folder: Path, program: Path, *, online: bool = False) -> Iterator[KuboEngine]:
    with ExitStack() as stack:
        stack.enter_context(Daemon(folder, program=program, online=online))
        engine = KuboEngine(folder, stall_seconds=PATIENT_SECONDS)
        stack.callback(engine.close)
        yield engine


@pytest.fixture(scope="module")
def shared(
    program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KuboEngine]:
    """A node for tests that leave it as it was."""
    with running(tmp_path_factory.mktemp("node"), program) as engine:
        yield engine


def broken_file(engine: KuboEngine) -> CID:
    """A file whose third chunk is not there."""
    root = engine.add(os.urandom(3_000_000), pin=False).cid
    lost = engine.dag_get(root)["Links"][2]["Hash"]
    engine._client.call(ask("block/rm", lost))
    return root


@pytest.mark.parametrize("settings", PROFILES)
def test_cids_do_not_depend_on_the_nodes_settings(
    settings: str, program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "node"
    daemon = Daemon(folder, program=program, profile=settings, online=False)
    rng = random.Random(7)
    trees = [
        write_tree(tmp_path / str(n), random_tree(rng, depth=3, most=12))
        for n in range(4)
    ]
    large = trees[0] / "large"
    large.write_bytes(rng.randbytes(3_000_000))
    with daemon:
        engine = KuboEngine(folder)
        for profile in PROFILES:
            for tree in trees:
                assert engine.add(tree, profile=profile).cid == hash_tree(tree, profile)
        params = {"chunker": "size-1000", "max_file_links": 5, "trickle": True}
        added = engine.add(large, **params).cid  # type: ignore[arg-type]
        assert added == hash_file(large, **params)  # type: ignore[arg-type]
        # Its own command names the same files so, where its settings are those asked for.
        environ = os.environ | {"IPFS_PATH": str(folder), "IPFS_TELEMETRY": "off"}
        command = [str(program), "add", "-Q", "--recursive", str(trees[0])]
        theirs = subprocess.check_output(command, env=environ, text=True).strip()
        assert str(engine.add(trees[0], profile=settings).cid) == theirs
        engine.close()


def test_what_is_added_is_told_and_pinned(shared: KuboEngine, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "t", {"a": b"1", "sub": {"b": b"22"}})
    seen: list[tuple[int, int]] = []
    done = shared.add(
        folder, name="mine", entries=True, progress=lambda *now: seen.append(now)
    )
    assert (done.files, done.bytes) == (2, 3)
    assert done.entries is not None
    assert [path for path, _, _ in done.entries] == ["a", "sub", "sub/b"]
    assert seen[-1] == (3, 2)
    found = shared.pin_find(done.cid)
    assert found is not None
    assert (found.type, found.name) == ("recursive", "mine")
    loose = shared.add(os.urandom(10), pin=False).cid
    assert shared.pin_find(loose) is None
    with pytest.raises(InvalidParameterError, match="nocopy"):
        shared.add(folder, nocopy=True)
    # A CID that holds its bytes has no block to send.
    tiny = shared.add(b"hi", inline=True).cid
    assert shared.cat(tiny) == b"hi"


def test_a_car_that_lacks_a_block_is_not_pinned(
    shared: KuboEngine, tmp_path: Path
) -> None:
    with Repository(tmp_path / "repo") as repository:
        root = repository.add(os.urandom(3_000_000), pin=False).cid
        lost = repository.dag_get(root)["Links"][1]["Hash"]
        whole = tmp_path / "whole.car"
        repository.dag_export(root, whole)
        data = repository.block_get(lost)
    car = whole.read_bytes()
    at = car.index(data)
    # The frame: a length of three bytes, the CID of 36, the data.
    holed = car[: at - 36 - 3] + car[at + len(data) :]
    with pytest.raises(BlockNotFoundError):
        shared.import_car([holed], roots=[root])
    assert shared.pin_find(root) is None
    with pytest.raises(IPFSError):
        shared.import_car([car[:-100]], roots=[root])
    with pytest.raises(IPFSError, match="other roots"):
        shared.import_car([car], roots=[NOWHERE])
    assert shared.import_car([car], roots=[root]) == 4
    assert b"".join(shared.export_car(root)) == car


def test_a_file_that_breaks_off_is_never_short(shared: KuboEngine) -> None:
    root = broken_file(shared)
    for asked in (look("cat", root), look("dag/export", root, progress=False)):
        with pytest.raises(IPFSError):
            shared._client.read(asked)
    with pytest.raises(IPFSError):
        shared.cat(root)


def test_blocks_come_several_at_once(shared: KuboEngine) -> None:
    blocks = [os.urandom(1000) for _ in range(30)]
    cids = [shared.block_put(block) for block in blocks]
    found = shared.get_blocks([*cids, NOWHERE, cids[0]])
    assert found == dict(zip(cids, blocks, strict=True))
    assert shared.get_blocks([NOWHERE]) == {}
    assert shared.get_blocks([]) == {}
    assert shared.get_blocks(cids[:1], offline=False) == {cids[0]: blocks[0]}


def test_blocks_of_every_kind_have_our_cids(shared: KuboEngine) -> None:
    for name in ("sha2-256", "sha2-512", "blake3", "sha3-256", "blake2b-256"):
        assert shared.block_put(b"x", hash=name) == cid_of(b"x", hash=name)
    assert shared.block_put(b"") == cid_of(b"")
    with pytest.raises(UnsupportedHashError):
        shared.block_put(b"x", hash="md5")
    with pytest.raises(UnsupportedCodecError):
        shared.block_put(b"x", "no-codec")
    assert shared.block_put(bytes(3 << 20), allow_big=True) == cid_of(bytes(3 << 20))


def test_pins_that_are_in_the_way_are_told(shared: KuboEngine) -> None:
    root = shared.add(os.urandom(10)).cid
    with pytest.raises(PinConflictError):
        shared.pin_add(root, recursive=False)
    with pytest.raises(PinConflictError):
        shared.pin_rm(root, recursive=False)
    other = shared.add(os.urandom(10), pin=False).cid
    assert shared.pin_update(root, other) == other
    with pytest.raises(NotPinnedError):
        shared.pin_update(root, other)


def test_numbers_are_those_of_the_node(shared: KuboEngine) -> None:
    stats = shared.stats()
    assert stats.version.count(".") == 2
    assert stats.path == shared.path
    assert stats.bytes > 0


def test_two_nodes_connect_and_give_each_other_blocks(
    program: Path, tmp_path: Path
) -> None:
    with (
        running(tmp_path / "one", program, online=True) as one,
        running(tmp_path / "two", program, online=True) as two,
    ):
        assert one.swarm_peers() == []
        with pytest.raises(UnreachableError):
            one.swarm_connect(f"/ip4/127.0.0.1/tcp/1/p2p/{two.peer_id}")
        with pytest.raises(InvalidMultiaddrError):
            one.swarm_connect("somewhere")
        address = two.addresses()[0]
        assert address.startswith("/ip4/127.0.0.1/tcp/")
        one.swarm_connect(address)
        assert [peer.id for peer in one.swarm_peers()] == [two.peer_id]
        data = os.urandom(2_000_000)
        root = one.add(data).cid
        assert two.get_blocks([root]) == {}
        assert two.cat(root) == data
        two.pin_add(root)
        one.swarm_disconnect(address)
        wait_until(lambda: one.swarm_peers() == [])
        # A name that an online node publishes shows its record.
        published = one.name_publish(root, lifetime="1h", ttl="1m")
        assert (published.value, published.sequence) == (f"/ipfs/{root}", 0)
        assert one.name_resolve() == f"/ipfs/{root}"
        # What nobody has is looked for, but not forever.
        hasty = KuboEngine(tmp_path / "one", stall_seconds=1.5)
        for call in (hasty.block_get, hasty.pin_add):
            with pytest.raises(TimedOutError):
                call(NOWHERE)
        token = CancelToken()
        timer = threading.Timer(0.5, token.cancel)
        timer.start()
        began = time.monotonic()
        with token, pytest.raises(CancelledError):
            one.get_blocks([NOWHERE, cid_of(b"nobody has this")], offline=False)
        assert time.monotonic() - began < SOON_SECONDS
        timer.join()
        hasty.close()


def test_a_node_listens_on_a_socket_and_asks_who_comes(
    program: Path, tmp_path: Path
) -> None:
    folder, socket = tmp_path / "node", Path("/tmp") / f"kubo-{os.getpid()}.sock"  # noqa: S108 - paths of sockets must be short
    daemon = Daemon(folder, program=program, online=False)
    daemon.start()
    daemon.stop()
    # Settings that are a user's own, so the mark that we made it goes.
    (folder / "ipfs-kit-daemon" / "made").unlink()
    path = folder / "config"
    config = json.loads(path.read_text())
    config["Addresses"]["API"] = ["/ip4/127.0.0.1/tcp/0", f"/unix/{socket}"]
    config["API"]["Authorizations"] = {
        "me": {"AuthSecret": "basic:me:secret", "AllowedPaths": ["/api/v0"]},
        "it": {"AuthSecret": "bearer:token", "AllowedPaths": ["/api/v0"]},
    }
    path.write_text(json.dumps(config))
    environ = os.environ | {"IPFS_PATH": str(folder), "IPFS_TELEMETRY": "off"}
    command = [str(program), "daemon", "--offline"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as node:
        try:
            while not (folder / "api").exists() or not socket.exists():
                time.sleep(0.05)
            url = address_of_repository(folder).url
            ways: list[dict[str, str]] = [
                {"auth": "bearer:token"},
                {"auth": "basic:me:secret"},
                {"api_url": url.replace("//", "//me:secret@")},
                {"socket_path": str(socket), "auth": "bearer:token"},
                {"api_url": f"unix://{socket}", "auth": "bearer:token"},
                {"api_url": f"/unix/{socket}", "auth": "bearer:token"},
            ]
            for way in ways:
                engine = KuboEngine(folder, **way)  # type: ignore[arg-type]
                assert engine.block_get(engine.block_put(b"x")) == b"x", way
                engine.close()
            for auth in (None, "bearer:other", "basic:me:other"):
                engine = KuboEngine(folder, auth=auth)
                with pytest.raises(EngineUnavailableError, match="api_auth"):
                    engine.stats()
                engine.close()
        finally:
            node.terminate()
            node.wait(20)
            socket.unlink(missing_ok=True)


def test_a_node_that_dies_in_mid_stream_is_an_error_and_comes_back(
    program: Path, tmp_path: Path
) -> None:
    daemon = Daemon(tmp_path / "node", program=program, online=False)
    daemon.start()
    engine = KuboEngine(tmp_path / "node", stall_seconds=4)
    data = os.urandom(60_000_000)
    root = engine.add(data).cid
    for number, kind in (
        (signal.SIGKILL, UnreachableError),
        (signal.SIGSTOP, TimedOutError),
    ):
        stream = engine.export_car(root)
        next(stream)
        kubo = daemon.status().kubo_pid
        assert kubo is not None
        send(kubo, number)
        with pytest.raises(kind):
            for _ in stream:
                pass
        if number == signal.SIGSTOP:
            with pytest.raises(TimedOutError):
                engine.stats()
            os.kill(kubo, signal.SIGCONT)
        wait_until(lambda: daemon.status().ready)
        # The same engine goes on, wherever the node listens now.
        assert engine.block_get(root)
    assert engine.cat(root) == data
    daemon.stop()
    with pytest.raises(EngineUnavailableError, match="daemon start"):
        engine.block_get(root)
    engine.close()
    with pytest.raises(RepositoryClosedError):
        engine.block_get(root)


class Endless:
    """What no pause lets one come to the end of."""

    def read(self, size: int, /) -> bytes:
        return os.urandom(size)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6])
def test_adding_can_be_stopped(shared: KuboEngine, seconds: float) -> None:
    token = CancelToken()
    timer = threading.Timer(seconds, token.cancel)
    timer.start()
    began = time.monotonic()
    with token, pytest.raises(CancelledError):
        shared.add(Endless())
    assert time.monotonic() - began < SOON_SECONDS
    timer.join()
    assert shared.cat(shared.add(b"and on").cid) == b"and on"


def test_offline_nothing_is_asked(shared: KuboEngine) -> None:
    engine = KuboEngine(shared.path, offline=True)
    for call in (lambda: engine.peer_id, engine.stats, lambda: engine.add(b"x")):
        with pytest.raises(OfflineError, match="offline is set"):
            call()
    engine.close()


def test_a_node_is_a_source_among_others(program: Path, tmp_path: Path) -> None:
    with (
        running(tmp_path / "one", program, online=True) as one,
        running(tmp_path / "two", program, online=True) as two,
    ):
        data = os.urandom(3_000_000)
        root = one.add(data).cid
        with pytest.raises(BlockNotFoundError):
            ChainReader(Chain(None, [KuboSource(two)])).cat(root)
        two.swarm_connect(one.addresses()[0])
        chain = Chain(None, [KuboSwarm(two), KuboSource(two)])
        assert [source.name for source in chain.sources] == ["local", "swarm"]
        reader = ChainReader(chain)
        assert reader.cat(root, 1_000_000, 10) == data[1_000_000:1_000_010]
        assert reader.cat(root) == data
        # It has them itself now.
        assert ChainReader(Chain(None, [KuboSource(two)])).cat(root) == data


def test_a_configuration_names_a_node_and_its_daemon(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPFS_KIT_BIN_DIR", str(program.parent))
    metadata = {"ipfs_path": str(tmp_path / "node"), "cid_profile": "unixfs-v0-2015"}
    config = load(metadata, environ={"HOME": str(tmp_path)}).config
    engine = KuboEngine.for_config(config)
    with pytest.raises(EngineUnavailableError, match="no Kubo daemon runs"):
        engine.stats()
    with Daemon.for_config(config) as daemon:
        assert daemon.status().path == engine.path
        assert engine.stats().path == engine.path
    engine.close()


def test_an_engine_can_be_sent_to_another_process(shared: KuboEngine) -> None:
    cid = shared.block_put(b"sent")
    again = pickle.loads(pickle.dumps(shared))  # noqa: S301 - our own
    assert again.block_get(cid) == b"sent"
    again.close()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if shared.block_get(cid) == b"sent" else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert shared.block_get(cid) == b"sent"


def test_what_is_for_the_embedded_engine_says_so(shared: KuboEngine) -> None:
    with pytest.raises(ComponentUnavailableError, match="embedded"):
        shared.compact()
    assert not hasattr(shared, "verify")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        shared.nonsense()
    away = KuboEngine(shared.path, api_url="http://me:secret@host:1")
    assert "host:1" in repr(away)
    assert "secret" not in repr(away)
    away.close()
