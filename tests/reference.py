"""A small importer in pure Python to compare ours with: balanced files, plain folders."""

from typing import Any, NamedTuple

from tests.inputs import FILE, FOLDER, SYMLINK, Dag, Link, unixfs

from ipfs_kit_py import CID


class Made(NamedTuple):
    """What a file or folder became."""

    cid: CID
    tsize: int
    size: int = 0


class Reference:
    """Imports with CIDv1 and sha2-256, and keeps all blocks.

    Attributes:
        chunk: Bytes of a chunk.
        width: Links of a file node.
        raw: Whether leaves are raw blocks.
        metadata: `mode` and `mtime_ns` of every root of a file and every folder.
    """

    def __init__(
        self,
        chunk: int = 1 << 20,
        width: int = 1024,
        *,
        raw: bool = True,
        **metadata: Any,
    ) -> None:
        self.chunk = chunk
        self.width = width
        self.raw = raw and not metadata
        self.metadata = metadata
        self.dag = Dag()

    def _made(self, cid: CID, below: int, size: int = 0) -> Made:
        return Made(cid, below + len(self.dag.blocks[cid]), size)

    def _leaf(self, data: bytes, metadata: dict[str, Any]) -> Made:
        if self.raw:
            return self._made(self.dag.raw(data), 0, len(data))
        message = unixfs(FILE, data or None, len(data), **metadata)
        return self._made(self.dag.node(message), 0, len(data))

    def _node(self, parts: list[Made], metadata: dict[str, Any]) -> Made:
        size = sum(part.size for part in parts)
        sizes = [part.size for part in parts]
        message = unixfs(FILE, size=size, block_sizes=sizes, **metadata)
        links = [Link(b"", part.cid, part.tsize) for part in parts]
        below = sum(part.tsize for part in parts)
        return self._made(self.dag.node(message, links), below, size)

    def file(self, data: bytes) -> Made:
        """Import a file."""
        chunks = [data[i : i + self.chunk] for i in range(0, len(data), self.chunk)]
        if len(chunks) <= 1:
            return self._leaf(data, self.metadata)
        level = [self._leaf(chunk, {}) for chunk in chunks]
        while len(level) > self.width:
            firsts = range(0, len(level), self.width)
            level = [self._node(level[i : i + self.width], {}) for i in firsts]
        return self._node(level, self.metadata)

    def symlink(self, target: bytes) -> Made:
        """Import a symbolic link, which carries no mode."""
        metadata = {k: v for k, v in self.metadata.items() if k == "mtime_ns"}
        return self._made(self.dag.node(unixfs(SYMLINK, target, **metadata)), 0)

    def folder(self, tree: dict[str, Any]) -> Made:
        """Import a folder as `write_tree` takes it."""
        made = {name.encode(): self._entry(what) for name, what in tree.items()}
        links = [Link(name, *made[name][:2]) for name in sorted(made)]
        cid = self.dag.node(unixfs(FOLDER, **self.metadata), links)
        return self._made(cid, sum(entry.tsize for entry in made.values()))

    def _entry(self, what: bytes | str | dict[str, Any]) -> Made:
        match what:
            case bytes():
                return self.file(what)
            case str():
                return self.symlink(what.encode())
            case _:
                return self.folder(what)
