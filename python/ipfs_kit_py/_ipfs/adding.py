"""Adding: files, folders, bytes, text, JSON, streams."""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Unpack, cast

from ipfs_kit_py._hashing import ImportParams, ProgressCallback, Readable, StrPath
from ipfs_kit_py._ipfs.node import Node, both
from ipfs_kit_py._repository import AddResult
from ipfs_kit_py._results import operation
from ipfs_kit_py.errors import InvalidParameterError, PathNotADirectoryError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._native import TreeEntries


class Adding(Node):
    """What adds. Everything that was added is durable when the call returns."""

    @operation("add")
    def add(
        self,
        file_path: "StrPath | Buffer | Readable | Iterable[bytes]",
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
        nocopy: bool = False,
        trust_stat: bool = True,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> dict[str, Any]:
        """Add a file or folder, or the bytes of a file object, buffer or iterator.

        Args:
            file_path: A path (`str` or `os.PathLike`), anything with `read`, bytes, or an
                iterable of bytes.
            pin: Keep it from collection.
            name: Name of the pin.
            progress: Called with bytes and files done so far.
            nocopy: Refer to the bytes in the file instead of copying them.
            trust_stat: Take files for unchanged if size and times are.
            profile: What decides the CID; else `cid_profile` of the configuration.
            **params: Single parameters, see `ipfs_kit_py.ImportParams`.

        Returns:
            `cid` and `Hash`, `size` and `Size` (bytes of all blocks below, as Kubo counts
            them), `name` and `Name`, `bytes`, `files`, `new_bytes`.
        """
        done = self._engine.add(
            source_of(file_path),
            pin=pin,
            name=name,
            profile=profile or self._profile,
            progress=progress,
            nocopy=nocopy,
            trust_stat=trust_stat,
            **params,
        )
        return added(done, title_of(file_path))

    @operation("add_directory")
    def add_directory(
        self,
        path: StrPath,
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> dict[str, Any]:
        """Add a folder and all below.

        Returns:
            As `add`; `file_cids` maps the path of everything below to its CID.
        """
        if os.path.exists(path) and not os.path.isdir(path):  # noqa: PTH110, PTH112
            raise PathNotADirectoryError(20, "is no folder: use add", os.fspath(path))
        return self._add_listed(path, pin, name, progress, profile, params)

    @operation("add_bytes")
    def add_bytes(
        self,
        data: "Buffer",
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> dict[str, Any]:
        """Add bytes as a file."""
        if isinstance(data, str):
            raise InvalidParameterError("add_bytes takes bytes: use add_str for text")
        return self._add_bytes(data, pin, name, profile, params)

    @operation("add_str")
    def add_str(
        self,
        text: str,
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> dict[str, Any]:
        """Add text as a file, in UTF-8."""
        return self._add_bytes(text_bytes(text), pin, name, profile, params)

    @operation("add_json")
    def add_json(
        self,
        value: Any,  # noqa: ANN401 - whatever JSON holds
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str | None = None,
        **params: Unpack[ImportParams],
    ) -> dict[str, Any]:
        """Add a value as a file of JSON: UTF-8, keys sorted, no spaces.

        The same value has the same CID in whatever order its keys were set.
        """
        return self._add_bytes(json_bytes(value), pin, name, profile, params)

    def _add_bytes(
        self,
        data: "Buffer",
        pin: bool,
        name: str | None,
        profile: str | None,
        params: ImportParams,
    ) -> dict[str, Any]:
        done = self._engine.add(
            data, pin=pin, name=name, profile=profile or self._profile, **params
        )
        return added(done, name or "")

    def _add_listed(
        self,
        path: StrPath,
        pin: bool,
        name: str | None,
        progress: ProgressCallback | None,
        profile: str | None,
        params: ImportParams,
    ) -> dict[str, Any]:
        done = self._engine.add(
            path_of(path),
            pin=pin,
            name=name,
            profile=profile or self._profile,
            progress=progress,
            entries=True,
            **params,
        )
        entries = cast("TreeEntries", done.entries)
        found = {os.fsdecode(path): str(cid) for path, cid, _ in entries}
        return added(done, title_of(path)) | {"file_cids": found}


def added(done: AddResult, name: str) -> dict[str, Any]:
    """Say what was added."""
    return both(done.cid, size=done.size, name=name) | {
        "bytes": done.bytes,
        "files": done.files,
        "new_bytes": done.new_bytes,
    }


def json_bytes(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON holds
    """Encode a value as JSON in its one canonical form.

    Raises:
        InvalidParameterError: JSON has no form for it.
    """
    import json

    try:
        text = json.dumps(
            value,
            ensure_ascii=False,
            allow_nan=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameterError(f"this has no form in JSON: {error}") from error


def text_bytes(text: object) -> bytes:
    """Encode text in UTF-8.

    Raises:
        InvalidParameterError: It is no text, or UTF-8 has no form for it.
    """
    if not isinstance(text, str):
        raise InvalidParameterError("add_str takes text: use add_bytes for bytes")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidParameterError(
            f"{text!a} is no valid text: it holds half of a surrogate pair"
        ) from error


def path_of(given: object) -> StrPath:
    """Give a path, where bytes would be taken for the content of a file.

    Raises:
        InvalidParameterError: It is no path.
    """
    if isinstance(given, str | os.PathLike):
        return given
    kind = type(given).__name__
    raise InvalidParameterError(f"this takes a path, not {kind}: use add or add_bytes")


class _Pieces:
    """An iterator of bytes, to be read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int, /) -> bytes:
        """Give the next piece, however long it is."""
        del size
        for piece in self._pieces:
            if piece:
                return bytes(piece)
        return b""


def source_of(given: object) -> "StrPath | Buffer | Readable":
    """Give what an engine can add: an iterator becomes an object with `read`."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview)
    if isinstance(given, kinds) or hasattr(given, "read"):
        return cast("StrPath | Buffer | Readable", given)
    if isinstance(given, Iterable) and not hasattr(given, "__buffer__"):
        try:
            memoryview(given)  # type: ignore[arg-type] # arrays are buffers and iterable
        except TypeError:
            return _Pieces(iter(given))
    return cast("Buffer", given)


def title_of(given: object) -> str:
    """Give the name of a path or file object; empty if it has none."""
    from pathlib import Path

    named = given
    if not isinstance(given, str | os.PathLike):
        named = getattr(given, "name", None)
    if not isinstance(named, str | os.PathLike):
        return ""
    # `.` and `..` are names of folders that have others.
    return Path(os.path.abspath(named)).name  # noqa: PTH100 - `resolve` follows links
