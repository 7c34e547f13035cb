"""`backends`: real containers on a real engine, and what comes back where it fails."""

import contextlib
import gc
import http.server
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.container_engine import BUSYBOX, KUBO, ContainerEngine
from tests.integration.conftest import free_port
from tests.processes import run_python, seconds_to_interrupt
from tests.soon import SOON_SECONDS
from tests.test_closing import sockets

import ipfs_accelerate_py
from ipfs_accelerate_py._containers import spec
from ipfs_accelerate_py._containers.engine import of_engine
from ipfs_accelerate_py._containers.spec import Published
from ipfs_accelerate_py.backends import backends
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py.errors import InvalidParameterError

SLEEP = ["sleep", "600"]
WEB = ["sh", "-c", "echo hi >/index.html; exec httpd -f -p 80 -h /"]
# Says the same to all, and then what it was told.
ECHO = ["nc", "-ll", "-p", "7000", "-e", "sh", "-c", "echo hello; cat"]


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder and a user with nothing in them."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [*os.environ]:
        if name.startswith(("IPFS_ACCELERATE_", "DOCKER_", "XDG_")):
            monkeypatch.delenv(name)


@pytest.fixture
def made(_nobody: None, containers: ContainerEngine) -> Iterator[backends]:
    """On the real engine; afterwards nothing of them is left."""
    before = threads()
    del containers
    with ipfs_accelerate_py.backends() as it:
        yield it
    assert threads() == before


def threads() -> set[str]:
    return {it.name for it in threading.enumerate() if it.name.startswith("tunnel-")}


def configured(**docker: object) -> backends:
    config = ipfs_accelerate_py.config()
    for key, value in docker.items():
        config.set("docker", key, value)
    return ipfs_accelerate_py.backends(config)


def ask(endpoint: str, data: bytes = b"") -> bytes:
    """Send something, and give all that comes back."""
    host, _, port = endpoint.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        sender = threading.Thread(target=_send, args=(connection, data))
        sender.start()
        found = b""
        try:
            while piece := connection.recv(1 << 16):
                found += piece
        finally:
            sender.join()
        return found


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def until(expected: object, work: Callable[[], object]) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError):
            if work() == expected:
                return
        time.sleep(0.1)
    assert work() == expected


def test_a_container_lives_and_ends(made: backends, containers: ContainerEngine) -> None:
    started = made.start_container("one", "busybox", command=SLEEP)
    assert started["status"] == "success", started
    identity = started["container_id"]
    assert (started["name"], started["image"]) == ("one", BUSYBOX)
    assert (started["state"], started["exit_code"]) == ("running", None)
    row = {"name": "one", "id": identity, "image": BUSYBOX, "status": "running"}
    assert made.list_containers() == [row]
    status = made.get_container_status("one")
    assert status is not None
    assert row.items() <= status.items()
    assert made.get_container_status(identity[:12]) == status
    assert made.stop_container("one", grace_seconds=0) == {
        "status": "success",
        "container_id": identity,
        "name": "one",
        "exit_code": 137,
    }
    assert made.list_containers(only_running=True) == []
    assert made.list_containers() == [row | {"status": "exited"}]
    assert made.remove_container("one")["status"] == "success"
    assert made.get_container_status("one") is None
    assert containers.containers() == []


