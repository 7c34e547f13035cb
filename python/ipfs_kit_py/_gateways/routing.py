"""Delegated routing, version 1: asking a server over HTTP who has a block."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from ipfs_kit_py._gateways.address import Address, parse_address, url_of_multiaddr
from ipfs_kit_py._gateways.gateway import refused
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import ConfigurationError, UnreachableError

if TYPE_CHECKING:
    from ipfs_kit_py._gateways.client import Client, Reply

PROTOCOL: Final = "transport-ipfs-gateway-http"
_STREAM: Final = "application/x-ndjson"
_MOST_BYTES: Final = 4 << 20
_MOST_GATEWAYS: Final = 20
_GOOD: Final = 200
_NOT_FOUND: Final = 404


class Router:
    """A server that knows who has what.

    Args:
        address: Where it is.
        client: The connections to use.
    """

    def __init__(self, address: Address, client: "Client") -> None:
        self.address = address
        self._client = client

    def gateways_for(self, cid: CID) -> list[tuple[Address, bool]]:
        """Find gateways that have a block.

        Returns:
            Each with whether it must not be in a private network: those that a server in
            the world names must not, one in our own network may name its neighbours.

        Raises:
            UnreachableError: It cannot be asked, or its answer is broken.
            TimedOutError: It is too slow.
            LimitExceededError: Its answer has no end.
        """
        path = f"/routing/v1/providers/{cid.to_v1()}"
        accept = f"{_STREAM}, application/json"
        with self._client.get(self.address, path, accept) as reply:
            if reply.status == _NOT_FOUND:
                return []
            if reply.status != _GOOD:
                raise refused(reply)
            found = dict.fromkeys(_gateways(_records(reply)))
            return [(at, reply.is_public) for at in [*found][:_MOST_GATEWAYS]]


def _records(reply: "Reply") -> Iterable[object]:
    data = reply.read(_MOST_BYTES)
    try:
        if reply.content_type == _STREAM:
            return [json.loads(line) for line in data.splitlines() if line.strip()]
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreachableError("its answer is no JSON") from error
    providers = said.get("Providers") if isinstance(said, dict) else None
    if providers is None and isinstance(said, dict):
        return []
    if not isinstance(providers, list):
        raise UnreachableError("its answer is no list of providers")
    return providers


def _gateways(records: Iterable[object]) -> Iterator[Address]:
    """Give the gateways among providers; what is of no known form is passed over."""
    for record in records:
        if not isinstance(record, dict):
            continue
        protocols, addrs = record.get("Protocols"), record.get("Addrs")
        if not isinstance(addrs, list) or not isinstance(protocols, list):
            continue
        if PROTOCOL not in protocols:
            continue
        for text in addrs:
            url = _url(text)
            if url is not None:
                yield url


def _url(text: object) -> Address | None:
    if not isinstance(text, str):
        return None
    url = url_of_multiaddr(text) if text.startswith("/") else text
    if url is None:
        return None
    try:
        # Whoever named it has no password to give.
        return Address(parse_address(url).url)
    except ConfigurationError:
        return None
