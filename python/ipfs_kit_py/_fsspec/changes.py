"""Changes of the mutable tree: each alone, or many that become visible as one."""

import errno
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fsspec.transaction import Transaction

from ipfs_kit_py._native import CID, Hold, repo_files_apply
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import (
    FileIOError,
    InvalidParameterError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._fsspec.mutable import MFSFileSystem
    from ipfs_kit_py._fsspec.writing import WriteFile

Names: TypeAlias = list[str]

# One change, as the core takes it: what is done, where, and with what.
Step: TypeAlias = (
    # Whether to make those above, and whether it may be there.
    tuple[Literal["mkdir"], Names, bool, bool]
    # What to put there, and whether in the place of another.
    | tuple[Literal["link"], Names, CID, bool]
    | tuple[Literal["append"], Names, "Buffer"]
    # Whether with all below.
    | tuple[Literal["remove"], Names, bool]
    | tuple[Literal["rmdir"], Names]
    # Where to, and whether into the directory that may be there.
    | tuple[Literal["move"], Names, Names, bool]
    # Seconds and nanoseconds; what is not there is made.
    | tuple[Literal["touch"], Names, int, int]
)


def apply(engine: "Engine", steps: Sequence[Step], profile: str) -> None:
    """Make changes in their order: in one step where the engine knows of such."""
    embedded = _embedded(engine)
    if embedded is not None:
        repo_files_apply(embedded._core, steps, profile)
        return
    for step in steps:
        _apply_one(engine, step, profile)


def _apply_one(engine: "Engine", step: Step, profile: str) -> None:
    path = text(step[1])
    match step:
        case ("mkdir", names, parents, exist_ok):
            if parents and names[:-1]:
                engine.files_mkdir(text(names[:-1]), parents=True, profile=profile)
            engine.files_mkdir(path, parents=exist_ok, profile=profile)
        case ("link", _, cid, replace):
            engine.files_cp(cid, path, parents=True, force=replace, profile=profile)
        case ("append", _, data):
            engine.files_write(
                path, data, None, create=True, parents=True, profile=profile
            )
        case ("remove", _, recursive):
            engine.files_rm(path, recursive=recursive, profile=profile)
        case ("rmdir", _):
            if engine.files_stat(path).kind != "directory":
                raise PathNotADirectoryError(errno.ENOTDIR, "Not a directory", path)
            if next(iter(engine.files_ls(path)), None) is not None:
                raise FileIOError(errno.ENOTEMPTY, "Directory not empty", path)
            engine.files_rm(path, recursive=True, profile=profile)
        case ("move", names, target, into):
            _move_on_node(engine, names, target, profile, into=into)
        case ("touch", _, seconds, nanoseconds):
            try:
                engine.files_touch(path, seconds, nanoseconds, profile=profile)
            except PathNotFoundError:
                engine.files_write(path, b"", create=True, parents=True, profile=profile)


def _move_on_node(
    engine: "Engine", names: Names, target: Names, profile: str, *, into: bool
) -> None:
    """Move as `rename` of POSIX does; a node of its own lets more take others' places."""
    if target[:-1]:
        engine.files_mkdir(text(target[:-1]), parents=True, profile=profile)
    found = _kind(engine, target)
    if into and found == "directory":
        target = [*target, names[-1]]
        found = _kind(engine, target)
    is_directory = engine.files_stat(text(names)).kind == "directory"
    path = text(target)
    if found is not None and names != target:
        if is_directory and found != "directory":
            raise PathNotADirectoryError(errno.ENOTDIR, "Not a directory", path)
        if not is_directory and found == "directory":
            raise PathIsADirectoryError(errno.EISDIR, "Is a directory", path)
        if is_directory:
            _apply_one(engine, ("rmdir", target), profile)
    engine.files_mv(text(names), path, profile=profile)


def _kind(engine: "Engine", names: Names) -> str | None:
    try:
        return engine.files_stat(text(names)).kind
    except PathNotFoundError:
        return None


def _embedded(engine: object) -> Repository | None:
    return engine if isinstance(engine, Repository) else None


def places(step: Step) -> list[Names]:
    """List the paths that a change is about."""
    return [step[1], step[2]] if step[0] == "move" else [step[1]]


def text(names: Sequence[str]) -> str:
    """Write names as a path."""
    return "/" + "/".join(names)


class _Begun:
    """What a thread or task has begun on a file system, and those that it had begin."""

    def __init__(self) -> None:
        self.is_open = False
        self.transaction: TreeTransaction | None = None


# By file system. Those who write through the same one meanwhile have no part in it.
_BEGUN: ContextVar[Mapping[int, _Begun]] = ContextVar("ipfs_kit_transactions", default={})  # noqa: B039 - never changed


def begun(fs: "MFSFileSystem") -> _Begun:
    """Say what the running thread or task has begun on a file system."""
    return _BEGUN.get().get(id(fs)) or _Begun()


def begin(fs: "MFSFileSystem") -> _Begun:
    """Give what the running thread or task has begun, or begins now.

    What has ended has ended for all who knew of it: what comes next is somebody's own.
    """
    known = _BEGUN.get()
    found = known.get(id(fs))
    if found is None or not (found.is_open or found.transaction):
        found = _Begun()
        _BEGUN.set({**_going_on(known), id(fs): found})
    return found


def end(fs: "MFSFileSystem") -> None:
    """End what the running thread or task has begun, for all who know of it."""
    known = _BEGUN.get()
    found = known.get(id(fs))
    if found is not None:
        found.is_open, found.transaction = False, None
        _BEGUN.set(_going_on(known))


def _going_on(known: Mapping[int, _Begun]) -> dict[int, _Begun]:
    return {at: one for at, one in known.items() if one.is_open or one.transaction}


class TreeTransaction(Transaction):  # type: ignore[misc] # it has no types
    """Changes that wait for the end of a `with` block, in the order they were asked for.

    A block inside another is a part of it: if it fails, what was asked for in it is
    forgotten, and the rest waits on.

    Attributes:
        files: Files that are or were open for writing, and other changes.
    """

    fs: "MFSFileSystem | None"
    files: "deque[WriteFile | Step]"

    def __init__(self, fs: "MFSFileSystem", **kwargs: Any) -> None:
        """Begin with nothing."""
        super().__init__(fs, **kwargs)
        self._hold: Hold | None = None
        # How many changes there were where each block began.
        self._blocks: list[int] = []

    def start(self) -> None:
        """Begin a block."""
        self._blocks.append(len(self.files))
        if self.fs is not None:
            self.fs._intrans = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: object,
    ) -> None:
        """End a block."""
        self.complete(commit=kind is None)

    def hold(self) -> None:
        """Keep what is added from now on until all of it is linked.

        Without it a collection would take what nobody links within an hour.
        """
        embedded = _embedded(self.fs.engine) if self.fs else None
        if self._hold is None and embedded is not None:
            self._hold = Hold(embedded._core)

    def complete(self, commit: bool = True) -> None:
        """End a block: make all changes at once, or none, if it is the outermost."""
        first = self._blocks.pop() if self._blocks else 0
        if self._blocks:
            while not commit and len(self.files) > first:
                _forget(self.files.pop())
            return
        changes, self.files = self.files, deque()
        fs, self.fs = self.fs, None
        try:
            if fs is not None and commit and changes:
                _check_closed(changes)
                fs.make(changes)
        finally:
            for change in changes:
                _forget(change)
            if self._hold is not None:
                self._hold.release()
                self._hold = None
            if fs is not None:
                end(fs)


def _check_closed(changes: "Iterable[WriteFile | Step]") -> None:
    """Refuse files of which a part may wait elsewhere, as in a compressor."""
    for change in changes:
        if not isinstance(change, tuple) and change.is_waiting:
            raise InvalidParameterError(
                f"{change.path} is still open at the end of the transaction, of which "
                "nothing was changed: close what it writes before"
            )


def _forget(change: "WriteFile | Step") -> None:
    if not isinstance(change, tuple):
        change.discard()
