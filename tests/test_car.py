"""CAR files of our own and of go-car: pack, list, verify, unpack."""

import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inputs import (
    VECTORS,
    Dag,
    car_header,
    car_section,
    car_v1,
    load_vectors,
    numbered_files,
    random_tree,
    read_tree,
    write_tree,
)
from tests.processes import run_python
from tests.reference import Reference

from ipfs_kit_py import (
    CID,
    car_blocks,
    car_pack,
    car_roots,
    car_unpack,
    car_verify,
    cid_of,
    hash_file,
    hash_tree,
)
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    FileIOError,
    IntegrityError,
    InvalidParameterError,
    LimitExceededError,
    MalformedDataError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotFoundError,
    UnsafePathError,
    UnsupportedFileError,
)

PROFILES = ("unixfs-v0-2015", "unixfs-v1-2025")
VERSIONS = pytest.mark.parametrize("version", [1, 2])
Version = Literal[1, 2]
Params = dict[str, Any]


def a_tree(seed: int) -> dict[str, Any]:
    """A tree of everything: links inside, empty folders, odd names, a folder to shard."""
    tree = without_links(random_tree(random.Random(seed), depth=2, most=10))
    tree |= {"d": {"f": b"2"}, "link": "d/f", "dlink": "d", "up": {"l": "../link"}}
    tree |= {"empty": {}, "文件 🎈": b"", "l" * 80: b"1"}
    return tree | {"many": {f"{i:03}é": b"%d" % i for i in range(200)}}


def without_links(tree: dict[str, Any]) -> dict[str, Any]:
    """The same tree without links, whose targets are made up."""
    kept = {name: what for name, what in tree.items() if not isinstance(what, str)}
    return {k: without_links(v) if isinstance(v, dict) else v for k, v in kept.items()}


@VERSIONS
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_packed_is_verified_listed_and_unpacked(
    seed: int, profile: str, version: Version, tmp_path: Path
) -> None:
    tree = a_tree(seed)
    folder, car = write_tree(tmp_path / "folder", tree), tmp_path / "car"
    params: Params = {"hidden": True, "hamt_threshold": 2000, "chunker": "size-4096"}
    root = car_pack(folder, car, profile, version=version, **params)
    assert root == hash_tree(folder, profile, **params)
    assert car_roots(car) == [root]
    report = car_verify(car)
    blocks = list(car_blocks(car))
    assert (report.version, report.roots, report.is_complete) == (version, [root], True)
    assert report.blocks == len(blocks) == len({block.cid for block in blocks})
    assert report.bytes == sum(len(block.data) for block in blocks)
    assert all(block.cid.verify(block.data) for block in blocks)
    assert (report.missing_blocks, report.missing) == (0, [])
    unpacked = car_unpack(car, tmp_path / "out")
    assert read_tree(tmp_path / "out") == tree
    written = list((tmp_path / "out").rglob("*"))
    assert unpacked.entries == len(written) + 1
    files = (path for path in written if path.is_file() and not path.is_symlink())
    assert unpacked.bytes == sum(path.stat().st_size for path in files)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("trickle", [False, True])
@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 50_000])
def test_a_single_file_is_unpacked_to_a_file(
    size: int, trickle: bool, profile: str, tmp_path: Path
) -> None:
    data = random.Random(size).randbytes(size)
    path, car = tmp_path / "file", tmp_path / "car"
    path.write_bytes(data)
    params: Params = {"chunker": "size-1000", "max_file_links": 3, "trickle": trickle}
    root = car_pack(path, car, profile, **params)
    assert root == hash_file(path, profile, **params)
    assert car_unpack(car, tmp_path / "out") == (1, size)
    assert (tmp_path / "out").read_bytes() == data


