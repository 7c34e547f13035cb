"""Pins of a node."""

import time
from collections.abc import Iterator
from typing import Any, Literal

from ipfs_kit_py import _native
from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.errors import broken, of_message
from ipfs_kit_py._kubo.replies import cid_in
from ipfs_kit_py._kubo.session import Session
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSPath, Pin, PinCheck, PinType
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    NotPinnedError,
    TimedOutError,
)

_BELOW = "indirect through "


class Pins(Session):
    """What pins."""

    def pin_add(
        self, path: IPFSPath, *, recursive: bool = True, name: str | None = None
    ) -> CID:
        """Keep a block from collection, with all below it or alone.

        What the node does not have it looks for, if it is online.

        Raises:
            BlockNotFoundError: Something that the pin would keep is not here.
            PinConflictError: It is to be pinned directly, and is pinned recursively.
            TimedOutError: The node finds nothing more of it.
        """
        cid = self._cid_at(path)
        asked = ask("pin/add", cid, recursive=recursive, name=name, progress=True)
        # While it looks for a block the node says twice a second how many it has.
        latest, since = None, time.monotonic()
        for line in self._client.lines(asked):
            if isinstance(line, dict) and line.get("Pins"):
                return cid
            if line != latest:
                latest, since = line, time.monotonic()
            elif time.monotonic() - since > self._client.stall_seconds:
                raise TimedOutError(f"the node finds no more of {cid} to pin")
        raise broken(asked.command, "it ends before anything is pinned")

    def pin_rm(self, path: IPFSPath, *, recursive: bool = True) -> CID:
        """Remove a pin; its blocks stay until they are collected.

        Raises:
            NotPinnedError: It is not pinned itself.
            PinConflictError: It is pinned recursively, and `recursive` is false.
        """
        cid = self._cid_at(path)
        self._client.call(ask("pin/rm", cid, recursive=recursive))
        return cid

    def pin_update(self, old: IPFSPath, new: IPFSPath, *, unpin: bool = True) -> CID:
        """Pin `new` recursively in the place of `old`, under the same name.

        Raises:
            NotPinnedError: `old` is not pinned recursively.
        """
        before, after = self._cid_at(old), self._cid_at(new)
        self._client.call(ask("pin/update", before, after, unpin=unpin))
        return after

    def pin_ls(
        self,
        type: Literal["all"] | PinType = "all",  # noqa: A002 - Kubo's name
    ) -> Iterator[Pin]:
        """List pins one after the other, in no particular order."""
        if type not in ("all", "recursive", "direct", "indirect"):
            raise InvalidParameterError(
                f"type {type!r} is not one of all, recursive, direct and indirect"
            )
        asked = look("pin/ls", type=type, names=True, stream=True)
        return (
            Pin(cid_in(line, asked.command, "Cid"), *_how(line))
            for line in self._client.lines(asked)
        )

    def pin_find(self, path: IPFSPath) -> Pin | None:
        """Say how a block is pinned, and below what; `None` if it is not."""
        cid = self._cid_at(path)
        asked = look("pin/ls", cid, names=True, stream=True)
        try:
            for line in self._client.lines(asked):
                return Pin(cid_in(line, asked.command, "Cid"), *_how(line))
        except NotPinnedError:
            pass
        return None

    def pin_verify(self) -> Iterator[PinCheck]:
        """Check every recursive pin: whether the node has all its blocks, and whole."""
        asked = look("pin/verify", verbose=True, patient=True)
        for line in self._client.lines(asked):
            if not line.get("Cid"):
                raise of_message(str(line.get("Err") or "pin/verify failed"))
            cid, lost, error = cid_in(line, asked.command, "Cid"), None, None
            for bad in line.get("BadNodes") or []:
                why = of_message(str(bad.get("Err")))
                if isinstance(why, BlockNotFoundError):
                    lost = lost or cid_in(bad, asked.command, "Cid")
                else:
                    error = error or str(why)
            yield PinCheck(cid, lost, error)


def _how(line: Any) -> tuple[PinType, str | None, CID | None]:  # noqa: ANN401 - checked here
    """Read how something is pinned: type, name, root."""
    said = line.get("Type")
    match said:
        case "recursive" | "direct" | "indirect":
            kind: PinType = said
            return kind, line.get("Name") or None, None
        case str() if said.startswith(_BELOW):
            return "indirect", None, _native.CID(said.removeprefix(_BELOW))
        case _:
            raise broken("pin/ls", f"a pin has the type {said!r}")
