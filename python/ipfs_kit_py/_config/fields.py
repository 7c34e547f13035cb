"""Fields and sections: what the table of all settings is written with.

A section is a class whose attributes are fields and other sections. Of the class they
are descriptions, of an instance values, so one line is checked, typed, documented and
read::

    class Timeouts(Section, part="network"):
        api = field(DURATION, 30, "How long a node may take to answer.")
"""

# Each annotation with a type variable would take 50 us to evaluate.
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import (
    TYPE_CHECKING,
    ClassVar,
    Generic,
    Never,
    NoReturn,
    Self,
    TypeVar,
    cast,
    overload,
)

from ipfs_kit_py._config.kinds import Kind, Refused

T = TypeVar("T")
S = TypeVar("S", bound="Section")
MASK = "***"


class Field(Generic[T]):
    """One setting.

    Attributes:
        kind: What it accepts.
        doc: What it is for, in a sentence.
        part: The part of the kit that uses it, if not its section's.
        aliases: Other keys for it, from the top.
        variables: Names in the environment besides those made of its key.
        foreign: Other programs' variables; they count where no file says anything.
        secret: Whether its value is never shown.
        lazy: Whether its default is worked out when it is first asked for.
    """

    def __init__(
        self,
        kind: Kind[T],
        default: Callable[[], T | None],
        doc: str,
        *,
        part: str | None,
        aliases: tuple[str, ...],
        variables: tuple[str, ...],
        foreign: tuple[str, ...],
        secret: bool,
        lazy: bool,
        default_shown: str | None,
    ) -> None:
        self.kind = kind
        self.default = default
        self.doc = doc
        self.part = part
        self.aliases = aliases
        self.variables = variables
        self.foreign = foreign
        self.secret = secret
        self.lazy = lazy
        self._default_shown = default_shown
        self.name = ""

    @property
    def default_shown(self) -> str:
        """What the reference gives as its default."""
        if self._default_shown is None:
            return self.kind.show(cast("T", self.default()))
        return self._default_shown

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    if TYPE_CHECKING:
        # For type checkers alone: Python would look here before it looks at values.
        def __set__(self, section: object, value: Never) -> None: ...

    @overload
    def __get__(self, section: None, owner: type) -> Self: ...
    @overload
    def __get__(self, section: object, owner: type) -> T: ...
    def __get__(self, section: object | None, owner: type) -> Self | T:
        """Give the description, or work out a default that is costly to know."""
        if section is None:
            return self
        value = cast("T", self.default())
        # Values stand in the instance, where Python looks before it comes here.
        section.__dict__[self.name] = value
        return value


class Nested(Generic[S]):
    """A section within a section."""

    def __init__(self, section: type[S]) -> None:
        self.section = section

    if TYPE_CHECKING:

        def __set__(self, section: object, value: Never) -> None: ...

    @overload
    def __get__(self, section: None, owner: type) -> Self: ...
    @overload
    def __get__(self, section: object, owner: type) -> S: ...
    def __get__(self, section: object | None, owner: type) -> Self | S:
        """Give the description; values stand in the instance."""
        if section is None:
            return self
        raise AttributeError("a section is always given its nested ones")


def field(
    kind: Kind[T],
    default: T,
    doc: str,
    *,
    part: str | None = None,
    aliases: tuple[str, ...] = (),
    variables: tuple[str, ...] = (),
) -> Field[T]:
    """Describe a setting that always has a value."""
    return Field(
        kind,
        lambda: default,
        doc,
        part=part,
        aliases=aliases,
        variables=variables,
        foreign=(),
        secret=False,
        lazy=False,
        default_shown=None,
    )


def optional(
    kind: Kind[T],
    doc: str,
    *,
    part: str | None = None,
    aliases: tuple[str, ...] = (),
    variables: tuple[str, ...] = (),
    foreign: tuple[str, ...] = (),
    secret: bool = False,
) -> Field[T | None]:
    """Describe a setting that is `None` unless given."""
    return Field(
        cast("Kind[T | None]", kind),
        lambda: None,
        doc,
        part=part,
        aliases=aliases,
        variables=variables,
        foreign=foreign,
        secret=secret,
        lazy=False,
        default_shown="none",
    )


def refused(reason: str) -> Field[None]:
    """Describe a setting that others know, and that cannot be had here.

    Args:
        reason: Why, as the end of a sentence.
    """
    return optional(Refused(reason), f"Refused: {reason}.")


def derived(
    kind: Kind[T],
    default: Callable[[], T],
    default_shown: str,
    doc: str,
    *,
    foreign: tuple[str, ...] = (),
) -> Field[T]:
    """Describe a setting whose default is worked out when it is first asked for."""
    return Field(
        kind,
        default,
        doc,
        part=None,
        aliases=(),
        variables=(),
        foreign=foreign,
        secret=False,
        lazy=True,
        default_shown=default_shown,
    )


class Section:
    """Settings that belong together. Cannot be changed; secrets do not show."""

    _part: ClassVar[str]
    _fields: ClassVar[Mapping[str, Field[object]]]
    _nested: ClassVar[Mapping[str, Nested[Section]]]

    def __init_subclass__(cls, *, part: str) -> None:
        cls._part = part
        members = vars(cls).items()
        cls._fields = {name: item for name, item in members if isinstance(item, Field)}
        cls._nested = {name: item for name, item in members if isinstance(item, Nested)}

    def __init__(self, values: Mapping[str, object], given: tuple[str, ...]) -> None:
        self.__dict__.update(values, _given=given)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a configuration cannot be changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a configuration cannot be changed: {name}")

    def _members(self) -> Iterator[tuple[str, object]]:
        for name in (*self._fields, *self._nested):
            yield name, getattr(self, name)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return dict(self._members()) == dict(other._members())

    __hash__ = None  # type: ignore[assignment] # tables have none either

    def __repr__(self) -> str:
        """Show what was given; defaults and secrets are left out."""
        shown = []
        for name in self.__dict__["_given"]:
            value = getattr(self, name)
            hidden = name in self._fields and self._fields[name].secret
            shown.append(f"{name}={MASK if hidden else repr(masked(value))}")
        return f"{type(self).__name__}({', '.join(shown)})"


def nested(section: type[S]) -> Nested[S]:
    """Describe a section within a section."""
    return Nested(section)


def masked(value: object) -> object:
    """Hide what looks secret in a table, and passwords in addresses.

    Of an object, which only Python code can give, the name is left.
    """
    if isinstance(value, Mapping):
        return {
            key: MASK if item and _looks_secret(str(key)) else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(map(masked, value))
    if isinstance(value, str) and "://" in value and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://{MASK}@{rest.rpartition('@')[2]}"
    if value is None or isinstance(value, str | int | float):
        return value
    return getattr(value, "__qualname__", type(value).__qualname__)


def _looks_secret(key: str) -> bool:
    words = ("secret", "token", "passw", "key", "credential", "auth", "seed", "private")
    return any(word in key.lower() for word in words)
