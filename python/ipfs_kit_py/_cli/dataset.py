"""`ipfs-kit dataset`: datasets by name and version."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipfs_kit_py._cli.add import adding_bar
from ipfs_kit_py._cli.output import (
    emit,
    hides_bar,
    output_options,
    progress_bar,
    progress_option,
    said,
)
from ipfs_kit_py._cli.repository import KuboCommand, human, with_part

if TYPE_CHECKING:
    from ipfs_kit_py._datasets.datasets import DatasetManager
    from ipfs_kit_py._ml.client import Pair

F = TypeVar("F", bound=Callable[..., Any])

_MARKS = (("added", "+"), ("removed", "-"), ("changed", "~"))


@click.group()
def dataset() -> None:
    """Add datasets, list and compare their versions, check them, write them to disk.

    NAME is a dataset's name, `NAME@VERSION`, or the CID of a version.
    """


def with_datasets(*, create: bool = False) -> Callable[[F], Callable[..., Any]]:
    """Give a command the `datasets` of a repository, and the option that says which."""
    return with_part("datasets", _datasets, create=create)


def _datasets(client: "Pair") -> "DatasetManager":
    from ipfs_kit_py._datasets.datasets import DatasetManager

    return DatasetManager(client)


def _parts(name: str) -> tuple[str, str | None]:
    from ipfs_kit_py._ml.names import divided

    return divided(name)


def _metadata(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE")
        found[key] = value
    return found


@dataset.command(cls=KuboCommand)
@click.argument("path")
@click.argument("name", required=False)
@click.option("--version", metavar="VERSION", help="What the version is called.")
@click.option("--format", "format_name", metavar="NAME", help="What the files are.")
@click.option("--split", metavar="NAME", help="All rows are of this split.")
@click.option("--licence", "--license", metavar="SPDX", help="The licence.")
@click.option(
    "--metadata",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_metadata,
    help="What else to say of it; may be given more than once.",
)
@click.option("-s", "--chunker", metavar="SPEC", help="How files are cut.")
@click.option(
    "--trust-stat/--no-trust-stat",
    default=True,
    help="Do not read files again whose size, times and inode are as they were.",
)
@progress_option
@with_datasets(create=True)
@output_options
def add(
    path: str,
    *,
    datasets: "DatasetManager",
    name: str | None,
    version: str | None,
    format_name: str | None,
    split: str | None,
    licence: str | None,
    metadata: dict[str, str],
    chunker: str | None,
    trust_stat: bool,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Add a file or folder as a dataset, or as the next version of one.

    NAME is that of the file or folder if not given; `NAME@VERSION` says what the version
    is called too, else they are 1, 2, 3. A last line on stderr says what was new.
    """
    if name is None:
        name = Path(path).absolute().name.partition(".")[0]
    own, named = _parts(name)
    if named is not None and version is not None:
        raise click.UsageError(f"{name} names a version, and --version another")
    hush = quiet or as_json
    with adding_bar(path, hidden=hides_bar(progress, quiet=hush)) as report:
        done = datasets.add_dataset(
            path,
            own,
            version or named,
            format_name,
            metadata or None,
            split=split,
            licence=licence,
            chunker=chunker,
            trust_stat=trust_stat,
            progress=report,
        ).raise_for_error()
    verb = "unchanged" if done["unchanged"] else "added"
    text = f"{verb} {done['cid']} {own}@{done['version']}"
    emit(said(done), done["cid"] if quiet else text, as_json=as_json)
    if not hush:
        new, shared = human(done["new_bytes"]), human(done["shared_bytes"])
        click.echo(f"{_size(done)}; {new} new, {shared} there already", err=True)


def _size(told: dict[str, Any]) -> str:
    stats = told["stats"]
    return (
        f"{stats['num_rows']:,} rows in {stats['num_files']:,} files, "
        f"{human(stats['size_bytes'])}"
    )


@dataset.command(cls=KuboCommand)
@click.argument("name", required=False)
@with_datasets()
@output_options
def ls(
    name: str | None, *, datasets: "DatasetManager", quiet: bool, as_json: bool
) -> None:
    """List datasets with their newest versions; or all versions of one, oldest first."""
    if name is not None:
        found = datasets.versions(name).raise_for_error()["versions"]
    else:
        listed = datasets.list_datasets().raise_for_error()["datasets"]
        found = [versions[-1] for versions in listed.values()]
    for it in found:
        at = f"{it['dataset_name']}@{it['version']}"
        plain = it["cid"] if name else it["dataset_name"]
        text = plain if quiet else f"{it['cid']} {at} {it['format']}: {_size(it)}"
        emit(said(it), text, as_json=as_json)


