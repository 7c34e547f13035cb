"""What goes from a worker to the process that trains: through pickle, as plain bytes.

What cannot be pickled would be lost on its way, by a thread that nobody hears of, and be
waited for without end.
"""

import pickle
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._native import Block
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._loader.loader import IPFSDataLoader


class NOTHING:
    """Stands for a batch of which no sample could be read; the class itself is sent."""


_PLAIN = frozenset({int, float, bool, str, bytes, type(None)})
_NOT_PICKLABLE = (pickle.PicklingError, TypeError, AttributeError, NotImplementedError)


def plain(value: Any) -> Any:  # noqa: ANN401 - a batch
    """Give a batch, or a sample, whose bytes are `bytes`."""
    kind = type(value)
    if kind is Block or kind is memoryview:
        return bytes(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if kind is list or kind is tuple:
        return value if _PLAIN.issuperset(map(type, value)) else kind(map(plain, value))
    return value


def leaving(batches: Iterable[Any]) -> Iterator[Any]:
    """Iterate over batches that leave this process.

    Raises:
        InvalidParameterError: The first of them holds what cannot be pickled.
    """
    is_checked = False
    for batch in batches:
        goes = plain(batch)
        if not is_checked and goes is not NOTHING:
            _check(goes)
            is_checked = True
        yield goes


def not_picklable(loader: "IPFSDataLoader") -> str | None:
    """Say which part of a loader cannot go to another process."""
    parts = {
        "decode": loader._finish.decode,
        "collate": loader._finish.collate,
        "the client": loader._given,
        "the dataset": loader._opening,
    }
    for name, part in parts.items():
        try:
            pickle.dumps(part)
        except _NOT_PICKLABLE:
            return f"{name} cannot be pickled"
    return None


def _check(batch: Any) -> None:  # noqa: ANN401
    """Refuse what cannot be pickled, by one value of each type."""
    for kind, value in _kinds(batch, {}).items():
        # Tensors go through shared memory, not so.
        if kind.__module__.partition(".")[0] in ("torch", "numpy"):
            continue
        try:
            pickle.dumps(value)
        except _NOT_PICKLABLE as error:
            raise InvalidParameterError(
                f"a batch holds a {kind.__name__}, which cannot go from a worker to "
                f"another process: {error}"
            ) from error


def _kinds(value: Any, found: dict[type, Any]) -> dict[type, Any]:  # noqa: ANN401
    if isinstance(value, dict):
        for one in value.values():
            _kinds(one, found)
    elif isinstance(value, list | tuple):
        for one in value:
            _kinds(one, found)
    elif type(value) not in _PLAIN:
        found.setdefault(type(value), value)
    return found
