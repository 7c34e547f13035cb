"""Pins: what stays."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from ipfs_kit_py import _native
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.handle import Handle, IPFSPath
from ipfs_kit_py.errors import (
    FileIOError,
    IndexDamagedError,
    InvalidInputError,
    InvalidParameterError,
)

PinType: TypeAlias = Literal["recursive", "direct", "indirect"]
_PAGE = 1000


class Pin(NamedTuple):
    """A block that is kept."""

    cid: CID
    type: PinType
    """`recursive` with all below it, `direct` alone, `indirect` below another."""
    name: str | None = None
    below: CID | None = None
    """The root of an indirect pin, where it was looked for."""


class PinCheck(NamedTuple):
    """Whether everything that a pin keeps is there."""

    cid: CID
    missing: CID | None
    """The first block that is not here."""
    error: str | None
    """Why a block cannot be used that is here."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.missing is None and self.error is None


class Pins(Handle):
    """What pins."""

    def pin_add(
        self, path: IPFSPath, *, recursive: bool = True, name: str | None = None
    ) -> CID:
        """Keep a block from collection, with all below it or alone.

        Pinning once more succeeds, and changes the name if one is given.

        Raises:
            BlockNotFoundError: Something that the pin would keep is not here.
            PinConflictError: It is to be pinned directly, and is pinned recursively.
        """
        return _native.repo_pin(self._core, path, recursive=recursive, name=name)

    def pin_rm(self, path: IPFSPath, *, recursive: bool = True) -> CID:
        """Remove a pin; its blocks stay until they are collected.

        Raises:
            NotPinnedError: It is not pinned itself.
            PinConflictError: It is pinned recursively, and `recursive` is false.
        """
        return _native.repo_unpin(self._core, path, recursive=recursive)

    def pin_update(self, old: IPFSPath, new: IPFSPath, *, unpin: bool = True) -> CID:
        """Pin `new` recursively in the place of `old`, under the same name.

        Raises:
            NotPinnedError: `old` is not pinned recursively.
        """
        return _native.repo_pin_update(self._core, old, new, unpin=unpin)[1]

    def pin_ls(
        self,
        type: Literal["all"] | PinType = "all",  # noqa: A002 - Kubo's name
    ) -> Iterator[Pin]:
        """List pins one after the other, in no particular order.

        What is pinned or unpinned meanwhile may be listed or not. Indirect pins, which
        are listed behind the others, take reading all DAGs that are pinned.
        """
        if type not in ("all", "recursive", "direct", "indirect"):
            raise InvalidParameterError(
                f"type {type!r} is not one of all, recursive, direct and indirect"
            )
        return self._pin_ls(type)

    def _pin_ls(self, type: str) -> Iterator[Pin]:  # noqa: A002
        after: CID | None = None
        while type != "indirect":
            page = _native.repo_pins(self._core, after, _PAGE)
            for cid, recursive, name in page:
                kind: PinType = "recursive" if recursive else "direct"
                if type in ("all", kind):
                    yield Pin(cid, kind, name)
                after = cid
            if len(page) < _PAGE:
                break
        if type in ("all", "indirect"):
            for cid in _native.repo_indirect_pins(self._core):
                yield Pin(cid, "indirect")

    def pin_find(self, path: IPFSPath) -> Pin | None:
        """Say how a block is pinned, and below what; `None` if it is not."""
        cid, names = _native.split_path(path)
        if names or isinstance(cid, str):
            cid = _native.repo_resolve(self._core, path)[0]
        found = _native.repo_pinned(self._core, cid)
        if found is None:
            return None
        kind, name, root = found
        return Pin(cid, kind, name, root if kind == "indirect" else None)

    def pin_verify(self) -> Iterator[PinCheck]:
        """Check every recursive pin: whether all its blocks are there and whole."""
        for pin in self.pin_ls("recursive"):
            missing, error = None, None
            try:
                missing = _native.repo_first_missing(self._core, pin.cid)
            except (InvalidInputError, IndexDamagedError, FileIOError) as problem:
                error = str(problem)
            yield PinCheck(pin.cid, missing, error)
