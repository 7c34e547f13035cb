"""CARs made to do harm: typed errors, nothing outside the output, nothing left there."""

import random
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inputs import (
    FILE,
    FOLDER,
    METADATA,
    RAW,
    SHARD,
    SYMLINK,
    Dag,
    Link,
    car_header,
    car_section,
    car_v1,
    cid_for,
    read_tree,
    unixfs,
    varint,
    write_tree,
)
from tests.soon import SOON_SECONDS

from ipfs_kit_py import (
    CID,
    CarBlock,
    CarReport,
    IPFSError,
    car_blocks,
    car_pack,
    car_roots,
    car_unpack,
    car_verify,
    cid_of,
)
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    FileIOError,
    IntegrityError,
    LimitExceededError,
    MalformedDataError,
    UnsafePathError,
    UnsupportedCodecError,
)

Build = Callable[[Dag], CID]


def refused(
    tmp_path: Path,
    car: bytes,
    error: type[IPFSError],
    match: str | None = None,
    **options: Any,
) -> None:
    """Unpacking must fail so, soon, and leave all as it was."""
    outside = write_tree(tmp_path / "around", {"secret": b"kept", "work": {}})
    (outside / "car").write_bytes(car)
    before = read_tree(outside)
    begun = monotonic()
    with pytest.raises(error, match=match):
        car_unpack(outside / "car", outside / "work" / "out", **options)
    assert monotonic() - begun < SOON_SECONDS
    assert read_tree(outside) == before


BAD_NAMES = (b"", b".", b"..", b"/", b"a/b", b"../a", b"/etc/passwd", b"a/", b"a/../../b")
# In a trie no name at all is the link to a deeper part.
PLACES = [(name, sharded) for name in BAD_NAMES for sharded in (False, True) if name]


@pytest.mark.parametrize(
    ("name", "sharded"), [(b"", False), (b"nul\0byte", True), *PLACES]
)
@pytest.mark.parametrize("below", [False, True])
def test_names_that_lead_elsewhere_are_refused(
    name: bytes, sharded: bool, below: bool, tmp_path: Path
) -> None:
    dag = Dag()
    target = dag.raw(b"harm")
    if sharded:
        root = shard(dag, [(b"00" + name, target)], 256)
    else:
        root = dag.folder([(name, target)])
    if below:
        root = dag.folder([("a", dag.folder([("b", root)]))])
    refused(tmp_path, dag.car(root), UnsafePathError)


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    dag = Dag()
    root = dag.folder([(b"bad\xff", dag.raw(b"harm"))])
    refused(tmp_path, dag.car(root), MalformedDataError, "UTF-8")


def test_names_too_long_for_the_system_are_an_error_of_its_own(tmp_path: Path) -> None:
    dag = Dag()
    root = dag.folder([("n" * 256, dag.raw(b"1"))])
    refused(tmp_path, dag.car(root), FileIOError, "too long")


def kinds(dag: Dag) -> dict[str, CID]:
    """A file, a folder and links to go under one name."""
    return {
        "file": dag.raw(b"harm"),
        "folder": dag.folder([("f", dag.raw(b"harm"))]),
        "inside": dag.symlink("."),
        "outside": dag.symlink("../../secret"),
    }


@pytest.mark.parametrize("first", ["file", "folder", "inside", "outside"])
@pytest.mark.parametrize("second", ["file", "folder", "inside", "outside"])
@pytest.mark.parametrize("sharded", [False, True])
def test_names_that_stand_twice_are_refused(
    first: str, second: str, sharded: bool, tmp_path: Path
) -> None:
    dag = Dag()
    entries = [kinds(dag)[kind] for kind in (first, second)]
    if sharded:
        root = shard(
            dag, [(b"%02X" % i + b"n", cid) for i, cid in enumerate(entries)], 256
        )
    else:
        root = dag.folder(("n", cid) for cid in entries)
    refused(tmp_path, dag.car(root), UnsafePathError, "twice", symlinks="any")


OUTSIDE = ("/etc/passwd", "..", "../x", "a/../../x", "./../x", "a/..", "..//x")


