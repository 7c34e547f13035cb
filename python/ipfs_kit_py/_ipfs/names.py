"""Who this node is, its keys, and the names that it publishes."""

from typing import Any, Literal

from ipfs_kit_py._ipfs.node import Node
from ipfs_kit_py._repository import IPFSPath, Key
from ipfs_kit_py._results import operation


class Names(Node):
    """Identity, keys and IPNS names.

    With the embedded engine records are signed and kept here: others see them when they
    are given to a node that is on the network.
    """

    @operation("ipfs_id")
    def ipfs_id(self) -> dict[str, Any]:
        """Say who this node is.

        Returns:
            `ID`, `Addresses`, `AgentVersion`, `ProtocolVersion`, and the same in lower
            case: `id`, `addresses`, `agent_version`, `protocol_version`.
        """
        return identity(self)

    @operation("key_gen")
    def key_gen(
        self,
        name: str,
        *,
        type: Literal["ed25519"] = "ed25519",  # noqa: A002 - Kubo's name
    ) -> dict[str, Any]:
        """Make a key: `Name`, `Id`."""
        return _key(self._engine.key_gen(name, type))

    @operation("key_list")
    def key_list(self) -> dict[str, Any]:
        """List the keys: `Keys` and `keys`, each with `Name`, `Id`."""
        keys = [_key(key) for key in self._engine.key_ls()]
        return {"keys": keys, "Keys": keys, "count": len(keys)}

    @operation("key_rename")
    def key_rename(self, old: str, new: str, *, force: bool = False) -> dict[str, Any]:
        """Give a key another name."""
        done = self._engine.key_rename(old, new, force=force)
        found = {"was": old, "Was": old, "overwrite": done.overwritten}
        return _key(done.key) | found

    @operation("key_rm")
    def key_rm(self, name: str) -> dict[str, Any]:
        """Remove a key. What it signed cannot be changed any more."""
        return _key(self._engine.key_rm(name))

    @operation("name_publish")
    def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: str | float = "48h",
        ttl: str | float | None = None,
    ) -> dict[str, Any]:
        """Sign that the name of a key stands for a path.

        Returns:
            `name` and `Name`, `value` and `Value`, `ipns_name`, `sequence`.
        """
        return self._publish(path, key, lifetime, ttl)

    @operation("ipfs_name_publish")
    def ipfs_name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: str | float = "48h",
        ttl: str | float | None = None,
    ) -> dict[str, Any]:
        """Do what `name_publish` does."""
        return self._publish(path, key, lifetime, ttl)

    @operation("name_resolve")
    def name_resolve(
        self, name: str | None = None, *, recursive: bool = True
    ) -> dict[str, Any]:
        """Follow a name; that of this node if none is given.

        Returns:
            `path` and `Path`; `ipns_name`; `resolved_cid`, the path without `/ipfs/`.
        """
        return self._resolve(name, recursive=recursive)

    @operation("ipfs_name_resolve")
    def ipfs_name_resolve(
        self, name: str | None = None, *, recursive: bool = True
    ) -> dict[str, Any]:
        """Do what `name_resolve` does."""
        return self._resolve(name, recursive=recursive)

    def _publish(
        self,
        path: IPFSPath,
        key: str,
        lifetime: str | float,
        ttl: str | float | None,
    ) -> dict[str, Any]:
        done = self._engine.name_publish(path, key=key, lifetime=lifetime, ttl=ttl)
        return {
            "name": done.name,
            "Name": done.name,
            "ipns_name": done.name,
            "value": done.value,
            "Value": done.value,
            "sequence": done.sequence,
        }

    def _resolve(self, name: str | None, *, recursive: bool) -> dict[str, Any]:
        asked = "self" if name is None else name
        path = self._engine.name_resolve(asked, recursive=recursive)
        return {
            "path": path,
            "Path": path,
            "ipns_name": asked,
            "resolved_cid": path.removeprefix("/ipfs/"),
        }


def identity(node: Node) -> dict[str, Any]:
    """Say who a node is, under the names of both worlds."""
    engine = node.engine
    addresses = engine.addresses()
    agent, protocol = engine.agent_version, "ipfs/0.1.0"
    return {
        "ID": engine.peer_id,
        "id": engine.peer_id,
        "Addresses": addresses,
        "addresses": addresses,
        "AgentVersion": agent,
        "agent_version": agent,
        "ProtocolVersion": protocol,
        "protocol_version": protocol,
    }


def _key(key: Key) -> dict[str, Any]:
    return {"name": key.name, "Name": key.name, "id": key.id, "Id": key.id}
