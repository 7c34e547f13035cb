"""Samples that are bytes: files of a folder, blocks, or ranges of files."""

import array as arrays
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from ipfs_kit_py._loader.source import Ahead, Packed, Part, Reading
from ipfs_kit_py._native import CID, CancelToken, Feed, Samples
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import InternalError, InvalidParameterError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._native import _Batch as Batch
    from ipfs_kit_py._repository import reading as repository

Decode: TypeAlias = Callable[["Files", int, Any], Any]
"""Makes a sample of its bytes: given the files, the sample's number, and its bytes."""
# Threads that fetch for the readers, where blocks come from afar.
_FETCHERS = 4
_SLICE_SECONDS = 0.05
# Samples that may be missing or damaged before nobody knows what columns there are.
LOOKED_AT = 8
_FILE_COLUMNS = ("data", "path", "label", "cid", "index")


class Files:
    """Samples of bytes.

    Args:
        cid: What decides their order.
        reader: What reads.
        samples: Where they lie.
        names: What each is called, if the samples do not say.
        decode: What makes a sample of its bytes; by default they are given as they lie.
        columns: What can be asked of each whatever its bytes are.
        rows: What columns the samples have once decoded; by default the first tells.
            Where these have a name of the others, theirs it is.
        groups: Where each group ends that is best read together.
        array: The type and shape of a sample, where the files say so themselves.
        folder: What has all of these below it, and little else.
        siblings: Lists the files beside these, which share their classes.
    """

    def __init__(
        self,
        cid: CID,
        reader: "repository.Reading",
        samples: Samples,
        *,
        names: Sequence[str] | None = None,
        decode: Decode | None = None,
        columns: tuple[str, ...] = _FILE_COLUMNS,
        rows: tuple[str, ...] | None = None,
        groups: Sequence[int] | None = None,
        array: "tuple[str, tuple[int, ...]] | None" = None,
        folder: CID | None = None,
        siblings: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Keep all this."""
        self.cid, self.reader, self.samples = cid, reader, samples
        self.decode, self.groups = decode, groups
        self.array, self.folder = array, folder
        self._names, self._siblings = names, siblings
        self._own, self._rows = columns, rows

    def __len__(self) -> int:
        """Count them."""
        return len(self.samples)

    @property
    def is_ranges(self) -> bool:
        """Whether samples are parts of files, and not files or blocks of their own."""
        return self.samples.path(0) is None and self.samples.sizes() is not None

    @cached_property
    def sizes(self) -> "memoryview[int] | None":
        """Bytes of each."""
        sizes = self.samples.sizes()
        return None if sizes is None else memoryview(sizes).cast("Q")

    @cached_property
    def names(self) -> Sequence[str]:
        """The path of each below its folder."""
        return self.samples.paths() if self._names is None else self._names

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The folders that the samples lie in, sorted: their labels count these.

        Those of other splits count too, so that a label means the same in each.
        """
        names = chain(self.names, self._siblings())
        return tuple(sorted({_folder_of(name) for name in names}))

    @property
    def columns(self) -> tuple[str, ...]:
        """What can be asked of each by name."""
        return *self._of_rows, *(name for name in self._own if name not in self._of_rows)

    @cached_property
    def _of_rows(self) -> tuple[str, ...]:
        if self._rows is not None:
            return self._rows
        return () if self.decode is None else self._peeked()

    def _peeked(self) -> tuple[str, ...]:
        """Look which columns the first sample has that can be read."""
        reading = _Direct(self, Ahead(1, 0))
        for sample in range(min(len(self), LOOKED_AT)):
            one = memoryview(arrays.array("Q", [sample]))
            reading.ask(one)
            part = reading.take()
            if part.trouble:
                continue
            with suppress(MalformedDataError):
                row = self.made(one, part)[0]
                return tuple(row) if isinstance(row, dict) else ()
        return ()

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def name(self, sample: int) -> str:
        """Say which sample it is."""
        path = self.names[sample] if self.names else f"sample {sample}"
        return f"{path} ({self.samples.cid(sample)})"

    def column(self, name: str, samples: "memoryview[int]", part: Part) -> Sequence[Any]:
        """Give a column."""
        if name in self._of_rows:
            return self._of_each(name, samples, part)
        if name not in self._own:
            raise InvalidParameterError(
                f"there is no column {name!r}, but {', '.join(self.columns)}"
            )
        if name == "data":
            return views(part)
        if name == "index":
            return samples.tolist()
        if name == "cid":
            return [str(self.samples.cid(sample)) for sample in samples]
        names = [self.names[sample] for sample in samples]
        if name == "path":
            return names
        return [self._labels[_folder_of(path)] for path in names]

    def _of_each(
        self, name: str, samples: "memoryview[int]", part: Part
    ) -> Sequence[Any]:
        """Give a column of the rows; those that lack it have None."""
        wrong = {at for at, _ in part.trouble}
        found: list[Any] = []
        for at, row in enumerate(self.made(samples, part)):
            if at not in wrong and not isinstance(row, dict):
                raise MalformedDataError(
                    f"{self.name(samples[at])} is no object, and has no column {name!r}"
                )
            found.append(None if at in wrong else row.get(name))
        return found

    def made(self, samples: "memoryview[int]", part: Part) -> list[Any]:
        """Make samples of their bytes; those with trouble stay as they are."""
        values = views(part)
        if self.decode is None:
            return values
        wrong = {at for at, _ in part.trouble}
        decode = self.decode
        return [
            value if at in wrong else decode(self, sample, value)
            for at, (sample, value) in enumerate(zip(samples, values, strict=True))
        ]

    def blocks(self, samples: Iterable[int]) -> list[CID]:
        """Give those of some samples that are one raw block, as CIDs."""
        if self.is_ranges:
            return []
        found = (self.samples.cid(sample) for sample in samples)
        return [cid for cid in found if cid is not None and cid.codec == "raw"]

    def reading(self, ahead: Ahead) -> Reading:
        """Begin to read."""
        return _Ahead(self, ahead) if ahead.threads else _Direct(self, ahead)

    def __reduce__(self) -> tuple[Any, ...]:
        """Refuse: the loader knows how to open it again."""
        raise TypeError("the samples of a dataset are opened by each process")


def views(part: Part) -> list[Any]:
    """Give the bytes of each sample."""
    if not isinstance(part.values, Packed):
        return list(part.values)
    data, found, start = memoryview(part.values.data), [], 0
    for end in part.values.ends:
        found.append(data[start:end])
        start = end
    return found


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _part(batch: "Batch") -> Part:
    views, packed, trouble = batch
    return Part(views or [] if packed is None else Packed(*packed), trouble)


class _Direct:
    """Samples that are read when they are taken, by who takes them."""

    def __init__(self, files: Files, ahead: Ahead) -> None:
        self._files, self._packed = files, ahead.packed
        self._asked: deque[memoryview[int]] = deque()

    def ask(self, samples: "memoryview[int]") -> None:
        self._asked.append(samples)

    def take(self) -> Part:
        core, samples = self._files.reader._core, self._asked.popleft()
        return _part(self._files.samples.read(core, samples, packed=self._packed))

    def close(self) -> None:
        self._asked.clear()


class _Ahead:
    """A feed, with those who fetch for it."""

    def __init__(self, files: Files, ahead: Ahead) -> None:
        reader = files.reader
        self._packed = ahead.packed
        threads = ahead.threads
        # A repository alone has nobody else to ask.
        turns: list[threading.Event | None] = []
        if not isinstance(reader, Repository):
            turns = [None]
        if getattr(reader, "is_remote", False):
            # Requests for single blocks take more than their share from a stream of all.
            turns += [ahead.coming] * (_FETCHERS - 1)
            threads = threads if ahead.coming else max(threads, _FETCHERS)
        self._feed = Feed(
            reader._core, files.samples, ahead_bytes=ahead.bytes, threads=threads
        )
        self._token = CancelToken()
        self._fetchers = [
            threading.Thread(
                target=self._serve, args=[turn], name="ipfs-kit-loader", daemon=True
            )
            for turn in turns
        ]
        for fetcher in self._fetchers:
            fetcher.start()

    def _serve(self, turn: threading.Event | None) -> None:
        from ipfs_kit_py.errors import CancelledError

        while turn is not None and not turn.wait(_SLICE_SECONDS):
            if self._token.cancelled:
                return
        try:
            with self._token:
                self._feed.serve()
        except CancelledError:
            pass

    def ask(self, samples: "memoryview[int]") -> None:
        self._feed.push(samples, packed=self._packed)

    def take(self) -> Part:
        found = self._feed.next()
        if found is None:
            raise InternalError("a batch was taken that nobody asked for")
        return _part(found)

    def close(self) -> None:
        self._token.cancel()
        self._feed.close()
        for fetcher in self._fetchers:
            fetcher.join()
