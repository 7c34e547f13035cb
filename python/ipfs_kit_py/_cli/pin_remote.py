"""`ipfs-kit pin remote`: what services elsewhere keep for us."""

import os
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.repository import KuboCommand
from ipfs_kit_py._cli.settings import named, settings
from ipfs_kit_py.errors import ConfigurationError, InvalidParameterError, NotPinnedError

if TYPE_CHECKING:
    from ipfs_kit_py._pinning.pins import RemotePin, Status
    from ipfs_kit_py._pinning.service import PinningService

_STATUSES = ("queued", "pinning", "pinned", "failed")

service_option = click.option(
    "--service", metavar="NAME", help="The service; may be left out if there is one."
)
status_option = click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_STATUSES),
    default=("pinned",),
    help="Only pins that are so; may be given more than once. [default: pinned]",
)


@click.group()
def remote() -> None:
    """Pin at services elsewhere, list and remove what they keep."""


@remote.group()
def service() -> None:
    """Add, list and remove pinning services."""


@service.command("add", cls=KuboCommand)
@click.argument("name")
@click.argument("endpoint")
@click.argument("token", required=False)
@output_options
def service_add(
    name: str, endpoint: str, token: str | None, *, quiet: bool, as_json: bool
) -> None:
    """Write a service and its token to the configuration file.

    Without TOKEN it is asked for, or read from stdin, so that it is in no list of
    processes and no history. The file can be read by its owner alone.
    """
    from ipfs_kit_py._config.changing import edit_table
    from ipfs_kit_py._pinning.configured import KEY
    from ipfs_kit_py._pinning.service import checked_endpoint, checked_token

    where = checked_endpoint(endpoint)
    told = {"endpoint": where, "token": checked_token(token or _asked_token())}

    def add(services: dict[str, object]) -> None:
        if name in services:
            raise ConfigurationError(f"there is a pinning service {name} already")
        services[name] = told

    path = edit_table(KEY, add, named("config_path"), os.environ)
    text = name if quiet else f"added {name} to {path}"
    emit({"name": name, "endpoint": where, "path": path}, text, as_json=as_json)


@service.command("ls", cls=KuboCommand)
@output_options
def service_ls(*, quiet: bool, as_json: bool) -> None:
    """List the services; tokens are not shown."""
    from ipfs_kit_py._pinning.configured import known_services

    for found in known_services(settings().config):
        text = found.name if quiet else f"{found.name} {found.endpoint}"
        emit({"name": found.name, "endpoint": found.endpoint}, text, as_json=as_json)


@service.command("rm", cls=KuboCommand)
@click.argument("name")
@output_options
def service_rm(name: str, *, quiet: bool, as_json: bool) -> None:
    """Forget a service, and its token; its pins stay."""
    from ipfs_kit_py._config.changing import edit_table
    from ipfs_kit_py._pinning.configured import KEY

    def remove(services: dict[str, object]) -> None:
        if services.pop(name, None) is None:
            raise ConfigurationError(f"there is no pinning service {name} in the file")

    path = edit_table(KEY, remove, named("config_path"), os.environ)
    text = name if quiet else f"removed {name} from {path}"
    emit({"name": name, "path": path}, text, as_json=as_json)


@remote.command(cls=KuboCommand)
@click.argument("cid")
@service_option
@click.option("-n", "--name", help="Name of the pin.")
@click.option(
    "--origin", "origins", multiple=True, help="Multiaddress of a node that has it."
)
@click.option("--meta", "labels", multiple=True, metavar="KEY=VALUE")
@click.option("--background", is_flag=True, help="Do not wait until it is pinned.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer.")
@output_options
def add(
    cid: str,
    *,
    service: str | None,
    name: str | None,
    origins: tuple[str, ...],
    labels: tuple[str, ...],
    background: bool,
    timeout: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Ask a service to pin a DAG, and wait until it has."""
    with _service(service) as at:
        plain = cid.removeprefix("ipfs://").removeprefix("/ipfs/")
        pin = at.add(plain, name=name, origins=origins, meta=_labels(labels))
        if not background:
            pin = at.wait(pin.request_id, timeout_seconds=timeout)
    _show(pin, quiet=quiet, as_json=as_json)


@remote.command(cls=KuboCommand)
@service_option
@click.option("--cid", "cids", multiple=True, help="Only pins of this root.")
@click.option("-n", "--name", help="Only pins of this name.")
@click.option("--meta", "labels", multiple=True, metavar="KEY=VALUE")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@status_option
@output_options
def ls(
    *,
    service: str | None,
    cids: tuple[str, ...],
    name: str | None,
    labels: tuple[str, ...],
    limit: int | None,
    statuses: "tuple[Status, ...]",
    quiet: bool,
    as_json: bool,
) -> None:
    """List pins of a service, the newest first if it has an order."""
    with _service(service) as at:
        pins = at.ls(cids=cids, name=name, meta=_labels(labels), status=statuses)
        for pin in islice(pins, limit):
            _show(pin, quiet=quiet, as_json=as_json)


@remote.command(cls=KuboCommand)
@click.argument("request_ids", nargs=-1, metavar="[REQUEST_ID...]")
@service_option
@click.option("--cid", "cids", multiple=True, help="Pins of this root.")
@click.option("-n", "--name", help="Pins of this name.")
@click.option("--force", is_flag=True, help="Remove more than one of those found.")
@status_option
@output_options
def rm(
    request_ids: tuple[str, ...],
    *,
    service: str | None,
    cids: tuple[str, ...],
    name: str | None,
    force: bool,
    statuses: "tuple[Status, ...]",
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove pins of a service: by their requests' keys, or those that are found."""
    if bool(request_ids) == bool(cids or name):
        raise click.UsageError("give either REQUEST_ID, or --cid or --name")
    with _service(service) as at:
        if not request_ids:
            found = list(at.ls(cids=cids, name=name, status=statuses))
            if not found:
                raise NotPinnedError(f"{at.name} has no such pin")
            if len(found) > 1 and not force:
                raise InvalidParameterError(
                    f"{at.name} has {len(found)} such pins: --force removes all of them"
                )
            request_ids = tuple(pin.request_id for pin in found)
        for request_id in request_ids:
            at.rm(request_id)
            text = request_id if quiet else f"removed {request_id}"
            emit({"request_id": request_id}, text, as_json=as_json)


def _service(name: str | None) -> "PinningService":
    from ipfs_kit_py._pinning.configured import service_of

    return service_of(settings().config, name)


def _asked_token() -> str:
    if sys.stdin is None:
        raise click.UsageError("there is nobody to ask for the token")
    if sys.stdin.isatty():
        return str(click.prompt("Token", hide_input=True, err=True))
    return sys.stdin.readline().strip()


def _labels(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [label.partition("=") for label in given]
    if not all(equals for _, equals, _ in pairs):
        raise click.UsageError("--meta takes KEY=VALUE")
    return {key: value for key, _, value in pairs}


def _show(pin: "RemotePin", *, quiet: bool, as_json: bool) -> None:
    record: dict[str, Any] = pin.as_dict()
    name = f" {pin.name}" if pin.name else ""
    text = f"{pin.cid} {pin.status} {pin.request_id}{name}"
    emit(record, str(pin.cid) if quiet else text, as_json=as_json)