@given(data=st.binary(max_size=2000), chunk=st.integers(1, 100), width=st.integers(2, 5))
def test_blocks_are_those_of_the_reference_children_first(
    data: bytes, chunk: int, width: int
) -> None:
    reference = Reference(chunk, width)
    root = reference.file(data)
    with tempfile.TemporaryDirectory() as above:
        path, car = Path(above) / "file", Path(above) / "car"
        path.write_bytes(data)
        params: Params = {"chunker": f"size-{chunk}", "max_file_links": width}
        assert car_pack(path, car, **params) == root.cid
        blocks = list(car_blocks(car))
    assert dict(blocks) == reference.dag.blocks
    places = {cid: place for place, (cid, _) in enumerate(blocks)}
    for cid, links in reference.dag.links.items():
        assert all(places[link.cid] < places[cid] for link in links)


@VERSIONS
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"chunker": "rabin-64-200-1000"},
        {"hash": "blake3", "trickle": True},
        {"inline": True, "hamt_threshold": 300},
    ],
    ids=str,
)
def test_a_car_is_the_same_to_the_byte_whatever_the_threads_and_the_listing(
    params: Params, version: Version, tmp_path: Path
) -> None:
    tree = a_tree(1)
    found = set()
    for number, threads in enumerate((1, 2, 3, 4, 4)):
        names = list(tree)
        random.Random(number).shuffle(names)
        folder = write_tree(tmp_path / f"{number}", {name: tree[name] for name in names})
        car_pack(folder, tmp_path / "car", threads=threads, version=version, **params)
        found.add((tmp_path / "car").read_bytes())
    assert len(found) == 1


def test_blocks_that_many_files_share_are_there_once(tmp_path: Path) -> None:
    tree = {f"{i}": bytes(50_000) for i in range(50)}
    folder, car = write_tree(tmp_path / "folder", tree), tmp_path / "car"
    car_pack(folder, car, chunker="size-1000")
    # One chunk, one file, one folder.
    assert len(list(car_blocks(car))) == 3
    car_unpack(car, tmp_path / "out")
    assert read_tree(tmp_path / "out") == tree


def test_inlined_blocks_need_no_place_in_the_car(tmp_path: Path) -> None:
    tree = {"a": b"short", "e": {}, "l": "a"}
    folder, car = write_tree(tmp_path / "folder", tree), tmp_path / "car"
    car_pack(folder, car, inline=True)
    assert len(list(car_blocks(car))) == 1
    assert car_verify(car).is_complete
    car_unpack(car, tmp_path / "out")
    assert read_tree(tmp_path / "out") == tree
    root = car_pack(folder / "a", car, inline=True)
    assert list(car_blocks(car)) == []
    assert root.digest == b"short"
    car_unpack(car, tmp_path / "single")
    assert (tmp_path / "single").read_bytes() == b"short"


