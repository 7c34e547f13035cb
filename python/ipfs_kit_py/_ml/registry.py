"""Registries: names of one kind of thing, and the newest record of each.

A registry is a signed head that leads to a record in dag-cbor::

    {"type": "ipfs-kit/registry/1", "kind": "models",
     "names": {name: link to the record of that name},
     "previous": text of the CID of the record before this one, or null}

What the head leads to is kept from collection, with all below. `previous` is text and no
link, so that what was removed can be collected; who has not collected can go back by it.
"""

import random
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, cast

from ipfs_kit_py._ml.heads import Head, Stand
from ipfs_kit_py._ml.names import check_label
from ipfs_kit_py._native import CID, ipld_decode
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    ConflictError,
    InvalidCIDError,
    LimitExceededError,
    MalformedDataError,
    NotPinnedError,
    PinConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._ml.client import Client
    from ipfs_kit_py._repository import PinType
    from ipfs_kit_py._repository.blocks import BlockReading

TYPE: Final = "ipfs-kit/registry/1"
CODEC: Final = "dag-cbor"
# A block of this size is one that every node takes.
MOST_RECORD_BYTES: Final = 1 << 20
# So long one who is always overtaken tries again.
_PATIENCE_SECONDS: Final = 120.0
# What the pin of a change is called, after the key, and before the time.
_SINCE: Final = ": being registered since "
_DAY_SECONDS: Final = 86_400
# How often a block is written anew that was collected before it was pinned.
_TRIES: Final = 5


class Contents(NamedTuple):
    """What a registry says at one moment."""

    names: dict[str, CID]
    """The record of each name."""
    cid: CID | None
    """The registry's own record; `None` before the first change."""
    previous: CID | None
    """The one before it, which may have been collected."""


class Registry:
    """The names of one kind, in one repository, for any number of processes.

    Args:
        client: Whose repository it is: what `client_of` gives.
        kind: What is registered: `models`, `datasets`. The key is `ipfs-kit-KIND`, which
            is made with the first change.
    """

    def __init__(self, client: "Client", kind: str) -> None:
        self._client = client
        self._kind = kind
        self._key = f"ipfs-kit-{kind}"
        self._head = Head(client.engine, self._key)

    @property
    def ipns_name(self) -> str | None:
        """The name of the head, `k51...`; `None` before the first change."""
        return self._head.name

    @property
    def is_kept_by_name(self) -> bool:
        """Whether nothing but the head keeps what it leads to; on Kubo, pins do."""
        return isinstance(self._client.engine, Repository)

    def check_writable(self) -> None:
        """Refuse at once what would be refused at the end of a change.

        Raises:
            ReadOnlyRepositoryError: The repository is read-only.
        """
        self._head.check_writable()

    def read(self) -> Contents:
        """Read what is registered now.

        Raises:
            MalformedDataError: The key's name leads to something else.
            BlockNotFoundError: The registry's record is nowhere.
        """
        return self._contents(self._head.read())

    def names(self) -> dict[str, CID]:
        """Give the record of each name."""
        return self.read().names

    def get(self, name: str) -> CID | None:
        """Give the record of one name; `None` if there is no such name."""
        return self.read().names.get(name)

    def record(self, cid: CID, kind: str) -> dict[str, Any]:
        """Read a record, wherever it is.

        Args:
            cid: A record's CID.
            kind: Its `type`.

        Raises:
            MalformedDataError: It is none of this type.
            LimitExceededError: It is larger than a record can be.
        """
        return read_record(self._client, cid, kind)

    def change(self, function: "Callable[[Draft], object]") -> Contents:
        """Change what is registered, in one step that nobody else comes between.

        Args:
            function: It changes `names` of the draft that it is given, and writes records
                with `put`; what was written for them it gives to `keep`. It is called
                again when another process was first, and whatever it raises ends the
                change with nothing done.

        Raises:
            ConflictError: Others were first for two minutes.
            ReadOnlyRepositoryError: The repository is read-only.
            LimitExceededError: These are more names than one record holds.
        """
        self.check_writable()
        end = time.monotonic() + _PATIENCE_SECONDS
        pause, collected = 0.001, 0
        while True:
            try:
                return self._changed(function)
            except ConflictError:
                if time.monotonic() > end:
                    raise
            except BlockNotFoundError:
                # What is gone was collected just now, or was never here.
                collected += 1
                if collected == _TRIES:
                    raise
            # Those who wait for the same length meet again.
            time.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
            pause = min(2 * pause, 0.5)

    def tidy(self) -> None:
        """Remove the pins of changes that were killed, a day ago or longer."""
        if not self.is_kept_by_name:
            return
        engine = self._client.engine
        kinds: tuple[PinType, ...] = ("recursive", "direct")
        for kind in kinds:
            for pin in engine.pin_ls(kind):
                key, _, since = (pin.name or "").rpartition(_SINCE)
                if key != self._key or not since.isdecimal():
                    continue
                if time.time() - int(since) > _DAY_SECONDS:
                    with suppress(NotPinnedError, PinConflictError):
                        engine.pin_rm(pin.cid, recursive=kind == "recursive")

    def _changed(self, function: "Callable[[Draft], object]") -> Contents:
        last = self._head.read()
        now = self._contents(last)
        with Draft(self._client.engine, self._key, dict(now.names)) as draft:
            function(draft)
            if draft.names == now.names:
                return now
            for name in draft.names:
                check_label(name)
            links = {"names": draft.names, "kind": self._kind, "type": TYPE}
            previous = None if now.cid is None else str(now.cid)
            cid = draft.put(links | {"previous": previous})
            self._head.move(last, cid)
            draft.settle(cid, now)
        return Contents(draft.names, cid, now.cid)

    def _contents(self, stand: Stand) -> Contents:
        if stand.cid is None:
            return Contents({}, None, None)
        value = self.record(stand.cid, TYPE)
        names, previous = value.get("names"), value.get("previous")
        if value.get("kind") != self._kind:
            raise MalformedDataError(
                f"{stand.cid} is a registry of {value.get('kind')!r}, not {self._kind}"
            )
        if not isinstance(names, dict) or not all(
            isinstance(link, CID) for link in names.values()
        ):
            raise MalformedDataError(f"{stand.cid} names what is no link")
        try:
            before = None if previous is None else CID(previous)
        except (InvalidCIDError, TypeError) as error:
            raise MalformedDataError(
                f"{stand.cid} follows on {previous!r}, which is no CID"
            ) from error
        return Contents(names, stand.cid, before)


