"""What the system refuses, as our own errors."""

import errno
import os
from typing import TYPE_CHECKING

from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py.errors import (
    AccessDeniedError,
    DiskFullError,
    FileIOError,
    InvalidNameError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from pathlib import Path

_CLASSES: dict[int | None, type[FileIOError | PathNotFoundError]] = {
    errno.ENOENT: PathNotFoundError,
    errno.EEXIST: PathExistsError,
    errno.EACCES: AccessDeniedError,
    errno.EPERM: AccessDeniedError,
    errno.EROFS: AccessDeniedError,
    errno.EISDIR: PathIsADirectoryError,
    errno.ENOTDIR: PathNotADirectoryError,
    errno.ENOSPC: DiskFullError,
    errno.EDQUOT: DiskFullError,
}


def typed(error: OSError, path: "Path") -> FileIOError | PathNotFoundError:
    """Make our error of one of the system.

    Args:
        error: What the system said, perhaps of a file that the caller does not know of.
        path: The file that the caller named.
    """
    kind = _CLASSES.get(error.errno, FileIOError)
    return kind(error.errno, error.strerror, os.fspath(path))


def checked_path(given: StrPath) -> "Path":
    """Give a path.

    Raises:
        InvalidNameError: No file can have this name.
    """
    from pathlib import Path

    try:
        os.fsencode(given)
    except UnicodeEncodeError as error:
        why = "is no valid text: it holds half of a surrogate pair"
        raise InvalidNameError(f"{os.fspath(given)!a} {why}") from error
    return Path(given)
