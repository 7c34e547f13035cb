"""Lineages as pictures: boxes in layers from what was first to the model itself.

A node stands one layer left of the nearest node that was made with it at least, so every
line goes from left to right. A line over several layers has a place of its own in each of
them, so that it leads past boxes and not through them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple
from unicodedata import east_asian_width

from ipfs_kit_py._ml.lineage import clean, numbers, shown

if TYPE_CHECKING:
    from ipfs_kit_py._ml.lineage import Edge, Lineage, Node

_MARGIN: Final = 24
_BETWEEN_LAYERS: Final = 72
_BETWEEN_BOXES: Final = 20
_PADDING: Final = 12
_LINE: Final = 18
_MOST_CHARACTERS: Final = 34
_MOST_METRICS: Final = 5
_SWEEPS: Final = 6
# So many places do lines that pass take; what is more goes straight.
_MOST_PLACES: Final = 20_000
# Of a common sans serif of 13 pixels, a little more than its mean.
_WIDE, _NARROW = 13.5, 7.6
# How much wider bold letters are.
_BOLD = 1.1
# Fill, border and text; each passes as readable on its own and on white.
_COLOURS: Final = {
    "model": ("#eaf1fb", "#3467b0", "#16304f"),
    "dataset": ("#e9f6ec", "#2f8a4c", "#164325"),
    "code": ("#f3f0fa", "#7659b0", "#362461"),
    "other": ("#f5f5f5", "#767676", "#404040"),
}
_DASHES: Final = {"code": ' stroke-dasharray="2 4"', "dataset": ' stroke-dasharray="7 4"'}


class _Box:
    """A node, or the place of a line that passes."""

    def __init__(self, lines: Sequence[str], node: "Node | None" = None) -> None:
        self.node = node
        self.lines = lines
        self.height = 2 * _PADDING + _LINE * len(lines) if node else 0.0
        widths = [
            _width(it) * (1 if number else _BOLD) for number, it in enumerate(lines)
        ]
        self.width = max(widths, default=0.0) + 2 * _PADDING if node else 0.0
        self.left: list[_Box] = []
        self.right: list[_Box] = []
        self.x = self.y = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


class _Line(NamedTuple):
    edge: "Edge"
    through: list[_Box]


def drawn(lineage: "Lineage") -> str:
    """Draw a lineage as SVG."""
    boxes = {it.id: _Box(list(_lines(it)), it) for it in lineage.nodes}
    layer_of = _layers(lineage)
    layers: list[list[_Box]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for node in lineage.nodes:
        layers[layer_of[node.id]].append(boxes[node.id])
    lines, places = list[_Line](), 0
    for edge in lineage.edges:
        between = range(layer_of[edge.source] + 1, layer_of[edge.target])
        places += len(between)
        inside = [layers[it] for it in between] if places <= _MOST_PLACES else []
        lines.append(_threaded(edge, boxes, inside))
    _order(layers)
    width, height = _place(layers)
    parts = [*_edges(lines), *(part for it in boxes.values() for part in _shape(it))]
    if not lineage.is_complete:
        parts.append(
            f'<text x="{_MARGIN}" y="{height - 8:.0f}" fill="#767676">… and more</text>'
        )
    return "\n".join([*_head(width, height, lineage), *parts, "</svg>", ""])


def _layers(lineage: "Lineage") -> dict[str, int]:
    """Give each node its layer: 0 is what was first."""
    sources: dict[str, list[str]] = {it.id: [] for it in lineage.nodes}
    waiting = dict.fromkeys(sources, 0)
    for edge in lineage.edges:
        sources[edge.target].append(edge.source)
        waiting[edge.source] += 1
    back = dict.fromkeys(sources, 0)
    ready = [node for node, count in waiting.items() if count == 0]
    while ready:
        at = ready.pop()
        for source in sources[at]:
            back[source] = max(back[source], back[at] + 1)
            waiting[source] -= 1
            if waiting[source] == 0:
                ready.append(source)
    furthest = max(back.values())
    return {node: furthest - steps for node, steps in back.items()}


def _threaded(edge: "Edge", boxes: dict[str, _Box], between: list[list[_Box]]) -> _Line:
    """Lead a line from layer to layer."""
    through = [boxes[edge.source]]
    for layer in between:
        through.append(_Box(()))
        layer.append(through[-1])
    through.append(boxes[edge.target])
    for left, right in pairwise(through):
        left.right.append(right)
        right.left.append(left)
    return _Line(edge, through)


def _order(layers: list[list[_Box]]) -> None:
    """Have few lines cross: each box goes near the mean of those it is joined to."""
    for sweep in range(_SWEEPS):
        is_back = sweep % 2 == 0
        ordered = list(reversed(layers)) if is_back else layers
        for before, layer in pairwise(ordered):
            at = {id(box): number for number, box in enumerate(before)}
            means = {}
            for number, box in enumerate(layer):
                joined = box.right if is_back else box.left
                near = [at[id(it)] for it in joined if id(it) in at]
                share = number / max(len(layer), 1) * len(before)
                means[id(box)] = sum(near) / len(near) if near else share
            layer.sort(key=lambda box: means[id(box)])


def _place(layers: list[list[_Box]]) -> tuple[float, float]:
    """Give each box its place; tell how wide and high all of it is."""
    x = float(_MARGIN)
    for layer in layers:
        width = max(box.width for box in layer)
        for box in layer:
            box.x = x
            # A line that passes goes straight on through its layer.
            box.width = width
        x += width + _BETWEEN_LAYERS
    for before, layer in pairwise([[], *reversed(layers)]):
        del before
        y = float("-inf")
        for box in layer:
            near = [it.middle for it in box.right]
            wanted = sum(near) / len(near) - box.height / 2 if near else 0.0
            box.y = max(wanted, y)
            y = box.y + box.height + _BETWEEN_BOXES
        # What was pushed down moves up by half of it, for balance.
        _lift(layer)
    top = min(box.y for layer in layers for box in layer)
    for layer in layers:
        for box in layer:
            box.y += _MARGIN - top
    bottom = max(box.y + box.height for layer in layers for box in layer)
    return x - _BETWEEN_LAYERS + _MARGIN, bottom + _MARGIN


def _lift(layer: list[_Box]) -> None:
    joined = [box for box in layer if box.right]
    if not joined:
        return
    off = [
        box.middle - sum(it.middle for it in box.right) / len(box.right) for box in joined
    ]
    shift = sum(off) / len(off)
    for box in layer:
        box.y -= shift


def _head(width: float, height: float, lineage: "Lineage") -> Iterator[str]:
    root = next(it for it in lineage.nodes if it.id == lineage.root)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">'
    )
    what = escaped(f"{root.label} {root.version or ''}".strip())
    yield f"<title>What {what} is made of</title>"
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'
    yield (
        '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0.5 L7.5 4 L0 7.5 Z" '
        'fill="#767676"/></marker></defs>'
    )


def _edges(lines: list[_Line]) -> Iterator[str]:
    for edge, through in lines:
        first = through[0]
        path = f"M{first.x + first.width:.1f} {first.middle:.1f}"
        for left, right in pairwise(through):
            half = (right.x - left.x - left.width) / 2
            begin, end = left.x + left.width, right.x
            path += (
                f" C{begin + half:.1f} {left.middle:.1f} {end - half:.1f} "
                f"{right.middle:.1f} {end:.1f} {right.middle:.1f}"
            )
            if right.node is None:
                path += f" H{right.x + right.width:.1f}"
        yield (
            f'<path d="{path}" fill="none" stroke="#767676" stroke-width="1.5"'
            f'{_DASHES.get(edge.relation, "")} marker-end="url(#end)"/>'
        )


def _shape(box: _Box) -> Iterator[str]:
    node = box.node
    if node is None:
        return
    fill, border, text = _COLOURS[node.kind]
    dashes = ' stroke-dasharray="4 3"' if node.kind == "other" else ""
    radius = {"dataset": 14, "code": 0}.get(node.kind, 5)
    yield f"<g><title>{escaped(node.id)}</title>"
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="{radius}" fill="{fill}" stroke="{border}" '
        f'stroke-width="1.5"{dashes}/>'
    )
    for number, line in enumerate(box.lines):
        y = box.y + _PADDING + _LINE * number + 13
        weight = ' font-weight="bold"' if number == 0 else ""
        yield (
            f'<text x="{box.x + _PADDING:.1f}" y="{y:.1f}" fill="{text}"{weight}>'
            f"{escaped(line)}</text>"
        )
    yield "</g>"


def _lines(node: "Node") -> Iterator[str]:
    """Say what stands in a box."""
    version = "" if node.version is None else f" {_short(clean(node.version), 12)}"
    yield _short(clean(node.label), _MOST_CHARACTERS - len(version)) + version
    if node.kind != "model":
        yield {"dataset": "dataset", "code": "code"}.get(node.kind, "not known here")
        return
    about = [clean(node.framework or ""), *(clean(stage) for stage in node.stages)]
    yield _short(" · ".join(it for it in about if it))
    values = list(numbers(node))
    for name, value in values[:_MOST_METRICS]:
        yield _short(f"{clean(name)} {shown(value)}")
    if len(values) > _MOST_METRICS:
        yield f"and {len(values) - _MOST_METRICS} more"


def _short(text: str, most: int = _MOST_CHARACTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _width(text: str) -> float:
    return sum(_WIDE if east_asian_width(it) in "WF" else _NARROW for it in text)


def escaped(text: str) -> str:
    """Give text as it stands in XML, which has no control characters."""
    plain = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace('"', "&quot;")
