"""The handle itself: where a repository is, how it is opened, closed, pickled, forked."""

import os
from typing import Any, Literal, TypeAlias

from ipfs_kit_py import _native
from ipfs_kit_py._closing import Closing
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._native import CID

IPFSPath: TypeAlias = str | CID
"""A CID, or text: `ipfs://CID/a`, `/ipfs/CID/a`, `ipfs:CID`, `CID/a`, a bare CID; or with
an IPNS name that has a record here: `ipns://NAME/a`, `/ipns/NAME/a`, `ipns:NAME`."""
VerifyReads: TypeAlias = Literal["first", "always", "never"]

# Every open repository stands still while the process is forked; Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_native.before_fork,
        after_in_parent=_native.after_fork_in_parent,
        after_in_child=_native.after_fork_in_child,
    )


def default_path() -> str:
    """Say where the repository is unless told otherwise: the configured `ipfs_path`.

    That is `IPFS_KIT_IPFS_PATH`, else what the configuration file says, else `IPFS_PATH`,
    else the platform's folder for user data.
    """
    from ipfs_kit_py._config import load

    return load().config.ipfs_path


class Core:
    """Something with blocks that the native code reads: a repository, or a chain."""

    _core: _native.Repository | _native.Chain


class Handle(Core, Closing):
    """An open repository, without what can be done with it."""

    _core: _native.Repository

    def __init__(
        self,
        path: StrPath | None = None,
        *,
        create: bool = True,
        read_only: bool = False,
        verify: VerifyReads = "first",
        max_bytes: int | None = None,
        threads: int | None = None,
        _clock_offset_seconds: int = 0,
        _pack_bytes: int | None = None,
        _pack_blocks: int | None = None,
        _pause_before_commit_seconds: float = 0.0,
    ) -> None:
        self._path = os.path.abspath(default_path() if path is None else path)  # noqa: PTH100 - a text in, a text out
        self._options: dict[str, Any] = {
            "create": create,
            "read_only": read_only,
            "verify": verify,
            "max_bytes": max_bytes,
            "threads": threads,
            "_clock_offset_seconds": _clock_offset_seconds,
            "_pack_bytes": _pack_bytes,
            "_pack_blocks": _pack_blocks,
            "_pause_before_commit_seconds": _pause_before_commit_seconds,
        }
        existing = "create" if create else "existing"
        self._core = _native.Repository(
            self._path,
            writing="never" if read_only else existing,
            verify=verify,
            max_bytes=max_bytes,
            threads=threads,
            clock_offset=_clock_offset_seconds,
            pack_bytes=_pack_bytes,
            pack_blocks=_pack_blocks,
            pause_before_commit=_pause_before_commit_seconds,
        )

    @property
    def path(self) -> str:
        """The folder, absolute."""
        return self._path

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed through this handle."""
        return self._core.read_only

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.closed

    def close(self) -> None:
        """Let go of the repository; closing twice is no error.

        Files, iterators and views that are open stay usable.
        """
        self._core.close()

    def __repr__(self) -> str:
        """Show the folder, and what was said beside it."""
        options = self._options.items()
        defaults = (True, False, None, "first", 0)
        shown = [f"{name}={value!r}" for name, value in options if value not in defaults]
        shown += ["create=False"] if not self._options["create"] else []
        shown += ["read_only=True"] if self._options["read_only"] else []
        state = " (closed)" if self.closed else ""
        return f"{type(self).__name__}({', '.join([repr(self._path), *shown])}){state}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by path and options: whoever unpickles it opens the repository anew."""
        return _opened, (type(self), self._path, self._options)


def _opened(kind: type[Handle], path: str, options: dict[str, Any]) -> Handle:
    return kind(path, **options)
