"""Samples whose bytes are what their CIDs say, and that are no samples all the same."""

from collections.abc import Callable
from typing import Any, Final

from ipfs_kit_py._loader.files import views
from ipfs_kit_py._loader.source import Part, Trouble
from ipfs_kit_py.errors import (
    IntegrityError,
    IPFSError,
    MalformedDataError,
    NotFoundError,
    TimedOutError,
    UnreachableError,
)

_OURS: Final = (
    MalformedDataError,
    IntegrityError,
    NotFoundError,
    UnreachableError,
    TimedOutError,
)
# What others raise about data that they cannot read; Pillow does all of these.
_OF_OTHERS: Final = (ValueError, OSError, EOFError, SyntaxError)


def is_damage(error: Exception) -> bool:
    """Whether an error is about a sample, and not about the program that reads it."""
    return isinstance(error, _OURS if isinstance(error, IPFSError) else _OF_OTHERS)


def damaged(
    make: Callable[["memoryview[int]", Part], Any],
    samples: "memoryview[int]",
    part: Part,
) -> Trouble:
    """Find the samples of a batch that cannot be made, trying each by itself.

    Args:
        make: Makes samples of what was read of them.
        samples: Those of the batch.
        part: What was read of them.
    """
    known = {at for at, _ in part.trouble}
    values: Any = part.values
    each: Any = None if hasattr(values, "slice") else views(part)
    found: Trouble = []
    for at in range(len(samples)):
        if at in known:
            continue
        one = values.slice(at, 1) if each is None else each[at : at + 1]
        try:
            make(samples[at : at + 1], Part(one, []))
        except Exception as error:
            if not is_damage(error):
                raise
            found.append((at, error))
    return found
