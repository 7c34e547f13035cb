"""CAR files: pack files and folders, list and verify blocks, unpack."""

import os
from collections.abc import Iterator
from typing import Literal, NamedTuple, Unpack

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import (
    DEFAULT_PROFILE,
    ImportParams,
    ProgressCallback,
    StrPath,
)
from ipfs_kit_py._native import CID


class CarBlock(NamedTuple):
    """A block of a CAR file, verified."""

    cid: CID
    data: bytes


class CarReport(NamedTuple):
    """What is in a CAR file, all of whose blocks match their CIDs."""

    version: int
    """1 or 2."""
    roots: list[CID]
    """What its header names."""
    blocks: int
    """How many blocks it holds."""
    bytes: int
    """Bytes of all blocks."""
    missing_blocks: int
    """Blocks that its roots or its blocks link to and that are not in it."""
    missing: list[CID]
    """The first hundred of them."""

    @property
    def is_complete(self) -> bool:
        """Whether everything that its roots need is there."""
        return self.missing_blocks == 0


class Unpacked(NamedTuple):
    """What was written to disk."""

    entries: int
    """Files, folders and links."""
    bytes: int
    """Bytes of all files."""


def car_pack(
    path: StrPath,
    output: StrPath,
    profile: str = DEFAULT_PROFILE,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
    *,
    version: Literal[1, 2] = 1,
    **params: Unpack[ImportParams],
) -> CID:
    """Import a file or folder into a CAR file.

    Blocks come children first, each once, in the same order on every machine. The output
    appears when it is whole; what stood there before is replaced.

    Args:
        path: The file or folder.
        output: The CAR file to write.
        profile: As for `hash_file`.
        threads: As for `hash_file`.
        progress: As for `hash_file`.
        version: 1, or 2 for a CAR with an index.
        **params: Single parameters, see `ImportParams`.

    Returns:
        The root, which the CAR names.

    Raises:
        IPFSError: As `hash_file` and `hash_tree`.
        FileIOError: The output cannot be written.
    """
    return _native.car_pack(
        os.fspath(path),
        os.fspath(output),
        profile,
        threads,
        progress,
        params,
        version=version,
    )


def car_roots(path: StrPath) -> list[CID]:
    """List the roots of a CAR file.

    Raises:
        MalformedDataError: It is no CAR file.
    """
    return _native.car_roots(os.fspath(path))


def car_blocks(path: StrPath) -> Iterator[CarBlock]:
    """Iterate over the blocks of a CAR file, each checked against its CID.

    Raises:
        MalformedDataError: The file is no CAR, or ends too early.
        IntegrityError: A block is not what its CID names.
        LimitExceededError: A block is over 2 MiB.
    """
    for cid, data in _native.CarReader(os.fspath(path)):
        yield CarBlock(cid, data)


def car_verify(path: StrPath, progress: ProgressCallback | None = None) -> CarReport:
    """Check every block of a CAR file, and whether all that its roots need is there.

    Memory grows with the number of blocks: about 300 bytes each.

    Raises:
        IPFSError: As `car_blocks`.
    """
    return CarReport(*_native.car_verify(os.fspath(path), progress))


def car_unpack(
    path: StrPath,
    output: StrPath,
    progress: ProgressCallback | None = None,
    *,
    symlinks: Literal["inside", "any", "skip"] = "inside",
    max_bytes: int | None = None,
    max_entries: int | None = None,
) -> Unpacked:
    """Write what a CAR file's roots name to files.

    A single root becomes `output` itself, file or folder; several become entries of the
    folder `output`, named by their CIDs. Nothing is ever written elsewhere, whatever
    names the CAR holds, and `output` appears when it is whole.

    Args:
        path: The CAR file.
        output: What to make; it must not exist.
        progress: Called with bytes and entries done so far.
        symlinks: `inside` makes links that stay below `output` and refuses others, `any`
            makes all of them, `skip` none.
        max_bytes: Most bytes to write: a thousand times the CAR's own if not given, and
            at least 16 GiB.
        max_entries: Most files, folders and links to make: a thousand times the CAR's
            blocks if not given, and at least a million.

    Raises:
        PathExistsError: `output` exists.
        UnsafePathError: A name or link would lead out of `output`, or stands twice.
        BlockNotFoundError: The CAR lacks a block.
        IntegrityError: A block is not what its CID names.
        MalformedDataError: A block is no valid UnixFS.
        LimitExceededError: It would be more than is allowed.
    """
    done = _native.car_unpack(
        os.fspath(path),
        os.fspath(output),
        progress,
        symlinks=symlinks,
        max_bytes=max_bytes,
        max_entries=max_entries,
    )
    return Unpacked(*done)
