"""A node's identity, its keys, and the names that it publishes."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ipfs_kit_py import _native
from ipfs_kit_py._kubo.client import ask, look
from ipfs_kit_py._kubo.replies import value_in
from ipfs_kit_py._kubo.session import Session
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSPath, Key, Published, Repository
from ipfs_kit_py._repository.names import LIFETIME, Renamed, Span, nanoseconds
from ipfs_kit_py.errors import (
    EngineError,
    EngineUnavailableError,
    InvalidParameterError,
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

    def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: Span = LIFETIME,
        ttl: "Span | None" = None,
    ) -> Published:
        """Sign what a key's name stands for, and tell others if the node is online.

        Returns:
            What was published. A node that is offline does not show its record: then
            `sequence` is -1, and `valid_until` is counted from now.
        """
        lasting = nanoseconds("lifetime", lifetime)
        value = f"/ipfs/{path}" if isinstance(path, CID) else _absolute(path)
        asked = ask(
            "name/publish",
            value,
            key=key,
            lifetime=f"{lasting}ns",
            ttl=None if ttl is None else f"{nanoseconds('ttl', ttl)}ns",
            allow_offline=True,
            ipns_base=_BASE,
        )
        found = self._client.call(asked)
        name: str = value_in(found, asked.command, str, "Name")
        try:
            record = self._client.read(look("name/get", name))
        except (OfflineError, EngineError, EngineUnavailableError, NotFoundError):
            # Offline, or from before there was such a command.
            until = datetime.now(UTC) + timedelta(microseconds=lasting // 1000)
            value = value_in(found, asked.command, str, "Value")
            return Published(name, value, -1, until)
        says = Repository.name_inspect(record)
        return Published(name, says.value, says.sequence, says.valid_until)

    def name_resolve(self, name: str = "self", *, recursive: bool = True) -> str:
        """Say which path a name stands for.

        Raises:
            NameNotFoundError: The node finds no record of it.
        """
        plain = name.removeprefix("ipns://").removeprefix("/ipns/").removeprefix("ipns:")
        first, slash, rest = plain.partition("/")
        keys = {key.name: key.id for key in self.key_ls()}
        asked = look(
            "name/resolve", keys.get(first, first) + slash + rest, recursive=recursive
        )
        found: str = value_in(self._client.call(asked), asked.command, str, "Path")
        return found


def _absolute(path: str) -> str:
    root, names = _native.split_path(path)
    kind = "ipfs" if isinstance(root, CID) else "ipns"
    return "/".join([f"/{kind}/{root}", *names])


def _key(found: Any, command: str) -> Key:  # noqa: ANN401 - checked here
    return Key(value_in(found, command, str, "Name"), value_in(found, command, str, "Id"))
