"""Paths of the file systems: text outside, a root and names inside.

Names are literal: nothing is unescaped, so that what a listing gives can be opened.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import AccessDeniedError

_SCHEMES = ("ipfs://", "ipfskit://", "ipfs:", "ipfskit:", "/ipfs/")
_NAME_SCHEMES = ("ipns://", "ipns:", "/ipns/")


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


def split(path: str) -> tuple[str, tuple[str, ...]]:
    """Split a stripped path into the text of its root and the names below.

    Raises:
        AccessDeniedError: It is empty: nobody can list all of IPFS.
    """
    first, *names = _parts(path) or [""]
    if first == "ipns" and path.startswith("/") and names:
        return f"/ipns/{names[0]}", tuple(names[1:])
    if not first:
        raise AccessDeniedError(13, "the root of ipfs:// has no end; give a CID", path)
    return first, tuple(names)


def joined(above: str, name: str) -> str:
    """Put a name behind a path."""
    return f"{above}/{name}" if above != "/" else f"/{name}"


def parent(names: Sequence[str]) -> tuple[str, ...]:
    """Give all names but the last."""
    return tuple(names[:-1])


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
