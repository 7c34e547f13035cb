"""Containers, content and checkpoints by CID, over `ipfs_kit_py`.

    import ipfs_accelerate_py

    config = ipfs_accelerate_py.config()
    config.get("cache", "max_size_mb")

Every component is an attribute here and a module as well: `ipfs_accelerate_py.config()`
and `import ipfs_accelerate_py.config` go together. Nothing is loaded before it is used.
"""

from ipfs_accelerate_py._modules import keep_module as _keep_module
from ipfs_kit_py import __version__ as __version__

_HOMES = {
    "backends": "",
    "config": "",
    "from_ipfs": "_snapshots",
    "get_system_info": "_system",
    "ipfs_accelerate": "",
    "load_checkpoint_and_dispatch": "_checkpoints",
    "save_checkpoint": "_saving",
}
"""Names, and the modules that they come from; a module is what has no other."""

__all__ = sorted([*_HOMES, "__version__"])

# As type checkers know it; to load `typing` takes longer than all that is loaded here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipfs_accelerate_py import ipfs_accelerate as ipfs_accelerate
    from ipfs_accelerate_py._checkpoints import (
        load_checkpoint_and_dispatch as load_checkpoint_and_dispatch,
    )
    from ipfs_accelerate_py._saving import save_checkpoint as save_checkpoint
    from ipfs_accelerate_py._snapshots import from_ipfs as from_ipfs
    from ipfs_accelerate_py._system import get_system_info as get_system_info
    from ipfs_accelerate_py.backends import backends as backends
    from ipfs_accelerate_py.config import config as config
else:

    def __getattr__(name: str) -> object:
        """Load what a name stands for."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module = import_module(f"{__name__}.{home or name}")
        return globals().setdefault(name, getattr(module, name) if home else module)

    def __dir__() -> list[str]:
        """List what is loaded, and what can be."""
        return sorted({*globals(), *__all__})


_keep_module(globals())
