"""The structure of the package, and one use of each part."""

import threading
from pathlib import Path

import pytest

import ipfs_accelerate_py

pytestmark = pytest.mark.usefixtures("workplace")


def test_settings_are_set_saved_and_read_again() -> None:
    config = ipfs_accelerate_py.config()
    assert config.get("general", "debug", False) is False
    assert config.get("nothing", "of", "the kind") == "the kind"
    config.set("cache", "max_size_mb", 2000)
    config.save("custom_config.toml")
    again = ipfs_accelerate_py.config("custom_config.toml")
    assert again.get("cache", "max_size_mb") == 2000
    assert isinstance(again, ipfs_accelerate_py.config)


def test_containers_have_the_calls_of_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    with ipfs_accelerate_py.backends() as backends:
        for result in (
            backends.start_container("ipfs-node", "ipfs/kubo:latest"),
            backends.docker_tunnel("ipfs-node", 5001, 5001),
            backends.stop_container("ipfs-node"),
            *backends.list_containers(),
        ):
            assert result["status"] == "error"
            assert "start Docker or Podman" in result["message"]
        images = backends.list_marketplace_images()
        assert images == backends.marketplace()
        assert "ipfs/kubo:latest" in [image["image"] for image in images]


def test_a_file_goes_in_and_comes_out() -> None:
    accelerate = ipfs_accelerate_py.ipfs_accelerate
    Path("file.txt").write_text("some text")
    result = accelerate.add_file("file.txt")
    assert (result["status"], result["size"]) == ("success", 9)
    cid = result["cid"]
    assert accelerate.cid_exists(cid)
    assert accelerate.get_cid_metadata(cid)["size"] == 9
    assert accelerate.get_file(cid, "output.txt")["status"] == "success"
    assert Path("output.txt").read_text() == "some text"
    # The same text is the same CID, in every run.
    Path("again.txt").write_text("some text")
    assert accelerate.add_file("again.txt")["cid"] == cid


def test_a_text_is_dispatched_as_its_bytes() -> None:
    Path("file.txt").write_text("some text")
    cid = ipfs_accelerate_py.ipfs_accelerate.add_file("file.txt")["cid"]
    result = ipfs_accelerate_py.load_checkpoint_and_dispatch(cid)
    assert {key: result[key] for key in ("status", "source", "cid", "format")} == {
        "status": "success",
        "source": "cache",
        "cid": cid,
        "format": "raw",
    }
    assert bytes(result["data"]) == b"some text"


def test_what_is_not_there_is_a_result() -> None:
    accelerate = ipfs_accelerate_py.ipfs_accelerate
    nowhere = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
    for result in (
        accelerate.add_file("no such file"),
        accelerate.get_file(nowhere, "output.txt"),
        accelerate.get_cid_metadata(nowhere),
        ipfs_accelerate_py.load_checkpoint_and_dispatch(nowhere),
    ):
        assert result["status"] == "error"
        assert result["message"]
    assert not accelerate.cid_exists(nowhere)


def test_many_threads_load_it_at_once() -> None:
    found: list[object] = []

    def load() -> None:
        import ipfs_accelerate_py.backends
        import ipfs_accelerate_py.config

        found.append(ipfs_accelerate_py.config().get("cache", "max_size_mb"))

    threads = [threading.Thread(target=load) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1000] * 16
