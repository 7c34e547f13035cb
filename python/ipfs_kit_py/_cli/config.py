"""`ipfs-kit config`: what is set, where it was said, and how to change it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.settings import config_option, named, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ipfs_kit_py._config import Row

F = TypeVar("F", bound="Callable[..., Any]")


@click.group()
def config() -> None:
    """Show, check and change how the kit is configured."""


@config.command()
@click.option("-a", "--all", "everything", is_flag=True, help="Defaults as well.")
@config_option
@output_options
def show(
    *, everything: bool, config_path: str | None, quiet: bool, as_json: bool
) -> None:
    """Print what is set, and by whom; `***` stands for secrets."""
    del config_path
    rows = settings().describe()
    if not everything:
        rows = [row for row in rows if row.source.kind != "default"]
    if not (rows or quiet or as_json):
        click.echo("Nothing is set; --all prints the defaults.", err=True)
    _print(rows, quiet=quiet, as_json=as_json)


@config.command("get")
@click.argument("key")
@config_option
@output_options
def get_command(key: str, *, config_path: str | None, quiet: bool, as_json: bool) -> None:
    """Print one value, or all of a section; `***` stands for secrets."""
    del config_path
    from ipfs_kit_py._config.loading import find_leaf

    rows = settings().describe()
    below = [row for row in rows if row.key.startswith(f"{key}.")]
    if below:
        _print(below, quiet=quiet, as_json=as_json)
        return
    leaf = find_leaf(key)
    row = next(row for row in rows if row.key == leaf.key)
    emit(_record(row), _machine(row.value), as_json=as_json)


@config.command("set")
@click.argument("key")
@click.argument("value")
@config_option
@output_options
def set_command(
    key: str, value: str, *, config_path: str | None, quiet: bool, as_json: bool
) -> None:
    """Write one value to the configuration file.

    That is the file in use, else ~/.ipfs_kit/config.yaml. VALUE is as in a variable:
    `512MB`, `30s`, `true`, a list with commas, a table as JSON; `-` reads it from
    standard input, where other users cannot see it.
    """
    from ipfs_kit_py._config.changing import set_value

    del config_path
    text = sys.stdin.read().removesuffix("\n") if value == "-" else value
    done = set_value(key, text, named("config_path"), os.environ)
    record: dict[str, object] = {"key": done.key, "path": done.path}
    told = done.path if quiet else f"{done.key} is set in {done.path}"
    emit(record, told, as_json=as_json)
    if done.hidden_by:
        click.echo(f"{done.hidden_by} is set too, and counts more.", err=True)


@config.command("path")
@config_option
@output_options
def path_command(*, config_path: str | None, quiet: bool, as_json: bool) -> None:
    """Print which configuration files are looked at, and which is used."""
    del config_path
    from ipfs_kit_py._config.files import found_among
    from ipfs_kit_py._config.loading import file_candidates

    candidates = file_candidates(named("config_path"), os.environ)
    used = found_among(candidates)
    for candidate in candidates:
        exists = Path(candidate.path).is_file()
        state = "used" if candidate == used else "hidden" if exists else "missing"
        if candidate == used and not exists:
            state = "missing, and named"
        record = {"path": candidate.path, "state": state, "named_by": candidate.named_by}
        if not quiet or as_json:
            emit(record, f"{candidate.path}  {state}", as_json=as_json)
        elif candidate == used:
            click.echo(candidate.path)


@config.command()
@click.argument("file", required=False)
@config_option
@output_options
@click.pass_context
def validate(
    context: click.Context,
    *,
    file: str | None,
    config_path: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Check a configuration file, or the one in use and the environment.

    Exit code 1 if something is wrong; every problem is told.
    """
    del config_path
    from ipfs_kit_py._config.loading import check

    name = file or named("config_path")
    path, problems, unused = check(name, None if file else os.environ)
    for problem in problems:
        record = {"source": problem.source, "key": problem.name, "error": problem.reason}
        emit(record, str(problem), as_json=as_json)
    if problems:
        context.exit(1)
    if not (quiet or as_json):
        for key in unused:
            click.echo(f"{key} has no effect yet", err=True)
        click.echo(f"{path or 'no file'}: no problems")


def _print(rows: "list[Row]", *, quiet: bool, as_json: bool) -> None:
    keys = max((len(row.key) for row in rows), default=0)
    texts = min(max((len(row.text) for row in rows), default=0), 40)
    for row in rows:
        note = "  inactive" if row.inactive else ""
        line = f"{row.key:<{keys}}  {row.text:<{texts}}  {row.source}{note}"
        text = f"{row.key}={_machine(row.value)}" if quiet else line
        emit(_record(row), text, as_json=as_json)


def _record(row: "Row") -> "dict[str, Any]":
    return {
        "key": row.key,
        "value": row.value,
        "source": row.source.kind,
        "where": row.source.where,
        "inactive": row.inactive,
    }


def _machine(value: object) -> str:
    """Write a value as programs read it: text bare, everything else as JSON."""
    import json

    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
