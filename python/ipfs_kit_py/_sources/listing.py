"""A directory that is listed as its blocks come."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

from ipfs_kit_py._repository.reading import Entry


class Listing(Iterator[Entry]):
    """Iterates over entries, asking certain sources first while it looks for the next.

    Between two entries the calling thread may read other things.

    Args:
        found: The entries.
        asking: Gives what is entered while the next one is looked for.
        stack: Closed at the end, or when nobody wants more.
    """

    def __init__(
        self,
        found: Iterator[Entry],
        asking: Callable[[], AbstractContextManager[None]],
        stack: ExitStack,
    ) -> None:
        self._found = found
        self._asking = asking
        self._stack = stack

    def __next__(self) -> Entry:
        """Give the next entry."""
        try:
            with self._asking():
                return next(self._found)
        except BaseException:
            self._stack.close()
            raise

    def __del__(self) -> None:
        """End what was asked for."""
        self._stack.close()
