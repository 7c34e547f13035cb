"""Samples of tar shards: members side by side which have one name but for their endings.

As WebDataset lays them out: `0001.jpg` and `0001.cls` in a row are one sample.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from ipfs_kit_py._native import FileReader, TarMembers
from ipfs_kit_py.errors import LimitExceededError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._native import CID
    from ipfs_kit_py._repository.reading import Reading

# Heads are listed for so much of a shard at once: some milliseconds, after which Ctrl-C
# and cancel tokens are looked at, and what comes next is fetched ahead.
_STRETCH_BYTES: Final = 4 << 20


class Member(NamedTuple):
    """A file of a sample: its ending, and where in the shard its bytes lie."""

    ending: str
    start: int
    stop: int


class Sample(NamedTuple):
    """What members have in common, and which they are."""

    key: str
    members: list[Member]


def samples_of(reader: "Reading", cid: "CID", path: str) -> Iterator[Sample]:
    """Iterate over the samples of a shard. Only the heads of its members are read.

    Raises:
        LimitExceededError: More stands before a member than any use has.
        MalformedDataError: It is no tar, or is cut off.
    """
    sample: Sample | None = None
    for name, start, stop in _files_of(reader, cid, path):
        named = _named(name)
        if named is None:
            continue
        key, ending = named
        member = Member(ending, start, stop)
        if sample is not None and sample.key == key:
            sample.members.append(member)
            continue
        if sample is not None:
            yield sample
        sample = Sample(key, [member])
    if sample is not None:
        yield sample


def _files_of(
    reader: "Reading", cid: "CID", path: str
) -> Iterator[tuple[bytes, int, int]]:
    """Iterate over the regular files of a shard that are not sparse."""
    file = FileReader(reader._core, cid)
    ahead = reader._ahead(file)
    tar = TarMembers(file)
    while True:
        try:
            stretch = tar.next(_STRETCH_BYTES)
        except MalformedDataError as error:
            raise MalformedDataError(
                f"{path} is no tar, or is cut off: {error}"
            ) from error
        except LimitExceededError as error:
            raise LimitExceededError(f"{path}: {error}") from error
        if stretch is None:
            return
        members, start, stop = stretch
        if ahead is not None:
            ahead(start, stop - start)
        yield from members


def _named(name: bytes) -> tuple[str, str] | None:
    """Give the key and the ending of a member; `None` if it is of no sample."""
    # As tarfile reads names: what is no UTF-8 still has one of its own.
    folder, slash, last = name.decode("utf-8", "surrogateescape").rpartition("/")
    stem, dot, ending = last.partition(".")
    if not stem or not dot:
        return None
    return f"{folder}{slash}{stem}", ending
