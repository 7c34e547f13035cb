"""Time contenders side by side and print what came out, whoever wins.

A machine's speed drifts from minute to minute, so figures of different runs are never
compared. The contenders of a table take turns (ours, a peer, the next peer, ours again),
each gets the median of its turns, and the table gives the ratio of ours to each peer:
2.0 x says that ours is twice as fast, 0.5 x that the peer is, and that row stays too.
"""

import gc
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path

from launcher import launcher

TURNS = 7
FEWEST_TURNS = 3
TURN_SECONDS = 0.05
CONTENDER_SECONDS = 15.0

CID = re.compile(r"\b(b[a-z2-7]{58}|Qm[1-9A-HJ-NP-Za-km-z]{44})\b")
SIMD = ("sha_ni", "avx2", "avx512f", "gfni", "asimd", "sha2")


@dataclass(frozen=True)
class Work:
    """What a contender does.

    Attributes:
        run: Does it once and returns its CID or CIDs, None where it makes none.
        units: How much of the table's unit one call does; a slow peer is given less.
        prepare: Makes ready for one call, which is timed alone then.
    """

    run: Callable[[], object]
    units: float
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True)
class Contender:
    """One way to do a table's work.

    Attributes:
        name: What its row is called.
        work: What it does.
        target: The ratio of ours to it that we mean to reach.
    """

    name: str
    work: Work
    target: float | None = None


class MissingPeerError(Exception):
    """This machine lacks a contender; the message says why."""


@dataclass
class Lineup:
    """The contenders of a table, as far as this machine has them.

    Attributes:
        ours: This project's way; None where the wheel is not installed.
        peers: The others' ways.
        skipped: Contenders that are not here, and why.
    """

    ours: Contender | None = None
    peers: list[Contender] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def enter(
        self,
        name: str,
        find: Callable[[], Work],
        *,
        target: float | None = None,
        ours: bool = False,
    ) -> None:
        """Enter a contender that `find` looks up, or note why it is not here."""
        try:
            contender = Contender(name, find(), target)
        except (ImportError, MissingPeerError) as missing:
            self.skipped[name] = str(missing)
            return
        if ours:
            self.ours = contender
        else:
            self.peers.append(contender)


@dataclass(frozen=True)
class Row:
    """What one contender did.

    Attributes:
        name: The contender's name.
        seconds: Median time of one call.
        spread: Distance between the quartiles, as a share of the median.
        rate: Units a second.
        ratio: How many times faster ours is; None in our own row or without one.
        target: What the ratio is meant to reach.
        peak_mib: Peak memory of a contender that is a process of its own.
        same_cid: Whether it made the first row's CIDs; None where it makes none.
        hit_ratio: The share of what was asked for that it had; None where all is there.
    """

    name: str
    seconds: float
    spread: float
    rate: float
    ratio: float | None
    target: float | None
    peak_mib: float | None
    same_cid: bool | None
    hit_ratio: float | None = None

    def cells(self, unit: str) -> tuple[str, ...]:
        """Return the row as text, under `Table.HEAD`."""
        return (
            self.name,
            f"{si(self.rate)}{unit}/s",
            "" if self.ratio is None else f"{three_digits(self.ratio)} x",
            "" if self.target is None else f">= {self.target:g} x",
            f"{si(self.seconds)}s",
            f"{self.spread:.0%}",
            "" if self.peak_mib is None else f"{self.peak_mib:.0f} MiB",
            {None: "", True: "same", False: "other"}[self.same_cid],
            "" if self.hit_ratio is None else f"{self.hit_ratio:.2%}",
        )


@dataclass(frozen=True)
class Table:
    """Contenders at the same work.

    Attributes:
        title: The work.
        unit: What rates count: `B`, `CIDs`, `files`.
        rows: One for each contender, ours first.
        skipped: Contenders that this machine lacks, and why.
    """

    title: str
    unit: str
    rows: list[Row]
    skipped: dict[str, str] = field(default_factory=dict)

    HEAD = ("", "rate", "ours is", "target", "one call", "spread", "peak", "CID", "hits")

    def lines(self) -> list[tuple[str, ...]]:
        """Return the head and the rows as text, without the columns that are empty."""
        cells = [row.cells(self.unit) for row in self.rows]
        used = [any(column) for column in zip(*cells, strict=True)]
        return [tuple(compress(line, used)) for line in (self.HEAD, *cells)]

    def text(self) -> str:
        """Return the table in columns, for a terminal."""
        lines = self.lines() if self.rows else []
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        columns = [
            "  ".join(
                [line[0].ljust(widths[0])]
                + [c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)]
            )
            for line in lines
        ]
        return "\n  ".join([self.title, *columns, *self.notes()])

    def markdown(self) -> str:
        """Return the table in Markdown."""
        head, *rows = (f"| {' | '.join(line)} |" for line in self.lines())
        rule = "|---|" + "---:|" * (head.count("|") - 2)
        return "\n".join([f"### {self.title}", "", head, rule, *rows, "", *self.notes()])

    def notes(self) -> list[str]:
        """Return a line for each contender that was skipped."""
        return [f"skipped: {name}: {why}" for name, why in self.skipped.items()]


