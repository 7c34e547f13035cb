"""`ipfs-kit name`: what IPNS names stand for."""

import json
import sys
from typing import IO, Any

import click

from ipfs_kit_py._cli.key import base_option, spelled
from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.repository import KuboCommand, with_repository
from ipfs_kit_py._repository import Published, RecordInfo, Repository

_UNITS = ((3600 * 10**9, "h"), (60 * 10**9, "m"))

_offline_option = click.option(
    "--allow-offline", is_flag=True, help="What happens anyway: nothing is sent."
)


@click.group()
def name() -> None:
    """Publish, resolve and exchange IPNS names.

    Records are kept in the repository; nothing is sent to a network.
    """


@name.command(cls=KuboCommand)
@click.argument("path")
@click.option(
    "-k", "--key", "key_name", default="self", help="Name of the key, or its ID."
)
@click.option("--resolve/--no-resolve", default=True, help="Look at the path. (default)")
@click.option("-t", "--lifetime", default="48h", show_default=True, help="Valid for.")
@click.option("--ttl", help="Not asked for again for. [default: 5m]")
@click.option("-Q", "--quieter", is_flag=True, help="Print the name alone.")
@click.option("--v1compat/--no-v1compat", default=True, help="Sign twice. (default)")
@click.option("--sequence", type=click.IntRange(0), help="Greater than the last one.")
@_offline_option
@base_option
@with_repository()
@output_options
def publish(
    path: str,
    *,
    repository: Repository,
    key_name: str,
    resolve: bool,
    lifetime: str,
    ttl: str | None,
    quieter: bool,
    v1compat: bool,
    sequence: int | None,
    allow_offline: bool,
    base: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Say what a key's name stands for from now on."""
    del allow_offline
    done = repository.name_publish(
        path,
        key=key_name,
        lifetime=lifetime,
        ttl=ttl,
        sequence=sequence,
        v1compat=v1compat,
        resolve=resolve,
    )
    shown = spelled(done.name, base)
    text = shown if quiet or quieter else f"Published to {shown}: {done.value}"
    emit(_record(done) | {"name": shown}, text, as_json=as_json)


def _record(found: Published) -> dict[str, object]:
    return found._asdict() | {"valid_until": found.valid_until.isoformat()}


@name.command(cls=KuboCommand)
@click.argument("name", default="self")
@click.option(
    "-r",
    "--recursive/--no-recursive",
    default=True,
    help="Follow names that lead to names. (default)",
)
@click.option("-n", "--nocache", is_flag=True, help="What happens anyway.")
@click.option("-s", "--stream", is_flag=True, help="What happens anyway.")
@with_repository()
@output_options
def resolve(
    name: str,
    *,
    repository: Repository,
    recursive: bool,
    nocache: bool,
    stream: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print the path that a name stands for, as far as it is known here."""
    del nocache, stream, quiet
    path = repository.name_resolve(name, recursive=recursive)
    emit({"path": path}, path, as_json=as_json)


@name.command(cls=KuboCommand)
@click.argument("record", type=click.File("rb"), default="-", metavar="[FILE]")
@click.option("--verify", metavar="NAME", help="Check that it is this name's.")
@click.option("--dump/--no-dump", default=True, help="Print its bytes. (default)")
@output_options
@click.pass_context
def inspect(
    context: click.Context,
    record: IO[bytes],
    *,
    verify: str | None,
    dump: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print what a record says.

    With `--verify` the exit code is 1 if it is not the owner's of the name, or over.
    """
    data = record.read()
    found = Repository.name_inspect(data, verify=verify)
    if as_json:
        said: dict[str, Any] = found._asdict()
        said |= {
            "valid_until": found.valid_until.isoformat(),
            "verified": verify is not None,
        }
        key = found.public_key
        emit(said | {"public_key": key and key.hex()}, "", as_json=True)
    elif quiet:
        click.echo(found.value)
    else:
        click.echo(_described(found, verify))
        if dump:
            click.echo(f"\nHex Dump:\n{_dumped(data)}")
    if found.error:
        context.exit(1)


def _described(found: RecordInfo, verify: str | None) -> str:
    rows = {
        "Value": json.dumps(found.value, ensure_ascii=False),
        "Validity Type": "0",
        "Validity": f'"{found.validity}"',
        "Sequence": str(found.sequence),
        "TTL": "" if found.ttl_ns is None else _duration(found.ttl_ns),
        "Protobuf Size": str(found.size),
        "Signature Type": found.signature_type,
    }
    lines = [f"{label + ':':<15} {text}" for label, text in rows.items() if text]
    if verify is None:
        hint = "This record was not verified. Pass '--verify k51...' to verify."
        return "\n".join([*lines, "", hint])
    checks = {"Valid": str(found.error is None).lower(), "Reason": found.error or ""}
    checks["Name"] = spelled(verify, "base36")
    width = max(len(label) for label, text in checks.items() if text) + 2
    shown = [f" {label + ':':<{width}}{text}" for label, text in checks.items() if text]
    return "\n".join([*lines, "", "Validation results:", *shown])


def _duration(nanoseconds: int) -> str:
    """Show a stretch of time as Go does: 1h0m0.5s."""
    if nanoseconds < 10**9:
        for unit, name in ((10**6, "ms"), (10**3, "µs"), (1, "ns")):
            if nanoseconds >= unit:
                return _decimal(nanoseconds, unit) + name
        return "0s"
    text = ""
    for unit, name in _UNITS:
        if text or nanoseconds >= unit:
            text += f"{nanoseconds // unit}{name}"
            nanoseconds %= unit
    return f"{text}{_decimal(nanoseconds, 10**9)}s"


def _decimal(value: int, unit: int) -> str:
    digits = len(str(unit)) - 1
    rest = f"{value % unit:0{digits}}".rstrip("0") if digits else ""
    return f"{value // unit}.{rest}" if rest else str(value // unit)


def _dumped(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), 16):
        part = data[start : start + 16]
        halves = (part[:8].hex(" "), part[8:].hex(" "))
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {halves[0]:<23}  {halves[1]:<23}  |{text}|")
    return "\n".join(lines)


@name.command(cls=KuboCommand)
@click.argument("name", default="self")
@with_repository()
@output_options
def get(name: str, *, repository: Repository, quiet: bool, as_json: bool) -> None:
    """Print the record of a name, as bytes."""
    del quiet
    data = repository.name_get(name)
    if as_json:
        emit({"name": name, "record": data.hex()}, "", as_json=True)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@name.command(cls=KuboCommand)
@click.argument("name")
@click.argument("record", type=click.File("rb"), default="-", metavar="[FILE]")
@_offline_option
@with_repository()
@output_options
def put(
    name: str,
    record: IO[bytes],
    *,
    repository: Repository,
    allow_offline: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take a signed record, if it is the owner's and no newer one is known."""
    del quiet, allow_offline
    done = repository.name_put(name, record.read())
    emit(_record(done), done.name, as_json=as_json)


@name.command(cls=KuboCommand)
@with_repository()
@output_options
def ls(*, repository: Repository, quiet: bool, as_json: bool) -> None:
    """List the names that have a record here."""
    for found in repository.name_ls():
        text = found.name if quiet else f"{found.name} {found.value}"
        emit(_record(found), text, as_json=as_json)


@name.command(cls=KuboCommand)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@with_repository()
@output_options
def rm(
    names: tuple[str, ...], *, repository: Repository, quiet: bool, as_json: bool
) -> None:
    """Forget the records of names; what they lead to is no longer kept."""
    for name in names:
        repository.name_rm(name)
        emit({"name": name}, name if quiet else f"forgot {name}", as_json=as_json)