def test_what_is_given_reaches_the_container(made: backends, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("mounted\n")
    done = made.start_container(
        "job",
        BUSYBOX,
        command=[
            "sh",
            "-c",
            "echo $WORD; cat /in/a.txt; (echo x >/in/b) 2>/dev/null || echo kept",
        ],
        env={"WORD": "a = b"},
        volumes={tmp_path / "in": "/in:ro"},
        memory="64m",
        cpus=0.5,
    )
    assert (done["status"], done["state"], done["exit_code"]) == ("success", "exited", 0)
    written = made.logs("job")
    assert written["logs"].splitlines() == ["a = b", "mounted", "kept"]
    assert made.logs("job", tail=1)["logs"] == "kept\n"
    assert [it.name for it in (tmp_path / "in").iterdir()] == ["a.txt"]


def test_what_is_interrupted_leaves_no_container(
    containers: ContainerEngine, tmp_path: Path
) -> None:
    work = """
    import ipfs_accelerate_py
    ipfs_accelerate_py.backends().start_container(
        "slow", "busybox", command=["sleep", "600"], health="false")
    """
    seconds_to_interrupt(work, tmp_path, after=1.5)
    assert containers.containers() == []


def test_limits_are_set(made: backends, containers: ContainerEngine) -> None:
    made.start_container("small", BUSYBOX, command=SLEEP, memory="64m", cpus=0.5)
    with containers.client() as client:
        limits = client.inspect_container("small")["HostConfig"]
    assert (limits["Memory"], limits["NanoCpus"]) == (64 << 20, 500_000_000)


def test_ports_are_published_on_loopback_alone(made: backends) -> None:
    started = made.start_container("web", BUSYBOX, {80: None}, command=WEB, health=80)
    [place] = started["ports"]["80/tcp"]
    assert place.startswith("127.0.0.1:")
    with urllib.request.urlopen(f"http://{place}/", timeout=20) as reply:
        assert reply.read() == b"hi\n"
    made.remove_container("web", force=True)
    other = made.start_container("web", BUSYBOX, ["127.0.0.2::80"], command=WEB)
    assert other["ports"]["80/tcp"][0].startswith("127.0.0.2:")


def test_a_start_waits_for_health(made: backends) -> None:
    command = ["sh", "-c", "sleep 1; echo >/ready; exec sleep 600"]
    done = made.start_container("aa", BUSYBOX, command=command, health="test -e /ready")
    assert (done["status"], done["health"]) == ("success", "healthy")
    words = ["test", "-e", "/never"]
    never = made.start_container(
        "bb",
        BUSYBOX,
        command=["sh", "-c", "echo why; exec sleep 600"],
        health=words,
        wait_seconds=1,
    )
    assert (never["status"], never["error_type"]) == ("error", "TimedOutError")
    assert "not healthy after 1 s" in never["message"]
    assert never["message"].endswith("its last lines:\nwhy")
    assert made.get_container_status("bb") is None


DYING = ["sh", "-c", "for n in 1 2 3; do echo line $n; done; exit 3"]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"command": DYING}, "ContainerStartError", "exit status 3"),
        (
            {"command": DYING},
            "ContainerStartError",
            "last lines:\nline 1\nline 2\nline 3",
        ),
        ({"command": ["/no/program"]}, "ContainerStartError", "/no/program"),
        ({"command": ["echo"], "health": 80}, "ContainerStartError", "exit status 0"),
        ({"image": "../secrets"}, "InvalidParameterError", "image's name"),
        ({"image": "none/such", "pull": False}, "ImageNotFoundError", "pull=True"),
        ({"image": "127.0.0.1:1/none"}, "ImagePullError", "docker load"),
        ({"volumes": ["/no/folder:/x"]}, "InvalidParameterError", "does not exist"),
        ({"volumes": {"named": "x"}}, "InvalidParameterError", "no absolute path"),
        ({"ports": {80: 70000}}, "InvalidParameterError", "no port"),
        ({"ports": ["eighty"]}, "InvalidParameterError", "no port of a container"),
        ({"memory": "much"}, "InvalidParameterError", "512m"),
        ({"memory": "1k"}, "ContainerError", "emory limit"),
        ({"cpus": 0}, "InvalidParameterError", "1.5"),
        ({"cpus": 10_000}, "ContainerError", "CPUs"),
        ({"env": ["x"]}, "InvalidParameterError", "NAME=VALUE"),
        ({"wait_seconds": -1}, "InvalidParameterError", "wait_seconds"),
        ({"container_name": "a/../b"}, "InvalidParameterError", "container's name"),
    ],
)
def test_what_does_not_start_is_an_error_and_leaves_nothing(
    made: backends,
    containers: ContainerEngine,
    options: dict[str, Any],
    kind: str,
    words: str,
) -> None:
    given = {"container_name": "lost", "image": BUSYBOX, "command": SLEEP} | options
    done = made.start_container(**given)
    assert (done["status"], done["error_type"]) == ("error", kind), done
    assert words in done["message"]
    assert containers.containers() == []


