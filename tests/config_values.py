"""Values for every setting: as Python says them, as a variable does, what they mean."""

import json
import string
from typing import Any, NamedTuple, TypeAlias

from hypothesis import strategies as st

from ipfs_kit_py._config import kinds
from ipfs_kit_py._config.names import Leaf, names

HOME = "/home/somebody"
KEYS = [
    key
    for key, leaf in names().leaves.items()
    if key != "config_path" and not isinstance(leaf.field.kind, kinds.Refused)
]
WORDS = st.text(string.ascii_letters + "äß大-.:/ ", min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and not text.startswith(("[", "~"))
)
TRUE, FALSE = ("true", "1", "yes", "ON"), ("False", "0", "no", "off")


class Example(NamedTuple):
    """A value as a source may write it, and what is read."""

    python: Any
    text: str
    meaning: Any


Examples: TypeAlias = st.SearchStrategy[Example]
Assignment: TypeAlias = tuple[str, Example]
"""A spelling of a key, and what is said there."""


def sizes() -> Examples:
    units = st.sampled_from([("", 1), ("KB", 1000), (" KiB", 1 << 10), ("gib", 1 << 30)])
    plain = st.integers(0, 1 << 62).map(lambda size: Example(size, str(size), size))
    return plain | st.tuples(st.integers(0, 4096), units).map(
        lambda drawn: Example(
            f"{drawn[0]}{drawn[1][0]}",
            f"{drawn[0]}{drawn[1][0].upper()}",
            drawn[0] * drawn[1][1],
        )
    )


def durations() -> Examples:
    units = st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)])
    plain = st.integers(0, 10**9).map(lambda n: Example(n, str(n), float(n)))
    return plain | st.tuples(st.integers(0, 999), units).map(
        lambda drawn: Example(
            f"{drawn[0]}{drawn[1][0]}",
            f"{drawn[0]} {drawn[1][0].upper()}",
            float(drawn[0] * drawn[1][1]),
        )
    )


def flags() -> Examples:
    yes = st.sampled_from(TRUE).map(lambda word: Example(True, word, True))
    return yes | st.sampled_from(FALSE).map(lambda word: Example(False, word, False))


def paths() -> Examples:
    return WORDS.map(lambda word: Example(f"~/{word}", f"~/{word}", f"{HOME}/{word}"))


def lists() -> Examples:
    items = st.lists(WORDS.filter(lambda word: "," not in word), min_size=1, max_size=3)
    commas = items.map(lambda found: Example(found, ", ".join(found), tuple(found)))
    return commas | items.map(
        lambda found: Example(found, json.dumps(found), tuple(found))
    )


def plugins() -> Examples:
    one = WORDS.map(lambda name: {"name": name, "enabled": True, "config": {"a": 1}})
    return st.lists(one, max_size=2).map(
        lambda found: Example(found, json.dumps(found), tuple(found))
    )


def tables() -> Examples:
    inner = st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), max_size=2)
    found = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 9) | inner, max_size=3)
    return found.map(lambda table: Example(table, json.dumps(table), table))


def examples(leaf: Leaf) -> Examples:
    """Give values that are fit for a setting."""
    kind = leaf.field.kind
    if isinstance(kind, kinds.Choice):
        words = st.sampled_from(kind.words)
        return words.map(lambda word: Example(word, word.upper(), word))
    if isinstance(kind, kinds.Integer):
        return st.integers(1, 1 << 40).map(lambda n: Example(n, str(n), n))
    if isinstance(kind, kinds.Size) and kind is not kinds.SIZE:
        return sizes().filter(lambda it: it.meaning == 0 or it.meaning >= 1 << 20)
    strategies: dict[object, Examples] = {
        kinds.TEXT: WORDS.map(lambda word: Example(word, word, word)),
        kinds.SECRET: WORDS.map(lambda word: Example(word, word, word)),
        kinds.PATH: paths(),
        kinds.FLAG: flags(),
        kinds.NUMBER: st.floats(0, 1e9).map(lambda n: Example(n, repr(n), n)),
        kinds.SIZE: sizes(),
        kinds.DURATION: durations(),
        kinds.TEXTS: lists(),
        kinds.PLUGINS: plugins(),
        kinds.TABLE: tables(),
    }
    return strategies[kind]


@st.composite
def assignments(draw: st.DrawFn, keys: list[str] | None = None) -> dict[str, Assignment]:
    """Draw settings, each in one of its spellings."""
    unique = True
    chosen = draw(st.lists(st.sampled_from(keys or KEYS), max_size=8, unique=unique))
    found: dict[str, Assignment] = {}
    for key in chosen:
        spellings = [name for name, meant in names().spellings.items() if meant == key]
        found[key] = (
            draw(st.sampled_from(spellings)),
            draw(examples(names().leaves[key])),
        )
    return found


def as_mapping(given: dict[str, Assignment], *, dotted: bool = False) -> dict[str, Any]:
    """Write settings as a dictionary."""
    mapping: dict[str, Any] = {}
    for spelling, example in given.values():
        *sections, last = [spelling] if dotted else spelling.split(".")
        table = mapping
        for section in sections:
            table = table.setdefault(section, {})
        table[last] = example.python
    return mapping
