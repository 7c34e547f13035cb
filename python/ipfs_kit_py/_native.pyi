"""Types of the Rust core."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from typing_extensions import Buffer, disjoint_base

__version__: str
DEBUG_BUILD: bool

_StrPath: TypeAlias = str | PathLike[str]
_Progress: TypeAlias = Callable[[int, int], object] | None
_Path: TypeAlias = str | CID | tuple[CID, list[str]]
_Kind: TypeAlias = Literal["file", "directory", "symlink", "metadata"]
_Key: TypeAlias = tuple[str, str]
_Says: TypeAlias = tuple[str, int, tuple[int, int], int | None]
_PinType: TypeAlias = Literal["recursive", "direct", "indirect"]
_CacheKey: TypeAlias = str | bytes | CID
_Batch: TypeAlias = tuple[
    list[Block] | None,
    tuple[PrivateBlock, list[int]] | None,
    list[tuple[int, Exception]],
]
_T = TypeVar("_T")

@final
class CID:
    """A content identifier, from its text, its bytes, or another one.

    Two CIDs are equal if their bytes are: version, codec, hash and digest. They are
    ordered by their bytes.
    """

    def __new__(cls, value: str | Buffer | CID) -> CID: ...
    @classmethod
    def from_multihash(
        cls, multihash: Buffer, *, version: int = 1, codec: str = "raw"
    ) -> CID:
        """Build a CID from its parts."""
    @property
    def version(self) -> int: ...
    @property
    def codec(self) -> str:
        """Name of the codec, or its code as `0x...` if it has none here."""
    @property
    def codec_code(self) -> int: ...
    @property
    def hash_name(self) -> str:
        """Name of the hash function, or its code as `0x...` if it has none here."""
    @property
    def hash_code(self) -> int: ...
    @property
    def multihash(self) -> bytes: ...
    @property
    def digest(self) -> bytes: ...
    def to_v0(self) -> CID: ...
    def to_v1(self) -> CID: ...
    def encode(self, base: str | None = None) -> str: ...
    def verify(self, data: Buffer) -> bool:
        """Whether this CID names exactly these bytes."""
    def __bytes__(self) -> bytes: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __lt__(self, other: CID, /) -> bool: ...
    def __le__(self, other: CID, /) -> bool: ...
    def __gt__(self, other: CID, /) -> bool: ...
    def __ge__(self, other: CID, /) -> bool: ...
    def __reduce__(self) -> tuple[type[CID], tuple[bytes]]: ...

@final
class CIDColumn:
    """The CIDs of many buffers, kept as one array of digests.

    Indexing and iterating make `CID` objects; `strings()`, `digests` and `to_arrow()`
    give all of them at once without. A buffer of shape (n, digest length) itself.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> CID: ...
    def __iter__(self) -> Iterator[CID]: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def strings(self) -> list[str]:
        """List the CIDs as text."""
    @property
    def digests(self) -> NDArray[np.uint8]:
        """The digests as a numpy array of shape (n, digest length), not copied."""
    def to_arrow(self) -> pa.LargeStringArray:
        """The CIDs as text in an Arrow array."""

@final
class TreeEntries:
    """Iterates once over what stands below a root, by path: (path, CID, tsize)."""

    def __iter__(self) -> TreeEntries: ...
    def __next__(self) -> tuple[str, CID, int]: ...

def cid_of(data: Buffer, codec: str = "raw", hash: str = "sha2-256") -> CID:
    """Compute the CIDv1 of one buffer's bytes."""

def cids_of(
    buffers: Iterable[Buffer]
    | NDArray[np.uint8]
    | tuple[Buffer | NDArray[np.uint8], Buffer | NDArray[np.integer[Any]]],
    codec: str = "raw",
    hash: str = "sha2-256",
    threads: int | None = None,
) -> CIDColumn:
    """Compute the CIDs, version 1, of many buffers."""

