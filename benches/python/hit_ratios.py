"""How often caches of each size find what is asked for, drawn into the documentation.

The counts come from the example `hit_ratio` of the Rust crate of the caches, so that the
plan and Belady's optimum stand beside LRU and ARC. They are exact, the same everywhere.
"""

import csv
import functools
import importlib
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from peers import ROOT
from pictures import Line, chart

IMAGES = ROOT / "docs/images"
BUILD = "cargo build --quiet --locked --profile fast"
EPOCHS = (10, 25, 50, 75)
#: Trace, sizes of the cache in blocks, and what the trace is.
TRACES = (
    (
        "OLTP",
        (250, 500, 1000, 2000, 5000, 10_000, 15_000),
        "an hour of a database's pages",
    ),
    (
        "P3",
        tuple(1024 << power for power in range(9)),
        "a workstation's disk, over months",
    ),
)
#: What the example calls a policy, how its line is drawn, and what the legend says.
LINES = (
    ("optimum", Line("optimum: knows the future", "#57ab5a", width=9, opacity=0.45)),
    ("plan", Line("our plan: knows the order", "#1a7f37", dashes="7 5")),
    ("ARC", Line("ARC (ours)", "#0969da")),
    ("LRU", Line("LRU", "#cf222e")),
)


def traces() -> Path | None:
    """Return the folder of the traces, if there is one."""
    named = os.environ.get("IPFS_KIT_TRACES")
    folder = Path(named) if named else ROOT / "../shared/traces"
    return folder.resolve() if (folder / "arc").is_dir() else None


def text(name: str) -> bytes:
    """Return a trace: lines of a first block and how many follow it."""
    zstandard = importlib.import_module("zstandard")
    folder = traces()
    if folder is None:
        raise FileNotFoundError(f"no trace {name}")
    packed = (folder / "arc" / f"{name}.lis.zst").open("rb")
    with packed, zstandard.ZstdDecompressor().stream_reader(packed) as lines:
        unpacked: bytes = lines.read()
    return unpacked


def requests(name: str) -> list[int]:
    """Return every block that a trace asks for, in order."""
    lines = (line.split() for line in text(name).splitlines())
    runs = (range(int(first), int(first) + int(count)) for first, count, *_ in lines)
    return list(chain.from_iterable(runs))


def draw() -> None:
    """Draw the pictures, as far as this machine has what they are made of.

    They are the same each time but for changes of the caches.
    """
    if shutil.which("cargo") is None:
        print("\npictures of hit ratios: not drawn, cargo is not on PATH")
        return
    for path in pictures():
        print(f"\ndrawn: {path.relative_to(ROOT)}")


def pictures() -> Iterator[Path]:
    """Draw each picture and yield its path."""
    IMAGES.mkdir(exist_ok=True)
    for name, sizes, about in TRACES if traces() else ():
        yield picture(
            f"hit-ratio-{name.lower()}.svg",
            f"{name}: {about}",
            "blocks that the cache has room for (logarithmic)",
            counted("trace", sizes, text(name)),
            is_log=True,
        )
    yield picture(
        "hit-ratio-epochs.svg",
        "Training: five epochs, each in a new order",
        "share of the data that the cache has room for",
        counted("epochs", EPOCHS),
        is_log=False,
    )


def counted(
    kind: str, sizes: tuple[int, ...], stdin: bytes = b""
) -> list[dict[str, str]]:
    """Run the example; give its rows."""
    done = subprocess.run(
        [example(), kind, *map(str, sizes)],
        input=stdin,
        stdout=subprocess.PIPE,
        check=True,
    )
    return list(csv.DictReader(io.StringIO(done.stdout.decode())))


@functools.cache
def example() -> Path:
    """Build the example; return the program."""
    target = subprocess.run(
        [ROOT / "tools/cargo-target.sh"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    subprocess.run(
        [*BUILD.split(), "--package", "ipfs-kit-cache", "--example", "hit_ratio"],
        cwd=ROOT,
        env=os.environ | {"CARGO_TARGET_DIR": target},
        check=True,
    )
    return Path(target) / "fast/examples/hit_ratio"


def picture(
    name: str, title: str, across: str, rows: list[dict[str, str]], *, is_log: bool
) -> Path:
    """Draw one picture."""
    lines = {
        line: [
            (int(row["size"]), 100 * int(row["hits"]) / int(row["requests"]))
            for row in rows
            if row["policy"] == policy
        ]
        for policy, line in LINES
    }
    path = IMAGES / name
    path.write_text(chart(title, across, lines, is_log=is_log))
    return path
