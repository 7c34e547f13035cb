"""A Kubo daemon of our own: started, watched and stopped."""

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Self

from ipfs_kit_py._hashing import DEFAULT_PROFILE, StrPath
from ipfs_kit_py._http.waiting import SLICE_SECONDS, sleep
from ipfs_kit_py._kubo.address import address_of_repository
from ipfs_kit_py._kubo.client import Client, look
from ipfs_kit_py._kubo.programs import find_program
from ipfs_kit_py._kubo.repository import (
    authorization_of,
    configure,
    environment,
    is_in_use,
    is_kubo_repository,
    make_repository,
)
from ipfs_kit_py.errors import (
    ComponentUnavailableError,
    EngineUnavailableError,
    IPFSError,
    RepositoryBusyError,
    TimedOutError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
LOG_BYTES: Final = 4 << 20
# As in supervisor.py, which is run and not imported: it needs what Windows has not.
_BUSY, _REPOSITORY_BUSY = 3, 4
_ANSWER_SECONDS = 5.0
# How long Kubo may take to end when the one who watched over it was killed.
_ORPHAN_SECONDS = 10.0
_TAIL_LINES = 15


class DaemonStatus(NamedTuple):
    """How a daemon of ours is."""

    path: str
    """Kubo's repository."""
    running: bool
    """Whether somebody watches over a daemon on it."""
    ready: bool
    """Whether it answers."""
    state: str
    """`stopped`, `starting`, `running`, `waiting` to be started anew, or `failed`."""
    pid: int | None = None
    """The process that watches."""
    kubo_pid: int | None = None
    """Kubo itself."""
    owner: int | None = None
    """The process that it ends with; `None` if it is detached."""
    api: str | None = None
    """Where it listens."""
    restarts: int = 0
    """How often it died and was started anew."""
    started: float | None = None
    """When it was started first, in seconds since 1970."""


class Daemon:
    """A Kubo daemon on a repository, and whoever watches over it.

    Nothing runs before `start`. What this object started ends with it, or with the
    process, however that ends; what was started with `detach` goes on until somebody
    stops it, through any object that names the same folder.

    Args:
        folder: Kubo's repository, made at the first start if there is none.
        program: Kubo's `ipfs`; looked for if not given.
        profile: CID profile of a repository that is made.
        bootstrap_peers: Peers that a daemon on a repository of our making begins with.
        online: Whether the node connects to others.
        log_bytes: Size at which the log is put aside; one such is kept.
    """

    def __init__(
        self,
        folder: StrPath,
        *,
        program: StrPath | None = None,
        profile: str = DEFAULT_PROFILE,
        bootstrap_peers: Sequence[str] = (),
        online: bool = True,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        self._folder = Path(folder).absolute()
        self._place = self._folder / "ipfs-kit-daemon"
        self._program = None if program is None else Path(program).absolute()
        self._profile = profile
        self._bootstrap_peers = tuple(bootstrap_peers)
        self._online = online
        self._log_bytes = log_bytes
        self._started: subprocess.Popen[bytes] | None = None
        self._process = os.getpid()

    @classmethod
    def for_config(cls, config: "Config") -> Self:
        """Make the daemon that a configuration describes."""
        return cls(
            config.ipfs_path,
            profile=config.cid_profile,
            bootstrap_peers=config.bootstrap_peers,
            online=not config.offline,
        )

    @property
    def log(self) -> Path:
        """The file that Kubo's messages go to."""
        return self._place / "kubo.log"

    def start(
        self, *, detach: bool = False, timeout_seconds: float = READY_SECONDS
    ) -> DaemonStatus:
        """Start Kubo and wait until it answers; nothing happens if it runs already.

        Args:
            detach: Let it go on when this process ends.
            timeout_seconds: How long it may take until it answers.

        Raises:
            EngineUnavailableError: Kubo is not installed, or failed.
            RepositoryBusyError: A daemon that is not ours has the repository.
            TimedOutError: It did not answer in time, and was stopped.
        """
        if os.name == "nt":
            raise ComponentUnavailableError(
                "on Windows the kit starts no daemon: run `ipfs daemon` yourself"
            )
        program = self._program or find_program("ipfs")
        end = time.monotonic() + timeout_seconds
        self._folder.mkdir(parents=True, exist_ok=True)
        # Whoever can open the lock could keep it.
        self._place.mkdir(mode=0o700, exist_ok=True)
        with _alone(self._place / "starting", end):
            if self._is_watched():
                return self._until_ready(end)
            self._outlast_orphan(end)
            self._prepare(program)
            self._spawn(program, detach=detach)
            try:
                return self._until_ready(end)
            except BaseException:
                self.stop()
                raise

    def stop(self, *, timeout_seconds: float = STOP_SECONDS) -> bool:
        """Stop Kubo, and kill it if it does not; tell whether it was running.

        Raises:
            TimedOutError: It is still there.
        """
        was_running, told = self._is_watched(), None
        started = self._let_go()
        end = time.monotonic() + timeout_seconds
        while self._is_watched():
            now = time.monotonic()
            if now > end + _ANSWER_SECONDS:
                raise TimedOutError(f"the daemon on {self._folder} does not stop")
            # As long as it has the lock, the numbers that it wrote are its own and that
            # of its child: of one that has just begun they are not there yet.
            state = self._state()
            watcher, kubo = _number(state, "pid"), _number(state, "kubo_pid")
            if watcher is not None and watcher != told:
                _signal(watcher, "SIGTERM")
                told = watcher
            if now > end:
                _signal(kubo, "SIGKILL")
                _signal(watcher, "SIGKILL")
            sleep(SLICE_SECONDS)
        if started is not None:
            started.wait()
        return was_running

    def status(self) -> DaemonStatus:
        """Say how the daemon is; asks it whether it answers."""
        state = self._state()
        if not self._is_watched():
            name = "failed" if state.get("state") == "failed" else "stopped"
            return DaemonStatus(str(self._folder), running=False, ready=False, state=name)
        api = self._answers()
        return DaemonStatus(
            str(self._folder),
            running=True,
            ready=api is not None,
            # What it wrote is from a moment before.
            state="running" if api else str(state.get("state", "starting")),
            pid=_number(state, "pid"),
            kubo_pid=_number(state, "kubo_pid"),
            owner=_number(state, "owner"),
            api=api,
            restarts=_number(state, "restarts") or 0,
            started=_time(state, "started"),
        )

    def logs(self, lines: int | None = None) -> list[str]:
        """Give the last lines that Kubo wrote, the newest last; all that are kept."""
        kept: deque[str] = deque(maxlen=lines)
        for path in (self.log.with_name(self.log.name + ".1"), self.log):
            with (
                suppress(FileNotFoundError),
                path.open(encoding="utf-8", errors="replace") as file,
            ):
                kept.extend(line.rstrip("\n") for line in file)
        return list(kept)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    def _let_go(self) -> "subprocess.Popen[bytes] | None":
        """Close the pipe to what was started here, which then ends."""
        started, self._started = self._started, None
        if started is None or self._process != os.getpid():
            return None
        if started.stdin:
            started.stdin.close()
        return started

    def _outlast_orphan(self, end: float) -> None:
        """Wait for a Kubo that ends since the one who watched over it was killed."""
        if _number(self._state(), "kubo_pid") is None:
            # It ended in order, and whoever has the repository is not ours.
            return
        end = min(end, time.monotonic() + _ORPHAN_SECONDS)
        while is_in_use(self._folder) and time.monotonic() < end:
            sleep(SLICE_SECONDS)

    def _prepare(self, program: Path) -> None:
        mark = self._place / "made"
        if is_in_use(self._folder):
            raise self._busy()
        if not is_kubo_repository(self._folder):
            if mark.exists():
                # Making it was broken off: Kubo makes none where it finds settings.
                (self._folder / "config").unlink(missing_ok=True)
            # Before it is made: who dies meanwhile leaves one that is still to be set up.
            mark.touch()
            peers = self._bootstrap_peers
            make_repository(
                program, self._folder, profile=self._profile, bootstrap_peers=peers
            )
        elif mark.exists():
            configure(self._folder, self._bootstrap_peers)

    def _spawn(self, program: Path, *, detach: bool) -> None:
        if died := self._let_go():
            died.wait()
        (self._place / "state.json").unlink(missing_ok=True)
        orders = {
            "command": [str(program), "daemon", *([] if self._online else ["--offline"])],
            "folder": str(self._place),
            "repository": str(self._folder),
            "owner": None if detach else os.getpid(),
            "log_bytes": self._log_bytes,
        }
        supervisor = str(Path(__file__).with_name("supervisor.py"))
        command = [sys.executable, "-I", "-S", supervisor, json.dumps(orders)]
        with self.log.open("ab") as log:
            started = subprocess.Popen(  # noqa: S603 - ourselves
                command,
                env=environment(self._folder),
                # Nobody's folder is kept busy but its own.
                cwd=self._place,
                stdin=subprocess.DEVNULL if detach else subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C is for this process, which stops the daemon in order.
                start_new_session=True,
            )
        if detach:
            # It has a child by now that is nobody's, and has the lock.
            if code := started.wait():
                raise self._failed(code)
        else:
            self._started, self._process = started, os.getpid()

    def _until_ready(self, end: float) -> DaemonStatus:
        while True:
            status = self.status()
            if status.ready:
                return status
            # A supervisor has the lock a while after it was started, unless it ended.
            code = self._started.poll() if self._started else None
            if not status.running and (code is not None or not self._started):
                raise self._failed(code or _number(self._state(), "code"))
            if time.monotonic() > end:
                raise TimedOutError(f"Kubo does not answer in time: {self._tail()}")
            sleep(SLICE_SECONDS)

    def _failed(self, code: int | None) -> IPFSError:
        if code == _REPOSITORY_BUSY:
            return self._busy()
        if code == _BUSY:
            return RepositoryBusyError(
                f"another process starts or stops the daemon on {self._folder}: try again"
            )
        return EngineUnavailableError(
            f"Kubo ended before it was ready ({self.log}): {self._tail()}"
        )

    def _busy(self) -> RepositoryBusyError:
        return RepositoryBusyError(
            f"another Kubo daemon, not started by the kit, has {self._folder} open:"
            " stop it, or give its address as api_url"
        )

    def _tail(self) -> str:
        return " | ".join(self.logs(_TAIL_LINES)) or "it said nothing"

    def _state(self) -> dict[str, object]:
        try:
            found = json.loads((self._place / "state.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _is_watched(self) -> bool:
        """Whether a supervisor holds its lock, which ends with it however it ends."""
        if self._started is not None and self._process == os.getpid():
            # Else it stays a zombie.
            self._started.poll()
        try:
            import fcntl

            with (self._place / "lock").open("rb") as lock:
                if not _locks(lock, fcntl.LOCK_SH | fcntl.LOCK_NB):
                    return True
                # A process that is forked just now would keep it.
                fcntl.flock(lock, fcntl.LOCK_UN)
        except (ImportError, OSError):
            pass
        return False

    def _answers(self) -> str | None:
        """Give the address at which the daemon answers, if it does."""
        try:
            place = address_of_repository(self._folder)
        except EngineUnavailableError:
            return None
        client = Client(
            lambda: place,
            auth=authorization_of(self._folder),
            connect_seconds=_ANSWER_SECONDS,
            stall_seconds=_ANSWER_SECONDS,
        )
        try:
            # Asked once: whoever waits asks again.
            client.call(look("version")._replace(is_read=False))
        except (EngineUnavailableError, TimedOutError, ConnectionError):
            return None
        finally:
            client.close()
        return str(place)


@contextmanager
def _alone(path: Path, end: float) -> Iterator[None]:
    """Keep others from starting the same daemon at the same time."""
    import fcntl

    with path.open("ab") as lock:
        while not _locks(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.monotonic() > end:
                raise TimedOutError(f"another process is starting a daemon ({path})")
            sleep(SLICE_SECONDS)
        try:
            yield
        finally:
            # Closing is not enough: a process that was forked meanwhile has it open too.
            fcntl.flock(lock, fcntl.LOCK_UN)


def _locks(file: IO[bytes], how: int) -> bool:
    import fcntl

    try:
        fcntl.flock(file, how)
    except OSError:
        return False
    return True


def _signal(pid: int | None, name: str) -> None:
    import signal

    if pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, getattr(signal, name))


def _number(state: dict[str, object], name: str) -> int | None:
    found = state.get(name)
    return found if isinstance(found, int) else None


def _time(state: dict[str, object], name: str) -> float | None:
    found = state.get(name)
    return float(found) if isinstance(found, int | float) else None