def hash_path(
    path: _StrPath,
    profile: str,
    threads: int | None,
    progress: _Progress,
    params: Mapping[str, Any],
    *,
    entries: bool = False,
) -> tuple[CID, int, TreeEntries | None]:
    """Hash the file or folder at a path; the result is (CID, tsize, entries or None)."""

def hash_stream(
    source: object,
    name: str | None,
    profile: str,
    threads: int | None,
    progress: _Progress,
    params: Mapping[str, Any],
) -> tuple[CID, int]:
    """Hash what a Python object with `read(n)` gives; the result is (CID, tsize)."""

def hash_paths(
    paths: list[_StrPath],
    profile: str,
    threads: int | None,
    progress: _Progress,
    params: Mapping[str, Any],
) -> list[CID | BaseException]:
    """Hash many files; the result holds a CID or an exception for each."""

@final
class CarReader:
    """Iterates over the verified blocks of a CAR file: (CID, bytes)."""

    def __new__(cls, path: _StrPath) -> CarReader: ...
    @property
    def roots(self) -> list[CID]:
        """The roots that the file's header names."""
    def __iter__(self) -> CarReader: ...
    def __next__(self) -> tuple[CID, bytes]: ...

def car_pack(
    path: _StrPath,
    output: _StrPath,
    profile: str,
    threads: int | None,
    progress: _Progress,
    params: Mapping[str, Any],
    *,
    version: int = 1,
) -> CID:
    """Import a file or folder into a CAR file; the result is the root."""

def car_stream(
    source: object,
    profile: str,
    threads: int | None,
    progress: _Progress,
    params: Mapping[str, Any],
    entries: bool,
) -> Stream[bytes | tuple[CID, int, TreeEntries | None]]:
    """Iterate over a CAR of a file, folder, buffer or reader as it is made.

    It names no root: the last item is (CID, tsize, entries). The report is
    [files, bytes of files, blocks, bytes of blocks].
    """

def car_roots(path: _StrPath) -> list[CID]:
    """List the roots of a CAR file."""

def car_verify(
    path: _StrPath, progress: _Progress
) -> tuple[int, list[CID], int, int, int, list[CID]]:
    """Check every block of a CAR file, and whether all that its roots need is there.

    The result is (version, roots, blocks, bytes, missing count, missing CIDs, at most
    100).
    """

def car_unpack(
    path: _StrPath,
    output: _StrPath,
    progress: _Progress,
    *,
    symlinks: str = "inside",
    max_bytes: int | None = None,
    max_entries: int | None = None,
) -> tuple[int, int]:
    """Write what a CAR file's roots name to files; the result is (entries, bytes)."""

def cid_codecs() -> list[tuple[str, int]]:
    """List the content codecs by name and code."""

def hash_functions() -> list[tuple[str, int, int]]:
    """List the hash functions by name, code and digest length in bytes (0: any)."""

def multibases() -> list[tuple[str, str]]:
    """List the multibases by name and prefix."""

def sha256_kernel() -> str:
    """Name the kernel that computes sha2-256 of many messages here."""

def multihash_encode(
    data: Buffer, hash: str = "sha2-256", length: int | None = None
) -> bytes:
    """Compute a multihash."""

def multihash_decode(multihash: Buffer) -> tuple[int, bytes]:
    """Take a multihash apart: (code, digest)."""

def multiaddr_parts(text: str) -> list[tuple[str, str | None]]:
    """Split a multiaddr's text into (protocol, value) pairs."""

def multiaddr_to_bytes(text: str) -> bytes:
    """Encode a multiaddr's text."""

def multiaddr_from_bytes(bytes: Buffer) -> str:
    """Print a binary multiaddr."""

def error_codes() -> list[str]:
    """List the codes that exceptions raised here can carry."""

