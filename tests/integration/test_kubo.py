"""What we name and pack is what a real Kubo names and packs, over random parameters.

The parameter sets are random and the same at every run. Kubo is asked through its command
line, and through its configuration for what has no flag.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipfs_kit_py import (
    InvalidParameterError,
    IPFSError,
    car_blocks,
    car_pack,
    car_roots,
    car_unpack,
    car_verify,
    hash_file,
    hash_tree,
)
from tests.inputs import numbered_files, random_tree, read_tree, write_tree

if TYPE_CHECKING:
    from tests.integration.conftest import Kubo

Params = dict[str, Any]

V0, V1 = "unixfs-v0-2015", "unixfs-v1-2025"
ESTIMATIONS = {"links-bytes": "links", "block-bytes": "block", "links-count": "disabled"}
# Kubo knows these two by its configuration alone.
SETTINGS = ("hamt_threshold", "hamt_size_estimation")
METADATA = ("preserve_mode", "preserve_mtime", "mode", "mtime")
