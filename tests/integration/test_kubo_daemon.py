"""A daemon of our own: it answers, comes back, and ends with whoever started it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.processes import send
from tests.soon import wait_until

from ipfs_kit_py._kubo.address import address_of_repository
from ipfs_kit_py._kubo.client import Client, look
from ipfs_kit_py._kubo.daemon import Daemon, DaemonStatus
from ipfs_kit_py._kubo.programs import find_program
from ipfs_kit_py._kubo.repository import is_in_use, is_kubo_repository
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import (
    EngineUnavailableError,
    RepositoryBusyError,
    TimedOutError,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")

# A process that starts a daemon in a thread that ends, and then waits.
OWNER = """
import sys, threading, time
from ipfs_kit_py._kubo.daemon import Daemon
daemon = Daemon(sys.argv[1], program=sys.argv[2], online=False)
detach = sys.argv[3] == "detach"
thread = threading.Thread(target=daemon.start, kwargs={"detach": detach})
thread.start()
thread.join()
print(daemon.status().kubo_pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def program(require_real: Callable[[str, str], Path]) -> Path:
    return require_real("ipfs", "`make tools` builds Kubo where Go is installed")


@pytest.fixture
def daemon(program: Path, tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "repo", program=program, online=False)
    yield made
    made.stop()


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    if stat.parents[1].is_dir() and sys.platform == "linux":
        try:
            state = stat.read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        command = ["ps", "-o", "stat=", "-p", str(pid)]
        state = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return bool(state) and state[0] not in "ZX"


def pids(status: DaemonStatus) -> tuple[int, int]:
    assert status.pid is not None
    assert status.kubo_pid is not None
    return status.pid, status.kubo_pid


def test_it_makes_a_repository_answers_and_stops(program: Path, tmp_path: Path) -> None:
    peers = [
        "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWLAYgWxshT5tFWcDTtBCFUzrBcu8fLgXdypos6YFtmedv"
    ]
    daemon = Daemon(
        tmp_path / "repo",
        program=program,
        profile="unixfs-v0-2015",
        bootstrap_peers=peers,
    )
    assert daemon.status() == DaemonStatus(
        str(tmp_path / "repo"), running=False, ready=False, state="stopped"
    )
    assert daemon.logs() == []
    status = daemon.start()
    assert (status.running, status.ready, status.state) == (True, True, "running")
    assert status.owner == os.getpid()
    # Starting once more changes nothing.
    again = Daemon(tmp_path / "repo", program=program).start()
    assert pids(again) == pids(status)
    assert any("Daemon is ready" in line for line in daemon.logs())
    assert len(daemon.logs(2)) == 2
    config = json.loads((tmp_path / "repo" / "config").read_text())
    assert config["Import"]["CidVersion"] == 0
    assert config["Bootstrap"] == peers
    assert {*config["Addresses"]["Swarm"], config["Addresses"]["API"]} == {
        "/ip4/127.0.0.1/tcp/0"
    }
    assert daemon.stop()
    assert not daemon.stop()
    assert not is_alive(pids(status)[1])
    assert not is_in_use(tmp_path / "repo")
    # The peers that are configured now count, in a repository that we made.
    with Daemon(tmp_path / "repo", program=program, online=False):
        config = json.loads((tmp_path / "repo" / "config").read_text())
        assert config["Bootstrap"] == []


def test_a_repository_of_the_users_is_left_as_it_is(
    program: Path, tmp_path: Path
) -> None:
    environ = os.environ | {"IPFS_PATH": str(tmp_path), "IPFS_TELEMETRY": "off"}
    subprocess.run(
        [program, "init", "--profile=test"], env=environ, check=True, capture_output=True
    )
    before = (tmp_path / "config").read_bytes()
    with Daemon(tmp_path, program=program, online=False, bootstrap_peers=["/dns/x"]):
        pass
    assert (tmp_path / "config").read_bytes() == before


def test_it_lives_beside_an_embedded_repository(program: Path, tmp_path: Path) -> None:
    with Repository(tmp_path) as repository:
        cid = repository.add(b"mine").cid
        with Daemon(tmp_path, program=program, online=False) as daemon:
            assert daemon.status().ready
            assert repository.cat(cid) == b"mine"
        assert repository.cat(cid) == b"mine"


def test_a_missing_program_is_told_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match=r"IPFS_KIT_BIN_DIR.*install Kubo"):
        Daemon(tmp_path / "repo").start()
    assert not (tmp_path / "repo").exists()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ipfs").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "ipfs").chmod(0o755)
    monkeypatch.setenv("IPFS_KIT_BIN_DIR", str(tmp_path / "bin"))
    assert find_program("ipfs") == tmp_path / "bin" / "ipfs"


