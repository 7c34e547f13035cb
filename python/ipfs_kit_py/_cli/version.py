"""`ipfs-kit version`."""

import platform

import click

from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._native import __version__, sha256_kernel


@click.command()
@output_options
def version(*, quiet: bool, as_json: bool) -> None:
    """Print the version, and what this machine hashes with."""
    record = {
        "version": __version__,
        "sha256_kernel": sha256_kernel(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    text = f"ipfs-kit {__version__} (sha2-256 by {record['sha256_kernel']})"
    emit(record, __version__ if quiet else text, as_json=as_json)
