"""What is closed at the end of a `with` block."""

from types import TracebackType
from typing import Self


class Closing:
    """Something with a `close`, which `with` calls; closing twice is no error."""

    def close(self) -> None:
        """Let go of everything."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Give the object itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
