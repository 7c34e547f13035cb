"""Merge all sources into one configuration, and remember where each value came from."""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias, TypeVar, cast

from ipfs_kit_py._config.fields import MASK, Section, masked
from ipfs_kit_py._config.files import (
    Candidate,
    default_candidates,
    found_among,
    home_folder,
    parse,
    read_text,
)
from ipfs_kit_py._config.kinds import PATH, TABLE, UnfitError
from ipfs_kit_py._config.names import PREFIX, Leaf, names, nearest_key
from ipfs_kit_py._config.reading import (
    Given,
    Problem,
    Reading,
    read_environment,
    read_foreign,
    read_mapping,
    told,
)
from ipfs_kit_py._config.schema import Config
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py.errors import ConfigurationError

S = TypeVar("S", bound=Section)
SourceKind: TypeAlias = Literal["metadata", "environment", "file", "default"]


class Source(NamedTuple):
    """Where a value came from."""

    kind: SourceKind
    where: str
    """The key, variable or file that gave it; empty for a default."""

    def __str__(self) -> str:
        return self.where or self.kind


class Row(NamedTuple):
    """A setting as it is shown."""

    key: str
    value: object
    """As JSON holds it; secrets are masked."""
    text: str
    """As people read it; secrets are masked."""
    source: Source
    part: str
    inactive: bool
    """Whether the part that uses it is not built yet."""
    doc: str


class Loaded:
    """A configuration, and where its values came from.

    Attributes:
        config: The values, checked and typed; cannot be changed.
        file: The configuration file that was read, if any.
    """

    def __init__(
        self,
        config: Config,
        file: str | None,
        values: Mapping[str, object],
        sources: Mapping[str, Source],
        foreign: frozenset[str],
    ) -> None:
        self.config = config
        self.file = file
        self._values = values
        self._sources = sources
        self._foreign = foreign

    def __repr__(self) -> str:
        return f"Loaded({self.config!r}, file={self.file!r})"

    def value_of(self, key: str) -> object:
        """Give the value of a key or alias with dots, secret or not.

        Raises:
            ConfigurationError: There is no such key.
        """
        value: object = self.config
        for name in find_leaf(key).key.split("."):
            value = getattr(value, name)
        return value

    def source_of(self, key: str) -> Source:
        """Say where the value of a key or alias came from.

        Raises:
            ConfigurationError: There is no such key.
        """
        return self._sources.get(find_leaf(key).key, Source("default", ""))

    def inactive(self) -> list[str]:
        """List keys that were set, and have no effect: their part is not built yet."""
        return [
            key
            for key, leaf in names().leaves.items()
            if key in self._sources and leaf.inactive and key not in self._foreign
        ]

    def given(self) -> dict[str, object]:
        """Give what the sources set, nested, as a file can hold it: with secrets.

        What stands in other programs' variables is left out, and so is `config_path`.
        """
        nested: dict[str, object] = {}
        for key, value in self._values.items():
            if key in self._foreign or key == "config_path":
                continue
            *sections, last = key.split(".")
            table = nested
            for section in sections:
                table = cast("dict[str, object]", table.setdefault(section, {}))
            table[last] = names().leaves[key].field.kind.plain(value)
        return nested

    def describe(self) -> list[Row]:
        """Show every setting with its value and where that came from, no secrets."""
        return [self._row(leaf) for leaf in names().leaves.values()]

    def _row(self, leaf: Leaf) -> Row:
        value, kind = self.value_of(leaf.key), leaf.field.kind
        shown: object = None
        text = "none"
        if value is not None and leaf.field.secret:
            shown = text = MASK
        elif value is not None:
            shown = masked(kind.plain(value))
            text = kind.show(masked(value))
        source = self.source_of(leaf.key)
        return Row(
            leaf.key, shown, text, source, leaf.part, leaf.inactive, leaf.field.doc
        )


def load(
    metadata: Mapping[str, object] | None = None,
    config_path: StrPath | None = None,
    environ: Mapping[str, str] | None = None,
    **overrides: object,
) -> Loaded:
    """Merge and check what the kit is configured with.

    Key by key, the first that says something counts: `overrides`, `metadata`, our
    `IPFS_KIT_*` variables, the configuration file, other programs' variables, the
    default. Tables of free keys are merged to the bottom.

    Args:
        metadata: Settings, nested or with dotted keys; `None` says nothing.
        config_path: The file; else `metadata["config_path"]`, `IPFS_KIT_CONFIG_PATH`, or
            the first that exists in `~/.ipfs_kit` and `/etc/ipfs_kit`.
        environ: Variables to read instead of those of the process.
        **overrides: Settings that stand above all others.

    Raises:
        ConfigurationError: A key is unknown, a value is of the wrong kind, or the file
            that was named cannot be read. All problems of all sources are told at once.
    """
    environ = os.environ if environ is None else environ
    above = read_mapping("arguments", overrides)
    given = read_mapping("metadata", {} if metadata is None else metadata)
    named: StrPath | Given | None = config_path
    for layer in (above, given):
        named = layer.given.get("config_path") if named is None else named
    file = _find(named, environ)
    return _merged(above, given, file, environ)


