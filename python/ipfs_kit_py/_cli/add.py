"""`ipfs-kit add`: files and folders into the repository."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ipfs_kit_py._cli.import_options import import_options, take_params
from ipfs_kit_py._cli.inputs import standard_input
from ipfs_kit_py._cli.output import (
    emit,
    hides_bar,
    output_options,
    progress_bar,
    progress_option,
)
from ipfs_kit_py._cli.repository import KuboCommand, human, with_repository
from ipfs_kit_py._hashing import ProgressCallback
from ipfs_kit_py._repository import AddResult, Repository


@click.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "--recursive", is_flag=True, help="Take folders, with all below.")
@click.option("--pin/--no-pin", default=True, help="Keep what is added. (default)")
@click.option("--pin-name", metavar="NAME", help="Name of the pin.")
@click.option("-Q", "--quieter", is_flag=True, help="Print the last root alone.")
@click.option("--silent", is_flag=True, help="Print nothing.")
@progress_option
@click.option("--to-files", metavar="PATH", help="Put the root into the mutable files.")
@click.option(
    "--nocopy", is_flag=True, help="Refer to the files instead of copying their bytes."
)
@click.option(
    "--trust-stat/--no-trust-stat",
    default=True,
    help="Do not read files again whose size, times and inode are as they were.",
)
@import_options
@with_repository(create=True)
@output_options
def add(
    paths: tuple[str, ...],
    *,
    repository: Repository,
    recursive: bool,
    pin: bool,
    pin_name: str | None,
    quieter: bool,
    silent: bool,
    progress: bool | None,
    to_files: str | None,
    nocopy: bool,
    trust_stat: bool,
    quiet: bool,
    as_json: bool,
    profile: str,
    threads: int | None,
    **options: object,
) -> None:
    """Add files and folders, and pin them. A PATH of `-` is standard input.

    Everything below a folder is added or nothing is. A last line on stderr says what was
    new, what was skipped as unchanged, and what was there already.
    """
    settings: dict[str, Any] = {
        "pin": pin,
        "name": pin_name,
        "nocopy": nocopy,
        "trust_stat": trust_stat,
        "profile": profile,
        "threads": threads,
        **take_params(options),
    }
    if to_files is not None and len(paths) > 1:
        raise click.UsageError("--to-files takes one PATH")
    folders = [path for path in paths if path != "-" and Path(path).is_dir()]
    if folders and not recursive:
        raise click.UsageError(f"{folders[0]} is a folder: add -r to take all below it")
    hush = quiet or quieter or silent or as_json
    hidden = hides_bar(progress, quiet=hush)
    last = None
    for path in paths:
        listed = not (quieter or silent)
        with adding_bar(path, hidden=hidden) as report:
            done = _add(repository, path, settings, report, entries=listed)
        if listed:
            _show(path, done, quiet=quiet, as_json=as_json)
        if path in folders and not hush:
            click.echo(summary(done), err=True)
        last = done
        if to_files is not None:
            is_folder = to_files.endswith("/")
            name = _shown_name(path, done) if is_folder else ""
            repository.files_cp(done.cid, f"{to_files}{name}")
    if quieter and last:
        emit({"cid": str(last.cid)}, str(last.cid), as_json=as_json)


def _add(
    repository: Repository,
    path: str,
    settings: dict[str, Any],
    progress: ProgressCallback | None,
    *,
    entries: bool,
) -> AddResult:
    if path != "-":
        return repository.add(path, progress=progress, entries=entries, **settings)
    return repository.add(standard_input(), progress=progress, **settings)


def _shown_name(path: str, done: AddResult) -> str:
    """Give a file's own name, whatever way leads to it; standard input has its CID."""
    if path == "-":
        return str(done.cid)
    return Path(os.path.normpath(Path(path).absolute())).name


def _show(path: str, done: AddResult, *, quiet: bool, as_json: bool) -> None:
    """Print what is below a root, and the root."""
    name = _shown_name(path, done)
    for below, cid, size in done.entries or ():
        record = {"name": f"{name}/{below}", "cid": str(cid), "size": size}
        text = str(cid) if quiet else f"added {cid} {name}/{below}"
        emit(record, text, as_json=as_json)
    record = {
        "name": name,
        "cid": str(done.cid),
        "size": done.size,
        "files": done.files,
        "bytes": done.bytes,
        "new_blocks": done.new_blocks,
        "new_bytes": done.new_bytes,
        "known_blocks": done.known_blocks,
        "known_bytes": done.known_bytes,
        "unchanged_files": done.unchanged_files,
        "unchanged_bytes": done.unchanged_bytes,
    }
    text = str(done.cid) if quiet else f"added {done.cid} {name}"
    emit(record, text, as_json=as_json)


def summary(done: AddResult) -> str:
    """Say what was new, what was skipped and what was there already."""
    parts = [
        f"{done.files:,} files, {human(done.bytes)}",
        f"{done.new_blocks:,} new blocks, {human(done.new_bytes)}",
    ]
    if done.unchanged_files:
        size = human(done.unchanged_bytes)
        parts.append(f"{done.unchanged_files:,} files unchanged and not read, {size}")
    if done.known_blocks:
        size = human(done.known_bytes)
        parts.append(f"{done.known_blocks:,} blocks there already, {size}")
    return "; ".join(parts)


@contextmanager
def adding_bar(path: str, *, hidden: bool) -> Iterator[ProgressCallback | None]:
    """Show a bar whose total is counted while the work goes on already."""
    at = Path(path)
    total = at.stat().st_size if path != "-" and at.is_file() else None
    with progress_bar("adding", total, quiet=hidden) as bar:
        if bar is None or path == "-" or not at.is_dir():
            yield bar
            return
        stop = threading.Event()
        counter = threading.Thread(target=_count, args=(at, bar, stop), daemon=True)
        counter.start()
        try:
            yield bar
        finally:
            stop.set()
            counter.join()


def _count(folder: Path, bar: ProgressCallback, stop: threading.Event) -> None:
    """Count the bytes below a folder, for the time left; it need not be exact."""
    total, ahead = 0, [str(folder)]
    while ahead and not stop.is_set():
        try:
            with os.scandir(ahead.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    set_total = getattr(bar, "set_total", None)
    if set_total and not stop.is_set():
        set_total(total)
