"""Folders by CID, kept on the disk as files."""

from ipfs_kit_py._snapshots.download import SnapshotFile, snapshot_download

__all__ = ["SnapshotFile", "snapshot_download"]