def _find(named: StrPath | Given | None, environ: Mapping[str, str]) -> Candidate | None:
    if isinstance(named, tuple):
        return Candidate(_expanded(str(named[1]), environ), named[0])
    return found_among(file_candidates(named, environ))


def file_candidates(
    config_path: StrPath | None, environ: Mapping[str, str]
) -> list[Candidate]:
    """List the files that are looked at: the one that is named, or all usual places."""
    if config_path is not None:
        path = _expanded(os.fsdecode(config_path), environ)
        return [Candidate(path, "config_path")]
    if path := environ.get("IPFS_KIT_CONFIG_PATH", ""):
        return [Candidate(_expanded(path, environ), "IPFS_KIT_CONFIG_PATH")]
    return default_candidates(environ)


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return PATH.settle(path, home_folder(environ))


def read_file(file: Candidate) -> Reading:
    """Read what a file says; that it cannot be read is a problem like others."""
    reading = Reading(file.path)
    try:
        content = parse(file.path, read_text(file.path))
    except UnfitError as error:
        by = f" (named by {file.named_by})" if file.named_by else ""
        reading.problem("", f"{error}{by}")
        return reading
    return read_mapping(file.path, {} if content is None else content, is_file=True)


def _merged(
    above: Reading, given: Reading, file: Candidate | None, environ: Mapping[str, str]
) -> Loaded:
    """Lay the sources over each other, the weakest first."""
    foreign, ours = read_foreign(environ), read_environment(environ)
    from_file = Reading("") if file is None else read_file(file)
    layers: list[tuple[SourceKind, Reading]] = [
        ("environment", foreign),
        ("file", from_file),
        ("environment", ours),
        ("metadata", given),
        ("metadata", above),
    ]
    raise_for([problem for _, layer in reversed(layers) for problem in layer.problems])
    values: dict[str, object] = {}
    sources: dict[str, Source] = {}
    for kind, layer in layers:
        for key, (name, value) in layer.given.items():
            under = values.get(key)
            values[key] = _over(under, value) if _is_table(key) else value
            sources[key] = Source(kind, layer.source if kind == "file" else name)
    if file is not None:
        values["config_path"] = file.path
        by_variable = file.named_by.startswith(PREFIX)
        how: SourceKind = "environment" if by_variable else "metadata"
        if file.named_by:
            sources["config_path"] = Source(how, file.named_by)
    else:
        values.pop("config_path", None)
    from_others = frozenset(
        key for key in foreign.given if sources[key].where in names().foreign
    )
    home = home_folder(environ)
    values = {
        key: names().leaves[key].field.kind.settle(value, home)
        for key, value in values.items()
    }
    config = _built(Config, values, "", home)
    return Loaded(config, file and file.path, values, sources, from_others)


def check(
    config_path: StrPath | None, environ: Mapping[str, str] | None
) -> tuple[str | None, list[Problem], list[str]]:
    """Check a file, and with `environ` the variables too, without merging them.

    Returns:
        The file, all problems, and the keys that have no effect yet.
    """
    file = found_among(file_candidates(config_path, environ or {}))
    readings = [Reading("") if file is None else read_file(file)]
    if environ is not None:
        readings.append(read_environment(environ))
    given = {key for reading in readings for key in reading.given}
    if environ is not None:
        readings.append(read_foreign(environ))
    problems = [problem for reading in readings for problem in reading.problems]
    leaves = names().leaves.values()
    unused = [leaf.key for leaf in leaves if leaf.key in given and leaf.inactive]
    return file and file.path, problems, unused


def raise_for(problems: list[Problem]) -> None:
    """Raise one error that tells all problems, if there are any."""
    if problems:
        raise ConfigurationError(told(problems))


def _is_table(key: str) -> bool:
    return names().leaves[key].field.kind is TABLE


def _over(under: object, above: object) -> object:
    """Merge tables key by key; anything else above hides what is under it."""
    if not (isinstance(under, Mapping) and isinstance(above, Mapping)):
        return above
    return {**under, **{key: _over(under.get(key), above[key]) for key in above}}


def _built(section: type[S], values: Mapping[str, object], prefix: str, home: str) -> S:
    """Make a section of the values given and the defaults of the rest."""
    made: dict[str, object] = {}
    for name, field in section._fields.items():
        if prefix + name in values:
            made[name] = values[prefix + name]
        elif not field.lazy:
            default = field.default()
            made[name] = default if default is None else field.kind.settle(default, home)
    for name, inner in section._nested.items():
        made[name] = _built(inner.section, values, f"{prefix}{name}.", home)
    given = tuple(
        name
        for name in made
        if any(key.startswith(f"{prefix}{name}.") for key in values)
        or prefix + name in values
    )
    return section(made, given)


def find_leaf(key: str) -> Leaf:
    """Give the setting of a key or alias.

    Raises:
        ConfigurationError: There is none.
    """
    spelling = names().spellings.get(key)
    if spelling is None:
        near = nearest_key(key)
        hint = f"; did you mean {near}?" if near else ""
        raise ConfigurationError(f"{key} is no key of the kit{hint}")
    return names().leaves[spelling]
