"""What we name and pack is what a real Kubo names and packs, over random parameters.

The parameter sets are random and the same at every run. Kubo is asked through its command
line, and through its configuration for what has no flag.
"""

from typing import Any

Params = dict[str, Any]

V0, V1 = "unixfs-v0-2015", "unixfs-v1-2025"
ESTIMATIONS = {"links-bytes": "links", "block-bytes": "block", "links-count": "disabled"}
# Kubo knows these two by its configuration alone.
SETTINGS = ("hamt_threshold", "hamt_size_estimation")
METADATA = ("preserve_mode", "preserve_mtime", "mode", "mtime")