@pytest.mark.parametrize("target", OUTSIDE)
def test_links_that_lead_out_are_refused_at_the_top(target: str, tmp_path: Path) -> None:
    dag = Dag()
    refused(
        tmp_path, dag.car(dag.folder([("l", dag.symlink(target))])), UnsafePathError, "l"
    )


@pytest.mark.parametrize("target", ["/x", "../../x", "../../..", "../a/../../x"])
def test_links_that_lead_out_are_refused_below(target: str, tmp_path: Path) -> None:
    dag = Dag()
    below = dag.folder([("l", dag.symlink(target))])
    refused(tmp_path, dag.car(dag.folder([("d", below)])), UnsafePathError, "d/l")


@pytest.mark.parametrize("target", [b"bad\xff", b"nul\0byte", b"", b"x" * 5000])
def test_targets_no_system_has_are_errors(target: bytes, tmp_path: Path) -> None:
    dag = Dag()
    root = dag.folder([("l", dag.symlink(target))])
    refused(tmp_path, dag.car(root), IPFSError, symlinks="any")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    # Whatever comes first, a link or what would go through it, no name has a slash.
    dag = Dag()
    link, folder = dag.symlink("../../secret"), dag.folder([("f", dag.raw(b"harm"))])
    for entries in ([("l", link), ("l/f", folder)], [("l/f", folder), ("l", link)]):
        where = tmp_path / str(len(entries[0][0]))
        where.mkdir()
        refused(where, dag.car(dag.folder(entries)), UnsafePathError, symlinks="any")


LIES: dict[str, Build] = {
    "a file larger than its parts": lambda dag: dag.file([(dag.raw(b"1234"), 4)], size=5),
    "a file smaller than its parts": lambda dag: dag.file(
        [(dag.raw(b"1234"), 4)], size=3
    ),
    "a part larger than it says": lambda dag: dag.file([(dag.raw(b"1234"), 3)]),
    "a part smaller than it says": lambda dag: dag.file([(dag.raw(b"1234"), 5)]),
    "a part of nearly all bytes": lambda dag: dag.file([(dag.raw(b"1"), (1 << 64) - 1)]),
    "parts of more than all bytes": lambda dag: dag.file(
        [(dag.raw(b"1"), (1 << 64) - 1), (dag.raw(b"2"), 2)], size=1
    ),
    "fewer sizes than parts": lambda dag: dag.node(
        unixfs(FILE, size=0), [Link(b"", dag.raw(b"1"))]
    ),
    "more sizes than parts": lambda dag: dag.node(
        unixfs(FILE, size=3, block_sizes=[1, 2]), [Link(b"", dag.raw(b"1"))]
    ),
    "a part that is a folder": lambda dag: dag.file([(dag.folder([]), 1)]),
    "a part that is a link": lambda dag: dag.file([(dag.symlink("1"), 1)]),
    "a lying part far down": lambda dag: dag.file(
        [(dag.file([(dag.raw(b"1"), 1)]), 1), (dag.file([(dag.raw(b"22"), 1)]), 1)]
    ),
    "data that is not of its size": lambda dag: dag.node(unixfs(FILE, b"12", size=1)),
    "a metadata node": lambda dag: dag.node(unixfs(METADATA)),
    "an unknown kind": lambda dag: dag.node(unixfs(6)),
    "no message": lambda dag: dag.add(b"", 0x70),
    "a message of noise": lambda dag: dag.node(b"\xff\xff\xff"),
    "a message without a kind": lambda dag: dag.node(b""),
    "a node of noise": lambda dag: dag.add(b"\xff\xff\xff", 0x70),
}


@pytest.mark.parametrize("build", LIES.values(), ids=LIES)
@pytest.mark.parametrize("below", [False, True])
def test_nodes_that_lie_are_refused(build: Build, below: bool, tmp_path: Path) -> None:
    dag = Dag()
    root = build(dag)
    if below:
        root = dag.folder([("a", dag.raw(b"fine")), ("b", root)])
    refused(tmp_path, dag.car(root), IPFSError)


