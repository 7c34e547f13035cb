"""What we name and pack is what a real Kubo names and packs, over random parameters.

The parameter sets are random, and the same at every run. Kubo is asked by flags, and by
its configuration for what has no flag. It adds for real, without a pin: with
`--only-hash` it forgets `max_directory_links` and `max_hamt_fanout` for the folder at the
top, whose root it makes before it looks at them, so that its own two answers differ.

One more thing no test can ask: where a folder with folders in it is larger than the
threshold by less than the length of a name, Kubo 0.43 answers one thing or the other from
run to run. It compares the link that is replaced, with its name, to the new one, which
has none yet, takes the folder for shrunk, and unshards it again; in which order it
replaces links is up to a map. What is built here depends on the entries alone.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inputs import random_tree, read_tree, write_tree
from tests.integration.conftest import Kubo

from ipfs_kit_py import (
    CID,
    CarBlock,
    IPFSError,
    car_blocks,
    car_pack,
    car_roots,
    car_unpack,
    car_verify,
    cid_of,
    hash_file,
    hash_tree,
)
from ipfs_kit_py._native import multibases

Params = dict[str, Any]

V0, V1 = PROFILES = ("unixfs-v0-2015", "unixfs-v1-2025")
ESTIMATIONS = {"links-bytes": "links", "block-bytes": "block", "links-count": "disabled"}
METADATA = ("preserve_mode", "preserve_mtime", "mode", "mtime")
HASHES = (
    *("sha1", "sha2-256", "sha2-512", "sha3-224", "sha3-256", "sha3-384", "sha3-512"),
    *("keccak-256", "blake2b-256", "blake2s-256", "blake3", "dbl-sha2-256"),
)
CODECS = ("raw", "dag-pb", "dag-cbor", "dag-json", "libp2p-key")
CHUNKERS = (
    *("size-1", "size-7", "size-64", "size-1000", "size-65536", "size-2096896"),
    *("rabin", "rabin-1000", "rabin-16-32-64", "rabin-1024-4096-16384", "buzhash"),
)


def flags(params: Params) -> Iterator[str]:
    """The parameters that have a flag."""
    for name, value in params.items():
        flag = "--" + name.replace("_", "-")
        match value:
            case _ if name in {"hamt_threshold", "hamt_size_estimation"}:
                pass
            case bool():
                yield f"{flag}={str(value).lower()}"
            case int() if name == "mode":
                yield f"{flag}=0{value:o}"
            case _:
                yield f"{flag}={value}"


def settings(profile: str, params: Params) -> dict[str, Any]:
    """What the profile and the parameters need of the `Import` section."""
    found: dict[str, Any] = {}
    if profile == V0:
        # Kubo's own defaults leave it to choose; what a profile names it insists on.
        found |= {"CidVersion": None, "UnixFSRawLeaves": None}
    elif any(name in params for name in METADATA):
        found |= {"UnixFSRawLeaves": None}
    if "hamt_threshold" in params:
        found["UnixFSHAMTDirectorySizeThreshold"] = f"{params['hamt_threshold']}B"
    if "hamt_size_estimation" in params:
        estimation = ESTIMATIONS[params["hamt_size_estimation"]]
        found["UnixFSHAMTDirectorySizeEstimation"] = estimation
    return found


def added(
    kubo: Kubo, paths: list[Path], profile: str, params: Params, *more: str
) -> list[str]:
    """All CIDs that `ipfs add` prints, the root last."""
    section = kubo.imports[profile] | settings(profile, params)
    (kubo.repo / "config").write_text(json.dumps(kubo.config | {"Import": section}))
    given = [*more, *flags(params), *map(str, paths)]
    printed = kubo.run("add", "-q", "--progress=false", "--recursive", *given)
    return printed.decode().split()


def ours(path: Path, profile: str, params: Params) -> str:
    hashed = hash_tree if path.is_dir() else hash_file
    return str(hashed(path, profile, **params))


def expect_same(kubo: Kubo, path: Path, profile: str, params: Params) -> None:
    theirs = added(kubo, [path], profile, params, "--pin=false")[-1]
    assert ours(path, profile, params) == theirs, (path.name, profile, params)


def sometimes(rng: random.Random, chance: float, **choices: list[Any]) -> Params:
    """A value for each name, or none."""
    drawn = {name: rng.choice(values) for name, values in choices.items()}
    return {name: value for name, value in drawn.items() if rng.random() < chance}


def file_params(rng: random.Random) -> Params:
    """Parameters that do not contradict each other."""
    params = sometimes(
        rng,
        0.4,
        cid_version=[0, 1],
        raw_leaves=[True, False],
        chunker=[*CHUNKERS],
        trickle=[True, True, False],
        inline=[True],
        inline_limit=[0, 1, 5, 31, 32, 33, 64, 100, 127, 128],
        max_file_links=[2, 3, 5, 10, 174, 175, 1000],
    )
    if params.get("cid_version") != 0:
        params |= sometimes(rng, 0.5, hash=[*HASHES])
    if not params.get("raw_leaves"):
        params |= sometimes(
            rng,
            0.2,
            preserve_mode=[True],
            preserve_mtime=[True],
            mode=[0o644, 0o755, 0o1, 0o777],
            mtime=[1, -1, 1_700_000_000, -62_135_596_801, 1 << 40],
        )
        if "mtime" in params:
            params |= sometimes(rng, 0.5, mtime_nsecs=[1, 999_999_999])
    return params


def boundaries(params: Params, profile: str) -> list[int]:
    """Sizes around the chunk and the width, where a chunk has a size."""
    name, _, number = params.get("chunker", "size-65536").partition("-")
    chunk = int(number) if name == "size" else 4096
    width = min(params.get("max_file_links", 174 if profile == V0 else 1024), 70)
    around = (0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk + 1)
    wide = (chunk * width, chunk * width + 1, chunk * (width * 2 + 1))
    return sorted({size for size in (*around, *wide) if size < 3_000_000})


def touch(rng: random.Random, path: Path) -> None:
    """Give a path a mode and a time of its own."""
    if not path.is_symlink():
        path.chmod(rng.choice([0o644, 0o4755, 0o600, 0o1777]) | 0o700 * path.is_dir())
    mtime_ns = rng.choice([0, -1, 5, 10**18, -(10**17) + 1])
    os.utime(path, ns=(0, mtime_ns), follow_symlinks=False)


@pytest.mark.parametrize("seed", range(16))
def test_files_have_kubos_cids(seed: int, kubo: Kubo, tmp_path: Path) -> None:
    for case in range(5):
        rng = random.Random(f"file {seed} {case}")
        profile, params = rng.choice(PROFILES), file_params(rng)
        sizes = boundaries(params, profile)
        paths = []
        for number, size in enumerate(sizes):
            paths.append(tmp_path / f"{number:02}")
            paths[-1].write_bytes(rng.randbytes(size))
            touch(rng, paths[-1])
        theirs = added(kubo, paths, profile, params, "--pin=false")
        found = [ours(path, profile, params) for path in paths]
        by_size = dict(zip(sizes, zip(found, theirs, strict=True), strict=True))
        different = {size: pair for size, pair in by_size.items() if pair[0] != pair[1]}
        assert different == {}, (profile, params)


def tree_params(rng: random.Random) -> Params:
    params = file_params(rng)
    params.pop("chunker", None)
    return params | sometimes(
        rng,
        0.5,
        chunker=["size-1000", "size-65536", "rabin-1000", "buzhash"],
        hamt_threshold=[1, 100, 300, 1000, 3000, 20_000],
        hamt_size_estimation=[*ESTIMATIONS],
        max_directory_links=[1, 2, 5, 20, 100],
        max_hamt_fanout=[8, 16, 32, 128, 256, 512, 1024],
        hidden=[True, True, False],
        empty_dirs=[False, False, True],
        wrap_with_directory=[True, False],
    )


def touched_tree(rng: random.Random, folder: Path) -> Path:
    write_tree(folder, random_tree(rng, depth=3, most=rng.choice([5, 12, 20])))
    for path in sorted(folder.rglob("*"), reverse=True):
        touch(rng, path)
    touch(rng, folder)
    return folder


@pytest.mark.parametrize("seed", range(12))
def test_trees_have_kubos_cids(seed: int, kubo: Kubo, tmp_path: Path) -> None:
    for case in range(4):
        rng = random.Random(f"tree {seed} {case}")
        folder = touched_tree(rng, tmp_path / str(case))
        expect_same(kubo, folder, rng.choice(PROFILES), tree_params(rng))


HIDDEN = {".h": b"1", ".d": {"x": b"2"}, "n": {".q": b"3"}, "f": b"4"}
NESTED = {"a": {"b": {}}, "c": {}, "f": b"1"}
LINKS = {
    "f": b"1",
    "d": {"g": b"2"},
    "lf": "f",
    "ld": "d",
    "up": {"l": "../f"},
    "no": "x",
}
FOLLOWED = {name: what for name, what in LINKS.items() if name != "no"}
SPECIAL: list[tuple[dict[str, Any], Params]] = [
    *[
        ({"f": b"1"}, {"wrap_with_directory": True, name: 5})
        for name in ("mode", "mtime")
    ],
    *[({}, {"empty_dirs": False, "wrap_with_directory": wrap}) for wrap in (True, False)],
    (HIDDEN, {}),
    (HIDDEN, {"hidden": True}),
    (HIDDEN, {"empty_dirs": False}),
    (NESTED, {}),
    (NESTED, {"empty_dirs": False}),
    (LINKS, {}),
    (LINKS, {"preserve_mode": True, "preserve_mtime": True}),
    (LINKS, {"mode": 0o755, "mtime": -1, "mtime_nsecs": 1}),
    (FOLLOWED, {"dereference_symlinks": True}),
    (FOLLOWED, {"dereference_symlinks": True, "preserve_mode": True}),
    (FOLLOWED, {"mtime": 1, "hamt_threshold": 20, "wrap_with_directory": True}),
]


@pytest.mark.parametrize("profile", PROFILES)
def test_special_trees_have_kubos_cids(profile: str, kubo: Kubo, tmp_path: Path) -> None:
    for number, (tree, params) in enumerate(SPECIAL):
        folder = write_tree(tmp_path / str(number), tree)
        expect_same(kubo, folder, profile, params)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_named_as_a_path_is_taken_as_in_kubo(
    profile: str, kubo: Kubo, tmp_path: Path
) -> None:
    write_tree(tmp_path / "t", {".h": b"1", ".d": {"x": b"2"}, "f": b"3", "l": "f"})
    for name in (".h", ".d", "f"):
        for params in ({}, {"wrap_with_directory": True}):
            expect_same(kubo, tmp_path / "t" / name, profile, params)
    # A link is followed here, as by every function that takes a path; Kubo keeps it
    # unless told otherwise.
    link, params = tmp_path / "t" / "l", {"dereference_symlinks": True}
    expect_same(kubo, link, profile, params)
    assert ours(link, profile, {}) == ours(link, profile, params)
    assert added(kubo, [link], profile, {})[-1] != ours(link, profile, {})


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("estimation", [*ESTIMATIONS])
def test_a_folder_is_sharded_from_the_very_byte_and_link_on(
    estimation: str, profile: str, kubo: Kubo, tmp_path: Path
) -> None:
    rng = random.Random(estimation)
    tree = {f"{i:02}" + "n" * rng.randrange(20): rng.randbytes(i) for i in range(20)}
    folder = write_tree(tmp_path / "folder", tree)
    shapes = set()
    params: Params = {"hamt_size_estimation": estimation, "max_hamt_fanout": 8}
    cid_bytes = 34 if profile == V0 else 36
    names = sum(map(len, tree)) + len(tree) * cid_bytes
    flat = ours(folder, profile, params)
    (size,) = (len(data) for cid, data in packed(folder, profile, {}) if str(cid) == flat)
    for threshold in {"block-bytes": (size - 1, size)}.get(
        estimation, (names - 1, names)
    ):
        for most in (0, 19, 20):
            more = {"hamt_threshold": threshold, "max_directory_links": most}
            expect_same(kubo, folder, profile, params | more)
            shapes.add((threshold, most, ours(folder, profile, params | more) == flat))
    if estimation == "links-count":
        assert {most for _, most, is_flat in shapes if not is_flat} == {19}
    else:
        assert len([is_flat for _, _, is_flat in shapes if is_flat]) == 2


def packed(path: Path, profile: str, params: Params) -> list[CarBlock]:
    car = path.with_name("packed.car")
    car_pack(path, car, profile, **params)
    return list(car_blocks(car))


REFUSED: list[Params] = [
    {"cid_version": 0, "hash": "blake3"},
    {"cid_version": 2},
    {"hash": "md5"},
    {"hash": "murmur3-x64-64"},
    {"chunker": "size-0"},
    {"chunker": "size-2096897"},
    {"chunker": "rabin-512144-512144-512144"},
    {"chunker": "whole"},
    {"raw_leaves": True, "mode": 0o644},
    {"raw_leaves": True, "preserve_mtime": True},
    {"mtime_nsecs": 1},
    {"max_hamt_fanout": 12},
    {"max_hamt_fanout": 2048},
]


@pytest.mark.parametrize("params", REFUSED, ids=str)
def test_what_kubo_refuses_is_refused(params: Params, kubo: Kubo, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1" * 1000)
    with pytest.raises(RuntimeError, match="Error"):
        added(kubo, [path], V0, params)
    with pytest.raises(IPFSError):
        ours(path, V0, params)


def test_where_kubos_flags_lose_what_unixfs_can_hold_we_keep_it(
    kubo: Kubo, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    # Kubo takes the flag's number for Go's own notation, where setuid, setgid and sticky
    # are other bits, and loses them; of a file's own mode it keeps them.
    path.chmod(0o4755)
    kept = added(kubo, [path], V1, {"preserve_mode": True})[-1]
    assert ours(path, V1, {"mode": 0o4755}) == kept
    assert added(kubo, [path], V1, {"mode": 0o4755}) != [kept]
    # Kubo cannot tell a flag of 0 from none; of a file's own time it keeps 1970.
    os.utime(path, ns=(0, 0))
    kept = added(kubo, [path], V1, {"preserve_mtime": True})[-1]
    assert ours(path, V1, {"mtime": 0}) == kept
    assert added(kubo, [path], V1, {"mtime": 0}) != [kept]


def test_a_threshold_of_0_shards_here_and_switches_sharding_off_in_kubo(
    kubo: Kubo, tmp_path: Path
) -> None:
    folder = write_tree(tmp_path / "folder", {"a": b"1"})
    params = {"hamt_threshold": 0}
    # As in ipfs-unixfs-importer; Kubo's meaning is here the estimation `links-count`.
    assert ours(folder, V1, params) == ours(folder, V1, {"hamt_threshold": 1})
    off = ours(folder, V1, {"hamt_size_estimation": "links-count"})
    assert added(kubo, [folder], V1, params)[-1] == off


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("profile", PROFILES)
def test_kubo_takes_our_car_whole_and_gives_the_files_back(
    profile: str, version: Any, kubo: Kubo, tmp_path: Path
) -> None:
    rng = random.Random(9)
    tree = random_tree(rng, depth=2, most=15)
    folder = write_tree(tmp_path / "folder", tree)
    params: Params = {"hidden": True, "hamt_threshold": 300, "chunker": "size-4096"}
    car = tmp_path / "car"
    root = car_pack(folder, car, profile, version=version, **params)
    assert kubo.dag_import(car.read_bytes()) == [str(root)]
    kubo.run("get", str(root), "-o", str(tmp_path / "got"))
    assert read_tree(tmp_path / "got") == tree


@pytest.mark.parametrize("profile", PROFILES)
def test_we_take_kubos_car_whole_and_give_the_files_back(
    profile: str, kubo: Kubo, tmp_path: Path
) -> None:
    rng = random.Random(10)
    tree = random_tree(rng, depth=2, most=15)
    folder = write_tree(tmp_path / "folder", tree)
    params: Params = {"hidden": True, "hamt_threshold": 300, "chunker": "size-4096"}
    root = added(kubo, [folder], profile, params)[-1]
    car = tmp_path / "car"
    car.write_bytes(kubo.dag_export(root))
    assert [str(cid) for cid in car_roots(car)] == [root]
    assert car_verify(car).is_complete
    assert dict(car_blocks(car)) == dict(packed(folder, profile, params))
    car_unpack(car, tmp_path / "out", symlinks="any")
    assert read_tree(tmp_path / "out") == tree


def test_modes_and_times_that_kubo_packed_come_back(kubo: Kubo, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", {"f": b"1", "d": {"g": b"2"}, "l": "f"})
    times = {"f": -1_500_000_000, "d/g": 5, "d": 10**18 + 7, ".": 1}
    for name, mtime_ns in times.items():
        (folder / name).chmod(0o750)
        os.utime(folder / name, ns=(0, mtime_ns))
    params = {"preserve_mode": True, "preserve_mtime": True}
    root = added(kubo, [folder], V1, params)[-1]
    car = tmp_path / "car"
    car.write_bytes(kubo.dag_export(root))
    car_unpack(car, tmp_path / "out")
    for name, mtime_ns in times.items():
        found = (tmp_path / "out" / name).stat()
        assert (found.st_mtime_ns, found.st_mode & 0o7777) == (mtime_ns, 0o750), name


def test_cids_are_printed_as_kubo_prints_them_in_every_base(kubo: Kubo) -> None:
    cids = [
        cid_of(b"a", codec, name) for codec in CODECS for name in (*HASHES, "identity")
    ]
    theirs = kubo.run("cid", "bases").decode().split()
    common = [name for name, _ in multibases() if name in theirs and name != "identity"]
    assert len(common) > 15
    for base in common:
        printed = kubo.run("cid", "format", "-b", base, *map(str, cids)).decode().split()
        assert printed == [cid.encode(base) for cid in cids]
        assert [CID(text) for text in printed] == cids


def test_versions_are_converted_as_in_kubo(kubo: Kubo) -> None:
    v1 = [cid_of(bytes([n]), "dag-pb") for n in range(20)]
    printed = kubo.run("cid", "format", "-v", "0", *map(str, v1)).decode().split()
    assert printed == [str(cid.to_v0()) for cid in v1]
    back = kubo.run("cid", "format", "-v", "1", "-b", "base32", *printed)
    assert back.decode().split() == list(map(str, v1))
