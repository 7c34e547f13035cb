"""`ipfs-kit cat`, `get`, `ls` and `refs`: reading, wherever the blocks are."""

import stat
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ipfs_kit_py._cli.extract_options import extract_options
from ipfs_kit_py._cli.output import (
    emit,
    hides_bar,
    output_options,
    progress_bar,
    progress_option,
    show_time,
)
from ipfs_kit_py._cli.repository import KuboCommand, human, with_reader
from ipfs_kit_py._cli.settings import settings
from ipfs_kit_py._native import split_path
from ipfs_kit_py._repository import Entry
from ipfs_kit_py.errors import UnsafePathError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipfs_kit_py._sources import ChainReader

# Lines whose columns are set together; more of a listing is not held.
_ALIGNED = 1000


@click.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-o", "--offset", type=click.IntRange(0), default=0, help="Where to begin.")
@click.option("-l", "--length", type=click.IntRange(0), help="Most bytes to print.")
@progress_option
@with_reader
@output_options
def cat(
    paths: tuple[str, ...],
    *,
    reader: "ChainReader",
    offset: int,
    length: int | None,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print files one after the other.

    With `--json`, say what each is instead.
    """
    if as_json:
        for path in paths:
            found = reader.stat(path)
            emit({"cid": str(found.cid), "size": found.size}, "", as_json=True)
        return
    sizes = [reader.open(path).size for path in paths]
    total = max(0, sum(sizes) - offset)
    total = total if length is None else min(total, length)
    # The bar is for those who look at the terminal while the bytes go elsewhere.
    hidden = quiet or progress is False or (progress is None and sys.stdout.isatty())
    with progress_bar("reading", total, quiet=hidden) as report:
        done = 0
        for path, size in zip(paths, sizes, strict=True):
            rest = None if length is None else length - done
            for piece in reader.iter_file(path, min(offset, size), rest):
                sys.stdout.buffer.write(piece)
                done += len(piece)
                if report:
                    report(done, 0)
            offset = max(0, offset - size)
        sys.stdout.buffer.flush()


@click.command(cls=KuboCommand)
@click.argument("path")
@click.option("-o", "--output", help="What to make; the last name of PATH if not given.")
@progress_option
@extract_options
@with_reader
@output_options
def get(
    path: str,
    *,
    reader: "ChainReader",
    output: str | None,
    progress: bool | None,
    symlinks: Literal["inside", "any", "skip"],
    max_bytes: int | None,
    max_entries: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a file or folder to disk, never outside the output.

    The output must not exist, and appears when it is whole.
    """
    if output is None:
        root, names = split_path(path)
        output = names[-1] if names else str(root)
        # A URL may spell a name that leads elsewhere, and a directory may have it.
        if output == ".." or Path(output).name != output:
            raise UnsafePathError(f"{output!r} is no file name: say where to with -o")
    with reader.reading_whole(path):
        found = reader.stat(path)
        total = found.size if found.kind == "file" else found.cumulative_size
        hidden = hides_bar(progress, quiet=quiet or as_json)
        with progress_bar("writing", total, quiet=hidden) as report:
            done = reader.get(
                path,
                output,
                report,
                symlinks=symlinks,
                max_bytes=max_bytes,
                max_entries=max_entries,
            )
    record = {"output": output, "entries": done.entries, "bytes": done.bytes}
    text = output if quiet else f"Saving file(s) to {output}"
    emit(record, text, as_json=as_json)


@click.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-v", "--headers", is_flag=True, help="Print what the columns are.")
@click.option(
    "--resolve-type/--no-resolve-type",
    default=True,
    help="Look at each entry for its kind. (default)",
)
@click.option("--size/--no-size", default=True, help="Print file sizes. (default)")
@click.option("-s", "--stream", is_flag=True, help="Print each entry as it is found.")
@click.option("-l", "--long", is_flag=True, help="Print modes and times of change.")
@click.option("-H", "--human", "readable", is_flag=True, help="Print sizes as 1.2 kB.")
@with_reader
@output_options
def ls(
    paths: tuple[str, ...],
    *,
    reader: "ChainReader",
    headers: bool,
    resolve_type: bool,
    size: bool,
    stream: bool,
    long: bool,
    readable: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """List directories: CID, size and name of each entry."""
    resolve = resolve_type or size or long
    for number, path in enumerate(paths):
        if len(paths) > 1 and not (as_json or quiet):
            click.echo(f"{path}:")
        found = reader.stat(path)
        if found.kind == "directory":
            entries: Iterable[Entry] = reader.ls(path, resolve=resolve)
        else:
            root, names = split_path(path)
            name = names[-1] if names else str(root)
            whole = found.cumulative_size
            entries = [Entry(name, found.cid, whole, found.kind, found.size)]
        rest = iter(entries)
        first = True
        while batch := list(islice(rest, 1 if stream else _ALIGNED)):
            rows = []
            for entry in batch:
                if as_json:
                    emit(_record(entry), "", as_json=True)
                elif quiet:
                    click.echo(str(entry.cid))
                else:
                    rows.append(
                        _row(reader, entry, size=size, long=long, readable=readable)
                    )
            if headers and first and not (as_json or quiet):
                rows.insert(0, _head(size=size, long=long))
            _print(rows)
            first = False
        if len(paths) > 1 and number + 1 < len(paths) and not (as_json or quiet):
            click.echo()


def _record(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "cid": str(entry.cid),
        "size": entry.file_size,
        "tsize": entry.size,
        "type": entry.kind,
    }


def _head(*, size: bool, long: bool) -> list[str]:
    row = ["Hash", "Size", "Name"] if size else ["Hash", "Name"]
    return ["Mode", *row[:-1], "ModTime", row[-1]] if long else row


def _row(
    reader: "ChainReader", entry: Entry, *, size: bool, long: bool, readable: bool
) -> list[str]:
    is_folder = entry.kind == "directory"
    length = entry.size if entry.file_size is None else entry.file_size
    shown = human(length) if readable else str(length)
    row = [str(entry.cid)]
    if size:
        row.append("-" if is_folder else shown)
    name = f"{entry.name}/" if is_folder else entry.name
    if not long:
        return [*row, name]
    mode, time = "-", "-"
    if entry.kind is not None:
        found = reader.stat(entry.cid)
        if found.mode is not None:
            kinds = {"directory": stat.S_IFDIR, "symlink": stat.S_IFLNK}
            mode = stat.filemode(kinds.get(entry.kind, stat.S_IFREG) | found.mode)
        if found.mtime is not None:
            time = show_time(int(found.mtime), "%b %d %H:%M")
    return [mode, *row, time, name]


def _print(rows: list[list[str]]) -> None:
    """Print rows with their columns below each other."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        click.echo(" ".join([*cells, row[-1]]))


@click.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...|local")
@click.option("--format", "form", metavar="TEXT", help="With <src>, <dst>, <linkname>.")
@click.option("-e", "--edges", is_flag=True, help="Print `from -> to`.")
@click.option("-u", "--unique", is_flag=True, help="Print each target once.")
@click.option("-r", "--recursive", is_flag=True, help="Follow links.")
@click.option("--max-depth", type=int, default=-1, help="How many levels to follow.")
@with_reader
@output_options
def refs(
    paths: tuple[str, ...],
    *,
    reader: "ChainReader",
    form: str | None,
    edges: bool,
    unique: bool,
    recursive: bool,
    max_depth: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """List the links of blocks.

    `refs local` lists all blocks that are here.
    """
    del quiet
    if paths == ("local",):
        from ipfs_kit_py._engine import open_engine

        with open_engine(settings().config, create=False) as repository:
            for cid in repository.blocks():
                emit({"cid": str(cid)}, str(cid), as_json=as_json)
        return
    if edges and form is not None:
        raise click.UsageError("--edges and --format exclude each other")
    form = "<src> -> <dst>" if edges else form or "<dst>"
    depth = None if max_depth < 0 else max_depth
    for path in paths:
        for link in reader.refs(
            path, recursive=recursive, unique=unique, max_depth=depth
        ):
            source, target = str(link.source), str(link.target)
            text = form.replace("<src>", source).replace("<dst>", target)
            record = {"source": source, "target": target, "name": link.name}
            emit(record, text.replace("<linkname>", link.name), as_json=as_json)
