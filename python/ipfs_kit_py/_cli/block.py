"""`ipfs-kit block`: single blocks."""

import sys
from typing import TYPE_CHECKING

import click

from ipfs_kit_py._cli.inputs import put_options, read_input
from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.repository import KuboCommand, with_reader, with_repository
from ipfs_kit_py._repository import Repository

if TYPE_CHECKING:
    from ipfs_kit_py._sources import ChainReader


@click.group()
def block() -> None:
    """Put, get, look at and remove single blocks."""


@block.command(cls=KuboCommand)
@put_options
@click.option("--cid-codec", default="raw", show_default=True, help="See `cid codecs`.")
@click.option("--mhtype", default="sha2-256", show_default=True, help="Hash function.")
@click.option("--allow-big-block", is_flag=True, help="Take more than 2 MiB.")
@with_repository(create=True)
@output_options
def put(
    files: tuple[str, ...],
    *,
    repository: Repository,
    cid_codec: str,
    mhtype: str,
    pin: bool,
    allow_big_block: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Put the bytes of files, or of standard input, as blocks."""
    del quiet
    for path in files or ("-",):
        data = read_input(path)
        cid = repository.block_put(
            data, cid_codec, mhtype, pin=pin, allow_big=allow_big_block
        )
        emit({"cid": str(cid), "size": len(data)}, str(cid), as_json=as_json)


@block.command(cls=KuboCommand)
@click.argument("cid", metavar="CID")
@with_reader
@output_options
def get(cid: str, *, reader: "ChainReader", quiet: bool, as_json: bool) -> None:
    """Print the bytes of a block; with `--json`, in hexadecimal."""
    del quiet
    data = reader.block_view(cid)
    if as_json:
        emit({"cid": cid, "size": len(data), "hex": bytes(data).hex()}, "", as_json=True)
        return
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@block.command(cls=KuboCommand)
@click.argument("cid", metavar="CID")
@with_reader
@output_options
def stat(cid: str, *, reader: "ChainReader", quiet: bool, as_json: bool) -> None:
    """Say how many bytes a block has."""
    size = reader.block_stat(cid)
    text = str(size) if quiet else f"Key: {reader.resolve(cid)}\nSize: {size}"
    emit({"cid": str(reader.resolve(cid)), "size": size}, text, as_json=as_json)


@block.command(cls=KuboCommand)
@click.argument("cids", nargs=-1, required=True, metavar="CID...")
@click.option("-f", "--force", is_flag=True, help="Pass over blocks that are not here.")
@with_repository()
@output_options
@click.pass_context
def rm(
    context: click.Context,
    cids: tuple[str, ...],
    *,
    repository: Repository,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove blocks, however old they are; what pins need stays.

    Exit code 1 if one could not be removed.
    """
    failed = False
    done = repository.block_rm_each(cids, force=force)
    for cid, (_, error) in zip(cids, done, strict=True):
        if error is not None:
            click.echo(f"cannot remove {cid}: {error}", err=True)
            failed = True
        elif not quiet or as_json:
            emit({"cid": cid}, f"removed {cid}", as_json=as_json)
    if failed:
        context.exit(1)
