"""Types of `ipfs_kit_py.aio`, written by `python -m ipfs_kit_py._aio.stub`."""

from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from types import TracebackType
from typing import IO, Any, Literal, Self, Unpack, overload

from _typeshed import WriteableBuffer
from typing_extensions import Buffer

from ipfs_kit_py._aio.files import File, Opening
from ipfs_kit_py._cache.manager import TieredCacheManager
from ipfs_kit_py._car import Unpacked
from ipfs_kit_py._config.loading import Loaded
from ipfs_kit_py._config.schema import Config
from ipfs_kit_py._engine.engine import Peer
from ipfs_kit_py._fsspec.options import KitFileSystem
from ipfs_kit_py._hashing import ImportParams, ProgressCallback, Readable, StrPath
from ipfs_kit_py._kit.roles import RoleName
from ipfs_kit_py._loader.loader import IPFSDataLoader
from ipfs_kit_py._ml.lineage import Lineage
from ipfs_kit_py._native import CID, Block, PrivateBlock
from ipfs_kit_py._pinning.pins import Moment, Status
from ipfs_kit_py._repository.adding import AddResult
from ipfs_kit_py._repository.dags import DagStat, ExportReport, ImportReport, Writable
from ipfs_kit_py._repository.handle import IPFSPath, VerifyReads
from ipfs_kit_py._repository.names import (
    Key,
    KeyFormat,
    Published,
    RecordInfo,
    Renamed,
    Span,
)
from ipfs_kit_py._repository.pins import Pin, PinCheck, PinType
from ipfs_kit_py._repository.reading import Entry, FileStat, Link, Resolved
from ipfs_kit_py._repository.upkeep import GcReport, RebuildReport, RepoStat, VerifyReport
from ipfs_kit_py._results import Result
from ipfs_kit_py._s3.kit import S3Config
from ipfs_kit_py._s3.listing import ObjectInfo
from ipfs_kit_py._s3.store import Store
from ipfs_kit_py._simple.plugins import PluginBase
from ipfs_kit_py._sources.reader import ChainReader
from ipfs_kit_py._sources.source import Source

__all__ = [
    "DatasetManager",
    "Engine",
    "File",
    "IPFSSimpleAPI",
    "Ipget",
    "ModelRegistry",
    "Opening",
    "Repository",
    "ipfs_kit",
    "ipfs_py",
    "s3_kit",
    "storacha_kit",
]

class _Twin:
    def __await__(self) -> Generator[Any, None, Self]:
        """Open it."""
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    async def close(self) -> None:
        """Let go of it, and wait for what is running; closing twice is no error."""

