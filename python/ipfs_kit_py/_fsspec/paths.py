"""Paths of the file systems: text outside, a root and names inside.

Names are literal: nothing is unescaped, so that what a listing gives can be opened. That
is the rule of the core for paths as text, and so of the command line, and Kubo's.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import AccessDeniedError

_SCHEMES = ("ipfs://", "ipfskit://", "ipfs:", "ipfskit:", "/ipfs/")
_NAME_SCHEMES = ("ipns://", "ipns:", "/ipns/")
_MAGIC = frozenset("*?[")
_NOTHING = {"", "."}
_NO_NAMES = {*_NOTHING, ".."}


class At(NamedTuple):
    """A place in a tree: its root, and the names that lead there."""

    root: CID
    names: tuple[str, ...]


def stripped(path: str) -> str:
    """Give a path as the file system itself writes it: `CID/a`, or `/ipns/NAME/a`."""
    for scheme in _NAME_SCHEMES:
        if path.startswith(scheme):
            return "/".join(["/ipns", *_parts(path[len(scheme) :])])
    for scheme in _SCHEMES:
        if path.startswith(scheme):
            return "/".join(_parts(path[len(scheme) :]))
    return "/".join(_parts(path))


def has_cid(path: str) -> bool:
    """Tell whether a path is a URL of a CID or a name: all else may be a mutable path."""
    return path.startswith(("ipfs://", "ipfskit://", "ipns://"))


def split(path: str) -> tuple[str, tuple[str, ...]]:
    """Split a stripped path into the text of its root and the names below.

    Raises:
        AccessDeniedError: It is empty: nobody can list all of IPFS; or it leads out of
            its root.
    """
    first, *names = _parts(path) or [""]
    if first == "ipns" and path.startswith("/") and names:
        return f"/ipns/{names[0]}", tuple(names[1:])
    if not first:
        raise AccessDeniedError(13, "the root of ipfs:// has no end; give a CID", path)
    if ".." in names:
        raise AccessDeniedError(13, "it leads out of its root", path)
    return first, tuple(names)


def joined(above: str, name: str) -> str:
    """Put a name behind a path."""
    return f"{above}/{name}" if above != "/" else f"/{name}"


def parent(names: Sequence[str]) -> tuple[str, ...]:
    """Give all names but the last."""
    return tuple(names[:-1])


def has_magic(path: str) -> bool:
    """Tell whether fsspec takes a path for a pattern."""
    return not _MAGIC.isdisjoint(path)


def is_name(name: str) -> bool:
    """Tell whether a path can have a name in it; some entries have none of that kind."""
    return name not in _NO_NAMES and "/" not in name and "\0" not in name


def _parts(path: str) -> list[str]:
    """Leave out what says nothing; what leads out of the root stays at the beginning."""
    parts = [part for part in path.split("/") if part not in _NOTHING]
    if ".." not in parts:
        return parts
    kept: list[str] = []
    for part in parts:
        # A root has nothing above it.
        if part == ".." and len(kept) > 1 and kept[-1] != "..":
            kept.pop()
        else:
            kept.append(part)
    return kept