@final
class Block:
    """Bytes that lie where the repository has them, as a read-only buffer.

    They stay readable as long as this lives, whatever becomes of the repository.
    """

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class PrivateBlock:
    """Bytes of a file in memory of the caller's own, as a buffer that may be written to.

    What is written to changes nothing else; the rest lies where the repository has it.
    """

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Draft:
    """Memory for a block, written to until `verified_blocks` makes a block of it."""

    def __new__(cls, size: int) -> Self: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Hold:
    """Keeps what is added to a repository from being collected, until it lets go."""

    def __new__(cls, repository: Repository) -> Self: ...
    def release(self) -> None: ...

@disjoint_base
class ARCache:
    """Values in memory under a bound in bytes, by the ARC policy."""

    def __new__(
        cls, maxsize: int, *, shards: int = 1, max_item: int | None = None
    ) -> Self: ...
    @property
    def maxsize(self) -> int: ...
    @property
    def max_item(self) -> int: ...
    @property
    def shards(self) -> int: ...
    @property
    def current_size(self) -> int: ...
    def get(self, key: _CacheKey, default: Any = None, *, scan: bool = False) -> Any: ...  # noqa: ANN401 - the object that was put
    def peek(self, key: _CacheKey) -> Any: ...  # noqa: ANN401 - the object that was put
    def put(self, key: _CacheKey, value: Buffer, *, scan: bool = False) -> bool: ...
    def pin(self, key: _CacheKey) -> bool: ...
    def unpin(self, key: _CacheKey) -> bool: ...
    def remove(self, key: _CacheKey) -> bool: ...
    def contains(self, key: _CacheKey) -> bool: ...
    def __contains__(self, key: _CacheKey, /) -> bool: ...
    def __len__(self) -> int: ...
    def evict(self, bytes: int) -> int: ...
    def clear(self) -> None: ...
    def place(self, key: _CacheKey) -> str | None: ...
    def keys(self, place: str) -> list[str | bytes]: ...
    def numbers(
        self,
    ) -> tuple[
        tuple[int, ...], tuple[int, ...], float, tuple[int, int], tuple[int, ...]
    ]: ...

@disjoint_base
class DiskCache:
    """Blocks and values in a folder of bounded size."""

    def __new__(
        cls, directory: _StrPath, size_limit: int, *, verify: str = "first"
    ) -> Self: ...
    @property
    def state(self) -> tuple[str, str | None]: ...
    @property
    def max_item(self) -> int: ...
    def get_view(self, key: _CacheKey) -> Block | None: ...
    def put_value(self, key: _CacheKey, value: Buffer, metadata: bytes) -> bool: ...
    def metadata_bytes(self, key: _CacheKey) -> bytes | None: ...
    def contains(self, key: _CacheKey) -> bool: ...
    def __contains__(self, key: _CacheKey, /) -> bool: ...
    def remove(self, key: _CacheKey) -> bool: ...
    def get_block(self, cid: CID | str) -> Block | None: ...
    def put_block(
        self, cid: CID | str, data: Buffer, *, verified: bool = False
    ) -> bool: ...
    def clear(self) -> bool: ...
    def items(self) -> list[tuple[str | bytes | CID, int, str, float]]: ...
    def numbers(self) -> dict[str, int]: ...
    def close(self) -> None: ...

@final
class Plan:
    """Values kept by the order in which they will be read."""

    def __new__(cls, order: Sequence[_CacheKey], capacity: int) -> Plan: ...
    def __contains__(self, key: _CacheKey, /) -> bool: ...
    def holds(self, key: _CacheKey) -> bool: ...
    def get(self, key: _CacheKey) -> Any: ...  # noqa: ANN401 - what was put
    def put(self, key: _CacheKey, value: Buffer) -> bool: ...
    def upcoming(self, readings: int) -> list[str | bytes]: ...
    def numbers(self) -> tuple[int, int, int, int]:
        """Readings that are left, bytes held, hits, misses."""
    def end(self) -> list[tuple[str | bytes, Any]]: ...

