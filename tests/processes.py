"""Other processes for the tests: Python programs on the installed wheel, and Ctrl-C."""

import os
import selectors
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tests.soon import wait_until


def run_python(
    program: str, *args: object, env: dict[str, str] | None = None, timeout: float = 60
) -> str:
    """Run a Python program and return what it printed; fail with its complaints."""
    return _run(["-c", textwrap.dedent(program), *map(str, args)], env, timeout)


def run_script(script: Path, *args: object) -> str:
    """The same with a program in a file, which its workers can import."""
    return _run([str(script), *map(str, args)], None, 60)


def send(pid: int, number: int) -> None:
    """Send a signal to a process; one that stops it has done so when this returns."""
    os.kill(pid, number)
    if number == signal.SIGSTOP and Path("/proc").is_dir():
        wait_until(lambda: _is_stopped(pid))


def _is_stopped(pid: int) -> bool:
    threads = [it.read_text() for it in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(it.rpartition(")")[2].split()[0] == "T" for it in threads)


def _run(arguments: list[str], env: dict[str, str] | None, timeout: float) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


INTERRUPTED = """
import sys, time
from pathlib import Path
from ipfs_kit_py import *
{before}

def work():
    path = sys.argv[1]
{work}

try:
    print("ready", flush=True)
    work()
except KeyboardInterrupt:
    print("interrupted", time.monotonic(), flush=True)
else:
    print("ended", time.monotonic(), flush=True)
"""


def seconds_to_interrupt(
    work: str, path: Path, after: float = 0.3, before: str = ""
) -> float:
    """Send Ctrl-C to a program at work; return how long it took to notice.

    On a machine with much to do even a program that looks at once may come to it late: of
    three tries the quickest counts, once one took a second.

    Args:
        work: The body of a function with `path`, with all of ipfs_kit_py imported.
        path: The program's argument.
        after: Seconds that the work goes on before.
        before: What is done before the work begins.
    """
    program = INTERRUPTED.format(
        work=textwrap.indent(textwrap.dedent(work), "    "), before=before
    )
    quickest = float("inf")
    for _ in range(3):
        quickest = min(quickest, _seconds_once(program, path, after))
        if quickest < 1:
            break
    return quickest


def _seconds_once(program: str, path: Path, after: float) -> float:
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "ready\n"
            time.sleep(after)
            # All processes read the same clock.
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            with selectors.DefaultSelector() as watched:
                watched.register(child.stdout, selectors.EVENT_READ)
                if not watched.select(15):
                    return 15
            state, at = child.stdout.readline().split()
            took = float(at) - sent
            assert state == "interrupted", f"{state} {took:.1f} s after Ctrl-C"
            return took
        finally:
            child.kill()
