"""Commands of one word, as users of earlier versions know them."""

import click

from ipfs_kit_py._cli import name
from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.pin import ls, rm
from ipfs_kit_py._cli.repository import KuboCommand, with_repository
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import BlockNotFoundError, PathNotFoundError


def _named(command: click.Command, name: str, like: str) -> click.Command:
    """Give a command another name beside its own."""
    again = type(command)(
        name,
        params=command.params,
        callback=command.callback,
        help=f"{command.help}\n\nThe same as `ipfs-kit {like}`.",
    )
    again.short_help = f"The same as `{like}`."
    return again


list_pins = _named(ls, "list-pins", "pin ls")
unpin = _named(rm, "unpin", "pin rm")
publish = _named(name.publish, "publish", "name publish")
resolve = _named(name.resolve, "resolve", "name resolve")


@click.command(cls=KuboCommand)
@click.argument("path")
@with_repository()
@output_options
@click.pass_context
def exists(
    context: click.Context,
    path: str,
    *,
    repository: Repository,
    quiet: bool,
    as_json: bool,
) -> None:
    """Tell whether a path leads to something that is here.

    Exit code 1 if it does not.
    """
    try:
        repository.stat(path)
        found = True
    except (BlockNotFoundError, PathNotFoundError):
        found = False
    if as_json or not quiet:
        text = f"{path} is {'here' if found else 'not here'}"
        emit({"path": path, "exists": found}, text, as_json=as_json)
    if not found:
        context.exit(1)
