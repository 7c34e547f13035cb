"""A process that is killed takes nothing with it that it had acknowledged."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from tests.crash.expected import Expected

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
WORKLOAD = Path(__file__).with_name("workload.py")


def said_before_death(folder: Path, seed: str, after: float) -> list[dict[str, Any]]:
    """Run the workload, kill it so long after it began, and return what it said."""
    read, write = os.pipe()
    command = [sys.executable, str(WORKLOAD), str(folder), seed, "0", str(write)]
    with subprocess.Popen(command, pass_fds=[write]) as child, os.fdopen(read) as lines:
        os.close(write)
        said: list[dict[str, Any]] = []
        began = threading.Event()
        listener = threading.Thread(target=_listen, args=(lines, said, began))
        listener.start()
        try:
            assert began.wait(60)
            time.sleep(after)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            listener.join(60)
    assert not listener.is_alive()
    assert child.returncode == -signal.SIGKILL
    return said


def _listen(lines: IO[str], said: list[dict[str, Any]], began: threading.Event) -> None:
    for line in lines:
        # The last line may be cut off, as the last operation was.
        if line.endswith("\n"):
            said.append(json.loads(line))
            began.set()
    began.set()


def check_kills(memory: Path, seed: str, rounds: int) -> None:
    chance = random.Random(seed)
    for number in range(rounds):
        folder = memory / str(number)
        # Early moments are the opening itself.
        after = chance.choice((chance.uniform(0, 0.05), chance.uniform(0, 0.8)))
        said = said_before_death(folder, f"{seed} {number}", after)
        try:
            Expected.after(said).check(folder)
        except Exception as error:
            error.add_note(f"{seed} {number}, killed after {after} s: {said[-2:]}")
            raise


@pytest.mark.parametrize("seed", ["a", "b"])
def test_what_was_acknowledged_outlives_a_kill(memory: Path, seed: str) -> None:
    check_kills(memory, seed, rounds=8)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [f"soak {number}" for number in range(4)])
def test_what_was_acknowledged_outlives_any_kill(
    memory: Path, seed: str, scaled: Callable[[int], int]
) -> None:
    check_kills(memory, seed, rounds=scaled(150))


def test_one_repository_outlives_many_kills(memory: Path) -> None:
    """What the dead leave behind is cleared away by those who come after."""
    chance, folder = random.Random("again"), memory / "repo"
    for number in range(6):
        said_before_death(folder, f"again {number}", chance.uniform(0, 0.5))
    Expected.check_whole(folder)
