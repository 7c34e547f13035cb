"""Write `docs/seed-status.md`, by `python -m tests.seed_status`."""

from pathlib import Path

from tests.seed_blocks import ACCELERATE, KIT, ROWS, Row, blocks

PAGE = Path(__file__).parents[1] / "docs" / "seed-status.md"

_HEAD = """\
# What runs of the documents

<!-- Written by `python -m tests.seed_status`, from `tests/seed_blocks.py`. -->

Two documents say what this project is to be:
[core concepts](../tests/seeds/core-concepts.md) (`ipfs_kit_py`) and
[accelerate](../tests/seeds/accelerate.md) (`ipfs_accelerate_py`). The tests run every
code block of theirs as it stands, and compare what it prints. Only CIDs and paths that
are not here are replaced by others, which the last column lists.

What *waits* for a part fails today with an error that names it (most often a
`ComponentUnavailableError`); the tests assert that, so this page cannot lag behind.
*In part* is where some statements wait and all others run.
"""


def page() -> str:
    """Make the page."""
    parts = [_HEAD]
    for title, document in (("Core concepts", KIT), ("Accelerate", ACCELERATE)):
        lines = [
            f"## {title}\n",
            "| heading | first line | state | |",
            "|---|---|---|---|",
        ]
        for block in blocks(document):
            rows = [row for row in ROWS if row.key == block.key]
            first = block.first.strip("┌─┐") or "(a drawing)"
            cells = (block.heading, f"`{first}`", state(rows), remarks(rows))
            lines.append(f"| {' | '.join(cells)} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def state(rows: list[Row]) -> str:
    """Say how far a block runs."""
    if any(row.cannot for row in rows):
        return "not run"
    waits = [wait for row in rows for wait in row.waits]
    if not waits:
        return "runs"
    parts = " and ".join(dict.fromkeys(wait.part for wait in waits))
    return f"{'' if any(wait.stops for wait in waits) else 'in part: '}waits for {parts}"


def remarks(rows: list[Row]) -> str:
    """Say why, and what was substituted."""
    told = [text for row in rows for text in (row.cannot, row.note) if text]
    told = list(dict.fromkeys(told))
    replaced = list(dict.fromkeys(old for row in rows for old in row.substitutions))
    if replaced:
        told.append(f"others stand for {', '.join(f'`{old}`' for old in replaced)}")
    return "; ".join(told)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
