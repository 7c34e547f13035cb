"""The fields of records that may come from anyone: each of its type, or an error."""

from typing import Any, Final

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import LimitExceededError, MalformedDataError

MOST_NUMBER: Final = (1 << 63) - 1
"""What every reader of dag-cbor takes."""
MOST_TEXT: Final = 255


def table(value: object, where: str) -> dict[str, Any]:
    """Give a table by names, or say what is wrong."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _wrong(where, "a table", value)
    return value


def rows(value: object, where: str, most: int) -> list[Any]:
    """Give a list of no more than so many, or say what is wrong."""
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    if len(value) > most:
        raise LimitExceededError(f"{where} has {len(value):,} entries: over {most:,}")
    return value


def text(value: object, where: str, most: int = MOST_TEXT) -> str:
    """Give a text that is not empty, or say what is wrong."""
    if not isinstance(value, str) or not value:
        raise _wrong(where, "a text", value)
    if len(value) > most:
        raise LimitExceededError(f"{where} has {len(value):,} characters: over {most:,}")
    return value


def text_or_none(value: object, where: str, most: int = MOST_TEXT) -> str | None:
    """Give a text, or that there is none."""
    return None if value is None else text(value, where, most)


def link(value: object, where: str) -> CID:
    """Give a link, or say what is wrong."""
    if not isinstance(value, CID):
        raise _wrong(where, "a link", value)
    return value


def number(value: object, where: str) -> int:
    """Give a number from 0, or say what is wrong."""
    # A bool is an int of Python's.
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(where, "a number", value)
    if not 0 <= value <= MOST_NUMBER:
        raise MalformedDataError(f"{where} is {value}, which counts nothing")
    return value


def _wrong(where: str, kind: str, value: object) -> MalformedDataError:
    shown = "missing" if value is None else f"of type {type(value).__name__}"
    return MalformedDataError(f"{where} is {shown}, not {kind}")
