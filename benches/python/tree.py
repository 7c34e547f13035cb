"""A tree of small files in the page cache to its root CID.

The bare reader lists the tree, opens, reads and closes every file and hashes nothing: no
hashing of a tree can pass it. aleph-cid runs in this process, the others in their own.
"""

from collections.abc import Iterator

import inputs
import peers
from harness import Lineup, Table, Work, compare

FILES = 100_000
FILE_BYTES = 4096


def tables(scale: float) -> Iterator[Table]:
    """Yield the table, with a share of the full number of files."""
    files = round(FILES * scale)
    folder = inputs.tree(files, FILE_BYTES)
    with peers.kubo_repository() as repository:
        lineup = Lineup()
        enter = lineup.enter
        enter(
            "ipfs-kit, 2 threads",
            lambda: Work(peers.ipfs_kit(folder, 2), files),
            ours=True,
        )
        enter("ipfs-kit, 1 thread", lambda: Work(peers.ipfs_kit(folder, 1), files))
        enter(
            "open, read, close, 2 threads",
            lambda: Work(peers.read_tree(folder, 2), files),
            target=0.7,
        )
        enter("aleph-cid", lambda: Work(peers.aleph_cid_tree(folder), files))
        enter("ipfs-unixfs-importer", lambda: Work(peers.importer("tree", folder), files))
        enter(
            "Kubo add --only-hash",
            lambda: Work(peers.kubo(repository, folder), files),
            target=10,
        )
        yield compare(
            f"a tree of {files:,} files of {FILE_BYTES} B to its root CID",
            "files",
            lineup,
        )
