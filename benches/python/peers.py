"""Ways to a CID, other people's and our command, as callables and command lines.

Each is looked up when a table asks for it. One that this machine lacks raises ImportError
or MissingPeerError, and the table names it as skipped.
"""

import base64
import functools
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from harness import MissingPeerError, Program

ROOT = Path(__file__).parents[2]
CIDV1_RAW_SHA256 = bytes.fromhex("01551220")
PROFILE = "unixfs-v1-2025"

Hash = Callable[[list[bytes]], list[str]]


def standard_library() -> Hash:
    """Look up hashlib with base64."""
    sha256, b32encode = hashlib.sha256, base64.b32encode

    def run(buffers: list[bytes]) -> list[str]:
        binary = (CIDV1_RAW_SHA256 + sha256(data).digest() for data in buffers)
        return ["b" + b32encode(cid).decode().lower().rstrip("=") for cid in binary]

    return run


def libipld() -> Hash:
    """Look up hashlib with libipld's encoder."""
    encode_cid = importlib.import_module("libipld").encode_cid
    sha256 = hashlib.sha256

    def run(buffers: list[bytes]) -> list[str]:
        return [encode_cid(CIDV1_RAW_SHA256 + sha256(data).digest()) for data in buffers]

    return run


def multiformats() -> Hash:
    """Look up multiformats."""
    cid = importlib.import_module("multiformats").CID
    digest = importlib.import_module("multiformats.multihash").digest

    def run(buffers: list[bytes]) -> list[str]:
        return [
            str(cid("base32", 1, "raw", digest(data, "sha2-256"))) for data in buffers
        ]

    return run


def py_cid() -> Hash:
    """Look up py-cid."""
    builder = importlib.import_module("cid").V1Builder("raw", "sha2-256")

    def run(buffers: list[bytes]) -> list[str]:
        return [builder.sum(data).encode("base32").decode() for data in buffers]

    return run


def py_multiformats() -> Hash:
    """Look up py-multiformats, whose module has the same name as that of multiformats."""
    package = module_apart("multiformats", installed() / "py-multiformats")
    cid, digest = package.cid.CID, package.multihash.sha2_256

    def run(buffers: list[bytes]) -> list[str]:
        return [cid(1, "raw", digest(data)).encode() for data in buffers]

    return run


def aleph_cid() -> Hash:
    """Look up aleph-cid; it makes the CIDv0 of a file, which is another CID."""
    compute_cid = importlib.import_module("aleph_cid").compute_cid

    def run(buffers: list[bytes]) -> list[str]:
        return [compute_cid(data) for data in buffers]

    return run


def aleph_cid_tree(folder: Path) -> Callable[[], str]:
    """Look up aleph-cid's CID of a folder, with its own chunking and thresholds."""
    hash_folder = importlib.import_module("aleph_cid").hash_folder
    return lambda: hash_folder(str(folder))


def ipfs_kit(path: Path, threads: int) -> Program:
    """Look up our own command, as it is installed beside this interpreter."""
    command = program("ipfs-kit", Path(sys.executable).parent)
    return Program(command, "hash", "--recursive", "--threads", str(threads), path)


def openssl(path: Path) -> Program:
    """Look up `openssl dgst -sha256`: the bytes of one stream, no CID."""
    return Program(program("openssl"), "dgst", "-sha256", path)


def importer(kind: str, path: Path) -> Program:
    """Look up ipfs-unixfs-importer, keeping no block."""
    return Program(program("node"), installed() / "importer.mjs", kind, path)


def ipfs_car(path: Path) -> Program:
    """Look up ipfs-car, which packs a CAR wherever it goes: here to nowhere."""
    script = installed() / "node_modules/ipfs-car/bin.js"
    pack = 'exec "$0" "$1" pack --no-wrap "$2" >/dev/null'
    return Program(program("sh"), "-c", pack, program("node"), script, path)


def read_tree(folder: Path, threads: int) -> Program:
    """Look up the bare reader: it opens, reads and closes, and hashes nothing."""
    return Program(program("read_tree", installed()), str(threads), folder)


@contextmanager
def kubo_repository() -> Iterator[Path]:
    """Give a Kubo repository with our default CID profile; empty without Kubo."""
    with tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-") as folder:
        repository = Path(folder)
        try:
            ipfs = program("ipfs")
        except MissingPeerError:
            yield repository
            return
        for command in ("init --profile=test", f"config profile apply {PROFILE}"):
            subprocess.run(
                [ipfs, *command.split()],
                env=os.environ | {"IPFS_PATH": folder},
                stdout=subprocess.DEVNULL,
                check=True,
            )
        yield repository


def kubo(repository: Path, path: Path) -> Program:
    """Look up Kubo's `add --only-hash`."""
    return Program(
        program("ipfs"),
        *("--offline", "add", "--quieter", "--only-hash", "--recursive"),
        path,
        env={"IPFS_PATH": str(repository)},
    )


def kubo_add(repository: Path, path: Path) -> Program:
    """Look up Kubo's `add`, which keeps and pins what it adds."""
    return Program(
        program("ipfs"),
        *("--offline", "add", "--quieter", "--recursive"),
        path,
        env={"IPFS_PATH": str(repository)},
    )


def kubo_cat(repository: Path, cid: str) -> Program:
    """Look up Kubo's `cat`, into nothing."""
    command = 'exec "$0" --offline cat "$1" >/dev/null'
    env = {"IPFS_PATH": str(repository)}
    return Program(program("sh"), "-c", command, program("ipfs"), cid, env=env)


def copy(path: Path, to: Path) -> Program:
    """Look up `cp`, and make the copy durable."""
    command = 'cp -r "$0" "$1" && sync "$1"'
    return Program(program("sh"), "-c", command, path, to)


def dvc(project: Path, *command: str) -> Program:
    """Look up dvc, at work in a project's folder."""
    found = program("dvc", Path(sys.executable).parent)
    return Program(found, "--cd", project, *command, env={"DVC_NO_ANALYTICS": "1"})


def program(name: str, folder: Path = ROOT / ".tools/bin") -> Path:
    """Find a program in a folder of ours, else on PATH."""
    path = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    if found := shutil.which(name, path=path):
        return Path(found)
    raise MissingPeerError(f"{name} is not on PATH")


@functools.cache
def installed() -> Path:
    """Install the peers that live outside the environment and return their folder."""
    script = ROOT / "benches/peers/install.sh"
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingPeerError(f"install.sh: {done.stderr.strip().splitlines()[-1]}")
    return Path(done.stdout.strip())


def module_apart(name: str, folder: Path) -> ModuleType:
    """Import a package from a folder, beside another of the same name."""

    def forget() -> dict[str, ModuleType]:
        ours = [key for key in sys.modules if key.partition(".")[0] == name]
        return {key: sys.modules.pop(key) for key in ours}

    hidden = forget()
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        forget()
        sys.modules.update(hidden)
