"""How many lines there are in what is read piece by piece."""

import re
from collections.abc import Iterable
from typing import Final

_EMPTY: Final = re.compile(rb"\n\r?(?=\n)")


def count_lines(pieces: Iterable[bytes]) -> int:
    """Count lines that are not empty, as a loader does; the last one need not end."""
    # As if a line before the first had ended: what is empty stands between two ends.
    lines, rest = 0, b"\n"
    for piece in pieces:
        lines += piece.count(b"\n")
        rest += piece
        lines -= len(_EMPTY.findall(rest))
        line = rest[rest.rfind(b"\n") :]
        # What may be the beginning of an empty line, or of another.
        rest = line if line in (b"\n", b"\n\r") else b"\nx"
    return lines + (rest != b"\n")
