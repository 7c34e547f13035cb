"""Runs Kubo's daemon, starts it anew when it dies, and ends it when its owner does.

A program of its own, with nothing but the standard library: it is run by its path, so
that it starts at once and holds little memory. The owner holds the other end of its
standard input. When that closes, or the owner is gone, however it died, Kubo is stopped.
Were Kubo a child of the owner itself, killing the owner would leave it running; and the
signal that Linux has for it (PR_SET_PDEATHSIG) comes when the *thread* ends that started
it. This program has one thread, so that Kubo may have that signal against its being
killed itself.

It takes its orders as JSON in its only argument; see `Orders`.
"""

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, TypedDict

BUSY = 3
"""Exit status: another supervisor has the folder."""
REPOSITORY_BUSY = 4
"""Exit status: another daemon has the repository."""
FAILED = 5
"""Exit status: Kubo ended before it was ready."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0
_STOP_SECONDS = 10.0
# How long those who look whether somebody has the lock may be in the way of taking it.
_LOCK_SECONDS = 3.0
_LOOK_SECONDS = 0.25
_READ_BYTES = 65536
# Taken at once of what Kubo says, however much more there is.
_MOST_READS = 64
_NOT_RUN = 127
_PR_SET_PDEATHSIG = 1


class Orders(TypedDict):
    """What to do."""

    command: list[str]
    """Kubo's daemon, with its arguments."""
    folder: str
    """Where the lock, the state and the log are."""
    repository: str
    """Kubo's repository."""
    owner: int | None
    """The process to end with; `None` for none."""
    log_bytes: int
    """Size at which the log is put aside, in the place of the one before."""


class Log:
    """A file that does not grow forever."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def write(self, data: bytes) -> None:
        """Append; a full disk is no reason to stop."""
        with contextlib.suppress(OSError):
            with self._path.open("ab") as file:
                file.write(data)
                size = file.tell()
            if size >= self._most_bytes:
                self._path.replace(self._path.with_name(self._path.name + ".1"))

    def note(self, text: str) -> None:
        """Append a line of our own."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self.write(f"{now} ipfs-kit: {text}\n".encode())


