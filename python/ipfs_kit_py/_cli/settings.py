"""The configuration as commands see it: `--config`, `--repo` and `--offline` above it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ipfs_kit_py._config import Loaded

F = TypeVar("F", bound=Callable[..., Any])

_OFFLINE = "ipfs_kit_py.offline"

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    metavar="PATH",
    help="The configuration file; else IPFS_KIT_CONFIG_PATH, ~/.ipfs_kit, /etc/ipfs_kit.",
)


def _note_offline(
    context: click.Context, _option: click.Parameter, is_set: object
) -> None:
    if is_set:
        context.find_root().meta[_OFFLINE] = True


# On `ipfs-kit` itself and on every command, as Kubo takes it anywhere.
offline_option = click.option(
    "--offline",
    is_flag=True,
    expose_value=False,
    callback=_note_offline,
    help="Ask nothing outside this machine.",
)


def settings(**more: Any) -> "Loaded":  # noqa: ANN401 - settings of all kinds
    """Load the configuration that the options above a command ask for.

    Args:
        more: Settings that a command makes itself.
    """
    from ipfs_kit_py._config import load

    root = click.get_current_context().find_root()
    above: dict[str, Any] = more
    if path := named("repo_path"):
        above["ipfs_path"] = path
    if root.meta.get(_OFFLINE):
        above["offline"] = True
    return load(config_path=named("config_path"), **above)


def named(option: str) -> str | None:
    """Give what an option says on the command or on `ipfs-kit` itself, if anything."""
    context = click.get_current_context()
    value = context.params.get(option) or context.find_root().params.get(option)
    return value if isinstance(value, str) else None


def profile_of(
    _context: click.Context, _option: click.Parameter, given: str | None
) -> str:
    """Give the profile that was asked for, or the one of the configuration."""
    return given or settings().config.cid_profile
