"""Change settings in the configuration file."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, cast

from ipfs_kit_py._config.files import found_among, parse, read_text, user_folder
from ipfs_kit_py._config.kinds import DURATION, Size, UnfitError
from ipfs_kit_py._config.loading import file_candidates, find_leaf, raise_for
from ipfs_kit_py._config.names import names
from ipfs_kit_py._config.reading import NOT_IN_A_FILE, Reading, read_environment
from ipfs_kit_py._config.saving import save
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py.errors import ConfigurationError


class Changed(NamedTuple):
    """A setting that was written."""

    key: str
    path: str
    hidden_by: str
    """The variable that stands over the file; empty if none does."""


def set_value(
    key: str, text: str, config_path: StrPath | None, environ: Mapping[str, str]
) -> Changed:
    """Write a value to the file in use, or to a new one of the user's.

    Args:
        key: A key or alias with dots; another spelling in the file gives way to it.
        text: The value as a variable would say it.
        config_path: The file; made if it is not there.
        environ: The variables that name the file in use.

    Raises:
        ConfigurationError: There is no such key, the value is of another kind, or the
            file has other problems. Nothing was written then.
    """
    return set_values({key: text}, config_path, environ)[0]


def set_values(
    changes: Mapping[str, str],
    config_path: StrPath | None,
    environ: Mapping[str, str],
) -> list[Changed]:
    """Write many values as `set_value` writes one: all of them, or none."""
    values = dict(_checked(key, text) for key, text in changes.items())
    if not values:
        return []
    path = _target(config_path, environ)
    with _alone_in(os.path.dirname(os.path.abspath(path))):  # noqa: PTH100, PTH120
        content = _content(path)
        for key, value in values.items():
            for spelling, known in names().spellings.items():
                if known == key and spelling != key:
                    _remove(content, spelling)
            _put(content, key, value)
        save(path, content)
    variables = read_environment(environ).given
    return [Changed(key, path, variables.get(key, ("", None))[0]) for key in values]


def edit_table(
    key: str,
    edit: Callable[[dict[str, object]], object],
    config_path: StrPath | None,
    environ: Mapping[str, str],
) -> str:
    """Change a table in the file in use, or in a new one of the user's.

    Args:
        key: A key whose value is a table.
        edit: Changes the table, empty if it is not in the file. Nothing is written if it
            raises.
        config_path: The file; made if it is not there.
        environ: The variables that name the file in use.

    Returns:
        The file.

    Raises:
        ConfigurationError: The file has problems.
    """
    path = _target(config_path, environ)
    with _alone_in(os.path.dirname(os.path.abspath(path))):  # noqa: PTH100, PTH120
        content = _content(path)
        table = content.get(key)
        if table is not None and not isinstance(table, dict):
            raise ConfigurationError(f"{path}: {key} is no table")
        changed = cast("dict[str, object]", table or {})
        edit(changed)
        _put(content, key, changed)
        save(path, content)
    return path


def _checked(key: str, text: str) -> tuple[str, object]:
    """Give the key as it is, and the value as the file is to hold it."""
    leaf = find_leaf(key)
    if leaf.key == "config_path":
        raise ConfigurationError(f"{key} {NOT_IN_A_FILE}")
    reading = Reading("arguments")
    reading.take(leaf, key, text, lambda value: leaf.field.kind.read(str(value)))
    raise_for(reading.problems)
    kind = leaf.field.kind
    # 512MB stays 512MB in the file: people wrote it so.
    is_measure = isinstance(kind, Size) or kind is DURATION
    as_text = is_measure and not text.strip().isdecimal()
    plain = kind.plain(reading.given[leaf.key][1])
    return leaf.key, text.strip() if as_text else plain


def _target(config_path: StrPath | None, environ: Mapping[str, str]) -> str:
    found = found_among(file_candidates(config_path, environ))
    return f"{user_folder(environ)}/config.yaml" if found is None else found.path


@contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """Let others wait who change a file in a folder too: neither's change is lost."""
    os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - a text in
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _content(path: str) -> dict[str, object]:
    """Read what a file says now; one that is not there says nothing."""
    if not os.path.lexists(path):
        return {}
    try:
        content = parse(path, read_text(path))
    except UnfitError as error:
        reason = str(error)
    else:
        if content is None or isinstance(content, dict):
            return cast("dict[str, object]", content or {})
        reason = "is not a table of keys"
    raise ConfigurationError(f"{path}: {reason}")


def _remove(table: dict[str, object], spelling: str) -> None:
    """Remove a key, nested or with dots, and tables that it leaves empty."""
    table.pop(spelling, None)
    section, _, rest = spelling.partition(".")
    inner = table.get(section)
    if rest and isinstance(inner, dict):
        _remove(inner, rest)
        if not inner:
            del table[section]


def _put(table: dict[str, object], key: str, value: object) -> None:
    if key in table:
        table[key] = value
        return
    section, _, rest = key.partition(".")
    if not rest:
        table[key] = value
        return
    inner = table.get(section)
    if not isinstance(inner, dict):
        inner = table[section] = {}
    _put(inner, rest, value)