class Repository(_Twin):
    """Blocks, pins, mutable files and names in a folder, with no daemon."""

    def __init__(
        self,
        path: StrPath | None = None,
        *,
        create: bool = True,
        read_only: bool = False,
        verify: VerifyReads = "first",
        max_bytes: int | None = None,
        threads: int | None = None,
        _clock_offset_seconds: int = 0,
        _pack_bytes: int | None = None,
        _pack_blocks: int | None = None,
        _pause_before_commit_seconds: float = 0.0,
    ) -> None: ...
    async def add(
        self,
        source: StrPath | Buffer | Readable,
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str = ...,
        threads: int | None = None,
        progress: ProgressCallback | None = None,
        nocopy: bool = False,
        trust_stat: bool = True,
        entries: bool = False,
        **params: Unpack[ImportParams],
    ) -> AddResult:
        """Add a file, a folder, or bytes."""
    async def block_get(self, path: IPFSPath) -> bytes:
        """Read a block."""
    def block_get_many(self, cids: Iterable[CID | str]) -> AsyncGenerator[Block | None]:
        """Read many blocks where they lie, in order; `None` for each that is not here."""
    async def block_put(
        self,
        data: Buffer,
        codec: str = "raw",
        hash: str = "sha2-256",
        *,
        pin: bool = False,
        allow_big: bool = False,
    ) -> CID:
        """Put a block, durably."""
    async def block_put_many(
        self, blocks: Iterable[Buffer], codec: str = "raw", hash: str = "sha2-256"
    ) -> list[CID]:
        """Put many blocks, which are durable when this returns."""
    async def block_rm(
        self, cids: CID | str | Iterable[CID | str], *, force: bool = False
    ) -> int:
        """Remove blocks, however old they are."""
    async def block_rm_each(
        self, cids: Iterable[CID | str], *, force: bool = False
    ) -> list[tuple[CID, Exception | None]]:
        """Remove those of these blocks that can be removed, however old they are."""
    async def block_stat(self, path: IPFSPath) -> int:
        """Say how many bytes a block has."""
    async def block_view(self, path: IPFSPath) -> Block:
        """Read a block where it lies, without a copy."""
    def blocks(self) -> AsyncGenerator[CID]:
        """Iterate over all blocks, as raw CIDs in version 1: stores know hashes alone."""
    async def cat(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Read a file, or a range of it."""
    async def cat_private(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> PrivateBlock:
        """Read a file, or a range of it, as memory that may be written to."""
    async def cat_view(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> Block:
        """Read a file, or a range of it, where it lies."""
    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
    async def compact(self, progress: ProgressCallback | None = None) -> int:
        """Give all space of removed blocks back to the disk."""
    async def dag_export(
        self,
        path: IPFSPath,
        output: StrPath | Writable,
        progress: ProgressCallback | None = None,
    ) -> ExportReport:
        """Write everything below a root into a CAR file, parents first."""
    async def dag_get(self, path: IPFSPath, *, output_codec: str | None = None) -> Any:
        """Read what a path names as a value, be it a block or something inside one."""
    async def dag_import(
        self,
        source: StrPath | Readable,
        progress: ProgressCallback | None = None,
        *,
        pin_roots: bool = True,
    ) -> ImportReport:
        """Take over the blocks of a CAR file, each checked against its CID."""
    async def dag_put(
        self,
        value: Any,
        codec: str = "dag-cbor",
        *,
        input_codec: str | None = None,
        hash: str = "sha2-256",
        pin: bool = False,
    ) -> CID:
        """Put a value: `None`, bool, int, float, str, bytes, list, dict, CID."""
    async def dag_resolve(self, path: IPFSPath) -> Resolved:
        """Follow a path to the last block on the way, and say what is left of it."""
    async def dag_stat(
        self,
        paths: IPFSPath | Iterable[IPFSPath],
        progress: ProgressCallback | None = None,
    ) -> DagStat:
        """Count the blocks below one root or several, reading all of them."""
    async def files_chmod(self, path: str, mode: int, *, profile: str = ...) -> None:
        """Set the permissions of an entry; 0 takes them away."""
    async def files_cp(
        self,
        source: IPFSPath,
        target: str,
        *,
        parents: bool = False,
        force: bool = False,
        profile: str = ...,
    ) -> None:
        """Put a file or directory at a path; no bytes are copied."""
    async def files_flush(self, path: str = "/") -> CID:
        """Say which CID an entry has now. Every change is durable when it returns."""
    def files_ls(self, path: str = "/", *, resolve: bool = True) -> AsyncGenerator[Entry]:
        """List a directory; a file is listed by itself."""
    async def files_mkdir(
        self,
        path: str,
        *,
        parents: bool = False,
        profile: str = ...,
        **params: Unpack[ImportParams],
    ) -> None:
        """Make a directory; with `parents`, those above it, and none if it is there."""
    async def files_mv(self, source: str, target: str, *, profile: str = ...) -> None:
        """Move an entry: to that name, or into the directory that is there."""
    async def files_read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Read a file, or a range of it, as `cat` does."""
    async def files_rm(
        self,
        path: str,
        *,
        recursive: bool = False,
        force: bool = False,
        profile: str = ...,
    ) -> None:
        """Remove an entry."""
    async def files_stat(self, path: str = "/") -> FileStat:
        """Look at an entry."""
    async def files_touch(
        self, path: str, mtime: int, mtime_nsecs: int = 0, *, profile: str = ...
    ) -> None:
        """Set the time of change of an entry, in seconds since 1970."""
    async def files_truncate(self, path: str, size: int, *, profile: str = ...) -> None:
        """Make a file so long: cut it, or add zeros."""
    async def files_write(
        self,
        path: str,
        data: Buffer | Readable,
        offset: int | None = 0,
        *,
        create: bool = False,
        parents: bool = False,
        truncate: bool = False,
        profile: str = ...,
        **params: Unpack[ImportParams],
    ) -> None:
        """Write into a file."""
    async def gc(self, on_removed: Callable[[CID], object] | None = None) -> GcReport:
        """Remove every block that no pin and no mutable file needs."""
    async def get(
        self,
        path: IPFSPath,
        output: StrPath,
        progress: ProgressCallback | None = None,
        *,
        symlinks: Literal["inside", "any", "skip"] = "inside",
        max_bytes: int | None = None,
        max_entries: int | None = None,
    ) -> Unpacked:
        """Write a file or folder to disk, never outside `output`."""
    async def has(self, cid: CID | str) -> bool:
        """Tell whether a block is here, without reading it."""
    def iter_file(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes]:
        """Iterate over the bytes of a file, in pieces as its blocks have them."""
    async def key_export(
        self, name: str, format: KeyFormat = "libp2p-protobuf-cleartext"
    ) -> bytes:
        """Give the private key itself: whoever has it can publish under its name."""
    async def key_gen(self, name: str, type: Literal["ed25519"] = "ed25519") -> Key:
        """Make a key to publish under."""
    async def key_import(
        self, name: str, data: bytes, format: KeyFormat = "libp2p-protobuf-cleartext"
    ) -> Key:
        """Take a private key that was made elsewhere."""
    async def key_ls(self) -> list[Key]:
        """List keys: the node's own, which is called `self`, then the others by name."""
    async def key_rename(self, old: str, new: str, *, force: bool = False) -> Renamed:
        """Give a key another name."""
    async def key_rm(self, name: str) -> Key:
        """Remove a key for good; the records that it signed stay."""
    def ls(self, path: IPFSPath, *, resolve: bool = True) -> AsyncGenerator[Entry]:
        """List a directory, one entry after the other, of any size."""
    async def name_get(self, name: str = "self") -> bytes:
        """Give the newest record of a name that is known here, over or not."""
    @staticmethod
    async def name_inspect(record: bytes, *, verify: str | None = None) -> RecordInfo:
        """Read a record, wherever it is from."""
    async def name_ls(self) -> list[Published]:
        """List every name that has a record here, over or not."""
    async def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: Span = ...,
        ttl: Span | None = None,
        sequence: int | None = None,
        v1compat: bool = True,
        resolve: bool = True,
    ) -> Published:
        """Sign and keep a record of what a key's name stands for from now on."""
    async def name_put(self, name: str, record: bytes) -> Published:
        """Take a record that anyone has signed; the same once more is fine."""
    async def name_resolve(self, name: str = "self", *, recursive: bool = True) -> str:
        """Say which path a name stands for."""
    async def name_rm(self, name: str) -> None:
        """Forget the record of a name: what it leads to is no longer kept for it."""
    @overload
    def open(self, path: IPFSPath, *, buffer_bytes: None = None) -> Opening[bytes]: ...
    @overload
    def open(self, path: IPFSPath, *, buffer_bytes: int) -> Opening[bytes]: ...
    @property
    def path(self) -> str:
        """The folder, absolute."""
    @property
    def peer_id(self) -> Awaitable[str]:
        """The node's identity, `12D3KooW...`; it is made when it is first asked for."""
    async def pin_add(
        self, path: IPFSPath, *, recursive: bool = True, name: str | None = None
    ) -> CID:
        """Keep a block from collection, with all below it or alone."""
    async def pin_find(self, path: IPFSPath) -> Pin | None:
        """Say how a block is pinned, and below what; `None` if it is not."""
    def pin_ls(self, type: Literal["all"] | PinType = "all") -> AsyncGenerator[Pin]:
        """List pins one after the other, in no particular order."""
    async def pin_rm(self, path: IPFSPath, *, recursive: bool = True) -> CID:
        """Remove a pin; its blocks stay until they are collected."""
    async def pin_update(
        self, old: IPFSPath, new: IPFSPath, *, unpin: bool = True
    ) -> CID:
        """Pin `new` recursively in the place of `old`, under the same name."""
    def pin_verify(self) -> AsyncGenerator[PinCheck]:
        """Check every recursive pin: whether all its blocks are there and whole."""
    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed through this handle."""
    async def readinto(
        self, path: IPFSPath, buffer: WriteableBuffer, offset: int = 0
    ) -> int:
        """Read a range of a file into a buffer."""
    async def readlink(self, path: IPFSPath) -> str:
        """Say where a symbolic link leads. Links are data: nothing here follows them."""
    @staticmethod
    async def rebuild(
        path: StrPath | None = None, progress: ProgressCallback | None = None
    ) -> RebuildReport:
        """Make the index of a repository anew from its packs."""
    def refs(
        self,
        path: IPFSPath,
        *,
        recursive: bool = False,
        unique: bool = False,
        max_depth: int | None = None,
    ) -> AsyncGenerator[Link]:
        """Iterate over the links of a block, or of all blocks below it."""
    async def repo_stat(self) -> RepoStat:
        """Count what is here."""
    async def resolve(self, path: IPFSPath) -> CID:
        """Follow a path to its CID; nothing but the blocks on the way is read."""
    async def stat(self, path: IPFSPath) -> FileStat:
        """Look at a file, directory or link; only its first block is read."""
    async def verify(
        self, progress: ProgressCallback | None = None, *, drop_bad: bool = False
    ) -> VerifyReport:
        """Hash every block that is stored."""

class Engine(_Twin):
    async def add(
        self,
        source: StrPath | Buffer | Readable,
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str = ...,
        threads: int | None = None,
        progress: ProgressCallback | None = None,
        nocopy: bool = False,
        trust_stat: bool = True,
        entries: bool = False,
        **params: Unpack[ImportParams],
    ) -> AddResult:
        """Add a file, a folder, or bytes."""
    async def addresses(self) -> list[str]:
        """List the multiaddrs that other nodes reach this one at."""
    @property
    def agent_version(self) -> str:
        """What program this node is, as it tells others."""
    async def block_get(self, path: IPFSPath) -> bytes:
        """Read a block."""
    async def block_put(
        self,
        data: Buffer,
        codec: str = "raw",
        hash: str = "sha2-256",
        *,
        pin: bool = False,
        allow_big: bool = False,
    ) -> CID:
        """Put a block."""
    async def block_stat(self, path: IPFSPath) -> int:
        """Say how many bytes a block has."""
    async def cat(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Read a file, or a range of it."""
    async def dag_export(
        self,
        path: IPFSPath,
        output: StrPath | Writable,
        progress: ProgressCallback | None = None,
    ) -> ExportReport:
        """Write everything below a root into a CAR file."""
    async def dag_get(self, path: IPFSPath, *, output_codec: str | None = None) -> Any:
        """Read a value."""
    async def dag_import(
        self,
        source: StrPath | Readable,
        progress: ProgressCallback | None = None,
        *,
        pin_roots: bool = True,
    ) -> ImportReport:
        """Take over the blocks of a CAR file."""
    async def dag_put(
        self,
        value: Any,
        codec: str = "dag-cbor",
        *,
        input_codec: str | None = None,
        hash: str = "sha2-256",
        pin: bool = False,
    ) -> CID:
        """Put a value."""
    async def files_cp(
        self,
        source: IPFSPath,
        target: str,
        *,
        parents: bool = False,
        force: bool = False,
        profile: str = ...,
    ) -> None:
        """Put a file or directory among the mutable files."""
    async def files_flush(self, path: str = "/") -> CID:
        """Say which CID a mutable entry has now."""
    def files_ls(self, path: str = "/", *, resolve: bool = True) -> AsyncGenerator[Entry]:
        """List a mutable directory."""
    async def files_mkdir(
        self,
        path: str,
        *,
        parents: bool = False,
        profile: str = ...,
        **params: Unpack[ImportParams],
    ) -> None:
        """Make a mutable directory."""
    async def files_mv(self, source: str, target: str, *, profile: str = ...) -> None:
        """Move a mutable entry."""
    async def files_read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Read a mutable file."""
    async def files_rm(
        self,
        path: str,
        *,
        recursive: bool = False,
        force: bool = False,
        profile: str = ...,
    ) -> None:
        """Remove a mutable entry."""
    async def files_stat(self, path: str = "/") -> FileStat:
        """Look at a mutable entry."""
    async def files_touch(
        self, path: str, mtime: int, mtime_nsecs: int = 0, *, profile: str = ...
    ) -> None:
        """Set the time of change of an entry, in seconds since 1970."""
    async def files_write(
        self,
        path: str,
        data: Buffer | Readable,
        offset: int | None = 0,
        *,
        create: bool = False,
        parents: bool = False,
        truncate: bool = False,
        profile: str = ...,
        **params: Unpack[ImportParams],
    ) -> None:
        """Write into a mutable file."""
    async def gc(self, on_removed: Callable[[CID], object] | None = None) -> GcReport:
        """Remove what nothing keeps."""
    async def get(
        self,
        path: IPFSPath,
        output: StrPath,
        progress: ProgressCallback | None = None,
        *,
        symlinks: Literal["inside", "any", "skip"] = "inside",
        max_bytes: int | None = None,
        max_entries: int | None = None,
    ) -> Unpacked:
        """Write a file or folder to disk, never outside `output`."""
    async def has(self, cid: CID | str) -> bool:
        """Tell whether a block is here."""
    def iter_file(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes]:
        """Iterate over the bytes of a file."""
    async def key_gen(self, name: str, type: Literal["ed25519"] = "ed25519") -> Key:
        """Make a key."""
    async def key_ls(self) -> list[Key]:
        """List the keys."""
    async def key_rename(self, old: str, new: str, *, force: bool = False) -> Renamed:
        """Give a key another name."""
    async def key_rm(self, name: str) -> Key:
        """Remove a key."""
    @property
    def kind(self) -> str:
        """`embedded` or `kubo`."""
    def ls(self, path: IPFSPath, *, resolve: bool = True) -> AsyncGenerator[Entry]:
        """List a directory."""
    async def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: str | float = ...,
        ttl: str | float | None = None,
    ) -> Published:
        """Sign that a key's name stands for a path."""
    async def name_resolve(self, name: str, *, recursive: bool = True) -> str:
        """Follow a name to a path."""
    def open(self, path: IPFSPath) -> Opening[bytes]:
        """Open a file for reading and seeking."""
    @property
    def path(self) -> str:
        """The repository's folder."""
    @property
    def peer_id(self) -> Awaitable[str]:
        """Who this node is: the ID of its own Ed25519 key."""
    async def pin_add(
        self, path: IPFSPath, *, recursive: bool = True, name: str | None = None
    ) -> CID:
        """Keep a block, with all below it or alone."""
    async def pin_find(self, path: IPFSPath) -> Pin | None:
        """Say how a block is pinned."""
    def pin_ls(self, type: Literal["all"] | PinType = "all") -> AsyncGenerator[Pin]:
        """List pins."""
    async def pin_rm(self, path: IPFSPath, *, recursive: bool = True) -> CID:
        """Remove a pin."""
    async def resolve(self, path: IPFSPath) -> CID:
        """Follow a path to its CID."""
    async def stat(self, path: IPFSPath) -> FileStat:
        """Look at a file, directory or link."""
    async def swarm_connect(self, address: str) -> None:
        """Connect to a node."""
    async def swarm_disconnect(self, address: str) -> None:
        """Close the connection to a node."""
    async def swarm_peers(self) -> list[Peer]:
        """List the nodes that this one is connected to."""

