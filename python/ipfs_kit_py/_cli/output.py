"""How results and progress are shown."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipfs_kit_py._cli.settings import offline_option

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import ProgressCallback

F = TypeVar("F", bound=Callable[..., Any])

# What all results say; and where some hold what JSON has no form of its own for.
_ALWAYS = {"success", "operation", "timestamp", "correlation_id"}
_ANY = {"metadata", "metrics"}


def output_options(command: F) -> F:
    """Add `--json`, `-q` and `--offline` to a command."""
    command = offline_option(command)
    command = click.option(
        "-q", "--quiet", is_flag=True, help="Print as little as helps."
    )(command)
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object a line."
    )(command)


def progress_option(command: F) -> F:
    """Add `--progress` and its opposite to a command."""
    return click.option(
        "-p", "--progress/--no-progress", default=None, help="Show a bar."
    )(command)


def hides_bar(progress: bool | None, *, quiet: bool) -> bool:
    """Tell whether to show no bar: where all is quiet, it has to be asked for."""
    return progress is False or (quiet and not progress)


def emit(record: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print one result."""
    click.echo(_json(record) if as_json else text)


def said(result: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a result tells, without what all results say, in values that JSON has."""
    from ipfs_kit_py._ml.plain import as_json

    found = {key: value for key, value in result.items() if key not in _ALWAYS}
    for name in _ANY.intersection(found):
        found[name] = as_json(found[name])
    return found


def _json(record: dict[str, Any]) -> str:
    import json

    text = json.dumps(record, ensure_ascii=False)
    # A file name that is no Unicode stays readable JSON as an escape, not as its bytes.
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(record)
    return text


def show_time(seconds: int, form: str) -> str:
    """Show a time of change; in seconds since 1970 where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return str(seconds)


@contextmanager
def progress_bar(
    label: str, total: int | None, *, quiet: bool
) -> Iterator["ProgressCallback | None"]:
    """Show a bar on stderr, if that is a terminal and the work takes a while.

    Args:
        label: What is being done.
        total: Bytes in all, if known.
        quiet: Show nothing.
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[files]}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=total, files="")

        def report(done_bytes: int, done_files: int) -> None:
            files = f"{done_files:,} files" if done_files > 1 else ""
            bar.update(task, completed=done_bytes, files=files)

        def set_total(total_bytes: int) -> None:
            bar.update(task, total=total_bytes)

        # For work whose size is counted while it goes on.
        report.set_total = set_total  # type: ignore[attr-defined]
        yield report
