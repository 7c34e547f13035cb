"""Which rows are to train with, to validate and to test, by the names of files.

The names are those that Hugging Face's datasets knows, in the same order: files like
`data/NAME-00000-of-00010.parquet`, then folders, then names of files. Else all is
`train`.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Final

from ipfs_kit_py._datasets.manifest import Shard, Split, in_order

TRAIN: Final = "train"
_WORDS: Final = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
_WORD: Final = re.compile(
    rf"(?:^|[-._ 0-9])({'|'.join(_WORDS)})(?=$|[-._ 0-9])", re.IGNORECASE
)
_NUMBERED: Final = re.compile(r"(?:.*/)?data/([\w.]+)-\d{5,}-of-\d{5,}\.\w+")


def split_named(text: str) -> str | None:
    """Say which split a name speaks of."""
    found = _WORD.search(text)
    return _WORDS[found[1].lower()] if found else None


def _by_number(path: str) -> str | None:
    found = _NUMBERED.fullmatch(path)
    return found and found[1]


def _by_folder(path: str) -> str | None:
    for folder in PurePosixPath(path).parts[:-1]:
        if name := split_named(folder):
            return name
    return None


def _by_file(path: str) -> str | None:
    return split_named(PurePosixPath(path).name)


_WAYS: Final[tuple[Callable[[str], str | None], ...]] = (_by_number, _by_folder, _by_file)


def divide(paths: Iterable[str]) -> dict[str, list[str]]:
    """Divide the paths of shards into splits.

    Where some names speak of splits, files whose names do not belong to none.
    """
    every = list(paths)
    for way in _WAYS:
        found: dict[str, list[str]] = {}
        for path in every:
            if name := way(path):
                found.setdefault(name, []).append(path)
        if found:
            return in_order(found)
    return {TRAIN: every}


def folders_of(folders: Iterable[str]) -> dict[str, str]:
    """Say which folder each split of a dataset of files is; `train` is all if none is.

    Args:
        folders: Folders at the top, and those in a folder `data` there.
    """
    found: dict[str, str] = {}
    for folder in sorted(folders):
        own = PurePosixPath(folder).name
        if name := split_named(own):
            # A second one for the same keeps its own name.
            found[own if name in found else name] = folder
    return in_order(found) if found else {TRAIN: ""}


def split_of(shards: Iterable[Shard]) -> Split:
    """Make a split of its shards."""
    all_ = tuple(shards)
    return Split(sum(it.rows for it in all_), sum(it.bytes for it in all_), all_)
