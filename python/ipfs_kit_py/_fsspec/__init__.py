"""The parts of `ipfs_kit_py.ipfs_fsspec`: trees, their entries, ranges, and files."""
