"""`ipfs-kit init`, `repo` and `stats`: the repository itself."""

from typing import TYPE_CHECKING, Any

import click

from ipfs_kit_py._cli.output import emit, output_options, progress_bar
from ipfs_kit_py._cli.repository import (
    KuboCommand,
    human,
    repo_option,
    with_repository,
)
from ipfs_kit_py._cli.settings import settings
from ipfs_kit_py._engine import open_engine
from ipfs_kit_py._repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(cls=KuboCommand)
@repo_option
@output_options
def init(*, repo_path: str | None, quiet: bool, as_json: bool) -> None:
    """Make a repository; one that is there stays as it is."""
    del repo_path
    with open_engine(settings().config) as repository:
        record = {"path": repository.path, "format": repository.repo_stat().format}
        text = f"the repository is at {repository.path}"
        emit(record, repository.path if quiet else text, as_json=as_json)


@click.group()
def repo() -> None:
    """Look after the repository: numbers, collection, checks."""


@click.group()
def stats() -> None:
    """Print how much is stored, and how many pins there are."""


def _stat(
    *,
    repository: Repository,
    size_only: bool,
    readable: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Count blocks, bytes and pins."""
    found = repository.repo_stat()
    shown: Callable[[int], str] = human if readable else str
    rows = {
        "NumObjects": str(found.blocks),
        "RepoSize": shown(found.bytes),
        "StorageMax": "none" if found.max_bytes is None else shown(found.max_bytes),
        "RepoPath": repository.path,
        "Version": f"ipfs-kit-repo@{found.format}",
        "NumPins": str(found.pins),
        "Packs": str(found.packs),
        "ToReclaim": shown(found.dead_bytes),
        "InPlace": str(found.in_place),
    }
    if size_only:
        rows = {name: rows[name] for name in ("RepoSize", "StorageMax")}
    text = "\n".join(f"{name + ':':<11} {value}" for name, value in rows.items())
    record: dict[str, Any] = {"path": repository.path, **found._asdict()}
    emit(record, str(found.bytes) if quiet else text, as_json=as_json)


def _stat_command(name: str) -> click.Command:
    command: Callable[..., Any] = output_options(with_repository()(_stat))
    for option in (
        click.option("-H", "--human", "readable", is_flag=True, help="Sizes as 1.2 kB."),
        click.option("-s", "--size-only", is_flag=True, help="Sizes alone."),
    ):
        command = option(command)
    return click.command(name, cls=KuboCommand)(command)


repo.add_command(_stat_command("stat"))
stats.add_command(_stat_command("repo"))


@repo.command(cls=KuboCommand)
@click.option("--silent", is_flag=True, help="Print nothing.")
@with_repository()
@output_options
def gc(*, repository: Repository, silent: bool, quiet: bool, as_json: bool) -> None:
    """Remove what no pin and no mutable file needs, if it is older than an hour."""

    def show(cid: object) -> None:
        if not silent:
            text = str(cid) if quiet else f"removed {cid}"
            emit({"cid": str(cid)}, text, as_json=as_json)

    done = repository.gc(show)
    if as_json and not silent:
        emit(done._asdict(), "", as_json=True)
    elif not (quiet or silent):
        text = f"{done.blocks:,} blocks removed, {human(done.bytes)}"
        click.echo(f"{text}; {human(done.freed_bytes)} given back", err=True)


@repo.command(cls=KuboCommand)
@click.option("--drop", is_flag=True, help="Take bad blocks out of the index.")
@with_repository()
@output_options
@click.pass_context
def verify(
    context: click.Context,
    *,
    repository: Repository,
    drop: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Hash every block that is stored; exit code 1 if one is bad."""
    total = repository.repo_stat().bytes
    with progress_bar("verifying", total, quiet=quiet or as_json) as progress:
        found = repository.verify(progress, drop_bad=drop)
    for bad in found.bad:
        record: dict[str, object] = {
            "cid": None if bad.cid is None else str(bad.cid),
            "place": bad.place,
            "reason": bad.reason,
        }
        what = bad.cid or bad.place
        text = str(what) if quiet else f"block {what} is bad in {bad.place}: {bad.reason}"
        emit(record, text, as_json=as_json)
    state = f"{len(found.bad):,} bad" if found.bad else "all blocks validated"
    text = f"verify complete, {state}: {found.blocks:,} blocks, {human(found.bytes)}"
    record = {
        "blocks": found.blocks,
        "bytes": found.bytes,
        "bad": len(found.bad),
        "dropped": found.dropped,
    }
    if as_json or not quiet:
        emit(record, text, as_json=as_json)
    if found.bad:
        context.exit(1)


@repo.command(cls=KuboCommand)
@with_repository()
@output_options
def compact(*, repository: Repository, quiet: bool, as_json: bool) -> None:
    """Give the space of removed blocks back to the disk."""
    with progress_bar("compacting", None, quiet=quiet or as_json) as progress:
        freed = repository.compact(progress)
    text = str(freed) if quiet else f"{human(freed)} given back"
    emit({"freed_bytes": freed}, text, as_json=as_json)


@repo.command(cls=KuboCommand)
@repo_option
@output_options
def rebuild(*, repo_path: str | None, quiet: bool, as_json: bool) -> None:
    """Make the index anew from the packs. Nobody may be writing meanwhile."""
    del repo_path
    path = settings().config.ipfs_path
    with progress_bar("rebuilding", None, quiet=quiet or as_json) as progress:
        done = Repository.rebuild(path, progress)
    for damage in done.damaged:
        click.echo(f"damaged: {damage}", err=True)
    text = f"{done.blocks:,} blocks in {done.packs:,} packs, {done.pins_kept:,} pins kept"
    if done.roots_pinned:
        text += f", {done.roots_pinned:,} roots pinned"
    emit(done._asdict(), str(done.blocks) if quiet else text, as_json=as_json)


@repo.command(cls=KuboCommand)
@with_repository()
@output_options
def version(*, repository: Repository, quiet: bool, as_json: bool) -> None:
    """Print the format of the repository."""
    form = repository.repo_stat().format
    name = f"ipfs-kit-repo@{form}"
    text = name if quiet else f"ipfs-kit repo version {name}"
    emit({"format": form}, text, as_json=as_json)
