"""Real programs for the tests, each in temporary folders and stopped by its fixture.

A test imports the type of a fixture from `tests.integration.conftest`.
"""

import contextlib
import ctypes
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tests.processes import send

PROFILES = ("unixfs-v0-2015", "unixfs-v1-2025")
METADATA_FLAGS = ("--preserve-", "--mode", "--mtime")


@dataclass(frozen=True)
class Kubo:
    """A real Kubo, offline, on a repository of its own.

    Attributes:
        program: The `ipfs` executable.
        repo: Its `IPFS_PATH`.
        imports: The `Import` section of the configuration, for each CID profile.
    """

    program: Path
    repo: Path
    imports: dict[str, dict[str, Any]]

    @classmethod
    def create(cls, program: Path, repo: Path) -> "Kubo":
        """Make a repository for tests: loopback only, no bootstrap, no discovery."""
        kubo = cls(program, repo, {})
        kubo.run("init", "--profile=test")
        for profile in PROFILES:
            kubo.run("config", "profile", "apply", profile)
            kubo.imports[profile] = kubo.config["Import"]
        return kubo

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as it is on disk."""
        config: dict[str, Any] = json.loads((self.repo / "config").read_text())
        return config

    def run(self, *args: str | os.PathLike[str], stdin: bytes | None = None) -> bytes:
        """Run one command and return what it printed."""
        done = subprocess.run(
            [self.program, "--offline", *args],
            input=stdin,
            env=os.environ | {"IPFS_PATH": str(self.repo), "IPFS_TELEMETRY": "off"},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            command = " ".join(map(str, args))
            raise RuntimeError(f"ipfs {command}: {done.stderr.decode().strip()}")
        return done.stdout

    def add_cid(
        self,
        path: str | os.PathLike[str],
        *flags: str,
        profile: str = "unixfs-v1-2025",
        **imports: object,
    ) -> str:
        """Return the root CID that `ipfs add` gives a file or folder.

        It only hashes, unless a flag asks for modes or times: then Kubo reads back the
        directories that it has just made, and fails where it did not keep them.

        Args:
            path: The file or folder; a folder is added with everything below it.
            *flags: Further flags of `ipfs add`, `--chunker=size-1024` for one.
            profile: CID profile that settings and flags start from.
            **imports: Settings of the `Import` section, for what no flag says:
                `UnixFSHAMTDirectorySizeThreshold="1KiB"` for one.
        """
        section = self.imports[profile] | imports
        (self.repo / "config").write_text(json.dumps(self.config | {"Import": section}))
        kept = any(flag.startswith(METADATA_FLAGS) for flag in flags)
        keep = "--pin=false" if kept else "--only-hash"
        added = self.run("add", "-Q", keep, "--recursive", *flags, path)
        return added.decode().strip()

    def dag_import(self, car: bytes) -> list[str]:
        """Import a CAR and return its roots, each pinned and therefore complete."""
        lines = self.run("dag", "import", stdin=car).decode().splitlines()
        return [line.split()[-2] for line in lines if line.startswith("Pinned root")]

    def dag_export(self, cid: str) -> bytes:
        """Return the CAR of everything below a CID."""
        return self.run("dag", "export", "--progress=false", cid)


@pytest.fixture(scope="session")
def kubo(
    require_real: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Kubo:
    """Give a real Kubo; it is the oracle of our CIDs and never adds for the kit."""
    program = require_real("ipfs", "`make tools` builds Kubo where Go is installed")
    return Kubo.create(program, tmp_path_factory.mktemp("kubo"))


def free_port() -> int:
    """Give a port that nobody listens on.

    It is below those that systems give to connections and listeners that ask for any: one
    of those could come between this and the program that is to listen here.
    """
    while True:
        port = random.randrange(20_000, 32_768)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until somebody listens on a port of this machine."""
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(log.read_text(errors="replace"))
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nobody listens on {port}: {log.read_text(errors='replace')}")


