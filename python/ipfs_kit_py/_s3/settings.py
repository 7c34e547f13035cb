"""How to reach a store: what the call, the configuration, AWS's variables and files say.

The first of these that says something counts. A key, its secret and its token belong
together: they are never taken from two places.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ipfs_kit_py._s3.profiles import read_profile
from ipfs_kit_py.errors import ConfigurationError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config

_KEYS = ("access_key_id", "secret_access_key", "session_token")
_REGION = "us-east-1"
_NOT_GIVEN = (
    "no access key for S3: give s3cfg.access_key_id and s3cfg.secret_access_key, the "
    "variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile in "
    "~/.aws/credentials, or s3cfg.anonymous for a public bucket"
)


class Credentials(NamedTuple):
    """A key to sign with. Its secrets do not show."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        """Show that there is one."""
        return "Credentials(***)"


class Settings(NamedTuple):
    """How to reach a store, and what to ask it for."""

    credentials: Credentials | None
    """`None` to sign nothing."""
    endpoint_url: str
    region: str
    path_style: bool
    bucket: str | None
    prefix: str | None
    etag_is_md5: bool
    connect_seconds: float
    """How long the store may take to accept a connection."""
    stall_seconds: float
    """How long the store may send nothing, and take nothing."""
    offline: bool

    def base_of(self, bucket: str) -> str:
        """Give the URL below which a bucket's objects stand, without a slash."""
        if self.path_style:
            return f"{self.endpoint_url}/{bucket}"
        scheme, _, host = self.endpoint_url.partition("://")
        return f"{scheme}://{bucket}.{host}"


def resolve(
    config: "Config",
    *given: Mapping[str, Any] | None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Find out how to reach a store.

    Args:
        config: The kit's settings.
        given: Settings over those, as `s3cfg` in any of its spellings; later ones count
            more.
        environ: The variables; those of the process if not given.

    Raises:
        ConfigurationError: A setting is unknown or makes no sense, or there is no key.
    """
    environ = os.environ if environ is None else environ
    section = config.s3cfg
    layers = [_of_variables(environ), _of_section(section)]
    layers += [checked(table) for table in given if table]
    values: dict[str, Any] = {}
    for layer in layers:
        if "access_key_id" in layer or "secret_access_key" in layer or "profile" in layer:
            # With a key from elsewhere go its secret and its token.
            values = {key: it for key, it in values.items() if key not in _KEYS}
        values |= layer
    filed: dict[str, str] = {}
    if not values.get("anonymous") and "access_key_id" not in values:
        filed = read_profile(values.get("profile"), environ)
    values = {**filed, **values}
    region = values.get("region") or _REGION
    return Settings(
        credentials=None if values.get("anonymous") else _credentials(values),
        endpoint_url=_endpoint(values.get("endpoint_url"), region),
        region=region,
        path_style=values.get("path_style", True),
        bucket=values.get("bucket"),
        prefix=values.get("prefix"),
        etag_is_md5=values.get("etag_is_md5", True),
        connect_seconds=min(config.timeouts.peer_connect, config.timeouts.api),
        stall_seconds=config.timeouts.api,
        offline=config.offline,
    )


def checked(table: Mapping[str, Any]) -> dict[str, Any]:
    """Check settings as `s3cfg` has them, in any spelling.

    Raises:
        ConfigurationError: One is unknown or of the wrong kind.
    """
    from ipfs_kit_py._config.loading import raise_for
    from ipfs_kit_py._config.reading import read_mapping

    reading = read_mapping("s3cfg", table, "s3cfg")
    raise_for(reading.problems)
    return {
        key.removeprefix("s3cfg."): value for key, (_, value) in reading.given.items()
    }


def _of_section(section: Any) -> dict[str, Any]:  # noqa: ANN401 - a section of settings
    # Defaults give way to what the environment says.
    return {name: getattr(section, name) for name in section.__dict__["_given"]}


def _of_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {
        "access_key_id": ("AWS_ACCESS_KEY_ID",),
        "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
        "session_token": ("AWS_SESSION_TOKEN",),
        "profile": ("AWS_PROFILE",),
        "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "endpoint_url": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    }
    found = {
        name: next((environ[it] for it in variables if environ.get(it)), None)
        for name, variables in names.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _credentials(values: Mapping[str, Any]) -> Credentials:
    key, secret = values.get("access_key_id"), values.get("secret_access_key")
    if not key and not secret:
        raise ConfigurationError(_NOT_GIVEN)
    if not key or not secret:
        absent = "access_key_id" if not key else "secret_access_key"
        raise ConfigurationError(f"half of a key for S3: {absent} is not given")
    return Credentials(key, secret, values.get("session_token"))


def _endpoint(given: str | None, region: str) -> str:
    if given is None:
        return f"https://s3.{region}.amazonaws.com"
    try:
        parts = urlsplit(given)
        is_good = bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        is_good = False
    # A password in it would be shown in messages.
    if not is_good or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise ConfigurationError(
            "s3cfg.endpoint_url is no URL such as https://s3.example.com"
        )
    return given.rstrip("/")
