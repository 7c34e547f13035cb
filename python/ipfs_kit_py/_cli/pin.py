"""`ipfs-kit pin`: what stays."""

from typing import Literal

import click

from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.pin_remote import remote
from ipfs_kit_py._cli.repository import KuboCommand, with_repository
from ipfs_kit_py._repository import Pin, Repository
from ipfs_kit_py.errors import NotPinnedError


@click.group()
def pin() -> None:
    """Pin, unpin, list and check what stays."""


@pin.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-r",
    "--recursive/--no-recursive",
    default=True,
    help="Keep all below as well. (default)",
)
@click.option("-n", "--name", help="Name of the pins.")
@with_repository()
@output_options
def add(
    paths: tuple[str, ...],
    *,
    repository: Repository,
    recursive: bool,
    name: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Keep blocks from collection."""
    how = "recursive" if recursive else "direct"
    for path in paths:
        cid = repository.pin_add(path, recursive=recursive, name=name)
        text = str(cid) if quiet else f"pinned {cid} {how}ly"
        emit({"cid": str(cid), "type": how}, text, as_json=as_json)


@pin.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-r",
    "--recursive/--no-recursive",
    default=True,
    help="Remove recursive pins too. (default)",
)
@with_repository()
@output_options
def rm(
    paths: tuple[str, ...],
    *,
    repository: Repository,
    recursive: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove pins; their blocks stay until `repo gc`."""
    for path in paths:
        cid = repository.pin_rm(path, recursive=recursive)
        text = str(cid) if quiet else f"unpinned {cid}"
        emit({"cid": str(cid)}, text, as_json=as_json)


@pin.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option(
    "-t",
    "--type",
    "kind",
    type=click.Choice(["all", "recursive", "direct", "indirect"]),
    default="all",
    show_default=True,
)
@click.option("--names", is_flag=True, help="Print the names of pins.")
@click.option("-n", "--name", help="Only pins with this text in their names.")
@click.option("-s", "--stream", is_flag=True, help="What happens anyway.")
@with_repository()
@output_options
def ls(
    paths: tuple[str, ...],
    *,
    repository: Repository,
    kind: Literal["all", "recursive", "direct", "indirect"],
    names: bool,
    name: str | None,
    stream: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """List pins, or say how the blocks given are pinned."""
    del stream
    for path in paths:
        found = repository.pin_find(path)
        if found is None or kind not in ("all", found.type):
            raise NotPinnedError(f"{path} is not pinned")
        _show(found, names=names, quiet=quiet, as_json=as_json)
    if paths:
        return
    for found in repository.pin_ls(kind):
        if name is None or name in (found.name or ""):
            shown = names or name is not None
            _show(found, names=shown, quiet=quiet, as_json=as_json)


def _show(found: Pin, *, names: bool, quiet: bool, as_json: bool) -> None:
    record: dict[str, object] = {"cid": str(found.cid), "type": found.type}
    record |= {"name": found.name} if found.name else {}
    text = f"{found.cid} {found.type}"
    if found.below is not None:
        record["below"] = str(found.below)
        text += f" through {found.below}"
    text += f" {found.name}" if names and found.name else ""
    emit(record, str(found.cid) if quiet else text, as_json=as_json)


@pin.command(cls=KuboCommand)
@click.argument("old")
@click.argument("new")
@click.option("--unpin/--no-unpin", default=True, help="Remove the old pin. (default)")
@with_repository()
@output_options
def update(
    old: str,
    new: str,
    *,
    repository: Repository,
    unpin: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Pin NEW in the place of OLD, which is pinned recursively."""
    before = repository.resolve(old)
    cid = repository.pin_update(old, new, unpin=unpin)
    text = str(cid) if quiet else f"updated {before} to {cid}"
    emit({"old": str(before), "new": str(cid)}, text, as_json=as_json)


@pin.command(cls=KuboCommand)
@click.option("-v", "--verbose", is_flag=True, help="Print pins that are whole too.")
@with_repository()
@output_options
@click.pass_context
def verify(
    context: click.Context,
    *,
    repository: Repository,
    verbose: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Check that everything recursive pins keep is there.

    Exit code 1 if something is not.
    """
    broken = 0
    for check in repository.pin_verify():
        broken += not check.is_whole
        if check.is_whole and not verbose:
            continue
        record: dict[str, object] = {"cid": str(check.cid), "ok": check.is_whole}
        text = f"{check.cid} ok"
        if not check.is_whole:
            why = check.error or "it is missing"
            record |= {"missing": str(check.missing or ""), "error": why}
            where = f"{check.missing}: " if check.missing else ""
            text = f"{check.cid} broken\n  {where}{why}"
        emit(record, str(check.cid) if quiet else text, as_json=as_json)
    if broken:
        context.exit(1)


pin.add_command(remote)
