"""Part files: what was fetched of a file so far, beside its place."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def own_part(part: Path) -> Iterator[IO[bytes]]:
    """Open a part file for this download alone, or another if somebody else has it."""
    file = part.open("a+b")
    if not _is_ours(file, part):
        file.close()
        part = part.with_name(f"{part.name}.{os.urandom(4).hex()}")
        file = part.open("x+b")
    try:
        with file:
            file.seek(0)
            yield file
    finally:
        if part.suffix != ".part":
            part.unlink(missing_ok=True)


def _is_ours(file: IO[bytes], part: Path) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it may have put it into its place meanwhile.
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except OSError:
        return False
