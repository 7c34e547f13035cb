"""`snapshot_download`: a folder by its CID as files, with huggingface_hub's arguments."""

import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, nullcontext
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._native import CID, CancelToken, check_cancelled, cid_of
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py._repository.system import typed
from ipfs_kit_py._snapshots.listing import Choice, Item, items
from ipfs_kit_py._snapshots.parts import part_folder
from ipfs_kit_py._snapshots.record import Record
from ipfs_kit_py.errors import (
    InvalidParameterError,
    IPFSError,
    PathNotADirectoryError,
    UnsafePathError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._sources.reader import Asking, ChainReader

_SLICE_SECONDS = 0.05


class SnapshotFile(NamedTuple):
    """A file of a snapshot, as `dry_run` lists it."""

    path: str
    """Below the root, with slashes."""
    cid: CID
    size: int
    """Bytes of it."""
    is_here: bool
    """Whether it is in the folder already, and unchanged."""


@overload
def snapshot_download(
    cid: IPFSPath,
    *,
    local_dir: StrPath | None = ...,
    cache_dir: StrPath | None = ...,
    allow_patterns: str | Iterable[str] | None = ...,
    ignore_patterns: str | Iterable[str] | None = ...,
    max_workers: int = ...,
    force_download: bool = ...,
    local_files_only: bool = ...,
    dry_run: Literal[False] = ...,
    progress: ProgressCallback | None = ...,
    reader: "ChainReader | None" = ...,
    metadata: Mapping[str, Any] | None = ...,
) -> str: ...
@overload
def snapshot_download(
    cid: IPFSPath,
    *,
    local_dir: StrPath | None = ...,
    cache_dir: StrPath | None = ...,
    allow_patterns: str | Iterable[str] | None = ...,
    ignore_patterns: str | Iterable[str] | None = ...,
    max_workers: int = ...,
    force_download: bool = ...,
    local_files_only: bool = ...,
    dry_run: Literal[True],
    progress: ProgressCallback | None = ...,
    reader: "ChainReader | None" = ...,
    metadata: Mapping[str, Any] | None = ...,
) -> list[SnapshotFile]: ...
def snapshot_download(
    cid: IPFSPath,
    *,
    local_dir: StrPath | None = None,
    cache_dir: StrPath | None = None,
    allow_patterns: str | Iterable[str] | None = None,
    ignore_patterns: str | Iterable[str] | None = None,
    max_workers: int = 8,
    force_download: bool = False,
    local_files_only: bool = False,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
    reader: "ChainReader | None" = None,
    metadata: Mapping[str, Any] | None = None,
) -> str | list[SnapshotFile]:
    """Write a folder, or what is wanted of it, to disk, and say where.

    Each file appears when it is whole and verified. What is there already and unchanged
    is left alone, so that a download that was stopped goes on where it was. Other files
    in the folder stay.

    Args:
        cid: The folder, or a path to it.
        local_dir: Where to; a folder of its own for each CID in `cache_dir` if not given.
        cache_dir: Where those are, and what is known of files that were written; the
            platform's folder for caches if not given.
        allow_patterns: Only what matches any of these, `*.json` or `data/` for example.
        ignore_patterns: Nothing that matches any of these.
        max_workers: How many files to fetch at once.
        force_download: Write all files again.
        local_files_only: Ask nothing outside this machine.
        dry_run: Write nothing, and list the files.
        progress: Called with bytes and files done so far.
        reader: What to read with (`kit.reader`); else a kit is made for it.
        metadata: Settings of that kit.

    Returns:
        The folder; with `dry_run`, the files that are wanted.

    Raises:
        PathNotADirectoryError: It is no folder.
        BlockNotFoundError: A block is nowhere.
        UnsafePathError: A name or link would lead out of the folder.
    """
    if max_workers < 1:
        raise InvalidParameterError(f"max_workers {max_workers} is less than 1")
    choice = Choice(allow_patterns, ignore_patterns)
    with ExitStack() as stack:
        if reader is None:
            from ipfs_kit_py._kit.kit import IpfsKit

            given = dict(metadata or {}) | ({"offline": True} if local_files_only else {})
            reader = stack.enter_context(IpfsKit(metadata=given)).reader
        elif local_files_only:
            raise InvalidParameterError(
                "local_files_only is for a kit of its own: give a reader that is offline"
            )
        asking: Asking = nullcontext
        if choice.is_all and not dry_run:
            asking = stack.enter_context(reader.sharing(cid))
        with asking():
            job = _Job(reader, cid, local_dir, cache_dir, progress, asking)
            return job.run(choice, max_workers, force=force_download, dry_run=dry_run)


class _Job:
    """One download."""

    def __init__(
        self,
        reader: "ChainReader",
        path: IPFSPath,
        local_dir: StrPath | None,
        cache_dir: StrPath | None,
        progress: ProgressCallback | None,
        asking: "Asking",
    ) -> None:
        self._reader = reader
        self._asking = asking
        self._root = reader.resolve(path)
        if reader.stat(self._root).kind != "directory":
            raise PathNotADirectoryError(20, "Not a directory", str(path))
        cache = _cache_folder(cache_dir)
        self._folder = Path(local_dir or cache / "snapshots" / str(self._root)).absolute()
        # What is known of the files stands elsewhere: the folder holds nothing of ours.
        name = cid_of(os.fsencode(self._folder))
        self._record = Record(cache / "records" / f"{name}.json")
        self._progress = progress
        self._lock = threading.Lock()
        self._bytes = self._files = 0

    def run(
        self, choice: Choice, workers: int, *, force: bool, dry_run: bool
    ) -> str | list[SnapshotFile]:
        wanted = items(self._reader, self._root, choice)
        if dry_run:
            return [
                SnapshotFile(item.path, item.cid, item.size, self._is_here(item))
                for item in wanted
                if item.kind != "directory"
            ]
        self._folder.mkdir(parents=True, exist_ok=True)
        with part_folder(self._folder) as parts:
            try:
                self._write_all(wanted, workers, parts, force=force)
            finally:
                self._record.save()
        return str(self._folder)

    def _write_all(
        self, wanted: Iterable[Item], workers: int, parts: Path, *, force: bool
    ) -> None:
        token = CancelToken()
        with ThreadPoolExecutor(workers, thread_name_prefix="ipfs-kit-snapshot") as pool:
            running = set()
            try:
                for number, item in enumerate(wanted):
                    if not force and self._is_here(item):
                        self._count(item)
                        continue
                    part = parts / str(number)
                    running.add(pool.submit(self._write, item, part, token))
                    while len(running) >= 2 * workers:
                        running = self._settled(running)
                while running:
                    running = self._settled(running)
            except BaseException:
                token.cancel()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _settled(self, running: "set[Any]") -> "set[Any]":
        done, rest = wait(running, _SLICE_SECONDS, FIRST_COMPLETED)
        check_cancelled()
        for future in done:
            future.result()
        if self._progress:
            self._progress(self._bytes, self._files)
        return rest

    def _write(self, item: Item, part: Path, token: CancelToken) -> None:
        target = self._folder.joinpath(*PurePosixPath(item.path).parts)
        with token, self._asking():
            try:
                _make_parents(self._folder, target)
                if item.kind == "directory":
                    _make_folder(target)
                    return
                self._write_file(item, part, target)
            except OSError as error:
                if isinstance(error, IPFSError):
                    raise
                raise typed(error, target) from error
        self._count(item)

    def _write_file(self, item: Item, part: Path, target: Path) -> None:
        if item.kind == "symlink":
            link = self._reader.readlink(item.cid)
            _check_link(item.path, link)
            part.symlink_to(link)
        else:
            self._reader.get(item.cid, part)
        part.replace(target)
        stat = target.lstat()
        self._record.note(item.path, [str(item.cid), stat.st_size, stat.st_mtime_ns])

    def _is_here(self, item: Item) -> bool:
        target = self._folder.joinpath(*PurePosixPath(item.path).parts)
        try:
            stat = target.lstat()
        except OSError:
            return False
        if item.kind == "directory":
            return target.is_dir() and not target.is_symlink()
        known = self._record.get(item.path)
        return known == [str(item.cid), stat.st_size, stat.st_mtime_ns]

    def _count(self, item: Item) -> None:
        with self._lock:
            self._bytes += item.size
            self._files += item.kind != "directory"


def _cache_folder(given: StrPath | None) -> Path:
    if given is not None:
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("ipfs-kit", appauthor=False))


def _make_parents(folder: Path, target: Path) -> None:
    """Make the folders above a file, none of which may be a link that leads elsewhere."""
    above = folder
    for part in target.relative_to(folder).parts[:-1]:
        above /= part
        _make_folder(above)


def _make_folder(place: Path) -> None:
    if place.is_symlink():
        raise UnsafePathError(f"{place} is a link, where a folder is to be")
    place.mkdir(exist_ok=True)


def _check_link(path: str, link: str) -> None:
    depth = len(PurePosixPath(path).parts) - 1
    leads_out = PurePosixPath(link).is_absolute()
    for part in PurePosixPath(link).parts:
        depth += -1 if part == ".." else 1
        leads_out = leads_out or depth < 0
    if leads_out:
        raise UnsafePathError(f"the link {path} leads out of the folder, to {link!r}")
