"""How long ipfs_accelerate_py takes to load and to do each of its things.

    python benches/python/benchmark_ipfs_acceleration.py [--quick] [--report FILE]

Three groups. Loading: each module in processes of its own, which look at the clock
before and after, so that the interpreter's start is no part of it. Operations: the median
of many calls, on a repository in a temporary folder, where files are written durably.
Parallel loading: threads that delete modules and import them anew while others use them,
and processes that start at once; what counts is the share that succeed.

Figures are of one machine and one run. How checkpoints compare with what others do is in
the group `checkpoints` of `run.py`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from harness import machine, si

MODULES = {
    "ipfs_accelerate_py": "import ipfs_accelerate_py",
    "config": "import ipfs_accelerate_py.config",
    "backends": "import ipfs_accelerate_py.backends",
    "ipfs_accelerate": "import ipfs_accelerate_py.ipfs_accelerate",
    "load_checkpoint_and_dispatch": (
        "from ipfs_accelerate_py import load_checkpoint_and_dispatch"
    ),
    "save_checkpoint": "from ipfs_accelerate_py import save_checkpoint",
}
TIMED = """
import time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""
REIMPORTED = """
import importlib, json, sys, threading
import ipfs_accelerate_py

NAMES = ["config", "backends", "ipfs_accelerate"]
failures, rounds = [], int(sys.argv[2])

def work(number):
    for turn in range(rounds):
        name = "ipfs_accelerate_py." + NAMES[(number + turn) % len(NAMES)]
        try:
            sys.modules.pop(name, None)
            module = importlib.import_module(name)
            assert module.__name__ == name
            assert ipfs_accelerate_py.config().get("cache", "max_size_mb") == 1000
        except BaseException as error:
            failures.append(repr(error))

threads = [threading.Thread(target=work, args=[it]) for it in range(int(sys.argv[1]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(failures))
"""
USED = "import ipfs_accelerate_py; ipfs_accelerate_py.config().get('cache', 'path')"


class Figure(NamedTuple):
    """A row of a table."""

    name: str
    median: float
    fastest: float
    calls: int
    unit_bytes: int = 0
    """What a call goes through, where that is what it costs."""

    def cells(self) -> tuple[str, ...]:
        """Return it as text."""
        rate = f"{si(self.unit_bytes / self.median)}B/s" if self.unit_bytes else ""
        times = (f"{si(self.median)}s", f"{si(self.fastest)}s")
        return (self.name, *times, str(self.calls), rate)


class Parallel(NamedTuple):
    """How many at once did something, and how many could."""

    name: str
    succeeded: int
    tried: int
    seconds: float
    failures: list[str]

    def cells(self) -> tuple[str, ...]:
        """Return it as text."""
        share = f"{self.succeeded / self.tried:.1%}"
        return (
            self.name,
            share,
            f"{self.succeeded} of {self.tried}",
            f"{si(self.seconds)}s",
        )


