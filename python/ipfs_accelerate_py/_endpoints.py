"""Endpoints of the configuration, as sources of blocks."""

from typing import TYPE_CHECKING, NamedTuple

from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipfs_accelerate_py.config import config
    from ipfs_kit_py._sources import Source

LOCAL = "local"


class Endpoint(NamedTuple):
    """A source, and what closes its connections."""

    source: "Source"
    close: "Callable[[], None]"


def endpoint(settings: "config", name: str) -> Endpoint | None:
    """Make the source that an endpoint is.

    Args:
        settings: Where `[endpoints.NAME]` stands.
        name: The name; or the URL of a gateway, or of a node's API with `/api/v0`.

    Returns:
        The source; `None` for `local`, which asks nobody.

    Raises:
        ConfigurationError: There is no such endpoint, or it cannot be one.
    """
    if name == LOCAL:
        return None
    if name.startswith(("http://", "https://")):
        if "/api/v0" in name:
            return _node(name.partition("/api/v0")[0], None)
        return _gateway(name)
    found = settings.section(f"endpoints.{name}")
    if not found:
        known = [it.partition(".")[2] for it in settings.sections() if "endpoints." in it]
        listed = ", ".join(sorted(known)) or "none"
        raise ConfigurationError(
            f"there is no endpoint {name!r}: write [endpoints.{name}], or take one of "
            f"those there are: {listed}"
        )
    if found["gateway"]:
        if found["api_key"]:
            raise ConfigurationError(
                f"endpoints.{name}: api_key is for a node's API, not for a gateway"
            )
        return _gateway(str(found["gateway"]))
    return _node(f"http://{found['host']}:{found['port']}", found["api_key"])


def _gateway(url: str) -> Endpoint:
    from ipfs_kit_py._gateways import GatewaySource
    from ipfs_kit_py._sources.source import cost_of

    source = GatewaySource([url], name="endpoint", cost=cost_of("local"))
    return Endpoint(source, source.close)


def _node(url: str, api_key: str | None) -> Endpoint:
    import tempfile

    from ipfs_kit_py._engine.kubo import KuboEngine
    from ipfs_kit_py._kubo.source import KuboSource

    auth = None if api_key is None else f"bearer:{api_key}"
    # The folder is looked at only where no URL is given.
    engine = KuboEngine(tempfile.gettempdir(), api_url=url, auth=auth)
    return Endpoint(KuboSource(engine), engine.close)
