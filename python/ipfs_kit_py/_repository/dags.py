"""Whole DAGs: values, CAR files, counts."""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import ProgressCallback, Readable, StrPath
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.blocks import BlockReading, Blocks, missing
from ipfs_kit_py._repository.handle import IPFSPath
from ipfs_kit_py._repository.system import checked_path, typed
from ipfs_kit_py.errors import (
    InvalidParameterError,
    IPFSError,
    PathIsADirectoryError,
)

if TYPE_CHECKING:
    from pathlib import Path


class Writable(Protocol):
    """Anything with `write(bytes)`."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""


class ImportReport(NamedTuple):
    """What a CAR file brought."""

    roots: list[CID]
    blocks: int
    bytes: int
    """Bytes of all blocks."""


class ExportReport(NamedTuple):
    """What was written into a CAR file."""

    blocks: int
    bytes: int
    """Bytes of all blocks."""


class DagSize(NamedTuple):
    """The blocks below one root."""

    cid: CID
    blocks: int
    bytes: int


class DagStat(NamedTuple):
    """The blocks below some roots."""

    roots: list[DagSize]
    """Each by itself."""
    blocks: int
    """All of them together: what they share counts once."""
    bytes: int


class DagReading(BlockReading):
    """What reads DAGs as values and into CAR files."""

    def dag_get(self, path: IPFSPath, *, output_codec: str | None = None) -> Any:  # noqa: ANN401
        """Read what a path names as a value, be it a block or something inside one.

        Args:
            path: `CID/a/0/b` goes by keys, indexes, names in directories.
            output_codec: Return bytes in this codec instead of a value.

        Raises:
            BlockNotFoundError: A block on the way is not here.
            PathNotFoundError: There is nothing at the path.
        """
        cid, rest, end = _native.repo_resolve(self._core, path)
        if end == "symlink":
            raise InvalidParameterError(f"{path} leads through a symbolic link")
        data = _native.repo_view(self._core, cid)
        if data is None:
            raise missing(cid)
        value = _native.ipld_decode(data, cid.codec)
        for name in rest:
            value = value[int(name) if isinstance(value, list) else name]
        return value if output_codec is None else _native.ipld_encode(value, output_codec)

    def dag_export(
        self,
        path: IPFSPath,
        output: StrPath | Writable,
        progress: ProgressCallback | None = None,
    ) -> ExportReport:
        """Write everything below a root into a CAR file, parents first.

        Args:
            path: The root.
            output: The CAR to make, which appears when it is whole and replaces what
                stood there; or an object with `write`.
            progress: Called with bytes done so far, and 0.

        Raises:
            BlockNotFoundError: A block is not here.
            PathNotFoundError: There is no such folder to write into.
            PathIsADirectoryError: A folder stands at `output`.
            DiskFullError: The disk has no room.
        """
        stream = _native.repo_export_car(self._core, path)

        def write_to(target: Writable) -> None:
            done = 0
            for piece in stream:
                target.write(piece)
                done += len(piece)
                if progress:
                    progress(done, 0)

        if isinstance(output, str | os.PathLike):
            _write_whole(checked_path(output), write_to)
        else:
            write_to(output)
        return ExportReport(*(stream.report or (0, 0)))

    def dag_stat(
        self,
        paths: IPFSPath | Iterable[IPFSPath],
        progress: ProgressCallback | None = None,
    ) -> DagStat:
        """Count the blocks below one root or several, reading all of them.

        Raises:
            BlockNotFoundError: A block is not here.
        """
        given = [paths] if isinstance(paths, str | CID) else list(paths)
        each, blocks, size = _native.repo_dag_stat(self._core, given, progress)
        return DagStat([DagSize(*one) for one in each], blocks, size)


class Dags(DagReading, Blocks):
    """What reads and writes DAGs as values and as CAR files."""

    def dag_put(
        self,
        value: Any,  # noqa: ANN401 - whatever the codec can hold
        codec: str = "dag-cbor",
        *,
        input_codec: str | None = None,
        hash: str = "sha2-256",  # noqa: A002 - as in `cid_of`
        pin: bool = False,
    ) -> CID:
        """Put a value: `None`, bool, int, float, str, bytes, list, dict, CID.

        A dag-pb node is a dict of `Links` (dicts of `Hash`, `Name`, `Tsize`) and `Data`.

        Args:
            value: The value; its bytes if `input_codec` says how to read them.
            codec: `dag-cbor`, `dag-json`, `dag-pb` or `raw`.
            input_codec: What the bytes of `value` are encoded in.
            hash: Name of the hash function.
            pin: Pin it, with all below.

        Raises:
            InvalidParameterError: The codec has no form for such a value.
            MalformedDataError: The bytes are not what `input_codec` asks for.
        """
        if input_codec is not None:
            value = _native.ipld_decode(value, input_codec)
        return self.block_put(_native.ipld_encode(value, codec), codec, hash, pin=pin)

    def dag_import(
        self,
        source: StrPath | Readable,
        progress: ProgressCallback | None = None,
        *,
        pin_roots: bool = True,
    ) -> ImportReport:
        """Take over the blocks of a CAR file, each checked against its CID.

        Args:
            source: The CAR, version 1 or 2: a path, or an object with `read`.
            progress: Called with bytes done so far, and 0.
            pin_roots: Pin what it names as roots; all that they need must be there.

        Raises:
            MalformedDataError: It is no CAR, or ends too early.
            IntegrityError: A block is not what its CID names. Nothing was taken.
            BlockNotFoundError: A root that is to be pinned is not complete. Nothing
                was taken.
        """
        given = os.fspath(source) if isinstance(source, str | os.PathLike) else source
        found = _native.repo_import_car(self._core, given, progress, pin_roots=pin_roots)
        return ImportReport(*found)


class _Write(Protocol):
    def __call__(self, target: Writable, /) -> None: ...


def _write_whole(output: "Path", write_to: _Write) -> None:
    """Write beside the output, and rename when all is there."""
    if not output.name or os.path.isdir(output):  # noqa: PTH112 - never raises
        raise PathIsADirectoryError(errno.EISDIR, "Is a directory", str(output))
    part = output.with_name(f".{output.name}.{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as file:
            write_to(file)
        part.replace(output)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and not isinstance(error, IPFSError):
            raise typed(error, output) from error
        raise
