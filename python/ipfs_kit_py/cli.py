"""The command line `ipfs-kit`.

Every command takes `--json` (one JSON object a line on stdout) and `-q`; results go to
stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 called wrongly, 130
interrupted.
"""

import os
import sys

import click

import ipfs_kit_py
from ipfs_kit_py._cli.groups import Grouped
from ipfs_kit_py._cli.repository import repo_option
from ipfs_kit_py._cli.settings import config_option, offline_option


@click.group(
    cls=Grouped,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@repo_option
@config_option
@offline_option
def cli(*, repo_path: str | None, config_path: str | None) -> None:
    """IPFS without a daemon: files, blocks and pins in an embedded repository."""
    del repo_path, config_path


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the result is the exit code.

    Args:
        arguments: What stands behind the program's name; `sys.argv` if not given.
    """
    try:
        # A command that ends early gives its exit code back, others give nothing.
        code = cli.main(arguments, prog_name="ipfs-kit", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except BrokenPipeError:
        # Whoever reads us has seen enough; what is buffered must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    # The classes of errors are loaded when there is one.
    except (ipfs_kit_py.IPFSError, OSError) as error:
        click.echo(f"Error: {describe(error)}", err=True)
        return 1
    return code if isinstance(code, int) else 0


def describe(error: Exception) -> str:
    """Say what went wrong in the words of the system, without error numbers."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