def shard(
    dag: Dag, links: list[tuple[bytes, CID]], width: int = 8, hash_type: int = 0x22
) -> CID:
    bits = bytes([255] * (width // 8))
    message = unixfs(SHARD, bits, hash_type=hash_type, fanout=width)
    return dag.node(message, [Link(name, cid) for name, cid in links])


TRIES: dict[str, Build] = {
    "another hash": lambda dag: shard(dag, [(b"0a", dag.raw(b"1"))], hash_type=0x12),
    "no hash": lambda dag: dag.node(unixfs(SHARD, b"\1", fanout=8)),
    "a width of no power": lambda dag: shard(dag, [(b"00a", dag.raw(b"1"))], 24),
    "too wide": lambda dag: shard(dag, [(b"000a", dag.raw(b"1"))], 2048),
    "no width": lambda dag: dag.node(unixfs(SHARD, b"\1", hash_type=0x22)),
    "no slot": lambda dag: shard(dag, [(b"", dag.raw(b"1"))], 256),
    "half a slot": lambda dag: shard(dag, [(b"0", dag.raw(b"1"))], 256),
    "a slot that is no number": lambda dag: shard(dag, [(b"zza", dag.raw(b"1"))], 256),
    "a slot beyond the width": lambda dag: shard(dag, [(b"8a", dag.raw(b"1"))], 8),
    "a slot within a letter": lambda dag: shard(dag, [("é".encode(), dag.raw(b"1"))], 8),
    "a part that is a leaf": lambda dag: shard(dag, [(b"0", dag.raw(b"1"))]),
    "a part that is a folder": lambda dag: shard(dag, [(b"0", dag.folder([]))]),
    "a part of another width": lambda dag: shard(dag, [(b"0", shard(dag, [], 16))]),
    "a part without entries": lambda dag: shard(dag, [(b"0", shard(dag, []))]),
}


@pytest.mark.parametrize("build", TRIES.values(), ids=TRIES)
def test_tries_of_a_wrong_shape_are_refused(build: Build, tmp_path: Path) -> None:
    dag = Dag()
    refused(tmp_path, dag.car(build(dag)), MalformedDataError)


def repeated(dag: Dag, levels: int) -> CID:
    """Folders that hold two of the folder below: twice as many entries a level."""
    cid = dag.folder([])
    for _ in range(levels):
        cid = dag.folder([("a", cid), ("b", cid)])
    return cid


def repeated_tries(dag: Dag, levels: int) -> CID:
    """Parts of a trie that link eight times to the part below, and to no entry at all."""
    cid = shard(dag, [])
    for _ in range(levels):
        cid = shard(dag, [(b"%d" % slot, cid) for slot in range(8)])
    return cid


def repeated_entries(dag: Dag, levels: int) -> CID:
    """The same with an entry in the end."""
    cid = shard(dag, [(b"0name", dag.raw(b"1"))])
    for _ in range(levels):
        cid = shard(dag, [(b"%d" % slot, cid) for slot in range(8)])
    return cid


def repeated_parts(dag: Dag, levels: int) -> CID:
    """A file of a thousand times the file below."""
    cid, size = dag.raw(bytes(1000)), 1000
    for _ in range(levels):
        cid, size = dag.file([(cid, size)] * 1000), size * 1000
    return cid


BOMBS: dict[str, tuple[Build, type[IPFSError]]] = {
    "folders": (lambda dag: repeated(dag, 60), LimitExceededError),
    "many folders": (lambda dag: repeated(dag, 1000), LimitExceededError),
    "tries": (lambda dag: repeated_tries(dag, 20), MalformedDataError),
    "entries of tries": (lambda dag: repeated_entries(dag, 20), LimitExceededError),
    "parts of a file": (lambda dag: repeated_parts(dag, 4), LimitExceededError),
    "files": (
        lambda dag: dag.folder([(f"{i}", repeated_parts(dag, 2)) for i in range(20)]),
        LimitExceededError,
    ),
    "sizes over 64 bits": (lambda dag: repeated_parts(dag, 6), MalformedDataError),
}


@pytest.mark.parametrize(("build", "error"), BOMBS.values(), ids=BOMBS)
def test_bombs_of_repeated_links_hit_the_limit_at_once(
    build: Build, error: type[IPFSError], tmp_path: Path
) -> None:
    dag = Dag()
    car = dag.car(build(dag))
    begun = monotonic()
    refused(tmp_path, car, error)
    assert monotonic() - begun < SOON_SECONDS


def test_parts_without_bytes_cost_nothing_however_often_they_are_linked(
    tmp_path: Path,
) -> None:
    dag = Dag()
    cid = dag.raw(b"")
    for _ in range(5):
        cid = dag.file([(cid, 0)] * 1000)
    (tmp_path / "car").write_bytes(dag.car(cid))
    begun = monotonic()
    assert car_unpack(tmp_path / "car", tmp_path / "out") == (1, 0)
    assert monotonic() - begun < SOON_SECONDS
    assert (tmp_path / "out").read_bytes() == b""


def nested(dag: Dag, levels: int) -> CID:
    cid = dag.raw(b"1")
    for _ in range(levels):
        cid = dag.folder([("a", cid)])
    return cid


def nested_tries(dag: Dag, folders: int, parts: int) -> CID:
    cid = dag.raw(b"1")
    for _ in range(folders):
        cid = shard(dag, [(b"0a", cid)])
        for _ in range(parts):
            cid = shard(dag, [(b"0", cid)])
    return cid


def nested_parts(dag: Dag, levels: int) -> CID:
    cid = dag.raw(b"1")
    for _ in range(levels):
        cid = dag.file([(cid, 1)])
    return cid


DEEP: dict[str, Build] = {
    "folders": lambda dag: nested(dag, 1100),
    "very many folders": lambda dag: nested(dag, 50_000),
    "tries": lambda dag: nested_tries(dag, 1000, 20),
    "one endless trie": lambda dag: nested_tries(dag, 1, 50_000),
    "parts of a file": lambda dag: nested_parts(dag, 1100),
    "very many parts": lambda dag: nested_parts(dag, 50_000),
}


@pytest.mark.parametrize("build", DEEP.values(), ids=DEEP)
def test_dags_too_deep_are_refused(build: Build, tmp_path: Path) -> None:
    dag = Dag()
    refused(tmp_path, dag.car(build(dag)), LimitExceededError, "depth")


@pytest.mark.parametrize(
    "build",
    [
        lambda dag: nested(dag, 1024),
        lambda dag: nested_tries(dag, 40, 20),
        lambda dag: nested_parts(dag, 1000),
    ],
)
def test_dags_just_not_too_deep_are_unpacked(build: Build, tmp_path: Path) -> None:
    dag = Dag()
    (tmp_path / "car").write_bytes(dag.car(build(dag)))
    assert car_unpack(tmp_path / "car", tmp_path / "out").bytes == 1
    # Deeper than Python itself, and so pytest, can remove.
    subprocess.run(["rm", "-rf", tmp_path / "out"], check=True)


def test_a_cycle_cannot_be_made_and_wrong_blocks_cannot_fake_one(tmp_path: Path) -> None:
    # A block cannot hold its own hash: it can only claim to be what it links to.
    claimed = cid_for(b"folder", 0x70)
    folder = Dag()
    folder.folder([("again", claimed)])
    (data,) = folder.blocks.values()
    refused(tmp_path, car_v1([claimed], [(claimed, data)]), IntegrityError, str(claimed))


def test_blocks_that_are_wrong_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    dag = Dag()
    good, bad = dag.raw(b"good"), dag.raw(b"bad")
    root = dag.folder([("a", good), ("b", dag.file([(good, 4), (bad, 3)]))])
    for number, cid in enumerate(dag.blocks):
        wrong = dag.blocks | {cid: dag.blocks[cid][:-1] + b"?"}
        where = tmp_path / f"{number}"
        where.mkdir()
        car = car_v1([root], wrong.items())
        refused(where, car, IntegrityError, str(cid))
        (where / "car").write_bytes(car)
        with pytest.raises(IntegrityError, match=str(cid)):
            car_verify(where / "car")


def test_missing_blocks_are_named_and_leave_nothing_behind(tmp_path: Path) -> None:
    dag = Dag()
    part = dag.raw(b"part")
    root = dag.folder([("a", dag.raw(b"1")), ("b", dag.file([(part, 4)])), ("c", part)])
    for number, cid in enumerate(dag.blocks):
        rest = [block for block in dag.blocks.items() if block[0] != cid]
        where = tmp_path / f"{number}"
        where.mkdir()
        refused(where, car_v1([root], rest), BlockNotFoundError, str(cid))


def test_codecs_that_are_no_files_are_refused_by_name(tmp_path: Path) -> None:
    dag = Dag()
    root = dag.folder([("a", dag.add(b"\xa0", 0x71))])
    refused(tmp_path, dag.car(root), UnsupportedCodecError, "0x71|dag-cbor")


def small_car(tmp_path: Path, version: Any) -> bytes:
    """An honest CAR of some hundred bytes with every kind of node."""
    tree = {
        "f": b"1" * 70,
        "d": {"g": b"2", "l": "g"},
        "s": {f"{i}": b"3" for i in range(3)},
    }
    folder, car = write_tree(tmp_path / "folder", tree), tmp_path / "honest"
    params: dict[str, Any] = {"chunker": "size-64", "hamt_threshold": 100}
    car_pack(folder, car, version=version, max_hamt_fanout=8, **params)
    return car.read_bytes()


def what_it_is(path: Path) -> tuple[CarReport, list[CarBlock]] | None:
    """A report and the blocks, or nothing for a typed error."""
    try:
        return car_verify(path), list(car_blocks(path))
    except IPFSError:
        return None


@pytest.mark.parametrize("version", [1, 2])
def test_a_car_cut_anywhere_is_an_error_or_says_what_is_missing(
    version: int, tmp_path: Path
) -> None:
    car = small_car(tmp_path, version)
    path = tmp_path / "car"
    before = {*tmp_path.iterdir()} | {path}
    for length in range(len(car)):
        path.write_bytes(car[:length])
        found = what_it_is(path)
        # The index of version 2 stands behind the data, and who reads from front to end
        # has no need of it.
        assert found is None or not found[0].is_complete or version == 2, length
        with pytest.raises(IPFSError):
            car_unpack(path, tmp_path / "out")
        assert {*tmp_path.iterdir()} == before


@pytest.mark.parametrize("version", [1, 2])
def test_a_car_with_any_byte_changed_is_an_error_or_makes_no_other_files(
    version: int, tmp_path: Path
) -> None:
    car = small_car(tmp_path, version)
    tree = read_tree(tmp_path / "folder")
    path = tmp_path / "car"
    path.write_bytes(car)
    honest = what_it_is(path)
    before = {*tmp_path.iterdir()}
    rng = random.Random(version)
    for place in range(len(car)):
        changed = bytearray(car)
        changed[place] ^= rng.choice([0x01, 0x80, 0xFF, 1 << rng.randrange(8)])
        path.write_bytes(changed)
        if version == 1:
            assert what_it_is(path) != honest, place
        try:
            car_unpack(path, tmp_path / "out")
        except IPFSError:
            assert {*tmp_path.iterdir()} == before
        else:
            assert read_tree(tmp_path / "out") == tree, place
            shutil.rmtree(tmp_path / "out")


@given(noise=st.binary(max_size=300), behind=st.booleans())
def test_noise_is_a_typed_error_or_an_empty_car(noise: bytes, behind: bool) -> None:
    header = car_header([cid_of(b"1")]) if behind else b""
    with tempfile.TemporaryDirectory() as above:
        path = Path(above) / "car"
        path.write_bytes(header + noise)
        found = what_it_is(path)
        assert found is None or found[0].blocks <= len(noise)
        with pytest.raises(IPFSError):
            car_unpack(path, Path(above) / "out")
        assert list(Path(above).iterdir()) == [path]


def lengths() -> dict[str, bytes]:
    """Beginnings that announce more than there is, or nothing that can be."""
    header = car_header([])
    return {
        "a header of all bytes": varint((1 << 63) - 1),
        "a header of a terabyte": varint(1 << 40),
        "a header over the limit": varint((8 << 20) + 1) + bytes((8 << 20) + 1),
        "a header that is not there": varint(8 << 20) + b"\xa2",
        "a length without end": b"\xff" * 1000,
        "an overlong length": b"\x91\x00" + header[1:],
        "a section of all bytes": header + varint((1 << 63) - 1),
        "a section of a terabyte": header + varint(1 << 40) + b"\x01",
        "a section that is not there": header + varint(2 << 20),
        "a section without end": header + b"\xff" * 1000,
        "an empty section": header + b"\0",
        "a section of no CID": header + b"\x05hello",
        "a section shorter than its CID": header + b"\x03\x01\x55\x12",
        "a digest of all bytes": header
        + b"\x20\x01\x55\x12"
        + varint(1 << 62)
        + bytes(30),
        "a block over the limit": header
        + car_section(cid_for(bytes((2 << 20) + 1), 0x55), bytes((2 << 20) + 1)),
        "roots without end": b"\x10\xa2\x65roots\x9b" + b"\xff" * 8,
        "a deep header": varint(100_000) + b"\x81" * 100_000,
        "version 2 beyond the file": b"\x0a\xa1\x67version\x02" + b"\xff" * 40,
        "version 2 of nothing": b"\x0a\xa1\x67version\x02" + bytes(40),
        "version 3": b"\x0a\xa1\x67version\x03",
    }


@pytest.mark.parametrize("car", lengths().values(), ids=lengths())
def test_lengths_that_lie_are_refused_without_their_memory(
    car: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "car"
    path.write_bytes(car)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = monotonic()
    with pytest.raises(IPFSError):
        car_verify(path)
    with pytest.raises(IPFSError):
        list(car_blocks(path))
    with pytest.raises(IPFSError):
        car_unpack(path, tmp_path / "out")
    if not car.startswith(car_header([])):
        with pytest.raises(IPFSError):
            car_roots(path)
    assert monotonic() - begun < SOON_SECONDS
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 64 << 10
    assert list(tmp_path.iterdir()) == [path]


DEEP_CBOR = {"arrays": b"\x81", "maps": b"\xa1\x61a", "tags": b"\xd8\x2a"}


@pytest.mark.parametrize("opening", DEEP_CBOR.values(), ids=DEEP_CBOR)
def test_blocks_nested_too_deep_to_read_are_errors(
    opening: bytes, tmp_path: Path
) -> None:
    for codec, data in ((0x71, opening * 500_000), (0x0129, b"[" * 1_000_000)):
        path = tmp_path / "car"
        cid = cid_for(data, codec)
        path.write_bytes(car_v1([cid], [(cid, data)]))
        with pytest.raises(IPFSError):
            car_verify(path)
        assert [block.cid for block in car_blocks(path)] == [cid]


def test_an_index_that_lies_is_found_out(tmp_path: Path) -> None:
    car = bytearray(small_car(tmp_path, 2))
    place = int.from_bytes(car[43:51], "little")
    assert car_verify(tmp_path / "honest").version == 2
    tree = read_tree(tmp_path / "folder")
    rng = random.Random(11)
    path = tmp_path / "car"
    for attempt in range(300):
        changed = bytearray(car)
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(place, len(car))] = rng.randrange(256)
        path.write_bytes(changed)
        out = tmp_path / f"{attempt}"
        try:
            car_unpack(path, out)
        except IPFSError:
            assert not out.exists()
        else:
            assert read_tree(out) == tree


def test_limits_given_are_kept_to_the_entry_and_the_byte(tmp_path: Path) -> None:
    dag = Dag()
    root = dag.folder(
        [("a", dag.raw(b"123")), ("b", dag.node(unixfs(RAW, b"45", size=2)))]
    )
    car = dag.car(root)
    for number, limits in enumerate(({"max_entries": 2}, {"max_bytes": 4})):
        where = tmp_path / f"{number}"
        where.mkdir()
        refused(where, car, LimitExceededError, "limit", **limits)
    (tmp_path / "car").write_bytes(car)
    done = car_unpack(tmp_path / "car", tmp_path / "out", max_entries=3, max_bytes=5)
    assert done == (3, 5)


def test_folders_and_links_with_more_than_they_need_are_harmless(tmp_path: Path) -> None:
    dag = Dag()
    link = dag.node(unixfs(SYMLINK, b"f"), [Link(b"../../x", dag.raw(b"harm"))])
    folder = dag.node(unixfs(FOLDER, b"harm", size=9), [Link(b"l", link)])
    (tmp_path / "car").write_bytes(dag.car(folder))
    car_unpack(tmp_path / "car", tmp_path / "out")
    assert read_tree(tmp_path / "out") == {"l": "f"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["car", "out"]
