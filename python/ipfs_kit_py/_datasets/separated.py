"""Files of separated values, CSV and TSV, read alike where they are added and loaded."""

import codecs
from collections.abc import Iterable
from typing import Any, Final

from ipfs_kit_py._datasets.arrow import arrow

# A record and what lies before it in a block must have room there.
_BLOCK_BYTES: Final = 32 << 20


def options_of(delimiter: str) -> dict[str, Any]:
    """Say how pyarrow reads such files."""
    csv = arrow("csv")
    return {
        "read_options": csv.ReadOptions(block_size=_BLOCK_BYTES),
        "parse_options": csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
    }


def table_of(data: Any, delimiter: str) -> Any:  # noqa: ANN401 - a buffer, pyarrow's
    """Read a whole file: only that tells of what types its columns are."""
    pa = arrow()
    file = pa.BufferReader(pa.py_buffer(data))
    return arrow("csv").read_csv(file, **options_of(delimiter))


def check_text(pieces: Iterable[bytes]) -> None:
    """Refuse what is no UTF-8, whose columns would be bytes rather than texts.

    Raises:
        ValueError: It is none.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    done, lines = 0, 1
    for piece in pieces:
        begun = len(decoder.getstate()[0])
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            at = error.start - begun
            lines += piece.count(b"\n", 0, max(at, 0))
            raise ValueError(
                f"it is no UTF-8 at byte {done + at:,}, in line {lines:,}: convert it"
            ) from error
        done += len(piece)
        lines += piece.count(b"\n")
    if decoder.getstate()[0]:
        raise ValueError(f"it is no UTF-8 at its end, in line {lines:,}: convert it")
