"""Where the tensors of a safetensors file lie, and where the file is cut into blocks.

Two versions of a model share the blocks that are equal, so a block holds bytes of one
tensor, or of small ones of one layer: what changes in a layer changes no other layer's
blocks. A file that is cut every mebibyte, as other files are, would have new blocks from
the first tensor on that is longer or shorter than before.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ipfs_accelerate_py._safetensors import DTYPE_BITS, MAX_HEADER_BYTES, PREFIX_BYTES
from ipfs_kit_py.errors import InvalidParameterError, LimitExceededError

# The tensors begin at a multiple of it, and those that are whole pages come first: so
# each of them begins at one, and the blocks of all of them can be mapped in one row.
PAGE_BYTES: Final = 4096
# Blocks of the usual size: what is read of one is verified whole.
_CHUNK: Final = 1 << 20
# Less than this at the end of a tensor goes with the block before. With less than this a
# tensor has no block for itself, and shares one with its neighbours of the same layer:
# each block costs about 200 bytes of links, index and padding, and a millisecond where it
# comes over a network. Smaller blocks do not begin at a page in the repository.
SMALL_BYTES: Final = 64 << 10
_MOST_SMALL: Final = 256 << 10
# As far as the first number that stands alone: `model.layers.7.` of what is in layer 7.
_LAYER = re.compile(r"(?:[^.]+\.)*?\d+\.")


class Shape(NamedTuple):
    """What the header of a file says of a tensor."""

    name: str
    dtype: str
    """As the format has it, such as `BF16`."""
    shape: tuple[int, ...]
    size: int
    """Bytes of it."""


class Layout(NamedTuple):
    """A file without the tensors' bytes."""

    head: bytes
    """What stands before these: a length and a header."""
    tensors: list[Shape]
    """In the order of the file."""
    lengths: list[int]
    """Of the blocks that it is cut into."""


def lay_out(tensors: Iterable[Shape], metadata: Mapping[str, str]) -> Layout:
    """Order tensors, and cut between them.

    First those that are whole pages, then by the size of a number, so that none straddles
    two of its size; large ones before small ones, so that the small ones of a layer lie
    together; and by name. The same tensors give the same file, in whatever order they
    come.

    Raises:
        InvalidParameterError: A name or a value of the metadata is no text.
        LimitExceededError: The header would be longer than any reader takes.
    """
    ordered = sorted(tensors, key=_order)
    head = _head(ordered, metadata)
    return Layout(head, ordered, [*_cut(len(head)), *_lengths(ordered)])


def is_pages(size: int) -> bool:
    """Tell whether a tensor of so many bytes is large, and whole pages."""
    return size >= SMALL_BYTES and size % PAGE_BYTES == 0


def _order(it: Shape) -> tuple[bool, int, str, bool, str]:
    bits, is_small = DTYPE_BITS[it.dtype], it.size < SMALL_BYTES
    return not is_pages(it.size), -bits, it.dtype, is_small, it.name


def _head(tensors: Iterable[Shape], metadata: Mapping[str, str]) -> bytes:
    table: dict[str, object] = {}
    if metadata:
        if not all(isinstance(it, str) for pair in metadata.items() for it in pair):
            raise InvalidParameterError("metadata is text by text")
        table["__metadata__"] = dict(sorted(metadata.items()))
    end = 0
    for it in tensors:
        start, end = end, end + it.size
        offsets = [start, end]
        table[it.name] = {"dtype": it.dtype, "shape": it.shape, "data_offsets": offsets}
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()
    length = -(PREFIX_BYTES + len(text)) % PAGE_BYTES + len(text)
    if length > MAX_HEADER_BYTES:
        raise LimitExceededError(
            f"a header of {length:,} bytes is more than the {MAX_HEADER_BYTES:,} that "
            "readers take: save fewer tensors in a file, by max_shard_bytes"
        )
    return length.to_bytes(PREFIX_BYTES, "little") + text.ljust(length)


def _lengths(tensors: Iterable[Shape]) -> Iterator[int]:
    """Cut between large tensors and in them; keep small ones of a layer together."""
    together, layer = 0, ""
    for it in tensors:
        found = _LAYER.match(it.name)
        here = found[0] if found else ""
        is_small = it.size < SMALL_BYTES
        if not is_small or here != layer or together + it.size > _MOST_SMALL:
            yield from _cut(together)
            together = 0
        layer = here
        if is_small:
            together += it.size
        else:
            yield from _cut(it.size)
    yield from _cut(together)


def _cut(size: int) -> Iterator[int]:
    """Cut one tensor, or a header."""
    while size >= _CHUNK + SMALL_BYTES:
        yield _CHUNK
        size -= _CHUNK
    if size:
        yield size
