"""What two versions differ in: files by their CIDs, bytes by their blocks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ipfs_kit_py._datasets.blocks import reader_of
from ipfs_kit_py._datasets.manifest import Manifest
from ipfs_kit_py._native import CID

if TYPE_CHECKING:
    from ipfs_kit_py._ml.client import Client
    from ipfs_kit_py._sources import ChainReader


class Difference(NamedTuple):
    """From one version to another."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    """Files under the same path with other bytes, or cut into other blocks."""
    rows: dict[str, int]
    """By split: how many rows more there are, or fewer."""
    new_bytes: int
    """Bytes of the blocks of the second that the first has not."""
    shared_bytes: int
    """Bytes of the blocks that both have."""
    removed_bytes: int
    """Bytes of the blocks of the first that the second has not."""


def compare(client: "Client", before: Manifest, after: Manifest) -> Difference:
    """Compare two versions; folders that both have are not looked into."""
    reader = reader_of(client)
    added: list[str] = []
    removed: list[str] = []
    changed: list[str] = []
    for path, first, second in _pairs(reader, before.data, after.data):
        if first is None:
            added.append(path)
        elif second is None:
            removed.append(path)
        else:
            changed.append(path)
    rows = {
        name: _rows(after, name) - _rows(before, name)
        for name in sorted({*before.splits, *after.splits})
    }
    if before.data == after.data:
        return Difference([], [], [], rows, 0, reader.dag_stat(after.data).bytes, 0)
    sizes = reader.dag_stat([before.data, after.data])
    first_bytes, second_bytes = (it.bytes for it in sizes.roots)
    return Difference(
        added=sorted(added),
        removed=sorted(removed),
        changed=sorted(changed),
        rows=rows,
        new_bytes=sizes.bytes - first_bytes,
        shared_bytes=first_bytes + second_bytes - sizes.bytes,
        removed_bytes=sizes.bytes - second_bytes,
    )


def _rows(manifest: Manifest, split: str) -> int:
    found = manifest.splits.get(split)
    return found.rows if found else 0


def _pairs(
    reader: "ChainReader", before: CID, after: CID
) -> Iterator[tuple[str, CID | None, CID | None]]:
    """Give the files that differ: what stands at each path in one, and in the other."""
    ahead: list[tuple[str, CID | None, CID | None]] = [("", before, after)]
    while ahead:
        path, old, new = ahead.pop()
        if old == new:
            continue
        olds, news = _entries(reader, old), _entries(reader, new)
        # Of a file in the place of a folder, or the other way about, each is by itself.
        if old is not None and olds is None:
            yield path, old, new if news is None else None
        if new is not None and news is None and (old is None or olds is not None):
            yield path, None, new
        for name in (olds or {}).keys() | (news or {}).keys():
            below = f"{path}/{name}" if path else name
            ahead.append((below, (olds or {}).get(name), (news or {}).get(name)))


def _entries(reader: "ChainReader", cid: CID | None) -> dict[str, CID] | None:
    """Give what is in a folder; `None` if it is none."""
    if cid is None or cid.codec == "raw" or reader.stat(cid).kind != "directory":
        return None
    return {it.name: it.cid for it in reader.ls(cid, resolve=False)}
