"""What files of a dataset are: by their names, and what follows from that."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ipfs_kit_py.errors import InvalidParameterError

FILES: Final = "files"
"""Every file is a row: images, sounds, documents."""

ENDINGS: Final = {
    "parquet": (".parquet",),
    "jsonl": (".jsonl", ".ndjson"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "tar": (".tar",),
    "npy": (".npy",),
    "json": (".json",),
    "text": (".txt",),
}
"""By format: how the files are called that have many rows each."""

_FORMATS: Final = {ending: name for name, all_ in ENDINGS.items() for ending in all_}
_ALIASES: Final = {
    **dict.fromkeys(("jsonlines", "ndjson", "json-lines"), "jsonl"),
    **dict.fromkeys(("txt", "lines"), "text"),
    **dict.fromkeys(("webdataset", "wds"), "tar"),
    **dict.fromkeys(("image", "images", "imagefolder", "audio", "audiofolder"), FILES),
    **dict.fromkeys(("file", "folder", "directory", "binary"), FILES),
}
# Formats of rows one after the other, where one more moves all that follow.
_SHIFTING: Final = {"parquet", "jsonl", "json", "csv", "tsv", "text"}
# Files that tell of the others.
_ABOUT: Final = ("readme", "license", "licence", "notice", "citation", "copying")
_METADATA: Final = {
    "metadata.csv",
    "metadata.jsonl",
    "metadata.parquet",
    "dataset_infos.json",
    "dataset_info.json",
}
_INITIALS: Final = tuple(
    {initial for name in (*_ABOUT, *_METADATA) for initial in (name[0], name[0].upper())}
)


def named(given: str) -> str:
    """Give a format by a name that it goes by.

    Raises:
        InvalidParameterError: There is no such format.
    """
    plain = given.lower().lstrip(".")
    name = _ALIASES.get(plain, plain)
    if name != FILES and name not in ENDINGS:
        known = ", ".join((*ENDINGS, FILES))
        raise InvalidParameterError(f"the format {given!r} is not one of {known}")
    return name


# A folder may have millions of names: what is asked of each takes a microsecond here, and
# tens with objects of `pathlib`.


def format_of(path: str) -> str:
    """Say what a file is by its name; of an unknown kind it is one row."""
    ending = path[path.rfind(".") :]
    return _FORMATS.get(ending) or _FORMATS.get(ending.lower(), FILES)


def is_shard(path: str, format_name: str) -> bool:
    """Tell whether a file has rows of a dataset of a format."""
    return format_of(path) == format_name and not _is_beside(path)


def tells(path: str) -> bool:
    """Tell whether a file is for people who look at the others."""
    start = path.rfind("/") + 1
    if not path.startswith(_INITIALS, start):
        return False
    return path[start:].lower().partition(".")[0] in _ABOUT


def _is_beside(path: str) -> bool:
    """Tell whether a file tells of the others, to people or to programs."""
    start = path.rfind("/") + 1
    if not path.startswith(_INITIALS, start):
        return False
    return tells(path) or path[start:].lower() in _METADATA


def detect(paths: Iterable[str]) -> str:
    """Say what most files of a folder are.

    Raises:
        InvalidParameterError: There are none.
    """
    names = list(paths)
    # Endings are few: each is looked at once.
    endings = Counter([path[path.rfind(".") :] for path in names])
    endings -= Counter([path[path.rfind(".") :] for path in names if _is_beside(path)])
    counts: Counter[str] = Counter()
    for ending, count in endings.items():
        counts[format_of(ending)] += count
    if not counts:
        raise InvalidParameterError("there are no files to make a dataset of")
    order = [*ENDINGS, FILES]
    return max(counts, key=lambda name: (counts[name], -order.index(name)))


def chunker_of(format_name: str) -> str | None:
    """Say how files are cut, so that versions share what they have in common."""
    return "buzhash" if format_name in _SHIFTING else None
