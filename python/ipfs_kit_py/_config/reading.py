"""What one source says: assignments to settings, and what is wrong with it."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

from ipfs_kit_py._config.fields import MASK, masked
from ipfs_kit_py._config.kinds import Choice, UnfitError, read_json, word_for
from ipfs_kit_py._config.names import (
    PREFIX,
    Leaf,
    names,
    nearest,
    nearest_key,
    nearest_variable,
)
from ipfs_kit_py._config.schema import OTHER_VARIABLES

NOT_IN_A_FILE = "says where the file is: it cannot stand in one"
_SHOWN = 60


Given: TypeAlias = tuple[str, object]
"""A value that a source gives to a setting, and what the source calls that."""


class Problem:
    """Something that is wrong with a source.

    Attributes:
        source: The source.
        name: The key or variable; empty if it is the source as a whole.
        reason: What is wrong with it.
    """

    def __init__(self, source: str, name: str, reason: str) -> None:
        self.source = source
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.source}: {f'{self.name} ' if self.name else ''}{self.reason}"


class Reading:
    """The assignments of one source, by key, and its problems."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.given: dict[str, Given] = {}
        self.problems: list[Problem] = []

    def problem(self, name: str, reason: str) -> None:
        """Note that something is wrong."""
        self.problems.append(Problem(self.source, _printable(name), reason))

    def take(
        self, leaf: Leaf, name: str, value: object, read: Callable[[object], object]
    ) -> None:
        """Note a value, if it is fit and no other spelling says another."""
        try:
            found = read(value)
        except UnfitError as error:
            reason = str(error)
        else:
            other, before = self.given.setdefault(leaf.key, (name, found))
            if before != found:
                both = f"and {other} are the same setting, with different values"
                self.problem(name, both)
            return
        # Tables, lists and objects may hold secrets of which we know nothing.
        simple = isinstance(value, str | int | float) and not leaf.field.kind.opaque
        hidden = leaf.field.secret or not simple
        shown = MASK if hidden else _shown(value)
        self.problem(name, f"= {shown} {reason}{_hint(leaf, value)}")


def read_mapping(
    source: str, mapping: object, prefix: str = "", *, is_file: bool = False
) -> Reading:
    """Read what a dictionary or a file says.

    Args:
        source: What it is called in messages.
        mapping: Keys may be nested or written with dots.
        prefix: The section that it is.
        is_file: Whether it is the content of a configuration file.
    """
    reading = Reading(source)
    _read_table(reading, mapping, prefix)
    if is_file and "config_path" in reading.given:
        del reading.given["config_path"]
        reading.problem("config_path", NOT_IN_A_FILE)
    return reading


def _read_table(reading: Reading, mapping: object, section: str) -> None:
    if not isinstance(mapping, Mapping):
        reading.problem(section, f"is {word_for(mapping)}, not a table of keys")
        return
    known = names()
    for key, value in mapping.items():
        if not isinstance(key, str):
            where = f"{section}.{key}" if section else str(key)
            reading.problem(where, "is no key: put it in quotes")
            continue
        spelling = f"{section}.{key}" if section else key
        # Null is what is left when a value is deleted from a file: it says nothing.
        if value is None and (spelling in known.spellings or spelling in known.sections):
            continue
        if spelling in known.spellings:
            leaf = known.leaves[known.spellings[spelling]]
            reading.take(leaf, spelling, value, leaf.field.kind.check)
        elif spelling in known.sections:
            _read_table(reading, value, spelling)
        else:
            # What an unknown key holds may be a secret whose name is misspelt.
            near = nearest_key(spelling, is_section=isinstance(value, Mapping))
            reason = _unknown("key", near)
            reading.problem(spelling or '""', reason)


def read_environment(environ: Mapping[str, str]) -> Reading:
    """Read what variables of ours say; an empty one says nothing."""
    reading = Reading("environment")
    known = names()
    for name, text in environ.items():
        if not name.startswith(PREFIX) or not text or name in OTHER_VARIABLES:
            continue
        if key := known.variables.get(name):
            _read_text(reading, known.leaves[key], name, text)
        elif section := known.section_variables.get(name):
            _read_section(reading, section, name, text)
        else:
            _warn_of(name)
    return reading


def read_foreign(environ: Mapping[str, str]) -> Reading:
    """Read what other programs' variables say."""
    reading = Reading("environment")
    for name, key in names().foreign.items():
        if text := environ.get(name):
            _read_text(reading, names().leaves[key], name, text)
    return reading


def _read_text(reading: Reading, leaf: Leaf, name: str, text: str) -> None:
    def read(value: object) -> object:
        return leaf.field.kind.read(str(value))

    reading.take(leaf, name, text, read)


def _read_section(reading: Reading, section: str, name: str, text: str) -> None:
    try:
        table = read_json(text)
    except UnfitError as error:
        reading.problem(name, str(error))
        return
    found = read_mapping(f"{reading.source}: {name}", table, section)
    reading.problems += found.problems
    for key, (_, value) in found.given.items():
        reading.take(names().leaves[key], name, value, lambda value: value)


@lru_cache(maxsize=256)
def _warn_of(name: str) -> None:
    """Log once in a process that a variable means nothing."""
    import logging

    reason = _unknown("variable", nearest_variable(name))
    logging.getLogger("ipfs_kit_py").warning("%s %s", _printable(name), reason)


def _unknown(what: str, near: str | None) -> str:
    hint = f"; did you mean {near}?" if near else ""
    return f"is no {what} of the kit{hint}"


def _hint(leaf: Leaf, value: object) -> str:
    if isinstance(leaf.field.kind, Choice) and isinstance(value, str):
        near = nearest(value.lower(), leaf.field.kind.words, 0.5)
        return f"; did you mean {near}?" if near else ""
    return ""


def _shown(value: object) -> str:
    text = repr(masked(value))
    if isinstance(value, str):
        inside = text[1:-1].replace('"', '\\"').replace("\\'", "'")
        text = f'"{inside}"'
    return _printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _printable(text: str) -> str:
    """Keep a message on one line, and printable anywhere."""
    return "".join(
        char if char.isprintable() else ascii(char)[1:-1] for char in text[:200]
    )


def told(problems: Iterable[Problem]) -> str:
    """Tell all problems in one message."""
    lines = [str(problem) for problem in problems]
    if len(lines) == 1:
        return lines[0]
    return "\n  ".join([f"{len(lines)} problems in the configuration:", *lines])
