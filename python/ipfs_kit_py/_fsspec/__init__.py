"""The parts of `ipfs_kit_py.ipfs_fsspec`: trees, lists, bytes, changes and numbers."""
