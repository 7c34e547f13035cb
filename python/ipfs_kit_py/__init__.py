"""IPFS for Python with no daemon needed.

Exact CIDs at hardware speed, over a Rust core::

    from ipfs_kit_py import cid_of, cids_of, hash_file, hash_tree

    cid_of(b"hello world")  # of one buffer's bytes
    cids_of([b"one", b"two"]).strings()  # of many, side by side
    hash_file("movie.mp4")  # of a file, as `ipfs add` would name it
    hash_tree("photos")  # of a folder and all below

Blocks, pins and files in an embedded repository::

    from ipfs_kit_py import Repository

    with Repository() as repository:
        root = repository.add("photos").cid
        repository.cat(f"/ipfs/{root}/2024/sea.jpg")

Importing this loads nothing optional, opens no file and starts no thread.
"""

from ipfs_kit_py._car import (
    CarBlock,
    CarReport,
    car_blocks,
    car_pack,
    car_roots,
    car_unpack,
    car_verify,
)
from ipfs_kit_py._hashing import ImportParams, TreeHash, hash_file, hash_files, hash_tree
from ipfs_kit_py._native import (
    CID,
    DEBUG_BUILD,
    CancelToken,
    CIDColumn,
    __version__,
    cid_of,
    cids_of,
)
from ipfs_kit_py._repository import (
    AddResult,
    Block,
    Entry,
    FileStat,
    IPFSFile,
    Pin,
    Repository,
)
from ipfs_kit_py.errors import ErrorCode, IPFSError

__all__ = [
    "CID",
    "AddResult",
    "Block",
    "CIDColumn",
    "CancelToken",
    "CarBlock",
    "CarReport",
    "Entry",
    "ErrorCode",
    "FileStat",
    "IPFSError",
    "IPFSFile",
    "ImportParams",
    "Pin",
    "Repository",
    "TreeHash",
    "__version__",
    "car_blocks",
    "car_pack",
    "car_roots",
    "car_unpack",
    "car_verify",
    "cid_of",
    "cids_of",
    "hash_file",
    "hash_files",
    "hash_tree",
]

if DEBUG_BUILD:
    import warnings

    warnings.warn(
        "this ipfs_kit_py was built without optimisation: it is many times slower",
        RuntimeWarning,
        stacklevel=2,
    )
