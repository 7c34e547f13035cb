"""A chart of a few lines as SVG, written without a library: the same bytes each time.

It brings its own white ground, so that it can be read on light and dark pages alike.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 86, 616, 56, 350
STEP = 20
INK, FAINT = "#1f2328", "#d0d7de"
FONT = "font-family='Helvetica, Arial, sans-serif'"

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Line:
    """How a line is drawn.

    Attributes:
        name: What the legend says.
        colour: Its colour.
        width: How thick it is.
        opacity: How much of what lies under it is hidden.
        dashes: Lengths of dashes and gaps; unbroken without.
    """

    name: str
    colour: str
    width: float = 2.5
    opacity: float = 1.0
    dashes: str = "none"

    def stroke(self) -> str:
        """Return its look as attributes."""
        return (
            f"stroke='{self.colour}' stroke-width='{self.width:g}' "
            f"stroke-opacity='{self.opacity:g}' stroke-dasharray='{self.dashes}' "
            "stroke-linecap='butt' stroke-linejoin='round' fill='none'"
        )


def chart(title: str, across: str, lines: Mapping[Line, Points], *, is_log: bool) -> str:
    """Draw hit ratios in per cent over sizes.

    Args:
        title: What is drawn.
        across: What the sizes are.
        lines: The points of each line, by size; later lines lie over earlier ones.
        is_log: Whether equal steps to the right are equal factors.
    """
    sizes = sorted({size for points in lines.values() for size, _ in points})
    low, high = (sizes[0], sizes[-1]) if is_log else (0, 100)
    ticks = sizes if is_log else [low, *sizes, high]

    def x(size: float) -> float:
        at = math.log(size / low) / math.log(high / low) if is_log else size / high
        return LEFT + (RIGHT - LEFT) * at

    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' "
        f"width='{WIDTH}' height='{HEIGHT}' role='img' {FONT} fill='{INK}'>",
        f"<title>{escape(title)}: requests found, by size of the cache</title>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#ffffff'/>",
        write(LEFT, 30, title, size=17, weight="bold"),
        *grid([(x(size), f"{size:,}" if is_log else f"{size} %") for size in ticks]),
        write((LEFT + RIGHT) / 2, BOTTOM + 48, across, anchor="middle"),
        f"<g transform='rotate(-90 20 {(TOP + BOTTOM) / 2})'>",
        write(20, (TOP + BOTTOM) / 2 + 4, "requests that it finds", anchor="middle"),
        "</g>",
    ]
    for line, points in lines.items():
        places = " ".join(f"{x(size):.1f},{y(ratio):.1f}" for size, ratio in points)
        parts.append(f"<polyline points='{places}' {line.stroke()}/>")
        if line.dashes == "none" and line.opacity == 1:
            parts += [
                f"<circle cx='{x(size):.1f}' cy='{y(ratio):.1f}' r='4' "
                f"fill='{line.colour}'/>"
                for size, ratio in points
            ]
    parts += legend(lines)
    return "\n".join([*parts, "</svg>", ""])


def y(ratio: float) -> float:
    """Return the height of a ratio in per cent."""
    return BOTTOM - (BOTTOM - TOP) * ratio / 100


def grid(ticks: Sequence[tuple[float, str]]) -> Iterator[str]:
    """Draw the axes, with what stands beside them."""
    for ratio in range(0, 101, STEP):
        at = y(ratio)
        yield f"<path d='M{LEFT} {at:.1f}H{RIGHT}' stroke='{FAINT}'/>"
        yield write(LEFT - 10, at + 4, f"{ratio} %", anchor="end")
    for at, text in ticks:
        yield f"<path d='M{at:.1f} {BOTTOM}v6' stroke='{INK}'/>"
        yield write(at, BOTTOM + 22, text, anchor="middle")
    yield f"<path d='M{LEFT} {TOP}V{BOTTOM}H{RIGHT}' stroke='{INK}' fill='none'/>"


def legend(lines: Mapping[Line, Points]) -> Iterator[str]:
    """Name the lines, the one that ends highest first."""
    for number, line in enumerate(lines):
        at = TOP + 14 + 30 * number
        yield f"<path d='M{RIGHT + 20} {at}h34' {line.stroke()}/>"
        yield write(RIGHT + 62, at + 4, line.name)


def write(
    at: float,
    down: float,
    text: str,
    anchor: str = "start",
    size: int = 13,
    weight: str = "",
) -> str:
    """Write some words."""
    bold = f" font-weight='{weight}'" if weight else ""
    return (
        f"<text x='{at:g}' y='{down:g}' text-anchor='{anchor}' font-size='{size}'{bold}>"
        f"{escape(text)}</text>"
    )
