"""What a model was made of: models, datasets and code, followed back link by link.

A record links those that were there before it, by their hashes, so nothing can come
before itself. How far back it goes is limited all the same: records may be anyone's.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from ipfs_kit_py._datasets.manifest import TYPE as MANIFEST
from ipfs_kit_py._ml.plain import as_json
from ipfs_kit_py._ml.records import VERSION_TYPE, Dataset, ModelVersion
from ipfs_kit_py._ml.registry import CODEC, read_record
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidParameterError, IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._ml.client import Client

NodeKind: TypeAlias = Literal["model", "dataset", "code", "other"]
Relation: TypeAlias = Literal["parent", "dataset", "code"]
StagesOf: TypeAlias = "Callable[[str, str], list[str]]"


class Node(NamedTuple):
    """A model, a dataset, a version of code, or what could not be read."""

    id: str
    """A CID; `code:VERSION` for code."""
    kind: NodeKind
    label: str
    """What to call it."""
    version: str | None = None
    framework: str | None = None
    metrics: Mapping[str, Any] = {}
    stages: tuple[str, ...] = ()


class Edge(NamedTuple):
    """That one was made with another."""

    source: str
    """What was there first."""
    target: str
    """What was made with it."""
    relation: Relation


class Lineage(NamedTuple):
    """All that a model was made of."""

    root: str
    """The node of the model itself."""
    nodes: list[Node]
    """The model first, then by how far back they are."""
    edges: list[Edge]
    is_complete: bool
    """Whether it goes back to the beginning; else there were too many."""

    def text(self) -> str:
        """Draw it as a tree of lines; what was shown above is not shown again in full."""
        return "\n".join(_lines(self))

    def svg(self) -> str:
        """Draw it as a picture: what was first on the left."""
        from ipfs_kit_py._ml.drawing import drawn

        return drawn(self)

    def as_dict(self) -> dict[str, Any]:
        """Give it as values of JSON; links and bytes in metrics as dag-json has them."""
        return {
            "root": self.root,
            "nodes": [
                {**it._asdict(), "metrics": as_json(it.metrics), "stages": [*it.stages]}
                for it in self.nodes
            ],
            "edges": [it._asdict() for it in self.edges],
            "is_complete": self.is_complete,
        }


def walk(client: "Client", root: CID, stages_of: StagesOf, max_nodes: int) -> Lineage:
    """Follow a model's record back.

    Raises:
        InvalidParameterError: `max_nodes` is less than 1.
    """
    if max_nodes < 1:
        raise InvalidParameterError(f"max_nodes {max_nodes} is less than 1")
    nodes: dict[str, Node] = {}
    edges: dict[Edge, None] = {}
    ahead, seen, is_complete = deque([root]), {root}, True

    def add(node: Node, edge: Edge) -> bool:
        if node.id not in nodes and len(nodes) >= max_nodes:
            return False
        nodes.setdefault(node.id, node)
        edges[edge] = None
        return True

    while ahead:
        cid = ahead.popleft()
        here = str(cid)
        found = _version(client, cid)
        if found is None:
            nodes[here] = Node(here, "other", _short(here))
            continue
        stages = tuple(stages_of(found.name, found.version))
        nodes[here] = Node(
            here,
            "model",
            found.name,
            found.version,
            found.framework,
            found.metrics,
            stages,
        )
        if found.dataset is not None:
            node = _dataset(client, found.dataset)
            is_complete &= add(node, Edge(node.id, here, "dataset"))
        if found.code_version is not None:
            node = Node(f"code:{found.code_version}", "code", found.code_version)
            is_complete &= add(node, Edge(node.id, here, "code"))
        for parent in found.parents:
            # It is read, and told in full, when its turn comes.
            node = Node(str(parent), "other", _short(str(parent)))
            if not add(node, Edge(node.id, here, "parent")):
                is_complete = False
            elif parent not in seen:
                seen.add(parent)
                ahead.append(parent)
    return Lineage(str(root), list(nodes.values()), list(edges), is_complete)


def _version(client: "Client", cid: CID) -> ModelVersion | None:
    """Read a version's record; `None` if it is none, or cannot be had."""
    try:
        return ModelVersion.of_record(cid, read_record(client, cid, VERSION_TYPE))
    except IPFSError:
        return None


def _dataset(client: "Client", dataset: Dataset) -> Node:
    """Name a dataset as its manifest does, if it has one that can be had."""
    cid = str(dataset.cid)
    label, version = dataset.name or _short(cid), None
    if dataset.cid.codec == CODEC:
        with suppress(IPFSError):
            manifest = read_record(client, dataset.cid, MANIFEST)
            name, said = manifest.get("name"), manifest.get("version")
            if isinstance(name, str) and isinstance(said, str):
                label, version = name, said
    return Node(cid, "dataset", label, version)


def _short(cid: str) -> str:
    return cid if len(cid) < 20 else f"{cid[:8]}…{cid[-6:]}"


def told(node: Node) -> str:
    """Say in a line what a node is."""
    words = [clean(node.label)]
    if node.version is not None:
        words.append(clean(node.version))
    if node.stages:
        words.append(f"[{', '.join(map(clean, node.stages))}]")
    if node.framework is not None:
        words.append(clean(node.framework))
    words += [f"{clean(name)}={shown(value)}" for name, value in numbers(node)]
    kind = {"model": "", "other": "? "}.get(node.kind, f"{node.kind} ")
    return kind + " ".join(words)


def numbers(node: Node) -> Iterator[tuple[str, object]]:
    """Give the metrics that one value tells."""
    for name, value in node.metrics.items():
        if isinstance(value, int | float | str):
            yield name, value


def shown(value: object) -> str:
    """Show the value of a metric, shortly."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return clean(str(value))


def clean(text: str) -> str:
    """Show control characters, which would move a terminal's cursor, as escapes."""
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in text)


def _lines(lineage: Lineage) -> Iterator[str]:
    nodes = {it.id: it for it in lineage.nodes}
    sources: dict[str, list[str]] = {}
    for edge in lineage.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    seen = set[str]()
    # Of what is still to be shown: the node, and what stands before it and before those
    # below it. A chain may be longer than Python calls itself.
    ahead = [(lineage.root, "", "")]
    while ahead:
        at, before, below = ahead.pop()
        again = at in seen and at in sources
        yield f"{before}{told(nodes[at])}{' (see above)' if again else ''}"
        if again:
            continue
        seen.add(at)
        inside = sources.get(at, [])
        for number, source in reversed(list(enumerate(inside))):
            is_last = number == len(inside) - 1
            branch = ("└── ", "    ") if is_last else ("├── ", "│   ")
            ahead.append((source, below + branch[0], below + branch[1]))
    if not lineage.is_complete:
        yield "… and more"
