"""How the kit is configured: metadata, environment, one file, defaults.

One table of settings (`schema`) is what everything here is made of: the checks, the names
of variables, the types of `Config`, and `docs/configuration.md`.
"""

from ipfs_kit_py._config.loading import Loaded, Row, Source, load
from ipfs_kit_py._config.schema import Config

__all__ = ["Config", "Loaded", "Row", "Source", "load"]
