"""Print the tables of `make bench`: what we do beside what others do, in one run."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import buffers
import cache
import checkpoints
import files
import gateways
import kit
import kubo
import libraries
import loaders
import objects
import store
import tree
from harness import Table, machine

GROUPS: dict[str, Callable[[float], Iterator[Table]]] = {
    "buffers": buffers.tables,
    "files": files.tables,
    "tree": tree.tables,
    "store": store.tables,
    "kit": kit.tables,
    "kubo": kubo.tables,
    "remote": lambda scale: chain(gateways.tables(scale), objects.tables(scale)),
    "fsspec": libraries.tables,
    "cache": cache.tables,
    "checkpoints": checkpoints.tables,
    "loader": loaders.tables,
}


def main() -> None:
    """Run the groups that are asked for and print each table as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "groups", nargs="*", help=f"of {', '.join(GROUPS)}; all by default"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the full sizes"
    )
    parser.add_argument("--json", type=Path, help="write the figures here as JSON")
    parser.add_argument("--markdown", type=Path, help="write the tables here as Markdown")
    asked = parser.parse_args()
    if unknown := set(asked.groups) - set(GROUPS):
        parser.error(f"no group {', '.join(sorted(unknown))}")

    facts = machine()
    print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n")
    tables: list[Table] = []
    for group in asked.groups or GROUPS:
        for table in GROUPS[group](asked.scale):
            print(f"\n{table.text()}")
            sys.stdout.flush()
            tables.append(table)
    if asked.json:
        figures = {"machine": facts, "tables": [asdict(table) for table in tables]}
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
    if asked.markdown:
        about = "\n".join(f"- {name}: {value}" for name, value in facts.items())
        pages = [about, *(table.markdown() for table in tables)]
        asked.markdown.write_text("\n\n".join(page.strip() for page in pages) + "\n")


if __name__ == "__main__":
    main()
