"""CIDs, multihashes and multiaddrs: parse, print, check, change.

Everything is computed by the Rust core. A multiaddr is text such as
`/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW...`, or the list of its parts, each a dictionary
with `protocol` and `value` (`None` for protocols that have none).
"""

import io
import os
from typing import Any, TypeAlias, TypedDict

from ipfs_kit_py._hashing import DEFAULT_PROFILE, hash_file, hash_tree
from ipfs_kit_py._native import (
    CID,
    cid_codecs,
    hash_functions,
    multiaddr_from_bytes,
    multiaddr_parts,
    multiaddr_to_bytes,
    multibases,
    multihash_decode,
    multihash_encode,
)
from ipfs_kit_py.errors import (
    InvalidCIDError,
    InvalidMultiaddrError,
    MultiaddrValidationError,
    UnsupportedHashError,
)

__all__ = [
    "CID",
    "MultiaddrParseError",
    "MultiaddrPart",
    "MultiaddrValidationError",
    "add_protocol",
    "cid_codecs",
    "decode_multihash",
    "get_protocol_value",
    "hash_functions",
    "ipfs_multiformats_py",
    "is_valid_cid",
    "is_valid_multiaddr",
    "multiaddr_from_bytes",
    "multiaddr_to_bytes",
    "multiaddr_to_string",
    "multibases",
    "multihash_encode",
    "parse_multiaddr",
    "remove_protocol",
    "replace_protocol",
]

MultiaddrParseError = InvalidMultiaddrError
"""The seed's name for text that is no multiaddr."""


class MultiaddrPart(TypedDict):
    """One protocol of a multiaddr."""

    protocol: str
    value: str | None


class DecodedMultihash(TypedDict):
    """A multihash taken apart."""

    code: int
    name: str
    length: int
    digest: bytes


Multiaddr: TypeAlias = str | list[MultiaddrPart]


def parse_multiaddr(text: str) -> list[MultiaddrPart]:
    """Split a multiaddr into its protocols.

    Raises:
        MultiaddrParseError: It is none, or holds a protocol that is not known.
    """
    return [{"protocol": name, "value": value} for name, value in multiaddr_parts(text)]


def multiaddr_to_string(parts: list[MultiaddrPart]) -> str:
    """Print a multiaddr in its canonical form.

    Raises:
        MultiaddrParseError: The parts make none.
    """
    text = "".join(
        f"/{part['protocol']}" + ("" if part["value"] is None else f"/{part['value']}")
        for part in parts
    )
    return multiaddr_from_bytes(multiaddr_to_bytes(text))


def _parts(address: Multiaddr) -> list[MultiaddrPart]:
    return parse_multiaddr(address) if isinstance(address, str) else list(address)


def get_protocol_value(address: Multiaddr, protocol: str) -> str | None:
    """Get the value of the first such protocol; `None` if it is not there or has none."""
    values = (part["value"] for part in _parts(address) if part["protocol"] == protocol)
    return next(values, None)


def add_protocol(address: Multiaddr, protocol: str, value: str | None = None) -> str:
    """Append a protocol.

    Raises:
        MultiaddrParseError: The result is no multiaddr.
    """
    part = MultiaddrPart(protocol=protocol, value=None if value is None else str(value))
    return multiaddr_to_string([*_parts(address), part])


def replace_protocol(address: Multiaddr, protocol: str, value: str | None) -> str:
    """Give every such protocol another value.

    Raises:
        MultiaddrParseError: The result is no multiaddr.
        MultiaddrValidationError: The protocol is not there.
    """
    parts = _parts(address)
    if all(part["protocol"] != protocol for part in parts):
        message = f"{multiaddr_to_string(parts)} has no protocol {protocol!r} to replace"
        raise MultiaddrValidationError(message)
    new = None if value is None else str(value)
    return multiaddr_to_string(
        [
            MultiaddrPart(protocol=protocol, value=new)
            if part["protocol"] == protocol
            else part
            for part in parts
        ]
    )


