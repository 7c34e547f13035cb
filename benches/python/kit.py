"""The kit over its core: what a result dictionary costs, and how soon a kit is ready.

What each table isolates:
    cat, add_bytes: the same call through `kit.ipfs` and on the repository itself, so that
        what lies between them is the kit's own work: the dictionary and its checks.
    start-up: a new interpreter up to an import, and up to a kit that can add, beside one
        that does nothing. It ends at once: what is thrown away at a program's end is no
        part of its start. The command line is timed whole.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import inputs
from harness import Lineup, Program, Row, Table, Work, compare
from ipfs_kit_py.ipfs_kit import ipfs_kit

CALLS = 2000
BYTES = 1024


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the full number of calls."""
    calls = max(20, round(CALLS * scale))
    with (
        tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at,
        ipfs_kit(metadata={"ipfs_path": at}) as kit,
    ):
        # The same handle: two would each look at what the other did.
        core = kit.engine
        data = inputs.buffers(1, BYTES)[0]
        cid = core.add(data).cid
        yield overhead(
            "cat of 1 KiB", calls, lambda: kit.ipfs.cat(cid), lambda: core.cat(cid), 15
        )
        yield overhead(
            "add_bytes of 1 KiB that is there",
            calls,
            lambda: kit.ipfs.add_bytes(data),
            lambda: core.add(data),
            15,
        )
        yield start_up(Path(at))


def overhead(
    title: str,
    calls: int,
    ours: Callable[[], object],
    core: Callable[[], object],
    most_microseconds: float,
) -> Table:
    """Compare a call through the kit with the core's own."""

    def often(call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(calls):
                call()

        return run

    lineup = Lineup()
    lineup.enter("kit.ipfs", lambda: Work(often(ours), calls), ours=True)
    lineup.enter("its engine", lambda: Work(often(core), calls))
    table = compare(title, "calls", lineup)
    between = (table.rows[0].seconds - table.rows[1].seconds) / calls
    name = f"between them, of {most_microseconds:g} us that it may be"
    table.rows.append(Row(name, between, 0.0, 1 / between, None, None, None, None))
    return table


def start_up(place: Path) -> Table:
    """Compare new interpreters."""
    lineup = Lineup()
    for name, program in {
        "a kit ready to add": "from ipfs_kit_py.ipfs_kit import ipfs_kit; "
        f"ipfs_kit(metadata={{'ipfs_path': {str(place)!r}}})",
        "import ipfs_kit_py": "import ipfs_kit_py",
        "import ipfs_accelerate_py": "import ipfs_accelerate_py",
        "a bare interpreter": "pass",
    }.items():
        ending = f"{program}\nimport os; os._exit(0)"
        run = Program(sys.executable, "-I", "-c", ending)
        ours = name.startswith("a kit")
        lineup.enter(name, lambda run=run: Work(run, 1), ours=ours)  # type: ignore[misc] # the loop's value
    command_line = Path(sys.executable).parent / "ipfs-kit"
    for words in ("version", "--help"):
        called = Program(command_line, words)
        lineup.enter(f"ipfs-kit {words}", lambda called=called: Work(called, 1))  # type: ignore[misc] # the same
    return compare("start-up, a new process each", "starts", lineup)
