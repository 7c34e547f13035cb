"""Plugins and extensions: calls of the user's own beside those of the API."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ipfs_kit_py.errors import ConfigurationError, InvalidParameterError, IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._kit.kit import IpfsKit


class PluginBase:
    """What plugins are made from: each public method becomes an extension.

    Attributes:
        ipfs_kit: The kit.
        config: What the configuration says of this plugin.
    """

    def __init__(
        self, ipfs_kit: "IpfsKit", config: Mapping[str, Any] | None = None
    ) -> None:
        self.ipfs_kit = ipfs_kit
        self.config = dict(config or {})

    def get_name(self) -> str:
        """Give the plugin's name, which its extensions begin with."""
        return type(self).__name__


class Extending:
    """What registers and calls extensions.

    Attributes:
        plugins: Plugins by name.
        extensions: What can be called, by name.
    """

    kit: "IpfsKit"
    plugins: dict[str, PluginBase]
    extensions: dict[str, Callable[..., Any]]

    def register_extension(self, name: str, function: Callable[..., Any]) -> None:
        """Make a function callable as `api(name, ...)`; a newer one takes its place.

        Raises:
            InvalidParameterError: It cannot be called, or the API has such a method.
        """
        if not callable(function):
            raise InvalidParameterError(f"extension {name!r} cannot be called")
        if hasattr(type(self), name):
            raise InvalidParameterError(f"{name!r} is a method of the API itself")
        self.extensions[name] = function

    def call_extension(self, name: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the extension
        """Call an extension.

        Raises:
            IPFSError: There is none of this name.
        """
        if name not in self.extensions:
            known = ", ".join(sorted(self.extensions)) or "none"
            raise IPFSError(f"there is no extension {name!r}; registered: {known}")
        return self.extensions[name](*args, **kwargs)

    def load_plugin(self, given: str | Mapping[str, Any]) -> PluginBase | None:
        """Make a plugin and register its methods as `NAME.METHOD`.

        Args:
            given: `{"name", "path", "enabled", "config"}`, where `path` is a module and
                `name` a class in it, or `{"plugin_class", "config"}` with a class or
                `module:Class`; or that text alone.

        Returns:
            The plugin, or `None` for one that is not enabled.

        Raises:
            ConfigurationError: It cannot be found, or is no `PluginBase`.
        """
        spec: dict[str, Any] = {}
        spec.update({"plugin_class": given} if isinstance(given, str) else given)
        if not spec.get("enabled", True):
            return None
        plugin = _class_of(spec)(self.kit, spec.get("config"))
        name = plugin.get_name()
        self.plugins[name] = plugin
        for attribute, method in inspect.getmembers(plugin, inspect.ismethod):
            if not attribute.startswith("_") and attribute != "get_name":
                self.extensions[f"{name}.{attribute}"] = method
        return plugin


def _class_of(spec: Mapping[str, Any]) -> type[PluginBase]:
    given = spec.get("plugin_class")
    if given is None:
        module, name = spec.get("path"), spec.get("name")
        # The configuration turns a text alone into a table with this name.
        if not name or not (module or set(":.") & set(name)):
            raise ConfigurationError(
                f"a plugin needs `plugin_class`, or `path` and `name`; given: {spec!r}"
            )
        given = f"{module}:{name}" if module else name
    found = _imported(given) if isinstance(given, str) else given
    if not (inspect.isclass(found) and issubclass(found, PluginBase)):
        raise ConfigurationError(f"plugin {given} is no class made from PluginBase")
    return found


def _imported(path: str) -> object:
    module, separator, name = path.partition(":")
    if not separator:
        module, _, name = path.rpartition(".")
    try:
        found: object = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"plugin {path} cannot be loaded: {error}") from error
    return found
