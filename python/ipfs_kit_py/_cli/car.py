"""`ipfs-kit car`: CAR files."""

import os
from pathlib import Path
from typing import Literal

import click

from ipfs_kit_py import _car
from ipfs_kit_py._cli.extract_options import extract_options
from ipfs_kit_py._cli.import_options import import_options, take_params
from ipfs_kit_py._cli.output import emit, output_options, progress_bar


@click.group()
def car() -> None:
    """Pack, list, verify and unpack CAR files."""


@car.command()
@click.argument("path")
@click.option("-o", "--output", help="The CAR file; PATH's name with .car if not given.")
@click.option(
    "--car-version", type=click.Choice(["1", "2"]), default="1", show_default=True
)
@import_options
@output_options
def pack(
    path: str,
    *,
    output: str | None,
    car_version: Literal["1", "2"],
    profile: str,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Import a file or folder into a CAR file and print its root.

    What stood at the output is replaced, once the new file is whole.
    """
    if not output:
        name = _name_of(path)
        if not name:
            raise click.UsageError(f"{path} has no name: say with -o what to make")
        output = f"{name}.car"
    total = Path(path).stat().st_size if Path(path).is_file() else None
    with progress_bar("packing", total, quiet=quiet or as_json) as progress:
        root = _car.car_pack(
            path,
            output,
            profile,
            threads,
            progress,
            version=2 if car_version == "2" else 1,
            **take_params(options),
        )
    record = {"root": str(root), "output": output, "bytes": Path(output).stat().st_size}
    emit(record, str(root) if quiet else f"{root}  {output}", as_json=as_json)


def _name_of(path: str) -> str:
    # `.` and `..` are names of folders that have others.
    return Path(os.path.abspath(path)).name  # noqa: PTH100 - `resolve` follows links


@car.command()
@click.argument("file", metavar="CAR")
@click.option("-o", "--output", help="What to make; the root's CID if not given.")
@extract_options
@output_options
def unpack(
    file: str,
    *,
    output: str | None,
    symlinks: Literal["inside", "any", "skip"],
    max_bytes: int | None,
    max_entries: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write what a CAR file holds to files, never outside the output.

    A single root becomes the output itself, several become entries of it. The output
    must not exist, and appears when it is whole.
    """
    if output is None:
        roots = _car.car_roots(file)
        output = str(roots[0]) if len(roots) == 1 else f"{Path(file).stem}.unpacked"
    with progress_bar("unpacking", None, quiet=quiet or as_json) as progress:
        done = _car.car_unpack(
            file,
            output,
            progress,
            symlinks=symlinks,
            max_bytes=max_bytes,
            max_entries=max_entries,
        )
    record = {"output": output, "entries": done.entries, "bytes": done.bytes}
    text = (
        output if quiet else f"{output}: {done.entries:,} entries, {done.bytes:,} bytes"
    )
    emit(record, text, as_json=as_json)


@car.command()
@click.argument("file", metavar="CAR")
@output_options
def ls(file: str, *, quiet: bool, as_json: bool) -> None:
    """List the blocks of a CAR file, each checked against its CID."""
    for cid, data in _car.car_blocks(file):
        record = {"cid": str(cid), "bytes": len(data)}
        emit(record, str(cid) if quiet else f"{cid}  {len(data)}", as_json=as_json)


@car.command()
@click.argument("file", metavar="CAR")
@output_options
def roots(file: str, *, quiet: bool, as_json: bool) -> None:
    """Print the roots of a CAR file."""
    del quiet
    for root in _car.car_roots(file):
        emit({"root": str(root)}, str(root), as_json=as_json)


@car.command()
@click.argument("file", metavar="CAR")
@output_options
@click.pass_context
def verify(context: click.Context, file: str, *, quiet: bool, as_json: bool) -> None:
    """Check every block, and whether all that the roots need is there.

    Exit code 1 if a block is wrong or missing.
    """
    with progress_bar(
        "verifying", Path(file).stat().st_size, quiet=quiet or as_json
    ) as progress:
        report = _car.car_verify(file, progress)
    record = {
        "version": report.version,
        "roots": [str(root) for root in report.roots],
        "blocks": report.blocks,
        "bytes": report.bytes,
        "complete": report.is_complete,
        "missing_blocks": report.missing_blocks,
        "missing": [str(cid) for cid in report.missing],
    }
    state = (
        "complete" if report.is_complete else f"{report.missing_blocks:,} blocks missing"
    )
    text = (
        f"CARv{report.version}, {report.blocks:,} blocks, {report.bytes:,} bytes: "
        f"every block matches its CID, {state}"
    )
    if not quiet or as_json:
        emit(record, text, as_json=as_json)
    if not report.is_complete:
        context.exit(1)
