"""`ipfs-kit dag`: DAGs as values and as CAR files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipfs_kit_py._cli.inputs import put_options, read_input, standard_input
from ipfs_kit_py._cli.output import (
    emit,
    hides_bar,
    output_options,
    progress_bar,
    progress_option,
)
from ipfs_kit_py._cli.repository import (
    KuboCommand,
    human,
    with_reader,
    with_repository,
)
from ipfs_kit_py._repository import ImportReport, Repository

if TYPE_CHECKING:
    from ipfs_kit_py._sources import ChainReader


@click.group()
def dag() -> None:
    """Put, get, resolve, import, export and count DAGs."""


@dag.command(cls=KuboCommand)
@put_options
@click.option("--store-codec", default="dag-cbor", show_default=True)
@click.option("--input-codec", default="dag-json", show_default=True)
@click.option("--hash", "hash_name", default="sha2-256", metavar="NAME")
@with_repository(create=True)
@output_options
def put(
    files: tuple[str, ...],
    *,
    repository: Repository,
    store_codec: str,
    input_codec: str,
    pin: bool,
    hash_name: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Put values that are written down in files, or on standard input."""
    del quiet
    for path in files or ("-",):
        data = read_input(path)
        cid = repository.dag_put(
            data, store_codec, input_codec=input_codec, hash=hash_name, pin=pin
        )
        emit({"cid": str(cid)}, str(cid), as_json=as_json)


@dag.command(cls=KuboCommand)
@click.argument("path")
@click.option("--output-codec", default="dag-json", show_default=True)
@with_reader
@output_options
def get(
    path: str,
    *,
    reader: "ChainReader",
    output_codec: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print what a path names; `CID/a/0/b` goes by keys, indexes and names."""
    del quiet
    data = reader.dag_get(path, output_codec="dag-json" if as_json else output_codec)
    sys.stdout.buffer.write(data + b"\n" if as_json else data)
    sys.stdout.buffer.flush()


@dag.command(cls=KuboCommand)
@click.argument("path")
@with_reader
@output_options
def resolve(path: str, *, reader: "ChainReader", quiet: bool, as_json: bool) -> None:
    """Print the CID that a path leads to, and what is left of the path."""
    del quiet
    found = reader.dag_resolve(path)
    text = f"{found.cid}/{found.remainder}" if found.remainder else str(found.cid)
    record = {"cid": str(found.cid), "remainder": found.remainder}
    emit(record, text, as_json=as_json)


@dag.command("import", cls=KuboCommand)
@click.argument("files", nargs=-1, metavar="[CAR...]")
@click.option("--pin-roots/--no-pin-roots", default=True, help="Pin the roots. (default)")
@click.option("--stats", is_flag=True, help="Say how much it was.")
@click.option("--silent", is_flag=True, help="Print nothing.")
@with_repository(create=True)
@output_options
def import_command(
    files: tuple[str, ...],
    *,
    repository: Repository,
    pin_roots: bool,
    stats: bool,
    silent: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take over the blocks of CAR files, each checked against its CID."""
    blocks = size = 0
    for path in files or ("-",):
        done = _import(repository, path, pin_roots=pin_roots, hidden=quiet or as_json)
        blocks, size = blocks + done.blocks, size + done.bytes
        for root in done.roots if pin_roots and not silent else ():
            text = str(root) if quiet else f"Pinned root\t{root}\tsuccess"
            emit({"root": str(root), "pinned": True}, text, as_json=as_json)
    if stats and not silent:
        text = f"Imported {blocks} blocks ({size} bytes)"
        emit({"blocks": blocks, "bytes": size}, text, as_json=as_json)


def _import(
    repository: Repository, path: str, *, pin_roots: bool, hidden: bool
) -> ImportReport:
    if path == "-":
        return repository.dag_import(standard_input(), pin_roots=pin_roots)
    total = Path(path).stat().st_size
    with progress_bar("importing", total, quiet=hidden) as progress:
        return repository.dag_import(path, progress, pin_roots=pin_roots)


@dag.command(cls=KuboCommand)
@click.argument("path")
@click.option("-o", "--output", help="The CAR file; standard output if not given.")
@progress_option
@with_reader
@output_options
def export(
    path: str,
    *,
    reader: "ChainReader",
    output: str | None,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write everything below a root as a CAR file."""
    hidden = hides_bar(progress, quiet=quiet or as_json)
    with progress_bar("exporting", None, quiet=hidden) as report:
        if output is None:
            reader.dag_export(path, sys.stdout.buffer, report)
            sys.stdout.buffer.flush()
            return
        done = reader.dag_export(path, output, report)
    record = {"output": output, "blocks": done.blocks, "bytes": done.bytes}
    text = output if quiet else f"{output}: {done.blocks:,} blocks, {done.bytes:,} bytes"
    emit(record, text, as_json=as_json)


@dag.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@progress_option
@with_reader
@output_options
def stat(
    paths: tuple[str, ...],
    *,
    reader: "ChainReader",
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Count the blocks below roots, and what they share."""
    hidden = hides_bar(progress, quiet=quiet or as_json)
    with progress_bar("counting", None, quiet=hidden) as report:
        found = reader.dag_stat(list(paths), report)
    alone = sum(root.bytes for root in found.roots)
    shared = alone - found.bytes
    ratio = alone / found.bytes if found.bytes else 1.0
    record = {
        "roots": [
            {"cid": str(root.cid), "blocks": root.blocks, "size": root.bytes}
            for root in found.roots
        ],
        "unique_blocks": found.blocks,
        "total_size": found.bytes,
        "shared_size": shared,
        "ratio": ratio,
    }
    width = max(len(str(root.cid)) for root in found.roots)
    rows = [f"{'CID':<{width}}\t{'Blocks':<15}\tSize"]
    rows += [
        f"{root.cid!s:<{width}}\t{root.blocks:<15}\t{root.bytes}" for root in found.roots
    ]
    rows += [
        "",
        "Summary",
        f"Total Size: {found.bytes} ({human(found.bytes)})",
        f"Unique Blocks: {found.blocks}",
        f"Shared Size: {shared} ({human(shared)})",
        f"Ratio: {ratio:.6f}",
    ]
    text = f"{found.blocks} {found.bytes}" if quiet else "\n".join(rows)
    emit(record, text, as_json=as_json)
