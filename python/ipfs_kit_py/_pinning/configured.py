"""The pinning services that the configuration names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ipfs_kit_py._pinning.service import PinningService, checked_endpoint, checked_token
from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config

KEY = "pinning_services"


class Known(NamedTuple):
    """A service of the configuration. Its token does not show."""

    name: str
    endpoint: str
    token: str

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Known(name={self.name!r}, endpoint={self.endpoint!r})"


def known_services(config: "Config") -> list[Known]:
    """List the services, by name.

    Raises:
        ConfigurationError: One is not described as it has to be.
    """
    found = []
    for name, told in sorted(config.pinning_services.items()):
        if not isinstance(told, Mapping) or not told.keys() == {"endpoint", "token"}:
            raise ConfigurationError(
                f"{KEY}.{name} is no table of `endpoint` and `token`"
            )
        endpoint, token = told["endpoint"], told["token"]
        if not isinstance(endpoint, str) or not isinstance(token, str):
            raise ConfigurationError(f"{KEY}.{name}: `endpoint` and `token` are text")
        found.append(Known(name, checked_endpoint(endpoint), checked_token(token)))
    return found


def service_of(config: "Config", name: str | None) -> PinningService:
    """Give the service of a name, or the one that there is.

    Raises:
        ConfigurationError: There is none of this name, or not exactly one.
    """
    services = known_services(config)
    if name is not None:
        services = [it for it in services if it.name == name]
    if len(services) != 1:
        if name is not None:
            hint = f"`ipfs-kit pin remote service add {name} ENDPOINT` adds it"
            raise ConfigurationError(f"there is no pinning service {name}: {hint}")
        raise ConfigurationError(
            f"{len(services) or 'no'} pinning services are configured: name one"
        )
    [found] = services
    return PinningService(
        found.endpoint,
        found.token,
        name=found.name,
        connect_seconds=config.timeouts.peer_connect,
        stall_seconds=config.timeouts.api,
        offline=config.offline,
    )
