"""Adding to a node: the DAG is made by our own core, and sent as a CAR.

So a CID does not depend on the node, its version or its settings.
"""

import os
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack, cast

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import (
    DEFAULT_PROFILE,
    ImportParams,
    ProgressCallback,
    Readable,
    StrPath,
)
from ipfs_kit_py._kubo.client import Client
from ipfs_kit_py._kubo.dags import Dags
from ipfs_kit_py._kubo.pins import Pins
from ipfs_kit_py._kubo.scratch import Scratch
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import AddResult
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SCRATCH_BYTES = 256 << 20


class _How(NamedTuple):
    """What is said of an import beside its source."""

    profile: str
    threads: int | None
    progress: ProgressCallback | None
    params: dict[str, Any]
    pin: bool


class Importing(Dags, Pins):
    """What adds."""

    def __init__(self, client: Client, folder: StrPath) -> None:
        super().__init__(client, folder)
        self._scratch = Scratch(_SCRATCH_BYTES)

    def close(self) -> None:
        """Close the connections; closing twice is no error."""
        super().close()
        self._scratch.close()

    def add(
        self,
        source: "StrPath | Buffer | Readable",
        *,
        pin: bool = True,
        name: str | None = None,
        profile: str = DEFAULT_PROFILE,
        threads: int | None = None,
        progress: ProgressCallback | None = None,
        nocopy: bool = False,
        trust_stat: bool = True,
        entries: bool = False,
        **params: Unpack[ImportParams],
    ) -> AddResult:
        """Add a file, a folder, or bytes; see `Repository.add`.

        Files are read twice: once for the root, which stands at the head of a CAR, and
        once to send them. What the node has already is not known: all counts as new.

        Raises:
            InvalidParameterError: `nocopy` is set: the node may not see our files.
            FileChangedError: A file changed meanwhile; nothing is pinned.
        """
        del trust_stat
        if nocopy:
            raise InvalidParameterError("nocopy is for the embedded engine alone")
        how = _How(profile, threads, progress, dict(params), pin=pin)
        if isinstance(source, str | os.PathLike):
            done = self._send_path(os.fsdecode(source), how, entries=entries)
        elif hasattr(source, "read"):
            done = self._send_stream(cast("Readable", source), how)
        else:
            done = self._send_bytes(source, how)
        if pin and name is not None:
            self.pin_add(done.cid, name=name)
        return done

    def _send_path(self, path: str, how: "_How", *, entries: bool) -> AddResult:
        root, size, found = _native.hash_path(
            path, how.profile, how.threads, how.progress, how.params, entries=entries
        )
        return self._send(path, root, size, how)._replace(entries=found)

    def _send_bytes(self, data: "Buffer", how: "_How") -> AddResult:
        # One that could change is copied, so that it is the same twice.
        data = data if isinstance(data, bytes) else bytes(data)
        root, size = _native.hash_stream(
            BytesIO(data), None, how.profile, how.threads, how.progress, how.params
        )
        return self._send(data, root, size, how)

    def _send(self, source: str | bytes, root: CID, size: int, how: "_How") -> AddResult:
        car = _native.car_stream(source, how.profile, how.threads, how.params, root)
        self.import_car(car, roots=[root], pin=how.pin)
        files, data, blocks, sent = car.report or (0, 0, 0, 0)
        return AddResult(root, size, files, data, blocks, sent, 0, 0, 0, 0)

    def _send_stream(self, source: Readable, how: "_How") -> AddResult:
        """Add what can be read only once: its blocks rest in a repository meanwhile."""
        with self._scratch.borrowed() as scratch:
            done = scratch.add(
                source,
                pin=False,
                profile=how.profile,
                threads=how.threads,
                progress=how.progress,
                **cast("ImportParams", how.params),
            )
            car = _native.repo_export_car(scratch._core, done.cid)
            self.import_car(car, roots=[done.cid], pin=how.pin)
        return done
