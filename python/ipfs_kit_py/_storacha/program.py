"""The command-line program of Storacha, if it is installed."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from ipfs_kit_py._http.waiting import SLICE_SECONDS, check
from ipfs_kit_py._storacha.settings import Settings
from ipfs_kit_py.errors import (
    EngineError,
    EngineUnavailableError,
    InvalidParameterError,
    OfflineError,
    TimedOutError,
)

_PROGRAMS: Final = ("storacha", "w3")
_SHOWN: Final = 300


class Done(NamedTuple):
    """What a program did."""

    command: list[str]
    stdout: str
    stderr: str


def run_program(settings: Settings, args: str | Sequence[str], timeout: float) -> Done:
    """Run the program, and wait for it.

    Args:
        settings: Whether anybody may be asked.
        args: What to call it with; a text is split as a shell does it.
        timeout: How many seconds it may take.

    Raises:
        EngineUnavailableError: It is not installed.
        EngineError: It failed.
        TimedOutError: It took longer, and was ended.
        OfflineError: `offline` is set.
    """
    command = _command(settings, args)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        except OSError as error:
            name = os.path.basename(command[0])  # noqa: PTH119 - a text
            raise EngineUnavailableError(f"{name}: {error.strerror}") from error
        _wait(process, timeout)
        out.seek(0)
        err.seek(0)
        stdout, stderr = (it.read().decode("utf-8", "replace") for it in (out, err))
    if process.returncode:
        why = stderr.strip() or stdout.strip() or "it does not say why"
        raise EngineError(
            f"{' '.join(command[1:2])}: the program ended with status "
            f"{process.returncode}: {why[:_SHOWN]}"
        )
    return Done(command, stdout, stderr)


def _command(settings: Settings, args: str | Sequence[str]) -> list[str]:
    try:
        given = shlex.split(args) if isinstance(args, str) else list(args)
    except ValueError as error:
        raise InvalidParameterError(f"the command cannot be split: {error}") from error
    if given and given[0] in _PROGRAMS:
        given = given[1:]
    if not given or any("\0" in it for it in given):
        raise InvalidParameterError("a command has at least one word, and no NUL")
    if settings.offline:
        raise OfflineError(f"storacha {given[0]}: offline is set")
    found = next((path for name in _PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        raise EngineUnavailableError(
            "neither `storacha` nor `w3` is installed: npm install --global @storacha/cli"
        )
    return [found, *given]


def _wait(process: "subprocess.Popen[bytes]", timeout: float) -> None:
    end = time.monotonic() + timeout
    try:
        while True:
            check()
            try:
                process.wait(SLICE_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() < end:
                    continue
                raise TimedOutError(
                    f"the program did not end within {timeout:g} seconds"
                ) from None
            return
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
