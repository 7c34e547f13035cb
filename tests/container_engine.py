"""A real Docker engine for the tests, with everything of its own.

It runs in name spaces of its own for mounts and processes, so that whatever it starts
ends with it, and it sees a copy of `/etc`, `/opt` and `/run`. Its network is a bridge
that is made here and removed again, without firewall rules: containers reach this machine
and each other, and nothing else.
"""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.processes import send

if TYPE_CHECKING:
    from docker import APIClient

BUSYBOX = "busybox:latest"
KUBO = "ipfs/kubo:latest"
_APPLETS = ("cat", "echo", "httpd", "id", "mkdir", "nc", "sh", "sleep", "test", "true")
# Kubo as its own image starts it, but offline: the API for all who reach the container.
_START_KUBO = """\
#!/bin/sh
set -e
test -e "$IPFS_PATH/config" || ipfs init --profile=test
ipfs config Addresses.API /ip4/0.0.0.0/tcp/5001
exec ipfs daemon --offline
"""
# A name space of mounts has copies of what the engine would write to. `$0` is its folder.
_HIDE = """\
hide=$0/hide
mkdir -p "$hide"
mount -t tmpfs tmpfs "$hide"
for name in etc opt run; do
  mkdir -p "$hide/$name/upper" "$hide/$name/work"
  mount -t overlay overlay \
    -o "lowerdir=/$name,upperdir=$hide/$name/upper,workdir=$hide/$name/work" "/$name"
done
"""
_LOCK = Path(tempfile.gettempdir()) / "ipfs-kit-tests-containers.lock"


class EngineImpossibleError(Exception):
    """This machine lets nobody start an engine."""


