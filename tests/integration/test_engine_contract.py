"""What an engine promises of CARs, blocks, pins and files, on both engines."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from ipfs_kit_py import CID, Repository, cid_of
from ipfs_kit_py._car import car_roots, car_verify
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.cars import car as framed_car
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py._native import CancelToken
from ipfs_kit_py._repository import ImportReport
from ipfs_kit_py.errors import (
    BlockInUseError,
    BlockNotFoundError,
    CancelledError,
    ComponentUnavailableError,
    IntegrityError,
    InvalidParameterError,
    LimitExceededError,
    MalformedDataError,
    PathNotFoundError,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")

VECTORS = Path(__file__).parents[1] / "vectors" / "car"
MIB = 1 << 20
Place: TypeAlias = Repository | KuboEngine


@pytest.fixture(scope="module")
def node(
    require_real: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KuboEngine]:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    folder = tmp_path_factory.mktemp("node")
    with Daemon(folder, program=program, online=False), KuboEngine(folder) as engine:
        yield engine


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository(tmp_path / "embedded") as made:
        yield made


@pytest.fixture(params=["embedded", "kubo"])
def place(request: pytest.FixtureRequest, repository: Repository) -> Place:
    if request.param == "embedded":
        return repository
    engine: KuboEngine = request.getfixturevalue("node")
    return engine


def good_cars() -> Iterator[Path]:
    for path in sorted(VECTORS.glob("*.car")):
        if path.name != "v1-zero-padded.car":
            yield path


@pytest.mark.parametrize("path", [*good_cars()], ids=lambda path: path.stem)
def test_a_car_of_go_car_is_taken_whole(path: Path, place: Place) -> None:
    expected = car_verify(path)
    is_whole = expected.is_complete
    done: list[int] = []

    def counted(size: int, _: int) -> None:
        done.append(size)

    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        report = place.dag_import(source, counted, pin_roots=is_whole)
        assert report == ImportReport(expected.roots, expected.blocks, expected.bytes)
        assert done == sorted(done)
        done.clear()
        for root in expected.roots if expected.blocks else ():
            assert root.verify(place.block_get(root))
        for root in expected.roots if is_whole else ():
            assert place.pin_find(root)


@pytest.mark.parametrize("kind", ["path", "object"])
def test_a_bad_car_is_refused_and_nothing_of_it_is_taken(
    kind: str, place: Place, tmp_path: Path
) -> None:
    blocks = [os.urandom(1000) for _ in range(3)]
    cids = [cid_of(block) for block in blocks]
    whole = b"".join(framed_car(cids, zip(cids, blocks, strict=True)))
    wrong = whole.replace(blocks[2], bytes([blocks[2][0] ^ 1]) + blocks[2][1:])
    large = bytes(2 * MIB + 1)
    big = b"".join(framed_car(cids[:1], [(cids[0], blocks[0]), (cid_of(large), large)]))
    cases: dict[type[Exception], list[bytes]] = {
        MalformedDataError: [b"", b"no CAR", whole[:-1], whole + b"\x05abc", whole[1:]],
        IntegrityError: [wrong],
        LimitExceededError: [big],
    }
    for error, given in cases.items():
        for number, data in enumerate(given):
            path = tmp_path / f"{error.__name__}-{number}"
            path.write_bytes(data)
            with pytest.raises(error):
                place.dag_import(path if kind == "path" else io.BytesIO(data))
            assert not any(map(place.has, cids)), (error, number)
    with pytest.raises(PathNotFoundError):
        place.dag_import(tmp_path / "nowhere")


def test_a_root_that_lacks_something_is_not_pinned(place: Place) -> None:
    block = os.urandom(50)
    root = _root_of([cid_of(block)])
    with pytest.raises(BlockNotFoundError):
        place.dag_import(io.BytesIO(b"".join(framed_car([root[0]], [root]))))
    assert place.pin_find(root[0]) is None
    # A part is fine if it is to be no more than that.
    car = io.BytesIO(b"".join(framed_car([root[0]], [root])))
    assert place.dag_import(car, pin_roots=False).blocks == 1
    place.block_put(block)
    car = io.BytesIO(b"".join(framed_car([root[0]], [root])))
    assert place.dag_import(car).blocks == 1
    pin = place.pin_find(root[0])
    assert pin
    assert pin.type == "recursive"


def _root_of(cids: list[CID]) -> tuple[CID, bytes]:
    from ipfs_kit_py._native import ipld_encode

    data = ipld_encode([os.urandom(8), *cids], "dag-cbor")
    return cid_of(data, "dag-cbor"), data


def test_an_import_can_be_cancelled(place: Place) -> None:
    token = CancelToken()
    data = [os.urandom(MIB) for _ in range(20)]
    cids = [cid_of(block) for block in data]
    car = b"".join(framed_car(cids[:1], zip(cids, data, strict=True)))

    class Source(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 5 * MIB:
                token.cancel()
            return super().read(size)

    with token, pytest.raises(CancelledError):
        place.dag_import(Source(car))
    assert place.pin_find(cids[0]) is None


@pytest.mark.parametrize("pin", [False, True])
def test_a_car_exported_by_one_is_imported_by_the_other(
    pin: bool, node: KuboEngine, repository: Repository, tmp_path: Path
) -> None:
    places: tuple[Place, Place] = (node, repository)
    for ours, theirs in (places, places[::-1]):
        data = os.urandom(5 * MIB)
        folder = tmp_path / type(ours).__name__
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "large").write_bytes(data)
        (folder / "empty").write_bytes(b"")
        root = ours.add(folder, chunker="size-65536").cid
        car = tmp_path / f"{type(ours).__name__}.car"
        report = ours.dag_export(root, car)
        assert car_roots(car) == [root]
        buffer = io.BytesIO()
        assert ours.dag_export(root, buffer) == report
        assert buffer.getvalue() == car.read_bytes()
        found = theirs.dag_import(car, pin_roots=pin)
        assert found == ImportReport([root], report.blocks, report.bytes)
        assert theirs.cat(f"{root}/sub/large") == data
        assert (theirs.pin_find(root) is not None) is pin
        assert theirs.dag_stat(root) == ours.dag_stat(root)


def test_many_blocks_are_put_and_listed(place: Place) -> None:
    data = [os.urandom(size % 3000) for size in range(5000)]
    cids = place.block_put_many(data)
    assert cids == [cid_of(block) for block in data]
    assert set(cids) <= set(place.blocks())
    assert place.block_put_many([]) == []
    with pytest.raises(LimitExceededError):
        place.block_put_many([bytes(2 * MIB + 1)])


def test_blocks_are_removed_unless_they_are_needed(place: Place) -> None:
    free, kept, below = (place.block_put(os.urandom(9)) for _ in range(3))
    nowhere = cid_of(os.urandom(9))
    root, data = _root_of([below])
    assert place.block_put(data, "dag-cbor", pin=True) == root
    place.pin_add(kept, recursive=False)
    for needed in (kept, root, below):
        with pytest.raises(BlockInUseError):
            place.block_rm([free, needed])
    with pytest.raises(BlockNotFoundError):
        place.block_rm([free, nowhere])
    assert all(map(place.has, (free, kept, root, below)))
    found = place.block_rm_each([free, nowhere, kept, below])
    assert [cid for cid, _ in found] == [free, nowhere, kept, below]
    kinds = [type(error) for _, error in found]
    assert kinds == [type(None), BlockNotFoundError, BlockInUseError, BlockInUseError]
    assert not place.has(free)
    assert place.block_rm(nowhere, force=True) == 0
    place.pin_rm(root)
    assert place.block_rm([root, str(below), nowhere], force=True) == 2
    assert not place.has(below)


def test_pins_are_checked(place: Place) -> None:
    root = place.add(os.urandom(9)).cid
    checks = {check.cid: check for check in place.pin_verify()}
    assert checks[root].is_whole


def test_collection_names_what_it_removes(node: KuboEngine) -> None:
    # The embedded engine spares what is younger than an hour: its own tests wait.
    cid = node.block_put(os.urandom(9))
    removed: list[CID] = []
    report = node.gc(removed.append)
    assert cid in removed
    assert report.blocks == len(removed)


def test_modes_and_times_give_the_same_cids(
    node: KuboEngine, repository: Repository
) -> None:
    found = []
    for place in (node, repository):
        cids = []
        place.files_rm("/m", force=True)
        place.files_mkdir("/m/d", parents=True)
        place.files_write("/m/f", b"data", create=True)
        for mode in (0o644, 0o777, 0):
            for path in ("/m/f", "/m/d"):
                place.files_chmod(path, mode)
                cids.append(place.files_flush("/m"))
        for mtime, nanoseconds in ((1_700_000_000, 0), (1, 999_999_999), (-5, 7)):
            for path in ("/m/f", "/m/d"):
                place.files_touch(path, mtime, nanoseconds)
                cids.append(place.files_flush("/m"))
        found.append(cids)
    assert found[0] == found[1]
    with pytest.raises(InvalidParameterError):
        node.files_touch("/m/f", 0)
    with pytest.raises(InvalidParameterError):
        # The node would keep 0o755 of it.
        node.files_chmod("/m/f", 0o4755)
    for place in (node, repository):
        for mode in (-1, 0o10000):
            with pytest.raises(InvalidParameterError):
                place.files_chmod("/m/f", mode)
        with pytest.raises(PathNotFoundError):
            place.files_chmod("/m/none", 0o644)


# What a Kubo node's RPC API has no command for.
_REFUSED = {
    "compact",
    "files_truncate",
    "key_export",
    "name_ls",
    "name_rm",
    "rebuild",
    "repo_stat",
    "verify",
}


def test_what_a_node_cannot_do_is_refused_by_name(node: KuboEngine) -> None:
    ours = {name for name in dir(Repository) if not name.startswith("_")}
    assert {name for name in ours if name not in dir(node)} == _REFUSED
    for name in _REFUSED:
        with pytest.raises(ComponentUnavailableError, match=name):
            getattr(node, name)
    assert node.closed is False
    assert node.read_only is False
