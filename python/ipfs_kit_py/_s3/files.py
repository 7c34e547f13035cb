"""The files of a folder, and the keys that they get."""

import os
from pathlib import Path

from ipfs_kit_py._s3.keys import object_key
from ipfs_kit_py.errors import (
    PathNotADirectoryError,
    PathNotFoundError,
    UnsupportedFileError,
)


def local_files(folder: Path, prefix: str) -> list[tuple[str, Path]]:
    """List the files below a folder with their keys; an empty folder's ends with a slash.

    Raises:
        PathNotFoundError: There is no such folder.
        UnsupportedFileError: Something is neither a file nor a folder, or a link to a
            folder.
        InvalidNameError: A name can be no part of a key.
    """
    if not folder.is_dir():
        if os.path.lexists(folder):
            raise PathNotADirectoryError(f"{folder} is no folder")
        raise PathNotFoundError(f"{folder}: there is no such folder")
    found: list[tuple[str, Path]] = []
    todo = [(folder, prefix)]
    while todo:
        place, above = todo.pop()
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        if not entries and above:
            found.append((above, place))
        for entry in entries:
            key = object_key(f"{above}{entry.name}")
            if entry.is_dir(follow_symlinks=False):
                todo.append((Path(entry.path), f"{key}/"))
            elif entry.is_file():
                found.append((key, Path(entry.path)))
            else:
                raise UnsupportedFileError(
                    f"{entry.path} is neither a file nor a folder, nor a link to a file"
                )
    return sorted(found)
