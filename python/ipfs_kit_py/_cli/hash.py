"""`ipfs-kit hash`: the CIDs of files and folders."""

import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from ipfs_kit_py._cli.import_options import import_options, take_params
from ipfs_kit_py._cli.inputs import standard_input
from ipfs_kit_py._cli.output import emit, output_options, progress_bar
from ipfs_kit_py._hashing import hash_file, hash_files, hash_tree
from ipfs_kit_py._native import CID


@click.command("hash")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "--recursive", is_flag=True, help="Take folders, with all below.")
@click.option("--entries", is_flag=True, help="List what is below each folder as well.")
@import_options
@output_options
def hash_command(
    paths: tuple[str, ...],
    *,
    recursive: bool,
    entries: bool,
    quiet: bool,
    as_json: bool,
    profile: str,
    threads: int | None,
    **options: object,
) -> None:
    """Print the CIDs of files and folders, storing nothing.

    They equal those of `ipfs add --only-hash` with the same profile. A PATH of `-` is
    standard input.
    """
    shared: dict[str, Any] = {
        "profile": profile,
        "threads": threads,
        **take_params(options),
    }

    def show(path: str, cid: CID, size: int | None) -> None:
        record = {"path": path, "cid": str(cid)} | (
            {} if size is None else {"size": size}
        )
        emit(record, str(cid) if quiet else f"{cid}  {path}", as_json=as_json)

    held: list[tuple[str, CID, int | None]] = []
    try:
        with progress_bar("hashing", _total(paths), quiet=quiet or as_json) as progress:
            shared["progress"] = progress
            # A bar and lines cannot share a terminal: there the lines wait for its end.
            take = show if progress is None or not sys.stdout.isatty() else _hold(held)
            for found in _results(paths, shared, recursive=recursive, entries=entries):
                take(*found)
    finally:
        for found in held:
            show(*found)


def _hold(
    held: list[tuple[str, CID, int | None]],
) -> Callable[[str, CID, int | None], None]:
    return lambda *found: held.append(found)


def _total(paths: tuple[str, ...]) -> int | None:
    """Bytes of all paths, if they are files."""
    given = [Path(path) for path in paths]
    if all(path.is_file() for path in given):
        return sum(path.stat().st_size for path in given)
    return None


def _kind(path: str) -> str:
    if path == "-":
        return "stdin"
    # To `Path` no text at all is the current folder.
    if not path or not (at := Path(path)).exists() or at.is_file():
        return "file"
    return "folder" if at.is_dir() else "pipe"


def _results(
    paths: tuple[str, ...], shared: dict[str, Any], *, recursive: bool, entries: bool
) -> Iterator[tuple[str, CID, int | None]]:
    for kind, group in groupby(paths, key=_kind):
        if kind == "file":
            yield from (
                (str(path), cid, None) for path, cid in hash_files(group, **shared)
            )
            continue
        for path in group:
            if kind == "stdin":
                yield path, hash_file(standard_input(), **shared), None
            elif kind == "pipe":
                yield path, hash_file(path, **shared), None
            elif not recursive:
                raise click.UsageError(f"{path} is a folder: add -r to hash all below it")
            elif entries:
                tree = hash_tree(path, entries=True, **shared)
                for below, cid, size in tree.entries:
                    yield f"{path.rstrip('/')}/{below}", cid, size
                yield path, tree.root, None
            else:
                yield path, hash_tree(path, **shared), None
