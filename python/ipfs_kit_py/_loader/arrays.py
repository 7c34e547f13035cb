"""Samples that are rows of arrays in `.npy` files."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipfs_kit_py._datasets.npy import head_of, row_bytes
from ipfs_kit_py._loader.files import Files
from ipfs_kit_py._native import CID, Samples
from ipfs_kit_py.errors import MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._repository.reading import Reading


def source_of_arrays(
    cid: CID, shards: Sequence[tuple[str, CID]], reader: "Reading"
) -> Files:
    """Open arrays of one type and shape but for their lengths: each row is a sample.

    Only their heads are read.

    Raises:
        MalformedDataError: One is no such file, is cut off, is stored column by column,
            or holds objects; or they are not alike.
    """
    file_of, starts, ends = array("I"), array("Q"), array("Q")
    groups: list[int] = []
    kind: tuple[str, tuple[int, ...]] | None = None
    for number, (path, shard) in enumerate(shards):
        dtype, rows, shape, begin = head = head_of(reader, shard, path)
        if kind is not None and kind != (dtype, shape):
            raise MalformedDataError(f"{path} has rows unlike those of {shards[0][0]}")
        kind = dtype, shape
        length = row_bytes(reader, shard, path, head)
        for row in range(rows):
            file_of.append(number)
            starts.append(begin + row * length)
            ends.append(begin + (row + 1) * length)
        groups.append(len(starts))
    samples = Samples.ranges([shard for _, shard in shards], file_of, starts, ends)
    return Files(cid, reader, samples, columns=("data", "index"), array=kind)
