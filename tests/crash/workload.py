"""Does things to a repository, at random from a seed, and says what it has done.

    python workload.py FOLDER SEED OPERATIONS OUTPUT

Each operation is a line of JSON before it begins and one after it has ended, written to
OUTPUT at once: what the second line says must outlive whatever happens next.
"""

import itertools
import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipfs_kit_py import Repository

FAR = 100_000
"""Seconds ahead at which whatever is not kept is old enough to be collected."""
SMALL: dict[str, Any] = {"_pack_bytes": 200_000, "_pack_blocks": 60}
"""Packs small enough to be sealed, emptied and copied often."""
CHUNKS: dict[str, Any] = {"chunker": "size-4096"}


class Workload:
    """A repository, what is pinned in it, and random things to do."""

    def __init__(self, folder: Path, seed: str, say: Callable[..., None]) -> None:
        self.folder, self.say = folder, say
        self.chance = random.Random(seed)
        self.pinned: list[str] = []
        self.loose: list[str] = []
        self.open()

    def open(self) -> None:
        """Open it twice: as it is used, and as a collection far in the future."""
        self.repository = Repository(self.folder, threads=1, **SMALL)
        self.later = Repository(
            self.folder, threads=1, _clock_offset_seconds=FAR, **SMALL
        )

    def close(self) -> None:
        """Let go of it."""
        self.repository.close()
        self.later.close()

    def step(self) -> None:
        """Do one thing."""
        weights = {
            self.add: 6,
            self.add_loose: 3,
            self.pin: 2,
            self.unpin: 4,
            self.write_file: 4,
            self.move_file: 1,
            self.remove_file: 2,
            self.collect: 2,
            self.compact: 2,
            self.reopen: 1,
        }
        (chosen,) = self.chance.choices(list(weights), list(weights.values()))
        chosen()

    def _content(self) -> bytes:
        # Few seeds, so that blocks are shared and come again after they were removed.
        part = random.Random(self.chance.randrange(20))
        size = part.choice((10, 3000, 20_000, 120_000))
        return part.randbytes(size) + self.chance.choice((b"", b"x", b"y"))

    def add(self) -> None:
        self.say(start="pin")
        root = str(self.repository.add(self._content(), pin=True, **CHUNKS).cid)
        self.say(done="pin", root=root)
        self.pinned.append(root)

    def add_loose(self) -> None:
        self.say(start="add")
        root = str(self.repository.add(self._content(), pin=False, **CHUNKS).cid)
        self.say(done="add", root=root)
        self.loose.append(root)

    def pin(self) -> None:
        if self.loose:
            root = self.chance.choice(self.loose)
            self.say(start="pin")
            self.repository.pin_add(root)
            self.say(done="pin", root=root)
            self.pinned.append(root)

    def unpin(self) -> None:
        if self.pinned:
            root = self.chance.choice(self.pinned)
            self.say(start="unpin", root=root)
            self.repository.pin_rm(root)
            self.say(done="unpin", root=root)
            self.pinned = [other for other in self.pinned if other != root]
            # It may be old: it is not to be relied on from now on.

    def _path(self) -> str:
        return f"/d{self.chance.randrange(2)}/f{self.chance.randrange(5)}"

    def _said_files(self) -> None:
        self.say(done="files", root=str(self.repository.files_flush("/")))

    def write_file(self) -> None:
        self.say(start="files")
        self.repository.files_write(
            self._path(), self._content(), create=True, parents=True, truncate=True
        )
        self._said_files()

    def _some_file(self) -> str | None:
        found = [
            f"/{folder.name}/{entry.name}"
            for folder in self.repository.files_ls("/")
            for entry in self.repository.files_ls(f"/{folder.name}")
        ]
        return self.chance.choice(found) if found else None

    def move_file(self) -> None:
        self.say(start="files")
        if path := self._some_file():
            self.repository.files_mv(path, f"{path}-{self.chance.randrange(9)}")
        self._said_files()

    def remove_file(self) -> None:
        self.say(start="files")
        if path := self._some_file():
            self.repository.files_rm(path)
        self._said_files()

    def collect(self) -> None:
        self.say(start="gc")
        self.later.gc()
        self.loose.clear()
        self.say(done="gc")

    def compact(self) -> None:
        self.say(start="compact")
        self.later.compact()
        self.say(done="compact")

    def reopen(self) -> None:
        self.say(start="reopen")
        self.close()
        self.open()
        self.say(done="reopen")


def main() -> Workload:
    """Work until it is done, or something ends it."""
    folder, seed, operations, output = sys.argv[1:]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    file = int(output) if output.isdigit() else os.open(output, flags, 0o600)

    def say(**what: str) -> None:
        os.write(file, json.dumps(what).encode() + b"\n")

    say(start="open")
    work = Workload(Path(folder), seed, say)
    say(done="open")
    endless = itertools.count()
    for _ in range(int(operations)) if int(operations) else endless:
        work.step()
    return work


if __name__ == "__main__":
    main()
