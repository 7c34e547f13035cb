"""Manifests as blocks: long lists of shards have blocks of their own."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from ipfs_kit_py._datasets.manifest import (
    MOST_SHARDS,
    MOST_SPLITS,
    Manifest,
    from_value,
    to_value,
)
from ipfs_kit_py._ml.fields import link
from ipfs_kit_py._native import CID, ipld_decode, ipld_encode
from ipfs_kit_py.errors import LimitExceededError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._ml.client import Client
    from ipfs_kit_py._sources import ChainReader

# Beyond it, shards are linked. Other nodes take no blocks of over 2 MiB.
_MOST_BYTES: Final = 1 << 20
_MOST_READ: Final = 2 << 20
# With the longest paths they are more than a block takes: then there are fewer.
_SHARDS_A_BLOCK: Final = 4096


def reader_of(client: "Client") -> "ChainReader":
    """Give what reads files, blocks and values alike: every reader does."""
    return cast("ChainReader", client.reader)


def put_manifest(client: "Client", manifest: Manifest) -> CID:
    """Write a manifest, durably and without a pin.

    Raises:
        InvalidParameterError: The metadata hold what no block can.
        LimitExceededError: The metadata are too long.
    """
    value = to_value(manifest)
    # What would not be read is not written.
    from_value(value)
    encoded = ipld_encode(value, "dag-cbor")
    if len(encoded) > _MOST_BYTES:
        for split in value["splits"].values():
            if split["shards"]:
                split["shards"] = _put_shards(client, split["shards"])
        encoded = ipld_encode(value, "dag-cbor")
    if len(encoded) > _MOST_BYTES:
        raise LimitExceededError(
            f"the manifest has {len(encoded):,} bytes without its shards, and one block "
            f"takes {_MOST_BYTES:,}: put long metadata into a file of the dataset"
        )
    return client.engine.block_put(encoded, "dag-cbor")


def _put_shards(client: "Client", shards: list[dict[str, Any]]) -> CID:
    lists = [client.engine.block_put(it, "dag-cbor") for it in _encoded(shards)]
    return client.engine.dag_put(lists)


def _encoded(shards: list[dict[str, Any]]) -> Iterator[bytes]:
    rest = iter(shards)
    while some := list(islice(rest, _SHARDS_A_BLOCK)):
        while some:
            encoded = ipld_encode(some, "dag-cbor")
            taken = len(some)
            while len(encoded) > _MOST_BYTES:
                taken //= 2
                encoded = ipld_encode(some[:taken], "dag-cbor")
            yield encoded
            some = some[taken:]


def get_manifest(client: "Client", cid: CID) -> Manifest:
    """Read a manifest, wherever its blocks are, and check it.

    Raises:
        MalformedDataError: It is no manifest, or one that contradicts itself.
        LimitExceededError: It has more of something than is read.
        BlockNotFoundError: A block of it is nowhere.
    """
    try:
        value = get_value(client, cid)
        given = value.get("splits") if isinstance(value, dict) else None
        if isinstance(given, dict) and len(given) <= MOST_SPLITS:
            left = MOST_SHARDS
            for split in given.values():
                if isinstance(split, dict) and isinstance(split.get("shards"), CID):
                    split["shards"] = _get_shards(client, split["shards"], left)
                    left -= len(split["shards"])
        return from_value(value)
    except MalformedDataError as error:
        raise MalformedDataError(f"{cid} is no dataset manifest: {error}") from error
    except LimitExceededError as error:
        raise LimitExceededError(f"{cid}: {error}") from error


def _get_shards(client: "Client", cid: CID, most: int) -> list[Any]:
    shards: list[Any] = []
    lists = get_value(client, cid)
    if not isinstance(lists, list):
        raise MalformedDataError(f"{cid} is no list of links to shards")
    for it in lists:
        some = get_value(client, link(it, "a link to shards"))
        # One that is empty would let a short list cost reading for ever.
        if not isinstance(some, list) or not some:
            raise MalformedDataError(f"{it} is no list of shards")
        shards += some
        if len(shards) > most:
            raise LimitExceededError(f"it has over {MOST_SHARDS:,} shards")
    return shards


def get_value(client: "Client", cid: CID) -> Any:  # noqa: ANN401 - whatever it holds
    """Read the value of a dag-cbor block.

    Raises:
        MalformedDataError: It is of another codec, or damaged.
        LimitExceededError: It is longer than blocks are.
    """
    if cid.codec != "dag-cbor":
        raise MalformedDataError(f"it is {cid.codec}, and not dag-cbor")
    block = reader_of(client).block_view(cid)
    if len(block) > _MOST_READ:
        raise LimitExceededError(
            f"a block of {len(block):,} bytes is over {_MOST_READ:,}"
        )
    return ipld_decode(block, cid.codec)
