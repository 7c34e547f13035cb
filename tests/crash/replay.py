"""The states that a power loss can leave, out of a log of what a program did.

What was synced is there: bytes and length of a file by a sync of the file, names by a
sync of their folder. Of the rest any part may be: writes by sectors, whole, torn or not
at all; lengths; names, each for itself. Only a rename inside one folder is one thing, and
between two folders a name is at least in one of them.
"""

import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

SECTOR = 512
ACKNOWLEDGED = "acknowledged"
"""The file in the recorded folder into which the program says what it has done."""

_HEAD = struct.Struct("<IIIIQQQ")


class Kind(IntEnum):
    """As in `shim.c`."""

    CREATE = 1
    WRITE = 2
    RESIZE = 3
    SYNC = 4
    SYNC_FOLDER = 5
    RENAME = 6
    UNLINK = 7
    LINK = 8
    MKDIR = 9
    RMDIR = 10


class Record(NamedTuple):
    """One thing that was done."""

    kind: Kind
    path: str
    other: str
    inode: int
    number: int
    data: bytes


def read_log(log: Path) -> list[Record]:
    """Read a log as far as it is whole."""
    raw, at, records = log.read_bytes(), 0, []
    while at + _HEAD.size <= len(raw):
        kind, one, two, _, inode, number, size = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        if at + one + two + size > len(raw):
            break
        path, other = raw[at : at + one], raw[at + one : at + one + two]
        data = raw[at + one + two : at + one + two + size]
        at += one + two + size
        text = (path.decode(), other.decode())
        records.append(Record(Kind(kind), *text, inode, number, data))
    return records


