"""The commands of `ipfs-kit`, grouped in its help as Kubo's are."""

import click

GROUPS = {
    "Basic commands": "init add cat get ls refs exists",
    "Pins": "pin list-pins unpin",
    "Names and keys": "name key id publish resolve",
    "Mutable files": "files",
    "Blocks and DAGs": "block dag car",
    "CIDs": "hash cid",
    "The repository": "repo stats cache",
    "Settings and tools": "config completions version",
}


class Grouped(click.Group):
    """A group whose help lists its commands by topic."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of commands a topic; what is in none comes last."""
        rest = [name for name in self.list_commands(ctx) if name not in _GROUPED]
        topics = {title: names.split() for title, names in GROUPS.items()}
        for title, names in (topics | {"Other commands": rest}).items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [
                (name, command.get_short_help_str(60))
                for name, command in found
                if command is not None and not command.hidden
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


_GROUPED = {name for names in GROUPS.values() for name in names.split()}
