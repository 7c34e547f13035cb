"""`ipfs-kit completions`: completion scripts for shells."""

import click
from click.shell_completion import get_completion_class

from ipfs_kit_py._cli.output import emit, output_options


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@output_options
@click.pass_context
def completions(
    context: click.Context, shell: str, *, quiet: bool, as_json: bool
) -> None:
    """Print the completion script of a shell.

    For bash, put `eval "$(ipfs-kit completions bash)"` into ~/.bashrc.
    """
    del quiet
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completions for {shell}")
    script = found(
        context.find_root().command, {}, "ipfs-kit", "_IPFS_KIT_COMPLETE"
    ).source()
    emit({"shell": shell, "script": script}, script, as_json=as_json)
