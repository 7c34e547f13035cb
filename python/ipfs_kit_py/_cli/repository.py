"""What commands on a repository share: `--repo`, and flags as Kubo takes them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipfs_kit_py._cli.settings import settings

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._ml.client import Pair
    from ipfs_kit_py._sources import ChainReader

F = TypeVar("F", bound=Callable[..., Any])

_MFS = "mfs://"

repo_option = click.option(
    "--repo",
    "repo_path",
    metavar="PATH",
    help="The repository's folder; else ipfs_path of the configuration.",
)


class KuboCommand(click.Command):
    """A command whose flags may be given as Kubo has them: `--pin=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn `--flag=true` and `--flag=false` into the flag or its opposite."""
        flags = {
            name: option
            for option in self.params
            if isinstance(option, click.Option) and option.is_flag
            for name in option.opts
        }
        return super().parse_args(ctx, [_plain(arg, flags) for arg in args])


def _plain(arg: str, flags: dict[str, click.Option]) -> str:
    name, equals, value = arg.partition("=")
    if not equals or name not in flags or value not in {"true", "false"}:
        return arg
    if value == "true":
        return name
    for opposite in flags[name].secondary_opts:
        return opposite
    return arg


def with_repository(*, create: bool = False) -> Callable[[F], Callable[..., Any]]:
    """Give a command an open `repository`, and the option that says where it is.

    Args:
        create: Make the repository if there is none.
    """

    def decorate(command: F) -> Callable[..., Any]:
        @repo_option
        @wraps(command)
        def run(*args: object, repo_path: str | None, **kwargs: object) -> object:
            from ipfs_kit_py._engine import open_engine

            del repo_path
            with open_engine(settings().config, create=create) as repository:
                return command(*args, repository=repository, **kwargs)

        return run

    return decorate


def with_reader(command: F) -> Callable[..., Any]:
    """Give a command a `reader` of the repository, the cache and every other source.

    Where the settings name sources beyond this machine, there need be no repository, and
    none is made. A path under `mfs://` stands for what has its place there now.
    """

    @repo_option
    @wraps(command)
    def run(*args: object, repo_path: str | None, **kwargs: object) -> object:
        del repo_path
        # Memory ends with the command: what was fetched has to last on the disk.
        config = settings(cache_config={"min_item_size": 0}).config
        with open_reader(config) as (reader, engine):
            for name in {"path", "paths"} & kwargs.keys():
                kwargs[name] = _immutable(engine, kwargs[name])
            return command(*args, reader=reader, **kwargs)

    return run


@contextmanager
def open_reader(config: "Config") -> "Iterator[tuple[ChainReader, Engine | None]]":
    """Open what reads by a configuration, and its engine, for a `with` block."""
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._sources import reader_for

    engine = _engine_to_read(config)
    tiers = TieredCacheManager.for_settings(config.cache_config)
    reader = reader_for(engine, tiers, config)
    try:
        yield reader, engine
    finally:
        reader.close()
        tiers.close()
        if engine is not None:
            engine.close()


@contextmanager
def open_client(*, create: bool) -> "Iterator[Pair]":
    """Open what reads and writes by the settings, for a `with` block.

    Args:
        create: Make the repository if there is none.
    """
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._engine import open_engine
    from ipfs_kit_py._ml.client import Pair
    from ipfs_kit_py._sources import reader_for

    # Memory ends with the command: what was fetched has to last on the disk.
    config = settings(cache_config={"min_item_size": 0}).config
    with ExitStack() as stack:
        engine = stack.enter_context(closing(open_engine(config, create=create)))
        tiers = TieredCacheManager.for_settings(config.cache_config)
        stack.callback(tiers.close)
        reader = stack.enter_context(closing(reader_for(engine, tiers, config)))
        yield Pair(reader, engine)


def with_part(
    name: str, make: "Callable[[Pair], object]", *, create: bool = False
) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """Give a command a part of a repository, and the option that says which it is.

    Args:
        name: The command's argument.
        make: Makes the part of what reads and writes.
        create: Make the repository if there is none.
    """

    def decorate(command: "Callable[..., Any]") -> "Callable[..., Any]":
        @repo_option
        @wraps(command)
        def run(*args: object, repo_path: str | None, **kwargs: object) -> object:
            del repo_path
            with open_client(create=create) as client:
                try:
                    return command(*args, **{name: make(client)}, **kwargs)
                except ImportError as error:
                    raise click.ClickException(str(error)) from error

        return run

    return decorate


def _immutable(engine: "Engine | None", path: object) -> object:
    """Give a path under `mfs://` as one with a CID, and any other as it is."""
    from ipfs_kit_py.errors import ComponentUnavailableError

    if isinstance(path, tuple):
        return tuple(_immutable(engine, one) for one in path)
    if not isinstance(path, str) or not path.startswith(_MFS):
        return path
    if engine is None:
        raise ComponentUnavailableError(f"{path}: there is no repository here")
    return f"/ipfs/{engine.files_flush('/')}/{path.removeprefix(_MFS)}"


def _engine_to_read(config: "Config") -> "Engine | None":
    from ipfs_kit_py._engine import open_engine
    from ipfs_kit_py._gateways.lookup import find_gateways, find_routers
    from ipfs_kit_py.errors import RepositoryNotFoundError

    try:
        return open_engine(config, create=False)
    except RepositoryNotFoundError:
        # Offline, the cache may have what they gave before.
        if find_gateways(config) or find_routers(config):
            return None
        raise


def human(size: int) -> str:
    """Show a number of bytes as Kubo does: 5.2 MB."""
    value = float(size)
    if value < 1000:
        return f"{size} B"
    for unit in ("kB", "MB", "GB", "TB", "PB", "EB"):
        value /= 1000
        if value < 999.5 or unit == "EB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
