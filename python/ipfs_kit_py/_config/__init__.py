"""How the kit is configured: metadata, environment, one file, defaults.

One table of settings (`schema`) is what everything here is made of: the checks, the names
of variables, the types of `Config`, and `docs/configuration.md`.
"""

__all__ = ["Config", "Loaded", "Row", "Source", "load"]

# As type checkers know it. Who needs the kinds of values alone does not load the table.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipfs_kit_py._config.loading import Loaded as Loaded
    from ipfs_kit_py._config.loading import Row as Row
    from ipfs_kit_py._config.loading import Source as Source
    from ipfs_kit_py._config.loading import load as load
    from ipfs_kit_py._config.schema import Config as Config
else:

    def __getattr__(name: str) -> object:
        """Load what a name stands for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from ipfs_kit_py._config import loading, schema

        found = getattr(schema if name == "Config" else loading, name)
        return globals().setdefault(name, found)
