"""Values as a record in dag-cbor holds them, and JSON for those who read that."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, cast

from ipfs_kit_py._ml.fields import MOST_NUMBER
from ipfs_kit_py._native import CID, ipld_encode
from ipfs_kit_py.errors import InvalidParameterError

_MOST_DEPTH: Final = 32


def plain(values: object, what: str) -> Any:  # noqa: ANN401 - what a record can hold
    """Give values as a record holds them: numbers of numpy and torch become Python's.

    Raises:
        InvalidParameterError: A record holds no such value.
    """
    return _plain(values, what, _MOST_DEPTH)


def _plain(value: object, what: str, depth: int) -> Any:  # noqa: ANN401
    if depth == 0:
        raise InvalidParameterError(f"{what} is nested more than {_MOST_DEPTH} deep")
    if value is None or isinstance(value, bool | bytes | CID):
        return value
    if isinstance(value, str):
        return _text(value, what)
    if isinstance(value, Mapping):
        return {
            _text(name, what): _plain(it, f"{what}.{name}", depth - 1)
            for name, it in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _plain(it, f"{what}[{number}]", depth - 1) for number, it in enumerate(value)
        ]
    if not isinstance(value, int | float) and callable(getattr(value, "item", None)):
        try:
            value = cast("Any", value).item()
        except (TypeError, ValueError, RuntimeError) as error:
            raise InvalidParameterError(f"{what} is more than one number") from error
    if isinstance(value, int) and -MOST_NUMBER - 1 <= value <= MOST_NUMBER:
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    raise InvalidParameterError(
        f"{what} is {value!r:.60}, which no record holds: that takes text, finite "
        "numbers, truth values, bytes, CIDs, and lists and tables of them"
    )


def _text(value: object, what: str) -> str:
    try:
        if isinstance(value, str):
            value.encode()
            return str(value)
    except UnicodeEncodeError:
        pass
    raise InvalidParameterError(f"{what}: {value!a:.60} is no text")


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give values of a record as JSON has them: links and bytes in dag-json's forms."""
    return cast("dict[str, Any]", json.loads(ipld_encode(dict(values), "dag-json")))
