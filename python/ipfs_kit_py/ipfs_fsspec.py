"""`ipfs://` and `mfs://` for everything that reads and writes through fsspec.

Importing this registers both; the entry points of the package do so without an import.
`ipfs` may be another package's as well: `ipfskit` is ours alone.
"""

from fsspec import register_implementation

from ipfs_kit_py._fsspec.file import TreeFile
from ipfs_kit_py._fsspec.immutable import IPFSFileSystem
from ipfs_kit_py._fsspec.mutable import MFSFileSystem
from ipfs_kit_py._fsspec.shards import register_webdataset

__all__ = ["IPFSFileSystem", "MFSFileSystem", "TreeFile", "register_webdataset"]

for _name in IPFSFileSystem.protocol:
    register_implementation(_name, IPFSFileSystem, clobber=True)
register_implementation("mfs", MFSFileSystem, clobber=True)
