"""Pieces of bytes, read as one file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer


class PieceReader:
    """Pieces, as something with `read` that gives them where they lie."""

    def __init__(self, pieces: "Iterator[Buffer]") -> None:
        """Read from these."""
        self._pieces = pieces
        self._piece = memoryview(b"")

    def read(self, size: int, /) -> memoryview:
        """Give some of a piece; nothing at the end."""
        while not self._piece:
            following = next(self._pieces, None)
            if following is None:
                break
            self._piece = memoryview(following)
        found, self._piece = self._piece[:size], self._piece[size:]
        return found

    def close(self) -> None:
        """Let go of the piece at hand."""
        self._piece = memoryview(b"")