def remove_protocol(address: Multiaddr, protocol: str) -> str:
    """Leave every such protocol out; one that is not there changes nothing."""
    parts = [part for part in _parts(address) if part["protocol"] != protocol]
    return multiaddr_to_string(parts)


_NETWORKS = {"ip4", "ip6", "dns", "dns4", "dns6", "dnsaddr", "unix"}
_TRANSPORTS = {"tcp", "udp", "unix", "dnsaddr"}


def is_valid_multiaddr(address: str, context: str | None = None) -> bool:
    """Check a multiaddr, and whether it serves a purpose.

    Args:
        address: Its text.
        context: `peer` needs a peer ID, `listen` a network and transport and no peer ID,
            `dial` a network and transport; `None` needs nothing more.

    Returns:
        Whether it is well formed.

    Raises:
        MultiaddrValidationError: It is well formed but does not serve the context, or no
            such context exists.
    """
    try:
        names = {part["protocol"] for part in parse_multiaddr(address)}
    except InvalidMultiaddrError:
        return False
    match context:
        case None:
            problem = None
        case "peer":
            problem = None if "p2p" in names else "it names no peer: add /p2p/ID"
        case "listen" if "p2p" in names:
            problem = "an address to listen on names no peer"
        case "listen" | "dial":
            problem = _missing_layer(names)
        case _:
            problem = f"there is no context {context!r} (peer, listen, dial)"
    if problem is not None:
        raise MultiaddrValidationError(f"{address}: {problem}")
    return True


def _missing_layer(names: set[str]) -> str | None:
    if not names & _NETWORKS:
        return "it names no network: ip4, ip6 or dns"
    if not names & _TRANSPORTS:
        return "it names no transport: tcp or udp"
    return None


def is_valid_cid(value: object) -> bool:
    """Whether this is the text, the bytes or the object of exactly one CID."""
    if not isinstance(value, str | bytes | bytearray | memoryview | CID):
        return False
    try:
        CID(value)
    except (InvalidCIDError, UnsupportedHashError):
        return False
    return True


def decode_multihash(multihash: bytes | str) -> DecodedMultihash:
    """Take a multihash apart.

    Args:
        multihash: Its bytes, their hexadecimal text, or the text of a CIDv0, which is
            one.

    Raises:
        InvalidCIDError: It is no multihash.
    """
    if isinstance(multihash, str):
        try:
            multihash = bytes.fromhex(multihash)
        except ValueError:
            multihash = CID(multihash).multihash
    code, digest = multihash_decode(multihash)
    names = {known: name for name, known, _ in hash_functions()}
    name = names.get(code, f"{code:#x}")
    return {"code": code, "name": name, "length": len(digest), "digest": digest}


class ipfs_multiformats_py:  # noqa: N801 - the name its users know
    """The same functions as methods, as the original package had them."""

    def __init__(
        self,
        resources: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Keep the configuration; `metadata["cid_profile"]` chooses the profile."""
        self.resources = resources or {}
        self.metadata = metadata or {}

    def get_cid(self, content_or_path: str | bytes | os.PathLike[str]) -> str:
        """Compute the CID of a file, a folder, or content.

        Bytes are content. Text is a path if something stands there, else content.

        Raises:
            IPFSError: As `hash_file` and `hash_tree`.
        """
        profile = str(self.metadata.get("cid_profile", DEFAULT_PROFILE))
        if isinstance(content_or_path, os.PathLike) or (
            isinstance(content_or_path, str) and _exists(content_or_path)
        ):
            from pathlib import Path

            path = Path(content_or_path)
            hashed = hash_tree if path.is_dir() else hash_file
            return str(hashed(path, profile))
        content = content_or_path
        data = content.encode() if isinstance(content, str) else content
        return str(hash_file(io.BytesIO(data), profile))

    def is_valid_cid(self, value: object) -> bool:
        """Whether this is exactly one CID."""
        return is_valid_cid(value)


def _exists(text: str) -> bool:
    from pathlib import Path

    try:
        return Path(text).exists()
    except (OSError, ValueError):
        # Too long for a path, or with a zero byte: content.
        return False
