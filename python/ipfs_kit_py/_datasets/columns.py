"""Columns of values of Python, in which every value is as it was given.

Arrow takes the type of a column from some of its values, or is told it, and makes others
fit in silence: it leaves out keys, hours and zones of time.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from reprlib import Repr
from typing import Any, Final

from ipfs_kit_py._datasets.arrow import arrow
from ipfs_kit_py.errors import InvalidParameterError

# Times with their zones are longer than it shows by itself.
_SHORT: Final = Repr()
_SHORT.maxother = 80
# Of these, what is equal and of one type is the same.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})


def column_of(
    name: str,
    values: Sequence[Any],
    kind: Any = None,  # noqa: ANN401 - pyarrow's
    first: int = 0,
) -> Any:  # noqa: ANN401 - pyarrow's
    """Make a column of values.

    Args:
        name: What it is called.
        values: One of each row.
        kind: The type that it has; by the values if not given.
        first: The number of the first row.

    Raises:
        InvalidParameterError: Arrow has no type for all the values, or would change one.
    """
    try:
        made = arrow().array(values, kind)
        found = made.to_pylist()
    except _errors() as error:
        at = bisect_left(
            range(len(values)), True, key=lambda it: not _is_one(values[: it + 1], kind)
        )
        raise InvalidParameterError(
            f"{_where(name, values, first, at)}, which does not fit there: "
            f"{error}. {_ADVICE}"
        ) from error
    if not _are_same(values, found):
        both = enumerate(zip(values, found, strict=True))
        at = next(at for at, (value, it) in both if not _is_same(value, it))
        raise InvalidParameterError(
            f"{_where(name, values, first, at)}, which as {made.type} would become "
            f"{_SHORT.repr(found[at])}. {_ADVICE}"
        )
    return made


_ADVICE: Final = (
    "The values of a column are of one type: convert them, or give a pyarrow.Table or "
    "RecordBatchReader, which knows its schema"
)


def _where(name: str, values: Sequence[Any], first: int, at: int) -> str:
    return f"row {first + at:,} has {_SHORT.repr(values[at])} in the column {name!r}"


def _is_one(values: Sequence[Any], kind: Any) -> bool:  # noqa: ANN401 - pyarrow's
    try:
        arrow().array(values, kind).to_pylist()
    except _errors():
        return False
    return True


def _errors() -> tuple[type[Exception], ...]:
    return (arrow().ArrowException, TypeError, ValueError, OverflowError)


def _are_same(given: Sequence[Any], found: list[Any]) -> bool:
    kinds = set(map(type, given))
    if kinds <= _PLAIN and kinds == set(map(type, found)) and list(given) == found:
        return True
    # Numbers that are none, and what is in something else, are not equal so simply.
    return len(given) == len(found) and all(map(_is_same, given, found))


def _is_same(given: Any, found: Any) -> bool:  # noqa: ANN401 - whatever a row has
    # Numbers of numpy would be compared after they were rounded.
    if getattr(getattr(given, "dtype", None), "kind", "") in {*"biufSU"}:
        given = given.tolist()
    if isinstance(found, dict):
        if not isinstance(given, Mapping) or not given.keys() <= found.keys():
            return False
        return all(_is_same(given.get(key), it) for key, it in found.items())
    if isinstance(found, list):
        return isinstance(given, Iterable) and _are_same(list(given), found)
    if found is None:
        return given is None or bool(given != given)
    if isinstance(found, int) and not isinstance(given, int):
        return False
    if isinstance(given, bool) and not isinstance(found, bool):
        return False
    return bool(found == given or (found != found and given != given))
