"""Which rows are to train with, to validate and to test, by the names of files.

The names are those that Hugging Face's datasets knows, in the same order: files like
`data/NAME-00000-of-00010.parquet`, then folders, then names of files. Else all is as it
was in the version before, or `train`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final

from ipfs_kit_py._datasets.manifest import Shard, Split, in_order
from ipfs_kit_py.errors import InvalidParameterError

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


def check_split(given: object) -> None:
    """Refuse what is no name of a split, or of files.

    Raises:
        InvalidParameterError: It is none.
    """
    is_name = isinstance(given, str) and given.isprintable() and "/" not in given
    if not is_name or given in {"", ".", ".."}:
        raise InvalidParameterError(f"{given!a} is no name of a split")


def divide(paths: Iterable[str], default: str = TRAIN) -> dict[str, list[str]]:
    """Divide the paths of shards into splits; all is of one if no name speaks of any.

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
    return {default: every}


def only_split(before: Mapping[str, Split]) -> str:
    """Say which split all rows are of that nothing is said of: as it was, or `train`."""
    return next(iter(before)) if len(before) == 1 else TRAIN


def asked_for(before: Mapping[str, Split]) -> str | None:
    """Give the split that all rows are of though their files are named otherwise."""
    if len(before) != 1:
        return None
    [(name, split)] = before.items()
    if split.path is not None:
        return name if not split.path and name != TRAIN else None
    return None if name in divide((it.path for it in split.shards), name) else name


def folders_of(folders: Iterable[str], default: str = TRAIN) -> dict[str, str]:
    """Say which folder each split of a dataset of files is.

    Args:
        folders: Folders at the top, and those in a folder `data` there.
        default: The split that all is of if no folder speaks of any.
    """
    found: dict[str, str] = {}
    for folder in sorted(folders):
        own = PurePosixPath(folder).name
        if name := split_named(own):
            # A second one for the same keeps its own name.
            found[own if name in found else name] = folder
    return in_order(found) if found else {default: ""}


def split_of(shards: Iterable[Shard]) -> Split:
    """Make a split of its shards."""
    all_ = tuple(shards)
    return Split(sum(it.rows for it in all_), sum(it.bytes for it in all_), all_)