class Supervisor:
    """See above."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._folder = Path(orders["folder"])
        self._log = Log(self._folder / "kubo.log", orders["log_bytes"])
        self._repository = Path(orders["repository"])
        self._api = self._repository / "api"
        self._stopping = False
        self._state: dict[str, Any] = {
            "pid": os.getpid(),
            "owner": orders["owner"],
            "started": time.time(),
            "restarts": 0,
        }
        self._watched = selectors.DefaultSelector()
        self._wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(self._wake_read, False)
        signal.set_wakeup_fd(wake_write)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._watched.register(self._wake_read, selectors.EVENT_READ, self._on_wake)
        if orders["owner"] is not None:
            self._watched.register(0, selectors.EVENT_READ, self._on_owner)

    def run(self) -> int:
        """Keep Kubo running until told to stop."""
        pause, was_ever_ready = _FIRST_PAUSE_SECONDS, False
        while True:
            began = time.monotonic()
            status, code = REPOSITORY_BUSY, REPOSITORY_BUSY
            if not _is_locked(self._repository / "repo.lock"):
                was_ready, status = self._run_once()
                was_ever_ready, code = was_ever_ready or was_ready, FAILED
            if self._is_stopping():
                self._tell("stopped", status=status)
                return 0
            # What keeps it from starting anew may pass: a full disk, a command that has
            # the repository for a moment.
            if not was_ever_ready:
                self._tell("failed", status=status, code=code)
                return code
            if time.monotonic() - began > _HEALTHY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._log.note(f"Kubo ended with status {status}; again in {pause:g} s")
            self._tell("waiting", status=status)
            self._wait(pause)
            if self._is_stopping():
                self._tell("stopped", status=status)
                return 0
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._state["restarts"] += 1

    def _run_once(self) -> tuple[bool, int]:
        """Run Kubo until it ends or is to stop; tell whether it was ever ready."""
        # What one left behind that was killed names nobody.
        for note in (self._api, self._repository / "gateway"):
            note.unlink(missing_ok=True)
        try:
            kubo = subprocess.Popen(  # noqa: S603 - as ordered
                self._orders["command"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # This process has one thread: nothing can be half done in the child.
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            self._log.note(f"Kubo cannot be run: {error}")
            return False, _NOT_RUN
        self._tell("starting", kubo_pid=kubo.pid)
        is_ready = False
        assert kubo.stdout is not None  # noqa: S101 - it was asked for
        out = kubo.stdout.fileno()
        os.set_blocking(out, False)
        self._watched.register(out, selectors.EVENT_READ, lambda: self._on_output(out))
        try:
            while kubo.poll() is None and not self._is_stopping():
                self._look()
                if not is_ready and self._api.exists():
                    is_ready = True
                    self._tell("running", kubo_pid=kubo.pid)
            if kubo.poll() is None:
                self._end(kubo)
            self._on_output(out)
            # Its number may soon be that of another process.
            self._state["kubo_pid"] = None
        finally:
            with contextlib.suppress(KeyError):
                self._watched.unregister(out)
            kubo.stdout.close()
        return is_ready, kubo.wait()

    def _end(self, kubo: "subprocess.Popen[bytes]") -> None:
        kubo.terminate()
        end = time.monotonic() + _STOP_SECONDS
        while kubo.poll() is None and time.monotonic() < end:
            self._look(0.05)
        if kubo.poll() is None:
            self._log.note("Kubo does not stop: it is killed")
            kubo.kill()

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_stopping() and (left := end - time.monotonic()) > 0:
            self._look(min(left, _LOOK_SECONDS))

    def _look(self, seconds: float = _LOOK_SECONDS) -> None:
        """Wait until something happens."""
        for key, _ in self._watched.select(seconds):
            key.data()
        # The owner's forked children may hold the pipe's other end.
        if self._orders["owner"] not in (None, os.getppid()):
            self._stopping = True

    def _is_stopping(self) -> bool:
        return self._stopping

    def _on_signal(self, number: int, frame: object) -> None:
        del number, frame
        self._stopping = True

    def _on_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, _READ_BYTES)

    def _on_owner(self) -> None:
        if not os.read(0, _READ_BYTES):
            self._watched.unregister(0)
            self._stopping = True

    def _on_output(self, out: int) -> None:
        try:
            for _ in range(_MOST_READS):
                data = os.read(out, _READ_BYTES)
                if not data:
                    self._watched.unregister(out)
                    return
                self._log.write(data)
        except (BlockingIOError, KeyError, ValueError):
            return

    def _tell(self, state: str, **more: object) -> None:
        """Write down how things are, for those who ask."""
        self._state |= {"state": state, "since": time.time(), **more}
        part = self._folder / "state.json.part"
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(self._state), encoding="utf-8")
            part.replace(self._folder / "state.json")


def _die_with_parent() -> None:
    """Let Linux end this process when its parent dies."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_locked(path: Path) -> bool:
    try:
        lock = path.open("r+b")
    except OSError:
        return False
    with lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def _locks(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def main() -> int:
    """Follow the orders in the only argument."""
    orders: Orders = json.loads(sys.argv[1])
    folder = Path(orders["folder"])
    with (folder / "lock").open("ab") as lock:
        end = time.monotonic() + _LOCK_SECONDS
        while not _locks(lock):
            if time.monotonic() > end:
                return BUSY
            time.sleep(_LOCK_SECONDS / 1000)
        if orders["owner"] is None and os.fork():
            # The child has the lock too. Nobody is left who would have to wait for it.
            os._exit(0)
        return Supervisor(orders).run()


if __name__ == "__main__":
    sys.exit(main())
