"""`IPFSSimpleAPI`: values, exceptions, extensions, plugins, the saved configuration."""

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ipfs_kit_py import cid_of, hash_file, hash_tree
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    ConfigurationError,
    InvalidCIDError,
    InvalidParameterError,
    IPFSError,
    NotPinnedError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    RepositoryClosedError,
)
from ipfs_kit_py.high_level_api import IPFSSimpleAPI, PluginBase

HELLO = str(cid_of(b"hello world"))
ABSENT = str(cid_of(b"nobody has this"))


class Counter(PluginBase):
    """A plugin as users write them."""

    def get_name(self) -> str:
        return "counter"

    def count(self, cid: str) -> int:
        step: int = self.config.get("step", 1)
        return len(self.ipfs_kit.ipfs.cat(cid)["content"]) * step

    def _hidden(self) -> None:
        """Is no extension."""


class Unnamed(PluginBase):
    """A plugin that is called as its class is."""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IPFSSimpleAPI]:
    """An API whose repository holds a file, a folder, and a mutable file."""
    for name in [name for name in os.environ if name.startswith(("IPFS_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("hello.txt").write_bytes(b"hello world")
    Path("folder").mkdir()
    Path("folder/a.txt").write_bytes(b"one\n")
    with IPFSSimpleAPI(ipfs_path="store") as opened:
        opened.add_file("hello.txt")
        opened.add_file("folder", pin=False)
        opened.kit.ipfs.files_write("/file", b"mutable").raise_for_error()
        yield opened


def folder() -> str:
    return str(hash_tree("folder"))


def test_what_a_file_is_added_as_is_a_cid_to_be_used(api: IPFSSimpleAPI) -> None:
    cid = api.add_file("hello.txt")
    assert isinstance(cid, str)
    assert cid == str(hash_file("hello.txt"))
    assert api.cat(cid) == b"hello world"
    assert api.pin(cid) == {"cid": cid, "pins": [cid], "count": 1}


def test_everything_can_be_added_in_one_way(api: IPFSSimpleAPI) -> None:
    for given in (Path("hello.txt"), b"hello world", io.BytesIO(b"hello world")):
        assert api.add(given)["cid"] == HELLO
    assert api.add_str("hello world") == HELLO
    assert api.add_json({"b": 1, "a": 2}) == str(cid_of(b'{"a":2,"b":1}'))
    wrapped = api.add("hello.txt", wrap_with_directory=True)["cid"]
    assert api.ls(wrapped, detail=False) == ["hello.txt"]
    old = api.add_file("hello.txt", profile="unixfs-v0-2015")
    assert old == str(hash_file("hello.txt", "unixfs-v0-2015"))
    cut = api.add("hello.txt", chunker="size-4", hash="blake3")["cid"]
    assert cut == str(hash_file("hello.txt", chunker="size-4", hash="blake3"))


def test_content_is_read_whole_in_part_and_as_a_file(api: IPFSSimpleAPI) -> None:
    assert api.get(HELLO) == api.read(HELLO) == b"hello world"
    assert api.cat(HELLO, 6, 3) == b"wor"
    assert api.read_text(f"{folder()}/a.txt") == "one\n"
    with api.open(HELLO) as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == b"world"
    with api.open(f"ipfs://{folder()}/a.txt", "r") as text:
        assert text.readline() == "one\n"


def test_mutable_files_are_read_by_their_paths(api: IPFSSimpleAPI) -> None:
    assert api.cat("/file") == api.get("/file") == b"mutable"
    assert api.get("/file", "out") == "out"
    assert Path("out").read_bytes() == b"mutable"
    assert api.ls("/", detail=False) == ["file"]
    assert api.exists("/file")
    assert not api.exists("/none")
    with api.open("/file") as file:
        assert file.read() == b"mutable"


def test_folders_are_listed_and_written_to_disk(api: IPFSSimpleAPI) -> None:
    entry = {"name": "a.txt", "cid": str(cid_of(b"one\n")), "size": 4, "type": "file"}
    assert api.ls(folder()) == [entry]
    assert api.get(folder(), "out") == "out"
    assert Path("out/a.txt").read_text() == "one\n"


def test_pins_are_listed_and_removed(api: IPFSSimpleAPI) -> None:
    assert api.list_pins() == {"Keys": {HELLO: {"Type": "recursive"}}, "count": 1}
    assert api.list_pins(quiet=True) == {"Keys": [HELLO], "count": 1}
    assert api.unpin(HELLO)["pins"] == [HELLO]
    assert api.list_pins()["count"] == 0


FAILURES: dict[str, tuple[type[Exception], tuple[Any, ...]]] = {
    "add": (PathNotFoundError, ("none.txt",)),
    "add_file": (PathNotFoundError, ("none.txt",)),
    "add_str": (InvalidParameterError, (b"bytes",)),
    "add_json": (InvalidParameterError, ({1, 2},)),
    "cat": (BlockNotFoundError, (ABSENT,)),
    "get": (PathExistsError, (HELLO, "hello.txt")),
    "read": (InvalidCIDError, ("nope",)),
    "read_text": (PathNotFoundError, ("/none",)),
    "open": (InvalidParameterError, (HELLO, "wb")),
    "exists": (InvalidCIDError, ("nope",)),
    "ls": (PathNotADirectoryError, (HELLO,)),
    "pin": (BlockNotFoundError, (ABSENT,)),
    "unpin": (NotPinnedError, (ABSENT,)),
    "list_pins": (InvalidParameterError, ("nope",)),
    "register_extension": (InvalidParameterError, ("cat", print)),
    "call_extension": (IPFSError, ("nope",)),
    "load_plugin": (ConfigurationError, ({"name": "nope"},)),
    "save_config": (ConfigurationError, ("config.txt",)),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_an_exception_never_a_value(name: str, api: IPFSSimpleAPI) -> None:
    error, arguments = FAILURES[name]
    with pytest.raises(error) as raised:
        getattr(api, name)(*arguments)
    assert type(raised.value) is error
    assert isinstance(raised.value, IPFSError)


def test_every_method_fails_in_a_test() -> None:
    public = {name for name in dir(IPFSSimpleAPI) if not name.startswith("_")}
    others = {"close", "config", "publish", "resolve", "extensions", "plugins", "kit"}
    assert public - others == FAILURES.keys()


def test_a_folder_has_no_bytes(api: IPFSSimpleAPI) -> None:
    with pytest.raises(PathIsADirectoryError):
        api.cat(folder())
    with pytest.raises(InvalidParameterError, match="surrogate"):
        api.add_str("\ud800")


def test_methods_and_extensions_are_called_by_name(api: IPFSSimpleAPI) -> None:
    api.register_extension("twice", lambda text: text * 2)
    assert api("twice", "ab") == api.call_extension("twice", "ab") == "abab"
    assert api("cat", HELLO, offset=6) == b"world"
    api.register_extension("twice", lambda text: text)
    assert api("twice", "ab") == "ab"
    for name in ("nope", "_settled", "__init__", "config"):
        with pytest.raises(IPFSError, match=f"no extension '{name}'; registered: twice"):
            api(name)


def test_what_cannot_be_called_is_no_extension(api: IPFSSimpleAPI) -> None:
    with pytest.raises(InvalidParameterError, match="cannot be called"):
        api.register_extension("five", 5)  # type: ignore[arg-type] # on purpose


def test_a_plugin_brings_its_methods(api: IPFSSimpleAPI) -> None:
    plugin = api.load_plugin({"plugin_class": Counter, "config": {"step": 2}})
    assert api.plugins == {"counter": plugin}
    assert api.extensions.keys() == {"counter.count"}
    assert api("counter.count", HELLO) == 22
    assert isinstance(plugin, Counter)
    assert plugin.ipfs_kit is api.kit


@pytest.mark.parametrize(
    "given",
    [
        f"{__name__}:Unnamed",
        f"{__name__}.Unnamed",
        {"plugin_class": f"{__name__}:Unnamed"},
        {"path": __name__, "name": "Unnamed"},
        {"path": __name__, "name": "Unnamed", "enabled": True, "config": {"a": 1}},
    ],
)
def test_plugins_come_with_the_configuration(api: IPFSSimpleAPI, given: object) -> None:
    with IPFSSimpleAPI(ipfs_path="store", plugins=[given]) as other:
        assert type(other.plugins["Unnamed"]) is Unnamed
    assert api.plugins == {}


def test_a_plugin_that_is_switched_off_is_left_out(api: IPFSSimpleAPI) -> None:
    off = {"plugin_class": "no.such:Thing", "enabled": False}
    assert api.load_plugin(off) is None
    assert api.plugins == {}


@pytest.mark.parametrize("given", ["no.such:Thing", "pathlib:Path", "pathlib:no", "word"])
def test_a_plugin_that_is_none_is_told_when_the_api_is_made(
    api: IPFSSimpleAPI, given: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"plugin"):
        IPFSSimpleAPI(ipfs_path="store", plugins=[given])
    assert api.cat(HELLO)


def test_a_saved_configuration_makes_the_same_api(
    api: IPFSSimpleAPI, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "role": "master",
        "cluster_config": {"secret": "hush", "replication_factor": 3},
        "cache_config": {"memory_cache_size": "512MiB"},
        "plugins": [f"{__name__}:Unnamed"],
    }
    with IPFSSimpleAPI(ipfs_path="store", **settings) as given:
        assert given.save_config("saved.yaml") == "saved.yaml"
    assert stat.S_IMODE(Path("saved.yaml").stat().st_mode) == 0o600
    assert yaml.safe_load(Path("saved.yaml").read_text())["role"] == "master"
    with IPFSSimpleAPI("saved.yaml") as again:
        assert again.kit.role == "master"
        assert "hush" in str(again.config.cluster_config.secret)
        assert again.config.cache_config.memory_cache_size == 512 << 20
        assert again.plugins.keys() == {"Unnamed"}
        assert again.cat(HELLO) == api.cat(HELLO)
        assert again.kit.engine.path == api.kit.engine.path
    assert not (tmp_path / "home" / ".ipfs_kit").exists()


def test_a_file_that_is_named_has_to_be_there(api: IPFSSimpleAPI) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml: does not exist"):
        IPFSSimpleAPI(config_path="none.yaml")
    assert "store" in repr(api)


def test_a_closed_api_says_so(api: IPFSSimpleAPI) -> None:
    api.close()
    api.close()
    with pytest.raises(RepositoryClosedError):
        api.cat(HELLO)
