"""The import parameters as options, under Kubo's flag names."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from ipfs_kit_py._cli.settings import profile_of
from ipfs_kit_py._hashing import ImportParams

F = TypeVar("F", bound=Callable[..., Any])


def _octal(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> int | None:
    if text is None:
        return None
    try:
        return int(text, 8)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no octal number such as 0644") from None


def _flag(name: str, text: str) -> Callable[[F], F]:
    return click.option(f"{name}/--no-{name.removeprefix('--')}", default=None, help=text)


_OPTIONS = (
    click.option(
        "--profile",
        callback=profile_of,
        help="Named parameters: unixfs-v1-2025, or unixfs-v0-2015 (Kubo's default); "
        "else cid_profile of the configuration.",
    ),
    click.option("--cid-version", type=int, help="0 or 1; 1 brings raw leaves."),
    _flag("--raw-leaves", "Chunks are blocks of their own bytes alone."),
    click.option("--hash", metavar="NAME", help="Hash function, see `cid hashes`."),
    click.option(
        "-s",
        "--chunker",
        metavar="SPEC",
        help="size-N, rabin, rabin-AVG, rabin-MIN-AVG-MAX or buzhash.",
    ),
    click.option("-t", "--trickle/--no-trickle", default=None, help="Trickle layout."),
    _flag("--inline", "Put small blocks into their CIDs whole."),
    click.option("--inline-limit", type=int, metavar="N", help="Largest block inlined."),
    click.option("--max-file-links", type=int, metavar="N", help="Links of a file node."),
    click.option(
        "--max-directory-links",
        type=int,
        metavar="N",
        help="Links of a directory before it is sharded; 0 for no bound.",
    ),
    click.option("--max-hamt-fanout", type=int, metavar="N", help="Width of a shard."),
    click.option(
        "--hamt-threshold",
        type=int,
        metavar="BYTES",
        help="Size above which a directory is sharded; 0 shards every one.",
    ),
    click.option(
        "--hamt-size-estimation",
        metavar="MODE",
        help="links-bytes, block-bytes or links-count.",
    ),
    click.option("-H", "--hidden/--no-hidden", default=None, help="Take dot files."),
    click.option(
        "-E", "--empty-dirs/--no-empty-dirs", default=None, help="Take empty folders."
    ),
    _flag("--dereference-symlinks", "Follow symbolic links instead of keeping them."),
    _flag("--preserve-mode", "Keep permissions."),
    _flag("--preserve-mtime", "Keep times of change."),
    click.option("--mode", metavar="OCTAL", callback=_octal, help="Permissions for all."),
    click.option("--mtime", type=int, metavar="SECONDS", help="Time of change for all."),
    click.option("--mtime-nsecs", type=int, metavar="NS", help="Nanoseconds of --mtime."),
    click.option(
        "-w",
        "--wrap-with-directory/--no-wrap-with-directory",
        default=None,
        help="Put the root into a directory under its name.",
    ),
    click.option("--threads", type=int, metavar="N", help="Threads; the CPU quota."),
)


def import_options(command: F) -> F:
    """Add the profile, every single parameter and `--threads` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take_params(options: dict[str, object]) -> ImportParams:
    """Pick the single parameters out of a command's options."""
    names = ImportParams.__annotations__
    given = {name: value for name, value in options.items() if name in names}
    return cast("ImportParams", given)
