"""What a token says: the spaces that it lets one into, what for, and until when.

The token is a CAR of signed delegations (UCANs), as text of multibase `u`. Whether it is
good, only the service tells.
"""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ipfs_kit_py import _native
from ipfs_kit_py.errors import (
    ConfigurationError,
    InvalidParameterError,
    IPFSError,
    PathNotFoundError,
)

_VARIANT: Final = "ucan@"
_KEY: Final = "did:key:"
# Deeper ones nobody makes.
_MOST_PROOFS: Final = 100


class Delegated(NamedTuple):
    """What a token lets one do in a space."""

    name: str
    """The space's name, or its DID if the token knows none."""
    did: str
    abilities: tuple[str, ...]
    expires: float | None
    """Seconds since 1970; `None` for never."""


def spaces_of(token: str) -> list[Delegated]:
    """List the spaces that a token lets one into.

    Raises:
        ConfigurationError: It is no token of this kind.
    """
    try:
        root, blocks = _blocks(token)
        outer = _delegation(root, blocks)
        names = dict(_names(outer, blocks))
        abilities: dict[str, list[str]] = {}
        for capability in outer["att"]:
            did, ability = capability["with"], capability["can"]
            if not (isinstance(did, str) and isinstance(ability, str)):
                raise _no_token()
            if did.startswith(_KEY):
                abilities.setdefault(did, []).append(ability)
        expires = outer.get("exp")
        until = float(expires) if isinstance(expires, int) else None
    except (IPFSError, KeyError, TypeError, ValueError, AttributeError):
        # What is wrong in detail might show some of it.
        raise _no_token() from None
    return [
        Delegated(names.get(did, did), did, tuple(found), until)
        for did, found in abilities.items()
    ]


def space_of(space: str | None, default: str | None, token: str | None) -> str:
    """Give the DID of a space by its name or DID, or of the only one there is.

    Raises:
        InvalidParameterError: There is not exactly one, and none is named.
        PathNotFoundError: The token knows none of this name.
    """
    wanted = space or default
    if wanted is not None and wanted.startswith("did:"):
        if not wanted.isprintable() or not wanted.isascii() or " " in wanted:
            raise InvalidParameterError(f"{wanted!r} is no DID")
        return wanted
    known = spaces_of(token) if token else []
    if wanted is not None:
        known = [it for it in known if it.name == wanted]
    if len(known) == 1:
        return known[0].did
    if wanted is None:
        raise InvalidParameterError(
            f"the token is for {len(known) or 'no'} spaces: name one, or set "
            "storacha.space"
        )
    if known:
        raise InvalidParameterError(f"{len(known)} spaces are called {wanted!r}")
    raise PathNotFoundError(2, "the token knows no space of this name", wanted)


def _no_token() -> ConfigurationError:
    return ConfigurationError(
        "the token of the upload service (storacha_token) is no delegation: it begins "
        "with `u`, and is what `storacha bridge generate-tokens` calls the Authorization "
        "header"
    )


def _blocks(token: str) -> tuple[str, dict[str, bytes]]:
    """Take a token apart: its root, and the bytes of each block by its CID."""
    from ipfs_kit_py._gateways.car import car_blocks

    if not token.startswith("u"):
        raise _no_token()
    text = token[1:]
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise _no_token() from None
    blocks = {str(cid): block for cid, block in car_blocks(iter([data]))}
    for cid, block in blocks.items():
        if not _native.CID(cid).verify(block):
            raise _no_token()
        found = _decoded(block)
        if isinstance(found, dict) and len(found) == 1:
            [(variant, link)] = found.items()
            if variant.startswith(_VARIANT):
                return str(link), blocks
    raise _no_token()


def _decoded(block: bytes) -> Any:  # noqa: ANN401 - whatever it holds
    try:
        return _native.ipld_decode(block, "dag-cbor")
    except IPFSError:
        return None


def _delegation(cid: str, blocks: Mapping[str, bytes]) -> dict[str, Any]:
    found = _decoded(blocks[cid])
    if not isinstance(found, dict) or not isinstance(found.get("att"), list):
        raise _no_token()
    return found


def _names(
    outer: Mapping[str, Any], blocks: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    """Find what the spaces are called, in a delegation and those that prove it."""
    left, seen = [outer], set[str]()
    while left and len(seen) < _MOST_PROOFS:
        found = left.pop()
        for fact in found.get("fct") or ():
            space = fact.get("space") if isinstance(fact, dict) else None
            name = space.get("name") if isinstance(space, dict) else None
            if isinstance(name, str) and name:
                dids = {it["with"] for it in found["att"]}
                if len(dids) == 1:
                    yield dids.pop(), name
        proofs = {str(it) for it in found.get("prf") or ()} & blocks.keys()
        left += [_delegation(it, blocks) for it in proofs - seen]
        seen |= proofs
