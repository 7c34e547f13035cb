"""Where the lines of a file lie, found piece by piece: for who counts and who reads.

Lines end with a line feed, the last one with the file; what stands before that may end
with a carriage return.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

# What makes a line one, from its beginning: of JSON anything but white space, of text
# anything but carriage returns.
_JSON: Final = re.compile(rb"(?m)^[^\S\n]*+\S[^\n]*")
_TEXT: Final = re.compile(rb"(?m)^\r*+[^\r\n][^\n]*")


def spans(pieces: Iterable[bytes], *, json: bool) -> Iterator[tuple[int, int]]:
    """Iterate over the lines that are not empty: where each begins, and where it ends.

    Args:
        pieces: What a file holds, cut anywhere.
        json: Lines of white space alone are empty too.
    """
    line = _JSON if json else _TEXT
    at = begin = 0
    is_open = False
    for piece in pieces:
        scanned = 0
        if is_open:
            scanned = piece.find(b"\n")
            if scanned < 0:
                at += len(piece)
                continue
            yield begin, at + scanned
            is_open = False
        for match in line.finditer(piece, scanned):
            start, stop = match.span()
            # What the first one begins with may have been empty so far.
            first = at + start if start else begin
            if stop < len(piece):
                yield first, at + stop
            else:
                begin, is_open = first, True
        feed = piece.rfind(b"\n") + 1
        if feed and not is_open:
            begin = at + feed
        at += len(piece)
    if is_open:
        yield begin, at