def test_a_name_is_taken_once(made: backends, containers: ContainerEngine) -> None:
    first = made.start_container("one", BUSYBOX, command=SLEEP)
    done = made.start_container("one", BUSYBOX, command=SLEEP)
    assert (done["status"], done["error_type"]) == ("error", "ContainerExistsError")
    assert "remove_container()" in done["message"]
    assert containers.containers() == ["one"]
    status = made.get_container_status("one")
    assert status is not None
    assert (status["id"], status["status"]) == (first["container_id"], "running")


def test_a_port_is_taken_once(made: backends, containers: ContainerEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = made.start_container("one", BUSYBOX, {80: port}, command=SLEEP)
        assert (done["status"], done["error_type"]) == ("error", "PortTakenError")
        assert str(port) in done["message"]
        assert containers.containers() == []
        made.start_container("two", BUSYBOX, command=SLEEP)
        tunnel = made.docker_tunnel("two", port, 80)
    assert (tunnel["status"], tunnel["error_type"]) == ("error", "PortTakenError")
    assert "0 for any" in tunnel["message"]
    assert made.list_tunnels() == []


class _Registry(http.server.BaseHTTPRequestHandler):
    """A registry that answers as its server is told to."""

    def do_GET(self) -> None:
        status, code = self.server.says  # type: ignore[attr-defined]
        if status == 0:
            time.sleep(2 * SOON_SECONDS)
            status = 500
        if self.path == "/v2/" and status == 404:
            status = 200
        body = json.dumps({"errors": [{"code": code, "message": "so it is"}]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ((403, "DENIED"), "docker login"),
        ((404, "MANIFEST_UNKNOWN"), "no such tag"),
        ((500, "UNKNOWN"), "docker load"),
    ],
)
def test_a_refused_pull_says_why(
    made: backends, says: tuple[int, str], words: str
) -> None:
    with registry(says) as port:
        done = made.start_container("one", f"127.0.0.1:{port}/private:1")
    assert (done["status"], done["error_type"]) == ("error", "ImagePullError")
    assert words in done["message"]
    assert made.list_containers() == []


def test_a_registry_that_is_silent_is_waited_for_no_longer_than_is_said(
    containers: ContainerEngine,
) -> None:
    with registry((0, "")) as port, configured(timeout=1) as made:
        begun = time.monotonic()
        done = made.start_container("one", f"127.0.0.1:{port}/slow")
        assert (done["status"], done["error_type"]) == ("error", "TimedOutError")
        assert time.monotonic() - begun < SOON_SECONDS
    assert containers.containers() == []


@contextlib.contextmanager
def registry(says: tuple[int, str]) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    server.says = says  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_not_there_is_said(made: backends) -> None:
    for done in (
        made.stop_container("none"),
        made.remove_container("none"),
        made.logs("none"),
        made.docker_tunnel("none", 0, 80),
    ):
        assert (done["status"], done["error_type"]) == ("error", "ContainerNotFoundError")
        assert "list_containers()" in done["message"]
    assert made.get_container_status("none") is None
    wrong = made.get_container_status("../images/json")
    assert wrong is not None
    assert (wrong["status"], wrong["error_type"]) == ("error", "InvalidParameterError")
    assert made.close_tunnel("none")["status"] == "error"
    assert made.stop_container("one", grace_seconds=-1)["status"] == "error"
    assert made.logs("one", tail=-1)["error_type"] == "InvalidParameterError"


def test_the_beginning_of_an_identity_is_no_name(made: backends) -> None:
    done = made.start_container("one", BUSYBOX, command=SLEEP)
    found = made.stop_container(done["container_id"][:6])
    assert found["error_type"] == "ContainerNotFoundError"
    assert made.list_containers(only_running=True) != []
    assert made.remove_container("one")["message"].endswith("or force=True")
    assert made.remove_container("one", force=True)["status"] == "success"


def test_a_stopped_container_has_no_tunnel(made: backends) -> None:
    made.start_container("job", BUSYBOX, command=["true"])
    done = made.docker_tunnel("job", 0, 80)
    assert (done["status"], done["error_type"]) == ("error", "ContainerNotRunningError")


@pytest.mark.parametrize("by", [None, "network", "exec"])
def test_a_tunnel_leads_to_a_port_that_is_not_published(
    made: backends, by: str | None
) -> None:
    made.start_container("echo", BUSYBOX, command=ECHO, health=7000)
    tunnel = made.docker_tunnel("echo", 0, 7000, by=by)
    assert tunnel["status"] == "connected", tunnel
    assert tunnel["by"] == (by or "network")
    assert tunnel["endpoint"] == f"127.0.0.1:{tunnel['local_port']}"
    listed = {key: it for key, it in tunnel.items() if key != "status"}
    assert made.list_tunnels() == [listed]
    data = os.urandom(1 << 20)
    found: list[bytes] = []
    work = [
        threading.Thread(
            target=lambda n=n: found.append(ask(tunnel["endpoint"], data[n:]))
        )
        for n in range(6)
    ]
    for it in work:
        it.start()
    for it in work:
        it.join()
    assert sorted(map(len, found)) == [len(data) + 6 - n for n in range(5, -1, -1)]
    assert all(data.endswith(it.removeprefix(b"hello\n")) for it in found)
    assert made.close_tunnel(tunnel["tunnel_id"])["status"] == "success"
    assert (made.list_tunnels(), threads()) == ([], set())
    with pytest.raises(ConnectionRefusedError):
        ask(tunnel["endpoint"])


def test_a_published_port_is_a_way_too(made: backends) -> None:
    made.start_container("echo", BUSYBOX, [7000], command=ECHO, health=7000)
    tunnel = made.docker_tunnel("echo", 0, 7000, by="published")
    assert ask(tunnel["endpoint"], b"you") == b"hello\nyou"
    other = made.docker_tunnel("echo", 0, 7001, by="published")
    assert other["error_type"] == "TunnelError"
    assert "ports=[7001]" in other["message"]
    assert made.docker_tunnel("echo", 0, 7001, by="post")["error_type"] == "TunnelError"


def test_a_tunnel_takes_many_connections_at_once(made: backends) -> None:
    made.start_container("web", BUSYBOX, command=WEB, health=80)
    tunnel = made.docker_tunnel("web", 0, 80)
    place = ("127.0.0.1", tunnel["local_port"])
    with contextlib.ExitStack() as stack:
        many = [
            stack.enter_context(socket.create_connection(place, timeout=20))
            for _ in range(60)
        ]
        # All are open before the first is served.
        assert threads() == {f"tunnel-{tunnel['local_port']}"}
        for it in many:
            it.sendall(b"GET / HTTP/1.0\r\n\r\n")
        found = [stack.enter_context(it.makefile("rb")).read() for it in many]
    assert all(it.endswith(b"\r\n\r\nhi\n") for it in found)


def test_an_image_with_no_relay_has_no_tunnel_through_it(
    made: backends, containers: ContainerEngine
) -> None:
    containers.import_image(
        "bare:latest", {}, ['ENTRYPOINT ["/bin/busybox", "sleep", "600"]'], applets=()
    )
    made.start_container("bare", "bare")
    done = made.docker_tunnel("bare", 0, 80, by="exec")
    assert (done["status"], done["error_type"]) == ("error", "TunnelError")
    assert "publish the port" in done["message"]
    assert made.docker_tunnel("bare", 0, 80)["by"] == "network"


def test_a_tunnel_finds_a_container_that_was_started_anew(
    made: backends, containers: ContainerEngine
) -> None:
    made.start_container("echo", BUSYBOX, command=ECHO, health=7000)
    tunnel = made.docker_tunnel("echo", 0, 7000)
    words = ["nc", "-ll", "-p", "7000", "-e", "echo", "other"]
    with containers.client() as client:
        address = client.inspect_container("echo")["NetworkSettings"]["IPAddress"]
        client.stop("echo", timeout=0)
        assert ask(tunnel["endpoint"]) == b""
        made.start_container("other", BUSYBOX, command=words, health=7000)
        taken = client.inspect_container("other")["NetworkSettings"]["IPAddress"]
        assert taken == address
        assert ask(tunnel["endpoint"]) == b""
        client.start("echo")
    until(b"hello\n", lambda: ask(tunnel["endpoint"]))


@pytest.mark.parametrize("end", ["stop_container", "remove_container", "close", "forget"])
def test_a_tunnel_ends_with_its_container_or_its_object(
    containers: ContainerEngine, end: str
) -> None:
    del containers
    before = sockets()
    made = ipfs_accelerate_py.backends()
    made.start_container("echo", BUSYBOX, command=ECHO, health=7000)
    tunnel = made.docker_tunnel("echo", 0, 7000)
    host, _, port = tunnel["endpoint"].partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        assert connection.recv(6) == b"hello\n"
        if end == "stop_container":
            made.stop_container("echo", grace_seconds=0)
        elif end == "remove_container":
            made.remove_container("echo", force=True)
        elif end == "close":
            made.close()
        else:
            del made
            gc.collect()
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert threads() == set()
    with pytest.raises(ConnectionRefusedError):
        ask(tunnel["endpoint"])
    if end != "forget":
        made.close()
        gc.collect()
    assert not sockets() - before


def test_the_seeds_container_is_a_node_that_the_kit_talks_to(
    made: backends, kubo_image: ContainerEngine, tmp_path: Path
) -> None:
    del kubo_image
    result = made.start_container("ipfs-node", "ipfs/kubo:latest")
    assert result["status"] == "success", result
    tunnel = made.docker_tunnel("ipfs-node", 0, 5001)
    assert tunnel["status"] == "connected"
    engine = KuboEngine(tmp_path / "none", api_url=f"http://{tunnel['endpoint']}")
    try:
        until(True, lambda: "Daemon is ready" in made.logs("ipfs-node")["logs"])
        data = os.urandom(3_000_000)
        (tmp_path / "data").write_bytes(data)
        done = engine.add(tmp_path / "data")
        assert engine.pin_find(done.cid) is not None
        assert engine.has(done.cid)
    finally:
        engine.close()
    found = {it["image"]: it["local"] for it in made.list_marketplace_images()}
    assert found[KUBO] is True
    assert found["ipfs/ipfs-cluster:latest"] is False
    assert made.stop_container("ipfs-node")["exit_code"] == 0
    assert made.list_tunnels() == []


def test_without_an_engine_all_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    with ipfs_accelerate_py.backends() as made:
        for done in (
            made.start_container("one", BUSYBOX),
            made.stop_container("one"),
            made.remove_container("one"),
            made.logs("one"),
            made.docker_tunnel("one", 0, 80),
            made.get_container_status("one"),
            *made.list_containers(),
        ):
            assert done is not None
            assert done["status"] == "error"
            assert done["error_type"] == "ContainerEngineUnavailableError"
            assert "/no/such/socket" in done["message"]
            assert "set DOCKER_HOST" in done["message"]
        assert {it["local"] for it in made.marketplace()} == {None}
        assert made.list_tunnels() == []
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    [row] = ipfs_accelerate_py.backends().list_containers()
    assert "nobody listens" in row["message"]
    monkeypatch.setenv("DOCKER_HOST", "nonsense://x")
    [row] = ipfs_accelerate_py.backends().list_containers()
    assert (row["status"], row["name"]) == ("error", None)


def test_an_engine_that_went_away_is_said_and_found_again(
    made: backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made.list_containers() == []
    url = os.environ["DOCKER_HOST"]
    made.close()
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    assert made.list_containers()[0]["status"] == "error"
    monkeypatch.setenv("DOCKER_HOST", url)
    assert made.list_containers() == []


def test_an_engine_that_hangs_is_waited_for_as_long_as_is_said(
    containers: ContainerEngine,
) -> None:
    with configured(timeout=3) as made:
        assert made.list_containers() == []
        with containers.paused():
            begun = time.monotonic()
            done = made.start_container("one", BUSYBOX, command=SLEEP)
            assert (done["status"], done["error_type"]) == ("error", "TimedOutError")
            assert "docker.timeout" in done["message"]
            assert time.monotonic() - begun < SOON_SECONDS
            with configured(timeout=1) as other:
                [row] = other.list_containers()
            assert row["error_type"] == "ContainerEngineUnavailableError"
            assert "does not answer in time" in row["message"]
        assert made.list_containers() == []


def test_containers_may_be_ruled_out(containers: ContainerEngine) -> None:
    with configured(enable=False) as made:
        done = made.start_container("one", BUSYBOX, command=SLEEP)
        assert (done["status"], done["error_type"]) == (
            "error",
            "ContainersDisabledError",
        )
        assert "docker.enable" in done["message"]
    assert containers.containers() == []


def test_the_catalogue_is_the_users_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[images.s3]\nimage = "mine/s3:2"\n[images.mine]\nimage = "mine/other"\n'
    )
    with configured(catalogue=mine) as made:
        found = {it["name"]: it for it in made.marketplace()}
        assert found["ipfs-node"]["image"] == KUBO
        assert found["s3"]["image"] == "mine/s3:2"
        assert found["mine"] == {
            "name": "mine",
            "image": "mine/other:latest",
            "description": "",
            "local": None,
        }
        for text, words in (
            ("[images", "line 1"),
            ("images = 3", "images is a number, not a table"),
            ("[images.a]\nimage = 3", "images.a needs an image"),
            ('[images.a]\nimage = "../a"', "no image's name"),
        ):
            mine.write_text(text)
            [row] = made.marketplace()
            assert (row["status"], row["error_type"]) == ("error", "ConfigurationError")
            assert (str(mine) in row["message"], words in row["message"]) == (True, True)


def test_threads_share_one(made: backends, containers: ContainerEngine) -> None:
    found: list[str] = []

    def work(n: int) -> None:
        found.append(made.start_container(f"c{n}", BUSYBOX, command=ECHO)["status"])
        tunnel = made.docker_tunnel(f"c{n}", 0, 7000)
        until(b"hello\n", lambda: ask(tunnel["endpoint"]))
        found.append(made.remove_container(f"c{n}", force=True)["status"])

    workers = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for it in workers:
        it.start()
    for it in workers:
        it.join()
    assert found == ["success"] * 12
    assert (containers.containers(), made.list_tunnels()) == ([], [])


FORKED = """
import os, socket, sys
import ipfs_accelerate_py
made = ipfs_accelerate_py.backends()
made.start_container("echo", "busybox", command=["nc", "-ll", "-p", "7000", "-e", "id"],
    health=7000)
tunnel = made.docker_tunnel("echo", 0, 7000)
assert len(made.list_containers()) == 1
def ask():
    host, _, port = tunnel["endpoint"].partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        return connection.recv(100)
child = os.fork()
if not child:
    fine = made.list_tunnels() == [] and len(made.list_containers()) == 1
    fine = fine and made.docker_tunnel("echo", 0, 7000)["status"] == "connected"
    made.close()
    os._exit(0 if fine and ask() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(made.list_containers()),
    bool(ask()))
made.close()
try:
    print(ask())
except ConnectionRefusedError:
    print("closed")
"""


def test_a_forked_process_has_connections_of_its_own(containers: ContainerEngine) -> None:
    assert run_python(FORKED, env={"DOCKER_HOST": containers.url}) == "0 1 True\nclosed\n"


def test_without_the_sdk_an_error_names_the_extra() -> None:
    program = """
    import sys
    sys.modules["docker"] = None
    import ipfs_accelerate_py
    made = ipfs_accelerate_py.backends()
    assert made.marketplace()[0]["local"] is None
    try:
        made.list_containers()
    except ImportError as error:
        print(error)
    """
    assert "pip install 'ipfs-kit-py[docker]'" in run_python(program)


def test_nothing_is_loaded_before_it_is_used() -> None:
    program = """
    import sys, ipfs_accelerate_py
    ipfs_accelerate_py.backends()
    print({"docker", "requests", "asyncio"} & set(sys.modules))
    import ipfs_accelerate_py.backends as module
    print(isinstance(module(), ipfs_accelerate_py.backends))
    """
    assert run_python(program) == "set()\nTrue\n"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('no container with name or ID "web" found: no such container', "NotFoundError"),
        (
            'creating container storage: the container name "web" is already in use by '
            "342c. You have to remove that container to be able to reuse that name",
            "ContainerExistsError",
        ),
        (
            "cannot listen on the TCP port: listen tcp4 127.0.0.1:43183: bind: address "
            "already in use",
            "PortTakenError",
        ),
        ("failed to find image none: none: No such image", "NotFoundError"),
        (
            "cannot remove container 342c as it is running - running or paused "
            "containers cannot be removed without force: container state improper",
            "ContainerError",
        ),
    ],
)
def test_what_podman_says_is_understood(said: str, kind: str) -> None:
    error = of_engine("trying", said)
    assert kind in {it.__name__ for it in type(error).__mro__}
    assert ("force=True" in str(error)) == ("without force" in said)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({5001: 5001}, [("5001/tcp", "127.0.0.1", 5001)]),
        ({"4001/udp": None}, [("4001/udp", "127.0.0.1", None)]),
        ({80: ("0.0.0.0", 8080)}, [("80/tcp", "0.0.0.0", 8080)]),  # noqa: S104
        ({80: "[::1]:8080"}, [("80/tcp", "::1", 8080)]),
        ({80: 0}, [("80/tcp", "127.0.0.1", None)]),
        ([80, "8080:81", "0.0.0.0:82:83"], [
            ("80/tcp", "127.0.0.1", None),
            ("81/tcp", "127.0.0.1", 8080),
            ("83/tcp", "0.0.0.0", 82),  # noqa: S104
        ]),
        (None, []),
    ],
)  # fmt: skip
def test_ports_are_read(given: Any, expected: list[tuple[str, str, int | None]]) -> None:
    assert spec.published(given) == [Published(*it) for it in expected]


@pytest.mark.parametrize("given", ["80", 80, {True: 1}, {80: -1}, {80: "x"}, ["1:2:3:x"]])
def test_what_is_no_port_is_refused(given: Any) -> None:
    with pytest.raises(InvalidParameterError):
        spec.published(given)


def test_sizes_and_names_are_read() -> None:
    assert [spec.memory_bytes(it) for it in (None, 5, "1k", "1.5GiB", "2 MB")] == [
        None, 5, 1024, 3 << 29, 2 << 20,
    ]  # fmt: skip
    assert spec.reference("localhost:5000/a") == "localhost:5000/a:latest"
    assert spec.short("docker.io/library/busybox:latest") == BUSYBOX
    assert spec.reference("a@sha256:00") == "a@sha256:00"
    assert spec.environment(["A=1", "B="]) == ["A=1", "B="]
    assert spec.mounts({"named": {"bind": "/x", "mode": "ro"}}) == ["named:/x:ro"]
