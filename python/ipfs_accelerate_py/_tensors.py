"""Tensors of safetensors files, made where they are asked for out of the files' bytes."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from ipfs_accelerate_py._laying_out import PAGE_BYTES, SMALL_BYTES, is_pages
from ipfs_accelerate_py._safetensors import (
    PREFIX_BYTES,
    Header,
    TensorPlace,
    header_bytes,
    parse_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipfs_accelerate_py._frameworks import Framework
    from ipfs_accelerate_py._placing import Device
    from ipfs_kit_py._native import CID
    from ipfs_kit_py._sources import ChainReader

# One view of so much: a file of many gigabytes as one would take too many maps.
_RUN_BYTES = 512 << 20


class Wanted(NamedTuple):
    """A tensor that is wanted, and where to."""

    place: TensorPlace
    device: "Device"


class Tensors(Mapping[str, Any]):
    """Tensors by name, each made when it is asked for.

    Their bytes are verified, and there as long as this or any of them lives. What is
    written into one is seen by whoever asks for it here, and by nobody else. Threads may
    share this; a forked process has one of its own.
    """

    def __init__(self, makers: "Mapping[str, Callable[[], Any]]", size: int) -> None:
        self._makers = makers
        self._made: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self.nbytes = size
        """Bytes of all of them, as they lie in the files."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - numpy's or torch's
        """Make a tensor, or give the one that is in use."""
        found = self._made.get(name)
        if found is None:
            found = self._made.setdefault(name, self._makers[name]())
        return found

    def __contains__(self, name: object) -> bool:
        """Tell whether there is one of this name, without making it."""
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._makers)

    def __len__(self) -> int:
        """Count them."""
        return len(self._makers)

    def __repr__(self) -> str:
        """Show how many there are: to show them all would make them."""
        return f"<{len(self)} tensors of {self.nbytes:,} bytes>"


def read_header(reader: "ChainReader", cid: "CID") -> Header:
    """Read a file's header, and no more of it than that.

    Raises:
        MalformedDataError: It is no safetensors file.
    """
    size = reader.stat(cid).size
    length = header_bytes(reader.cat(cid, 0, PREFIX_BYTES), size)
    return parse_header(reader.cat(cid, PREFIX_BYTES, length), size)


def tensors_in(
    reader: "ChainReader", cid: "CID", wanted: Iterable[Wanted], framework: "Framework"
) -> "dict[str, Callable[[], Any]]":
    """Fetch and verify the bytes of some tensors of a file, and say how each is made.

    Bytes that no tensor needs are neither fetched nor read.
    """
    ordered = sorted(wanted, key=lambda it: it.place.start)
    makers: dict[str, Callable[[], Any]] = {}
    for run in _runs([it for it in ordered if it.device != "meta"]):
        start = run[0].place.start
        block = reader.cat_private(cid, start, run[-1].place.stop - start)
        for place, device in run:
            make = framework.tensor
            makers[place.name] = partial(make, block, place.start - start, place, device)
    for place, device in ordered:
        if device == "meta":
            makers[place.name] = partial(framework.without_bytes, place)
    return makers


def _runs(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    """Put together what lies together, and can be mapped together."""
    run: list[Wanted] = []
    for it in wanted:
        if run:
            goes_on = _goes_on(run[-1].place, it.place)
            if not goes_on or it.place.stop - run[0].place.start > _RUN_BYTES:
                yield run
                run = []
        run.append(it)
    if run:
        yield run


def _goes_on(before: TensorPlace, after: TensorPlace) -> bool:
    """Tell whether one view of two tensors costs no more than one of each.

    Blocks become one view without a copy where each of them is whole pages. Where a file
    was cut between its tensors, that is so in the row of those that are; each other large
    one is a view of its own, and the small ones behind them are copied.
    """
    if after.start != before.stop or _is_odd(before) or _is_odd(after):
        return False
    return _in_pages(before) == _in_pages(after)


def _is_odd(place: TensorPlace) -> bool:
    return place.size >= SMALL_BYTES and not is_pages(place.size)


def _in_pages(place: TensorPlace) -> bool:
    return place.start % PAGE_BYTES == 0 and is_pages(place.size)
