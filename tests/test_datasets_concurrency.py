"""Datasets that many add at once, and that one adds who is killed: nothing is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from tests.processes import seconds_to_interrupt

from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import DatasetManager
from ipfs_kit_py.errors import RepositoryFullError

ADDER = """
import sys
from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import DatasetManager

store, who, count = sys.argv[1:]
with Repository(store, threads=1) as repository:
    manager = DatasetManager(repository)
    for number in range(int(count)):
        for name in (f"{who} {number}", "all"):
            done = manager.add_dataset(
                ({"who": who, "number": number, "row": it} for it in range(200)),
                name, format="jsonl",
            ).raise_for_error()
        print(done["version"], flush=True)
"""


def start(store: Path, who: object, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ADDER, str(store), str(who), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    store, each = tmp_path / "store", 8
    Repository(store).close()
    adders = [start(store, who, each) for who in "abc"]
    said = [line for it in adders for line in it.communicate(timeout=100)[0].split()]
    assert [it.returncode for it in adders] == [0, 0, 0]
    # Each got a version of its own.
    assert sorted(map(int, said)) == list(range(1, 3 * each + 1))
    with Repository(store) as repository:
        manager = DatasetManager(repository)
        listed = manager.list_datasets()["datasets"]
        alone = {f"{who} {number}" for who in "abc" for number in range(each)}
        assert listed.keys() == {"all"} | alone
        versions = listed["all"]
        assert [it["version"] for it in versions] == [
            str(it + 1) for it in range(3 * each)
        ]
        for before, after in pairwise(versions):
            assert after["parents"] == [before["cid"]]
        for name in listed:
            assert manager.verify(name)["is_whole"]
        assert not list(repository.pin_ls("recursive"))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_one_that_is_killed_leaves_the_head_before_or_behind_its_change(
    tmp_path: Path,
) -> None:
    store, at_random = tmp_path / "store", random.Random(1)
    Repository(store).close()
    versions = 0
    for attempt in range(8):
        adder = start(store, attempt, 1000)
        assert adder.stdout is not None
        acknowledged = int(adder.stdout.readline())
        time.sleep(at_random.uniform(0, 0.15))
        adder.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, adder.communicate()[0].split())])
        with Repository(store) as repository:
            manager = DatasetManager(repository)
            found = manager.versions("all").raise_for_error()["versions"]
            # What was acknowledged is there, and at most one more.
            assert len(found) in (acknowledged, acknowledged + 1)
            assert len(found) > versions
            versions = len(found)
            assert [it["version"] for it in found] == [
                str(it + 1) for it in range(versions)
            ]
            assert manager.verify("all")["is_whole"]
    # What others began and did not end is collected; what they ended is not.
    with Repository(store, _clock_offset_seconds=7200) as repository:
        repository.gc()
        manager = DatasetManager(repository)
        for name, found in manager.list_datasets()["datasets"].items():
            for it in found:
                assert manager.verify(name, it["version"])["is_whole"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_adds_with_its_parents_manager(tmp_path: Path) -> None:
    with Repository(tmp_path / "store") as repository:
        manager = DatasetManager(repository)
        manager.add_dataset([b"parent"], "parent").raise_for_error()
        child = os.fork()
        if child == 0:
            done = manager.add_dataset([b"child"], "child")
            os._exit(0 if done["success"] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert sorted(manager.list_datasets()["datasets"]) == ["child", "parent"]


ENDLESS = """
from ipfs_kit_py.ai_ml_integration import DatasetManager
with Repository(path) as repository:
    DatasetManager(repository).add_dataset(iter(lambda: b"x" * 100_000, b""), "it")
"""


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another there")
def test_ctrl_c_ends_an_iterator_that_does_not(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert seconds_to_interrupt(ENDLESS, store) < 1
    with Repository(store) as repository:
        assert DatasetManager(repository).list_datasets()["count"] == 0


def test_a_repository_that_is_full_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    with Repository(tmp_path / "store", max_bytes=4 << 20) as repository:
        manager = DatasetManager(repository)
        first = manager.add_dataset([os.urandom(1 << 20)], "it").raise_for_error()
        full = manager.update("it", (os.urandom(1 << 20) for _ in range(9)))
        with pytest.raises(RepositoryFullError):
            full.raise_for_error()
        assert manager.info("it")["cid"] == first["cid"]
        assert manager.verify("it")["is_whole"]
