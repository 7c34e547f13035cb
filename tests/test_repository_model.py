"""A repository against a plain model: which blocks are there, and which are pinned."""

import os
import random
import shutil
import signal
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from ipfs_kit_py import CID, Repository
from ipfs_kit_py.errors import (
    BlockInUseError,
    BlockNotFoundError,
    NotPinnedError,
    PinConflictError,
)

FAR = 100_000
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - our own folder
SMALL: dict[str, Any] = {"_pack_bytes": 30_000, "_pack_blocks": 7, "threads": 1}
CONTENTS = 12


def content(number: int) -> bytes:
    """Contents that share blocks, of up to three levels."""
    chance = random.Random(number // 2)
    return chance.randbytes(chance.choice((5, 2000, 9000))) + bytes(number % 2)


def _raw(cid: CID | str) -> str:
    """As blocks are known: by their hashes alone."""
    given = CID(cid) if isinstance(cid, str) else cid
    return str(CID.from_multihash(given.multihash, codec="raw"))


class Model(RuleBasedStateMachine):
    """Every operation is done to a repository and to two dictionaries."""

    roots: Bundle[str] = Bundle("roots")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="model", dir=MEMORY))
        self.blocks: set[str] = set()
        self.pins: dict[str, bool] = {}
        self.below: dict[str, set[str]] = {}
        self.contents: dict[str, bytes] = {}
        self.leaked: list[Repository] = []

    @initialize()
    def open(self) -> None:
        self.repository = Repository(self.folder, **SMALL)
        self.later = Repository(self.folder, _clock_offset_seconds=FAR, **SMALL)

    def teardown(self) -> None:
        try:
            report = self.repository.verify()
            assert report.bad == []
            assert report.blocks == len(self.blocks)
        finally:
            for handle in (self.repository, self.later, *self.leaked):
                handle.close()
            shutil.rmtree(self.folder)

    def kept(self) -> set[str]:
        """What the pins keep."""
        kept = set()
        for root, recursive in self.pins.items():
            kept |= self.below[root] if recursive else {_raw(root)}
        return kept

    def learn(self, root: str, data: bytes) -> None:
        """Note what lies below a root that is whole."""
        self.contents[root] = data
        links = self.repository.refs(root, recursive=True, unique=True)
        self.below[root] = {_raw(root)} | {_raw(link.target) for link in links}
        self.blocks |= self.below[root]

    @rule(target=roots, number=st.integers(0, CONTENTS), pin=st.booleans())
    def add(self, number: int, pin: bool) -> str:
        data = content(number)
        added = self.repository.add(data, pin=pin, chunker="size-512")
        root = str(added.cid)
        known = set(self.blocks)
        self.learn(root, data)
        assert added.new_blocks == len(self.below[root] - known)
        if pin:
            self.pins[root] = True
        return root

    @rule(root=roots, recursive=st.booleans())
    def pin(self, root: str, recursive: bool) -> None:
        whole = self.below[root] if recursive else {_raw(root)}
        if not whole <= self.blocks:
            with pytest.raises(BlockNotFoundError):
                self.repository.pin_add(root, recursive=recursive)
        elif not recursive and self.pins.get(root):
            with pytest.raises(PinConflictError):
                self.repository.pin_add(root, recursive=False)
        else:
            self.repository.pin_add(root, recursive=recursive)
            self.pins[root] = recursive

    @rule(root=roots)
    def unpin(self, root: str) -> None:
        if root in self.pins:
            self.repository.pin_rm(root)
            del self.pins[root]
        else:
            with pytest.raises(NotPinnedError):
                self.repository.pin_rm(root)

    @rule()
    def collect(self) -> None:
        kept = self.kept() & self.blocks
        removed: list[str] = []
        report = self.later.gc(lambda cid: removed.append(str(cid)))
        assert set(removed) == self.blocks - kept
        assert report.blocks == len(removed)
        self.blocks = kept

    @rule()
    def collect_young(self) -> None:
        assert self.repository.gc().blocks == 0

    @rule()
    def compact(self) -> None:
        self.repository.compact()
        assert self.repository.repo_stat().dead_bytes == 0

    @rule(root=roots, data=st.data())
    def remove_block(self, root: str, data: st.DataObject) -> None:
        block = data.draw(st.sampled_from(sorted(self.below[root])))
        if block in self.kept():
            with pytest.raises(BlockInUseError):
                self.repository.block_rm(block, force=True)
        else:
            assert self.repository.block_rm(block, force=True) == (block in self.blocks)
            self.blocks.discard(block)

    @rule()
    def reopen(self) -> None:
        self.repository.close()
        self.later.close()
        self.open()

    @rule()
    def leak(self) -> None:
        """Go on with other handles while the old ones stay open."""
        self.leaked += [self.repository, self.later]
        self.open()

    @rule(target=roots, number=st.integers(0, CONTENTS), pin=st.booleans())
    def add_and_die(self, number: int, pin: bool) -> Any:
        """Another process adds, and is killed without closing anything."""
        if not hasattr(os, "fork") or sys.platform == "darwin":
            return multiple()
        data, (read, write) = content(number), os.pipe()
        if not (pid := os.fork()):
            try:
                root = self.repository.add(data, pin=pin, chunker="size-512").cid
                os.write(write, str(root).encode())
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        os.close(write)
        with os.fdopen(read) as said:
            added = said.read()
        assert added, "the child failed"
        self.learn(added, data)
        if pin:
            self.pins[added] = True
        return added

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "repository"):
            return
        listed = {str(cid) for cid in self.repository.blocks()}
        assert listed == self.blocks
        pins = {
            _raw(p.cid): p.type == "recursive"
            for p in self.repository.pin_ls()
            if p.type != "indirect"
        }
        assert pins == {_raw(root): kind for root, kind in self.pins.items()}
        assert self.repository.repo_stat().blocks == len(self.blocks)

    @rule(root=roots)
    def read(self, root: str) -> None:
        whole = self.below[root] <= self.blocks
        for handle in (self.repository, self.later, *self.leaked[-1:]):
            # One that has not looked since a block was removed may still show it.
            if whole or handle is self.repository:
                assert self._reads(handle, root) == whole

    def _reads(self, handle: Repository, root: str) -> bool:
        try:
            for link in handle.refs(root, recursive=True):
                handle.block_get(link.target)
            assert handle.cat(root) == self.contents[root]
        except BlockNotFoundError:
            return False
        return True


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=20, stateful_step_count=25)
