"""`ipfs-kit key`: the keys that names are published under."""

import os
import secrets
import stat
from pathlib import Path
from typing import IO, Any, Literal

import click

from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.repository import KuboCommand, with_repository
from ipfs_kit_py._native import CID, ipns_name
from ipfs_kit_py._repository import Key, Repository

_LETTERS = {
    "b": "base32",
    "f": "base16",
    "k": "base36",
    "u": "base64url",
    "z": "base58btc",
}
_FORMATS = ("libp2p-protobuf-cleartext", "pem-pkcs8-cleartext")

base_option = click.option(
    "--ipns-base",
    "base",
    default="base36",
    show_default=True,
    metavar="BASE",
    help="b58mh for peer IDs, or the base of a CID.",
)
_format_option = click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default=_FORMATS[0],
    show_default=True,
    help="How the private key is written.",
)
_long_option = click.option(
    "-l", "long", is_flag=True, help="Print what keys are known by."
)


def spelled(name: str, base: str) -> str:
    """Spell an IPNS name: as a peer ID (`b58mh`), or as a CID in a base."""
    if base in ("b58mh", "v0"):
        return ipns_name(name)[0]
    return CID(ipns_name(name)[1]).encode(_LETTERS.get(base, base))


@click.group()
def key() -> None:
    """Make, list and move the keys that names are published under."""


@key.command(cls=KuboCommand)
@click.argument("name")
@click.option(
    "-t",
    "--type",
    "kind",
    type=click.Choice(["ed25519"]),
    default="ed25519",
    show_default=True,
)
@base_option
@with_repository(create=True)
@output_options
def gen(
    name: str,
    *,
    repository: Repository,
    kind: Literal["ed25519"],
    base: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a key; print what it is known by."""
    del quiet
    _show_id(repository.key_gen(name, kind), base, as_json=as_json)


def _show_id(found: Key, base: str, *, as_json: bool) -> None:
    shown = spelled(found.id, base)
    emit({"name": found.name, "id": shown}, shown, as_json=as_json)


def _show_names(
    keys: list[Key], base: str, *, long: bool, quiet: bool, as_json: bool
) -> None:
    rows = [(spelled(found.id, base), found.name) for found in keys]
    width = max((len(shown) for shown, _ in rows), default=0)
    for shown, name in rows:
        text = f"{shown:<{width}} {name}" if long and not quiet else name
        emit({"name": name, "id": shown}, text, as_json=as_json)


def _ls(*, repository: Repository, long: bool, **options: Any) -> None:  # noqa: ANN401
    """List the keys of the repository; the node's own is called `self`."""
    _show_names(repository.key_ls(), long=long, **options)


_named_ls = key.command("ls", cls=KuboCommand)(
    _long_option(base_option(with_repository()(output_options(_ls))))
)
key.add_command(_named_ls, "list")


@key.command(cls=KuboCommand)
@click.argument("old")
@click.argument("new")
@click.option("-f", "--force", is_flag=True, help="Remove the key that has this name.")
@base_option
@with_repository()
@output_options
def rename(
    old: str,
    new: str,
    *,
    repository: Repository,
    force: bool,
    base: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Give a key another name."""
    done = repository.key_rename(old, new, force=force)
    shown = spelled(done.key.id, base)
    record = {"was": old, "now": new, "id": shown, "overwrite": done.overwritten}
    text = f"Key {shown} renamed to {new}"
    text += " with overwriting" if done.overwritten else ""
    emit(record, shown if quiet else text, as_json=as_json)


@key.command(cls=KuboCommand)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_long_option
@base_option
@with_repository()
@output_options
def rm(
    names: tuple[str, ...],
    *,
    repository: Repository,
    long: bool,
    base: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove keys for good."""
    gone = [repository.key_rm(name) for name in names]
    _show_names(gone, base, long=long, quiet=quiet, as_json=as_json)


@key.command("import", cls=KuboCommand)
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@_format_option
@base_option
@with_repository(create=True)
@output_options
def import_(
    name: str,
    file: IO[bytes],
    *,
    repository: Repository,
    form: Literal["libp2p-protobuf-cleartext", "pem-pkcs8-cleartext"],
    base: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take a private key from a file; as `self` if the node has none yet."""
    del quiet
    _show_id(repository.key_import(name, file.read(), form), base, as_json=as_json)


@key.command(cls=KuboCommand)
@click.argument("name")
@click.option("-o", "--output", help="The file to write; NAME.key or .pem if not given.")
@_format_option
@with_repository()
@output_options
def export(
    name: str,
    *,
    repository: Repository,
    output: str | None,
    form: Literal["libp2p-protobuf-cleartext", "pem-pkcs8-cleartext"],
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a private key to a file that only its owner can read."""
    del quiet
    data = repository.key_export(name, form)
    if output is None:
        ending = "pem" if form == "pem-pkcs8-cleartext" else "key"
        output = f"{name}.{ending}".rstrip("/").rpartition("/")[2]
    _write_private(Path(output), data)
    if as_json:
        emit({"name": name, "output": output, "format": form}, "", as_json=True)


def _write_private(output: Path, data: bytes) -> None:
    """Write a file as a whole, 0600; a terminal or pipe as it is."""
    if output.exists() and not output.is_file():
        mode = output.stat().st_mode
        if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
            raise click.UsageError(f"{output} is no file that a key can be written to")
        with output.open("wb", buffering=0) as file:
            file.write(data)
        return
    # What a link leads to is replaced, not the link.
    output = output.resolve()
    part = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(output)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
