"""What a snapshot has in it: entries below a root, chosen by patterns."""

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import LimitExceededError, UnsafePathError

if TYPE_CHECKING:
    from ipfs_kit_py._repository import Entry
    from ipfs_kit_py._sources.reader import ChainReader

_MOST_DEPTH = 256
_MOST_ENTRIES = 10_000_000


class Item(NamedTuple):
    """A file, link or folder of a snapshot."""

    path: str
    """Below the root, with slashes."""
    cid: CID
    kind: str
    size: int
    """Bytes of a file."""


class Choice:
    """Which paths are wanted, as huggingface_hub's patterns say it.

    A pattern is matched against the whole path; `*` goes across slashes, and one that
    ends in a slash means all that is below.

    Args:
        allow: Only what any of these matches.
        ignore: Nothing that any of these matches.
    """

    def __init__(
        self, allow: str | Iterable[str] | None, ignore: str | Iterable[str] | None
    ) -> None:
        self._allow = None if allow is None else _patterns(allow)
        self._ignore = _patterns(ignore or ())

    def wants(self, path: str) -> bool:
        """Tell whether a file is wanted."""
        if self._allow is not None and not _any(path, self._allow):
            return False
        return not _any(path, self._ignore)

    @property
    def is_all(self) -> bool:
        """Whether everything is wanted."""
        return self._allow is None and not self._ignore


def _patterns(given: str | Iterable[str]) -> list[str]:
    patterns = [given] if isinstance(given, str) else list(given)
    return [f"{pattern}*" if pattern.endswith("/") else pattern for pattern in patterns]


def _any(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def items(reader: "ChainReader", root: CID, choice: Choice) -> Iterator[Item]:
    """List what is wanted below a directory; folders only if everything is wanted.

    Raises:
        UnsafePathError: A name would lead out of the folder that it is written to.
        LimitExceededError: It is deeper, or has more entries, than any honest folder.
    """
    # Depth first, as a gateway gives what is below a folder.
    below: list[tuple[str, Iterator[Entry]]] = [("", reader.ls(root))]
    count = 0
    while below:
        above, entries = below[-1]
        entry = next(entries, None)
        if entry is None:
            below.pop()
            continue
        count += 1
        if count > _MOST_ENTRIES:
            raise LimitExceededError(f"{root} has over {_MOST_ENTRIES:,} entries")
        path = f"{above}/{_safe(entry)}" if above else _safe(entry)
        kind = entry.kind or reader.stat(entry.cid).kind
        if kind == "directory":
            if len(below) > _MOST_DEPTH:
                raise LimitExceededError(
                    f"{root} has over {_MOST_DEPTH} folders in a row"
                )
            below.append((path, reader.ls(entry.cid)))
            if choice.is_all:
                yield Item(path, entry.cid, kind, 0)
        elif choice.wants(path):
            yield Item(path, entry.cid, kind, entry.file_size or 0)


def _safe(entry: "Entry") -> str:
    name = entry.name
    bad = {"/", "\0", os.sep, os.altsep or "/"}
    if name in {"", ".", ".."} or any(mark in name for mark in bad):
        raise UnsafePathError(
            f"{name!r} is no name for a file: nothing was written of it"
        )
    return name
