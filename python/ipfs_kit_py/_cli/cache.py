"""`ipfs-kit cache`: what the disk tier holds."""

from typing import TYPE_CHECKING, Literal

import click

from ipfs_kit_py._cli.output import emit, output_options, progress_bar
from ipfs_kit_py._cli.repository import human, with_repository
from ipfs_kit_py._cli.settings import settings
from ipfs_kit_py._native import CID

if TYPE_CHECKING:
    from ipfs_kit_py._cache.disk import DiskCache
    from ipfs_kit_py._engine.engine import Engine


@click.group()
def cache() -> None:
    """Look at the cache on the disk, check it, empty it."""


def _disk(verify: Literal["first", "always", "never"] = "first") -> "DiskCache":
    from ipfs_kit_py._cache.disk import DiskCache

    config = settings().config.cache_config
    return DiskCache(config.disk_cache_path, config.disk_cache_size, verify=verify)


@cache.command()
@output_options
def stats(*, quiet: bool, as_json: bool) -> None:
    """Print how much is in it, and of how much there may be."""
    disk = _disk()
    found = disk.get_stats()
    used = f"{human(found['current_size'])} of {human(found['size_limit'])}"
    rows = {
        "Folder": found["directory"],
        "Used": f"{used}, {found['utilization']:.0%}",
        "Items": f"{found['entry_count']:,}",
        "Segments": str(found["segments"]),
        "State": found["state"] + (f": {found['reason']}" if found["reason"] else ""),
    }
    lines = [f"{name + ':':<10}{value}" for name, value in rows.items()]
    text = str(found["current_size"]) if quiet else "\n".join(lines)
    emit(found, text, as_json=as_json)


@cache.command()
@output_options
def ls(*, quiet: bool, as_json: bool) -> None:
    """List what is in it: key, size, file."""
    for key, item in _disk().index.items():
        name = key if isinstance(key, str) else key.hex()
        record = {"key": name, **item}
        text = name if quiet else f"{name}  {item['size']}  {item['filename']}"
        emit(record, text, as_json=as_json)


@cache.command()
@click.argument("paths", metavar="CID...", nargs=-1, required=True)
@with_repository()
@output_options
@click.pass_context
def warm(
    context: click.Context,
    paths: tuple[str, ...],
    repository: "Engine",
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fetch all that is below CIDs, so that it is read from this machine afterwards.

    What is in the repository stays where it is; the rest goes into the cache on the disk.
    Exit code 1 if that had no room for all of it.
    """
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._sources import reader_for

    config = settings().config
    tiers = TieredCacheManager.for_settings(config.cache_config)
    reader = reader_for(repository, tiers, config)
    try:
        with progress_bar("warming", None, quiet=quiet or as_json) as progress:
            found = reader.dag_stat(paths, progress)
        metrics = tiers.get_metrics()
        fetched, lost = metrics["fetched"], metrics["disk"]["lost"]
    finally:
        tiers.close()
    record = {
        "roots": [str(root.cid) for root in found.roots],
        "blocks": found.blocks,
        "bytes": found.bytes,
        "fetched_blocks": fetched["blocks"],
        "fetched_bytes": fetched["bytes"],
        "lost_blocks": lost,
    }
    text = f"{found.blocks:,} blocks, {human(found.bytes)}, {fetched['blocks']:,} fetched"
    emit(record, str(found.bytes) if quiet else text, as_json=as_json)
    if lost:
        click.echo(
            f"Warning: {lost:,} blocks had no room in the cache: raise disk_cache_size",
            err=True,
        )
        context.exit(1)


@cache.command()
@output_options
def clear(*, quiet: bool, as_json: bool) -> None:
    """Forget everything in it; nothing is lost that is elsewhere."""
    disk = _disk()
    freed = disk.current_size
    disk.clear()
    freed -= disk.current_size
    text = str(freed) if quiet else f"{human(freed)} given back"
    emit({"freed_bytes": freed}, text, as_json=as_json)


@cache.command()
@output_options
@click.pass_context
def verify(context: click.Context, *, quiet: bool, as_json: bool) -> None:
    """Hash everything in it; what is damaged is dropped.

    Exit code 1 if something was.
    """
    disk = _disk("always")
    items = disk.items()
    done = 0
    with progress_bar("verifying", None, quiet=quiet or as_json) as progress:
        for number, (key, *_) in enumerate(items, 1):
            found = disk.get_block(key) if isinstance(key, CID) else disk.get_view(key)
            done += 0 if found is None else len(found)
            if progress:
                progress(done, number)
    damaged = disk.numbers()["damaged_items"]
    record = {"items": len(items), "bytes": done, "damaged": damaged}
    text = f"{len(items):,} items, {human(done)}, {damaged} damaged"
    emit(record, str(damaged) if quiet else text, as_json=as_json)
    if damaged:
        context.exit(1)
