"""What bounds writing a DAG to files, as options."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--symlinks",
        type=click.Choice(["inside", "any", "skip"]),
        default="inside",
        show_default=True,
        help="Links that lead out of the output: refuse, make, or leave all links out.",
    ),
    click.option("--max-bytes", type=int, metavar="N", help="Most bytes to write."),
    click.option(
        "--max-entries", type=int, metavar="N", help="Most files and folders to make."
    ),
)


def extract_options(command: F) -> F:
    """Add `--symlinks`, `--max-bytes` and `--max-entries` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
