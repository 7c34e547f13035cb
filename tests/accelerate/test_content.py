"""`ipfs_accelerate`: what is added is there later; what comes is verified."""

import json
import os
import threading
from pathlib import Path

import pytest
from tests.gateway_server import lie, serving
from tests.processes import run_python

import ipfs_accelerate_py
from ipfs_accelerate_py import ipfs_accelerate
from ipfs_kit_py import Repository, hash_file
from ipfs_kit_py.errors import ConfigurationError, InvalidCIDError

NOWHERE = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
MIB = 1 << 20


@pytest.fixture(autouse=True)
def here(workplace: Path) -> Path:
    """Every test has a place of its own."""
    return workplace


def configured(**endpoint: object) -> None:
    config = ipfs_accelerate_py.config()
    config.set("endpoints", "default", "lab")
    for key, value in endpoint.items():
        config.set("endpoints.lab", key, value)
    ipfs_accelerate.configure(config)


def test_a_file_comes_back_as_it_was(here: Path) -> None:
    data = os.urandom(3 * MIB)
    (here / "my_file.bin").write_bytes(data)
    done = ipfs_accelerate.add_file("my_file.bin")
    cid = str(hash_file(here / "my_file.bin"))
    assert done == {
        "status": "success",
        "cid": cid,
        "file": "my_file.bin",
        "size": len(data),
        "new_bytes": done["new_bytes"],
    }
    assert done["new_bytes"] > len(data)
    assert ipfs_accelerate.get_file(cid, "sub/retrieved.bin") == {
        "status": "success",
        "cid": cid,
        "file": "sub/retrieved.bin".replace("/", os.sep),
        "size": len(data),
    }
    assert (here / "sub" / "retrieved.bin").read_bytes() == data
    assert ipfs_accelerate.get_file(cid)["file"] == cid
    assert (here / cid).read_bytes() == data
    assert ipfs_accelerate.cid_exists(cid)
    assert ipfs_accelerate.add_file("my_file.bin")["new_bytes"] == 0


def test_it_is_there_in_the_next_run(here: Path) -> None:
    (here / "a.txt").write_text("hello")
    cid = ipfs_accelerate.add_file("a.txt")["cid"]
    program = """
import json, sys, ipfs_accelerate_py
found = ipfs_accelerate_py.ipfs_accelerate
print(json.dumps([found.cid_exists(sys.argv[1]), found.get_cid_metadata(sys.argv[1])]))
"""
    exists, metadata = json.loads(run_python(program, cid))
    assert (exists, metadata["size"], metadata["local"]) == (True, 5, True)


def test_what_a_cid_names_is_described(here: Path) -> None:
    folder = here / "folder"
    folder.mkdir()
    (folder / "a.json").write_text("{}")
    (folder / "picture").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2 * MIB))
    (folder / "bytes").write_bytes(bytes(range(256)))
    (folder / "text").write_text("ä" * 1000)
    root = ipfs_accelerate.add_file(folder, pin=False)["cid"]
    about = ipfs_accelerate.get_cid_metadata(root)
    assert about["layout"] == "directory"
    assert (about["codec"], about["mime"], about["pinned"]) == ("dag-pb", None, False)
    assert about["blocks"] == 8
    assert about["size"] > 2 * MIB
    kinds = {
        name: ipfs_accelerate.get_cid_metadata(f"{root}/{name}")["mime"]
        for name in ("a.json", "picture", "bytes", "text")
    }
    assert kinds == {
        "a.json": "application/json",
        "picture": "image/png",
        "bytes": "application/octet-stream",
        "text": "text/plain",
    }
    picture = ipfs_accelerate.get_cid_metadata(f"{root}/picture")
    assert (picture["size"], picture["layout"]) == (2 * MIB + 8, "file")
    assert picture["blocks"] == 4
    text = ipfs_accelerate.get_cid_metadata(f"{root}/text")
    assert (text["size"], text["layout"], text["blocks"]) == (2000, "raw", 1)


