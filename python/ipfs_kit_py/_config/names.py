"""Every name that a setting goes by: keys, aliases, variables, and the nearest one."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from ipfs_kit_py._config.fields import Field, Section
from ipfs_kit_py._config.schema import BUILT_PARTS, OTHER_VARIABLES, PARTS, Config

PREFIX = "IPFS_KIT_"


class Leaf:
    """A setting in its place.

    Attributes:
        key: Its key from the top, with dots.
        field: What describes it.
        part: The part of the kit that uses it.
    """

    def __init__(self, key: str, field: Field[object], part: str) -> None:
        self.key = key
        self.field = field
        self.part = part

    @property
    def inactive(self) -> bool:
        """Whether nothing uses it yet."""
        return self.part not in BUILT_PARTS


class Names:
    """Where names lead.

    Attributes:
        leaves: Settings by key.
        spellings: Keys by every spelling, the key itself among them.
        sections: What spellings begin with: a table is expected there.
        variables: Keys by variable of ours.
        section_variables: Sections by the variable that gives them whole, as JSON.
        foreign: Keys by other programs' variables.
    """

    def __init__(self) -> None:
        parts = list(PARTS)
        leaves = sorted(_walk(Config, ""), key=lambda leaf: parts.index(leaf.part))
        self.leaves = {leaf.key: leaf for leaf in leaves}
        self.spellings = {key: key for key in self.leaves}
        for leaf in self.leaves.values():
            self.spellings |= dict.fromkeys(leaf.field.aliases, leaf.key)
        self.sections = {
            ".".join(parts[:depth])
            for parts in (spelling.split(".") for spelling in self.spellings)
            for depth in range(1, len(parts))
        }
        self.section_variables = {variable(name): name for name in self.sections}
        self.variables = {variable(name): key for name, key in self.spellings.items()}
        for short, keys in _short(self.spellings).items():
            if len(keys) == 1:
                self.variables.setdefault(short, next(iter(keys)))
        self.foreign: dict[str, str] = {}
        for key, leaf in self.leaves.items():
            self.variables |= dict.fromkeys(leaf.field.variables, key)
            self.foreign |= dict.fromkeys(leaf.field.foreign, key)


@lru_cache(maxsize=1)
def names() -> Names:
    """Read all names off the table of settings, once."""
    return Names()


def _walk(section: type[Section], prefix: str) -> Iterator[Leaf]:
    for name, field in section._fields.items():
        yield Leaf(prefix + name, field, field.part or section._part)
    for name, inner in section._nested.items():
        yield from _walk(inner.section, f"{prefix}{name}.")


def _short(spellings: dict[str, str]) -> dict[str, set[str]]:
    """Give the variables made of the last parts of keys, if these say enough alone."""
    found: dict[str, set[str]] = {}
    for spelling, key in spellings.items():
        section, _, last = spelling.rpartition(".")
        if section and "_" in last:
            found.setdefault(variable(last), set()).add(key)
    return found


def variable(key: str) -> str:
    """Give the variable that is made of a whole key."""
    return PREFIX + key.replace(".", "__").upper()


def preferred_variable(leaf: Leaf) -> str:
    """Give the variable that the reference names."""
    if leaf.field.variables and "." in leaf.key:
        return leaf.field.variables[0]
    short = variable(leaf.key.rpartition(".")[2])
    return short if names().variables.get(short) == leaf.key else variable(leaf.key)


def nearest_key(key: str, *, is_section: bool = False) -> str | None:
    """Find the key or section that was probably meant."""
    if is_section and (near := nearest(key, names().sections, 0.6)):
        return near
    section, _, last = key.rpartition(".")
    known = [*names().spellings, *sorted(names().sections)]
    ends = {name.rpartition(".")[2]: name for name in reversed(known)}
    if last in ends:
        return ends[last]
    beside = dict(_beside(section, known))
    for candidates in (beside, ends):
        if near := nearest(last, candidates):
            return candidates[near]
    # Where the section is right, alike keys would be so for that alone.
    return None if beside else nearest(key, known)


def _beside(section: str, known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give what stands in a section: last parts, and the whole."""
    for name in known:
        above, _, end = name.rpartition(".")
        if above == section:
            yield end, name


def nearest_variable(name: str) -> str | None:
    """Find the variable that was probably meant."""
    known = names()
    return nearest(
        name.upper(),
        [*known.variables, *known.section_variables, *OTHER_VARIABLES],
        0.8,
    )


def nearest(word: str, known: Iterable[str], cutoff: float = 0.7) -> str | None:
    """Find the word most alike, if any is."""
    import difflib

    found = difflib.get_close_matches(word[:200], sorted(known), 1, cutoff)
    return found[0] if found else None
