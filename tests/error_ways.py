"""How to reach each class of error through the kit, the simple API and the command line.

`WAYS` names every class. A way is what a user does, on a `Place` that has what it takes;
where a face cannot reach a class, a sentence says why.
"""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tests.inputs import Dag

from ipfs_kit_py import Repository, errors
from ipfs_kit_py.errors import IPFSError
from ipfs_kit_py.high_level_api import IPFSSimpleAPI
from ipfs_kit_py.ipfs_kit import ipfs_kit

PROGRAM = Path(sys.executable).parent / "ipfs-kit"
NOWHERE = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"


class Place:
    """A folder with a repository `store`, and what stands between a user and success."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.stack = stack
        self.settings: dict[str, Any] = {"ipfs_path": str(self.store)}
        self.mount: Callable[..., Path] | None = None
        with self.direct() as repository:
            self.cid = str(repository.add(b"some text", name="text").cid)
            (folder / "tree" / "sub").mkdir(parents=True)
            (folder / "tree" / "sub" / "file").write_bytes(b"x")
            self.tree = str(repository.add(folder / "tree").cid)
            self.block = str(repository.block_put(b"a block"))
            repository.files_write("/file", b"mutable", create=True)

    def direct(self, **options: Any) -> Repository:
        """Open the repository itself."""
        return Repository(self.store, **options)

    @cached_property
    def kit(self) -> Any:
        """The kit on it."""
        return self.stack.enter_context(ipfs_kit(metadata=self.settings))

    @cached_property
    def api(self) -> IPFSSimpleAPI:
        """The API on it."""
        return self.stack.enter_context(IPFSSimpleAPI(**self.settings))

    # What is prepared for a way.

    def run(self, *arguments: str) -> list[str]:
        """Run a command, after what was prepared."""
        return [*arguments]

    def closed(self) -> "Place":
        """The kit and the API are closed already."""
        self.kit.close()
        self.api.close()
        return self

    def with_key(self, name: str) -> "Place":
        """There is a key of this name."""
        with self.direct() as repository:
            repository.key_gen(name)
        return self

    def set(self, **settings: Any) -> "Place":
        """Change the settings of whoever opens it next."""
        self.settings |= settings
        return self

    def file(self, name: str = "file", data: bytes = b"bytes") -> str:
        """Write a file, and give its path."""
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)

    def socket(self) -> str:
        """Something that is no file, folder or link."""
        path = str(self.folder / "socket")
        self.stack.enter_context(socket.socket(socket.AF_UNIX)).bind(path)
        return path

    def unnameable(self) -> str:
        """A folder with a file whose name is no UTF-8."""
        folder = self.folder / "names"
        folder.mkdir()
        (folder / os.fsdecode(b"\xff")).touch()
        return str(folder)

    def unreadable(self) -> str:
        """A file that not even root may read."""
        path = Path("/proc/sys/vm/compact_memory")
        if os.geteuid():
            path = Path(self.file("secret"))
            path.chmod(0)
        return str(path)

    def long(self) -> str:
        """A file that takes a while to read."""
        path = self.folder / "long"
        with path.open("wb") as file:
            file.truncate(1 << 29)
        os.utime(path, (0, 0))
        return str(path)

    def change(self, done: int, _files: int) -> None:
        """Change it while it is read: a progress callback."""
        if done:
            (self.folder / "long").write_bytes(b"short")

    def put(self, data: bytes, codec: str = "raw") -> str:
        """Put a block as it is."""
        with self.direct() as repository:
            return str(repository.block_put(data, codec))

    def hostile(self) -> str:
        """A directory whose entry would lead out of wherever it is written."""
        dag = Dag()
        root = dag.folder([("../out", dag.raw(b"evil"))])
        car = self.folder / "hostile.car"
        car.write_bytes(dag.car(root))
        with self.direct() as repository:
            repository.dag_import(car)
        return str(root)

    def damaged(self) -> str:
        """A CID whose bytes are no longer what they were."""
        for pack in (self.store / "embedded" / "packs").glob("*.car"):
            data = pack.read_bytes()
            if b"some text" in data:
                pack.write_bytes(data.replace(b"some text", b"some lies"))
        return self.cid

    def lost_index(self) -> "Place":
        """The index is no database any more."""
        (self.store / "embedded" / "index.db").write_bytes(b"not a database" * 1000)
        for more in ("index.db-wal", "index.db-shm"):
            (self.store / "embedded" / more).unlink(missing_ok=True)
        return self

    def newer(self) -> "Place":
        """A later version has changed the repository's format."""
        index = sqlite3.connect(self.store / "embedded" / "index.db")
        index.execute("UPDATE meta SET value = 99 WHERE key = 'format'")
        index.commit()
        index.close()
        return self

    def expired(self) -> str:
        """The name of a record that held until yesterday."""
        with self.direct(_clock_offset_seconds=-100_000) as repository:
            return repository.name_publish(self.cid, lifetime="1h").name

    def circle(self) -> str:
        """A name that leads to another that leads back."""
        with self.direct() as repository:
            other = repository.key_gen("other").id
            repository.name_publish(self.cid, key="other")
            repository.name_publish(f"/ipns/{other}")
            repository.name_publish(f"/ipns/{repository.peer_id}", key="other")
            return repository.peer_id

    def bad_key(self) -> "Place":
        """The file of a key does not hold one."""
        with self.direct() as repository:
            repository.key_gen("other")
            before = set(self.store.rglob("*"))
            repository.key_gen("broken")
            after = {path for path in self.store.rglob("*") if path not in before}
        for path in filter(Path.is_file, after):
            path.write_bytes(b"nonsense")
        return self

    def small_disk(self) -> "Place":
        """A folder on a disk with next to no room, for the repository."""
        assert self.mount is not None
        disk = self.mount("-t", "tmpfs", "-o", "size=3m", "small")
        return self.set(ipfs_path=str(disk / "store"))

    def frozen(self) -> "Place":
        """The repository lies on a disk that cannot be written."""
        assert self.mount is not None
        self.mount("--bind", str(self.store), place=self.store)
        self.mount("-o", "remount,bind,ro", place=self.store)
        return self

    def racing(self) -> Any:
        """A file object during whose reading somebody else changes the tree."""
        place = self

        class Racing:
            done = False

            def read(self, _size: int = -1) -> bytes:
                if self.done:
                    return b""
                self.done = True
                # Time for the writer to look at the tree, on another thread.
                time.sleep(0.5)
                with place.direct() as repository:
                    repository.files_mkdir("/meanwhile")
                return b"data"

        return Racing()

    def writer(self) -> "Place":
        """Another process is adding, and goes on with it."""
        child = subprocess.Popen(
            [PROGRAM, "--repo", self.store, "add", "-q", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert child.stdin is not None
        self.stack.callback(child.wait)
        self.stack.callback(child.stdin.close)
        child.stdin.write(os.urandom(3_000_000))
        child.stdin.flush()
        leases = self.store / "embedded" / "leases"
        while not any(leases.iterdir()):
            pass
        return self


Call: TypeAlias = Callable[[Place], object]
Command: TypeAlias = Callable[[Place], list[str]]


class Ways(NamedTuple):
    """What leads to an error; for a face that does not, why not."""

    kit: Call | str
    api: Call | str
    cli: Command | str


def _nowhere(why: str) -> Ways:
    return Ways(why, why, why)


_BASE = "only its subclasses are raised"
_FILE_SYSTEM = "the file systems for fsspec raise it"
_NO_MULTIADDR = "nothing parses a multiaddr before there is a network to dial"
_NO_KEYS = "the simple API makes no keys"
_NO_FILES = "the simple API does not change mutable files"
_ONE_COMMAND = "a command opens and closes a repository of its own"
_NO_ROLES = "it has nothing that depends on the role"

WAYS: dict[type[IPFSError], Ways] = {
    errors.IPFSError: Ways(
        "an unknown method is a ValueError",
        lambda at: at.api("nonsense"),
        "an unknown command is called wrongly",
    ),
    errors.InvalidInputError: _nowhere(_BASE),
    errors.InvalidCIDError: Ways(
        lambda at: at.kit.ipfs.cat("nonsense"),
        lambda at: at.api.cat("nonsense"),
        lambda _: ["cat", "nonsense"],
    ),
    errors.InvalidParameterError: Ways(
        lambda at: at.kit.ipfs.add(b"x", chunker="size-0"),
        lambda at: at.api.add(b"x", chunker="size-0"),
        lambda at: ["add", "--chunker", "size-0", at.file()],
    ),
    errors.ConfigurationError: Ways(
        lambda _: ipfs_kit(metadata={"rolle": "worker"}),
        lambda _: IPFSSimpleAPI(storage_quota="much"),
        lambda _: ["config", "set", "role", "king"],
    ),
    errors.InvalidKeyError: Ways(
        lambda at: at.kit.ipfs.key_gen(""),
        lambda at: at.bad_key().api.publish(at.cid, key="broken"),
        lambda at: ["key", "import", "new", at.file()],
    ),
    errors.InvalidRecordError: Ways(
        lambda at: at.kit.ipfs.name_resolve(at.expired()),
        lambda at: at.api.resolve(at.expired()),
        lambda at: ["name", "resolve", at.expired()],
    ),
    errors.InvalidMultiaddrError: _nowhere(_NO_MULTIADDR),
    errors.MultiaddrValidationError: _nowhere(_NO_MULTIADDR),
    errors.InvalidNameError: Ways(
        lambda at: at.kit.ipfs.add(at.unnameable()),
        lambda at: at.api.add(at.unnameable()),
        lambda at: ["add", "-r", at.unnameable()],
    ),
    errors.NamesNotSupportedError: Ways(
        lambda at: at.kit.ipfs.cat("/ipns/example.com/a"),
        lambda at: at.api.resolve("/ipns/example.com"),
        lambda _: ["ls", "/ipns/example.com"],
    ),
    errors.UnsupportedHashError: Ways(
        lambda at: at.kit.ipfs.add(b"x", hash="md5"),
        lambda at: at.api.add(b"x", hash="md5"),
        lambda at: ["add", "--hash", "md5", at.file()],
    ),
    errors.UnsupportedCodecError: Ways(
        lambda at: at.kit.ipfs.dag_put({}, codec="cbor-ish"),
        lambda at: at.api.cat(at.put(b"tree 0\0", "git-raw")),
        lambda at: ["dag", "get", at.put(b"tree 0\0", "git-raw")],
    ),
    errors.UnsupportedFileError: Ways(
        lambda at: at.kit.ipfs.add(at.socket()),
        lambda at: at.api.add(at.socket()),
        lambda at: ["add", at.socket()],
    ),
    errors.MalformedDataError: Ways(
        lambda at: at.kit.load_collection(at.cid),
        lambda at: at.api.cat(at.put(b"\xff" * 9, "dag-pb")),
        lambda at: ["dag", "import", at.file()],
    ),
    errors.IntegrityError: Ways(
        lambda at: at.kit.ipfs.cat(at.damaged()),
        lambda at: at.api.cat(at.damaged()),
        lambda at: ["cat", at.damaged()],
    ),
    errors.UnsafePathError: Ways(
        lambda at: at.kit.ipfs.get(at.hostile(), str(at.folder / "out")),
        lambda at: at.api.get(at.hostile(), str(at.folder / "out")),
        lambda at: ["get", at.hostile(), "-o", str(at.folder / "out")],
    ),
    errors.LimitExceededError: Ways(
        lambda at: at.kit.ipfs.block_put(bytes(3 << 20)),
        lambda at: at.api.resolve(at.circle()),
        lambda at: ["block", "put", at.file("big", bytes(3 << 20))],
    ),
    errors.NotFoundError: _nowhere(_BASE),
    errors.BlockNotFoundError: Ways(
        lambda at: at.kit.ipfs.cat(NOWHERE),
        lambda at: at.api.cat(NOWHERE),
        lambda _: ["cat", NOWHERE],
    ),
    errors.ContentDamagedError: _nowhere(_FILE_SYSTEM),
    errors.ContentNotFoundError: _nowhere(_FILE_SYSTEM),
    errors.ContentIncompleteError: _nowhere(_FILE_SYSTEM),
    errors.PathNotFoundError: Ways(
        lambda at: at.kit.ipfs.add(str(at.folder / "none")),
        lambda at: at.api.cat(f"{at.tree}/none"),
        lambda _: ["files", "read", "/none"],
    ),
    errors.RepositoryNotFoundError: Ways(
        "a kit makes the repository that is not there",
        "the same",
        lambda at: ["--repo", str(at.folder / "none"), "pin", "ls"],
    ),
    errors.NotPinnedError: Ways(
        lambda at: at.kit.ipfs.pin_rm(at.block),
        lambda at: at.api.unpin(at.block),
        lambda at: ["pin", "rm", at.block],
    ),
    errors.KeyNotFoundError: Ways(
        lambda at: at.kit.ipfs.key_rm("none"),
        lambda at: at.api.publish(at.cid, key="none"),
        lambda at: ["name", "publish", "--key", "none", at.cid],
    ),
    errors.NameNotFoundError: Ways(
        lambda at: at.kit.ipfs.name_resolve(),
        lambda at: at.api.resolve("self"),
        lambda _: ["name", "resolve"],
    ),
    errors.FileIOError: Ways(
        lambda at: at.kit.ipfs.add("/proc/self/mem"),
        lambda at: at.api.add("/proc/self/mem"),
        lambda _: ["add", "/proc/self/mem"],
    ),
    errors.FileChangedError: Ways(
        lambda at: at.kit.ipfs.add(at.long(), progress=at.change),
        lambda at: at.api.add(at.long(), progress=at.change),
        "it takes somebody else who writes at the right moment",
    ),
    errors.DiskFullError: Ways(
        lambda at: at.small_disk().kit.ipfs.add(os.urandom(4_000_000)),
        lambda at: at.small_disk().api.add(os.urandom(4_000_000)),
        lambda at: at.small_disk().run("add", at.file("large", os.urandom(4_000_000))),
    ),
    errors.PathExistsError: Ways(
        lambda at: at.kit.ipfs.files_mkdir("/file"),
        lambda at: at.api.get(at.cid, at.file()),
        lambda at: ["get", at.cid, "-o", at.file()],
    ),
    errors.AccessDeniedError: Ways(
        lambda at: at.kit.ipfs.add(at.unreadable()),
        lambda at: at.api.add(at.unreadable()),
        lambda at: ["add", at.unreadable()],
    ),
    errors.PathIsADirectoryError: Ways(
        lambda at: at.kit.ipfs.cat(at.tree),
        lambda at: at.api.cat(at.tree),
        lambda at: ["cat", at.tree],
    ),
    errors.PathNotADirectoryError: Ways(
        lambda at: at.kit.ipfs.add_directory(at.file()),
        lambda at: at.api.add(at.file() + "/below"),
        lambda at: ["add", at.file() + "/below"],
    ),
    errors.RepositoryError: _nowhere(_BASE),
    errors.RepositoryVersionError: Ways(
        lambda at: at.newer().kit,
        lambda at: at.newer().api,
        lambda at: at.newer().run("cat", at.cid),
    ),
    errors.RepositoryBusyError: Ways(
        "it takes somebody else who writes for half a minute",
        "the same",
        lambda at: at.writer().run("repo", "rebuild"),
    ),
    errors.RepositoryClosedError: Ways(
        lambda at: at.closed().kit.ipfs.cat(at.cid),
        lambda at: at.closed().api.cat(at.cid),
        _ONE_COMMAND,
    ),
    errors.RepositoryFullError: Ways(
        lambda at: at.set(storage_quota="1MB").kit.ipfs.add(os.urandom(2_000_000)),
        lambda at: at.set(storage_quota="1MB").api.add(os.urandom(2_000_000)),
        lambda at: at.set(storage_quota="1MB").run(
            "add", at.file("big", os.urandom(2_000_000))
        ),
    ),
    errors.ReadOnlyRepositoryError: Ways(
        lambda at: at.frozen().kit.ipfs.add(b"new"),
        lambda at: at.frozen().api.add(b"new"),
        lambda at: at.frozen().run("add", at.file()),
    ),
    errors.IndexDamagedError: Ways(
        lambda at: at.lost_index().kit,
        lambda at: at.lost_index().api,
        lambda at: at.lost_index().run("cat", at.cid),
    ),
    errors.UnsafeFileSystemError: _nowhere("it takes a network file system"),
    errors.ForkedError: _nowhere(
        "it takes a fork behind the interpreter's back: see test_repository_forks"
    ),
    errors.PinConflictError: Ways(
        lambda at: at.kit.ipfs.pin_add(at.tree, recursive=False),
        lambda at: at.api.pin(at.tree, recursive=False),
        lambda at: ["pin", "add", "--recursive=false", at.tree],
    ),
    errors.BlockInUseError: Ways(
        "the kit removes no single blocks",
        "nor does the simple API",
        lambda at: ["block", "rm", at.cid],
    ),
    errors.KeyExistsError: Ways(
        lambda at: at.with_key("twice").kit.ipfs.key_gen("twice"),
        _NO_KEYS,
        lambda at: at.with_key("twice").run("key", "gen", "twice"),
    ),
    errors.ConflictError: Ways(
        lambda at: at.kit.ipfs.files_write("/file", at.racing()),
        _NO_FILES,
        "it takes somebody else who writes at the right moment",
    ),
    errors.UnreachableError: _nowhere(_BASE),
    errors.EngineUnavailableError: Ways(
        lambda at: at.set(engine="kubo").kit.ipfs.cat(at.cid),
        lambda at: at.set(engine="kubo").api.cat(at.cid),
        lambda at: at.set(engine="kubo").run("cat", at.cid),
    ),
    errors.OfflineError: Ways(
        lambda at: at.kit.ipfs.ipfs_swarm_peers(),
        lambda at: at.api.kit("ipfs_swarm_peers").raise_for_error(),
        "no command asks for the swarm",
    ),
    errors.EngineError: _nowhere("the embedded engine's reasons have names of their own"),
    errors.TimedOutError: _nowhere("nothing waits for a network yet"),
    errors.RoleError: Ways(
        lambda at: at.kit("ipfs_cluster_status"), _NO_ROLES, _NO_ROLES
    ),
    errors.ComponentUnavailableError: Ways(
        lambda at: at.kit("get_statistics"), _NO_ROLES, _NO_ROLES
    ),
    errors.PinError: _nowhere(_BASE),
    errors.CancelledError: _nowhere(
        "Ctrl-C is a KeyboardInterrupt, and asyncio's is its own"
    ),
    errors.InternalError: _nowhere("it would be a bug"),
}


def ways(face: str) -> Iterator[tuple[type[IPFSError], Any]]:
    """Go through the classes that a face can reach."""
    for kind, row in WAYS.items():
        way = getattr(row, face)
        if not isinstance(way, str):
            yield kind, way