def test_failures_are_results_that_say_why(here: Path) -> None:
    absent = ipfs_accelerate.add_file("none.txt")
    assert absent["status"] == "error"
    assert "none.txt" in absent["message"]
    lost = ipfs_accelerate.get_file(NOWHERE)
    assert (lost["status"], lost["error_type"]) == ("error", "BlockNotFoundError")
    assert NOWHERE in lost["message"]
    assert ipfs_accelerate.get_file("no cid")["error_type"] == "InvalidCIDError"
    assert ipfs_accelerate.get_cid_metadata(NOWHERE)["status"] == "error"
    assert list(here.iterdir()) == []
    assert not ipfs_accelerate.cid_exists(NOWHERE)
    with pytest.raises(InvalidCIDError):
        ipfs_accelerate.cid_exists("no cid")


def test_an_endpoint_is_asked_and_what_it_gives_is_kept(tmp_path: Path) -> None:
    data = os.urandom(2 * MIB)
    with Repository(tmp_path / "far") as far, serving(far) as server:
        cid = str(far.add(data).cid)
        configured(gateway=server.url)
        assert ipfs_accelerate.cid_exists(cid)
        about = ipfs_accelerate.get_cid_metadata(cid)
        assert (about["size"], about["local"], about["pinned"]) == (2 * MIB, False, False)
        assert ipfs_accelerate.get_file(cid, "out")["status"] == "success"
        asked = len(server.asked)
        assert ipfs_accelerate.get_file(cid, "again")["status"] == "success"
        assert len(server.asked) == asked
        server.behave = lie
        other = str(far.add(os.urandom(MIB)).cid)
        wrong = ipfs_accelerate.get_file(other, "wrong")
        assert wrong["status"] == "error"
    assert Path("out").read_bytes() == Path("again").read_bytes() == data
    assert not Path("wrong").exists()
    assert list((tmp_path / "cache").iterdir()) != []


def test_without_a_cache_nothing_is_kept(tmp_path: Path) -> None:
    data = os.urandom(6 * MIB)
    with Repository(tmp_path / "far") as far, serving(far) as server:
        cid = str(far.add(data).cid)
        config = ipfs_accelerate_py.config()
        config.set("cache", "enabled", False)
        config.set("endpoints", "default", "lab")
        config.set("endpoints.lab", "gateway", server.url)
        ipfs_accelerate.configure(config)
        assert ipfs_accelerate.get_file(cid, "out")["status"] == "success"
        loaded = ipfs_accelerate_py.load_checkpoint_and_dispatch(cid)
        assert (loaded["format"], loaded["data"]) == ("raw", data)
    assert Path("out").read_bytes() == data
    Path("a").write_bytes(data[:MIB])
    done = ipfs_accelerate.get_file(ipfs_accelerate.add_file("a")["cid"], "b")
    assert done["status"] == "success"
    assert not (tmp_path / "cache").exists()


def test_an_endpoint_that_is_none_is_an_error() -> None:
    configured()
    failed = ipfs_accelerate.add_file("a")
    assert failed["error_type"] == "ConfigurationError"
    assert "[endpoints.lab]" in failed["message"]
    configured(gateway="http://127.0.0.1:1", api_key="hidden")
    with pytest.raises(ConfigurationError, match="not for a gateway") as raised:
        ipfs_accelerate.cid_exists(NOWHERE)
    assert "hidden" not in str(raised.value)


def test_many_threads_share_one(here: Path) -> None:
    for n in range(16):
        (here / str(n)).write_bytes(os.urandom(10_000))
    found: dict[int, bool] = {}

    def work(n: int) -> None:
        cid = ipfs_accelerate.add_file(str(n))["cid"]
        ipfs_accelerate.get_file(cid, f"{n}.out")
        found[n] = Path(f"{n}.out").read_bytes() == Path(str(n)).read_bytes()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(16), True)
