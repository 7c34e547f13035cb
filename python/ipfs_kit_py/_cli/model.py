"""`ipfs-kit model`: models by name and version."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ipfs_kit_py._cli.output import (
    emit,
    hides_bar,
    output_options,
    progress_bar,
    progress_option,
    said,
)
from ipfs_kit_py._cli.repository import KuboCommand, human, with_part
from ipfs_kit_py._ml.lineage import clean

if TYPE_CHECKING:
    from ipfs_kit_py._ml.client import Pair
    from ipfs_kit_py._ml.models import ModelRegistry

F = TypeVar("F", bound=Callable[..., Any])

# How `info` tells each field, in this order.
_TOLD: Final = (
    *("version", "stages", "framework", "format", "size", "created", "cid"),
    *("record_cid", "dataset", "code_version", "parents"),
)


@click.group()
def model() -> None:
    """Keep models by name and version, with what they were made of.

    A MODEL is NAME, for its newest version, NAME@VERSION or NAME@STAGE.
    """


def with_registry(*, create: bool = False) -> Callable[[F], Callable[..., Any]]:
    """Give a command the `registry`, and the option that says where it is."""
    return with_part("registry", _registry, create=create)


def _registry(client: "Pair") -> "ModelRegistry":
    from ipfs_kit_py._ml.models import ModelRegistry

    return ModelRegistry(client)


@model.command(cls=KuboCommand)
@click.argument("path")
@click.argument("name")
@click.option("--version", metavar="VERSION", help="One more than the last if not given.")
@click.option("--framework", metavar="WORD", help="What the files are of.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME=VALUE")
@click.option("--meta", "metadata", multiple=True, metavar="NAME=VALUE")
@click.option("--dataset", metavar="DATASET", help="Its CID, its NAME or NAME@VERSION.")
@click.option("--code", metavar="VERSION", help="What made it: a commit, for example.")
@click.option("--parent", "parents", multiple=True, metavar="MODEL|CID")
@click.option("--stage", metavar="STAGE", help="What it is for from now on.")
@progress_option
@with_registry(create=True)
@output_options
def add(
    path: str,
    name: str,
    *,
    registry: "ModelRegistry",
    version: str | None,
    framework: str | None,
    metrics: tuple[str, ...],
    metadata: tuple[str, ...],
    dataset: str | None,
    code: str | None,
    parents: tuple[str, ...],
    stage: str | None,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Keep a file or folder as a new version; PATH may be the CID of one, too.

    As in: ipfs-kit model add run/ digits --metric accuracy=0.97 --dataset mnist
    """
    hidden = hides_bar(progress, quiet=quiet or as_json)
    with progress_bar("adding", None, quiet=hidden) as bar:
        done = registry.add_model(
            _given(path),
            name,
            version,
            framework,
            _pairs(metadata, "--meta"),
            metrics=_pairs(metrics, "--metric", _number),
            dataset=dataset,
            code_version=code,
            parents=parents,
            stage=stage,
            progress=bar,
        ).raise_for_error()
    text = f"added {done['model_name']} {done['version']} {done['cid']}"
    emit(said(done), done["cid"] if quiet else text, as_json=as_json)


@model.command(cls=KuboCommand)
@click.argument("name", required=False)
@with_registry()
@output_options
def ls(
    name: str | None, *, registry: "ModelRegistry", quiet: bool, as_json: bool
) -> None:
    """List all models, or all versions of one, the oldest first."""
    if name is None:
        models = registry.list_models().raise_for_error()["models"]
    else:
        models = {name: registry.versions(name).raise_for_error()["versions"]}
    for model_name, versions in models.items():
        if quiet and name is None:
            emit({"name": model_name}, model_name, as_json=as_json)
            continue
        for it in versions:
            record = said({"model_name": model_name, **it})
            text = it["version"] if quiet else _line(model_name, it)
            emit(record, text, as_json=as_json)


@model.command(cls=KuboCommand)
@click.argument("which", metavar="MODEL")
@with_registry()
@output_options
def info(which: str, *, registry: "ModelRegistry", quiet: bool, as_json: bool) -> None:
    """Tell what is known of a version."""
    done = registry.info(*_which(which)).raise_for_error()
    text = done["cid"] if quiet else "\n".join(_fields(said(done)))
    emit(said(done), text, as_json=as_json)


