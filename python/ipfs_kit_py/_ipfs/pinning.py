"""Pins: what stays."""

from collections.abc import Iterable
from typing import Any, Literal

from ipfs_kit_py._ipfs.node import Node, both, pinned, text_of
from ipfs_kit_py._ipfs.reading import is_mutable
from ipfs_kit_py._repository import IPFSPath, Pin, PinType
from ipfs_kit_py._results import failed, operation, succeeded
from ipfs_kit_py.errors import CancelledError, InvalidParameterError, IPFSError


class Pinning(Node):
    """What pins."""

    @operation("pin_add")
    def pin_add(
        self, cid: IPFSPath, *, recursive: bool = True, name: str | None = None
    ) -> dict[str, Any]:
        """Keep something from collection, with all below it or alone.

        Returns:
            `pins`, the CID in a list, and `count`; `cid` and `Hash`.
        """
        return self._pin(cid, recursive=recursive, name=name)

    @operation("pin_rm")
    def pin_rm(self, cid: IPFSPath, *, recursive: bool = True) -> dict[str, Any]:
        """Remove a pin; the blocks stay until they are collected."""
        return _one(self._engine.pin_rm(cid, recursive=recursive))

    @operation("pin_ls")
    def pin_ls(
        self,
        type: Literal["all"] | PinType = "all",  # noqa: A002 - Kubo's name
        *,
        cid: IPFSPath | None = None,
    ) -> dict[str, Any]:
        """List pins, or say how one CID is pinned.

        Returns:
            `Keys`: a table by CID of tables with `Type`, and `Name` where there is one;
            `pins`, the CIDs in a list; `count`. Not pinned is no error: they are empty.
        """
        found = self._find(cid, type) if cid is not None else self._engine.pin_ls(type)
        keys = {str(pin.cid): _shown(pin) for pin in found}
        return {"Keys": keys, "pins": list(keys), "count": len(keys)}

    @operation("ipfs_get_pinset")
    def ipfs_get_pinset(self) -> dict[str, Any]:
        """List what is pinned directly or recursively: `pins`, types by CID."""
        pins = {
            str(pin.cid): pin.type
            for kind in ("recursive", "direct")
            for pin in self._engine.pin_ls(kind)
        }
        return {"pins": pins, "count": len(pins)}

    def pin_multiple(
        self,
        cids: Iterable[IPFSPath],
        *,
        recursive: bool = True,
        correlation_id: str | None = None,
    ) -> dict[str, Any]:
        """Pin many, each by itself.

        Returns:
            `total`, `successful`, `failed`, and `items`: the result of each by CID.
            `success` only if none failed.
        """
        if isinstance(cids, str):
            error = InvalidParameterError("this takes a list: use pin_add for one CID")
            return failed("pin_multiple", error, correlation_id)
        items: dict[str, Any] = {}
        for cid in cids:
            try:
                done = self._pin(cid, recursive=recursive, name=None)
                items[text_of(cid)] = succeeded("pin_add", correlation_id, **done)
            except CancelledError:
                raise
            except (IPFSError, OSError) as error:
                items[text_of(cid)] = failed("pin_add", error, correlation_id)
        good = sum(item["success"] for item in items.values())
        counts = {"total": len(items), "successful": good, "failed": len(items) - good}
        result = succeeded("pin_multiple", correlation_id, **counts, items=items)
        if good < len(items):
            first = next(item for item in items.values() if not item["success"])
            result.update(
                {key: first[key] for key in ("error_type", "error_code", "recoverable")},
                success=False,
                error=f"{len(items) - good} of {len(items)} failed: {first['error']}",
            )
            result.exception = first.exception
        return result

    @operation("ipfs_add_pin")
    def ipfs_add_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> dict[str, Any]:
        """Pin what `pin` or `cid` names, with all below."""
        return self._pin(one_of(pin, cid), recursive=True, name=None)

    @operation("ipfs_remove_pin")
    def ipfs_remove_pin(
        self, pin: IPFSPath | None = None, cid: IPFSPath | None = None
    ) -> dict[str, Any]:
        """Remove the pin of what `pin` or `cid` names."""
        return _one(self._engine.pin_rm(one_of(pin, cid)))

    @operation("ipfs_remove_path")
    def ipfs_remove_path(self, path: IPFSPath) -> dict[str, Any]:
        """Remove a path: an entry of the mutable files (`/a`), or the pin of a CID."""
        if is_mutable(path):
            self._engine.files_rm(text_of(path), recursive=True)
            return {"path": text_of(path), "unpinned": False}
        done = _one(self._engine.pin_rm(path))
        return done | {"path": text_of(path), "unpinned": True}

    @operation("gc")
    def gc(self) -> dict[str, Any]:
        """Remove every block that nothing keeps and that is older than an hour.

        Returns:
            `blocks`, `bytes` and `freed_bytes`.
        """
        return self._engine.gc()._asdict()

    def _pin(self, cid: IPFSPath, *, recursive: bool, name: str | None) -> dict[str, Any]:
        return _one(pinned(self, cid, recursive=recursive, name=name))

    def _find(self, cid: IPFSPath, kind: str) -> list[Pin]:
        found = self._engine.pin_find(cid)
        return [found] if found is not None and kind in ("all", found.type) else []


def one_of(pin: IPFSPath | None, cid: IPFSPath | None) -> IPFSPath:
    """Give the one that was given.

    Raises:
        InvalidParameterError: Both were, or none.
    """
    given = [path for path in (pin, cid) if path is not None]
    if len(given) != 1:
        raise InvalidParameterError("give either `pin` or `cid`: what to pin")
    return given[0]


def _one(cid: Any) -> dict[str, Any]:  # noqa: ANN401 - a CID
    return both(cid) | {"pins": [str(cid)], "count": 1}


def _shown(pin: Pin) -> dict[str, str]:
    shown = {"Type": str(pin.type)}
    return shown | ({"Name": pin.name} if pin.name else {})
