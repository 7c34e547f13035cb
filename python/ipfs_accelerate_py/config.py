"""`config`: settings in a TOML file.

config = ipfs_accelerate_py.config()
config.get("general", "debug", False)
config.set("cache", "max_size_mb", 2000)
config.save("custom_config.toml")
"""

import copy
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ipfs_accelerate_py._modules import callable_module
from ipfs_accelerate_py._settings import (
    ENDPOINT,
    PREFIX,
    SETTINGS,
    default,
    from_variable,
    setting,
)
from ipfs_kit_py._config.files import parse_toml, read_text
from ipfs_kit_py._config.kinds import UnfitError, word_for
from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import StrPath

__all__ = ["config"]

_Sections: TypeAlias = dict[str, dict[str, object]]


class config:
    """Settings by section and key.

    What counts, in this order: what was `set`, variables `IPFS_ACCELERATE_SECTION_KEY`,
    the file, defaults. Endpoints are sections too: `endpoints.NAME`. Threads may share
    one.

    Args:
        config_path: A TOML file; `./config.toml` if not given, where that exists. One
            that is named and missing is warned of, and defaults count.

    Raises:
        ConfigurationError: The file cannot be read, is no TOML (the message says line and
            column), or has a value of the wrong kind.
    """

    def __init__(self, config_path: "StrPath | None" = None) -> None:
        named = "config.toml" if config_path is None else os.fsdecode(config_path)
        self._path = Path(named)
        self._lock = threading.Lock()
        self._set: _Sections = {}
        if self._path.exists():
            self._file = _checked(_parsed(self._path), str(self._path))
        else:
            self._file = {}
            if config_path is not None:
                _log(f"{self._path} does not exist: defaults count")
        self._variables = _from_environment(os.environ)

    @property
    def path(self) -> Path:
        """The file that was read, and that `save` writes."""
        return self._path

    def get(self, section: str, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any TOML value
        """Give a setting.

        Args:
            section: Such as `cache`, or `endpoints.NAME`.
            key: Its name.
            default: Given where nothing else says anything, not even a built-in default.

        Returns:
            Its value: what TOML can hold, of the kind that `docs` name for a known one.
        """
        for source in (self._set, self._variables, self._file):
            found = source.get(section, {}).get(key)
            if found is not None:
                return copy.deepcopy(found)
        return _default(section, key, default)

    def set(self, section: str, key: str, value: Any) -> None:  # noqa: ANN401 - any TOML value
        """Change a setting, here and not in the file before `save`.

        Raises:
            ConfigurationError: The value is of the wrong kind for a known setting, or
                nothing that TOML can hold.
        """
        if not section or not key:
            raise ConfigurationError("a section and a key need names")
        place = f"{section}.{key}"
        checked = _fit(section, key, _storable(value, place), "the value")
        with self._lock:
            # Another dictionary, so that readers need no lock.
            changed = {**self._set.get(section, {}), key: checked}
            self._set = {**self._set, section: changed}

    def sections(self) -> list[str]:
        """List the sections, known ones and others."""
        found = dict.fromkeys([*SETTINGS, *self._file, *self._variables, *self._set])
        return list(found)

    def section(self, name: str) -> dict[str, Any]:
        """Give the settings of a section by key, defaults among them; none if unknown."""
        return _merged(name, (self._file, self._variables, self._set))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Give all settings by section and key."""
        return {name: self.section(name) for name in self.sections()}

    def save(self, path: "StrPath | None" = None) -> Path:
        """Write the settings to a file.

        A file that is there keeps its comments, its order and what others wrote to it
        meanwhile; only what was `set` changes. A new one has every setting in it. It
        takes the place of the old one in one step, and is readable by its owner alone
        where it holds a secret. What variables say is not written.

        Args:
            path: Where to, if not to the file that was read.

        Returns:
            The file.

        Raises:
            ConfigurationError: The file that is there is no TOML.
            OSError: It cannot be written.
        """
        from ipfs_accelerate_py._toml import edited, has_secret
        from ipfs_kit_py._config.saving import replace_file

        target = self._path if path is None else Path(os.fsdecode(path))
        with self._lock:
            base = next((it for it in (target, self._path) if it.exists()), None)
            if base is None:
                names = dict.fromkeys([*SETTINGS, *self._set])
                whole = {name: _merged(name, (self._set,)) for name in names}
                text = edited("", whole, explained=True)
            else:
                text = _text(base)
                # Before it is edited: this says what is wrong, and where.
                _loaded(text, str(base))
                text = edited(text, self._set)
            secret = has_secret(_sections(_loaded(text, str(target))))
            replace_file(target, text.encode(), private=secret)
            if target == self._path:
                self._file = _checked(_loaded(text, str(target)), str(target))
                self._set = {}
        return target

    def __repr__(self) -> str:
        """Name the file; values may be secret."""
        return f"config({str(self._path)!r})"


def _merged(name: str, sources: Sequence[_Sections]) -> dict[str, object]:
    """Give a section by key, as the last source that says something has it."""
    known = ENDPOINT if name.startswith("endpoints.") else SETTINGS.get(name, {})
    if known is ENDPOINT and not any(name in source for source in sources):
        return {}
    found = {key: default(it) for key, it in known.items()}
    for source in sources:
        found |= source.get(name, {})
    return copy.deepcopy(found)


def _default(section: str, key: str, otherwise: object) -> object:
    known = setting(section, key)
    found = None if known is None else default(known)
    return otherwise if found is None else found


def _log(message: str) -> None:
    import logging

    logging.getLogger("ipfs_accelerate_py").warning("%s", message)


def _text(path: Path) -> str:
    try:
        return read_text(str(path))
    except UnfitError as error:
        message = f"{path} {error}"
    raise ConfigurationError(message)


def _loaded(text: str, name: str) -> dict[str, object]:
    try:
        return cast("dict[str, object]", parse_toml(text))
    except UnfitError as error:
        message = f"{name} {error}"
    raise ConfigurationError(message)


def _parsed(path: Path) -> dict[str, object]:
    return _loaded(_text(path), str(path))


def _checked(tables: Mapping[str, object], name: str) -> _Sections:
    return {
        section: {
            key: _fit(section, key, value, f"{name}: {section}.{key}")
            for key, value in settings.items()
        }
        for section, settings in _sections(tables, name).items()
    }


def _sections(tables: Mapping[str, object], name: str = "") -> _Sections:
    """Turn tables in tables into sections whose names have dots."""
    found: _Sections = {}
    for section, table in tables.items():
        if not isinstance(table, Mapping):
            if section in SETTINGS:
                message = f"{name}: {section} is {word_for(table)}, not a table"
                raise ConfigurationError(message)
            # A value above all sections is none of ours.
            continue
        for place, settings in _walk(section, table):
            found[place] = settings
    return found


def _walk(
    section: str, table: Mapping[str, object]
) -> Iterator[tuple[str, dict[str, object]]]:
    inner = {key: it for key, it in table.items() if isinstance(it, Mapping)}
    yield section, {key: it for key, it in table.items() if key not in inner}
    for key, value in inner.items():
        yield from _walk(f"{section}.{key}", value)


def _fit(section: str, key: str, value: object, what: str) -> object:
    """Check a value, if it is of a known setting."""
    known = setting(section, key)
    if known is None:
        return value
    try:
        return cast("object", known.kind.check(value))
    except UnfitError as error:
        message = f"{what} {error}"
    raise ConfigurationError(message)


def _storable(value: object, place: str) -> object:
    """Copy what TOML can hold."""
    import datetime

    if isinstance(value, os.PathLike):
        value = os.fsdecode(value)
    if isinstance(value, Mapping):
        return {
            str(key): _storable(item, f"{place}.{key}") for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_storable(item, place) for item in value]
    if isinstance(value, str | int | float | datetime.date | datetime.time):
        return value
    raise ConfigurationError(f"{place} cannot be {word_for(value)} in a TOML file")


def _from_environment(environ: Mapping[str, str]) -> _Sections:
    found: _Sections = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or not text:
            continue
        place = from_variable(name)
        if place is None:
            _log(f"{name} is no setting: see docs/accelerate/configuration.md")
            continue
        section, key = place
        known = setting(section, key)
        try:
            value = text if known is None else known.kind.read(text)
        except UnfitError as error:
            message = f"{name} {error}"
        else:
            found.setdefault(section, {})[key] = value
            continue
        raise ConfigurationError(message)
    return found


callable_module(globals())