def main() -> int:
    """Measure, print, and write the report; fail if something did not succeed."""
    parser = argparse.ArgumentParser(description="Measure ipfs_accelerate_py.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    parser.add_argument("--report", type=Path, help="write the tables to this file")
    wanted = parser.parse_args()
    calls = 3 if wanted.quick else 30
    loading = list(measure_loading(calls))
    with tempfile.TemporaryDirectory(prefix="ipfs-accelerate-bench-") as folder:
        os.environ["IPFS_KIT_IPFS_PATH"] = str(Path(folder, "repository"))
        os.environ["IPFS_ACCELERATE_CACHE_PATH"] = str(Path(folder, "cache"))
        before = Path.cwd()
        os.chdir(folder)
        operations = list(measure_operations(calls, Path(folder)))
        parallel = list(measure_parallel(calls))
        os.chdir(before)
    text = report(loading, operations, parallel)
    print(text)
    if wanted.report:
        wanted.report.write_text(f"{HEAD}\n{text}\n", encoding="utf-8")
    failed = [failure for it in parallel for failure in it.failures]
    print(*failed, sep="\n", end="")
    return 1 if failed else 0


def measure_loading(calls: int) -> Iterator[Figure]:
    """Load each module in processes of its own, in turns."""
    times: dict[str, list[float]] = {name: [] for name in MODULES}
    for _ in range(calls):
        for name, statement in MODULES.items():
            program = TIMED.format(statement=statement)
            times[name].append(float(output(program)))
    for name, found in times.items():
        yield Figure(name, statistics.median(found), min(found), calls)


def output(program: str, *arguments: object) -> str:
    """Run a program in a process of its own, and return what it printed."""
    argv = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def measure_operations(calls: int, folder: Path) -> Iterator[Figure]:
    """Do each thing, with new content where that is what is measured."""
    import numpy as np

    from ipfs_accelerate_py import (
        config,
        from_ipfs,
        ipfs_accelerate,
        load_checkpoint_and_dispatch,
        save_checkpoint,
    )

    settings = config()
    ipfs_accelerate.configure(settings)
    settings.save(folder / "settings.toml")
    yield timed("config()", calls * 10, lambda _: config())
    yield timed("config.get", calls * 100, lambda _: settings.get("cache", "path"))

    def store(turn: int) -> None:
        settings.set("own", "turn", turn)
        settings.save("settings.toml")

    yield timed("config.set and save", calls, store)
    for name, size in (("4 KiB", 4 << 10), ("64 MiB", 64 << 20)):
        turns = calls if size < 1 << 20 else max(calls // 6, 2)
        for turn in range(turns):
            (folder / f"{name} {turn}").write_bytes(os.urandom(size))
        cids: list[str] = []
        yield timed(
            f"add_file, {name}",
            turns,
            lambda turn: cids.append(ipfs_accelerate.add_file(f"{name} {turn}")["cid"]),  # noqa: B023
            size,
        )
        yield timed(
            f"get_file, {name}",
            turns,
            lambda turn: ipfs_accelerate.get_file(cids[turn], "out"),  # noqa: B023
            size,
        )
        yield timed(
            f"load_checkpoint_and_dispatch, {name} of no format",
            turns,
            lambda turn: load_checkpoint_and_dispatch(cids[turn]),  # noqa: B023
            size,
        )
    yield timed("cid_exists", calls * 10, lambda _: ipfs_accelerate.cid_exists(cids[0]))
    yield timed(
        "get_cid_metadata", calls, lambda _: ipfs_accelerate.get_cid_metadata(cids[0])
    )
    state = {
        f"layers.{number}.weight": np.random.default_rng(number).standard_normal(
            (1280, 1280), dtype=np.float32
        )
        for number in range(10)
    }
    size = sum(it.nbytes for it in state.values())
    saved = save_checkpoint(state)
    turns = max(calls // 3, 2)

    def tune(turn: int) -> None:
        state["layers.4.weight"][0, 0] = turn
        save_checkpoint(state)

    yield timed("save_checkpoint, one layer in ten of 64 MiB changed", turns, tune, size)
    yield timed(
        "load_checkpoint_and_dispatch, its tensors mapped",
        calls,
        lambda _: list(
            load_checkpoint_and_dispatch(saved.cid, framework="numpy")["data"].values()
        ),
        size,
    )
    yield timed("from_ipfs", turns, lambda turn: from_ipfs(saved.cid, f"m{turn}"), size)
    yield timed("from_ipfs, unchanged", calls, lambda _: from_ipfs(saved.cid, "m0"))
    ipfs_accelerate.close()


def timed(
    name: str, calls: int, work: Callable[[int], object], unit_bytes: int = 0
) -> Figure:
    """Time each of many calls."""
    times = []
    for turn in range(calls):
        start = time.perf_counter()
        work(turn)
        times.append(time.perf_counter() - start)
    return Figure(name, statistics.median(times), min(times), calls, unit_bytes)


def measure_parallel(calls: int) -> Iterator[Parallel]:
    """Load at once, in threads and in processes."""
    threads, rounds = 8, calls * 10
    start = time.perf_counter()
    failures = json.loads(output(REIMPORTED, threads, rounds))
    seconds = time.perf_counter() - start
    tried = threads * rounds
    name = f"{threads} threads that delete modules and import them anew"
    yield Parallel(name, tried - len(failures), tried, seconds, failures)
    start = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: used(), range(calls)))
    seconds = time.perf_counter() - start
    failures = [it for it in done if it]
    name = "processes that import and use it, 8 at once"
    yield Parallel(name, calls - len(failures), calls, seconds, failures)


def used() -> str:
    """Use the package in a process; return what it complained of."""
    try:
        output(USED)
    except subprocess.CalledProcessError as error:
        return str(error.stderr)
    return ""


HEAD = """# Benchmark of ipfs_accelerate_py

Written by this, on one machine and in one run; other machines have other figures:

```bash
python benches/python/benchmark_ipfs_acceleration.py --report docs/accelerate/benchmark.md
```

Loading is measured in processes of its own, above the interpreter's start. Files are
written durably: adding a small one is mostly waiting for the disk. How checkpoints are
beside safetensors, `torch.load` and huggingface_hub is in the
[benchmarks](../../benches/README.md).
"""


def report(
    loading: Sequence[Figure], operations: Sequence[Figure], parallel: Sequence[Parallel]
) -> str:
    """Return the tables in Markdown."""
    facts = [f"| {name} | {value} |" for name, value in machine().items()]
    timings = ("median", "fastest", "calls", "rate")
    return "\n".join(
        [
            *("| | |", "|---|---|", *facts),
            *("", "## Loading", ""),
            *table(("", *timings[:3]), [it.cells()[:4] for it in loading]),
            *("", "## Operations", ""),
            *table(("", *timings), [it.cells() for it in operations]),
            *("", "## Parallel loading", ""),
            *table(("", "success", "", "in all"), [it.cells() for it in parallel]),
        ]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown, line by line."""
    rule = "|---|" + "---:|" * (len(head) - 1)
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return [lines[0], rule, *lines[1:]]


if __name__ == "__main__":
    sys.exit(main())
