"""`ipfs-kit cid`: look at CIDs and convert them."""

from typing import Any

import click

from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._native import CID, cid_codecs, hash_functions, multibases


@click.group()
def cid() -> None:
    """Look at CIDs and convert them."""


@cid.command()
@click.argument("cids", nargs=-1, required=True, metavar="CID...")
@output_options
def inspect(cids: tuple[str, ...], *, quiet: bool, as_json: bool) -> None:
    """Show what a CID is made of."""
    for text in cids:
        parsed = CID(text)
        record: dict[str, Any] = {
            "cid": str(parsed),
            "version": parsed.version,
            "codec": parsed.codec,
            "codec_code": parsed.codec_code,
            "hash": parsed.hash_name,
            "hash_code": parsed.hash_code,
            "digest_bytes": len(parsed.digest),
            "digest": parsed.digest.hex(),
            "v1": str(parsed.to_v1()),
        }
        if parsed.codec == "dag-pb" and parsed.hash_name == "sha2-256":
            record["v0"] = str(parsed.to_v0())
        short = (
            f"v{parsed.version} {parsed.codec} {parsed.hash_name} {parsed.digest.hex()}"
        )
        table = "\n".join(f"{name + ':':<14}{value}" for name, value in record.items())
        emit(record, short if quiet else table, as_json=as_json)


@cid.command("format")
@click.argument("cids", nargs=-1, required=True, metavar="CID...")
@click.option("-v", "--version", type=click.Choice(["0", "1"]), help="Convert to it.")
@click.option("-b", "--base", metavar="NAME", help="Multibase, see `cid bases`.")
@output_options
def format_command(
    cids: tuple[str, ...],
    *,
    version: str | None,
    base: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print CIDs in another version or base.

    A base other than base58btc needs version 1 and brings it.
    """
    del quiet
    for text in cids:
        parsed = CID(text)
        if version == "0":
            parsed = parsed.to_v0()
        elif version == "1" or (base not in {None, "base58btc"}):
            parsed = parsed.to_v1()
        shown = parsed.encode(base)
        emit({"cid": text, "formatted": shown}, shown, as_json=as_json)


@cid.command()
@click.argument("cids", nargs=-1, required=True, metavar="CID...")
@output_options
def base32(cids: tuple[str, ...], *, quiet: bool, as_json: bool) -> None:
    """Print CIDs as version 1 in base32."""
    del quiet
    for text in cids:
        shown = str(CID(text).to_v1())
        emit({"cid": text, "formatted": shown}, shown, as_json=as_json)


def _table(record: dict[str, Any], *, quiet: bool, as_json: bool) -> None:
    code = record["code"]
    code = f"{code:#06x}" if isinstance(code, int) else repr(code)
    emit(
        record,
        record["name"] if quiet else f"{code:<8}  {record['name']}",
        as_json=as_json,
    )


@cid.command()
@output_options
def codecs(*, quiet: bool, as_json: bool) -> None:
    """List the content codecs."""
    for name, code in cid_codecs():
        _table({"name": name, "code": code}, quiet=quiet, as_json=as_json)


@cid.command()
@output_options
def hashes(*, quiet: bool, as_json: bool) -> None:
    """List the hash functions."""
    for name, code, length in hash_functions():
        record = {"name": name, "code": code, "digest_bytes": length}
        _table(record, quiet=quiet, as_json=as_json)


@cid.command()
@output_options
def bases(*, quiet: bool, as_json: bool) -> None:
    """List the multibases with their prefixes."""
    for name, prefix in multibases():
        _table({"name": name, "code": prefix}, quiet=quiet, as_json=as_json)
