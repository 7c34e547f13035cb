"""`ipfs-kit daemon` runs a real Kubo."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.soon import wait_until

from ipfs_kit_py._kubo.daemon import Daemon

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")

PROGRAM = Path(sys.executable).parent / "ipfs-kit"


class Shell:
    """Runs commands on one folder."""

    def __init__(self, folder: Path, bin_dir: Path) -> None:
        self.repo = folder / "repo"
        self.environ = os.environ | {
            "IPFS_KIT_IPFS_PATH": str(self.repo),
            "IPFS_KIT_BIN_DIR": str(bin_dir),
            "HOME": str(folder),
        }

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [PROGRAM, *arguments], capture_output=True, text=True, env=self.environ
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
        )


@pytest.fixture
def shell(tmp_path: Path, require_real: Callable[[str, str], Path]) -> Iterator[Shell]:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    made = Shell(tmp_path, program.parent)
    yield made
    Daemon(made.repo).stop()


def record(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_detached_daemon_is_looked_at_and_stopped(shell: Shell) -> None:
    assert "State:      stopped" in shell("daemon", "status", code=1)
    assert shell("daemon", "stop") == "it was not running\n"
    assert shell("daemon", "logs") == ""
    begun = record(shell("daemon", "start", "--detach", "--json"))
    assert (begun["ready"], begun["owner"]) == (True, None)
    # Once more it changes nothing.
    assert record(shell("daemon", "start", "--json"))["kubo_pid"] == begun["kubo_pid"]
    shown = shell("daemon", "status")
    assert f"API:        {begun['api']}" in shown
    assert shell("daemon", "status", "-q") == "running\n"
    assert len(shell("daemon", "logs", "-n", "2").splitlines()) == 2
    assert "line" in record(shell("daemon", "logs", "-n", "1", "--json"))
    assert shell("daemon", "stop") == "stopped\n"
    assert shell("daemon", "status", "-q", code=1) == "stopped\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_one_in_the_foreground_ends_with_its_command(shell: Shell, number: int) -> None:
    with shell.start("daemon", "start", "--json") as running:
        assert running.stdout is not None
        begun = record(running.stdout.readline())
        assert begun["owner"] == running.pid
        os.kill(running.pid, number)
        assert running.wait(20) == (130 if number == signal.SIGINT else -number)
    wait_until(lambda: not Daemon(shell.repo).status().running)


def test_a_missing_program_is_told_in_words(shell: Shell, tmp_path: Path) -> None:
    shell.environ |= {"IPFS_KIT_BIN_DIR": str(tmp_path), "PATH": str(tmp_path)}
    assert "install Kubo" in shell("daemon", "start", code=1)
