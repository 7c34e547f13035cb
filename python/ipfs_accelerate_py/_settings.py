"""The settings that are known: what each is, its default, the variables that set it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ipfs_kit_py._config.kinds import FLAG, PATH, TEXT, Choice, Integer, Kind

PREFIX = "IPFS_ACCELERATE_"


class Setting(NamedTuple):
    """One setting."""

    kind: Kind[Any]
    default: object
    doc: str
    secret: bool = False


def _cache_folder() -> str:
    import platformdirs

    return platformdirs.user_cache_dir("ipfs-accelerate", appauthor=False)


def _catalogue() -> str:
    import platformdirs

    folder = platformdirs.user_config_path("ipfs-accelerate", appauthor=False)
    return str(folder / "marketplace.toml")


SETTINGS: Mapping[str, Mapping[str, Setting]] = {
    "general": {
        "debug": Setting(FLAG, False, "Log what is done, and tracebacks of what failed."),
        "log_level": Setting(
            Choice(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
            "INFO",
            "The least severe messages that are logged.",
        ),
    },
    "cache": {
        "enabled": Setting(FLAG, True, "Keep what came from elsewhere on disk."),
        "max_size_mb": Setting(Integer(1), 1000, "Most that is kept, in 10^6 bytes."),
        "path": Setting(PATH, _cache_folder, "The folder that it is kept in."),
    },
    "endpoints": {
        "default": Setting(
            TEXT, "local", "The endpoint that is asked first; `local` asks none."
        ),
    },
    "docker": {
        "enable": Setting(FLAG, True, "Whether containers may be started."),
        "timeout": Setting(
            Integer(1), 60, "Seconds to wait for the engine, and for a container."
        ),
        "catalogue": Setting(
            PATH, _catalogue, "A file of further images for the marketplace."
        ),
    },
}
"""By section and key."""

ENDPOINT: Mapping[str, Setting] = {
    "host": Setting(TEXT, "127.0.0.1", "Where a Kubo node's RPC API listens."),
    "port": Setting(Integer(1), 5001, "Its port."),
    "gateway": Setting(TEXT, None, "A gateway's URL, asked in place of the API."),
    "api_key": Setting(TEXT, None, "Token that lets one in.", secret=True),
}
"""What each `[endpoints.NAME]` may say."""


def setting(section: str, key: str) -> Setting | None:
    """Give what is known of a setting, if anything is."""
    if section.startswith("endpoints."):
        return ENDPOINT.get(key)
    return SETTINGS.get(section, {}).get(key)


def default(known: Setting) -> object:
    """Give a setting's default."""
    return known.default() if callable(known.default) else known.default


def from_variable(name: str) -> tuple[str, str] | None:
    """Say which setting a variable sets: section and key.

    `IPFS_ACCELERATE_CACHE_PATH` is `cache.path`, and
    `IPFS_ACCELERATE_ENDPOINTS_LAB_API_KEY` is `endpoints.lab.api_key`.
    """
    if not name.startswith(PREFIX):
        return None
    rest = name.removeprefix(PREFIX).lower()
    for section, key in _known():
        if rest == f"{section}_{key}":
            return section, key
    for key in ENDPOINT:
        place = rest.removeprefix("endpoints_").removesuffix(f"_{key}")
        if place and rest == f"endpoints_{place}_{key}":
            return f"endpoints.{place}", key
    return None


def _known() -> Iterator[tuple[str, str]]:
    for section, settings in SETTINGS.items():
        for key in settings:
            yield section, key
