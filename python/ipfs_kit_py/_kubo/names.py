"""A node's identity, its keys, and the names that it publishes."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ipfs_kit_py import _native
from ipfs_kit_py._kubo.client import Ask, ask, look
from ipfs_kit_py._kubo.multipart import one_file
from ipfs_kit_py._kubo.records import inspected, read_record, write_record
from ipfs_kit_py._kubo.replies import value_in
from ipfs_kit_py._kubo.session import Session
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSPath, Key, Published, Repository
from ipfs_kit_py._repository.names import LIFETIME, KeyFormat, Renamed, Span, valid_for
from ipfs_kit_py._repository.reading import checked
from ipfs_kit_py.errors import (
    EngineError,
    EngineUnavailableError,
    InvalidParameterError,
    InvalidRecordError,
    KeyNotFoundError,
    NotFoundError,
    OfflineError,
)

_BASE = "base36"


class Names(Session):
    """What keeps keys, publishes and resolves."""

    @property
    def peer_id(self) -> str:
        """Who the node is."""
        found: str = value_in(self._client.call(look("id")), "id", str, "ID")
        return found

    def key_gen(self, name: str, type: Literal["ed25519"] = "ed25519") -> Key:  # noqa: A002 - Kubo's name
        """Make a key to publish under.

        Raises:
            KeyExistsError: There is one of this name.
        """
        if type != "ed25519":
            raise InvalidParameterError(
                f"keys of type {type!r} are not made, but ed25519"
            )
        asked = ask("key/gen", name, type=type, ipns_base=_BASE)
        return _key(self._client.call(asked), asked.command)

    def key_ls(self) -> list[Key]:
        """List keys: the node's own, which is called `self`, then the others by name."""
        asked = look("key/list", ipns_base=_BASE)
        found = value_in(self._client.call(asked), asked.command, list, "Keys")
        keys = [_key(one, asked.command) for one in found]
        return sorted(keys, key=lambda key: (key.name != "self", key.name))

    def key_rename(self, old: str, new: str, *, force: bool = False) -> Renamed:
        """Give a key another name.

        Raises:
            KeyNotFoundError: There is no such key.
            KeyExistsError: There is one of the new name, and `force` is not given.
        """
        asked = ask("key/rename", old, new, force=force, ipns_base=_BASE)
        found = self._client.call(asked)
        key = Key(
            value_in(found, asked.command, str, "Now"),
            value_in(found, asked.command, str, "Id"),
        )
        return Renamed(key, bool(found.get("Overwrite")))

    def key_rm(self, name: str) -> Key:
        """Remove a key for good.

        Raises:
            KeyNotFoundError: There is no such key.
        """
        asked = ask("key/rm", name, ipns_base=_BASE)
        found = value_in(self._client.call(asked), asked.command, list, "Keys")
        for one in found:
            return _key(one, asked.command)
        raise KeyNotFoundError(f"the node has no key {name}")

    def key_import(
        self,
        name: str,
        data: bytes,
        format: KeyFormat = "libp2p-protobuf-cleartext",  # noqa: A002 - Kubo's name
    ) -> Key:
        """Give the node a private key that was made elsewhere; none can be its own.

        Raises:
            InvalidKeyError: The bytes are no key.
            KeyExistsError: There is one of this name.
        """
        body = one_file([data])
        asked = ask("key/import", name, body=body, format=format, ipns_base=_BASE)
        return _key(self._client.call(asked), asked.command)

    def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: Span = LIFETIME,
        ttl: "Span | None" = None,
        sequence: int | None = None,
        v1compat: bool = True,
        resolve: bool = True,
    ) -> Published:
        """Sign what a key's name stands for, and tell others if the node is online.

        The node has the key, so it signs; its record is to the bit what `Repository`
        would sign at that moment.

        Returns:
            What its record says. A node that is offline and has no gateway shows none:
            then `sequence` is -1, and `valid_until` is counted from now.
        """
        lifetime_ns, ttl_ns = valid_for(lifetime, ttl)
        value = f"/ipfs/{path}" if isinstance(path, CID) else _absolute(path)
        asked = ask(
            "name/publish",
            value,
            key=key,
            lifetime=f"{lifetime_ns}ns",
            ttl=f"{ttl_ns}ns",
            # What is so anyway is not said: older nodes know fewer of these.
            v1compat=None if v1compat else False,
            resolve=None if resolve else False,
            allow_offline=True,
            ipns_base=_BASE,
        )
        if checked("sequence", sequence) is not None:
            asked = asked.having({"sequence": sequence})
        name = self._ipns_name(key)
        before = self._record(name)
        self._publish(asked, before)
        record = self._record(name)
        if record is not None and record == before and sequence is None:
            # What the node signed was older than a record that others gave it.
            self._publish(asked, record, again=True)
            record = self._record(name)
        if record is None:
            until = datetime.now(UTC) + timedelta(microseconds=lifetime_ns // 1000)
            return Published(name, value, -1, until)
        says = inspected(record, name)
        return Published(name, says.value, says.sequence, says.valid_until)

    def name_get(self, name: str = "self") -> bytes:
        """Give the newest record of a name that the node knows, or finds if it is online.

        Raises:
            NameNotFoundError: There is none.
            OfflineError: The node is offline, and its gateway is not known.
        """
        return read_record(self._client, self._folder, self._ipns_name(name))

    def own_record(self, name: str) -> bytes | None:
        """Give the newest record of a name that the node has itself, asking nobody.

        Raises:
            OfflineError: The node is offline, and its gateway is not known.
        """
        known = self._ipns_name(name)
        try:
            return read_record(self._client, self._folder, known, local=True)
        except NotFoundError:
            return None

    def name_put(self, name: str, record: bytes) -> Published:
        """Give the node a record that anyone has signed, which it tells others.

        Raises:
            InvalidRecordError: It is not signed by the owner of the name, or is over, or
                older than the one that the node knows.
        """
        known = self._ipns_name(name)
        says = Repository.name_inspect(record, verify=known)
        if says.error is not None:
            raise InvalidRecordError(says.error)
        write_record(self._client, known, record)
        # A node that is offline takes an older one without a word, and forgets it.
        if self._record(known) not in (record, None):
            raise InvalidRecordError(f"the node knows a newer record of {known}")
        return Published(known, says.value, says.sequence, says.valid_until)

    name_inspect = staticmethod(Repository.name_inspect)

    def name_resolve(self, name: str = "self", *, recursive: bool = True) -> str:
        """Say which path a name stands for.

        Raises:
            NameNotFoundError: The node finds no record of it.
        """
        first, slash, rest = _plain(name).partition("/")
        keys = self._key_ids()
        known = keys.get(first, first)
        asked = look(
            "name/resolve",
            known + slash + rest,
            recursive=recursive,
            # An online node remembers what it found before it signed something newer.
            nocache=known in keys.values() or None,
        )
        found: str = value_in(self._client.call(asked), asked.command, str, "Path")
        return found

    def _publish(self, asked: Ask, known: bytes | None, *, again: bool = False) -> None:
        """Have the node sign, so that it follows on the record that is known."""
        if again and known is not None:
            last = Repository.name_inspect(known).sequence
            asked = asked.having({"sequence": last + 1})
        try:
            self._client.call(asked)
        except InvalidRecordError:
            if again or known is None or "sequence" in dict(asked.options):
                raise
            self._publish(asked, known, again=True)

    def _record(self, name: str) -> bytes | None:
        """Give the record of a name that the node has itself, if it shows it."""
        try:
            return self.own_record(name)
        except (OfflineError, EngineError, EngineUnavailableError):
            return None

    def _ipns_name(self, name: str) -> str:
        """Give the name of a key here, or another name, as others know it."""
        plain = _plain(name)
        return self._key_ids().get(plain) or _native.ipns_name(plain)[1]

    def _key_ids(self) -> dict[str, str]:
        return {key.name: key.id for key in self.key_ls()}


def _plain(name: str) -> str:
    return name.removeprefix("ipns://").removeprefix("/ipns/").removeprefix("ipns:")


def _absolute(path: str) -> str:
    root, names = _native.split_path(path)
    kind = "ipfs" if isinstance(root, CID) else "ipns"
    return "/".join([f"/{kind}/{root}", *names])


def _key(found: Any, command: str) -> Key:  # noqa: ANN401 - checked here
    return Key(value_in(found, command, str, "Name"), value_in(found, command, str, "Id"))
