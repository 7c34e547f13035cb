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

Importing this loads the native core and nothing else, opens no file and starts no thread.
What a name needs is loaded when the name is first used.
"""

# Loaded at once, in a millisecond: who has a debug build is to know it.
from ipfs_kit_py._native import CID as CID
from ipfs_kit_py._native import DEBUG_BUILD as _DEBUG_BUILD
from ipfs_kit_py._native import Block as Block
from ipfs_kit_py._native import CancelToken as CancelToken
from ipfs_kit_py._native import CIDColumn as CIDColumn
from ipfs_kit_py._native import __version__ as __version__
from ipfs_kit_py._native import cid_of as cid_of
from ipfs_kit_py._native import cids_of as cids_of

_HOMES = {
    "_car": "CarBlock CarReport car_blocks car_pack car_roots car_unpack car_verify",
    "_hashing": "ImportParams TreeHash hash_file hash_files hash_tree",
    "_native": "Block CID CIDColumn CancelToken __version__ cid_of cids_of",
    "_repository": "AddResult Entry FileStat IPFSFile Pin Repository",
    "_snapshots": "SnapshotFile snapshot_download",
    "errors": "ErrorCode IPFSError",
}
"""Where public names come from: modules that are loaded when a name of theirs is used."""

__all__ = sorted(name for names in _HOMES.values() for name in names.split())

# As type checkers know it; to load `typing` takes longer than all that is loaded here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    # Where editors and type checkers find the same names; a test compares the two.
    from ipfs_kit_py._car import CarBlock as CarBlock
    from ipfs_kit_py._car import CarReport as CarReport
    from ipfs_kit_py._car import car_blocks as car_blocks
    from ipfs_kit_py._car import car_pack as car_pack
    from ipfs_kit_py._car import car_roots as car_roots
    from ipfs_kit_py._car import car_unpack as car_unpack
    from ipfs_kit_py._car import car_verify as car_verify
    from ipfs_kit_py._hashing import ImportParams as ImportParams
    from ipfs_kit_py._hashing import TreeHash as TreeHash
    from ipfs_kit_py._hashing import hash_file as hash_file
    from ipfs_kit_py._hashing import hash_files as hash_files
    from ipfs_kit_py._hashing import hash_tree as hash_tree
    from ipfs_kit_py._repository import AddResult as AddResult
    from ipfs_kit_py._repository import Entry as Entry
    from ipfs_kit_py._repository import FileStat as FileStat
    from ipfs_kit_py._repository import IPFSFile as IPFSFile
    from ipfs_kit_py._repository import Pin as Pin
    from ipfs_kit_py._repository import Repository as Repository
    from ipfs_kit_py._snapshots import SnapshotFile as SnapshotFile
    from ipfs_kit_py._snapshots import snapshot_download as snapshot_download
    from ipfs_kit_py.errors import ErrorCode as ErrorCode
    from ipfs_kit_py.errors import IPFSError as IPFSError
else:
    # Not for type checkers, who would believe that any name is there.
    def __getattr__(name: str) -> object:
        """Load the module that a name comes from, or that has this name."""
        from importlib import import_module

        for home, names in _HOMES.items():
            if name == home or name in names.split():
                module = import_module(f"{__name__}.{home}")
                found = module if name == home else getattr(module, name)
                return globals().setdefault(name, found)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """List what is loaded, and what can be."""
        return sorted({*globals(), *__all__})


if _DEBUG_BUILD:
    import warnings

    warnings.warn(
        "this ipfs_kit_py was built without optimisation: it is many times slower",
        RuntimeWarning,
        stacklevel=2,
    )
