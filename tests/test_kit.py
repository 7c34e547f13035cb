"""The kit: roles, calls by name, and what it does when it is made and closed."""

import copy
import inspect
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.processes import run_python

import ipfs_kit_py
from ipfs_kit_py import cid_of, hash_file, hash_tree
from ipfs_kit_py._kit.learning import GATED
from ipfs_kit_py._kit.methods import METHODS, PARTS
from ipfs_kit_py._kit.roles import ROLES, roles_with
from ipfs_kit_py._results import Result
from ipfs_kit_py.errors import (
    ComponentUnavailableError,
    ConfigurationError,
    RoleError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

HELLO = str(cid_of(b"hello world"))
# Names and keys of the node have tests of their own.
OF_NAMES = {
    *("ipfs_id", "name_publish", "name_resolve"),
    *("ipfs_name_publish", "ipfs_name_resolve"),
}
LOCAL = {
    name for name, at in METHODS.items() if at.component in ("kit", "ipfs", "ipget")
} - OF_NAMES
# What each local method is called with; `{folder}` is the CID of the folder.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "ipfs_pin_remote_service_ls": {},
    "get_filesystem": {},
    "get_data_loader": {},
    "ipfs_add": {"file_path": "hello.txt"},
    "ipfs_add_file": {"file_path": "hello.txt"},
    "ipfs_add_path": {"path": "folder"},
    "ipfs_add_pin": {"cid": HELLO},
    "ipfs_cat": {"cid": HELLO},
    "ipfs_dag_get": {"cid": HELLO},
    "ipfs_dag_put": {"value": {"a": 1}},
    "ipfs_get": {"cid": HELLO, "file_path": "out"},
    "ipfs_get_config": {},
    "ipfs_get_config_value": {"key": "role"},
    "ipfs_get_pinset": {},
    "ipfs_kit_ready": {},
    "ipfs_kit_start": {},
    "ipfs_kit_stop": {},
    "ipfs_ls": {"cid": "{folder}"},
    "ipfs_ls_path": {"path": "{folder}"},
    "ipfs_mkdir": {"path": "/made"},
    "ipfs_pin_add": {"cid": "{folder}"},
    "ipfs_pin_ls": {},
    "ipfs_pin_rm": {"cid": HELLO},
    "ipfs_remove_path": {"path": HELLO},
    "ipfs_remove_pin": {"pin": HELLO},
    "ipfs_set_config": {"new_config": {"role": "worker"}},
    "ipfs_set_config_value": {"key": "role", "value": "worker"},
    "ipfs_stat_path": {"path": "{folder}"},
    "ipget_download_object": {"cid": "{folder}", "path": "downloaded"},
    "load_collection": {"cid": str(cid_of(b'["a",1]'))},
}
SWARM = {
    "ipfs_swarm_peers": dict[str, str](),
    "ipfs_swarm_connect": {"peer_addr": "/ip4/127.0.0.1/tcp/1"},
    "ipfs_swarm_disconnect": {"peer_addr": "nobody"},
}
# Each with as much as it takes to be told that no service is known.
REMOTE = {
    "ipfs_pin_remote_add": {"cid": HELLO},
    "ipfs_pin_remote_ls": dict[str, str](),
    "ipfs_pin_remote_get": {"request_id": "one"},
    "ipfs_pin_remote_wait": {"request_id": "one"},
    "ipfs_pin_remote_replace": {"request_id": "one", "cid": HELLO},
    "ipfs_pin_remote_rm": {"request_id": "one"},
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, and no user's own configuration or repository."""
    for name in [name for name in os.environ if name.startswith(("IPFS_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("hello.txt").write_bytes(b"hello world")
    Path("folder").mkdir()
    Path("folder/a.txt").write_bytes(b"one\n")
    return tmp_path


@pytest.fixture
def make() -> Iterator[Callable[..., ipfs_kit]]:
    """Give the call that makes kits, which are closed afterwards."""
    made = []

    def new(role: str | None = None, **settings: Any) -> ipfs_kit:
        given = settings | ({"role": role} if role else {})
        made.append(ipfs_kit(metadata=given))
        return made[-1]

    yield new
    for kit in made:
        kit.close()


def test_a_kit_needs_nothing_said(make: Callable[..., ipfs_kit], place: Path) -> None:
    kit = make()
    assert kit.role == "leecher"
    assert kit.ipfs.add("hello.txt")["Hash"] == str(hash_file("hello.txt"))
    assert kit.engine.path == str(place / "home" / ".local" / "share" / "ipfs-kit")


def test_the_module_is_called_as_the_class_is() -> None:
    from ipfs_kit_py import ipfs_kit as module
    from ipfs_kit_py.ipfs_kit import ipfs_kit as kind

    # mypy knows no module that can be called.
    with module(metadata={"role": "worker"}) as kit:  # type: ignore[operator]
        assert type(kit) is kind
        assert kit.role == "worker"
    assert inspect.ismodule(module)
    assert ipfs_kit_py.ipfs_kit is module


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.parametrize("role", ROLES)
def test_making_a_kit_starts_no_process_and_no_thread(role: str) -> None:
    script = f"""
import os, threading
from ipfs_kit_py.ipfs_kit import ipfs_kit
kit = ipfs_kit(metadata={{"role": {role!r}, "enable_libp2p": True}})
assert threading.active_count() == 1
assert len(os.listdir("/proc/self/task")) == 1
assert not open(f"/proc/self/task/{{os.getpid()}}/children").read()
assert not [at for at in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{{at}}")
            and os.readlink(f"/proc/self/fd/{{at}}").startswith("socket:")]
kit.close()
"""
    run_python(script)


@pytest.mark.parametrize("role", ROLES)
def test_a_component_that_is_not_there_is_an_absent_attribute(
    role: str, make: Callable[..., ipfs_kit]
) -> None:
    kit = make(role)
    for component in PARTS:
        assert not hasattr(kit, component)
        with pytest.raises(ComponentUnavailableError) as raised:
            getattr(kit, component)
        allowed = roles_with(component)
        said = PARTS[component] if role in allowed else f"is there on a {allowed[0]}"
        assert said in str(raised.value)
    with pytest.raises(AttributeError, match="no attribute 'ipfs_clutser_ctl'"):
        _ = kit.ipfs_clutser_ctl


@pytest.mark.parametrize("role", ROLES)
def test_a_call_by_name_works_or_says_who_does_it(
    role: str, make: Callable[..., ipfs_kit]
) -> None:
    kit = make(role)
    for name in METHODS.keys() - LOCAL - OF_NAMES:
        component = METHODS[name].component
        if component in ("s3_kit", "storacha_kit"):
            assert name in dir(kit)
            assert getattr(kit, name) == getattr(getattr(kit, component), name)
            continue
        refused = role not in roles_with(component)
        error = RoleError if refused else ComponentUnavailableError
        with pytest.raises(error) as raised:
            kit(name)
        assert type(raised.value) is error
        assert name in str(raised.value)
        said = GATED.get(component) or PARTS[component]
        assert (role if refused else said) in str(raised.value)
        # As the documents catch them.
        assert isinstance(raised.value, PermissionError if refused else AttributeError)
        assert not hasattr(kit, name)
        assert name not in dir(kit)


@pytest.mark.parametrize("component", GATED)
def test_a_component_is_there_when_its_setting_says_so(
    component: str, make: Callable[..., ipfs_kit], monkeypatch: pytest.MonkeyPatch
) -> None:
    kit, setting = make(), GATED[component]
    methods = [name for name, at in METHODS.items() if at.component == component]
    assert not hasattr(kit, component)
    assert component not in dir(kit)
    with pytest.raises(ComponentUnavailableError, match=f"`{setting}`"):
        getattr(kit, component)
    kit = make(**{setting: True})
    assert getattr(kit, component) is getattr(kit, component)
    assert {component, *methods} <= {*dir(kit)}
    for name in methods:
        assert getattr(kit, name) == getattr(getattr(kit, component), name)
    monkeypatch.setenv(f"IPFS_KIT_{setting.upper()}", "1")
    assert hasattr(make(), component)


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_a_local_method_is_the_same_by_name_and_as_an_attribute(
    name: str, make: Callable[..., ipfs_kit]
) -> None:
    kit = make()
    kit.ipfs.add("hello.txt").raise_for_error()
    kit.ipfs.add("folder", pin=False).raise_for_error()
    kit.ipfs.add_json(["a", 1]).raise_for_error()
    given = {**ARGUMENTS, **SWARM, **REMOTE}[name]
    arguments = {
        key: value.format(folder=hash_tree("folder")) if value == "{folder}" else value
        for key, value in given.items()
    }
    assert callable(getattr(kit, name))
    assert name in dir(kit)
    result = kit(name, **arguments)
    if name == "get_filesystem":
        assert result.cat(HELLO) == b"hello world"
        return
    if name == "get_data_loader":
        assert result.load_embedded_dataset([1, 2])["total_samples"] == 2
        return
    assert isinstance(result, Result)
    if name in SWARM:
        assert result["error_type"] == "OfflineError"
    elif name in REMOTE:
        assert result["error"].startswith("no pinning services are configured")
    else:
        result.raise_for_error()


def test_an_unknown_name_is_a_value_error(make: Callable[..., ipfs_kit]) -> None:
    kit = make()
    for name in ("no_such_method", "ipfs", "__init__", "role", ""):
        with pytest.raises(ValueError, match=f"^Unknown method: {name}$"):
            kit(name)


def test_a_wrong_argument_is_a_type_error(make: Callable[..., ipfs_kit]) -> None:
    with pytest.raises(TypeError, match="bogus"):
        make()("ipfs_cat", cid=HELLO, bogus=1)


def test_a_role_may_come_from_the_environment(
    make: Callable[..., ipfs_kit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPFS_KIT_ROLE", "master")
    assert make().role == "master"
    assert make("worker").role == "worker"
    monkeypatch.setenv("IPFS_KIT_ROLE", "boss")
    with pytest.raises(ConfigurationError, match="IPFS_KIT_ROLE"):
        make()


def test_flags_are_settings_and_metadata_has_the_last_word() -> None:
    with ipfs_kit(enable_libp2p=True, enable_cluster_management=True) as kit:
        assert kit.config.enable_libp2p
        assert kit.config.enable_cluster_management
    with ipfs_kit(metadata={"enable_libp2p": False}, enable_libp2p=True) as kit:
        assert not kit.config.enable_libp2p


def test_resources_limit_the_repository() -> None:
    with ipfs_kit(resources={"max_storage": "1MB"}) as kit:
        result = kit.ipfs.add_bytes(os.urandom(2_000_000))
    assert result["error_type"] == "RepositoryFullError"
    assert result["recoverable"]


def test_two_kits_on_one_repository_see_the_same(make: Callable[..., ipfs_kit]) -> None:
    one, other = make("master"), make("leecher")
    cid = one.ipfs.add("hello.txt")["cid"]
    assert other.ipfs.cat(cid)["content"] == b"hello world"
    other.ipfs.pin_rm(cid).raise_for_error()
    assert one.ipfs.pin_ls()["count"] == 0
    one.close()
    assert other.ipfs.cat(cid)["success"]


def test_many_threads_share_a_kit(make: Callable[..., ipfs_kit]) -> None:
    kit, cids = make(), list[str]()
    threads = [
        threading.Thread(
            target=lambda n=n: cids.append(kit.ipfs.add_str(f"text {n}")["cid"])
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(cids) == sorted(str(cid_of(f"text {n}".encode())) for n in range(8))


def test_a_kit_is_closed_once_or_twice_or_by_with() -> None:
    with ipfs_kit() as kit:
        assert kit.ipfs_kit_ready()["ready"]
    kit.close()
    kit.close()
    assert not kit.ipfs_kit_ready()["ready"]
    result = kit.ipfs.add("hello.txt")
    assert result["error_type"] == "RepositoryClosedError"
    assert result["error_code"] == "repository-closed"


def test_a_kit_travels_and_is_copied(make: Callable[..., ipfs_kit]) -> None:
    kit = make("worker", ipfs_path="store")
    cid = kit.ipfs.add("hello.txt")["cid"]
    for again in (pickle.loads(pickle.dumps(kit)), copy.deepcopy(kit)):  # noqa: S301
        assert again.role == "worker"
        assert again.ipfs.cat(cid)["content"] == b"hello world"
        again.close()
    assert kit.ipfs.cat(cid)["success"]


def test_the_seeds_two_spellings_are_both_there(make: Callable[..., ipfs_kit]) -> None:
    kit = make()
    added = kit("ipfs_add_path", path="hello.txt")
    assert added["cid"] == added["Hash"] == HELLO
    assert added["files"] == {"hello.txt": HELLO}
    assert added["ipfs"]["success"]
    assert added["fully_successful"]
    read = kit("ipfs_cat", cid=HELLO)
    assert read["content"] == read["data"] == b"hello world"
    pins = kit("ipfs_pin_ls")
    assert list(pins["Keys"]) == pins["pins"] == [HELLO]
    # The document pins by `cid`; `pin` is the older name of the same.
    for argument in ("cid", "pin"):
        assert kit("ipfs_add_pin", **{argument: HELLO})["pins"] == [HELLO]
    assert kit("ipfs_add_pin")["error_type"] == "InvalidParameterError"


def test_a_master_without_a_cluster_says_that_half_is_done(
    make: Callable[..., ipfs_kit],
) -> None:
    kit = make("master")
    added = kit("ipfs_add_path", path="hello.txt")
    pinned = kit("ipfs_add_pin", cid=HELLO)
    for done in (added, pinned):
        assert done["success"]
        assert done["ipfs"]["success"]
        assert done["ipfs_cluster"] is None
        assert not done["fully_successful"]


def test_a_kit_that_is_closed_is_not_ready(make: Callable[..., ipfs_kit]) -> None:
    kit = make()
    assert kit.ipfs_kit_ready()["ready"]
    assert kit.ipfs_kit_start()["ipfs"]["success"]
    kit.close()
    assert not kit.ipfs_kit_ready()["ready"]
    assert not kit.ipfs_kit_start()["ipfs"]["success"]


def test_a_failure_inside_is_told_as_that_of_the_call(
    make: Callable[..., ipfs_kit],
) -> None:
    result = make()("ipfs_add_path", path="none.txt")
    assert result["operation"] == "ipfs_add_path"
    assert result["error_type"] == "PathNotFoundError"
    assert result["not_found"]
    with pytest.raises(FileNotFoundError):
        result.raise_for_error()


def test_a_collection_is_a_file_of_json(make: Callable[..., ipfs_kit]) -> None:
    kit = make()
    cid = kit.ipfs.add_json({"samples": ["a"]})["cid"]
    assert kit.load_collection(cid)["collection"] == {"samples": ["a"]}
    other = kit.ipfs.add_str("no json")["cid"]
    assert kit.load_collection(other)["error_type"] == "MalformedDataError"


def test_many_settings_are_written_or_none(
    make: Callable[..., ipfs_kit], place: Path
) -> None:
    kit, file = make(), place / "home" / ".ipfs_kit" / "config.yaml"
    wrong = kit.ipfs_set_config({"role": "worker", "rol": "master"})
    assert wrong["error_type"] == "ConfigurationError"
    assert "did you mean role" in wrong["error"]
    assert not file.exists()
    assert kit.ipfs_set_config({})["path"] is None
    done = kit.ipfs_set_config({"role": "worker", "cache.memory_size": "1GiB"})
    assert done["keys"] == ["role", "cache_config.memory_cache_size"]
    assert done["path"] == str(file)
    nested = {"cluster_config": {"replication_factor": 3, "consensus": "crdt"}}
    done = kit.ipfs_set_config(nested)
    assert done["keys"] == [f"cluster_config.{key}" for key in nested["cluster_config"]]
    # What is written counts for the next kit.
    assert kit.role == "leecher"
    assert make().role == "worker"
    assert make().config.cache_config.memory_cache_size == 1 << 30


def test_settings_are_shown_without_secrets(make: Callable[..., ipfs_kit]) -> None:
    kit = make("master", cluster_config={"secret": "hush"})
    shown = kit.ipfs_get_config()["config"]
    assert shown["cluster_config.secret"] == "***"
    assert "hush" not in str(kit.ipfs_get_config())
    value = kit.ipfs_get_config_value("cluster_config.consensus_protocol")
    assert (value["key"], value["value"]) == ("cluster_config.consensus", "crdt")
    assert kit.ipfs_get_config_value("nope")["error_type"] == "ConfigurationError"


def test_what_a_kit_cannot_be_is_told_when_it_is_made(place: Path) -> None:
    for wrong in ({"role": "boss"}, {"rolle": "master"}, {"cache_config": 5}):
        with pytest.raises(ConfigurationError):
            ipfs_kit(metadata=wrong)
    # A node that does not run is asked nothing until something is wanted of it.
    with ipfs_kit(metadata={"engine": "kubo"}) as kit:
        assert not (place / "home").exists()
        for result in (kit.ipfs.add("hello.txt"), kit.ipfs.cat(HELLO)):
            assert result["error_type"] == "EngineUnavailableError"
            assert "ipfs-kit daemon start" in result["error"]
            assert result["recoverable"]


def test_what_has_no_effect_yet_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    from ipfs_kit_py._kit import kit as module

    module._told.discard("enable_monitoring")
    with caplog.at_level(logging.WARNING, "ipfs_kit_py"):
        for _ in range(2):
            ipfs_kit(metadata={"enable_monitoring": True}).close()
    assert caplog.text.count("enable_monitoring") == 1


def test_a_kit_shows_what_it_is(make: Callable[..., ipfs_kit]) -> None:
    kit = make("master", ipfs_path="store")
    path = kit.engine.path
    assert repr(kit) == f"ipfs_kit(role='master', embedded engine at {path!r})"
    started = kit.ipfs_kit_start()["ipfs"]
    assert started == {"success": True, "engine": "embedded", "running": True}


def test_the_command_line_reads_what_a_kit_has_added(
    make: Callable[..., ipfs_kit],
) -> None:
    kit = make(ipfs_path="store")
    cid = kit.ipfs.add("hello.txt")["cid"]
    program = Path(sys.executable).parent / "ipfs-kit"
    done = subprocess.run(
        [program, "--repo", "store", "cat", cid], capture_output=True, check=True
    )
    assert done.stdout == b"hello world"
