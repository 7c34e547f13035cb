"""Write a configuration file: checked, readable by its owner alone, all or nothing."""

import contextlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ipfs_kit_py._config.files import parse, read_text
from ipfs_kit_py._config.kinds import UnfitError, copied
from ipfs_kit_py._config.loading import raise_for
from ipfs_kit_py._config.reading import read_mapping
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from tomlkit.container import Container
    from tomlkit.items import Table


def save(path: StrPath, mapping: Mapping[str, object]) -> None:
    """Write settings to a YAML, JSON or TOML file, as its name tells.

    The file takes the place of what was there in one step, durably, and only its owner
    can read it. Comments stay: in TOML always, in YAML where values change or are added.

    Args:
        path: The file; folders above it are made.
        mapping: Settings, nested; all that the file will say. `None` is left out.

    Raises:
        ConfigurationError: A key is unknown, a value is of the wrong kind or nothing that
            the format can hold, or the name tells no format.
        OSError: It cannot be written.
    """
    name = os.fsdecode(path)
    raise_for(read_mapping(name, mapping, is_file=True).problems)
    # A link stays a link: what it points to is replaced.
    target = os.path.realpath(name)
    try:
        wanted = cast("dict[str, object]", _storable(copied(mapping)))
        text = _written(target, wanted)
    except UnfitError as error:
        message = str(error)
    else:
        replace_file(Path(target), text.encode())
        return
    raise ConfigurationError(f"{name} {message}")


def _storable(value: object) -> object:
    """Turn a value into what every format can hold, without nothings."""
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_storable(item) for item in value if item is not None]
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UnfitError("cannot hold text that is no Unicode") from None
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return int(value) if isinstance(value, int) else float(value)
    raise UnfitError("cannot hold what is no text, number, list or table")


def _written(path: str, mapping: dict[str, object]) -> str:
    """Write settings so that reading them gives the same."""
    try:
        before = read_text(path)
    except UnfitError:
        before = ""
    suffix = Path(path).suffix.lower()
    for text in _attempts(suffix, before, mapping):
        with contextlib.suppress(UnfitError):
            if (parse(path, text) or {}) == mapping:
                return text
    # `parse` says so of a name that tells no format.
    parse(path, "")
    raise UnfitError(f"cannot hold these settings in {suffix[1:].upper()}")


def _attempts(suffix: str, before: str, mapping: dict[str, object]) -> list[str]:
    """Give texts to try, the one that keeps most of what was there first."""
    if suffix == ".json":
        import json

        return [json.dumps(mapping, indent=2, ensure_ascii=False) + "\n"]
    if suffix in (".yaml", ".yml"):
        import yaml

        from ipfs_kit_py._config.yaml_editing import edited

        kept = edited(before, mapping)
        anew = yaml.safe_dump(
            mapping, sort_keys=False, allow_unicode=True, default_flow_style=False
        )
        return [anew] if kept is None else [kept, anew]
    if suffix == ".toml":
        return _toml_attempts(before, mapping)
    return []


def _toml_attempts(before: str, mapping: dict[str, object]) -> list[str]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    texts: list[str] = []
    with contextlib.suppress(TOMLKitError, ValueError, KeyError, RecursionError):
        document = tomlkit.parse(before)
        _update(document, mapping)
        texts.append(tomlkit.dumps(document))
    with contextlib.suppress(TOMLKitError, ValueError):
        texts.append(tomlkit.dumps(mapping))
    return texts


def _update(table: "Container | Table", mapping: Mapping[str, object]) -> None:
    """Change a TOML table in place, so that the comments of what stays, stay."""
    for key in [key for key in table if key not in mapping]:
        del table[key]
    for key, value in mapping.items():
        inner = table.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            _update(cast("Table", inner), value)
        elif (
            inner is None
            or inner != value
            or isinstance(inner, bool) != (isinstance(value, bool))
        ):
            table[key] = value


def replace_file(path: Path, data: bytes, *, private: bool = True) -> None:
    """Put a file in the place of another, durably.

    Args:
        path: The file; a link stays a link, and what it points to is replaced.
        data: What it is to hold.
        private: Let only its owner read it. Else it keeps its mode, if it had one.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    # Made with its mode, so that nobody else sees a secret even for a moment.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    handle = os.open(temporary, flags, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not private and path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
