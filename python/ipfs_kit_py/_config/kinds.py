"""Kinds of values: what each accepts, from Python and files, and from text.

A kind says why it refuses a value without repeating it, so that nothing secret can leak
through a message.
"""

import operator
import os
import re
from collections.abc import Iterable, Mapping
from typing import Generic, NoReturn, TypeVar, cast

from ipfs_kit_py._config.quantities import (
    MAX_BYTES,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

T = TypeVar("T")
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}
_MAX_DEPTH = 32
_MAX_NODES = 10_000


class UnfitError(ValueError):
    """A value is not of its kind. The message says why, and never holds the value."""


def word_for(value: object) -> str:
    """Say what a value is, without showing it."""
    if value is None:
        return "null"
    words: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (Mapping, "a table"),
        ((list, tuple), "a list"),
    )
    for kind, word in words:
        if isinstance(value, kind):
            return word
    return f"of type {type(value).__name__}"


class Kind(Generic[T]):
    """How a value is checked, read from text, and shown.

    Attributes:
        name: What the reference calls it.
        opaque: Whether a value may hold anything, secrets too, and is never quoted.
    """

    name: str
    opaque = False

    def check(self, value: object) -> T:
        """Take a value from Python or a file.

        Raises:
            UnfitError: It is of another kind.
        """
        raise NotImplementedError

    def read(self, text: str) -> T:
        """Take a value from the environment or a command line.

        Raises:
            UnfitError: The text does not say one.
        """
        return self.check(text)

    def settle(self, value: T, home: str) -> T:
        """Finish a value when all sources were merged."""
        del home
        return value

    def plain(self, value: T) -> object:
        """Turn a value into what JSON, YAML and TOML can hold."""
        return value

    def show(self, value: T) -> str:
        """Write a value for people."""
        return str(value)


class _Text(Kind[str]):
    name = "text"

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            hint = "" if isinstance(value, Mapping | list) else ": put it in quotes"
            raise UnfitError(f"is {word_for(value)}, not text{hint}")
        if not value.strip():
            raise UnfitError("is empty")
        if "\0" in value:
            raise UnfitError("holds a NUL character")
        return str(value)


class _Secret(Kind[str]):
    name = "text"

    def check(self, value: object) -> str:
        # What is fit for a secret is for its part to say: a blank one may be, here.
        return str(value) if isinstance(value, str) and value else TEXT.check(value)


class _Path(Kind[str]):
    name = "path"

    def check(self, value: object) -> str:
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, bytes):
            value = os.fsdecode(value)
        return TEXT.check(value)

    def settle(self, value: str, home: str) -> str:
        if value == "~" or value.startswith(("~/", f"~{os.sep}")):
            return home + value[1:]
        return os.path.expanduser(value)  # noqa: PTH111 - a text in, a text out


class _Flag(Kind[bool]):
    name = "true or false"

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise UnfitError(f"is {word_for(value)}: write true or false")
        return value

    def read(self, text: str) -> bool:
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise UnfitError("is neither true, yes, on, 1 nor false, no, off, 0")
        return word in _TRUE

    def show(self, value: bool) -> str:
        return str(value).lower()


class Integer(Kind[int]):
    """Whole numbers from `least` on."""

    name = "whole number"

    def __init__(self, least: int = 0, *, also: tuple[int, ...] = ()) -> None:
        self._least = least
        self._also = also

    def check(self, value: object) -> int:
        """Take what Python uses as an index, numpy's integers too."""
        if isinstance(value, bool | str):
            raise UnfitError(f"is {word_for(value)}, not a whole number")
        try:
            number = operator.index(cast("int", value))
        except TypeError:
            raise UnfitError("is no whole number") from None
        if number > MAX_BYTES or (number < self._least and number not in self._also):
            also = "".join(f"{also} or " for also in self._also)
            raise UnfitError(f"is out of range: {also}{self._least} and more")
        return number

    def read(self, text: str) -> int:
        """Take decimal digits."""
        digits = text.strip()
        if re.fullmatch(r"-?\d{1,19}", digits, re.ASCII) is None:
            raise UnfitError("is no whole number")
        return self.check(int(digits))


