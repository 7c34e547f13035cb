"""A large source goes to a node in several requests, and counts whole or not at all."""

import io
import os
import random
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest
from tests.soon import SOON_SECONDS

from ipfs_kit_py import hash_file
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py._kubo.lanes import send_by
from ipfs_kit_py.errors import FileIOError, IPFSError

needs_kubo = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")
MIB = 1 << 20
DATA = random.Random(1).randbytes(40 * MIB + 7)


@pytest.fixture(scope="module")
def node(
    require_real: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KuboEngine]:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    folder = tmp_path_factory.mktemp("node")
    with Daemon(folder, program=program, online=False):
        engine = KuboEngine(folder)
        yield engine
        engine.close()


class Once:
    """What can be read once only, in parts of any size."""

    def __init__(self, data: bytes, fails_at: int | None = None) -> None:
        self._data, self._fails_at = data, fails_at
        self._rng, self.at = random.Random(2), 0
        self.threads: set[int] = set()

    def read(self, size: int = -1, /) -> bytes:
        self.threads.add(threading.get_ident())
        if self._fails_at is not None and self.at >= self._fails_at:
            raise ZeroDivisionError("it is broken")
        part = self._data[self.at : self.at + self._rng.randint(1, size)]
        self.at += len(part)
        return part


@needs_kubo
def test_what_can_be_read_once_is_read_once_and_here(node: KuboEngine) -> None:
    source, seen = Once(DATA), list[tuple[int, int]]()
    done = node.add(source, progress=lambda *now: seen.append(now))
    assert (done.cid, done.bytes, done.files) == (
        hash_file(io.BytesIO(DATA)),
        len(DATA),
        1,
    )
    assert (source.at, source.threads) == (len(DATA), {threading.get_ident()})
    assert seen == sorted(seen)
    assert seen[-1] == (len(DATA), 1)
    assert node.pin_find(done.cid) is not None
    assert node.cat(done.cid) == DATA


@needs_kubo
@pytest.mark.parametrize("fails_at", [0, 3 * MIB, 30 * MIB])
def test_a_reader_that_fails_is_an_error_and_pins_nothing(
    node: KuboEngine, fails_at: int
) -> None:
    before = {str(pin.cid) for pin in node.pin_ls()}
    with pytest.raises(ZeroDivisionError, match="it is broken"):
        node.add(Once(os.urandom(40 * MIB), fails_at))
    assert {str(pin.cid) for pin in node.pin_ls()} == before


@needs_kubo
def test_a_missing_file_is_known_before_a_node_is_asked(tmp_path: Path) -> None:
    nobody = KuboEngine("http://127.0.0.1:1")
    with pytest.raises(FileNotFoundError):
        nobody.add(tmp_path / "none")
    nobody.close()


@needs_kubo
def test_nothing_is_collected_while_it_is_added(node: KuboEngine) -> None:
    stop, failed = threading.Event(), list[Exception]()

    def collect() -> None:
        while not stop.is_set():
            try:
                node.gc()
            except IPFSError as error:
                failed.append(error)

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        for _ in range(3):
            data = os.urandom(24 * MIB)
            assert node.cat(node.add(data).cid) == data
    finally:
        stop.set()
        thread.join()
    assert failed == []


def test_every_piece_goes_one_way() -> None:
    pieces = [bytes([n]) for n in range(200)]
    taken: list[list[bytes]] = [[], [], []]
    send_by([got.extend for got in taken], iter(pieces))
    assert sorted(chain.from_iterable(taken)) == pieces


@pytest.mark.timeout(2 * SOON_SECONDS)
def test_one_that_fails_stops_the_others() -> None:
    def fail(pieces: "Iterator[bytes]") -> None:
        next(pieces)
        raise FileIOError("gone")

    stopped: list[bool] = []

    def take(pieces: "Iterator[bytes]") -> None:
        try:
            list(pieces)
        except IPFSError:
            stopped.append(True)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(FileIOError, match="gone"):
        send_by([take, fail, take], endless())  # type: ignore[list-item]
    assert stopped == [True, True]
