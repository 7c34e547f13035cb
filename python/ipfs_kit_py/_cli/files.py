"""`ipfs-kit files`: the mutable files."""

import stat as modes
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ipfs_kit_py._cli.inputs import standard_input
from ipfs_kit_py._cli.output import emit, output_options, show_time
from ipfs_kit_py._cli.repository import KuboCommand, with_repository
from ipfs_kit_py._cli.settings import profile_of
from ipfs_kit_py._hashing import Readable
from ipfs_kit_py._repository import FileStat, Repository


@click.group()
def files() -> None:
    """Change a tree of files under `/`.

    What is in it is never collected.
    """


def _octal(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no octal number such as 0644") from None


def new_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what decides the CIDs of what is new."""
    for option in (
        click.option("--hash", "hash_name", metavar="NAME", help="Hash function."),
        click.option("--cid-version", "--cid-ver", type=int, help="0 or 1."),
        click.option(
            "--profile",
            callback=profile_of,
            help="Named parameters of what is new; else cid_profile.",
        ),
    ):
        command = option(command)
    return command


@files.command(cls=KuboCommand)
@click.argument("source")
@click.argument("target")
@click.option("-p", "--parents", is_flag=True, help="Make directories as needed.")
@click.option("--force", is_flag=True, help="Take the place of a file.")
@with_repository(create=True)
@output_options
def cp(
    source: str,
    target: str,
    *,
    repository: Repository,
    parents: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Put SOURCE, a path with a CID or one of the mutable files, at TARGET."""
    repository.files_cp(source, target, parents=parents, force=force)
    _done(repository, quiet=quiet, as_json=as_json)


def _done(repository: Repository, *, quiet: bool, as_json: bool) -> None:
    """Say nothing, as Kubo; the new root with `--json`."""
    del quiet
    if as_json:
        emit({"root": str(repository.files_flush())}, "", as_json=True)


@files.command(cls=KuboCommand)
@click.argument("path")
@click.option("-p", "--parents", is_flag=True, help="Make those above it too.")
@new_options
@with_repository(create=True)
@output_options
def mkdir(
    path: str,
    *,
    repository: Repository,
    parents: bool,
    profile: str,
    cid_version: int | None,
    hash_name: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a directory."""
    repository.files_mkdir(
        path, parents=parents, profile=profile, cid_version=cid_version, hash=hash_name
    )
    _done(repository, quiet=quiet, as_json=as_json)


@files.command(cls=KuboCommand)
@click.argument("source")
@click.argument("target")
@with_repository()
@output_options
def mv(
    source: str, target: str, *, repository: Repository, quiet: bool, as_json: bool
) -> None:
    """Move an entry: to that name, or into the directory that is there."""
    repository.files_mv(source, target)
    _done(repository, quiet=quiet, as_json=as_json)


@files.command(cls=KuboCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "--recursive", is_flag=True, help="Remove directories.")
@click.option("--force", is_flag=True, help="The same; nothing there is no error.")
@with_repository()
@output_options
def rm(
    paths: tuple[str, ...],
    *,
    repository: Repository,
    recursive: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove entries."""
    for path in paths:
        repository.files_rm(path, recursive=recursive, force=force)
    _done(repository, quiet=quiet, as_json=as_json)


@files.command(cls=KuboCommand)
@click.argument("path")
@click.option("-o", "--offset", type=click.IntRange(0), default=0, help="Where to begin.")
@click.option("-n", "--count", type=click.IntRange(0), help="Most bytes to print.")
@with_repository()
@output_options
def read(
    path: str,
    *,
    repository: Repository,
    offset: int,
    count: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print a file; with `--json`, say what it is instead."""
    del quiet
    cid = repository.files_flush(path)
    if as_json:
        emit({"cid": str(cid), "size": repository.stat(cid).size}, "", as_json=True)
        return
    for piece in repository.iter_file(cid, offset, count):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@files.command(cls=KuboCommand)
@click.argument("path")
@click.argument("source", default="-", metavar="[FILE]")
@click.option("-o", "--offset", type=click.IntRange(0), default=0, help="Where to begin.")
@click.option("-e", "--create", is_flag=True, help="Make the file if there is none.")
@click.option("-p", "--parents", is_flag=True, help="Make directories as needed.")
@click.option("-t", "--truncate", is_flag=True, help="Drop what is there first.")
@click.option("-n", "--count", type=click.IntRange(0), help="Most bytes to take.")
@click.option("--raw-leaves/--no-raw-leaves", default=None, help="Kind of new leaves.")
@new_options
@with_repository(create=True)
@output_options
def write(
    path: str,
    source: str,
    *,
    repository: Repository,
    offset: int,
    create: bool,
    parents: bool,
    truncate: bool,
    count: int | None,
    raw_leaves: bool | None,
    profile: str,
    cid_version: int | None,
    hash_name: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write FILE, or standard input, into a mutable file."""
    with standard_input() if source == "-" else Path(source).open("rb") as data:
        repository.files_write(
            path,
            data if count is None else _Some(data, count),
            offset,
            create=create,
            parents=parents,
            truncate=truncate,
            profile=profile,
            raw_leaves=raw_leaves,
            cid_version=cid_version,
            hash=hash_name,
        )
    _done(repository, quiet=quiet, as_json=as_json)


class _Some:
    """The first so many bytes of something that is read."""

    def __init__(self, source: Readable, count: int) -> None:
        self._source, self._left = source, count

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""
        data = self._source.read(min(size, self._left))
        self._left -= len(data)
        return data


@files.command(cls=KuboCommand)
@click.argument("path", default="/")
@click.option(
    "--format",
    "form",
    metavar="TEXT",
    help="With <hash>, <size>, <cumulsize>, <type>, <childs>, <mode>, <mode-octal>,"
    " <mtime>, <mtime-secs>, <mtime-nsecs>.",
)
@click.option("--hash", "only_hash", is_flag=True, help="Print the CID alone.")
@click.option("--size", "only_size", is_flag=True, help="Print the size of all blocks.")
@with_repository()
@output_options
def stat(
    path: str,
    *,
    repository: Repository,
    form: str | None,
    only_hash: bool,
    only_size: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Look at an entry, or at a path with a CID."""
    if (form is not None) + only_hash + only_size > 1:
        raise click.UsageError("--format, --hash and --size exclude each other")
    is_content = path.startswith(("/ipfs/", "ipfs:"))
    found = repository.stat(path) if is_content else repository.files_stat(path)
    tokens = _tokens(found)
    if only_hash or quiet:
        form = "<hash>"
    elif only_size:
        form = "<cumulsize>"
    text = form or _FORM
    for name, value in tokens.items():
        text = text.replace(f"<{name}>", value)
    record = {
        "cid": str(found.cid),
        "type": _kind(found),
        "size": found.size,
        "cumulative_size": found.cumulative_size,
        "blocks": found.links,
        "mode": found.mode,
        "mtime_ns": found.mtime_ns,
    }
    emit(record, text, as_json=as_json)


_FORM = """\
<hash>
Size: <size>
CumulativeSize: <cumulsize>
ChildBlocks: <childs>
Type: <type>
Mode: <mode> (<mode-octal>)
Mtime: <mtime>"""


def _kind(found: FileStat) -> str:
    return "directory" if found.kind == "directory" else "file"


def _tokens(found: FileStat) -> dict[str, str]:
    unset = "not set"
    mode, octal, mtime = unset, unset, unset
    seconds, nanoseconds = unset, unset
    if found.mode is not None:
        kind = modes.S_IFDIR if found.kind == "directory" else modes.S_IFREG
        mode, octal = modes.filemode(kind | found.mode), f"{found.mode:04o}"
    if found.mtime_ns is not None:
        whole, part = divmod(found.mtime_ns, 1_000_000_000)
        seconds, nanoseconds = str(whole), str(part)
        mtime = show_time(whole, "%-d %b %Y, %H:%M:%S UTC")
    return {
        "hash": str(found.cid),
        "size": str(found.size),
        "cumulsize": str(found.cumulative_size),
        "childs": str(found.links),
        "type": _kind(found),
        "mode": mode,
        "mode-octal": octal,
        "mtime": mtime,
        "mtime-secs": seconds,
        "mtime-nsecs": nanoseconds,
    }


@files.command(cls=KuboCommand)
@click.argument("path", default="/")
@click.option("-l", "--long", is_flag=True, help="Print CIDs and sizes too.")
@click.option("-U", "unsorted", is_flag=True, help="Keep the directory's own order.")
@with_repository()
@output_options
def ls(
    path: str,
    *,
    repository: Repository,
    long: bool,
    unsorted: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """List a directory of mutable files."""
    del quiet
    entries = repository.files_ls(path, resolve=long or as_json)
    for entry in entries if unsorted else sorted(entries):
        slash = "/" if entry.kind == "directory" else ""
        size = entry.file_size or 0
        text = f"{entry.name}{slash}\t{entry.cid}\t{size}" if long else entry.name
        record = {
            "name": entry.name,
            "cid": str(entry.cid),
            "type": entry.kind,
            "size": size,
        }
        emit(record, text, as_json=as_json)


@files.command(cls=KuboCommand)
@click.argument("path", default="/")
@with_repository(create=True)
@output_options
def flush(path: str, *, repository: Repository, quiet: bool, as_json: bool) -> None:
    """Print the CID that an entry has now; every change is on the disk anyway."""
    del quiet
    cid = repository.files_flush(path)
    emit({"cid": str(cid)}, str(cid), as_json=as_json)


@files.command(cls=KuboCommand)
@click.argument("mode")
@click.argument("path")
@with_repository()
@output_options
def chmod(
    mode: str, path: str, *, repository: Repository, quiet: bool, as_json: bool
) -> None:
    """Set the permissions of an entry, in octal."""
    repository.files_chmod(path, _octal(mode))
    _done(repository, quiet=quiet, as_json=as_json)


@files.command(cls=KuboCommand)
@click.argument("path")
@click.option(
    "--mtime", type=int, metavar="SECONDS", help="Since 1970; now if not given."
)
@click.option("--mtime-nsecs", type=click.IntRange(0), metavar="NS", help="And so many.")
@with_repository()
@output_options
def touch(
    path: str,
    *,
    repository: Repository,
    mtime: int | None,
    mtime_nsecs: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Set the time of change of an entry."""
    if mtime is None:
        mtime, now = divmod(time.time_ns(), 1_000_000_000)
        mtime_nsecs = now if mtime_nsecs is None else mtime_nsecs
    repository.files_touch(path, mtime, mtime_nsecs or 0)
    _done(repository, quiet=quiet, as_json=as_json)
