"""The IPNS records that a node keeps, as they are: to the bit.

An online node gives them over its RPC API. One that is offline refuses to, and gives them
through its gateway alone, which need not be anywhere. Whoever gives one, it is verified.
"""

import base64
import json
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ipfs_kit_py._gateways.address import Address as GatewayAddress
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._kubo.address import Address, gateway_of_repository, parse_address
from ipfs_kit_py._kubo.client import Client, ask, look
from ipfs_kit_py._kubo.errors import broken
from ipfs_kit_py._kubo.multipart import one_file
from ipfs_kit_py._kubo.replies import value_in
from ipfs_kit_py._repository import RecordInfo, Repository
from ipfs_kit_py.errors import (
    EngineUnavailableError,
    InvalidRecordError,
    IPFSError,
    LimitExceededError,
    NameNotFoundError,
    OfflineError,
)

_TYPE: Final = "application/vnd.ipfs.ipns-record"
_MOST_BYTES: Final = 10 << 10
_GOOD, _NOT_FOUND, _FAILED = 200, 404, 500
# What Kubo calls an event of its routing that brings a value.
_VALUE = 5


def read_record(
    client: Client, folder: StrPath, name: str, *, local: bool = False
) -> bytes:
    """Get the newest record of a name that the node knows or finds.

    Args:
        client: The node's RPC API.
        folder: Its repository, as far as that is known.
        name: `k51...`.
        local: Let it ask nobody else.

    Raises:
        NameNotFoundError: It knows none.
        OfflineError: The node is offline, and no gateway of it can be reached.
        InvalidRecordError: What it gave is not signed by the owner of the name.
    """
    try:
        record = _over_rpc(client, name, local=local)
    except OfflineError as error:
        place = _gateway(client, folder)
        if place is None:
            raise OfflineError(
                "a node that is offline gives its records through its gateway alone,"
                " and it has none that is known here"
            ) from error
        record = _through_gateway(client, place, name)
    inspected(record, name)
    return record


def write_record(client: Client, name: str, record: bytes) -> None:
    """Have the node keep a record, and tell others of it if it is online.

    Raises:
        InvalidRecordError: It has a newer one.
    """
    body = one_file([record])
    try:
        client.call(ask("name/put", name, body=body, allow_offline=True))
    except EngineUnavailableError as error:
        if error.recoverable:
            raise
        # A node from before there was such a command.
        said = ask("routing/put", f"/ipns/{name}", body=body, allow_offline=True)
        client.read(said)


def inspected(record: bytes, name: str) -> RecordInfo:
    """Read a record that the owner of a name must have signed.

    Raises:
        InvalidRecordError: Somebody else did, or nobody.
    """
    says = Repository.name_inspect(record, verify=name)
    # That one is over is no lie.
    if says.error is not None and not says.is_expired:
        raise InvalidRecordError(f"the record of {name} is not good: {says.error}")
    return says


def _over_rpc(client: Client, name: str, *, local: bool) -> bytes:
    offline = local or None
    try:
        return client.read(look("name/get", name, offline=offline))
    except EngineUnavailableError as error:
        if error.recoverable:
            raise
    # A node from before there was such a command.
    asked = look("routing/get", f"/ipns/{name}", offline=offline)
    for line in client.lines(asked):
        if isinstance(line, dict) and line.get("Type") == _VALUE:
            try:
                return base64.b64decode(value_in(line, asked.command, str, "Extra"))
            except ValueError as error:
                raise broken(asked.command, "a record is no base64") from error
    raise NameNotFoundError(f"the node finds no record of {name}")


def _through_gateway(client: Client, place: str, name: str) -> bytes:
    from ipfs_kit_py._gateways.client import Client as Getting

    path = f"/ipns/{name}?format=ipns-record"
    with (
        closing(Getting(client.connect_seconds, client.stall_seconds)) as getting,
        getting.get(GatewayAddress(place), path, _TYPE) as reply,
    ):
        if reply.status == _GOOD and reply.content_type == _TYPE:
            with suppress(LimitExceededError):
                return reply.read(_MOST_BYTES)
            raise broken("name/get", f"a record of over {_MOST_BYTES} bytes")
        if reply.status in (_NOT_FOUND, _FAILED):
            raise NameNotFoundError(f"the node knows no record of {name}")
    raise OfflineError(f"the gateway at {place} gives no records ({reply.status})")


def _gateway(client: Client, folder: StrPath) -> str | None:
    """Find out where the gateway of a node is."""
    if (note := gateway_of_repository(folder)) and _is_of(client, folder):
        return note
    try:
        said = client.call(look("config/show"))["Addresses"]["Gateway"]
    except (IPFSError, LookupError, TypeError):
        return None
    listening = [said] if isinstance(said, str) else said or []
    seen = (_seen_from_here(one, client.place) for one in listening)
    return next((url for url in seen if url is not None), None)


def _is_of(client: Client, folder: StrPath) -> bool:
    """Tell whether a folder is the repository of this node, and not of another."""
    who = value_in(client.call(look("id")), "id", str, "ID")
    try:
        config = json.loads((Path(folder) / "config").read_bytes())
        return bool(config["Identity"]["PeerID"] == who)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _seen_from_here(listens: Any, place: Address) -> str | None:  # noqa: ANN401 - checked here
    """Give the URL of what listens on the machine that the RPC API is on."""
    try:
        found = parse_address(listens)
    except (IPFSError, AttributeError):
        return None
    there, parts = urlsplit(place.url), urlsplit(found.url)
    if not parts.port or found.socket is not None:
        return None
    if parts.hostname not in ("127.0.0.1", "::1"):
        return found.url
    # It listens at home, or everywhere.
    host = there.hostname or "localhost"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{parts.port}"
