"""Operations of the kit on its own settings and components."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._results import operation

if TYPE_CHECKING:
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._config import Config, Loaded
    from ipfs_kit_py._config.changing import Changed
    from ipfs_kit_py._engine.engine import Engine


class Configuring:
    """Settings are read when a kit is made: what is changed here counts for the next."""

    tiered_cache: "TieredCacheManager"
    _loaded: "Loaded"
    _engine: "Engine"

    @property
    def config(self) -> "Config":
        """The settings."""
        return self._loaded.config

    @operation("ipfs_get_config")
    def ipfs_get_config(self) -> dict[str, Any]:
        """Show all settings: `config`, a table by key; `***` stands for secrets."""
        rows = self._loaded.describe()
        return {"config": {row.key: row.value for row in rows}}

    @operation("ipfs_get_config_value")
    def ipfs_get_config_value(self, key: str) -> dict[str, Any]:
        """Show one setting: `key`, `value`, `source`; `***` stands for a secret."""
        from ipfs_kit_py._config.loading import find_leaf

        name = find_leaf(key).key
        row = next(row for row in self._loaded.describe() if row.key == name)
        return {"key": name, "value": row.value, "source": str(row.source)}

    @operation("ipfs_set_config_value")
    def ipfs_set_config_value(self, key: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - as the setting
        """Write one setting to the configuration file: `key`, `path`."""
        done = self._set({key: value})[0]
        return {"key": done.key, "path": done.path}

    @operation("ipfs_set_config")
    def ipfs_set_config(self, new_config: Mapping[str, Any]) -> dict[str, Any]:
        """Write many settings, nested or with dotted keys, to the configuration file.

        Returns:
            `keys` and `path`. If one of them cannot be set, none is.
        """
        done = self._set(_dotted(new_config))
        return {"keys": [one.key for one in done], "path": done[0].path if done else None}

    def get_cache_manager(self) -> "TieredCacheManager":
        """Give the tiered cache, as `tiered_cache` does."""
        return self.tiered_cache

    def _set(self, values: Mapping[str, object]) -> "list[Changed]":
        import json

        from ipfs_kit_py._config.changing import set_values

        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
        }
        return set_values(texts, self._loaded.file, os.environ)


def _dotted(values: Mapping[str, object], above: str = "") -> dict[str, object]:
    """Give nested settings by their whole keys; a table that is a setting stays one."""
    from ipfs_kit_py._config.names import names

    found: dict[str, object] = {}
    for name, value in values.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and key not in names().spellings:
            found |= _dotted(value, f"{key}.")
        else:
            found[key] = value
    return found
