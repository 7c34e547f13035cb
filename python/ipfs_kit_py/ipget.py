"""`ipget`: a file or folder by its CID or path, from wherever it can be had.

    from ipfs_kit_py.ipfs_kit import ipfs_kit

    kit = ipfs_kit()
    kit.ipget.ipget_download_object(cid="bafy...", path="photos")

Every block is verified, and the output appears when it is whole. Blocks that came before
a download was stopped are in the cache: the next one goes on where it was.
"""

import os
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._closing import Closing
from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._native import CID, CancelToken
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py._repository.system import typed
from ipfs_kit_py._results import operation, succeeded
from ipfs_kit_py._snapshots.parts import part_folder
from ipfs_kit_py.errors import (
    CancelledError,
    InvalidParameterError,
    IPFSError,
    PathExistsError,
    TimedOutError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._sources.reader import ChainReader

__all__ = ["Ipget"]

_SLICE_SECONDS = 0.05


class Ipget(Closing):
    """Downloads.

    Args:
        reader: What knows where blocks are: `kit.reader`.
    """

    def __init__(self, reader: "ChainReader") -> None:
        self._reader = reader

    def close(self) -> None:
        """Let go of nothing: connections are the reader's."""

    @operation("ipget_download_object")
    def ipget_download_object(
        self,
        cid: IPFSPath | None = None,
        path: StrPath | None = None,
        timeout: float = 60.0,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Download a file or folder.

        Args:
            cid: What: a CID, or a path below one.
            path: Where to. A file that is there is replaced when the new one is whole; a
                folder that is there is an error.
            timeout: Seconds in which nothing more may come.
            progress: Called with bytes and entries done so far.

        Returns:
            `metadata`: `cid`, `path`, `mtime` (seconds since 1970), `filesize` (bytes of
            all files) and `file_type` (the ending, or `directory`); `command_result`:
            what was done, with `bytes` and `entries`.
        """
        if cid is None or path is None:
            lacking = "cid" if cid is None else "path"
            raise InvalidParameterError(
                f"{lacking} is not given: what to get, and where to"
            )
        if not timeout > 0:
            raise InvalidParameterError(f"timeout {timeout} is no number of seconds")
        return self._download(cid, Path(path), timeout, progress)

    @operation("test_ipget")
    def test_ipget(self) -> dict[str, Any]:
        """Tell whether downloading works here, by a file that is whole in its CID."""
        text = b"hello from ipget"
        cid = CID.from_multihash(bytes([0, len(text)]) + text)
        with tempfile.TemporaryDirectory() as folder:
            done = self._download(cid, Path(folder, "hello"), 10.0, None)
            return done | {"works": Path(folder, "hello").read_bytes() == text}

    def _download(
        self,
        cid: IPFSPath,
        target: Path,
        timeout: float,
        progress: ProgressCallback | None,
    ) -> dict[str, Any]:
        if target.is_dir():
            raise PathExistsError(17, "A folder is there already", str(target))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part_folder(target.parent) as parts, _Watch(timeout, progress) as watch:
                done = self._reader.get(cid, parts / "part", watch.note)
                (parts / "part").replace(target)
        except OSError as error:
            if isinstance(error, IPFSError):
                raise
            raise typed(error, target) from error
        stat = target.lstat()
        kind = "directory" if target.is_dir() else target.suffix
        command = succeeded("get", None, bytes=done.bytes, entries=done.entries)
        metadata = {
            "cid": str(cid),
            "path": os.fspath(target),
            "mtime": stat.st_mtime,
            "filesize": done.bytes,
            "file_type": kind,
        }
        return {"metadata": metadata, "command_result": command}


class _Watch:
    """Stops work in which nothing goes on."""

    def __init__(self, seconds: float, progress: ProgressCallback | None) -> None:
        self._seconds = seconds
        self._progress = progress
        self._token = CancelToken()
        self._over = threading.Event()
        self._so_far = (0, 0)
        self._since = time.monotonic()
        self._has_stalled = False
        self._watcher = threading.Thread(target=self._look, name="ipfs-kit-ipget")

    def note(self, done: int, entries: int) -> None:
        """Take note of what was done so far."""
        if (done, entries) != self._so_far:
            self._so_far, self._since = (done, entries), time.monotonic()
        if self._progress:
            self._progress(done, entries)

    def _look(self) -> None:
        while not self._over.wait(_SLICE_SECONDS):
            if time.monotonic() - self._since > self._seconds:
                self._has_stalled = True
                self._token.cancel()
                return

    def __enter__(self) -> "_Watch":
        self._token.__enter__()
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._watcher.join()
        self._token.__exit__(kind, error, trace)
        if self._has_stalled and isinstance(error, CancelledError):
            raise TimedOutError(
                f"nothing came for {self._seconds:g} seconds: what came is kept, so that "
                "the next try goes on where this one stopped"
            ) from error
