"""Folders of small files from gateways: sent whole beside the batches, or not."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest
from tests import gateway_server as bad
from tests.gateway_server import GatewayServer, Request, Serve

from ipfs_kit_py import Repository, cid_of
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from ipfs_kit_py.ipfs_kit import ipfs_kit

COUNT = 300
Open: TypeAlias = Callable[..., IPFSDataLoader]


@pytest.fixture
def samples() -> dict[str, bytes]:
    """Give the content of the files by path."""
    return {
        f"{number % 3}/{number:03}": os.urandom(2000 + number) for number in range(COUNT)
    }


@pytest.fixture
def dataset(far: Repository, samples: dict[str, bytes], tmp_path: Path) -> str:
    """Give the CID of a folder that is far away."""
    for path, data in samples.items():
        file = tmp_path / "tree" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return str(far.add(tmp_path / "tree").cid)


@pytest.fixture
def make(dataset: str, tmp_path: Path) -> Iterator[Open]:
    """Open loaders of it, each with an empty cache."""
    kits: list[ipfs_kit] = []

    def open_loader(
        *servers: GatewayServer, cache: dict[str, Any] | None = None, **options: Any
    ) -> IPFSDataLoader:
        number = len(kits)
        given = {"disk_cache_path": str(tmp_path / f"cache{number}")}
        metadata = {
            "ipfs_path": str(tmp_path / f"near{number}"),
            "gateway_urls": [server.url for server in servers],
            "cache_config": given | (cache or {}),
        }
        kits.append(ipfs_kit(metadata=metadata))
        all_options: dict[str, Any] = {"batch_size": 16, "columns": ["path", "data"]}
        loader = IPFSDataLoader(kits[-1], **(all_options | options))
        loader.load_dataset(dataset)
        return loader

    yield open_loader
    for kit in kits:
        kit.close()


def is_whole(path: str) -> bool:
    """Tell whether a request is for all of a DAG."""
    return parse_qs(urlsplit(path).query).get("dag-scope") == ["all"]


def slowly(request: Request) -> bool:
    """Let single blocks of files take their time."""
    if request.query.get("format") == "raw" and request.cid.startswith("bafk"):
        time.sleep(0.05)
    return False


def epoch(loader: IPFSDataLoader) -> dict[str, bytes]:
    """Read an epoch, each sample once."""
    found: dict[str, bytes] = {}
    for batch in loader:
        for path, data in zip(batch["path"], batch["data"], strict=True):
            assert path not in found
            found[path] = bytes(data)
    return found


def test_small_files_come_in_one_stream_and_stay(
    serve: Serve, make: Open, dataset: str, samples: dict[str, bytes]
) -> None:
    server = serve(slowly)
    loader = make(server)
    assert epoch(loader) == samples
    wholes = [path for path in server.asked if is_whole(path)]
    assert [urlsplit(path).path for path in wholes] == [f"/ipfs/{dataset}"]
    singles = [path for path in server.asked if "format=raw" in path]
    assert len(singles) < COUNT // 2
    server.forget()
    assert epoch(loader) == samples
    # Nor do ranks ask for anything that use the same cache.
    rank = IPFSDataLoader(
        loader.client, batch_size=16, columns=["path", "data"], rank=1, world_size=2
    )
    rank.load_dataset(dataset)
    assert len(epoch(rank)) == COUNT // 2
    assert server.asked == []


@pytest.mark.parametrize(
    "options",
    [
        {"whole": False},
        {"cache": {"prefetch_enabled": False}},
        {"cache": {"disk_cache_size": "1MiB"}},
        {"cache": {"disk_cache_size": 0}},
    ],
)
def test_nothing_comes_whole_that_is_not_to(
    serve: Serve, make: Open, samples: dict[str, bytes], options: dict[str, Any]
) -> None:
    server = serve()
    assert epoch(make(server, **options)) == samples
    assert not any(map(is_whole, server.asked))


def test_a_rank_of_several_and_a_choice_of_files_ask_for_their_own(
    serve: Serve, make: Open, dataset: str
) -> None:
    server = serve()
    assert len(epoch(make(server, rank=1, world_size=2))) == COUNT // 2
    loader = make(server)
    loader.load_dataset(dataset, pattern="1/*")
    assert len(epoch(loader)) == COUNT // 3
    assert not any(map(is_whole, server.asked))


def test_what_is_here_for_the_most_part_does_not_come_again(
    serve: Serve, make: Open, samples: dict[str, bytes]
) -> None:
    server = serve()
    loader = make(server, whole=False, shuffle=False)
    taken = iter(loader)
    for _ in range(COUNT // 16 // 2):
        next(taken)
    state = loader.state_dict()
    server.forget()
    again = IPFSDataLoader(
        loader.client, batch_size=16, columns=["path", "data"], shuffle=False, whole=True
    )
    again.load_dataset(state["dataset"])
    assert epoch(again) == samples
    assert not any(map(is_whole, server.asked))


def refusing(request: Request) -> bool:
    """Give no CARs."""
    if request.query.get("format") != "car":
        return False
    request.reply(406, b"no CARs", "text/plain")
    return True


def breaking_off(request: Request) -> bool:
    """Send half of a CAR of all."""
    if not is_whole(request.path):
        return False
    car = request.car()
    request.head(200, Content_Type=bad.CAR, Content_Length=len(car))
    request.wfile.write(car[: len(car) // 2])
    request.close_connection = True
    return True


@pytest.mark.parametrize("behave", [refusing, breaking_off])
def test_samples_come_however_the_stream_ends(
    serve: Serve, make: Open, samples: dict[str, bytes], behave: Any
) -> None:
    assert epoch(make(serve(behave))) == samples


def lying(request: Request) -> bool:
    """Send wrong bytes in a CAR of all."""
    if not is_whole(request.path):
        return False
    sections = request.sections()
    sections[-1] = (sections[-1][0], sections[-1][1][:-1] + b"?")
    request.reply(200, b"".join(data for _, data in sections), bad.CAR)
    return True


def test_wrong_bytes_in_the_stream_are_in_no_sample(
    serve: Serve, make: Open, samples: dict[str, bytes]
) -> None:
    # Who lies is left alone for a while, and the other one asked.
    assert epoch(make(serve(lying), serve(slowly))) == samples


def test_a_stream_without_end_is_left(
    serve: Serve, make: Open, samples: dict[str, bytes]
) -> None:
    sent = 0

    def endless(request: Request) -> bool:
        nonlocal sent
        if not is_whole(request.path):
            return slowly(request)
        request.head(200, Content_Type=bad.CAR)
        request.close_connection = True
        request.wfile.write(request.sections()[0][1])
        try:
            while True:
                data = os.urandom(10_000)
                request.wfile.write(bad.frame(bytes(cid_of(data)) + data))
                sent += len(data)
        except OSError:
            return True

    assert epoch(make(serve(endless))) == samples
    # What the folder has at most, and what fits into sockets.
    assert sent < 20 << 20


def test_a_loop_that_is_left_ends_the_stream(serve: Serve, make: Open) -> None:
    is_begun = threading.Event()

    def stalling(request: Request) -> bool:
        if not is_whole(request.path):
            return False
        request.head(200, Content_Type=bad.CAR, Content_Length=1 << 20)
        is_begun.set()
        time.sleep(30)
        return True

    loader = make(serve(stalling))
    batches = iter(loader)
    next(batches)
    assert is_begun.wait(20)
    loader.close()
    batches.close()  # type: ignore[attr-defined]
    names = [thread.name for thread in threading.enumerate()]
    assert "ipfs-kit-bringing" not in names
