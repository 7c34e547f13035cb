"""Folders in which downloads lie until they are whole.

Whoever is at work holds a lock in its own, so that those of processes that were killed
can be told apart, and removed by the next one that comes there.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = ".ipfs-kit-part-"
_LOCK = "lock"
# Under this name nobody looks for the lock: it is not held yet.
_NEW_LOCK = "lock.new"
_OLD_SECONDS = 86_400


@contextmanager
def part_folder(above: Path) -> Iterator[Path]:
    """Give a folder for what is under way, in the folder that it will be moved to.

    Raises:
        OSError: There can be none.
    """
    for found in above.glob(f"{PREFIX}*"):
        if _is_abandoned(found):
            shutil.rmtree(found, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above))
    try:
        with (folder / _NEW_LOCK).open("wb") as lock:
            if _holds(lock):
                (folder / _NEW_LOCK).rename(folder / _LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    with suppress(OSError):
        if sys.platform == "win32":
            return time.time() - folder.lstat().st_mtime > _OLD_SECONDS
        with (folder / _LOCK).open("rb") as lock:
            return _holds(lock)
    return False


def _holds(lock: IO[bytes]) -> bool:
    """Take a lock, if nobody has it; it ends with the file, or the process."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
