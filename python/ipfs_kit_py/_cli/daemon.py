"""`ipfs-kit daemon`: Kubo's daemon, started, watched and stopped."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.repository import repo_option
from ipfs_kit_py._cli.settings import settings

if TYPE_CHECKING:
    from ipfs_kit_py._kubo.daemon import Daemon, DaemonStatus

_LOOK_SECONDS = 0.5


@click.group()
def daemon() -> None:
    """Start, stop and look at Kubo's daemon on the repository's folder."""


def _daemon() -> "Daemon":
    from ipfs_kit_py._kubo.daemon import Daemon

    return Daemon.for_config(settings().config)


def _show(status: "DaemonStatus", *, quiet: bool, as_json: bool) -> None:
    rows = {"Repository": status.path, "State": status.state}
    if status.running:
        since = datetime.fromtimestamp(status.started or 0, UTC)
        rows |= {
            "API": status.api or "does not answer",
            "Process": str(status.kubo_pid),
            "Restarts": str(status.restarts),
            "Since": since.isoformat(sep=" ", timespec="seconds"),
            "Detached": "yes" if status.owner is None else "no",
        }
    text = "\n".join(f"{name + ':':<12}{value}" for name, value in rows.items())
    emit(status._asdict(), status.state if quiet else text, as_json=as_json)


@daemon.command()
@click.option("-d", "--detach", is_flag=True, help="Leave it running, and return.")
@repo_option
@output_options
@click.pass_context
def start(
    context: click.Context,
    *,
    detach: bool,
    repo_path: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Start Kubo, made ready first where there is none, and wait until it answers.

    Without --detach it runs until Ctrl-C, and ends with this command however that ends.
    The folder's repository is Kubo's from then on. Exit code 1 if it gave up.
    """
    del repo_path
    kubo = _daemon()
    status = kubo.start(detach=detach)
    _show(status, quiet=quiet, as_json=as_json)
    if detach or status.owner is None:
        return
    try:
        while kubo.status().running:
            time.sleep(_LOOK_SECONDS)
    finally:
        kubo.stop()
    click.echo(f"Error: Kubo is gone: see {kubo.log}", err=True)
    context.exit(1)


@daemon.command()
@repo_option
@output_options
def stop(*, repo_path: str | None, quiet: bool, as_json: bool) -> None:
    """Stop the daemon that the kit started; none is no error."""
    del repo_path
    was_running = _daemon().stop()
    text = "stopped" if was_running else "it was not running"
    if as_json or not quiet:
        emit({"was_running": was_running}, text, as_json=as_json)


@daemon.command()
@repo_option
@output_options
@click.pass_context
def status(
    context: click.Context, *, repo_path: str | None, quiet: bool, as_json: bool
) -> None:
    """Say whether the daemon runs and answers.

    Exit code 1 if it does not.
    """
    del repo_path
    found = _daemon().status()
    _show(found, quiet=quiet, as_json=as_json)
    if not found.ready:
        context.exit(1)


@daemon.command()
@click.option(
    "-n", "--lines", type=click.IntRange(0), metavar="N", help="The last N lines alone."
)
@repo_option
@output_options
def logs(*, lines: int | None, repo_path: str | None, quiet: bool, as_json: bool) -> None:
    """Print what Kubo wrote, as far as it is kept."""
    del repo_path, quiet
    for line in _daemon().logs(lines):
        emit({"line": line}, line, as_json=as_json)
