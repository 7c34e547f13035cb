"""Run programs from a small process, so that their peak memory is their own.

Linux counts what a process had before `exec` as the new program's, and a benchmark's own
memory is large: so a child that has hardly any starts the programs and waits for them.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TypedDict


class Done(TypedDict):
    """How a program ended.

    Attributes:
        status: Its exit status.
        printed: Its output and errors, in the order they came.
        peak_bytes: The most memory it had in use, about 10 MiB or more.
    """

    status: int
    printed: str
    peak_bytes: int


class Launcher:
    """The small process that starts programs."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.process.communicate)

    def run(self, argv: Sequence[str], env: Mapping[str, str]) -> Done:
        """Run a program to its end."""
        request = json.dumps({"argv": list(argv), "env": dict(env)})
        print(request, file=self.process.stdin, flush=True)
        done: Done = json.loads(
            self.process.stdout.readline() if self.process.stdout else ""
        )
        return done


@functools.cache
def launcher() -> Launcher:
    """Return the launcher of this run, started when the first program is."""
    return Launcher()


def run(argv: Sequence[str], env: Mapping[str, str]) -> Done:
    """Run a program as a child of this process."""
    process = subprocess.Popen(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    printed = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return Done(
        status=process.returncode, printed=printed, peak_bytes=usage.ru_maxrss * unit
    )


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)