@final
class Order:
    """Which sample comes at which place of an epoch."""

    def __new__(
        cls,
        length: int,
        key: bytes | None = None,
        *,
        block: int | None = None,
        block_ends: Sequence[int] | None = None,
        window: int = 1,
    ) -> Order: ...
    def __len__(self) -> int: ...
    def take(self, start: int, stop: int) -> bytes:
        """The samples at some places, as 64-bit numbers in the machine's byte order."""

@final
class Samples:
    """Where the bytes of samples lie."""

    @staticmethod
    def folder(core: Repository | Chain, path: _Path) -> Samples: ...
    @staticmethod
    def of(cids: Sequence[CID | str]) -> Samples: ...
    @staticmethod
    def ranges(
        files: Sequence[CID | str], file_of: Buffer, starts: Buffer, ends: Buffer
    ) -> Samples: ...
    def pick(self, numbers: Sequence[int]) -> Samples: ...
    def read(
        self, core: Repository | Chain, samples: Buffer, *, packed: bool = False
    ) -> _Batch: ...
    def __len__(self) -> int: ...
    def cid(self, sample: int) -> CID | None: ...
    def path(self, sample: int) -> str | None: ...
    def paths(self) -> list[str]: ...
    def sizes(self) -> bytes | None: ...

@final
class Feed:
    """Reads batches of samples ahead."""

    def __new__(
        cls,
        core: Repository | Chain,
        samples: Samples,
        *,
        ahead_bytes: int,
        threads: int | None = None,
    ) -> Feed: ...
    def push(self, samples: Buffer, *, packed: bool = False) -> None: ...
    @property
    def waiting(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def next(self) -> _Batch | None:
        """Views of samples, or one block and where each ends; what failed, and why."""
    def serve(self) -> None: ...
    def close(self) -> None: ...

@final
class CancelToken:
    """Stops, from any thread, the native calls made inside `with token:`.

    They raise `CancelledError` within about 50 ms, and so does whatever begins there
    later. An inner token does not shield from an outer one.
    """

    def __new__(cls) -> CancelToken: ...
    def cancel(self) -> None:
        """Stop what runs inside it, and whatever begins there later."""
    @property
    def cancelled(self) -> bool: ...
    def __enter__(self) -> CancelToken: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...

@final
class Stream(Generic[_T]):
    """Iterates once over what a thread of the core finds."""

    def __iter__(self) -> Stream[_T]: ...
    def __next__(self) -> _T: ...
    @property
    def report(self) -> list[int] | None:
        """The numbers that the work ended with; `None` before its end."""

@final
class Repository:
    """A repository in a folder."""

    def __new__(
        cls,
        path: _StrPath,
        *,
        writing: str = "create",
        verify: str = "first",
        max_bytes: int | None = None,
        threads: int | None = None,
        clock_offset: int = 0,
        pack_bytes: int | None = None,
        pack_blocks: int | None = None,
        pause_before_commit: float = 0.0,
    ) -> Repository: ...
    @property
    def path(self) -> Path:
        """The folder, absolute."""
    @property
    def closed(self) -> bool: ...
    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed through it."""
    def close(self) -> None:
        """Let go of it; files and streams that are open keep what they need."""

@final
class Chain:
    """Where reads find blocks: a repository, the disk tier, and what Python fetches.

    `fetch` and `resolve` are called by the thread that reads.
    """

    def __new__(
        cls,
        fetch: Callable[[list[CID]], Sequence[Block | None]],
        resolve: Callable[[str, list[str]], str],
        *,
        repository: Repository | None = None,
        mapped: bool = True,
    ) -> Chain: ...
    def set_disk(self, disk: DiskCache) -> None:
        """Ask a disk cache too, from now on; the first one that is given stays."""

_Core: TypeAlias = Repository | Chain

def verified_blocks(cids: Sequence[CID], data: Sequence[Buffer]) -> list[Block | None]:
    """Make blocks of what a source gave; `None` for those that have not their hashes.

    Drafts become their blocks; all else is copied.
    """

@final
class FileReader:
    """A file of a repository, open for reading at any offset."""

    def __new__(cls, core: _Core, path: _Path) -> FileReader: ...
    @property
    def cid(self) -> CID: ...
    @property
    def size(self) -> int: ...
    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Read a range as bytes; to the end without a length."""
    def readinto(self, buffer: Buffer, offset: int = 0) -> int:
        """Read into a buffer from an offset on; the result is how many bytes."""
    def views(self, offset: int = 0, length: int | None = None) -> list[Block]:
        """The bytes of a range in pieces, where they lie."""
    def missing(self, offset: int, length: int, max_bytes: int) -> list[CID]:
        """Blocks of a range that are not in this process, in the order of the file."""
    def view(self, offset: int = 0, length: int | None = None) -> Block:
        """The bytes of a range as one view, where they lie if that can be."""
    def private(self, offset: int = 0, length: int | None = None) -> PrivateBlock:
        """The same as memory of the caller's own, that may be written to."""

@final
class TarMembers:
    """Lists the regular files of a tar archive; their data is not read."""

    def __new__(cls, reader: FileReader) -> TarMembers: ...
    def next(
        self, most_bytes: int
    ) -> tuple[list[tuple[bytes, int, int]], int, int] | None:
        """The next (name, start, stop), and where the heads began and ended."""

def repo_read_ranges(
    reader: FileReader, starts: Sequence[int], ends: Sequence[int]
) -> list[bytes]:
    """Read ranges of a file, each from its start to its end."""

def check_cancelled() -> None:
    """Raise `CancelledError` if the calling thread is inside a token that says so."""

def before_fork() -> None: ...
def after_fork_in_parent() -> None: ...
def after_fork_in_child() -> None: ...
def split_path(path: _Path) -> tuple[CID | str, list[str]]:
    """Split a path into its root, a CID or an IPNS name, and the names below it."""

def split_files_path(path: str) -> list[str]:
    """Split a path of mutable files into names."""

def ipld_encode(value: object, codec: str) -> bytes:
    """Encode a value: `None`, bool, int, float, str, bytes, list, dict, CID."""

def http_chunks(buffer: bytes, at: int) -> tuple[bytes, int]:
    """Join what the whole chunks from a place on hold: (content, place behind them).

    It ends before one that is not all here, one with an extension, and the last one.
    """

def ipld_decode(data: Buffer, codec: str) -> Any:  # noqa: ANN401 - what it holds
    """Decode a block's bytes into a value."""

def repo_add(
    repository: Repository,
    source: object,
    profile: str,
    threads: int | None,
    progress: _Progress,
    params: Mapping[str, Any],
    *,
    pin: bool,
    name: str | None = None,
    file_name: str | None = None,
    nocopy: bool = False,
    trust_stat: bool = True,
    entries: bool = False,
) -> tuple[CID, int, tuple[int, int, int, int, int, int, int, int], TreeEntries | None]:
    """Import a path, a buffer or what an object with `read` gives.

    The result is (CID, tsize, numbers, entries or None); the numbers are files, bytes,
    new blocks, new bytes, known blocks, known bytes, unchanged files, unchanged bytes.
    """

def repo_put(
    repository: Repository,
    buffers: Iterable[Buffer],
    codec: str = "raw",
    hash: str = "sha2-256",
    *,
    pin: bool = False,
    allow_big: bool = False,
) -> list[CID]:
    """Put blocks, all in one commit."""

def repo_get(core: _Core, cid: _Path) -> bytes | None: ...
def repo_view(core: _Core, cid: _Path) -> Block | None: ...
def repo_view_many(core: _Core, cids: Sequence[_Path]) -> list[Block | None]: ...
def repo_has(repository: Repository, cid: _Path) -> bool: ...
def repo_remove(
    repository: Repository, cids: Sequence[_Path], *, force: bool = False
) -> int:
    """Remove blocks; those in use are an error, before any is removed."""

def repo_remove_each(
    repository: Repository, cids: Sequence[_Path], *, force: bool = False
) -> list[tuple[CID, Exception | None]]:
    """Remove each of these blocks for itself: (CID, what is in the way), in order."""

def repo_blocks(repository: Repository) -> Stream[CID]: ...
def repo_resolve(core: _Core, path: _Path) -> tuple[CID, list[str], str]:
    """Follow a path: (last block, what is left, `block`, `value` or `symlink`)."""

def repo_file_stat(
    core: _Core, path: _Path
) -> tuple[CID, _Kind, int, int, int, int | None, tuple[int, int] | None]:
    """Read what a node says of itself.

    The result is (CID, kind, size, cumulative size, links, mode, mtime).
    """

def repo_readlink(core: _Core, path: _Path) -> str: ...
def repo_ls(
    core: _Core, path: _Path, *, resolve: bool = True
) -> Stream[tuple[str, CID, int, _Kind | None, int | None]]:
    """Iterate over a directory: (name, CID, tsize, kind, size)."""

def repo_refs(
    core: _Core,
    path: _Path,
    *,
    max_depth: int | None = None,
    unique: bool = False,
) -> Stream[tuple[CID, CID, str, int]]:
    """Iterate over links: (from, to, name, depth)."""

def repo_extract(
    core: _Core,
    path: _Path,
    output: _StrPath,
    progress: _Progress,
    *,
    symlinks: str = "inside",
    max_bytes: int | None = None,
    max_entries: int | None = None,
) -> tuple[int, int]:
    """Write what a path names to files; the result is (entries, bytes)."""

def repo_import_car(
    repository: Repository,
    source: object,
    progress: _Progress,
    *,
    pin_roots: bool = True,
) -> tuple[list[CID], int, int]:
    """Put the blocks of a CAR, each checked: (roots, blocks, bytes)."""

def repo_export_car(core: _Core, path: _Path) -> Stream[bytes]:
    """Iterate over the bytes of a CAR; the report is [blocks, bytes of blocks]."""

def repo_dag_stat(
    core: _Core, paths: Sequence[_Path], progress: _Progress
) -> tuple[list[tuple[CID, int, int]], int, int]:
    """Count the blocks and bytes below roots: of each, and of all of them together."""

def repo_pin(
    repository: Repository,
    path: _Path,
    *,
    recursive: bool = True,
    name: str | None = None,
) -> CID: ...
def repo_pull(
    repository: Repository,
    core: _Core,
    path: _Path,
    progress: _Progress,
    *,
    pin: bool = True,
    name: str | None = None,
) -> tuple[CID, int, int, int, int]:
    """Put all below a path into it: (CID, blocks, bytes, new blocks, new bytes)."""

def repo_unpin(repository: Repository, path: _Path, *, recursive: bool = True) -> CID: ...
def repo_pin_update(
    repository: Repository, old: _Path, new: _Path, *, unpin: bool = True
) -> tuple[CID, CID]: ...
def repo_pins(
    repository: Repository, after: _Path | None, limit: int
) -> list[tuple[CID, bool, str | None]]:
    """List pins by key, at most `limit` behind a given one: (CID, recursive, name)."""

def repo_pinned(
    repository: Repository, cid: _Path
) -> tuple[_PinType, str | None, CID] | None:
    """How a block is pinned: (type, name, root)."""

def repo_indirect_pins(repository: Repository) -> Stream[CID]: ...
def repo_first_missing(repository: Repository, cid: _Path) -> CID | None: ...
def repo_identity(repository: Repository) -> tuple[str, str, bytes]:
    """The node's own key: (peer ID, IPNS name, public key)."""

def repo_key_gen(repository: Repository, name: str) -> _Key: ...
def repo_key_ls(repository: Repository) -> list[_Key]: ...
def repo_key_rename(
    repository: Repository, old: str, new: str, *, force: bool = False
) -> tuple[_Key, bool]: ...
def repo_key_rm(repository: Repository, name: str) -> _Key: ...
def repo_key_import(
    repository: Repository, name: str, data: Buffer, format: str
) -> _Key: ...
def repo_key_export(repository: Repository, name: str, format: str) -> bytes: ...
def repo_name_publish(
    repository: Repository,
    path: _Path,
    key: str,
    *,
    lifetime_ns: int,
    ttl_ns: int,
    sequence: int | None = None,
    v1compat: bool = True,
    resolve: bool = True,
) -> tuple[str, _Says]: ...
def repo_name_resolve(
    repository: Repository, name: str, *, recursive: bool = True
) -> str: ...
def repo_name_get(repository: Repository, name: str) -> bytes | None: ...
def repo_name_put(
    repository: Repository, name: str, record: Buffer
) -> tuple[str, _Says]: ...
def repo_name_rm(repository: Repository, name: str) -> bool: ...
def repo_name_ls(repository: Repository) -> list[tuple[str, _Says]]: ...
def ipns_name(text: str) -> tuple[str, str, bytes | None]:
    """Read a name in any spelling: (peer ID, IPNS name, public key if it holds it)."""

def ipns_sign(
    key: Buffer,
    value: str,
    sequence: int,
    until: str,
    ttl: int,
    *,
    v1compat: bool = True,
) -> bytes:
    """Make a record, and keep it nowhere."""

def ipns_inspect(
    record: Buffer, name: str | None = None
) -> tuple[_Says, str, int, bool, bytes | None, str | None]:
    """Read a record: (says, end, bytes, whether V1 too, key, why not the name's)."""

def repo_files_root(repository: Repository, profile: str) -> CID:
    """The root of the mutable files; one is made if there is none yet."""

def repo_files_find(repository: Repository, path: list[str]) -> CID | None: ...
def repo_files_mkdir(
    repository: Repository,
    path: list[str],
    profile: str,
    params: Mapping[str, Any],
    *,
    parents: bool = False,
) -> CID: ...
def repo_files_link(
    repository: Repository,
    source: _Path | list[str],
    path: list[str],
    profile: str,
    *,
    parents: bool = False,
    replace: bool = False,
) -> CID: ...
def repo_files_unlink(
    repository: Repository, path: list[str], profile: str, *, recursive: bool = False
) -> CID: ...
def repo_files_rename(
    repository: Repository, source: list[str], target: list[str], profile: str
) -> CID: ...
def repo_files_write(
    repository: Repository,
    path: list[str],
    data: object,
    profile: str,
    params: Mapping[str, Any],
    *,
    offset: int | None = None,
    create: bool = False,
    parents: bool = False,
    truncate: bool = False,
) -> CID: ...
def repo_files_apply(
    repository: Repository,
    steps: Sequence[tuple[str, *tuple[Any, ...]]],
    profile: str,
) -> CID:
    """Make changes in their order; all of them are visible at once, or none."""

def repo_files_resize(
    repository: Repository, path: list[str], size: int, profile: str
) -> CID: ...
def repo_files_attributes(
    repository: Repository,
    path: list[str],
    profile: str,
    *,
    mode: int | None = None,
    mtime: tuple[int, int] | None = None,
) -> CID: ...
def repo_stat(
    repository: Repository,
) -> tuple[int, int, int, int, int, int, int, int, int | None]: ...
def repo_gc(repository: Repository) -> Stream[CID]:
    """Remove what nothing keeps; the report is [blocks, bytes, bytes given back]."""

def repo_verify(
    repository: Repository, progress: _Progress, *, drop_bad: bool = False
) -> tuple[int, int, list[tuple[CID | None, Path, str]], bool]:
    """Hash every block: (blocks, bytes, bad places, whether dropped)."""

def repo_compact(repository: Repository, progress: _Progress) -> int: ...
def repo_rebuild(
    path: _StrPath, progress: _Progress
) -> tuple[int, int, int, int, list[str]]:
    """Make an index anew: (packs, blocks, pins kept, roots pinned, damage)."""