class _Number(Kind[float]):
    name = "number"

    def check(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnfitError(f"is {word_for(value)}, not a number")
        if not 0 <= value < float("inf"):
            raise UnfitError("is out of range: 0 and more")
        if value > MAX_BYTES:
            raise UnfitError("is too large")
        return float(value)

    def read(self, text: str) -> float:
        try:
            return self.check(float(text))
        except ValueError as error:
            if isinstance(error, UnfitError):
                raise
        raise UnfitError("is no number")


class Size(Kind[int]):
    """Numbers of bytes, with or without a unit, from `least` on."""

    name = "size"

    def __init__(self, least: int = 0, *, also: tuple[int, ...] = ()) -> None:
        self._least = least
        self._also = also

    def check(self, value: object) -> int:
        """Take whole numbers, and texts as `10 GiB`."""
        size: int | None = None
        if isinstance(value, str):
            size = parse_size(value)
        elif isinstance(value, float):
            size = int(value) if value.is_integer() else None
        elif not isinstance(value, bool):
            try:
                size = operator.index(cast("int", value))
            except TypeError:
                size = None
        if size is None or not 0 <= size <= MAX_BYTES:
            raise UnfitError('is no size: write bytes as 536870912, "512MB" or "10 GiB"')
        if size < self._least and size not in self._also:
            also = "".join(f"{also} or " for also in self._also)
            least = format_size(self._least)
            raise UnfitError(f"is out of range: {also}{least} and more")
        return size

    def show(self, value: int) -> str:
        """Write it with the largest unit that leaves a whole number."""
        return format_size(value)


class _Duration(Kind[float]):
    name = "duration"

    def check(self, value: object) -> float:
        seconds: float | None = None
        if isinstance(value, str):
            seconds = parse_duration(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value) if 0 <= value <= 1e12 else None
        if seconds is None or seconds > 1e12:
            raise UnfitError('is no duration: write seconds as 30, "30s" or "24h"')
        return seconds

    def show(self, value: float) -> str:
        return format_duration(value)


class Choice(Kind[T]):
    """One of a few words, in upper or lower case."""

    def __init__(self, options: tuple[T, ...]) -> None:
        self._options = {str(option).lower(): option for option in options}
        self.words = tuple(map(str, options))
        *most, last = map(str, options)
        self.name = f"{', '.join(most)} or {last}"

    def check(self, value: object) -> T:
        """Take one of the words."""
        if isinstance(value, str) and value.strip().lower() in self._options:
            return self._options[value.strip().lower()]
        raise UnfitError(f"is not {self.name}")


class _Texts(Kind[tuple[str, ...]]):
    name = "list of text"

    def check(self, value: object) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise UnfitError(f"is {word_for(value)}, not a list of text")
        for item in value:
            if not isinstance(item, str) or not item.strip():
                raise UnfitError("is a list with something other than text")
        return tuple(value)

    def read(self, text: str) -> tuple[str, ...]:
        if text.lstrip().startswith("["):
            return self.check(read_json(text))
        return tuple(item.strip() for item in text.split(",") if item.strip())

    def plain(self, value: tuple[str, ...]) -> object:
        return list(value)

    def show(self, value: tuple[str, ...]) -> str:
        return ", ".join(value) or "none"


class _Table(Kind[Mapping[str, object]]):
    name = "table"
    opaque = True

    def check(self, value: object) -> Mapping[str, object]:
        if not isinstance(value, Mapping):
            raise UnfitError(f"is {word_for(value)}, not a table")
        return cast("dict[str, object]", copied(value))

    def read(self, text: str) -> Mapping[str, object]:
        return self.check(read_json(text))

    def settle(self, value: Mapping[str, object], home: str) -> Mapping[str, object]:
        del home
        # The default is shared by all; what a caller gets is not.
        return cast("dict[str, object]", copied(value))

    def show(self, value: Mapping[str, object]) -> str:
        if not value:
            return "none"
        import json

        return json.dumps(value, ensure_ascii=False, default=_no_json)


class _Plugins(Kind[tuple[Mapping[str, object], ...]]):
    name = "list of plugins"
    opaque = True
    _KEYS = frozenset({"name", "path", "enabled", "config", "plugin_class"})

    def check(self, value: object) -> tuple[Mapping[str, object], ...]:
        if not isinstance(value, list | tuple):
            raise UnfitError(f"is {word_for(value)}, not a list of plugins")
        return tuple(map(self._one, value))

    def _one(self, plugin: object) -> Mapping[str, object]:
        if isinstance(plugin, str) and plugin.strip():
            return {"name": plugin}
        if not isinstance(plugin, Mapping):
            raise UnfitError("is a list with something other than names and tables")
        found = cast("dict[str, object]", copied(plugin))
        if not found.keys() <= self._KEYS:
            known = ", ".join(sorted(self._KEYS))
            raise UnfitError(f"holds a plugin with keys other than {known}")
        if not isinstance(found.get("enabled", True), bool):
            raise UnfitError("holds a plugin whose `enabled` is not true or false")
        if not isinstance(found.get("config", {}), Mapping):
            raise UnfitError("holds a plugin whose `config` is no table")
        if not found.keys() & {"name", "plugin_class"}:
            raise UnfitError("holds a plugin without `name` or `plugin_class`")
        return found

    def read(self, text: str) -> tuple[Mapping[str, object], ...]:
        if text.lstrip().startswith("["):
            return self.check(read_json(text))
        return self.check([item.strip() for item in text.split(",") if item.strip()])

    def plain(self, value: tuple[Mapping[str, object], ...]) -> object:
        return copied(list(value))

    def show(self, value: tuple[Mapping[str, object], ...]) -> str:
        return TABLE.show({"": list(value)})[5:-1] if value else "none"


def _no_json(value: object) -> str:
    return getattr(value, "__qualname__", type(value).__qualname__)


def read_json(text: str) -> object:
    """Read JSON in which no key stands twice."""
    import json

    try:
        return cast("object", json.loads(text, object_pairs_hook=unique))
    except (ValueError, RecursionError):
        pass
    raise UnfitError("is no valid JSON")


def unique(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Make a dictionary of pairs; which of two equal keys is meant, nobody can say."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise UnfitError(f"holds the key {key} twice")
        found[key] = value
    return found


def copied(value: object) -> object:
    """Copy tables and lists to the bottom, which must not be too far down.

    YAML can say a table that holds itself, or a few lines that unfold to gigabytes.
    """
    left = _MAX_NODES

    def copy(value: object, depth: int) -> object:
        nonlocal left
        left -= 1
        if depth > _MAX_DEPTH or left < 0:
            raise UnfitError("is nested too deeply, or too large")
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise UnfitError("holds a key that is not text")
            return {str(key): copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [copy(item, depth + 1) for item in value]
        return value

    return copy(value, 0)


class Refused(Kind[None]):
    """A setting that others know, and that cannot be had here: no value is taken.

    Args:
        reason: Why, as the end of a sentence.
    """

    name = "nothing"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def check(self, value: object) -> NoReturn:
        """Refuse whatever is given."""
        del value
        raise UnfitError(f"cannot be set: {self.reason}")

    def read(self, text: str) -> NoReturn:
        """Refuse whatever is given."""
        self.check(text)


TEXT = _Text()
SECRET = _Secret()
PATH = _Path()
FLAG = _Flag()
COUNT = Integer()
NUMBER = _Number()
SIZE = Size()
DURATION = _Duration()
TEXTS = _Texts()
TABLE = _Table()
PLUGINS = _Plugins()