class Draft:
    """A change that is being made: see `Registry.change`.

    What is written for it is pinned until the head leads to it. A Kubo node keeps nothing
    for a name, so there the pins stay.

    Attributes:
        names: The record of each name, as it is to be.
    """

    names: dict[str, CID]

    def __init__(self, engine: "Engine", key: str, names: dict[str, CID]) -> None:
        self.names = names
        self._engine = engine
        self._pinned: list[tuple[CID, bool]] = []
        self._dropped: list[CID] = []
        self._lasting = not isinstance(engine, Repository)
        self._pin_name = key if self._lasting else f"{key}{_SINCE}{int(time.time())}"

    def put(self, record: dict[str, Any]) -> CID:
        """Write a record.

        Raises:
            LimitExceededError: It is too large.
        """
        for _ in range(_TRIES):
            cid = self._engine.dag_put(record, CODEC)
            if self._engine.block_stat(cid) > MOST_RECORD_BYTES:
                raise LimitExceededError(
                    f"a record of more than {MOST_RECORD_BYTES:,} bytes: put what is "
                    "large into a file, and its CID into the record"
                )
            # Alone: a record may link what is elsewhere.
            with suppress(BlockNotFoundError):
                self._pin(cid, recursive=False)
                return cid
        raise ConflictError(f"{cid} was collected {_TRIES} times before it was pinned")

    def keep(self, *cids: CID) -> None:
        """Keep whole DAGs that records of this change link.

        Raises:
            BlockNotFoundError: Not all of one is here.
        """
        for cid in cids:
            self._pin(cid, recursive=True)

    def drop(self, *cids: CID) -> None:
        """Let go of what no record links any more, where pins keep it."""
        self._dropped += cids

    def settle(self, head: CID, before: Contents) -> None:
        """Keep what was written, and let go of what is over."""
        if not self._lasting:
            return
        over = {*before.names.values(), *([before.cid] if before.cid else ())}
        over -= {head, *self.names.values()}
        self._pinned = [(cid, False) for cid in over]
        self._pinned += [(cid, cid.codec != CODEC) for cid in self._dropped]

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release what was pinned for the time of the change."""
        for cid, recursive in self._pinned:
            with suppress(NotPinnedError, PinConflictError):
                self._engine.pin_rm(cid, recursive=recursive)

    def _pin(self, cid: CID, *, recursive: bool) -> None:
        if recursive and not self._lasting and self._is_pinned(cid):
            return
        # What is pinned with all below needs no pin of its own.
        with suppress(PinConflictError):
            self._engine.pin_add(cid, recursive=recursive, name=self._pin_name)
            self._pinned.append((cid, recursive))

    def _is_pinned(self, cid: CID) -> bool:
        """Tell whether a DAG is pinned as such, without looking below all pins."""
        try:
            self._engine.pin_rm(cid, recursive=False)
        except PinConflictError:
            return True
        except NotPinnedError:
            pass
        return False


def read_record(client: "Client", cid: CID, kind: str) -> dict[str, Any]:
    """Read a record in dag-cbor: see `Registry.record`."""
    if cid.codec != CODEC:
        raise MalformedDataError(f"{cid} is no record in {CODEC}, but {cid.codec}")
    # All that read do.
    data = cast("BlockReading", client.reader).block_get(cid)
    if len(data) > MOST_RECORD_BYTES:
        raise LimitExceededError(
            f"{cid} has {len(data):,} bytes, more than a record can have"
        )
    value = ipld_decode(data, CODEC)
    if not isinstance(value, dict) or value.get("type") != kind:
        raise MalformedDataError(f"{cid} is no {kind}")
    return value