@pytest.mark.parametrize("mtime_ns", [0, 1, -1, -1_500_000_000, 10**18 + 7])
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o640])
def test_modes_and_times_come_back(mode: int, mtime_ns: int, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", {"f": b"1", "d": {"g": b"2"}})
    paths = ("f", "d/g", "d", ".")
    for name in paths:
        (folder / name).chmod(mode)
        os.utime(folder / name, ns=(0, mtime_ns))
    car = tmp_path / "car"
    car_pack(folder, car, preserve_mode=True, preserve_mtime=True, hamt_threshold=10)
    car_unpack(car, tmp_path / "out")
    for name in paths:
        found = (tmp_path / "out" / name).stat()
        assert (found.st_mode & 0o7777, found.st_mtime_ns) == (mode, mtime_ns), name


def test_no_mode_lets_a_file_run_as_someone_else(tmp_path: Path) -> None:
    path, car = tmp_path / "file", tmp_path / "car"
    path.write_bytes(b"1")
    car_pack(path, car, mode=0o6755)
    car_unpack(car, tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o7777 == 0o755


UNPACK_AS_NOBODY = """
    import os, sys
    from pathlib import Path
    from ipfs_kit_py import car_unpack
    from ipfs_kit_py.errors import IPFSError
    if os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    folder = Path(sys.argv[1])
    car_unpack(folder / "whole.car", folder / "out")
    print(oct((folder / "out").stat().st_mode & 0o777))
    print(oct((folder / "out" / "d").stat().st_mode & 0o777))
    print((folder / "out" / "d" / "f").read_bytes().decode())
    try:
        car_unpack(folder / "broken.car", folder / "other")
    except IPFSError as error:
        print(error.code, *sorted(path.name for path in folder.iterdir()))
"""


def test_closed_folders_are_unpacked_and_cleaned_up_by_anyone(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"d": {"f": b"2"}, "z": b"3" * 3000})
    (tree / "d").chmod(0o500)
    tree.chmod(0o500)
    with tempfile.TemporaryDirectory() as above:
        whole, broken = Path(above) / "whole.car", Path(above) / "broken.car"
        car_pack(tree, whole, preserve_mode=True, chunker="size-1000")
        # Without this block `z` cannot be made, which comes behind the closed folder.
        kept = [block for block in car_blocks(whole) if block.data.count(b"3") < 1000]
        broken.write_bytes(car_v1(car_roots(whole), kept))
        Path(above).chmod(0o777)
        printed = run_python(UNPACK_AS_NOBODY, above).split()
    assert printed[:3] == ["0o500", "0o500", "2"]
    assert printed[3:] == ["block-not-found", "broken.car", "out", "whole.car"]


def two_roots() -> tuple[Dag, CID, CID]:
    dag = Dag()
    file = dag.raw(b"file")
    folder = dag.folder([("a", dag.raw(b"1")), ("b", dag.symlink("a"))])
    return dag, file, folder


def test_several_roots_become_entries_named_by_their_cids(tmp_path: Path) -> None:
    dag, file, folder = two_roots()
    car = tmp_path / "car"
    car.write_bytes(dag.car(file, folder))
    assert car_roots(car) == [file, folder]
    assert car_unpack(car, tmp_path / "out") == (4, 5)
    found = read_tree(tmp_path / "out")
    assert found == {str(file): b"file", str(folder): {"a": b"1", "b": "a"}}


def test_limits_are_for_all_roots_together(tmp_path: Path) -> None:
    dag, file, folder = two_roots()
    car = tmp_path / "car"
    car.write_bytes(dag.car(file, folder))
    too_little: list[Params] = [{"max_entries": 3}, {"max_bytes": 4}]
    for limits in too_little:
        with pytest.raises(LimitExceededError):
            car_unpack(car, tmp_path / "out", **limits)
        assert [path.name for path in tmp_path.iterdir()] == ["car"]
    car_unpack(car, tmp_path / "out", max_entries=4, max_bytes=5)


def test_a_root_that_fails_leaves_nothing_of_the_others(tmp_path: Path) -> None:
    dag, file, folder = two_roots()
    car = tmp_path / "car"
    car.write_bytes(dag.car(file, folder, cid_of(b"missing")))
    with pytest.raises(BlockNotFoundError):
        car_unpack(car, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["car"]


def test_a_car_without_roots_has_nothing_to_unpack(tmp_path: Path) -> None:
    dag, _, _ = two_roots()
    car = tmp_path / "car"
    car.write_bytes(dag.car())
    assert car_roots(car) == []
    assert car_verify(car).is_complete
    with pytest.raises(InvalidParameterError, match="no root"):
        car_unpack(car, tmp_path / "out")


def test_missing_blocks_are_counted_and_the_first_hundred_named(tmp_path: Path) -> None:
    dag = Dag()
    gone = [dag.raw(b"%d" % i) for i in range(150)]
    root = dag.folder((f"{i:03}", cid) for i, cid in enumerate(gone))
    car = tmp_path / "car"
    car.write_bytes(car_v1([root], [(root, dag.blocks[root])]))
    report = car_verify(car)
    assert not report.is_complete
    assert (report.missing_blocks, report.missing) == (150, gone[:100])
    with pytest.raises(BlockNotFoundError, match=str(gone[0])) as missing:
        car_unpack(car, tmp_path / "out")
    assert isinstance(missing.value, KeyError)
    assert [path.name for path in tmp_path.iterdir()] == ["car"]


def test_links_are_made_left_out_or_refused(tmp_path: Path) -> None:
    tree = {"f": b"1", "d": {"up": "../f", "below": "x/y"}, "out": "../x"}
    folder, car = write_tree(tmp_path / "folder", tree), tmp_path / "car"
    car_pack(folder, car)
    with pytest.raises(UnsafePathError, match="out"):
        car_unpack(car, tmp_path / "refused")
    car_unpack(car, tmp_path / "any", symlinks="any")
    assert read_tree(tmp_path / "any") == tree
    car_unpack(car, tmp_path / "skip", symlinks="skip")
    assert read_tree(tmp_path / "skip") == {"f": b"1", "d": {}}
    assert not (tmp_path / "refused").exists()
    with pytest.raises(InvalidParameterError, match="follow"):
        car_unpack(car, tmp_path / "x", symlinks="follow")  # type: ignore[arg-type]


def test_a_link_as_the_root_is_made_only_if_any_is(tmp_path: Path) -> None:
    dag, car = Dag(), tmp_path / "car"
    car.write_bytes(dag.car(dag.symlink("f")))
    with pytest.raises(UnsafePathError):
        car_unpack(car, tmp_path / "out")
    with pytest.raises(MalformedDataError, match="root is a link"):
        car_unpack(car, tmp_path / "out", symlinks="skip")
    car_unpack(car, tmp_path / "out", symlinks="any")
    assert str((tmp_path / "out").readlink()) == "f"


def test_what_exists_is_never_written_over_by_unpacking(tmp_path: Path) -> None:
    dag, file, _ = two_roots()
    car = tmp_path / "car"
    car.write_bytes(dag.car(file))
    there = {"file": b"old", "link": "nowhere", "empty": {}}
    folder = write_tree(tmp_path / "there", there)
    for name in ("file", "link", "empty", "."):
        with pytest.raises(PathExistsError) as exists:
            car_unpack(car, folder / name)
        assert exists.value.filename == str(folder / name)
    assert read_tree(folder) == there


@VERSIONS
def test_packing_replaces_what_stands_there_only_once_it_is_whole(
    version: Version, tmp_path: Path
) -> None:
    folder, car = write_tree(tmp_path / "folder", {"a": b"1"}), tmp_path / "car"
    car.write_bytes(b"old")
    os.mkfifo(folder / "pipe")
    with pytest.raises(UnsupportedFileError, match="pipe"):
        car_pack(folder, car, version=version)
    assert car.read_bytes() == b"old"
    (folder / "pipe").unlink()
    car_pack(folder, car, version=version)
    assert car_verify(car).is_complete
    assert sorted(path.name for path in tmp_path.iterdir()) == ["car", "folder"]


def test_a_packed_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"1")
    car_pack(tmp_path / "plain", tmp_path / "car")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


READERS: list[Callable[[Path], Any]] = [
    car_roots,
    car_verify,
    lambda path: list(car_blocks(path)),
    lambda path: car_unpack(path, path.parent / "out"),
]


@pytest.mark.parametrize("read", READERS, ids=["roots", "verify", "blocks", "unpack"])
def test_paths_that_cannot_be_read_are_named(
    read: Callable[[Path], Any], tmp_path: Path
) -> None:
    with pytest.raises(PathNotFoundError) as not_found:
        read(tmp_path / "missing")
    assert not_found.value.filename == str(tmp_path / "missing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PathIsADirectoryError) as folder:
        read(tmp_path / "folder")
    assert folder.value.filename == str(tmp_path / "folder")
    (tmp_path / "text").write_text("hello world")
    with pytest.raises(MalformedDataError, match=str(tmp_path / "text")):
        read(tmp_path / "text")


def test_paths_that_cannot_be_packed_are_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    with pytest.raises(PathNotFoundError) as no_source:
        car_pack(tmp_path / "missing", tmp_path / "car")
    assert no_source.value.filename == str(tmp_path / "missing")
    with pytest.raises(FileIOError) as no_folder:
        car_pack(path, path / "car")
    assert no_folder.value.filename == str(path / "car")
    with pytest.raises(PathNotFoundError):
        car_pack("", tmp_path / "car")
    with pytest.raises(InvalidParameterError, match="version 3"):
        car_pack(path, tmp_path / "car", version=3)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["max_bytes", "max_entries"])
@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_limits_out_of_range_are_refused_by_name(
    name: str, value: int, tmp_path: Path
) -> None:
    dag, file, _ = two_roots()
    car = tmp_path / "car"
    car.write_bytes(dag.car(file))
    limits: Params = {name: value}
    with pytest.raises(InvalidParameterError, match=f"{name} {value}"):
        car_unpack(car, tmp_path / "out", **limits)


def test_progress_counts_bytes_and_files(tmp_path: Path) -> None:
    folder = numbered_files(tmp_path / "folder", 3000, "file-%06d")
    car = tmp_path / "car"
    seen: list[tuple[int, int]] = []

    def report(done: int, files: int) -> None:
        seen.append((done, files))

    total = sum(path.stat().st_size for path in folder.iterdir())
    car_pack(folder, car, progress=report)
    assert seen[-1] == (total, 3000)
    car_verify(car, report)
    assert seen[-1][0] == car_verify(car).bytes
    car_unpack(car, tmp_path / "out", report)
    assert seen[-1] == (total, 3001)


def test_what_progress_raises_comes_through(tmp_path: Path) -> None:
    folder = numbered_files(tmp_path / "folder", 3000, "file-%06d")
    car = tmp_path / "car"
    car_pack(folder, car)

    def refuse(_done: int, _files: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        car_pack(folder, tmp_path / "new", progress=refuse)
    with pytest.raises(LookupError, match="enough"):
        car_unpack(car, tmp_path / "out", refuse)
    with pytest.raises(LookupError, match="enough"):
        car_verify(car, refuse)
    # It is asked at the end as well, when what is whole has appeared already.
    left = {path.name for path in tmp_path.iterdir()}
    assert {"car", "folder"} <= left <= {"car", "folder", "new", "out"}


LISTING = load_vectors("car/listing.json")


@pytest.mark.parametrize("listed", LISTING, ids=lambda listed: str(listed["file"]))
def test_cars_of_go_car_hold_what_it_says(listed: dict[str, Any]) -> None:
    path = VECTORS / "car" / listed["file"]
    assert [str(cid) for cid in car_roots(path)] == listed["roots"]
    if listed["file"] == "v1-zero-padded.car":
        with pytest.raises(MalformedDataError, match="empty section"):
            car_verify(path)
        return
    found = [(str(block.cid), len(block.data)) for block in car_blocks(path)]
    assert found == [(block["cid"], block["data_bytes"]) for block in listed["blocks"]]
    report = car_verify(path)
    assert (report.version, report.blocks) == (listed["version"], len(found))


def test_blocks_are_given_out_up_to_the_first_wrong_one(tmp_path: Path) -> None:
    good, wrong = b"good", cid_of(b"right")
    sections = [(cid_of(good), good), (wrong, b"wrong"), (cid_of(good), good)]
    car = tmp_path / "car"
    car.write_bytes(car_v1([cid_of(good)], sections))
    blocks = car_blocks(car)
    assert next(blocks) == (cid_of(good), good)
    with pytest.raises(IntegrityError, match=str(wrong)):
        next(blocks)
    with pytest.raises(StopIteration):
        next(blocks)
    with pytest.raises(IntegrityError, match=str(wrong)):
        car_verify(car)


def test_a_car_cut_between_blocks_says_what_is_missing(tmp_path: Path) -> None:
    dag, file, folder = two_roots()
    car = tmp_path / "car"
    car.write_bytes(car_header([folder]) + car_section(file, b"file"))
    report = car_verify(car)
    assert (report.blocks, report.missing) == (1, [folder])
    car.write_bytes(dag.car(folder))
    assert car_verify(car).is_complete
