"""Types of the Rust core."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, TypeAlias, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from typing_extensions import Buffer

__version__: str
DEBUG_BUILD: bool

_StrPath: TypeAlias = str | PathLike[str]
_Progress: TypeAlias = Callable[[int, int], object] | None

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