def test_a_repository_that_another_daemon_has_is_busy(
    daemon: Daemon, program: Path, tmp_path: Path
) -> None:
    daemon.start()
    daemon.stop()
    environ = os.environ | {"IPFS_PATH": str(tmp_path / "repo"), "IPFS_TELEMETRY": "off"}
    command = [str(program), "daemon", "--offline"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as foreign:
        wait_until((tmp_path / "repo" / "api").exists)
        with pytest.raises(RepositoryBusyError, match="not started by the kit"):
            daemon.start()
        assert not daemon.status().running
        # What it wrote is not touched.
        assert (tmp_path / "repo" / "api").exists()
        foreign.terminate()


def test_a_repository_that_cannot_be_used_is_an_error(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.start()
    daemon.stop()
    (tmp_path / "repo" / "datastore_spec").write_text("{}")
    with pytest.raises(EngineUnavailableError, match="before it was ready"):
        daemon.start()
    assert daemon.status().state == "failed"


def test_it_comes_back_when_it_is_killed(daemon: Daemon, tmp_path: Path) -> None:
    first = daemon.start()
    client = Client(lambda: address_of_repository(tmp_path / "repo"))
    assert client.call(look("version"))["Version"]
    os.kill(pids(first)[1], signal.SIGKILL)

    def is_back() -> bool:
        status = daemon.status()
        return status.ready and status.restarts == 1

    wait_until(is_back)
    status = daemon.status()
    assert pids(status)[1] != pids(first)[1]
    assert status.pid == first.pid
    # It listens elsewhere now, and the client goes on all the same.
    assert status.api != first.api
    assert client.call(look("version"))["Version"]
    assert any("again in" in line for line in daemon.logs())
    client.close()


def test_a_frozen_daemon_is_a_time_out_and_is_killed_in_the_end(
    daemon: Daemon, tmp_path: Path
) -> None:
    kubo = pids(daemon.start())[1]
    send(kubo, signal.SIGSTOP)
    place = address_of_repository(tmp_path / "repo")
    client = Client(lambda: place, stall_seconds=0.5)
    with pytest.raises(TimedOutError):
        client.call(look("version"))
    client.close()
    assert daemon.stop()
    assert not is_alive(kubo)


def start_owner(program: Path, folder: Path, how: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", OWNER, str(folder), str(program), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_it_ends_with_its_owner_and_not_with_the_thread(
    program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "repo"
    with start_owner(program, folder, "attach") as owner:
        assert owner.stdout is not None
        kubo = int(owner.stdout.readline())
        time.sleep(0.5)
        assert is_alive(kubo)
        owner.kill()
    wait_until(lambda: not is_alive(kubo))
    wait_until(lambda: not Daemon(folder).status().running)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has a signal for it")
def test_it_ends_when_the_one_who_watches_is_killed(daemon: Daemon) -> None:
    watcher, kubo = pids(daemon.start())
    os.kill(watcher, signal.SIGKILL)
    wait_until(lambda: not is_alive(kubo))
    assert not daemon.status().running
    assert daemon.start().ready
    # Nor does it help who watches to be frozen.
    watcher, kubo = pids(daemon.status())
    send(watcher, signal.SIGSTOP)
    assert daemon.stop(timeout_seconds=0.5)
    assert not is_alive(kubo)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has a signal for it")
def test_one_that_is_still_ending_is_waited_for(daemon: Daemon) -> None:
    watcher, kubo = pids(daemon.start())
    send(kubo, signal.SIGSTOP)
    os.kill(watcher, signal.SIGKILL)
    wait_until(lambda: not daemon.status().running)
    late = threading.Timer(1, os.kill, (kubo, signal.SIGCONT))
    late.start()
    assert daemon.start().ready
    late.join()


def test_a_detached_one_outlives_its_owner(program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    other = Daemon(folder, program=program)
    try:
        with start_owner(program, folder, "detach") as owner:
            assert owner.stdout is not None
            kubo = int(owner.stdout.readline())
            owner.kill()
        time.sleep(1)
        status = other.status()
        assert (status.kubo_pid, status.ready, status.owner) == (kubo, True, None)
    finally:
        assert other.stop()
    wait_until(lambda: not is_alive(kubo))


def test_many_may_start_it_at_once(program: Path, tmp_path: Path) -> None:
    daemons = [Daemon(tmp_path / "repo", program=program, online=False) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = {pids(status) for status in pool.map(Daemon.start, daemons)}
    assert len(found) == 1
    for daemon in daemons:
        daemon.stop()
    assert is_kubo_repository(tmp_path / "repo")


def test_its_log_does_not_grow_forever(program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    daemon = Daemon(folder, program=program, online=False, log_bytes=600)
    for _ in range(4):
        daemon.start()
        daemon.stop()
    kept = sum(path.stat().st_size for path in daemon.log.parent.glob("kubo.log*"))
    assert 0 < kept < 5000


def test_ctrl_c_while_it_starts_leaves_nothing_behind(
    program: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.write_text(
        f'#!/bin/sh\n[ "$1" = daemon ] && exec sleep 30\nexec {program} "$@"\n'
    )
    slow.chmod(0o755)
    daemon = Daemon(tmp_path / "repo", program=slow)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        daemon.start()
    timer.join()
    assert not daemon.status().running
    with pytest.raises(TimedOutError):
        daemon.start(timeout_seconds=1)
    assert not daemon.status().running
