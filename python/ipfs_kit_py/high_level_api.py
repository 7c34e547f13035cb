"""`IPFSSimpleAPI`: plain calls that return values and raise exceptions.

from ipfs_kit_py.high_level_api import IPFSSimpleAPI

api = IPFSSimpleAPI()
cid = api.add_file("photo.jpg")
data = api.cat(cid)
"""

import os
from typing import Any

from ipfs_kit_py._closing import Closing
from ipfs_kit_py._config import Config
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._kit.kit import IpfsKit
from ipfs_kit_py._simple.content import Content
from ipfs_kit_py._simple.plugins import Extending, PluginBase

__all__ = ["IPFSSimpleAPI", "PluginBase"]


class IPFSSimpleAPI(Content, Extending, Closing):
    """The shortest way from a file to its CID and back.

    Args:
        config_path: The configuration file; else the usual places are looked at.
        **settings: Settings over those of the environment and the file, as in the
            metadata of `ipfs_kit`.

    Attributes:
        kit: The kit underneath.
        config: The settings.
        plugins: Plugins by name.
        extensions: What was registered to be called by name.

    Raises:
        ConfigurationError: A setting is unknown or of the wrong type, or a plugin cannot
            be loaded.
    """

    def __init__(self, config_path: StrPath | None = None, **settings: Any) -> None:  # noqa: ANN401 - each as its setting
        self.kit = IpfsKit(metadata=settings, config_path=config_path)
        self.plugins = {}
        self.extensions = {}
        try:
            for plugin in self.config.plugins:
                self.load_plugin(plugin)
        except BaseException:
            self.close()
            raise

    @property
    def config(self) -> Config:
        """The settings."""
        return self.kit.config

    def __call__(self, name: str, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as what is called
        """Call a method of the API, or an extension, by its name.

        Raises:
            IPFSError: There is none of this name.
        """
        method = None if name.startswith("_") else getattr(type(self), name, None)
        if callable(method):
            return method(self, *args, **kwargs)
        return self.call_extension(name, *args, **kwargs)

    def save_config(self, path: StrPath) -> StrPath:
        """Write what was set into a file that only its owner can read, secrets too.

        Args:
            path: A name that ends in `.yaml`, `.json` or `.toml`.
        """
        from ipfs_kit_py._config.saving import save

        save(path, self.kit.settings())
        return path

    def close(self) -> None:
        """Let go of the repository; closing twice is no error."""
        self.kit.close()

    def __repr__(self) -> str:
        """Show the repository."""
        return f"IPFSSimpleAPI({os.fspath(self.kit.engine.path)!r})"