@model.command(cls=KuboCommand)
@click.argument("which", metavar="MODEL")
@click.option("-o", "--output", metavar="FOLDER", help="Where to; ./NAME if not given.")
@progress_option
@with_registry()
@output_options
def get(
    which: str,
    *,
    registry: "ModelRegistry",
    output: str | None,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the files of a version into a folder.

    Each is verified, and appears when it is whole; those that are there and unchanged are
    left alone.
    """
    name, version = _which(which)
    target = output or _folder_for(name)
    size = registry.info(name, version).raise_for_error()["size"]
    hidden = hides_bar(progress, quiet=quiet or as_json)
    with progress_bar("getting", size, quiet=hidden) as bar:
        path, told = registry.get_model(name, version, output_path=target, progress=bar)
    text = f"saved {clean(name)} {clean(told['version'])} to {target}"
    emit(said(told), str(path) if quiet else text, as_json=as_json)


@model.command(cls=KuboCommand)
@click.argument("which", metavar="MODEL")
@click.option("--svg", "svg_path", metavar="FILE", help="Draw a picture; - for stdout.")
@click.option(
    "--max-nodes", type=click.IntRange(1), default=1000, help="Go back no further."
)
@with_registry()
@output_options
def lineage(
    which: str,
    *,
    registry: "ModelRegistry",
    svg_path: str | None,
    max_nodes: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show all that a version was made of: models, datasets and code."""
    found = registry.lineage(*_which(which), max_nodes=max_nodes)
    if svg_path == "-":
        click.echo(found.svg(), nl=False)
        return
    if svg_path is not None:
        Path(svg_path).write_text(found.svg(), encoding="utf-8")
    if as_json:
        emit(found.as_dict(), "", as_json=True)
    elif quiet:
        for it in found.nodes:
            click.echo(it.id)
    elif svg_path is None:
        click.echo(found.text())


@model.command(cls=KuboCommand)
@click.argument("which", metavar="MODEL")
@click.argument("stage", required=False)
@click.option("--off", is_flag=True, help="Take it off all stages.")
@with_registry()
@output_options
def promote(
    which: str,
    stage: str | None,
    *,
    registry: "ModelRegistry",
    off: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Say what a version is for: `production`, if STAGE is not given."""
    name, version = _which(which)
    if version is None:
        raise click.UsageError("say which version: NAME@VERSION")
    if off and stage is not None:
        raise click.UsageError("give a STAGE or --off")
    chosen = None if off else stage or "production"
    done = registry.promote(name, version, chosen).raise_for_error()
    where = "at no stage" if off else f"at {clean(done['stage'])}"
    text = f"{name} {done['version']} is {where}"
    if done["previous"] not in (None, done["version"]):
        text += f", in the place of {done['previous']}"
    emit(said(done), done["version"] if quiet else text, as_json=as_json)


@model.command(cls=KuboCommand)
@click.argument("which", metavar="MODEL")
@click.option("--all", "every", is_flag=True, help="Forget all versions of it.")
@with_registry()
@output_options
def rm(
    which: str, *, registry: "ModelRegistry", every: bool, quiet: bool, as_json: bool
) -> None:
    """Forget a version, or with --all the whole model.

    What nothing else keeps is removed by the next `ipfs-kit repo gc`.
    """
    name, version = _which(which)
    if (version is None) != every:
        raise click.UsageError("give NAME@VERSION, or NAME and --all")
    done = registry.delete(name, version).raise_for_error()
    for it in done["versions"]:
        record = {"model_name": name, "version": it}
        emit(record, it if quiet else f"removed {name} {it}", as_json=as_json)


def _given(path: str) -> Any:  # noqa: ANN401 - a path or a CID
    from ipfs_kit_py._native import CID
    from ipfs_kit_py.errors import InvalidCIDError

    if Path(path).exists():
        return Path(path)
    try:
        return CID(path.removeprefix("ipfs://").removeprefix("/ipfs/"))
    except InvalidCIDError:
        return Path(path)


def _which(text: str) -> tuple[str, str | None]:
    name, at, version = text.partition("@")
    if not name or (at and not version):
        raise click.UsageError(f"{text!r} is neither NAME nor NAME@VERSION")
    return name, version or None


def _number(value: str) -> float | str:
    """Read a number that JSON has not, such as `nan`, which is refused then, or text."""
    try:
        return float(value)
    except ValueError:
        return value


def _pairs(
    given: tuple[str, ...], option: str, word: Callable[[str], Any] = str
) -> dict[str, Any]:
    """Read `NAME=VALUE`, where values are numbers and the like, or else words."""
    found: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {pair!r} is not NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            found[name] = word(value)
    return found


def _folder_for(name: str) -> str:
    """Give the folder that a model is written to: below here, whatever it is called."""
    last = name.replace("\\", "/").rpartition("/")[2]
    if last in ("", ".", ".."):
        raise click.UsageError(f"{name!r} is no name of a folder: give --output")
    return last


def _line(name: str, it: dict[str, Any]) -> str:
    stages = f" [{', '.join(map(clean, it['stages']))}]" if it["stages"] else ""
    words = (name, it["version"], it["framework"], human(it["size"]), it["created"][:10])
    return f"{it['cid']} {' '.join(map(clean, words))}{stages}"


def _fields(done: dict[str, Any]) -> Iterator[str]:
    yield f"model: {clean(done['model_name'])}"
    for name in _TOLD:
        value = done[name]
        if not value:
            continue
        if name == "size":
            value = f"{value:,}"
        elif name == "dataset":
            value = " ".join(filter(None, (value["name"], value["cid"])))
        elif isinstance(value, list):
            value = ", ".join(value)
        yield f"{name}: {clean(str(value))}"
    for table in ("metrics", "metadata"):
        for name, value in done[table].items():
            yield f"{table}.{clean(name)}: {clean(str(value))}"
