"""Heads: what a key of the repository stands for now, changed by one at a time.

A head is an IPNS record, so it is named, signed and numbered. Whoever changes it says
which number it follows, and is refused if somebody else was first.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from ipfs_kit_py._native import CID, split_path
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import (
    ConflictError,
    InvalidParameterError,
    InvalidRecordError,
    KeyExistsError,
    MalformedDataError,
    NameNotFoundError,
    OfflineError,
    ReadOnlyRepositoryError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._engine.kubo import KuboEngine

# It is never over as long as anyone lives who could be surprised by it.
_LIFETIME: Final = f"{100 * 365}d"


class Stand(NamedTuple):
    """Where a head is."""

    cid: CID | None
    """What it leads to; `None` before the first change."""
    sequence: int | None
    """The number of its record; `None` where a node keeps that to itself."""


class Head:
    """The head under one key.

    Args:
        engine: Who keeps keys and names.
        key: The key's name.
    """

    def __init__(self, engine: "Engine", key: str) -> None:
        self._engine = engine
        self._key = key

    @property
    def name(self) -> str | None:
        """The IPNS name, `k51...`; `None` while there is no key."""
        return next((it.id for it in self._engine.key_ls() if it.name == self._key), None)

    def read(self) -> Stand:
        """Say where it is.

        Raises:
            InvalidRecordError: The record is not signed by the key.
            MalformedDataError: It leads to what is no CID.
        """
        name = self.name
        if name is None:
            return Stand(None, 0)
        engine = self._engine
        if isinstance(engine, Repository):
            try:
                return _stand(name, engine.name_get(name))
            except NameNotFoundError:
                return Stand(None, 0)
        try:
            record = _kubo(engine).own_record(name)
        except OfflineError:
            # It shows its records to nobody, and resolves its own names.
            with suppress(NameNotFoundError):
                return Stand(_cid(engine.name_resolve(name, recursive=False)), None)
            return Stand(None, None)
        return Stand(None, 0) if record is None else _stand(name, record)

    def move(self, last: Stand, to: CID) -> None:
        """Lead to a block from now on, if nobody has changed the head since `last`.

        Raises:
            ConflictError: Somebody has.
            ReadOnlyRepositoryError: The repository is read-only.
            BlockNotFoundError: The block is not here.
        """
        self._make_key()
        engine = self._engine
        if isinstance(engine, Repository):
            following = (last.sequence or 0) + 1
            try:
                engine.name_publish(
                    to, key=self._key, lifetime=_LIFETIME, sequence=following
                )
            except InvalidParameterError as error:
                if self.read() == last:
                    raise
                raise ConflictError(f"{self._key} was changed meanwhile") from error
            return
        with _alone(engine.peer_id, self._key):
            # Only those who share a node's key can be between this and the next line.
            if self.read() != last:
                raise ConflictError(f"{self._key} was changed meanwhile")
            node = _kubo(engine)
            if not last.sequence:
                node.name_publish(to, key=self._key, lifetime=_LIFETIME, resolve=False)
                return
            try:
                node.name_publish(
                    to,
                    key=self._key,
                    lifetime=_LIFETIME,
                    resolve=False,
                    sequence=last.sequence + 1,
                )
            except (InvalidParameterError, InvalidRecordError) as error:
                if self.read() == last:
                    raise
                raise ConflictError(f"{self._key} was changed meanwhile") from error

    def _make_key(self) -> None:
        if self.name is None:
            with suppress(KeyExistsError):
                self._engine.key_gen(self._key)

    def check_writable(self) -> None:
        """Refuse at once what would be refused at the end.

        Raises:
            ReadOnlyRepositoryError: The repository is read-only.
        """
        engine = self._engine
        if isinstance(engine, Repository) and engine.read_only:
            raise ReadOnlyRepositoryError(f"{engine.path} is read-only")


def _stand(name: str, record: bytes) -> Stand:
    says = Repository.name_inspect(record, verify=name)
    # One that is over still says what was last.
    if says.error is not None and not says.is_expired:
        raise InvalidRecordError(f"the record of {name} is not good: {says.error}")
    return Stand(_cid(says.value), says.sequence)


def _cid(path: str) -> CID:
    root, names = split_path(path)
    if names or not isinstance(root, CID):
        raise MalformedDataError(f"a registry's name leads to {path}, which is no CID")
    return root


def _kubo(engine: "Engine") -> "KuboEngine":
    from ipfs_kit_py._engine.kubo import KuboEngine

    if not isinstance(engine, KuboEngine):
        kind = type(engine).__name__
        raise InvalidParameterError(f"a {kind} keeps no heads of registries")
    return engine


@contextmanager
def _alone(peer_id: str, key: str) -> Iterator[None]:
    """Wait until no other process of this user changes this head of this node.

    Nodes compare numbers as well, unless they are too old to know of them.
    """
    import sys

    import platformdirs

    folder = platformdirs.user_state_path("ipfs-kit", appauthor=False) / "heads"
    folder.mkdir(parents=True, exist_ok=True)
    of = hashlib.sha256(f"{peer_id} {key}".encode()).hexdigest()
    with (folder / f"{of}.lock").open("ab") as file:
        if sys.platform == "win32":
            yield
            return
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Closing is not enough: a process that was forked meanwhile has it open too.
            fcntl.flock(file, fcntl.LOCK_UN)
