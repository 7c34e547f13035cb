"""A daemon of our own where things go wrong: races, what is left behind, odd settings."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.test_kubo_daemon import is_alive, pids
from tests.processes import send
from tests.soon import wait_until

from ipfs_kit_py._kubo.daemon import Daemon, DaemonStatus
from ipfs_kit_py._kubo.repository import run_kubo
from ipfs_kit_py.errors import EngineUnavailableError, RepositoryBusyError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")


@pytest.fixture
def program(require_real: Callable[[str, str], Path]) -> Path:
    return require_real("ipfs", "`make tools` builds Kubo where Go is installed")


@pytest.fixture
def daemon(program: Path, tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "repo", program=program, online=False)
    yield made
    made.stop()


def wrapped(program: Path, path: Path, lines: str) -> Path:
    """A program that does something before it is Kubo's daemon."""
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = daemon ]; then\n{lines}\nfi\nexec {program} "$@"\n'
    )
    path.chmod(0o755)
    return path


def test_who_asks_how_it_is_does_not_keep_it_from_starting(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.start()
    daemon.stop()
    stop = threading.Event()
    lock = tmp_path / "repo" / "ipfs-kit-daemon" / "lock"

    def ask() -> None:
        # As `status` does, only that it takes longer.
        while not stop.is_set():
            with lock.open("rb") as file, contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                time.sleep(0.2)
            time.sleep(0.02)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert daemon.start().ready
    finally:
        stop.set()
        thread.join()


def test_a_slow_machine_is_waited_for(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 1.5\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr("ipfs_kit_py._kubo.daemon._ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(sys, "executable", str(slow))
    with Daemon(tmp_path / "repo", program=program, online=False) as daemon:
        monkeypatch.setattr("ipfs_kit_py._kubo.daemon._ANSWER_SECONDS", 5.0)
        assert daemon.status().ready


def test_one_that_was_ready_once_is_started_until_it_is_again(
    program: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    lines = f"[ -e {broken} ] && echo out of order && exit 1"
    odd = wrapped(program, tmp_path / "odd", lines)
    with Daemon(tmp_path / "repo", program=odd, online=False) as daemon:
        first = daemon.start()
        broken.touch()
        os.kill(pids(first)[1], signal.SIGKILL)
        seen: list[DaemonStatus] = []

        def rests() -> bool:
            seen.append(daemon.status())
            # One that is just tried has a number for a moment.
            return seen[-1].restarts >= 2 and seen[-1].kubo_pid is None

        wait_until(rests)
        assert (seen[-1].running, seen[-1].ready) == (True, False)
        # Neither is it given up when it cannot even be run.
        odd.rename(tmp_path / "away")
        restarts = seen[-1].restarts
        wait_until(lambda: daemon.status().restarts > restarts)
        (tmp_path / "away").rename(odd)
        broken.unlink()
        wait_until(lambda: daemon.status().ready)
        assert daemon.status().state == "running"


def test_a_command_that_has_the_repository_for_a_while_does_not_end_it(
    daemon: Daemon, tmp_path: Path
) -> None:
    kubo = pids(daemon.start())[1]
    send(kubo, signal.SIGSTOP)
    holder = """
import fcntl, sys, time
with open(sys.argv[1], "r+b") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    print("here", flush=True)
    time.sleep(2)
"""
    lock = tmp_path / "repo" / "repo.lock"
    command = [sys.executable, "-c", holder, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        os.kill(kubo, signal.SIGKILL)
        assert other.stdout is not None
        other.stdout.readline()
        other.wait()
    wait_until(lambda: daemon.status().ready)


def test_stopping_while_it_starts_stops_it(program: Path, tmp_path: Path) -> None:
    slow = tmp_path / "python"
    # The lock is there, and for a while no word of who has it.
    slow.write_text(
        "#!/bin/sh\n"
        f"exec {sys.executable} -c '\n"
        "import runpy, sys, time\n"
        "sys.argv = sys.argv[1:]\n"
        'while sys.argv[0].startswith("-"): sys.argv.pop(0)\n'
        "found = runpy.run_path(sys.argv[0])\n"
        'run = found["Supervisor"].run\n'
        'found["Supervisor"].run = lambda self: time.sleep(1.5) or run(self)\n'
        'sys.exit(found["main"]())\n'
        '\' "$@"\n'
    )
    slow.chmod(0o755)
    daemon = Daemon(tmp_path / "repo", program=program, online=False)
    executable, sys.executable = sys.executable, str(slow)
    try:
        starting = threading.Thread(target=_start_and_fail, args=[daemon])
        starting.start()
        lock = tmp_path / "repo" / "ipfs-kit-daemon" / "lock"
        wait_until(lock.exists)
        time.sleep(0.3)
        other = Daemon(tmp_path / "repo", program=program)
        assert other.stop(timeout_seconds=10)
        starting.join()
    finally:
        sys.executable = executable
        daemon.stop()
    assert not other.status().running


def _start_and_fail(daemon: Daemon) -> None:
    with pytest.raises(EngineUnavailableError):
        daemon.start()


def test_a_daemon_that_asks_who_comes_is_ready_all_the_same(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.start()
    daemon.stop()
    (tmp_path / "repo" / "ipfs-kit-daemon" / "made").unlink()
    path = tmp_path / "repo" / "config"
    config = json.loads(path.read_text())
    for secret in ("bearer:token", "basic:me:secret"):
        config["API"]["Authorizations"] = {
            "nobody": {"AuthSecret": "bearer:none", "AllowedPaths": ["/api/v0/id"]},
            "me": {"AuthSecret": secret, "AllowedPaths": ["/api/v0"]},
        }
        path.write_text(json.dumps(config))
        assert daemon.start(timeout_seconds=20).ready
        daemon.stop()


def test_a_process_forked_meanwhile_keeps_nobody_from_starting(
    daemon: Daemon, program: Path, tmp_path: Path
) -> None:
    script = f"""
import os, sys, threading, time
from ipfs_kit_py._kubo import daemon as module
spawn = module.Daemon._spawn
def forking(self, *args, **options):
    if not os.fork():
        time.sleep(40)
        os._exit(0)
    spawn(self, *args, **options)
module.Daemon._spawn = forking
with module.Daemon({str(tmp_path / "repo")!r}, program={str(program)!r}, online=False):
    pass
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)
    began = time.monotonic()
    assert daemon.start().ready
    assert time.monotonic() - began < 30


def test_a_repository_that_was_half_made_is_made_loopback_only(
    daemon: Daemon, program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "repo"
    # Kubo made it, and whoever wanted it died before its settings were written.
    odd = tmp_path / "init-and-die"
    odd.write_text(f'#!/bin/sh\n{program} "$@"; kill -9 $PPID\n')
    odd.chmod(0o755)
    script = f"""
from ipfs_kit_py._kubo.daemon import Daemon
Daemon({str(folder)!r}, program={str(odd)!r}).start()
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / "datastore_spec").exists()
    daemon.start()
    config = json.loads((folder / "config").read_text())
    assert config["Addresses"]["Swarm"] == ["/ip4/127.0.0.1/tcp/0"]
    assert config["Bootstrap"] == []
    daemon.stop()
    # One that has settings and nothing else is begun anew.
    for path in ("datastore_spec", "version"):
        (folder / path).unlink()
    assert daemon.start().ready


def test_what_a_killed_daemon_left_behind_names_nobody(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.start()
    daemon.stop()
    (tmp_path / "repo" / "ipfs-kit-daemon" / "made").unlink()
    path = tmp_path / "repo" / "config"
    config = json.loads(path.read_text())
    config["Addresses"]["Gateway"] = []
    path.write_text(json.dumps(config))
    for name in ("api", "gateway"):
        (tmp_path / "repo" / name).write_text("http://127.0.0.1:1")
    assert daemon.start().ready
    assert not (tmp_path / "repo" / "gateway").exists()


def test_only_its_owner_reads_what_it_leaves(daemon: Daemon) -> None:
    before = os.umask(0)
    try:
        daemon.start()
    finally:
        os.umask(before)
    assert daemon.log.parent.stat().st_mode & 0o777 == 0o700


def test_it_does_not_stay_in_the_folder_of_who_started_it(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells where a process is")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "ipfs").symlink_to(program)
    monkeypatch.chdir(tmp_path / "here")
    with Daemon(tmp_path / "repo", program="./ipfs", online=False) as daemon:
        for pid in pids(daemon.status()):
            place = Path(f"/proc/{pid}/cwd").readlink()
            assert place.is_relative_to(tmp_path / "repo")


def test_a_chatty_daemon_is_still_stopped(program: Path, tmp_path: Path) -> None:
    lines = "yes 'much to say' &\nyes=$!\ntrap 'kill $yes' EXIT\n"
    loud = tmp_path / "loud"
    loud.write_text(
        '#!/bin/sh\nif [ "$1" = daemon ]; then\n'
        f'{program} "$@" & kubo=$!\n{lines}'
        'trap "kill $kubo $yes; wait $kubo; exit 0" TERM\nwait $kubo\nfi\n'
        f'exec {program} "$@"\n'
    )
    loud.chmod(0o755)
    daemon = Daemon(tmp_path / "repo", program=loud, online=False, log_bytes=1 << 20)
    with daemon:
        kept = 0
        for name in ("kubo.log", "kubo.log.1"):
            # The first becomes the second, again and again.
            with contextlib.suppress(FileNotFoundError):
                kept += daemon.log.with_name(name).stat().st_size
        assert 0 < kept < 8 << 20
        began = time.monotonic()
        assert daemon.stop()
        assert time.monotonic() - began < 15


def test_words_with_lock_in_them_are_no_locks(tmp_path: Path) -> None:
    for said, kind in (
        ("Error: block was not found", EngineUnavailableError),
        ("Error: lock /x/repo.lock: someone else has the lock", RepositoryBusyError),
    ):
        program = tmp_path / "says"
        program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(kind) as raised:
            run_kubo(program, tmp_path, "init")
        assert type(raised.value) is kind


def test_a_dead_kubo_is_nobody_to_kill(daemon: Daemon) -> None:
    watcher, kubo = pids(daemon.start())
    os.kill(kubo, signal.SIGKILL)
    wait_until(lambda: not is_alive(kubo))
    wait_until(lambda: daemon.status().kubo_pid != kubo)
    assert daemon.status().pid == watcher
