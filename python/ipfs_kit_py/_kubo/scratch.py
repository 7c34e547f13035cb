"""A repository for blocks that are on their way.

Making one takes longer than sending a small file, so it is kept from call to call, and
made anew when it has grown.
"""

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from ipfs_kit_py._repository import Repository


class Scratch:
    """Makes a repository in a temporary folder when it is first needed.

    Args:
        most_bytes: Size at which it is thrown away, as soon as nobody uses it.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._opened: Repository | None = None
        self._remove: weakref.finalize[[str, int], Scratch] | None = None
        self._users = 0
        self._is_closed = False

    @contextmanager
    def borrowed(self) -> Iterator[Repository]:
        """Give the repository for a while."""
        with self._lock:
            opened = self._opened or self._open()
            self._users += 1
        try:
            yield opened
        finally:
            with self._lock:
                self._users -= 1
                if not self._users and self._is_done(opened):
                    self._discard()

    def close(self) -> None:
        """Throw it away, now or when its last user is done."""
        with self._lock:
            self._is_closed = True
            if not self._users:
                self._discard()

    def _open(self) -> Repository:
        folder = tempfile.mkdtemp(prefix="ipfs-kit-")
        self._remove = weakref.finalize(self, _remove, folder, os.getpid())
        self._opened = Repository(folder)
        return self._opened

    def _is_done(self, opened: Repository) -> bool:
        return self._is_closed or opened.repo_stat().bytes > self._most_bytes

    def _discard(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        if self._remove is not None:
            self._remove()
            self._remove = None


def _remove(folder: str, process: int) -> None:
    # A forked process that ends must not take the folder away from the first.
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
