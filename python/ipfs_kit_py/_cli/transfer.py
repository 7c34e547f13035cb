"""`ipfs-kit pull` and `push`: whole DAGs from other nodes, and to them."""

import click

from ipfs_kit_py._cli.output import emit, output_options, progress_bar
from ipfs_kit_py._cli.repository import human, repo_option
from ipfs_kit_py._cli.settings import settings


def _moved(
    method: str,
    label: str,
    cids: tuple[str, ...],
    place: str,
    *,
    pin: bool,
    name: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    from ipfs_kit_py.ipfs import ipfs_py

    with ipfs_py(config=settings()) as node:
        for cid in cids:
            with progress_bar(label, None, quiet=quiet or as_json) as progress:
                move = getattr(node, method)
                done = move(cid, place, pin=pin, name=name, progress=progress)
            done.raise_for_error()
            fields = ("cid", "blocks", "bytes", "new_blocks", "new_bytes")
            record = {field: done[field] for field in fields}
            new = f"{done['new_blocks']:,} new, {human(done['new_bytes'])}"
            text = f"{done['cid']}  {done['blocks']:,} blocks, {new}"
            emit(record, done["cid"] if quiet else text, as_json=as_json)


_pin_option = click.option(
    "--pin/--no-pin", default=True, help="Pin it there when all of it is there."
)
_name_option = click.option("--name", metavar="NAME", help="The pin's name.")


@click.command()
@click.argument("cids", metavar="CID...", nargs=-1, required=True)
@click.option(
    "--from",
    "source",
    metavar="WHERE",
    required=True,
    help="A Kubo node's API (http://host:5001, a multiaddr), or a repository's folder.",
)
@_pin_option
@_name_option
@repo_option
@output_options
def pull(
    cids: tuple[str, ...],
    source: str,
    *,
    pin: bool,
    name: str | None,
    repo_path: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fetch CIDs, with all below them, from another node into the repository.

    What is here already is not fetched. Stopped, it goes on where it was.
    """
    del repo_path
    _moved(
        "pull",
        "pulling",
        cids,
        source,
        pin=pin,
        name=name,
        quiet=quiet,
        as_json=as_json,
    )


@click.command()
@click.argument("cids", metavar="CID...", nargs=-1, required=True)
@click.option(
    "--to",
    "target",
    metavar="WHERE",
    required=True,
    help="A Kubo node's API (http://host:5001, a multiaddr), or a repository's folder.",
)
@_pin_option
@_name_option
@repo_option
@output_options
def push(
    cids: tuple[str, ...],
    target: str,
    *,
    pin: bool,
    name: str | None,
    repo_path: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Send CIDs, with all below them, to another node: what that does not have."""
    del repo_path
    _moved(
        "push",
        "pushing",
        cids,
        target,
        pin=pin,
        name=name,
        quiet=quiet,
        as_json=as_json,
    )
