"""Adding to a node: the DAG is made by our own core, and sent as a CAR.

So a CID does not depend on the node, its version or its settings.
"""

from typing import TYPE_CHECKING, Unpack

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
from ipfs_kit_py._repository import AddResult
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SCRATCH_BYTES = 256 << 20


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

        All files are read. What the node has already is not known: what is new in the
        result is what had not been sent lately.

        Raises:
            InvalidParameterError: `nocopy` is set: the node may not see our files.
        """
        del trust_stat
        if nocopy:
            raise InvalidParameterError("nocopy is for the embedded engine alone")
        # Until the core can make a CAR stream by itself, the blocks rest in a repository.
        with self._scratch.borrowed() as scratch:
            done = scratch.add(
                source,
                pin=False,
                profile=profile,
                threads=threads,
                progress=progress,
                trust_stat=False,
                entries=entries,
                **params,
            )
            car = _native.repo_export_car(scratch._core, done.cid)
            self.import_car(car, roots=[done.cid], pin=pin)
        if pin and name is not None:
            self.pin_add(done.cid, name=name)
        return done
