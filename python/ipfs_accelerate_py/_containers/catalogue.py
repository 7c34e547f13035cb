"""Images that are known by name: a file of ours, and one of the user's."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

from ipfs_accelerate_py._containers.spec import reference
from ipfs_kit_py._config.files import parse_toml, read_text
from ipfs_kit_py._config.kinds import UnfitError, word_for
from ipfs_kit_py.errors import ConfigurationError, InvalidParameterError

_OURS = Path(__file__).with_name("marketplace.toml")


class Entry(NamedTuple):
    """One image."""

    name: str
    image: str
    description: str


def entries(users: Path) -> list[Entry]:
    """Read what is known, the user's entries in the place of ours.

    Args:
        users: The user's file, which need not exist.

    Raises:
        ConfigurationError: It is no such file; the message says where.
    """
    found = _read(_OURS)
    if users.exists():
        found |= _read(users)
    return list(found.values())


def _read(path: Path) -> dict[str, Entry]:
    try:
        tables = cast("dict[str, object]", parse_toml(read_text(str(path))))
    except UnfitError as error:
        message = f"{path} {error}"
    else:
        images = tables.get("images", {})
        if not isinstance(images, Mapping):
            raise ConfigurationError(f"{path}: images is {word_for(images)}, not a table")
        return {name: _entry(path, name, it) for name, it in images.items()}
    raise ConfigurationError(message)


def _entry(path: Path, name: str, it: object) -> Entry:
    place = f"{path}: images.{name}"
    if not isinstance(it, Mapping):
        raise ConfigurationError(f"{place} is {word_for(it)}, not a table")
    image, description = it.get("image"), it.get("description", "")
    if not isinstance(image, str) or not isinstance(description, str):
        raise ConfigurationError(f"{place} needs an image, and a description as text")
    try:
        return Entry(name, reference(image), description)
    except InvalidParameterError as error:
        message = f"{place}: {error}"
    raise ConfigurationError(message)
