"""How to reach an upload service: what the call and the configuration say.

There is no default: the hosted service ended, and nothing is to be sent elsewhere.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from ipfs_kit_py.errors import ConfigurationError, OfflineError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config

_BRIDGE: Final = "/bridge"
_HIDDEN: Final = "***"
_SHOWN: Final = 300


class Settings(NamedTuple):
    """How to reach a service, and what to ask it for. Its secrets do not show."""

    endpoint: str | None
    """The service, without `/bridge`."""
    gateway_url: str | None
    auth_secret: str | None
    authorization: str | None
    space: str | None
    shard_size: int
    profile: str
    stall_seconds: float
    """How long the service may send nothing, and take nothing."""
    offline: bool

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Settings(endpoint={self.endpoint!r}, gateway_url={self.gateway_url!r})"

    def service(self, what: str) -> str:
        """Give where the service is.

        Args:
            what: What is to be done, as the beginning of a sentence.

        Raises:
            OfflineError: Nothing outside this machine is to be asked.
            ConfigurationError: No service is named.
        """
        return self._place(what, self.endpoint, "endpoint", "an upload service")

    def gateway(self, what: str) -> str:
        """Give where content is read from; the arguments and errors are as above."""
        return self._place(what, self.gateway_url, "gateway", "a gateway to it")

    def _place(self, what: str, url: str | None, name: str, kind: str) -> str:
        if self.offline:
            raise OfflineError(f"{what}: offline is set")
        if url is None:
            raise ConfigurationError(
                f"{what}: storacha.{name} does not say where {kind} is; the hosted "
                "service of Storacha ended, so there is no default"
            )
        return url

    def headers(self) -> dict[str, str]:
        """Give what lets one in.

        Raises:
            ConfigurationError: It is not given.
        """
        if not self.auth_secret:
            raise ConfigurationError("storacha.secret is not given")
        if not self.authorization:
            raise ConfigurationError("storacha_token is not given")
        return access_headers(self.auth_secret, self.authorization)


def access_headers(auth_secret: str, authorization: str) -> dict[str, str]:
    """Make the headers of the bridge, without ever showing them.

    Raises:
        ConfigurationError: One can be no header.
    """
    found = {"X-Auth-Secret": auth_secret, "Authorization": authorization}
    for name, value in found.items():
        if not value or not all("!" <= char <= "~" for char in value):
            raise ConfigurationError(f"what is given for {name} is no printable ASCII")
    return found


def said(text: str, headers: Mapping[str, str]) -> str:
    """Give what a service said in a form that can be shown: short, and no secret."""
    for secret in headers.values():
        text = text.replace(secret, _HIDDEN)
    line = text.strip().partition("\n")[0]
    return "".join(char for char in line if char.isprintable())[:_SHOWN]


def resolve(config: "Config", *given: Mapping[str, Any] | None) -> Settings:
    """Find out how to reach a service.

    Args:
        config: The kit's settings.
        given: Settings over those, as `storacha` in any of its spellings; later ones
            count more.

    Raises:
        ConfigurationError: A setting is unknown or makes no sense.
    """
    section = config.storacha
    values: dict[str, Any] = {
        "endpoint": section.endpoint,
        "gateway": section.gateway,
        "secret": section.secret,
        "storacha_token": config.storacha_token,
        "space": section.space,
        "shard_size": section.shard_size,
    }
    for table in given:
        values |= _checked(table) if table else {}
    endpoint, gateway = values["endpoint"], values["gateway"]
    return Settings(
        endpoint=None if endpoint is None else _url("endpoint", endpoint, _BRIDGE),
        gateway_url=None if gateway is None else _url("gateway", gateway, "/ipfs"),
        auth_secret=values["secret"],
        authorization=values["storacha_token"],
        space=values["space"],
        shard_size=values["shard_size"],
        profile=config.cid_profile,
        stall_seconds=config.timeouts.api,
        offline=config.offline,
    )


def _checked(table: Mapping[str, Any]) -> dict[str, Any]:
    """Check settings as `storacha` has them, in any spelling."""
    from ipfs_kit_py._config.loading import raise_for
    from ipfs_kit_py._config.reading import read_mapping

    reading = read_mapping("storacha", table, "storacha")
    raise_for(reading.problems)
    return {
        key.removeprefix("storacha."): value for key, (_, value) in reading.given.items()
    }


def _url(name: str, given: str, suffix: str) -> str:
    try:
        parts = urlsplit(given)
        is_good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    plain = is_good and not (parts.query or parts.fragment or "@" in parts.netloc)
    if not plain or parts.scheme not in ("http", "https") or not given.isprintable():
        raise ConfigurationError(
            f"storacha.{name} is no URL such as https://storacha.example.com"
        )
    return given.rstrip("/").removesuffix(suffix).rstrip("/")
