"""What commands read: files, and standard input for `-`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def put_options(command: F) -> F:
    """Add what commands share that put blocks: files to read, and `--pin`."""
    command = click.option(
        "--pin/--no-pin", default=False, help="Pin them, with all below."
    )(command)
    return click.argument("files", nargs=-1, metavar="[FILE...]")(command)


def standard_input() -> BinaryIO:
    """Give standard input, as bytes."""
    if sys.stdin is None:
        raise click.UsageError("standard input is closed")
    return sys.stdin.buffer


def read_input(path: str) -> bytes:
    """Read a file, or standard input for `-`."""
    return standard_input().read() if path == "-" else Path(path).read_bytes()
