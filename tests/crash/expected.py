"""What must be true of a repository after a crash, from what a program said before it."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.workload import FAR, SMALL

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import RepositoryNotFoundError


@dataclass
class Expected:
    """What was acknowledged, and what was going on."""

    pinned: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    """Roots that are whole, although nothing but their age keeps them."""
    files: str | None = None
    opened: bool = False
    running: str | None = None
    about: str | None = None

    @classmethod
    def after(cls, said: Iterable[dict[str, Any]]) -> "Expected":
        """Take in all that was said."""
        state = cls()
        for line in said:
            state._hear(line)
        return state

    def _hear(self, line: dict[str, Any]) -> None:
        root = line.get("root")
        self.running, self.about = line.get("start"), root
        match line:
            case {"done": "open"}:
                self.opened = True
            case {"start": "unpin"}:
                self.pinned.discard(root or "")
            case {"start": "gc"}:
                self.loose.clear()
            case {"done": "pin"}:
                self.pinned.add(root or "")
            case {"done": "add"}:
                self.loose.add(root or "")
            case {"done": "files"}:
                self.files = root

    def check(self, folder: Path) -> None:
        """Fail unless the repository is what it must be; change it, and empty it."""
        if not self.opened:
            self._check_new(folder)
        with Repository(folder, threads=1, verify="always", **SMALL) as repository:
            self._check_kept(repository)
            _check_whole(repository, self.pinned | self.loose)
            _check_use(repository)
        _check_space(folder)

    @staticmethod
    def check_whole(folder: Path) -> None:
        """Fail unless it is sound, whatever is in it; change it, and empty it."""
        with Repository(folder, threads=1, verify="always", **SMALL) as repository:
            _check_whole(repository, [str(repository.files_flush("/"))])
            _check_use(repository)
        _check_space(folder)

    def _check_new(self, folder: Path) -> None:
        """What was being made can be made again."""
        with contextlib.suppress(RepositoryNotFoundError):
            Repository(folder, create=False).close()

    def _check_kept(self, repository: Repository) -> None:
        pins = {str(pin.cid) for pin in repository.pin_ls("recursive")}
        assert self.pinned <= pins, f"pins are lost: {self.pinned - pins}"
        more = pins - self.pinned
        allowed = 1 if self.running in ("pin", "unpin") else 0
        assert len(more) <= allowed, f"pins came back: {more}"
        if self.running == "unpin":
            assert more <= {self.about}
        root = str(repository.files_flush("/"))
        if self.running != "files" and self.files is not None:
            assert root == self.files
        _check_root(repository, root)


def _check_whole(repository: Repository, roots: Iterable[str]) -> None:
    """Everything that is listed has its hash, and roots miss nothing."""
    report = repository.verify()
    assert not report.bad
    assert [found for found in repository.pin_verify() if not found.is_whole] == []
    for root in roots:
        _check_root(repository, root)


def _check_root(repository: Repository, root: str) -> None:
    for path in _below(repository, root):
        assert repository.has(path), f"{path} of {root} is lost"


def _below(repository: Repository, root: str) -> Iterator[str]:
    yield root
    for link in repository.refs(root, recursive=True, unique=True):
        yield str(link.target)


def _check_use(repository: Repository) -> None:
    """It can be written to and read from as if nothing had happened."""
    data = b"after the crash " * 1000
    root = repository.add(data, chunker="size-4096").cid
    assert repository.cat(root) == data
    repository.files_write("/after", data, create=True)
    assert repository.files_read("/after") == data
    for pin in repository.pin_ls("recursive"):
        repository.pin_rm(pin.cid)
    for entry in list(repository.files_ls("/")):
        repository.files_rm(f"/{entry.name}", recursive=True)


def _check_space(folder: Path) -> None:
    """All is given back but the empty folder of files."""
    with Repository(folder, threads=1, _clock_offset_seconds=2 * FAR) as later:
        later.gc()
        left = later.repo_stat()
    packs = folder / "embedded" / "packs"
    files = sorted(str(path.relative_to(packs)) for path in packs.rglob("*.*"))
    assert left.pins == 0
    assert left.blocks <= 1
    assert left.bytes < 4096
    assert len(files) <= 2, f"files stay: {files}"
    assert not [name for name in files if name.startswith("trash")]
