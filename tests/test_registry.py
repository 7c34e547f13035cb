"""Registries: no change is lost, whoever else is changing, dying or collecting."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.processes import run_python

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._ml.client import client_of
from ipfs_kit_py._ml.registry import MOST_RECORD_BYTES, Draft, Registry
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    ConflictError,
    InvalidParameterError,
    InvalidRecordError,
    LimitExceededError,
    MalformedDataError,
    ReadOnlyRepositoryError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

KEY = "ipfs-kit-models"
ELSEWHERE = CID("bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq")

CHANGER = """
import sys
from ipfs_kit_py import Repository
from ipfs_kit_py._ml.client import client_of
from ipfs_kit_py._ml.registry import Registry

folder, who, count, clock = sys.argv[1:]
repository = Repository(folder, threads=1, _clock_offset_seconds=int(clock))
registry = Registry(client_of(repository), "models")
for number in range(int(count)):
    def one_more(draft):
        name = f"{who} {number}"
        draft.names[name] = draft.put({"type": "test", "name": name})
    registry.change(one_more)
    print(number, flush=True)
"""


@pytest.fixture
def registry(repository: Repository) -> Registry:
    return registry_of(repository)


def registry_of(repository: Repository) -> Registry:
    return Registry(client_of(repository), "models")


def put(registry: Registry, name: str, **values: Any) -> CID:
    def change(draft: Draft) -> None:
        draft.names[name] = draft.put({"type": "test", "name": name, **values})

    return registry.change(change).names[name]


def start(folder: Path, who: object, count: int, clock: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHANGER, *map(str, (folder, who, count, clock))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_registry_is_empty_and_leaves_no_trace_until_it_is_changed(
    registry: Registry, repository: Repository
) -> None:
    assert registry.names() == {}
    assert registry.get("a") is None
    assert registry.read().cid is None
    assert registry.ipns_name is None
    assert KEY not in dict(repository.key_ls())


def test_a_change_is_seen_by_all_and_signed(
    registry: Registry, repository: Repository
) -> None:
    one = put(registry, "one")
    two = put(registry, "größe/2")
    with Repository(repository.path) as other:
        assert registry_of(other).names() == {"one": one, "größe/2": two}
    name = registry.ipns_name
    assert name == dict(repository.key_ls())[KEY]
    says = repository.name_inspect(repository.name_get(KEY), verify=name)
    assert says.error is None
    assert says.value == f"/ipfs/{registry.read().cid}"
    assert repository.dag_get(f"/ipns/{name}/names/one/name") == "one"


def test_a_change_may_remove_and_replace(registry: Registry) -> None:
    put(registry, "a")
    put(registry, "b")
    again = put(registry, "a", more=1)
    registry.change(lambda draft: draft.names.pop("b"))
    assert registry.names() == {"a": again}


def test_a_change_that_changes_nothing_signs_nothing(
    registry: Registry, repository: Repository
) -> None:
    put(registry, "a")
    before = repository.name_get(KEY)
    put(registry, "a")
    assert repository.name_get(KEY) == before


def test_what_a_change_raises_ends_it_with_nothing_done(
    registry: Registry, repository: Repository
) -> None:
    cid = put(registry, "a")

    def change(draft: Draft) -> None:
        draft.names["b"] = draft.put({"type": "test"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        registry.change(change)
    assert registry.names() == {"a": cid}
    assert list(repository.pin_ls()) == []


def test_one_way_back_is_kept_as_text(registry: Registry) -> None:
    put(registry, "a")
    first = registry.read()
    put(registry, "b")
    assert registry.read().previous == first.cid
    assert registry._contents(registry._head.read()._replace(cid=first.cid)) == first


@pytest.mark.parametrize("writers", [8])
def test_many_processes_lose_no_change(tmp_path: Path, writers: int) -> None:
    folder, count = tmp_path / "repository", 25
    Repository(folder).close()
    running = [start(folder, who, count) for who in range(writers)]
    for process in running:
        process.communicate(timeout=100)
        assert process.returncode == 0
    with Repository(folder) as repository:
        found = registry_of(repository)
        wanted = {f"{who} {number}" for who in range(writers) for number in range(count)}
        assert found.names().keys() == wanted
        for name, cid in found.names().items():
            assert repository.dag_get(cid)["name"] == name
        assert list(repository.pin_ls()) == []


def test_threads_of_one_process_lose_no_change(registry: Registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: put(registry, str(number)), range(40)))
    assert len(registry.names()) == 40


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_one_that_is_killed_takes_nothing_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    Repository(folder).close()
    chance = random.Random(1)
    done: set[str] = set()
    for who in range(6):
        process = start(folder, who, 10_000)
        assert process.stdout
        said = [process.stdout.readline()]
        time.sleep(chance.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        # The last line may be cut off, as the last change was.
        done |= {f"{who} {number.strip()}" for number in said[:-1]}
        with Repository(folder, _clock_offset_seconds=100_000) as repository:
            repository.gc()
            names = registry_of(repository).names()
            assert done <= names.keys()
            # The one of that line, and the one that went on.
            assert len(names.keys() - done) <= 2
            for name, cid in names.items():
                assert repository.dag_get(cid)["name"] == name
            done |= names.keys()


def test_collections_take_nothing_that_is_registered(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    Repository(folder).close()
    # To the collector every block is old that nothing keeps.
    running = [start(folder, who, 15, 100_000) for who in range(2)]
    removed = 0
    with Repository(folder, _clock_offset_seconds=200_000) as collector:
        while any(process.poll() is None for process in running):
            removed += collector.gc().blocks
            time.sleep(0.002)
        removed += collector.gc().blocks
        for process in running:
            process.communicate()
            assert process.returncode == 0
        names = registry_of(collector).names()
        assert len(names) == 30
        for name, cid in names.items():
            assert collector.dag_get(cid)["name"] == name
    assert removed > 0


def test_all_below_a_name_is_kept_until_it_is_removed(
    registry: Registry, repository: Repository, later: Repository, tree: Path
) -> None:
    def change(draft: Draft) -> None:
        data = repository.add(tree, pin=False).cid
        draft.keep(data)
        draft.names["a"] = draft.put({"type": "test", "deep": [{"data": data}]})

    cid = registry.change(change).names["a"]
    data = repository.dag_get(cid)["deep"][0]["data"]
    assert list(repository.pin_ls()) == []
    before = later.gc().blocks
    later.get(data, tree.parent / "out")
    registry.change(lambda draft: draft.names.clear())
    assert later.gc().blocks > 5 + before
    assert not later.has(data)


def test_pins_of_changes_that_were_killed_go_after_a_day(
    registry: Registry, repository: Repository
) -> None:
    put(registry, "a")
    now = int(time.time())
    names = {
        f"{KEY}: being registered since {now - 100_000}": False,
        f"{KEY}: being registered since {now - 100}": True,
        "ipfs-kit-datasets: being registered since 5": True,
        KEY: True,
        "mine": True,
    }
    for number, name in enumerate(names):
        for recursive in (True, False):
            cid = repository.dag_put([number, recursive])
            repository.pin_add(cid, recursive=recursive, name=name)
    registry.tidy()
    left = [
        pin.name for kind in ("recursive", "direct") for pin in repository.pin_ls(kind)
    ]
    assert sorted(left, key=str) == sorted([it for it in names if names[it]] * 2)


def test_a_users_own_pin_stays(
    registry: Registry, repository: Repository, tree: Path
) -> None:
    data = repository.add(tree, name="mine").cid

    def change(draft: Draft) -> None:
        draft.keep(data)
        draft.names["a"] = draft.put({"type": "test", "data": data})

    registry.change(change)
    pins = [(pin.cid, pin.name) for pin in repository.pin_ls("recursive")]
    assert pins == [(data, "mine")]


def test_a_link_to_what_is_elsewhere_is_no_obstacle(
    registry: Registry, later: Repository
) -> None:
    cid = put(registry, "a", dataset=ELSEWHERE)
    later.gc()
    assert later.has(cid)


def test_what_is_to_be_kept_has_to_be_here(registry: Registry) -> None:
    with pytest.raises(BlockNotFoundError):
        registry.change(lambda draft: draft.keep(ELSEWHERE))


def test_one_who_is_always_overtaken_says_so(registry: Registry) -> None:
    other = iter(range(1000))

    def change(draft: Draft) -> None:
        put(registry, f"other {next(other)}")
        draft.names["mine"] = draft.put({"type": "test"})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ipfs_kit_py._ml.registry._PATIENCE_SECONDS", 0.05)
        with pytest.raises(ConflictError) as raised:
            registry.change(change)
    assert raised.value.recoverable
    assert "mine" not in registry.names()


def test_a_read_only_repository_is_read(
    registry: Registry, repository: Repository
) -> None:
    cid = put(registry, "a")
    with Repository(repository.path, read_only=True) as opened:
        found = registry_of(opened)
        assert found.names() == {"a": cid}
        with pytest.raises(ReadOnlyRepositoryError):
            put(found, "b")


def test_a_head_that_is_over_still_counts(
    registry: Registry, repository: Repository
) -> None:
    cid = put(registry, "a")
    head = registry.read().cid
    assert head
    repository.name_publish(head, key=KEY, lifetime=timedelta(microseconds=1), sequence=9)
    time.sleep(0.01)
    assert registry.names() == {"a": cid}
    put(registry, "b")
    assert registry.names().keys() == {"a", "b"}


def test_a_head_lasts_longer_than_anyone(
    registry: Registry, repository: Repository
) -> None:
    put(registry, "a")
    assert repository.name_inspect(repository.name_get(KEY)).valid_until.year > 2100


HOSTILE: dict[str, Any] = {
    "no map": ["names"],
    "no type": {"kind": "models", "names": {}},
    "another type": {"type": "ipfs-kit/registry/2", "kind": "models", "names": {}},
    "another kind": {"type": "ipfs-kit/registry/1", "kind": "datasets", "names": {}},
    "no names": {"type": "ipfs-kit/registry/1", "kind": "models"},
    "a list": {"type": "ipfs-kit/registry/1", "kind": "models", "names": ["a"]},
    "no link": {"type": "ipfs-kit/registry/1", "kind": "models", "names": {"a": "b"}},
    "odd history": {
        "type": "ipfs-kit/registry/1",
        "kind": "models",
        "names": {},
        "previous": 5,
    },
    "no CID": {
        "type": "ipfs-kit/registry/1",
        "kind": "models",
        "names": {},
        "previous": "x",
    },
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_key_that_leads_to_something_else_is_told(
    value: object, registry: Registry, repository: Repository
) -> None:
    repository.key_gen(KEY)
    repository.name_publish(repository.dag_put(value), key=KEY)
    for call in (registry.read, lambda: put(registry, "a")):
        with pytest.raises(MalformedDataError):
            call()


def test_a_head_of_no_dag_cbor_or_of_a_path_is_told(
    registry: Registry, repository: Repository
) -> None:
    repository.key_gen(KEY)
    repository.name_publish(repository.add(b"text", pin=False).cid, key=KEY)
    with pytest.raises(MalformedDataError, match="no record"):
        registry.read()
    repository.name_publish("/ipfs/bafkqaaa/a", key=KEY, resolve=False)
    with pytest.raises(MalformedDataError, match="no CID"):
        registry.read()
    large = repository.dag_put({"type": "ipfs-kit/registry/1", "x": b"0" * 1_500_000})
    repository.name_publish(large, key=KEY)
    with pytest.raises(LimitExceededError):
        registry.read()


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 256, "\udc80", 5, None])
def test_what_is_no_name_is_refused(name: Any, registry: Registry) -> None:
    with pytest.raises(InvalidParameterError):
        put(registry, name)
    assert registry.names() == {}


def test_a_record_that_is_too_large_is_refused(registry: Registry) -> None:
    with pytest.raises(LimitExceededError):
        put(registry, "a", much=b"0" * MOST_RECORD_BYTES)
    assert registry.names() == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_registry_goes_on_in_a_forked_process(tmp_path: Path) -> None:
    said = run_python(
        """
        import json, os, sys, warnings
        from ipfs_kit_py import Repository
        from ipfs_kit_py._ml.client import client_of
        from ipfs_kit_py._ml.registry import Registry

        warnings.filterwarnings("ignore", category=DeprecationWarning)
        registry = Registry(client_of(Repository(sys.argv[1])), "models")

        def put(name):
            def change(draft):
                draft.names[name] = draft.put({"type": "test", "name": name})
            registry.change(change)

        put("before")
        child = os.fork()
        for number in range(10):
            put(f"{'parent' if child else 'child'} {number}")
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(json.dumps(sorted(registry.names())))
        """,
        tmp_path / "repository",
    )
    wanted = {f"{who} {number}" for who in ("parent", "child") for number in range(10)}
    assert set(json.loads(said)) == wanted | {"before"}


def test_two_kinds_and_two_kits_know_their_own(tmp_path: Path) -> None:
    settings = {"ipfs_path": str(tmp_path / "store"), "offline": True}
    with ipfs_kit(metadata=settings) as one, ipfs_kit(metadata=settings) as two:
        models, datasets = Registry(one, "models"), Registry(two, "datasets")
        cid = put(models, "a")
        put(datasets, "b")
        assert Registry(two, "models").names() == {"a": cid}
        assert Registry(one, "datasets").names().keys() == {"b"}
        assert models.ipns_name != datasets.ipns_name


def test_a_record_that_somebody_else_signed_is_no_head(
    registry: Registry, repository: Repository, far: Repository
) -> None:
    put(registry, "a")
    put(registry_of(far), "a")
    mine = registry.ipns_name
    assert mine
    with pytest.raises(InvalidRecordError):
        repository.name_put(mine, far.name_get(KEY))
