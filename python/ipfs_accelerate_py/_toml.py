"""TOML that is edited in place, so that comments and order stay."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ipfs_accelerate_py._settings import setting
from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.container import Container
    from tomlkit.items import Table

# Keys that hold secrets, whoever made them up.
_SECRET = re.compile(r"secret|token|password|passwd|api_?key|credential", re.IGNORECASE)


def edited(
    text: str, changes: Mapping[str, Mapping[str, object]], *, explained: bool = False
) -> str:
    """Change values by section and key.

    Args:
        text: The document before.
        changes: Values; one that is `None` is left out.
        explained: Put a comment above each setting that is known.
    """
    import tomlkit

    document = tomlkit.parse(text)
    for section, settings in changes.items():
        table = _table(document, section)
        for key, value in settings.items():
            if value is None:
                continue
            known = setting(section, key) if explained else None
            if known is not None:
                table.add(tomlkit.comment(known.doc))
            table[key] = value
    return tomlkit.dumps(document)


def _table(document: "TOMLDocument", section: str) -> "Container | Table":
    import tomlkit

    here: Container | Table = document
    for name in section.split("."):
        if name not in here:
            here[name] = tomlkit.table()
        found = here[name]
        if not isinstance(found, dict):
            raise ConfigurationError(f"{section} cannot be a table: {name} is a value")
        here = cast("Table", found)
    return here


def has_secret(sections: Mapping[str, Mapping[str, object]]) -> bool:
    """Tell whether a value is secret, by the names of the keys."""
    return any(_SECRET.search(key) for settings in sections.values() for key in settings)
