"""Fetching whole DAGs into a repository: complete or an error, and never twice."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.far import Far, Liar

from ipfs_kit_py import CID, Repository, cid_of
from ipfs_kit_py._sources.pull import pull
from ipfs_kit_py.errors import BlockNotFoundError, IntegrityError, UnreachableError

MIB = 1 << 20


def folder(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for number in range(200):
        place = tree / str(number % 5) / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(1000 * number))
    return tree


def test_all_that_is_below_comes_once(
    far: Repository, near: Repository, tmp_path: Path
) -> None:
    root = far.add(folder(tmp_path)).cid
    source = Far(far)
    done = pull(near, [source], root, name="mine")
    expected = far.dag_stat(root)
    assert (done.cid, done.blocks, done.bytes) == (root, expected.blocks, expected.bytes)
    assert (done.new_blocks, source.count) == (done.blocks, done.blocks)
    assert near.dag_stat(root) == expected
    pin = near.pin_find(root)
    assert pin is not None
    assert (pin.type, pin.name) == ("recursive", "mine")
    again = pull(near, [source], root)
    assert (again.blocks, again.new_blocks) == (done.blocks, 0)
    assert source.count == done.blocks
    assert near.gc().blocks == 0


def test_only_what_is_missing_is_asked_for(far: Repository, near: Repository) -> None:
    data = [os.urandom(MIB) for _ in range(10)]
    near.add(b"".join(data[:6]))
    root = far.add(b"".join(data)).cid
    source = Far(far)
    done = pull(near, [source], root)
    assert (done.blocks, done.new_blocks, source.count) == (11, 5, 5)
    assert near.cat(root) == b"".join(data)


def test_a_path_is_followed_at_the_source(
    far: Repository, near: Repository, tmp_path: Path
) -> None:
    root = far.add(folder(tmp_path)).cid
    done = pull(near, [Far(far)], f"{root}/3", pin=False)
    assert done.cid == far.resolve(f"{root}/3")
    assert near.pin_find(done.cid) is None
    assert len(list(near.ls(done.cid))) == 40
    assert not near.has(far.resolve(f"{root}/2"))


def test_what_is_not_whole_is_not_pinned(far: Repository, near: Repository) -> None:
    root = far.add(os.urandom(5 * MIB)).cid
    leaf = next(iter(far.refs(root))).target
    far.pin_rm(root)
    far.block_rm(leaf)
    with pytest.raises(BlockNotFoundError, match=str(leaf)):
        pull(near, [Far(far)], root)
    assert near.pin_find(root) is None
    with pytest.raises(BlockNotFoundError):
        pull(near, [], cid_of(b"nowhere"))


def test_wrong_bytes_and_cut_lines_are_errors_that_can_be_gone_on_from(
    far: Repository, near: Repository
) -> None:
    root = far.add(os.urandom(30 * MIB)).cid
    with pytest.raises(IntegrityError):
        pull(near, [Liar(far)], root)
    left = 2

    def cut(cids: Sequence[CID]) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionResetError(f"cut before {len(cids)} blocks")

    first = Far(far, hook=cut)
    with pytest.raises(UnreachableError, match="cut before"):
        pull(near, [first], root)
    second = Far(far)
    assert pull(near, [second], root).blocks == 31
    fetched = first.count - len(first.asked[-1])
    assert fetched + second.count == 31


SCRIPT = """
import os, signal, sys
from ipfs_kit_py import Repository
from ipfs_kit_py._sources.pull import pull
from tests.far import Far

asked = 0
def count(cids):
    global asked
    asked += len(cids)
    print(asked, flush=True)
    if asked >= {kill_at}:
        os.kill(os.getpid(), signal.SIGKILL)

pull(Repository({near!r}), [Far(Repository({far!r}), hook=count)], {root!r})
"""


@pytest.mark.parametrize("kill_at", [10, 40, 75, 97])
def test_a_killed_fetch_goes_on_where_it_was(
    far: Repository, near: Repository, kill_at: int
) -> None:
    root = far.add(os.urandom(100 * MIB)).cid
    text = SCRIPT.format(near=near.path, far=far.path, root=str(root), kill_at=kill_at)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    asked = int(done.stdout.split()[-1])
    source = Far(far)
    assert pull(near, [source], root).blocks == 101
    # A window of 16 MiB, what was under way within it.
    assert source.count <= 101 - asked + 16
    assert near.verify().bad == []
