"""`ipfs_kit`: the kit.

    from ipfs_kit_py.ipfs_kit import ipfs_kit

    kit = ipfs_kit(metadata={"role": "worker"})
    kit.ipfs.add("photo.jpg")
    kit("ipfs_add_path", path="photo.jpg")

`from ipfs_kit_py import ipfs_kit` gives this module, which is called as the class is.
"""

import sys
from types import ModuleType
from typing import Any

from ipfs_kit_py._kit.kit import IpfsKit
from ipfs_kit_py._kit.methods import METHODS
from ipfs_kit_py._kit.roles import ROLES, Role

__all__ = ["METHODS", "ROLES", "Role", "ipfs_kit"]

ipfs_kit = IpfsKit


class _Callable(ModuleType):
    """A module that stands for the class of its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> IpfsKit:  # noqa: ANN401 - as the class
        """Make a kit."""
        return IpfsKit(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
