"""The embedded repository: one handle, `Repository`, and what its methods return."""

from ipfs_kit_py._native import Block
from ipfs_kit_py._repository.adding import AddResult
from ipfs_kit_py._repository.dags import DagSize, DagStat, ExportReport, ImportReport
from ipfs_kit_py._repository.handle import IPFSPath, default_path
from ipfs_kit_py._repository.ipfs_file import IPFSFile
from ipfs_kit_py._repository.names import Key, Published, RecordInfo, Renamed
from ipfs_kit_py._repository.pins import Pin, PinCheck, PinType
from ipfs_kit_py._repository.reading import Entry, FileStat, Link, Resolved
from ipfs_kit_py._repository.repository import Repository
from ipfs_kit_py._repository.upkeep import (
    BadBlock,
    GcReport,
    RebuildReport,
    RepoStat,
    VerifyReport,
)

__all__ = [
    "AddResult",
    "BadBlock",
    "Block",
    "DagSize",
    "DagStat",
    "Entry",
    "ExportReport",
    "FileStat",
    "GcReport",
    "IPFSFile",
    "IPFSPath",
    "ImportReport",
    "Key",
    "Link",
    "Pin",
    "PinCheck",
    "PinType",
    "Published",
    "RebuildReport",
    "RecordInfo",
    "Renamed",
    "RepoStat",
    "Repository",
    "Resolved",
    "VerifyReport",
    "default_path",
]
