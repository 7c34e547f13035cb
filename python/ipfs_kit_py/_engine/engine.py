"""What the kit asks of an engine, be it the embedded repository or a Kubo node.

Importing files and reading them are done by our own core whatever the engine is. What an
engine does by itself: keep blocks, pins, names and mutable files. Its methods raise, and
have the names, arguments and results of `Repository`.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol, Unpack, runtime_checkable

from ipfs_kit_py._car import Unpacked
from ipfs_kit_py._hashing import ImportParams, ProgressCallback, Readable, StrPath
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import (
    AddResult,
    Entry,
    ExportReport,
    FileStat,
    GcReport,
    ImportReport,
    IPFSFile,
    IPFSPath,
    Pin,
    PinType,
)
from ipfs_kit_py._repository.dags import Writable

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._repository.names import Key, Published, Renamed


class Peer(Protocol):
    """Another node that an engine is connected to."""

    @property
    def id(self) -> str:
        """Its peer ID."""

    @property
    def address(self) -> str:
        """Its multiaddr, without the peer ID."""


@runtime_checkable
class Engine(Protocol):
    """See above."""

    @property
    def kind(self) -> str:
        """`embedded` or `kubo`."""

    @property
    def path(self) -> str:
        """The repository's folder."""

    @property
    def peer_id(self) -> str:
        """Who this node is: the ID of its own Ed25519 key."""

    @property
    def agent_version(self) -> str:
        """What program this node is, as it tells others."""

    def addresses(self) -> list[str]:
        """List the multiaddrs that other nodes reach this one at."""

    def add(
        self,
        source: "StrPath | Buffer | Readable",
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

    def cat(self, path: IPFSPath, offset: int = 0, length: int | None = None) -> bytes:
        """Read a file, or a range of it."""

    def iter_file(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Iterate over the bytes of a file."""

    def open(self, path: IPFSPath) -> IPFSFile:
        """Open a file for reading and seeking."""

    def get(
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

    def ls(self, path: IPFSPath, *, resolve: bool = True) -> Iterator[Entry]:
        """List a directory."""

    def stat(self, path: IPFSPath) -> FileStat:
        """Look at a file, directory or link."""

    def resolve(self, path: IPFSPath) -> CID:
        """Follow a path to its CID."""

    def has(self, cid: CID | str) -> bool:
        """Tell whether a block is here."""

    def block_put(
        self,
        data: "Buffer",
        codec: str = "raw",
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
        *,
        pin: bool = False,
        allow_big: bool = False,
    ) -> CID:
        """Put a block."""

    def block_get(self, path: IPFSPath) -> bytes:
        """Read a block."""

    def block_stat(self, path: IPFSPath) -> int:
        """Say how many bytes a block has."""

    def dag_put(
        self,
        value: Any,  # noqa: ANN401 - whatever the codec can hold
        codec: str = "dag-cbor",
        *,
        input_codec: str | None = None,
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
        pin: bool = False,
    ) -> CID:
        """Put a value."""

    def dag_get(self, path: IPFSPath, *, output_codec: str | None = None) -> Any:  # noqa: ANN401
        """Read a value."""

    def dag_export(
        self,
        path: IPFSPath,
        output: StrPath | Writable,
        progress: ProgressCallback | None = None,
    ) -> ExportReport:
        """Write everything below a root into a CAR file."""

    def dag_import(
        self,
        source: StrPath | Readable,
        progress: ProgressCallback | None = None,
        *,
        pin_roots: bool = True,
    ) -> ImportReport:
        """Take over the blocks of a CAR file."""

    def pin_add(
        self, path: IPFSPath, *, recursive: bool = True, name: str | None = None
    ) -> CID:
        """Keep a block, with all below it or alone."""

    def pin_rm(self, path: IPFSPath, *, recursive: bool = True) -> CID:
        """Remove a pin."""

    def pin_ls(self, type: Literal["all"] | PinType = "all") -> Iterator[Pin]:  # noqa: A002
        """List pins."""

    def pin_find(self, path: IPFSPath) -> Pin | None:
        """Say how a block is pinned."""

    def gc(self, on_removed: Callable[[CID], object] | None = None) -> GcReport:
        """Remove what nothing keeps."""

    def files_cp(
        self,
        source: IPFSPath,
        target: str,
        *,
        parents: bool = False,
        force: bool = False,
        profile: str = ...,
    ) -> None:
        """Put a file or directory among the mutable files."""

    def files_mkdir(
        self,
        path: str,
        *,
        parents: bool = False,
        profile: str = ...,
        **params: Unpack[ImportParams],
    ) -> None:
        """Make a mutable directory."""

    def files_mv(self, source: str, target: str, *, profile: str = ...) -> None:
        """Move a mutable entry."""

    def files_rm(
        self,
        path: str,
        *,
        recursive: bool = False,
        force: bool = False,
        profile: str = ...,
    ) -> None:
        """Remove a mutable entry."""

    def files_write(
        self,
        path: str,
        data: "Buffer | Readable",
        offset: int | None = 0,
        *,
        create: bool = False,
        parents: bool = False,
        truncate: bool = False,
        profile: str = ...,
        **params: Unpack[ImportParams],
    ) -> None:
        """Write into a mutable file."""

    def files_read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read a mutable file."""

    def files_stat(self, path: str = "/") -> FileStat:
        """Look at a mutable entry."""

    def files_ls(self, path: str = "/", *, resolve: bool = True) -> Iterator[Entry]:
        """List a mutable directory."""

    def files_touch(
        self,
        path: str,
        mtime: int,
        mtime_nsecs: int = 0,
        *,
        profile: str = ...,
    ) -> None:
        """Set the time of change of an entry, in seconds since 1970."""

    def files_flush(self, path: str = "/") -> CID:
        """Say which CID a mutable entry has now."""

    def key_gen(self, name: str, type: Literal["ed25519"] = "ed25519") -> "Key":  # noqa: A002 - Kubo's name
        """Make a key."""

    def key_ls(self) -> "list[Key]":
        """List the keys."""

    def key_rename(self, old: str, new: str, *, force: bool = False) -> "Renamed":
        """Give a key another name."""

    def key_rm(self, name: str) -> "Key":
        """Remove a key."""

    def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: str | float = ...,
        ttl: str | float | None = None,
    ) -> "Published":
        """Sign that a key's name stands for a path."""

    def name_resolve(self, name: str, *, recursive: bool = True) -> str:
        """Follow a name to a path."""

    def swarm_peers(self) -> list[Peer]:
        """List the nodes that this one is connected to."""

    def swarm_connect(self, address: str) -> None:
        """Connect to a node."""

    def swarm_disconnect(self, address: str) -> None:
        """Close the connection to a node."""

    def close(self) -> None:
        """Let go of everything; closing twice is no error."""