@contextlib.contextmanager
def locked(name: str = "") -> Iterator[None]:
    """Hold what only one test on this machine can have at a time."""
    import fcntl

    with _LOCK.with_name(f"{_LOCK.name}{name}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass
class ContainerEngine:
    """An engine that runs.

    Attributes:
        folder: All that it writes.
        bridge: Its network.
        busybox: The program that images are made of.
        process: What holds its name spaces.
    """

    folder: Path
    bridge: str
    busybox: Path
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        """What `DOCKER_HOST` is to be."""
        return f"unix://{self.folder}/socket"

    @property
    def pid(self) -> int:
        """Its process, as it is numbered here."""
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return int(children[0])

    @contextlib.contextmanager
    def client(self) -> "Iterator[APIClient]":
        """Give a client that is none of ours."""
        from docker import APIClient

        client = APIClient(base_url=self.url, version="auto", timeout=60)
        try:
            yield client
        finally:
            client.close()

    def containers(self) -> list[str]:
        """Name all containers, also those that do not run."""
        with self.client() as client:
            listed = client.containers(all=True)
        return sorted(it["Names"][0].lstrip("/") for it in listed)

    def wipe(self) -> None:
        """Remove all containers, and volumes with no name."""
        with self.client() as client:
            for it in client.containers(all=True, quiet=True):
                client.remove_container(it["Id"], v=True, force=True)

    def import_image(
        self,
        name: str,
        files: dict[str, bytes | Path],
        changes: list[str],
        *,
        applets: tuple[str, ...] = _APPLETS,
    ) -> None:
        """Make an image of busybox and some files, unless it is there."""
        with self.client() as client:
            if client.images(name, quiet=True):
                return
            path = self.folder / "image.tar"
            with tarfile.open(path, "w") as archive:
                _add(archive, "bin/busybox", self.busybox)
                for applet in applets:
                    link = tarfile.TarInfo(f"bin/{applet}")
                    link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                    archive.addfile(link)
                for target, content in files.items():
                    _add(archive, target, content)
            repository, _, tag = name.partition(":")
            client.import_image(str(path), repository, tag, changes=changes)
            path.unlink()

    def import_kubo(self, program: Path) -> None:
        """Make the image of Kubo, of a program that is linked statically."""
        self.import_image(
            KUBO,
            {"usr/bin/ipfs": program, "usr/bin/start": _START_KUBO.encode()},
            [
                "ENV IPFS_PATH=/data PATH=/usr/bin:/bin IPFS_TELEMETRY=off",
                "EXPOSE 4001 5001 8080",
                'ENTRYPOINT ["/usr/bin/start"]',
            ],
        )

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let it answer nobody for a while."""
        send(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it and all that it started, and remove what it made."""
        with contextlib.suppress(OSError, IndexError):
            os.kill(self.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        subprocess.run(["ip", "link", "del", self.bridge], check=False)
        _remove_groups(self.bridge)
        shutil.rmtree(self.folder)


def start(dockerd: Path, busybox: Path) -> ContainerEngine:
    """Start an engine, and wait until it answers.

    Raises:
        EngineImpossibleError: This machine does not allow it.
        RuntimeError: It ended, or does not answer; its log says why.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"ik-{os.getpid()}-"))
    try:
        probe: list[str | Path] = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "sh",
            "-ec",
            _HIDE,
            folder,
        ]
        _try(*probe, failing="no name spaces")
        _check_groups()
        with locked():
            _sweep()
            bridge = _make_bridge()
    except BaseException:
        shutil.rmtree(folder)
        raise
    (folder / "config.json").write_text("{}")
    options = {
        "config-file": folder / "config.json",
        "data-root": folder / "data",
        "exec-root": folder / "exec",
        "pidfile": folder / "pid",
        "host": f"unix://{folder}/socket",
        "bridge": bridge,
        "cgroup-parent": bridge,
    } | dict.fromkeys(("iptables", "ip6tables", "ip-forward", "ip-masq"), "false")
    command: list[str | Path] = [
        *("unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"),
        *("sh", "-ec", f'{_HIDE}\nexec "$@"', folder, dockerd),
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    path = f"{dockerd.parent}:{os.environ['PATH']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    engine = ContainerEngine(folder, bridge, busybox, process)
    try:
        _wait(engine)
        engine.import_image(BUSYBOX, {}, ["ENV PATH=/bin", 'CMD ["/bin/sh"]'])
    except BaseException:
        engine.stop()
        raise
    return engine


def _wait(engine: ContainerEngine) -> None:
    deadline = time.monotonic() + 60
    while engine.process.poll() is None and time.monotonic() < deadline:
        if (engine.folder / "socket").exists():
            with engine.client() as client:
                client.ping()
            return
        time.sleep(0.05)
    raise RuntimeError((engine.folder / "log").read_text(errors="replace")[-2000:])


def _sweep() -> None:
    """Remove what tests left that were killed; their engines ended with them."""
    for path in Path(tempfile.gettempdir()).glob("ik-*-*"):
        if not Path("/proc", path.name.split("-")[1]).exists():
            shutil.rmtree(path, ignore_errors=True)
    for path in Path("/sys/class/net").glob("ik*"):
        if not Path("/proc", path.name.removeprefix("ik")).exists():
            subprocess.run(["ip", "link", "del", path.name], check=False)
    for path in _groups("ik*"):
        if not Path("/proc", path.name.removeprefix("ik")).exists():
            _remove_groups(path.name)


def _groups(pattern: str) -> list[Path]:
    groups = Path("/sys/fs/cgroup")
    return [*groups.glob(pattern), *groups.glob(f"*/{pattern}")]


def _remove_groups(name: str) -> None:
    for group in _groups(name):
        for path in (*group.glob("*/"), group):
            with contextlib.suppress(OSError):
                path.rmdir()


def _make_bridge() -> str:
    """Make a network in a range that nobody here has."""
    listed = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True)
    third = next(n for n in range(1, 255) if f" 10.213.{n}." not in listed.stdout)
    name = f"ik{os.getpid()}"
    _try("ip", "link", "add", name, "type", "bridge", failing="no bridge")
    subprocess.run(["ip", "addr", "add", f"10.213.{third}.1/24", "dev", name], check=True)
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return name


def _check_groups() -> None:
    groups = Path("/sys/fs/cgroup")
    unified = (groups / "cgroup.controllers").exists()
    if not os.access(groups if unified else groups / "memory", os.W_OK):
        raise EngineImpossibleError("control groups cannot be written")


def _try(*command: str | Path, failing: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EngineImpossibleError(f"{failing}: {error}") from error
    if done.returncode:
        raise EngineImpossibleError(f"{failing}: {done.stderr.strip()}")


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _add(archive: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    data = content.read_bytes() if isinstance(content, Path) else content
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o755
    archive.addfile(entry, io.BytesIO(data))
