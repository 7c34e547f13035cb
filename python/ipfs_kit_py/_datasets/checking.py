"""Reading every block of a version and hashing it, wherever it lies."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ipfs_kit_py._datasets.blocks import reader_of
from ipfs_kit_py._native import CID, check_cancelled, ipld_decode
from ipfs_kit_py.errors import BlockNotFoundError, IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import ProgressCallback
    from ipfs_kit_py._ml.client import Client

_LINKING: Final = {"dag-pb", "dag-cbor", "dag-json"}
# Blocks that are asked for together.
_AT_ONCE: Final = 64


class Checked(NamedTuple):
    """What was found."""

    blocks: int
    """Blocks that are what their CIDs name."""
    bytes: int
    missing: dict[CID, str]
    """Blocks that nobody could give, and why."""
    damaged: dict[CID, str]
    """Blocks that cannot be used, and why."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.missing and not self.damaged


def check(
    client: "Client",
    root: CID,
    passing_over: set[CID],
    progress: "ProgressCallback | None" = None,
) -> Checked:
    """Read and hash every block below a root, each once.

    What is missing or damaged does not end it.

    Args:
        client: What to read from.
        root: Where to begin.
        passing_over: Blocks to leave alone, with what is below them alone.
        progress: Called with bytes and blocks done so far.
    """
    reader = reader_of(client)
    found = Checked(0, 0, {}, {})
    seen = {root, *passing_over}
    ahead = [root]
    while ahead:
        check_cancelled()
        some = ahead[-_AT_ONCE:]
        del ahead[-_AT_ONCE:]
        if hasattr(reader, "fetch"):
            # What cannot be had is found out below, one by one.
            with suppress(IPFSError, OSError):
                reader.fetch(some)
        for cid in some:
            try:
                block = reader.block_view(cid)
                # Who reads may have hashed it before, and is not asked to again.
                if not cid.verify(block):
                    found.damaged[cid] = "it is not what its CID names"
                    continue
                links = list(_links(cid, block))
            except BlockNotFoundError as error:
                found.missing[cid] = str(error)
                continue
            except (IPFSError, OSError) as error:
                found.damaged[cid] = str(error)
                continue
            found = found._replace(
                blocks=found.blocks + 1, bytes=found.bytes + len(block)
            )
            for target in links:
                if target not in seen:
                    seen.add(target)
                    ahead.append(target)
        if progress:
            progress(found.bytes, found.blocks)
    return found


def _links(cid: CID, block: Any) -> Iterator[CID]:  # noqa: ANN401 - a block
    if cid.codec in _LINKING:
        yield from _within(ipld_decode(block, cid.codec))


def _within(value: object) -> Iterator[CID]:
    if isinstance(value, CID):
        yield value
    elif isinstance(value, dict):
        for it in value.values():
            yield from _within(it)
    elif isinstance(value, list):
        for it in value:
            yield from _within(it)
