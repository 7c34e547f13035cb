"""The commands of `ipfs-kit`, grouped in its help as Kubo's are.

What the help and shells show of a command stands here; its code is loaded when it is
called, so that no command waits for the others.
"""

from importlib import import_module
from typing import Any, cast

import click

TOPICS = {
    "Basic commands": {
        "init": ("repo.init", "Make a repository; one that is there stays as it is."),
        "add": ("add.add", "Add files and folders, and pin them."),
        "cat": ("reading.cat", "Print files one after the other."),
        "get": (
            "reading.get",
            "Write a file or folder to disk, never outside the output.",
        ),
        "ls": ("reading.ls", "List directories: CID, size and name of each entry."),
        "refs": ("reading.refs", "List the links of blocks."),
        "pull": (
            "transfer.pull",
            "Fetch CIDs, with all below them, from another node into the repository.",
        ),
        "push": (
            "transfer.push",
            "Send CIDs, with all below them, to another node: what that does not have.",
        ),
        "exists": (
            "shortcuts.exists",
            "Tell whether a path leads to something that is here.",
        ),
    },
    "Pins": {
        "pin": ("pin.pin", "Pin, unpin, list and check what stays."),
        "list-pins": ("shortcuts.list_pins", "The same as `pin ls`."),
        "unpin": ("shortcuts.unpin", "The same as `pin rm`."),
    },
    "Names and keys": {
        "name": ("name.name", "Publish, resolve and exchange IPNS names."),
        "key": (
            "key.key",
            "Make, list and move the keys that names are published under.",
        ),
        "id": ("id.id_command", "Print who this node is."),
        "publish": ("shortcuts.publish", "The same as `name publish`."),
        "resolve": ("shortcuts.resolve", "The same as `name resolve`."),
    },
    "Mutable files": {
        "files": ("files.files", "Change a tree of files under `/`."),
    },
    "Blocks and DAGs": {
        "block": ("block.block", "Put, get, look at and remove single blocks."),
        "dag": ("dag.dag", "Put, get, resolve, import, export and count DAGs."),
        "car": ("car.car", "Pack, list, verify and unpack CAR files."),
    },
    "Machine learning": {
        "dataset": (
            "dataset.dataset",
            "Add datasets, list and compare their versions, check them, write them to "
            "disk.",
        ),
        "model": (
            "model.model",
            "Keep models by name and version, with what they were made of.",
        ),
    },
    "CIDs": {
        "hash": (
            "hash.hash_command",
            "Print the CIDs of files and folders, storing nothing.",
        ),
        "cid": ("cid.cid", "Look at CIDs and convert them."),
    },
    "The repository": {
        "repo": ("repo.repo", "Look after the repository: numbers, collection, checks."),
        "stats": ("repo.stats", "Print how much is stored, and how many pins there are."),
        "cache": ("cache.cache", "Look at the cache on the disk, check it, empty it."),
    },
    "The Kubo node": {
        "daemon": (
            "daemon.daemon",
            "Start, stop and look at Kubo's daemon on the repository's folder.",
        ),
    },
    "Settings and tools": {
        "config": ("config.config", "Show, check and change how the kit is configured."),
        "completions": (
            "completions.completions",
            "Print the completion script of a shell.",
        ),
        "version": (
            "version.version",
            "Print the version, and what this machine hashes with.",
        ),
    },
}
"""By topic and name: the module in this folder with the command's name in it, and the
first sentence of its help."""

COMMANDS = {name: told for names in TOPICS.values() for name, told in names.items()}


def load(name: str) -> click.Command:
    """Give a command itself."""
    module, _, attribute = COMMANDS[name][0].partition(".")
    found = getattr(import_module(f"ipfs_kit_py._cli.{module}"), attribute)
    return cast("click.Command", found)


class Grouped(click.Group):
    """A group that lists its commands by topic, and loads the one that is called.

    Those in `commands` stand for the others in lists: they have a name and a help, and do
    nothing.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as click takes them
        listed = [click.Command(name, help=line) for name, (_, line) in COMMANDS.items()]
        super().__init__(commands=listed, **settings)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Give the command that is called."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and found else None, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of commands a topic."""
        del ctx
        for topic, names in TOPICS.items():
            with formatter.section(topic):
                formatter.write_dl(
                    [(name, self.commands[name].get_short_help_str(60)) for name in names]
                )