@dataclass
class S3Gateway:
    """A real S3 server over a folder, in which each folder is a bucket."""

    program: Path
    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    ACCESS_KEY = "access-of-tests"
    SECRET_KEY = "secret-of-tests"  # noqa: S105 - of a server on loopback

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What `s3cfg` is to be."""
        return {
            "accessKey": self.ACCESS_KEY,
            "secretKey": self.SECRET_KEY,
            "endpoint": self.url,
            "bucket": "tests",
        }

    def bucket(self, name: str) -> Path:
        """Make a bucket, if there is none, and give its folder."""
        made = self.folder / "data" / name
        made.mkdir(parents=True, exist_ok=True)
        return made

    def start(self) -> None:
        """Start it, where it was."""
        self.bucket("tests")
        (self.folder / "iam").mkdir(exist_ok=True)
        log = self.folder / "log"
        keys = {"ROOT_ACCESS_KEY": self.ACCESS_KEY, "ROOT_SECRET_KEY": self.SECRET_KEY}
        command: list[str | Path] = [self.program, "--port", f"127.0.0.1:{self.port}"]
        # As stores elsewhere do: else each request has a connection of its own.
        command += ["--keep-alive"]
        command += ["--iam-dir", self.folder / "iam", "posix", self.folder / "data"]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command, env=os.environ | keys, stdout=out, stderr=out
            )
        wait_for_port(self.port, self.process, log)

    def signal(self, number: int) -> None:
        """Send it a signal: SIGSTOP and SIGCONT make it pause and go on."""
        assert self.process is not None
        send(self.process.pid, number)

    def stop(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def s3_gateway(
    require_real: Callable[[str, str], Path], tmp_path: Path
) -> Iterator[S3Gateway]:
    """Give a real S3 server with a bucket `tests`."""
    program = require_real("versitygw", "`make tools` builds it where Go is installed")
    folder = tmp_path / "s3"
    folder.mkdir()
    gateway = S3Gateway(program, folder)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()


@dataclass
class UploadService:
    """A real upload service of Storacha, which keeps everything in memory."""

    program: Path
    folder: Path
    url: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def requests(self) -> list[str]:
        """What it was asked so far: method and path."""
        return (self.folder / "log").read_text().splitlines()

    @property
    def puts(self) -> list[str]:
        """The CIDs of the CARs that were sent to it, whole or not."""
        lines = (line.split() for line in self.requests)
        return [it[1].split("/")[2] for it in lines if it and it[0] == "PUT"]

    def tokens(self, name: str | None = "photos", **asked: Any) -> dict[str, str]:
        """Have a space made, and what lets one into it: `space`, and two headers."""
        data = json.dumps({"name": name, **asked}).encode()
        with urllib.request.urlopen(f"{self.url}/tokens", data, timeout=60) as reply:  # noqa: S310 - our own
            found: dict[str, str] = json.load(reply)
            return found

    def settings(self, name: str | None = "photos", **asked: Any) -> dict[str, Any]:
        """Give what `storacha` is to be, for a space."""
        found = self.tokens(name, **asked)
        return {
            "endpoint": self.url,
            "gateway": self.url,
            "secret": found["auth_secret"],
            "authorization": found["authorization"],
            "shard_size": "4MiB",
        }

    def start(self) -> None:
        """Start it; it finds a port, and says which."""
        log = self.folder / "log"
        with log.open("ab") as out, (self.folder / "told").open("wb") as told:
            self.process = subprocess.Popen([self.program], stdout=told, stderr=out)
        for _ in range(600):
            if line := (self.folder / "told").read_text():
                self.url = json.loads(line)["url"]
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"it does not start: {log.read_text()}")

    def signal(self, number: int) -> None:
        """Send it a signal: SIGSTOP and SIGCONT make it pause and go on."""
        assert self.process is not None
        send(self.process.pid, number)

    def stop(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def upload_service(
    require_real: Callable[[str, str], Path], tmp_path: Path
) -> Iterator[UploadService]:
    """Give a real upload service."""
    program = require_real("storacha-service", "`make tools` builds it where Node.js is")
    require_real("node", "the upload service runs on it")
    folder = tmp_path / "storacha"
    folder.mkdir()
    service = UploadService(program, folder)
    service.start()
    try:
        yield service
    finally:
        service.stop()


@dataclass
class Network:
    """A network of its own with only loopback, and a way into it.

    ipfs-cluster's peers would ask the router of this machine for open ports, which cannot
    be switched off; in here there is none.
    """

    folder: Path
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make it."""
        script = "ip link set lo up && exec sleep 3600"
        self.start("network", "unshare", "-n", "sh", "-c", script)
        # The name of the process changes when the network is there.
        name = Path(f"/proc/{self.processes[0].pid}/comm")
        while name.read_text() != "sleep\n":
            if self.processes[0].poll() is not None:
                raise RuntimeError((self.folder / "network.log").read_text())
            time.sleep(0.05)
        self._file = os.open(f"/proc/{self.processes[0].pid}/ns/net", os.O_RDONLY)

    def start(self, name: str, *command: str | Path, **environ: str) -> Path:
        """Start a program, and give the file that it writes to."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                command, env=os.environ | environ, stdout=out, stderr=out
            )
        self.processes.append(process)
        return log

    def inside(self, *command: str | Path) -> list[str | Path]:
        """Give the command that runs another in here."""
        holder = self.processes[0].pid
        return ["nsenter", f"--net=/proc/{holder}/ns/net", "--", *command]

    def forward(self, port: int) -> int:
        """Listen outside, and pass on what comes to a port in here."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners = [*getattr(self, "_listeners", []), listener]
        threading.Thread(target=self._serve, args=(listener, port), daemon=True).start()
        return int(listener.getsockname()[1])

    def _serve(self, listener: socket.socket, port: int) -> None:
        # The network of this thread alone; the listener stays where it was made.
        if ctypes.CDLL(None, use_errno=True).setns(self._file, 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
        while True:
            try:
                outer, _ = listener.accept()
            except OSError:
                return
            try:
                inner = socket.create_connection(("127.0.0.1", port))
            except OSError:
                outer.close()
                continue
            for pair in ((outer, inner), (inner, outer)):
                threading.Thread(target=_pump, args=pair, daemon=True).start()

    def stop(self) -> None:
        """End all that was started."""
        for listener in getattr(self, "_listeners", []):
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        os.close(self._file)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()


@dataclass(frozen=True)
class PinningServer:
    """ipfs-cluster's pinning service, with a Kubo behind it.

    Attributes:
        url: The endpoint.
        token: What lets one in.
        kubo: Its Kubo, offline: it has what is added to it, and nothing else.
        network: Where both run.
    """

    url: str
    token: str
    network: Network
    kubo: Path
    repo: Path

    def add(self, data: bytes) -> str:
        """Add bytes to its Kubo without a pin, and give the CID."""
        done = subprocess.run(
            self.network.inside(self.kubo, "add", "-Q", "--pin=false"),
            input=data,
            env=os.environ | {"IPFS_PATH": str(self.repo)},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"ipfs add: {done.stderr.decode().strip()}")
        return done.stdout.decode().strip()


@pytest.fixture(scope="session")
def pinning_server(
    require_real: Callable[[str, str], Path],
    unavailable: Callable[[str], NoReturn],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PinningServer]:
    """Give a real pinning service."""
    hint = "`make tools` builds it where Go is installed"
    ipfs, cluster = require_real("ipfs", hint), require_real("ipfs-cluster-service", hint)
    if sys.platform != "linux" or os.geteuid():
        unavailable("a network of its own takes root on Linux")
    folder = tmp_path_factory.mktemp("pinning")
    environ = {
        "IPFS_PATH": str(folder / "ipfs"),
        "IPFS_CLUSTER_PATH": str(folder / "cluster"),
        "IPFS_TELEMETRY": "off",
        "CLUSTER_SECRET": "ab" * 32,
        "CLUSTER_PEERNAME": "tests",
        "CLUSTER_CRDT_TRUSTEDPEERS": "*",
        "CLUSTER_MDNSINTERVAL": "0s",
        "CLUSTER_MONITORPINGINTERVAL": "2s",
        "CLUSTER_PINSVCAPI_BASICAUTHCREDENTIALS": "user:password",
    }
    commands: list[list[str | Path]] = [
        [ipfs, "init", "--profile=test"],
        [ipfs, "config", "Addresses.API", "/ip4/127.0.0.1/tcp/5001"],
        [cluster, "init", "--consensus", "crdt", "--datastore", "leveldb"],
    ]
    for command in commands:
        subprocess.run(command, env=os.environ | environ, check=True, capture_output=True)
    network = Network(folder)
    try:
        log = network.start(
            "ipfs", *network.inside(ipfs, "daemon", "--offline"), **environ
        )
        _wait_for_daemon(network.processes[-1], log)
        log = network.start("cluster", *network.inside(cluster, "daemon"), **environ)
        url = f"http://127.0.0.1:{network.forward(9097)}"
        token = _token_of(url, network.processes[-1], log)
        yield PinningServer(url, token, network, ipfs, folder / "ipfs")
    finally:
        network.stop()


def _wait_for_daemon(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until Kubo answers: before that its commands find a locked repository."""
    for _ in range(600):
        if b"Daemon is ready" in log.read_bytes():
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"no daemon: {log.read_text(errors='replace')}")


def _token_of(url: str, process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Ask the service for a token, as soon as it is there."""
    request = urllib.request.Request(f"{url}/token", method="POST")  # noqa: S310 - loopback
    request.add_header("Authorization", f"Basic {b64encode(b'user:password').decode()}")
    for _ in range(300):
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(request, timeout=5) as reply,  # noqa: S310 - loopback
        ):
            return str(json.load(reply)["token"])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(log.read_text(errors="replace"))
