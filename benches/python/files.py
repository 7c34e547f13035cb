"""One large file in the page cache to its root CID: whole processes, start-up and all.

`openssl dgst` reads and hashes one stream and makes no CID: it is the floor of whoever
hashes a file as one stream. The importers all work to the profile unixfs-v1-2025.
"""

from collections.abc import Iterator

import inputs
import peers
from harness import Lineup, Table, Work, compare

GIB = 1 << 30


def tables(scale: float) -> Iterator[Table]:
    """Yield the table, with a file of a share of its full size."""
    size = round(GIB * scale)
    path = inputs.file(size)
    with peers.kubo_repository() as repository:
        lineup = Lineup()
        enter = lineup.enter
        enter(
            "ipfs-kit, 2 threads", lambda: Work(peers.ipfs_kit(path, 2), size), ours=True
        )
        enter("ipfs-kit, 1 thread", lambda: Work(peers.ipfs_kit(path, 1), size))
        enter("openssl dgst -sha256", lambda: Work(peers.openssl(path), size), target=4)
        enter(
            "ipfs-unixfs-importer",
            lambda: Work(peers.importer("file", path), size),
            target=7,
        )
        enter("ipfs-car pack", lambda: Work(peers.ipfs_car(path), size))
        enter(
            "Kubo add --only-hash",
            lambda: Work(peers.kubo(repository, path), size),
            target=8,
        )
        yield compare(f"a file of {size / GIB:.3g} GiB to its root CID", "B", lineup)