@dataset.command(cls=KuboCommand)
@click.argument("name")
@with_datasets()
@output_options
def info(name: str, *, datasets: "DatasetManager", quiet: bool, as_json: bool) -> None:
    """Print what a version is: its splits, columns, licence, metadata."""
    told = datasets.info(name).raise_for_error()
    text = told["cid"] if quiet else "\n".join(_lines(said(told)))
    emit(said(told), text, as_json=as_json)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['dataset_name']}@{told['version']}"
    yield f"  CID: {told['cid']}"
    yield f"  data: {told['data_cid']}"
    yield f"  format: {told['format']}"
    yield f"  size: {_size(told)}"
    for name, split in told["splits"].items():
        yield f"  split {name}: {split['rows']:,} rows, {human(split['bytes'])}"
    for name, kind in (told["schema"] or {}).items():
        yield f"  column {name}: {kind}"
    if told["licence"]:
        yield f"  licence: {told['licence']}"
    for name, value in told["metadata"].items():
        yield f"  {name}: {value}"
    yield f"  created: {told['created']}"
    for parent in told["parents"]:
        yield f"  follows: {parent}"


@dataset.command(cls=KuboCommand)
@click.argument("name")
@click.argument("versions", nargs=-1, metavar="[FROM [TO]]")
@with_datasets()
@output_options
def diff(
    name: str,
    versions: tuple[str, ...],
    *,
    datasets: "DatasetManager",
    quiet: bool,
    as_json: bool,
) -> None:
    """Print which files two versions differ in, and how many bytes they share.

    TO is the newest version if not given, and FROM the one before it. A last line on
    stderr has the numbers.
    """
    if len(versions) > 2:
        raise click.UsageError("a difference is between two versions")
    found = datasets.diff(name, *versions).raise_for_error()
    if as_json:
        emit(said(found), "", as_json=True)
        return
    for kind, mark in _MARKS:
        for path in found[kind]:
            click.echo(f"{mark} {path}")
    if not quiet:
        rows = ", ".join(f"{count:+,} in {it}" for it, count in found["rows"].items())
        new, shared = human(found["new_bytes"]), human(found["shared_bytes"])
        click.echo(f"rows: {rows}; {new} new, {shared} shared", err=True)


@dataset.command(cls=KuboCommand)
@click.argument("name")
@click.option("-o", "--output", help="The folder to make; NAME's own if not given.")
@progress_option
@with_datasets(create=True)
@output_options
def get(
    name: str,
    *,
    datasets: "DatasetManager",
    output: str | None,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a dataset's files to disk, each block verified.

    The output must not exist, and appears when it is whole.
    """
    own, version = _parts(name)
    output = output or own.rpartition("/")[2]
    if not output or output in {".", ".."}:
        raise click.UsageError(f"{own!r} is no file name: say where to with -o")
    told = datasets.info(own, version).raise_for_error()
    total = told["stats"]["size_bytes"]
    hidden = hides_bar(progress, quiet=quiet or as_json)
    with progress_bar("writing", total, quiet=hidden) as report:
        done = datasets.get_dataset(told["cid"], None, output, progress=report)
    place = done.raise_for_error()["local_path"]
    text = place if quiet else f"Saving dataset to {output}"
    emit(said(done), text, as_json=as_json)


@dataset.command(cls=KuboCommand)
@click.argument("name")
@progress_option
@with_datasets()
@output_options
@click.pass_context
def verify(
    context: click.Context,
    name: str,
    *,
    datasets: "DatasetManager",
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Read and hash every block of a version. Exit code 1 if not all are whole."""
    told = datasets.info(name).raise_for_error()
    hidden = hides_bar(progress, quiet=quiet or as_json)
    with progress_bar("checking", told["stats"]["size_bytes"], quiet=hidden) as report:
        found = datasets.verify(told["cid"], progress=report).raise_for_error()
    at = f"{found['dataset_name']}@{found['version']}"
    wrong = found["missing"] | found["damaged"]
    lines = [f"  {cid}: {why}" for cid, why in wrong.items()]
    state = "ok" if found["is_whole"] else "broken"
    size = f"{found['blocks']:,} blocks, {human(found['bytes'])}"
    text = "\n".join([f"{found['cid']} {at} {state}: {size}", *lines])
    emit(said(found), found["cid"] if quiet else text, as_json=as_json)
    if not found["is_whole"]:
        context.exit(1)


@dataset.command(cls=KuboCommand)
@click.argument("name")
@with_datasets()
@output_options
def rm(name: str, *, datasets: "DatasetManager", quiet: bool, as_json: bool) -> None:
    """Forget a dataset, or one version of it; `repo gc` frees what nothing else keeps."""
    done = datasets.delete(name).raise_for_error()
    own = done["dataset_name"]
    for it in done["removed"]:
        text = f"{own}@{it}" if quiet else f"removed {own}@{it}"
        emit({"name": own, "version": it}, text, as_json=as_json)