class Program:
    """A contender's process, timed as a whole.

    Attributes:
        peak_mib: The most memory that a run has had in use.
    """

    def __init__(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> None:
        self.argv = [str(word) for word in argv]
        self.env = os.environ | dict(env or {})
        self.peak_mib = 0.0

    def __call__(self) -> str | None:
        """Run it once and return the last CID that it printed, if any."""
        done = launcher().run(self.argv, self.env)
        if done["status"]:
            raise RuntimeError(f"{' '.join(self.argv)}: {done['printed'][-2000:]}")
        self.peak_mib = max(self.peak_mib, done["peak_bytes"] / (1 << 20))
        cids = CID.findall(done["printed"])
        return cids[-1] if cids else None


def compare(title: str, unit: str, lineup: Lineup) -> Table:
    """Time contenders in turns and return their table.

    Args:
        title: The work.
        unit: What `Work.units` counts.
        lineup: The contenders; without ours, no row has a ratio.
    """
    contenders = [*([lineup.ours] if lineup.ours else []), *lineup.peers]
    results = []
    for contender in contenders:
        if contender.work.prepare:
            contender.work.prepare()
        results.append(contender.work.run())
    times = take_turns(contenders)
    rows: list[Row] = []
    for contender, taken, result in zip(contenders, times, results, strict=True):
        median = statistics.median(taken)
        rate = contender.work.units / median
        rows.append(
            Row(
                name=contender.name,
                seconds=median,
                spread=spread(taken),
                rate=rate,
                ratio=rows[0].rate / rate if lineup.ours and rows else None,
                target=contender.target,
                peak_mib=getattr(contender.work.run, "peak_mib", None),
                same_cid=agree(results[0], result) if rows else None,
                hit_ratio=getattr(contender.work.run, "hit_ratio", None),
            )
        )
    return Table(title, unit, rows, lineup.skipped)


def take_turns(contenders: Sequence[Contender]) -> list[list[float]]:
    """Return each contender's seconds a call, one figure for each of its turns.

    One that has had its share of time leaves after the fewest turns.
    """
    times: list[list[float]] = [[] for _ in contenders]
    gc.disable()
    for turn in range(TURNS):
        for contender, taken in zip(contenders, times, strict=True):
            if turn < FEWEST_TURNS or sum(taken) < CONTENDER_SECONDS:
                taken.append(seconds_a_call(contender.work))
    gc.enable()
    return times


def seconds_a_call(work: Work) -> float:
    """Call until a turn is long enough to be timed; once if a call is prepared."""
    calls = 0
    if work.prepare:
        work.prepare()
    start = time.perf_counter()
    while True:
        work.run()
        calls += 1
        elapsed = time.perf_counter() - start
        if work.prepare or elapsed >= TURN_SECONDS:
            return elapsed / calls


def spread(times: Sequence[float]) -> float:
    """Return the distance between the quartiles, as a share of the median."""
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return (high - low) / median


def agree(first: object, other: object) -> bool | None:
    """Compare results: of lists, as far as the shorter goes."""
    if first is None or other is None:
        return None
    if isinstance(first, list) and isinstance(other, list):
        shorter = min(len(first), len(other))
        return first[:shorter] == other[:shorter]
    return first == other


def si(value: float) -> str:
    """Return a number with three digits and the prefix of its unit: `1.23 G`."""
    for scale, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m")):
        if value >= scale:
            return f"{three_digits(value / scale)} {prefix}"
    return f"{three_digits(value / 1e-6)} µ"


def three_digits(value: float) -> str:
    """Return a number with three digits, or all those before its point."""
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}"


def machine() -> dict[str, str]:
    """Name what the figures were taken on."""
    facts = dict(processor_facts())
    flags = facts.get("flags", facts.get("Features", "")).split()
    return {
        "processor": facts.get("model name") or platform.processor() or "unknown",
        "instructions": " ".join(flag for flag in SIMD if flag in flags) or "unknown",
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def processor_facts() -> Iterator[tuple[str, str]]:
    """Yield what Linux tells of its processors; nothing elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()