@dataclass
class File:
    """Bytes on the disk, and what was done since: (offset, bytes) or a length."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes] | int] = field(default_factory=list)

    def sync(self) -> None:
        """Make everything last."""
        for change in self.since:
            _apply(self.synced, change)
        self.since.clear()

    def survivor(self, chance: random.Random) -> bytes:
        """What may be left of it."""
        left = bytearray(self.synced)
        share = chance.choice((0, 0.1, 0.5, 0.9, 1))
        for change in self.since:
            match change:
                case int() if chance.random() < share:
                    _apply(left, change)
                case (int() as start, bytes() as data):
                    for piece in _sectors(start, data):
                        if chance.random() < share:
                            _apply(left, _torn(piece, left, chance))
        if self.since and chance.random() < 0.3:
            self._stretch(left, chance)
        return bytes(left)

    def _stretch(self, left: bytearray, chance: random.Random) -> None:
        """Give it the length it would have had, with bytes that never were in it."""
        whole = bytearray(self.synced)
        for change in self.since:
            _apply(whole, change)
        more = len(whole) - len(left)
        if more > 0:
            left += chance.choice((bytes(more), chance.randbytes(more)))


def _apply(data: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del data[change:]
        data += bytes(change - len(data))
        return
    start, new = change
    data += bytes(max(0, start - len(data)))
    data[start : start + len(new)] = new


def _sectors(start: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        end = min(len(data), at + SECTOR - (start + at) % SECTOR)
        yield start + at, data[at:end]
        at = end


def _torn(
    piece: tuple[int, bytes], left: bytearray, chance: random.Random
) -> tuple[int, bytes]:
    start, data = piece
    if chance.random() < 0.05:
        keep = chance.randrange(len(data))
        # Nothing of the file may shrink by it.
        return start, data[:keep] + bytes(left[start + keep : start + len(data)])
    return piece


@dataclass
class Folder:
    """Names on the disk, and what was done since: names set, or removed by `None`."""

    synced: dict[str, "Node"] = field(default_factory=dict)
    since: list[dict[str, "Node | None"]] = field(default_factory=list)

    def now(self) -> dict[str, "Node"]:
        """Names as programs see them."""
        names = dict(self.synced)
        for change in self.since:
            _rename(names, change)
        return names

    def sync(self) -> None:
        """Make everything last."""
        self.synced = self.now()
        self.since.clear()


Node = File | Folder


def _rename(names: dict[str, Node], change: dict[str, Node | None]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    """A folder as its records say, from empty on."""

    def __init__(self, folder: Path) -> None:
        self.top = Folder()
        self.folder = folder
        self.files: dict[int, File] = {}
        self.said: list[dict[str, Any]] = []
        self._moves: list[tuple[Folder, dict[str, Node | None], Folder, Any]] = []
        self._unread = b""

    def apply(self, record: Record) -> None:
        """Let one more thing happen."""
        if record.path.endswith(f"/{ACKNOWLEDGED}"):
            self._hear(record)
            return
        match record.kind:
            case Kind.CREATE:
                self.files[record.inode] = file = File()
                self._set(record.path, file)
            case Kind.WRITE if record.inode in self.files:
                self.files[record.inode].since.append((record.number, record.data))
            case Kind.RESIZE if record.inode in self.files:
                self.files[record.inode].since.append(record.number)
            case Kind.SYNC if record.inode in self.files:
                self.files[record.inode].sync()
            case Kind.SYNC_FOLDER:
                if folder := self._folder(Path(record.path)):
                    folder.sync()
            case Kind.MKDIR:
                self._set(record.path, Folder())
            case Kind.UNLINK | Kind.RMDIR:
                self._set(record.path, None)
            case Kind.LINK:
                self._set(record.other, self._node(Path(record.path)))
            case Kind.RENAME:
                self._move(Path(record.path), Path(record.other))

    def _hear(self, record: Record) -> None:
        if record.kind is Kind.WRITE:
            *lines, self._unread = (self._unread + record.data).split(b"\n")
            self.said += map(json.loads, lines)

    def _node(self, path: Path) -> Node | None:
        node: Node | None = self.top
        for name in path.relative_to(self.folder).parts:
            node = node.now().get(name) if isinstance(node, Folder) else None
        return node

    def _folder(self, path: Path) -> Folder | None:
        node = self._node(path)
        return node if isinstance(node, Folder) else None

    def _set(self, path: str, node: Node | None) -> None:
        if folder := self._folder(Path(path).parent):
            folder.since.append({Path(path).name: node})

    def _move(self, old: Path, new: Path) -> None:
        source, target = self._folder(old.parent), self._folder(new.parent)
        node = self._node(old)
        assert source is not None
        assert target is not None
        assert node is not None
        if source is target:
            source.since.append({old.name: None, new.name: node})
            return
        gone: dict[str, Node | None] = {old.name: None}
        come: dict[str, Node | None] = {new.name: node}
        source.since.append(gone)
        target.since.append(come)
        self._moves.append((source, gone, target, come))

    def crash(self, chance: random.Random, place: Path) -> None:
        """Write down what may be left after a power loss at this moment."""
        share = chance.choice((0, 0.2, 0.5, 0.8, 1))
        lost: set[int] = set()
        for folder in self._folders():
            lost |= {id(it) for it in folder.since if chance.random() >= share}
        for source, gone, target, come in self._moves:
            came = not any(it is come for it in target.since) or id(come) not in lost
            if came:
                continue
            if any(it is gone for it in source.since):
                lost.add(id(gone))
            else:
                lost.discard(id(come))
        _write(self.top, place, lost, chance)

    def _folders(self) -> list[Folder]:
        found: list[Folder] = []
        ahead = [self.top]
        while ahead:
            folder = ahead.pop()
            if not any(folder is known for known in found):
                found.append(folder)
                nodes = [*folder.synced.values()]
                nodes += [n for c in folder.since for n in c.values() if n is not None]
                ahead += [node for node in nodes if isinstance(node, Folder)]
        return found


def _write(folder: Folder, place: Path, lost: set[int], chance: random.Random) -> None:
    place.mkdir()
    names = dict(folder.synced)
    for change in folder.since:
        if id(change) not in lost:
            _rename(names, change)
    for name, node in names.items():
        if isinstance(node, Folder):
            _write(node, place / name, lost, chance)
        # Memory that processes share is no part of a disk.
        elif not name.endswith("-shm"):
            (place / name).write_bytes(node.survivor(chance))
