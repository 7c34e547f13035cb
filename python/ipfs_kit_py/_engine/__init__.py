"""Engines: who keeps blocks, pins, names and mutable files."""

from ipfs_kit_py._engine.choose import open_engine
from ipfs_kit_py._engine.embedded import EmbeddedEngine

__all__ = ["EmbeddedEngine", "open_engine"]
