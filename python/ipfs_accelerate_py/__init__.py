"""Accelerated loading of models and data by CID.

This package comes with ipfs_kit_py in one wheel. So far it holds its version.
"""

from ipfs_kit_py import __version__

__all__ = ["__version__"]
