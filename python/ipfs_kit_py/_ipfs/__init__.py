"""The operations behind `ipfs_kit_py.ipfs.ipfs_py`, one file a topic."""