class IpfsPy(_Twin):
    """What all operations stand on."""

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        engine: Engine | None = None,
        config: Loaded | None = None,
        cache: TieredCacheManager | None = None,
        sources: Iterable[Source] = ...,
    ) -> None: ...
    async def add(
        self,
        file_path: StrPath | Buffer | Readable | Iterable[bytes],
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
        nocopy: bool = False,
        trust_stat: bool = True,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> Result:
        """Add a file or folder, or the bytes of a file object, buffer or iterator."""
    async def add_bytes(
        self,
        data: Buffer,
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> Result:
        """Add bytes as a file."""
    async def add_directory(
        self,
        path: StrPath,
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> Result:
        """Add a folder and all below."""
    async def add_json(
        self,
        value: Any,
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> Result:
        """Add a value as a file of JSON: UTF-8, keys sorted, no spaces."""
    async def add_str(
        self,
        text: str,
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> Result:
        """Add text as a file, in UTF-8."""
    async def block_get(self, cid: IPFSPath) -> Result:
        """Read a block: `data` and `content`."""
    async def block_put(
        self, data: Buffer, *, codec: str = "raw", pin: bool = False
    ) -> Result:
        """Put a block."""
    async def block_stat(self, cid: IPFSPath) -> Result:
        """Say how many bytes a block has."""
    @property
    def cache(self) -> TieredCacheManager:
        """What was read lately."""
    async def cat(
        self,
        cid: IPFSPath,
        offset: int = 0,
        length: int | None = None,
        *,
        output: Writable | None = None,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Read a file, or a range of it."""
    async def cat_stream(
        self, cid: IPFSPath, offset: int = 0, length: int | None = None
    ) -> Result:
        """Read a file piece by piece."""
    @property
    def config(self) -> Config:
        """The settings."""
    async def dag_get(self, cid: IPFSPath) -> Result:
        """Read what a path names as a value, be it a block or something inside one."""
    async def dag_put(
        self, value: Any, *, codec: str = "dag-cbor", pin: bool = False
    ) -> Result:
        """Put a value: `None`, bool, int, float, str, bytes, list, dict, CID."""
    @property
    def engine(self) -> Engine:
        """Who keeps the blocks, pins and names."""
    async def exists(self, path: IPFSPath) -> Result:
        """Tell whether a path leads to something that is here, mutable files too."""
    async def files_cp(
        self, source: IPFSPath, dest: str, *, parents: bool = False, force: bool = False
    ) -> Result:
        """Put a file or directory at a path; no bytes are copied."""
    async def files_flush(self, path: str = "/") -> Result:
        """Say which CID an entry has now."""
    async def files_ls(self, path: str = "/") -> Result:
        """List a directory."""
    async def files_mkdir(self, path: str, *, parents: bool = False) -> Result:
        """Make a directory; with `parents`, those above it, and none if it is there."""
    async def files_mv(self, source: str, dest: str) -> Result:
        """Move an entry."""
    async def files_read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> Result:
        """Read a file, or a range of it: `content` and `data`."""
    async def files_rm(
        self, path: str, *, recursive: bool = False, force: bool = False
    ) -> Result:
        """Remove an entry; with `force`, nothing there is no error."""
    async def files_stat(self, path: str = "/") -> Result:
        """Look at an entry."""
    async def files_write(
        self,
        path: str,
        data: Buffer | Readable,
        offset: int = 0,
        *,
        create: bool = True,
        parents: bool = False,
        truncate: bool = False,
    ) -> Result:
        """Write into a file, which is made if it is not there."""
    async def gc(self) -> Result:
        """Remove every block that nothing keeps and that is older than an hour."""
    async def get(
        self,
        cid: IPFSPath,
        output_path: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Write a file or folder to disk, never outside of `output_path`."""
    async def ipfs_add_file(
        self,
        file_path: StrPath,
        *,
        pin: bool = True,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Add a file or folder."""
    async def ipfs_add_path(
        self, path: StrPath, *, pin: bool = True, progress: ProgressCallback | None = None
    ) -> Result:
        """Add a file or folder."""
    async def ipfs_add_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> Result:
        """Pin what `pin` or `cid` names, with all below."""
    async def ipfs_get(
        self,
        cid: IPFSPath,
        file_path: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Do what `get` does; the result holds `metadata` as well."""
    async def ipfs_get_pinset(self) -> Result:
        """List what is pinned directly or recursively: `pins`, types by CID."""
    async def ipfs_id(self) -> Result:
        """Say who this node is."""
    async def ipfs_ls_path(self, path: IPFSPath) -> Result:
        """List a directory, also one of the mutable files (`/a`)."""
    async def ipfs_mkdir(self, path: str, *, parents: bool = True) -> Result:
        """Make a directory and those above it."""
    async def ipfs_name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: str | float = "48h",
        ttl: str | float | None = None,
    ) -> Result:
        """Do what `name_publish` does."""
    async def ipfs_name_resolve(
        self, name: str | None = None, *, recursive: bool = True
    ) -> Result:
        """Do what `name_resolve` does."""
    async def ipfs_remove_path(self, path: IPFSPath) -> Result:
        """Remove a path: an entry of the mutable files (`/a`), or the pin of a CID."""
    async def ipfs_remove_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> Result:
        """Remove the pin of what `pin` or `cid` names."""
    async def ipfs_stat_path(self, path: IPFSPath) -> Result:
        """Look at a path, also one of the mutable files (`/a`)."""
    async def ipfs_swarm_connect(self, peer_addr: str) -> Result:
        """Connect to a node."""
    async def ipfs_swarm_disconnect(self, peer_addr: str) -> Result:
        """Close the connection to a node."""
    async def ipfs_swarm_peers(self) -> Result:
        """List the nodes that this one is connected to: `peers`, `count`."""
    async def is_valid_cid(self, cid: object) -> bool:
        """Tell whether something is exactly one CID."""
    async def key_gen(self, name: str, *, type: Literal["ed25519"] = "ed25519") -> Result:
        """Make a key: `Name`, `Id`."""
    async def key_list(self) -> Result:
        """List the keys: `Keys` and `keys`, each with `Name`, `Id`."""
    async def key_rename(self, old: str, new: str, *, force: bool = False) -> Result:
        """Give a key another name."""
    async def key_rm(self, name: str) -> Result:
        """Remove a key. What it signed cannot be changed any more."""
    async def ls(self, cid: IPFSPath) -> Result:
        """List a directory as Kubo's API does."""
    async def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: str | float = "48h",
        ttl: str | float | None = None,
    ) -> Result:
        """Sign that the name of a key stands for a path."""
    async def name_resolve(
        self, name: str | None = None, *, recursive: bool = True
    ) -> Result:
        """Follow a name; that of this node if none is given."""
    async def pin_add(
        self, cid: IPFSPath, *, recursive: bool = True, name: str | None = None
    ) -> Result:
        """Keep something from collection, with all below it or alone."""
    async def pin_ls(
        self, type: Literal["all"] | PinType = "all", *, cid: IPFSPath | None = None
    ) -> Result:
        """List pins, or say how one CID is pinned."""
    async def pin_multiple(
        self,
        cids: Iterable[IPFSPath],
        *,
        recursive: bool = True,
        correlation_id: str | None = None,
    ) -> dict[str, Any]:
        """Pin many, each by itself."""
    async def pin_rm(self, cid: IPFSPath, *, recursive: bool = True) -> Result:
        """Remove a pin; the blocks stay until they are collected."""
    async def pull(
        self,
        cid: IPFSPath,
        source: str,
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Fetch something with all below it from another node into the repository."""
    async def push(
        self,
        cid: IPFSPath,
        target: str,
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Send something with all below it to another node: what that does not have."""
    @property
    def reader(self) -> ChainReader:
        """What reads, out of the engine and every other source."""
    async def resolve(self, path: IPFSPath) -> Result:
        """Follow a path to its CID."""
    async def stat(self, path: IPFSPath) -> Result:
        """Look at a file, directory or link; only its first block is read."""

class S3Kit(_Twin):
    """Files and folders in S3-compatible stores."""

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        config: Config | None = None,
        repository: Repository | None = None,
    ) -> None: ...
    async def s3_config_to_boto(
        self, s3_config: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Give the settings as `boto3.client` takes them, secrets among them."""
    async def s3_cp_dir(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """Copy all objects below a folder to below another, and tell what they are."""
    async def s3_cp_file(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Copy an object within a bucket, and tell what the copy is."""
    async def s3_dl_dir(
        self,
        remote_path: str,
        local_path: StrPath,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> list[ObjectInfo]:
        """Download all objects below a folder."""
    async def s3_dl_file(
        self,
        remote_path: str,
        local_path: StrPath,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> ObjectInfo:
        """Download an object to a file, or into a folder that is there."""
    async def s3_download_dir(
        self,
        remote_path: str,
        local_path: StrPath,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> list[ObjectInfo]:
        """Download all objects below a folder."""
    async def s3_download_object(
        self,
        f: IO[bytes],
        bucket: str | None,
        key: str,
        s3_config: S3Config | None = None,
        progress_callback: Callable[[int], object] | None = None,
    ) -> ObjectInfo:
        """Download an object into an open file; the arguments are as above."""
    async def s3_get_object(
        self, bucket: str | None = None, key: str = "", *, s3cfg: S3Config | None = None
    ) -> bytes:
        """Give the bytes of an object."""
    async def s3_get_session(self, s3_config: Mapping[str, Any] | None = None) -> Store:
        """Give what reaches the store: `.bucket(name)` of it is obstore's `S3Store`."""
    async def s3_ls_dir(
        self,
        dir: str = "",
        bucket_name: str | None = None,
        *,
        bucket: str | None = None,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """List all objects below a folder, in the order of their keys."""
    async def s3_ls_file(
        self,
        filekey: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Look at one object."""
    async def s3_mk_dir(
        self,
        path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Make an empty folder: an object whose key ends with a slash."""
    async def s3_mv_dir(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """Copy all objects below a folder, and then remove them where they were."""
    async def s3_mv_file(
        self,
        src_path: str,
        dst_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Copy an object, and remove it where it was."""
    async def s3_put_dag(
        self,
        path: IPFSPath,
        bucket: str | None = None,
        prefix: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Upload a block of the repository with all below, as a CAR with an index."""
    async def s3_rm_dir(
        self,
        dir: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> list[ObjectInfo]:
        """Remove all objects below a folder, and tell what they were."""
    async def s3_rm_file(
        self,
        this_path: str,
        bucket: str | None = None,
        *,
        s3cfg: Mapping[str, Any] | None = None,
    ) -> ObjectInfo:
        """Remove an object, and tell what it was."""
    async def s3_ul_dir(
        self,
        local_path: StrPath,
        remote_path: str,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> list[ObjectInfo]:
        """Upload a folder with all below; empty folders too."""
    async def s3_ul_file(
        self,
        upload_file: StrPath | IO[bytes] | bytes,
        path: str,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> ObjectInfo:
        """Upload a file, an open file or bytes to a key."""
    async def s3_upload_dir(
        self,
        local_path: StrPath,
        remote_path: str,
        bucket: str | None = None,
        *,
        s3cfg: S3Config | None = None,
        progress: ProgressCallback | None = None,
    ) -> list[ObjectInfo]:
        """Upload a folder with all below; empty folders too."""
    async def s3_upload_object(
        self,
        f: IO[bytes],
        bucket: str | None,
        key: str,
        s3_config: S3Config | None = None,
        progress_callback: Callable[[int], object] | None = None,
    ) -> ObjectInfo:
        """Upload what an open file still holds."""
    async def __call__(self, method: str, /, **arguments: Any) -> Any:
        """Call a method by its name, with or without `s3_` before it."""
    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Give a method by its name without `s3_`."""

class StorachaKit(_Twin):
    """Files and folders in an upload service of Storacha, over its UCAN bridge."""

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        config: Config | None = None,
        repository: Repository | None = None,
    ) -> None: ...
    async def batch_operations(
        self,
        space: str | None,
        files: Iterable[StrPath] | None = None,
        cids: Iterable[IPFSPath] | None = None,
        *,
        correlation_id: str | None = None,
    ) -> Result:
        """Upload many, and read many, each by itself."""
    async def get_content(
        self,
        cid: IPFSPath,
        output: StrPath | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Read a file from the service's gateway, each block verified."""
    async def run_w3_command(
        self, args: str | Sequence[str], timeout: float = ...
    ) -> Result:
        """Run the program `storacha` or `w3`, if it is installed."""
    async def space_allocate(
        self, space: str | None, amount: float, unit: str = "GiB"
    ) -> Result:
        """Ask the service to set room aside."""
    async def space_info(self, space: str | None = None) -> Result:
        """Ask the service about a space: `space` and `providers`, who pays for it."""
    async def space_ls(self) -> Result:
        """List the spaces that the token lets one into, as it says; nobody is asked."""
    async def storacha_http_request(
        self,
        auth_secret: str,
        authorization: str,
        method: str,
        data: Mapping[str, Any] | None = None,
        timeout: float = ...,
        *,
        correlation_id: str | None = None,
    ) -> Result:
        """Send tasks to the bridge with headers of one's own."""
    async def store_add(
        self,
        space: str | None,
        file: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Store a CAR file as it is, and list no upload; others are packed before."""
    async def store_get(
        self,
        space: str | None,
        cid: CID | str,
        output: StrPath | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Read a CAR of a space, verified."""
    async def store_list(self, space: str | None = None) -> Result:
        """List the CARs of a space."""
    async def store_remove(self, space: str | None, cid: CID | str) -> Result:
        """Remove a CAR from a space: `cid` and `space`."""
    async def upload_add(
        self,
        space: str | None,
        file: StrPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Upload a file or folder with all below."""
    async def upload_add_https(
        self,
        space: str | None,
        file: StrPath,
        file_root: StrPath | None = None,
        shards: Sequence[CID | str] | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Upload a file or folder, or list one whose shards are there."""
    async def upload_dag(
        self,
        space: str | None,
        path: IPFSPath,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Upload a block of the kit's repository with all below, as `upload_add` does."""
    async def upload_list(self, space: str | None = None) -> Result:
        """List the uploads of a space."""
    async def upload_remove(
        self, space: str | None, cid: CID | str, *, shards: bool = False
    ) -> Result:
        """Take an upload off the list of a space."""
    async def __call__(self, method: str, /, **arguments: Any) -> Any:
        """Call a method by its name, with or without `storacha_` before it."""

class Ipget(_Twin):
    """Downloads."""

    def __init__(self, reader: ChainReader) -> None: ...
    async def ipget_download_object(
        self,
        cid: IPFSPath | None = None,
        path: StrPath | None = None,
        timeout: float = 60.0,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Download a file or folder."""
    async def test_ipget(self) -> Result:
        """Tell whether downloading works here, by a file that is whole in its CID."""

class ModelRegistry(_Twin):
    """Models by name and version, in the repository of a kit."""

    def __init__(
        self, ipfs_client: object | None = None, base_path: StrPath | None = None
    ) -> None: ...
    async def add_model(
        self,
        model: Any,
        model_name: str,
        version: str | None = None,
        framework: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        metrics: Mapping[str, Any] | None = None,
        dataset: CID | str | None = None,
        code_version: str | None = None,
        parents: Iterable[CID | str] | CID | str = ...,
        stage: str | None = None,
        allow_pickle: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Keep a model as a new version."""
    async def delete(self, model_name: str, version: str | None = None) -> Result:
        """Forget a version, or the whole model; others keep what they share with it."""
    async def delete_model(self, model_name: str, version: str | None = None) -> Result:
        """Forget a version, or the whole model; others keep what they share with it."""
    async def get_model(
        self,
        model_name: str,
        version: str | None = None,
        *,
        into: Any = None,
        output_path: StrPath | None = None,
        allow_pickle: bool = False,
        trusted: Iterable[str] = ...,
        progress: ProgressCallback | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Load a model, and say what is known of it."""
    async def get_model_cid(self, model_name: str, version: str | None = None) -> str:
        """Give the CID of the folder that a version is in."""
    async def info(self, model_name: str, version: str | None = None) -> Result:
        """Say what is known of a version: `None` for the newest, or a stage."""
    @property
    def ipns_name(self) -> Awaitable[str | None]:
        """The name under which the registry is signed, `k51...`; `None` while empty."""
    async def lineage(
        self, model_name: str, version: str | None = None, *, max_nodes: int = 1000
    ) -> Lineage:
        """Walk back through all that a version was made of."""
    async def list_models(self) -> Result:
        """List all models."""
    async def load_model(
        self,
        model_name: str,
        version: str | None = None,
        *,
        into: Any = None,
        output_path: StrPath | None = None,
        allow_pickle: bool = False,
        trusted: Iterable[str] = ...,
        progress: ProgressCallback | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Load a model, and say what is known of it."""
    async def promote(
        self, model_name: str, version: str, stage: str | None = "production"
    ) -> Result:
        """Say what a version is for from now on."""
    async def share_model(
        self,
        model_name: str,
        version: str | None = None,
        *,
        output: StrPath | None = None,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Say how others get a model, and write it into a CAR file if asked to."""
    async def store_model(
        self,
        model: Any,
        model_name: str,
        version: str | None = None,
        framework: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        metrics: Mapping[str, Any] | None = None,
        dataset: CID | str | None = None,
        code_version: str | None = None,
        parents: Iterable[CID | str] | CID | str = ...,
        stage: str | None = None,
        allow_pickle: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Keep a model as a new version."""
    async def update_model_metadata(
        self,
        model_name: str,
        version: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        replace: bool = False,
    ) -> Result:
        """Change what else is known of a version; the model itself stays as it is."""
    async def versions(self, model_name: str) -> Result:
        """List the versions of one model, oldest first."""

class DatasetManager(_Twin):
    """Datasets in a repository: added, listed, compared, checked, written to disk."""

    def __init__(
        self, ipfs_client: object | None = None, base_path: StrPath | None = None
    ) -> None: ...
    async def add_dataset(
        self,
        dataset_path: object,
        dataset_name: str,
        version: str | None = None,
        format: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        split: str | None = None,
        licence: str | None = None,
        chunker: str | None = None,
        max_shard_bytes: int = ...,
        trust_stat: bool = True,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Add a dataset, or another version of one."""
    async def delete(self, name: str, version: str | None = None) -> Result:
        """Forget a dataset, or one version of it."""
    async def diff(self, name: str, a: str | None = None, b: str | None = None) -> Result:
        """Compare two versions."""
    async def get_dataset(
        self,
        dataset_name: str,
        version: str | None = None,
        output_path: StrPath | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Write a dataset's files to disk, verified."""
    async def info(self, name: str, version: str | None = None) -> Result:
        """Tell everything of a version but the names of its files."""
    async def list_datasets(self) -> Result:
        """List the datasets that are registered, with all versions."""
    async def update(
        self,
        name: str,
        source: object,
        version: str | None = None,
        format: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        split: str | None = None,
        licence: str | None = None,
        chunker: str | None = None,
        max_shard_bytes: int = ...,
        trust_stat: bool = True,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Add a version of a dataset that is there: see `add_dataset`."""
    async def verify(
        self,
        name: str,
        version: str | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> Result:
        """Read and hash every block of a version, and none of those before it."""
    async def versions(self, name: str) -> Result:
        """List the versions of a dataset, the oldest first: `versions`, `count`."""

class IpfsKit(_Twin):
    """The kit: what a node of its role can do, behind one object."""

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        enable_libp2p: bool = False,
        enable_cluster_management: bool = False,
        enable_metadata_index: bool = False,
        *,
        config_path: StrPath | None = None,
        sources: Iterable[Source] = ...,
    ) -> None: ...
    @property
    def config(self) -> Config:
        """The settings."""
    @property
    def dataset_manager(self) -> DatasetManager:
        """Datasets by name and version, each of which is a CID."""
    @property
    def engine(self) -> Engine:
        """Who keeps the blocks, pins and names."""
    async def get_cache_manager(self) -> TieredCacheManager:
        """Give the tiered cache, as `tiered_cache` does."""
    async def get_data_loader(self, **options: Any) -> IPFSDataLoader:
        """Make a loader of datasets that reads what this kit reads, whatever is set."""
    async def get_filesystem(
        self, protocol: str = "ipfs", **options: Any
    ) -> KitFileSystem:
        """Give this node's content as an fsspec file system."""
    @property
    def ipfs(self) -> IpfsPy: ...
    async def ipfs_add_path(
        self, path: StrPath, *, pin: bool = True, progress: ProgressCallback | None = None
    ) -> Result:
        """Add a file or folder."""
    async def ipfs_add_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> Result:
        """Pin what `pin` or `cid` names, with all below."""
    @property
    def ipfs_dataloader(self) -> IPFSDataLoader:
        """Batches of a dataset, with the usual settings."""
    async def ipfs_get_config(self) -> Result:
        """Show all settings: `config`, a table by key; `***` stands for secrets."""
    async def ipfs_get_config_value(self, key: str) -> Result:
        """Show one setting: `key`, `value`, `source`; `***` stands for a secret."""
    async def ipfs_get_pinset(self) -> Result:
        """List what is pinned: `ipfs` here, `ipfs_cluster` in the cluster or `None`."""
    async def ipfs_kit_ready(self) -> Result:
        """Tell what is ready: `ready`, and `ipfs_ready`; the others are `None`."""
    async def ipfs_kit_start(self) -> Result:
        """Start what this kit manages, and say what each component does: `ipfs`."""
    async def ipfs_kit_stop(self) -> Result:
        """Stop what this kit started. The kit itself stays open: see `close`."""
    async def ipfs_pin_remote_add(
        self,
        cid: CID | str,
        service: str | None = None,
        *,
        name: str | None = None,
        origins: Iterable[str] = ...,
        meta: Mapping[str, str] | None = None,
        background: bool = True,
        timeout_seconds: float | None = None,
    ) -> Result:
        """Ask a service to pin a DAG."""
    async def ipfs_pin_remote_get(
        self, request_id: str, service: str | None = None
    ) -> Result:
        """Look at a pin of a service."""
    async def ipfs_pin_remote_ls(
        self,
        service: str | None = None,
        *,
        cids: Iterable[CID | str] = ...,
        name: str | None = None,
        match: str | None = None,
        status: Iterable[Status] = ...,
        before: Moment | None = None,
        after: Moment | None = None,
        meta: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Result:
        """List pins of a service: `pins` and `count`."""
    async def ipfs_pin_remote_replace(
        self,
        request_id: str,
        cid: CID | str,
        service: str | None = None,
        *,
        name: str | None = None,
        origins: Iterable[str] = ...,
        meta: Mapping[str, str] | None = None,
    ) -> Result:
        """Put a pin in the place of another."""
    async def ipfs_pin_remote_rm(
        self, request_id: str, service: str | None = None
    ) -> Result:
        """Remove a pin of a service: `request_id`."""
    async def ipfs_pin_remote_service_ls(self) -> Result:
        """List the services: `services`, tables of `name` and `endpoint`; `count`."""
    async def ipfs_pin_remote_wait(
        self,
        request_id: str,
        service: str | None = None,
        *,
        timeout_seconds: float | None = None,
    ) -> Result:
        """Wait until a pin of a service is pinned."""
    async def ipfs_remove_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> Result:
        """Remove the pin of what `pin` or `cid` names."""
    async def ipfs_set_config(self, new_config: Mapping[str, Any]) -> Result:
        """Write many settings, nested or with dotted keys, to the configuration file."""
    async def ipfs_set_config_value(self, key: str, value: Any) -> Result:
        """Write one setting to the configuration file: `key`, `path`."""
    @property
    def ipget(self) -> Ipget:
        """Downloads of files and folders, from wherever they can be had."""
    async def load_collection(self, cid: IPFSPath) -> Result:
        """Read a file of JSON."""
    @property
    def metadata(self) -> dict[str, Any]: ...
    @property
    def model_registry(self) -> ModelRegistry:
        """Models by name and version, with what they were made of."""
    async def name_publish(self, path: StrPath, *, key: str = "self") -> Result:
        """Add a file or folder, and publish it under the name of a key."""
    @property
    def reader(self) -> ChainReader:
        """What reads, out of the engine and every other source."""
    @property
    def role(self) -> RoleName:
        """`master`, `worker` or `leecher`."""
    @property
    def s3_kit(self) -> S3Kit:
        """Objects and folders in S3-compatible stores."""
    async def settings(self) -> dict[str, object]:
        """Give what was set, nested, as a file can hold it: with secrets."""
    @property
    def storacha_kit(self) -> StorachaKit:
        """Uploads, shards and spaces of a Storacha upload service."""
    @property
    def tiered_cache(self) -> TieredCacheManager: ...
    async def __call__(self, method: str, /, **arguments: Any) -> Any:
        """Call a method by its name."""
    def __getattr__(self, name: str) -> Any:
        """Give what is called by name; say why if a component is not there."""

class IPFSSimpleAPI(_Twin):
    """The shortest way from a file to its CID and back."""

    def __init__(self, config_path: StrPath | None = None, **settings: Any) -> None: ...
    async def add(
        self,
        content: StrPath | Buffer | Readable | Iterable[bytes],
        *,
        pin: bool = True,
        wrap_with_directory: bool = False,
        chunker: str | None = None,
        hash: str | None = None,
        profile: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Add a file or folder by its path, or bytes, a file object, an iterator."""
    async def add_file(
        self, path: StrPath, *, pin: bool = True, profile: str | None = None
    ) -> str:
        """Add a file or folder."""
    async def add_json(self, value: Any, *, pin: bool = True) -> str:
        """Add a value as a file of JSON, and return its CID."""
    async def add_str(self, text: str, *, pin: bool = True) -> str:
        """Add text as a file, in UTF-8, and return its CID."""
    async def call_extension(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call an extension."""
    async def cat(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Read a file, or a range of it."""
    @property
    def config(self) -> Config:
        """The settings."""
    async def exists(self, path: IPFSPath) -> bool:
        """Tell whether a path leads to something that is here."""
    @property
    def extensions(self) -> dict[str, Callable[..., Any]]: ...
    @overload
    async def get(self, cid: IPFSPath, output: None = None) -> bytes: ...
    @overload
    async def get(self, cid: IPFSPath, output: StrPath) -> StrPath: ...
    @property
    def kit(self) -> IpfsKit: ...
    async def list_pins(
        self, type: Literal["all"] | PinType = "all", *, quiet: bool = False
    ) -> dict[str, Any]:
        """List pins: `Keys`, a table by CID, and `count`."""
    async def load_plugin(self, given: str | Mapping[str, Any]) -> PluginBase | None:
        """Make a plugin and register its methods as `NAME.METHOD`."""
    async def ls(
        self, path: IPFSPath, *, detail: bool = True
    ) -> list[dict[str, Any]] | list[str]:
        """List a directory."""
    @overload
    def open(self, path: IPFSPath, mode: Literal["rb"] = "rb") -> Opening[bytes]: ...
    @overload
    def open(
        self, path: IPFSPath, mode: Literal["r", "rt"], encoding: str = "utf-8"
    ) -> Opening[str]: ...
    async def pin(self, cid: IPFSPath, *, recursive: bool = True) -> dict[str, Any]:
        """Keep something from collection: `pins`, `count`."""
    @property
    def plugins(self) -> dict[str, PluginBase]: ...
    async def publish(
        self,
        cid: IPFSPath,
        key: str = "self",
        lifetime: str | float = "24h",
        ttl: str | float = "1h",
    ) -> dict[str, Any]:
        """Sign that the name of a key stands for a CID: `ipns_name`, `value`."""
    async def read(self, path: IPFSPath) -> bytes:
        """Read a file."""
    async def read_text(self, path: IPFSPath, encoding: str = "utf-8") -> str:
        """Read a file as text."""
    async def register_extension(self, name: str, function: Callable[..., Any]) -> None:
        """Make a function callable as `api(name, ...)`; a newer one takes its place."""
    async def resolve(self, name: str, *, recursive: bool = True) -> dict[str, Any]:
        """Follow an IPNS name: `resolved_cid`, `path`."""
    async def save_config(self, path: StrPath) -> StrPath:
        """Write what was set into a file that only its owner can read, secrets too."""
    async def unpin(self, cid: IPFSPath, *, recursive: bool = True) -> dict[str, Any]:
        """Remove a pin: `pins`, `count`."""
    async def __call__(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the API, or an extension, by its name."""

ipfs_kit = IpfsKit
ipfs_py = IpfsPy
s3_kit = S3Kit
storacha_kit = StorachaKit
