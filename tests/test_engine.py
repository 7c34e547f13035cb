"""What every engine does: the same calls, the same CIDs, the same errors."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ipfs_kit_py import hash_file, hash_tree
from ipfs_kit_py._config import load
from ipfs_kit_py._engine import EmbeddedEngine, open_engine
from ipfs_kit_py._engine.engine import Engine
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    ConfigurationError,
    EngineUnavailableError,
    InvalidCIDError,
    KeyExistsError,
    KeyNotFoundError,
    NameNotFoundError,
    NotPinnedError,
    OfflineError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotFoundError,
)

SOMEBODY = "12D3KooWLAYgWxshT5tFWcDTtBCFUzrBcu8fLgXdypos6YFtmedv"
NOWHERE = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"


@pytest.fixture(params=["embedded", "kubo"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def engine(
    kind: str, tmp_path: Path, require_real: Callable[[str, str], Path]
) -> Iterator[Engine]:
    with ExitStack() as stack:
        made: Engine
        if kind == "kubo":
            if os.name == "nt":
                pytest.skip("the kit starts no daemon on Windows")
            program = require_real(
                "ipfs", "`make tools` builds Kubo where Go is installed"
            )
            stack.enter_context(Daemon(tmp_path / "repo", program=program, online=False))
            made = KuboEngine(tmp_path / "repo")
            for pin in list(made.pin_ls("recursive")):
                made.pin_rm(pin.cid)
        else:
            metadata = {"ipfs_path": str(tmp_path / "repo"), "engine": kind}
            made = open_engine(load(metadata, environ={"HOME": str(tmp_path)}).config)
        stack.callback(made.close)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "folder"
    (place / "sub").mkdir(parents=True)
    (place / "a.txt").write_bytes(b"one\n")
    (place / "sub" / "large").write_bytes(bytes(range(256)) * 10_000)
    return place


def test_it_is_an_engine(engine: Engine, kind: str, tmp_path: Path) -> None:
    assert isinstance(engine, Engine)
    assert engine.kind == kind
    assert engine.path == str(tmp_path / "repo")
    assert engine.peer_id.startswith("12D3Koo")


@pytest.mark.parametrize("profile", ["unixfs-v1-2025", "unixfs-v0-2015"])
def test_what_is_added_has_the_profiles_cids(
    engine: Engine, folder: Path, profile: str
) -> None:
    large = folder / "sub" / "large"
    assert engine.add(folder, profile=profile).cid == hash_tree(folder, profile)
    assert engine.add(large, profile=profile).cid == hash_file(large, profile)
    data = large.read_bytes()
    expected = hash_file(io.BytesIO(data), profile)
    assert engine.add(data, profile=profile).cid == expected
    assert engine.add(io.BytesIO(data), profile=profile).cid == expected


def test_files_are_read_whole_and_by_ranges(engine: Engine, folder: Path) -> None:
    data = (folder / "sub" / "large").read_bytes()
    root = engine.add(folder).cid
    path = f"/ipfs/{root}/sub/large"
    assert engine.cat(path) == data
    assert engine.cat(path, 300_000, 1000) == data[300_000:301_000]
    assert b"".join(engine.iter_file(path, 5)) == data[5:]
    with engine.open(path) as file:
        file.seek(1_000_000)
        assert file.read(10) == data[1_000_000:1_000_010]
    with pytest.raises(PathIsADirectoryError):
        engine.cat(root)
    with pytest.raises(PathNotFoundError):
        engine.cat(f"{root}/nothing")
    with pytest.raises(BlockNotFoundError):
        engine.cat(NOWHERE)
    with pytest.raises(InvalidCIDError):
        engine.cat("no CID")


def test_folders_are_listed_and_written_out(
    engine: Engine, folder: Path, tmp_path: Path
) -> None:
    root = engine.add(folder).cid
    assert [entry.name for entry in engine.ls(root)] == ["a.txt", "sub"]
    assert engine.stat(f"{root}/sub").kind == "directory"
    assert engine.resolve(f"{root}/a.txt") == hash_file(folder / "a.txt")
    engine.get(root, tmp_path / "copy")
    assert hash_tree(tmp_path / "copy") == root
    with pytest.raises(PathExistsError):
        engine.get(root, tmp_path / "copy")


def test_blocks_and_values(engine: Engine) -> None:
    cid = engine.block_put(b"block")
    assert engine.block_get(cid) == b"block"
    assert (engine.block_stat(cid), engine.has(cid), engine.has(NOWHERE)) == (
        5,
        True,
        False,
    )
    value = {"list": [1, None, b"x"], "link": cid}
    root = engine.dag_put(value)
    assert engine.dag_get(root) == value
    assert engine.dag_get(f"{root}/list/0") == 1


def test_pins_keep_and_let_go(engine: Engine, kind: str, folder: Path) -> None:
    root = engine.add(folder, name="tree").cid
    assert [(pin.cid, pin.name) for pin in engine.pin_ls("recursive")] == [(root, "tree")]
    below = engine.pin_find(f"{root}/a.txt")
    assert below is not None
    assert (below.type, below.below) == ("indirect", root)
    engine.pin_rm(root)
    assert engine.pin_find(root) is None
    with pytest.raises(NotPinnedError):
        engine.pin_rm(root)
    engine.pin_add(root, recursive=False)
    assert [pin.type for pin in engine.pin_ls()] == ["direct"]
    with pytest.raises(BlockNotFoundError):
        engine.pin_add(NOWHERE)
    # What is younger than an hour stays, but a Kubo node knows no time of grace.
    assert (engine.gc().blocks == 0) == (kind == "embedded")
    assert engine.has(root)


def test_mutable_files(engine: Engine, folder: Path) -> None:
    engine.files_mkdir("/a/b", parents=True)
    engine.files_write("/a/b/new", b"hello", create=True)
    engine.files_write("/a/b/new", b"J", 0)
    assert engine.files_read("/a/b/new") == b"Jello"
    engine.files_cp(engine.add(folder / "a.txt").cid, "/a/copy")
    engine.files_mv("/a/copy", "/a/moved")
    assert [entry.name for entry in engine.files_ls("/a")] == ["b", "moved"]
    assert engine.files_flush("/a/moved") == hash_file(folder / "a.txt")
    assert engine.files_stat("/a/b/new").size == 5
    with pytest.raises(PathIsADirectoryError):
        engine.files_rm("/a/b")
    engine.files_rm("/a", recursive=True)
    with pytest.raises(PathNotFoundError):
        engine.files_read("/a/b/new")


def test_keys_and_names(engine: Engine) -> None:
    cid = engine.add(b"hello").cid
    key = engine.key_gen("work")
    with pytest.raises(KeyExistsError):
        engine.key_gen("work")
    assert engine.key_rename("work", "play").key.id == key.id
    assert [found.name for found in engine.key_ls()] == ["self", "play"]
    published = engine.name_publish(cid, key="play")
    assert published.name == key.id
    assert engine.name_resolve(key.id) == f"/ipfs/{cid}"
    assert engine.cat(f"/ipns/{key.id}") == b"hello"
    assert engine.key_rm("play").id == key.id
    with pytest.raises(KeyNotFoundError):
        engine.key_rm("play")
    with pytest.raises(NameNotFoundError):
        engine.name_resolve("self")


def test_an_engine_that_is_offline_has_no_swarm(engine: Engine, kind: str) -> None:
    assert engine.addresses() == []
    what_to_do = "api_url" if kind == "embedded" else "online"
    somebody = f"/ip4/127.0.0.1/tcp/4001/p2p/{SOMEBODY}"
    for call in (
        engine.swarm_peers,
        lambda: engine.swarm_connect(somebody),
        lambda: engine.swarm_disconnect(somebody),
    ):
        with pytest.raises(OfflineError, match=what_to_do):
            call()


def test_closing_twice_is_no_error(engine: Engine) -> None:
    engine.close()
    engine.close()


def config(folder: Path, **settings: object) -> dict[str, object]:
    return {"ipfs_path": str(folder), **settings}


def test_a_repository_of_kubos_is_never_taken_for_ours(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    for name in ("config", "datastore_spec"):
        (tmp_path / name).write_text("{}")
    refused: list[dict[str, object]] = [
        {},
        {"engine": "kubo"},
        {"api_url": "http://127.0.0.1:1"},
    ]
    for settings in refused:
        loaded = load(config(tmp_path, **settings), environ=environ)
        made = open_engine(loaded.config)
        assert isinstance(made, KuboEngine)
        with pytest.raises(EngineUnavailableError, match="engine=embedded"):
            made.add(b"bytes")
        with pytest.raises(EngineUnavailableError, match="engine=embedded"):
            made.cat(NOWHERE)
        made.close()
    taken: list[dict[str, object]] = [{"engine": "embedded"}, {"offline": True}]
    for settings in taken:
        made = open_engine(load(config(tmp_path, **settings), environ=environ).config)
        assert isinstance(made, EmbeddedEngine)
        made.close()
    both = load(config(tmp_path, engine="kubo", offline=True), environ=environ)
    with pytest.raises(ConfigurationError, match="offline"):
        open_engine(both.config)
