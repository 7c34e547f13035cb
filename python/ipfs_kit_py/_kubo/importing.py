"""Adding to a node: the DAG is made by our own core, and sent as a CAR.

So a CID does not depend on the node, its version or its settings.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Unpack, cast

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import (
    DEFAULT_PROFILE,
    ImportParams,
    ProgressCallback,
    Readable,
    StrPath,
)
from ipfs_kit_py._kubo.cars import car
from ipfs_kit_py._kubo.dags import Dags
from ipfs_kit_py._kubo.lanes import Countdown, send_by
from ipfs_kit_py._kubo.pins import Pins
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import AddResult
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from typing_extensions import Buffer


# Pieces that are sent in one request; with more of them, several are sent at once. It is
# more than sockets hold, so that the node has begun with the first when it is sent.
_FEW_PIECES = 16
_LANES = 2


class Importing(Dags, Pins):
    """What adds."""

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

        The blocks are sent as they are made. What the node has already is not known: all
        counts as new.

        Raises:
            InvalidParameterError: `nocopy` is set: the node may not see our files.
            FileChangedError: A file changed meanwhile; nothing is pinned.
        """
        del trust_stat
        if nocopy:
            raise InvalidParameterError("nocopy is for the embedded engine alone")
        if isinstance(source, str | os.PathLike):
            source = os.fsdecode(source)
        made = _native.car_stream(
            source, profile, threads, progress, dict(params), entries
        )
        # What cannot be read is known before the node hears of it.
        header = cast("bytes", next(made))
        roots: list[CID] = []
        size, found = 0, None

        def blocks() -> Iterator[bytes]:
            nonlocal size, found
            for piece in made:
                if isinstance(piece, bytes):
                    yield piece
                else:
                    root, size, found = piece
                    roots.append(root)

        self._import(header, blocks(), roots, pin=pin)
        [root] = roots
        if pin and name is not None:
            self.pin_add(root, name=name)
        files, data, count, sent = made.report or (0, 0, 0, 0)
        return AddResult(root, size, files, data, count, sent, 0, 0, 0, 0, found)

    def _import(
        self, header: bytes, blocks: Iterator[bytes], roots: list[CID], *, pin: bool
    ) -> None:
        """Send blocks, and then their root, which is known last.

        Args:
            header: Of a CAR that names no root.
            blocks: Pieces of a CAR behind its header.
            roots: Where the root is when all blocks were given.
            pin: Pin it.
        """
        few = list(islice(blocks, _FEW_PIECES))
        if len(few) < _FEW_PIECES:
            self.import_car(chain([header], few), car(roots), roots=roots, pin=pin)
            return
        # Kubo collects nothing while it takes a request apart that pins. That one goes on
        # from before the others begin until they have ended: they pin nothing, so none of
        # them waits for a collection that waits for the first.
        begun, others = Countdown(1), Countdown(_LANES - 1)

        def first(pieces: Iterable[bytes]) -> None:
            body = chain([header], few, begun.counted(), pieces, others.awaited())
            self.import_car(body, car(roots), roots=roots, pin=pin)

        def other(pieces: Iterable[bytes]) -> None:
            body = chain(begun.awaited(), [header], pieces)
            self.import_car(body, roots=[], pin=False)
            others.count()

        send_by([first] + [other] * (_LANES - 1), blocks)
