"""Samples that are rows of arrays in `.npy` files."""

from array import array
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._datasets.npy import head_of
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
        size = reader.stat(str(shard)).size
        dtype, rows, shape, begin = head_of(reader, shard, path)
        if kind is not None and kind != (dtype, shape):
            raise MalformedDataError(f"{path} has rows unlike those of {shards[0][0]}")
        kind = dtype, shape
        row_bytes = _item_bytes(dtype, path) * prod(shape)
        if not row_bytes and rows:
            raise MalformedDataError(f"{path} has rows without bytes")
        if begin + rows * row_bytes > size:
            raise MalformedDataError(f"{path} is cut off: it has {size} bytes")
        for row in range(rows):
            file_of.append(number)
            starts.append(begin + row * row_bytes)
            ends.append(begin + (row + 1) * row_bytes)
        groups.append(len(starts))
    samples = Samples.ranges([shard for _, shard in shards], file_of, starts, ends)
    return Files(cid, reader, samples, columns=("data", "index"), array=kind)


def _item_bytes(dtype: Any, path: str) -> int:  # noqa: ANN401 - as the file says
    if not isinstance(dtype, str):
        raise MalformedDataError(f"{path} holds records, and not plain numbers")
    kind, digits = dtype.lstrip("<>|=")[:1], dtype.lstrip("<>|=")[1:]
    if kind not in "biufc" or not digits.isdecimal() or not 1 <= int(digits) <= 32:
        raise MalformedDataError(f"{path} holds {dtype}, and not numbers")
    return int(digits)
