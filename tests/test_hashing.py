"""CIDs of files and folders: parameters, sources, special files, order, progress."""

import io
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inputs import numbered_files, random_tree, write_tree
from tests.processes import run_python
from tests.reference import Reference

from ipfs_kit_py import CID, IPFSError, car_pack, hash_file, hash_files, hash_tree
from ipfs_kit_py.errors import (
    FileIOError,
    InvalidNameError,
    InvalidParameterError,
    LimitExceededError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    UnsupportedFileError,
    UnsupportedHashError,
)

EMPTY = CID("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
PROFILES = ("unixfs-v0-2015", "unixfs-v1-2025")

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in {".", ".."})
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        st.binary(max_size=300) | st.text("ab/.", min_size=1, max_size=20),
        lambda below: st.dictionaries(NAMES, below, max_size=6),
        max_leaves=20,
    ),
    max_size=6,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of three chunks under the parameters `SMALL`."""
    path = tmp_path / "file"
    path.write_bytes(random.Random(0).randbytes(150))
    return path


SMALL: dict[str, Any] = {"chunker": "size-64", "max_file_links": 3}


@given(
    data=st.binary(max_size=600),
    chunk=st.integers(1, 50),
    width=st.integers(2, 6),
    raw=st.booleans(),
)
def test_a_file_is_what_the_reference_makes_of_it(
    data: bytes, chunk: int, width: int, raw: bool
) -> None:
    params: dict[str, Any] = {"chunker": f"size-{chunk}", "max_file_links": width}
    expected = Reference(chunk, width, raw=raw).file(data)
    assert hash_file(io.BytesIO(data), raw_leaves=raw, **params) == expected.cid


@given(tree=TREES, raw=st.booleans(), threads=st.integers(1, 4))
def test_a_tree_is_what_the_reference_makes_of_it(
    tree: dict[str, Any], raw: bool, threads: int
) -> None:
    expected = Reference(64, 3, raw=raw).folder(tree)
    params: dict[str, Any] = SMALL | {"raw_leaves": raw, "hidden": True}
    with tempfile.TemporaryDirectory() as above:
        folder = write_tree(Path(above) / "tree", tree)
        assert hash_tree(folder, threads=threads, **params) == expected.cid
        entries = hash_tree(above, entries=True, **params).entries
        sizes = {path: size for path, _, size in entries}
        assert sizes["tree"] == expected.tsize


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 191, 192, 193, 576, 577])
def test_boundaries_of_chunk_and_width_are_exact(
    size: int, raw: bool, tmp_path: Path
) -> None:
    data = random.Random(size).randbytes(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    expected = Reference(64, 3, raw=raw).file(data).cid
    assert hash_file(path, raw_leaves=raw, **SMALL) == expected


class Drip:
    """Gives bytes a few at a time, whatever is asked for."""

    def __init__(self, data: bytes, *pieces: int) -> None:
        self.source = io.BytesIO(data)
        self.pieces = pieces
        self.rng = random.Random(1)

    def read(self, size: int, /) -> bytes:
        return self.source.read(min(size, self.rng.choice(self.pieces)))


@pytest.mark.parametrize(
    "chunker", ["size-64", "size-1000", "size-65536", "rabin-64-200-1000", "buzhash"]
)
@pytest.mark.parametrize("pieces", [(1,), (7, 64, 1000), (65536,), (1 << 22,)])
def test_the_size_of_reads_changes_nothing(
    chunker: str, pieces: tuple[int, ...], tmp_path: Path
) -> None:
    data = random.Random(2).randbytes(3000 if pieces == (1,) else 400_000)
    path = tmp_path / "file"
    path.write_bytes(data)
    expected = hash_file(path, chunker=chunker)
    assert hash_file(Drip(data, *pieces), chunker=chunker) == expected


PARAMETERS: list[dict[str, Any]] = [
    {},
    {"cid_version": 0},
    {"cid_version": 1},
    {"raw_leaves": False},
    {"raw_leaves": True, "trickle": True},
    {"trickle": True},
    {"trickle": True, "mode": 0o644},
    {"trickle": True, "mtime": 5, "mtime_nsecs": 9, "hash": "blake3"},
    {"hash": "blake3"},
    {"hash": "sha2-512", "chunker": "size-64"},
    {"hash": "dbl-sha2-256", "trickle": True, "preserve_mode": True},
    {"hash": "sha1", "raw_leaves": False},
    {"chunker": "rabin"},
    {"chunker": "rabin-64-200-1000", "max_file_links": 3},
    {"chunker": "rabin-64-200-1000", "trickle": True, "preserve_mtime": True},
    {"chunker": "buzhash", "mode": 0o755, "mtime": -1},
    {"inline": True},
    {"inline": True, "inline_limit": 128, "chunker": "size-64"},
    {"inline": True, "inline_limit": 128, "raw_leaves": False, "mode": 1},
    {"max_file_links": 2, "chunker": "size-64"},
    {"preserve_mode": True, "preserve_mtime": True},
    {"wrap_with_directory": True},
    {"wrap_with_directory": True, "mode": 0o600, "mtime": 1},
]


def named(params: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in params.items()) or "none"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("params", PARAMETERS, ids=named)
def test_hashing_and_packing_agree_whatever_the_parameters(
    params: dict[str, Any], profile: str, tmp_path: Path
) -> None:
    rng = random.Random(3)
    tree = {"t": random_tree(rng)} | {
        f"f{size}": rng.randbytes(size) for size in (0, 1, 64, 65, 1000, 300_000)
    }
    folder = write_tree(tmp_path / "folder", tree)
    path = folder / "f300000"
    for mtime, below in enumerate(folder.iterdir()):
        os.utime(below, ns=(0, mtime * 10**9 + 1), follow_symlinks=False)
    for target, hashed in ((folder, hash_tree), (path, hash_file)):
        expected = hashed(target, profile, 1, **params)
        for threads in (1, 2, 4):
            packed = car_pack(target, tmp_path / "car", profile, threads, **params)
            assert packed == expected
            assert hashed(target, profile, threads, **params) == expected


@pytest.mark.parametrize("profile", PROFILES)
def test_none_leaves_a_parameter_to_the_profile(profile: str, file: Path) -> None:
    nothing = dict.fromkeys(("cid_version", "hash", "chunker", "mode", "mtime", "hidden"))
    assert hash_file(file, profile, **nothing) == hash_file(file, profile)


def test_profiles_differ_and_the_modern_one_is_the_default(file: Path) -> None:
    old, new = (hash_file(file, profile) for profile in PROFILES)
    assert old.version == 0
    assert new.version == 1
    assert hash_file(file) == new


def test_cid_version_1_over_the_old_profile_brings_raw_leaves(file: Path) -> None:
    old, data = PROFILES[0], file.read_bytes()
    params: dict[str, Any] = SMALL | {"cid_version": 1}
    with_raw, without = (
        Reference(64, 3, raw=raw).file(data).cid for raw in (True, False)
    )
    assert hash_file(file, old, **params) == with_raw
    assert hash_file(file, old, raw_leaves=False, **params) == without
    # Of one chunk there is nothing but the CID itself that could be of version 0.
    assert hash_file(file, old) == Reference(raw=False).file(data).cid.to_v0()


def test_a_hash_beyond_version_0_brings_version_1(file: Path) -> None:
    cid = hash_file(file, PROFILES[0], hash="blake3")
    assert (cid.version, cid.codec, cid.hash_name) == (1, "raw", "blake3")


REFUSED: list[tuple[dict[str, Any], type[IPFSError], str]] = [
    ({"cid_version": 2}, InvalidParameterError, "cid_version 2"),
    ({"cid_version": -1}, InvalidParameterError, "cid_version -1"),
    ({"cid_version": 0, "hash": "blake3"}, InvalidParameterError, "blake3"),
    ({"hash": "md5"}, UnsupportedHashError, "md5"),
    ({"hash": "murmur3-x64-64"}, UnsupportedHashError, "murmur3"),
    ({"hash": "no-such"}, UnsupportedHashError, "no-such"),
    ({"hash": "identity"}, LimitExceededError, "128"),
    ({"chunker": "size-0"}, InvalidParameterError, "size 0"),
    ({"chunker": "size-2096897"}, InvalidParameterError, "2096897"),
    ({"chunker": "size-"}, InvalidParameterError, "size-"),
    ({"chunker": "rabin-16-16-16"}, InvalidParameterError, "rabin-16-16-16"),
    ({"chunker": "rabin-1-2"}, InvalidParameterError, "rabin-1-2"),
    ({"chunker": "whole"}, InvalidParameterError, "whole"),
    ({"raw_leaves": True, "mode": 0o644}, InvalidParameterError, "raw_leaves"),
    ({"raw_leaves": True, "mtime": 1}, InvalidParameterError, "raw_leaves"),
    ({"raw_leaves": True, "preserve_mode": True}, InvalidParameterError, "raw_leaves"),
    ({"raw_leaves": True, "preserve_mtime": True}, InvalidParameterError, "raw_leaves"),
    ({"mtime_nsecs": 1}, InvalidParameterError, "mtime"),
    ({"mtime": 1, "mtime_nsecs": 10**9}, InvalidParameterError, "mtime_nsecs"),
    ({"mtime": 1 << 63}, InvalidParameterError, "mtime"),
    ({"mode": 0o10000}, InvalidParameterError, "mode"),
    ({"mode": -1}, InvalidParameterError, "mode"),
    ({"max_file_links": 1}, InvalidParameterError, "max_file_links"),
    ({"max_file_links": 1 << 70}, InvalidParameterError, "max_file_links"),
    ({"max_directory_links": -1}, InvalidParameterError, "max_directory_links"),
    ({"max_hamt_fanout": 4}, InvalidParameterError, "max_hamt_fanout"),
    ({"max_hamt_fanout": 12}, InvalidParameterError, "max_hamt_fanout"),
    ({"max_hamt_fanout": 2048}, InvalidParameterError, "max_hamt_fanout"),
    ({"hamt_size_estimation": "exact"}, InvalidParameterError, "exact"),
    ({"profile": "unixfs-v2"}, InvalidParameterError, "unixfs-v2"),
    ({"threads": 0}, InvalidParameterError, "threads"),
    ({"threads": -1}, InvalidParameterError, "threads"),
    ({"threads": 1025}, InvalidParameterError, "1025"),
    ({"inline": True, "inline_limit": 200}, LimitExceededError, "128"),
]


@pytest.mark.parametrize(("params", "error", "named"), REFUSED, ids=lambda x: str(x)[:60])
def test_wrong_and_contradicting_parameters_are_refused_by_name(
    params: dict[str, Any], error: type[IPFSError], named: str, file: Path
) -> None:
    for source in (file, io.BytesIO(file.read_bytes())):
        with pytest.raises(error, match=named) as refused:
            hash_file(source, **params)
        assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    "params",
    [
        {"no_such": 1},
        {"cid_version": "1"},
        {"cid_version": True},
        {"raw_leaves": 1},
        {"hash": b"blake3"},
        {"chunker": 1024},
        {"mode": 0.5},
        {"threads": "2"},
        {"profile": None},
    ],
    ids=named,
)
def test_unknown_keywords_and_wrong_types_are_type_errors(
    params: dict[str, Any], file: Path
) -> None:
    for call in (hash_file, hash_tree, lambda path, **p: list(hash_files([path], **p))):
        with pytest.raises(TypeError, match=next(iter(params))):
            call(file if call is not hash_tree else file.parent, **params)


@pytest.mark.parametrize("source", [b"bytes", 1, None, [b"x"]])
def test_what_is_neither_path_nor_reader_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match=type(source).__name__):
        hash_file(source)


@pytest.mark.parametrize("gives", ["text", None, 1])
def test_a_reader_that_gives_no_bytes_is_a_type_error(gives: Any) -> None:
    class Wrong:
        def read(self, _size: int, /) -> Any:
            return gives

    with pytest.raises(TypeError, match="bytes"):
        hash_file(Wrong())


def test_a_readers_own_exception_comes_through() -> None:
    class Broken:
        def read(self, _size: int, /) -> bytes:
            raise LookupError("of its own")

    with pytest.raises(LookupError, match="of its own"):
        hash_file(Broken())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_readers_may_give_any_buffer(kind: Callable[[bytes], Any]) -> None:
    class Reader:
        data = b"hello"

        def read(self, _size: int, /) -> Any:
            data, self.data = self.data, b""
            return kind(data)

    assert hash_file(Reader()) == hash_file(io.BytesIO(b"hello"))


def test_open_files_are_read_from_where_they_stand(file: Path) -> None:
    with file.open("rb") as opened:
        opened.seek(50)
        assert hash_file(opened) == hash_file(io.BytesIO(file.read_bytes()[50:]))


def test_an_open_file_lends_its_name_to_a_wrapping_folder(file: Path) -> None:
    expected = hash_file(file, wrap_with_directory=True)
    assert expected == Reference().folder({"file": file.read_bytes()}).cid
    with file.open("rb") as opened:
        assert hash_file(opened, wrap_with_directory=True) == expected
    with pytest.raises(InvalidNameError, match="name"):
        hash_file(io.BytesIO(b""), wrap_with_directory=True)


def fed(path: Path, data: bytes) -> threading.Thread:
    """Write to a pipe from another thread."""
    feeder = threading.Thread(target=path.write_bytes, args=(data,))
    feeder.start()
    return feeder


@pytest.mark.parametrize(
    "params", [{}, {"chunker": "rabin"}, {"hash": "blake3"}], ids=named
)
def test_a_named_pipe_is_read_to_its_end(params: dict[str, Any], tmp_path: Path) -> None:
    data = random.Random(4).randbytes(3_000_000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = fed(pipe, data)
    assert hash_file(pipe, **params) == hash_file(io.BytesIO(data), **params)
    feeder.join()


def test_standard_input_is_a_path_and_a_file(file: Path) -> None:
    program = """
        import sys
        from ipfs_kit_py import hash_file
        print(hash_file("/dev/stdin" if sys.argv[1] == "path" else sys.stdin.buffer))
    """
    expected = str(hash_file(file))
    for how in ("path", "file"):
        command = [
            sys.executable,
            "-c",
            "\n".join(map(str.strip, program.splitlines())),
            how,
        ]
        for stdin in (file.open("rb"), None):
            done = subprocess.run(
                command,
                stdin=stdin,
                input=None if stdin else file.read_bytes(),
                stdout=subprocess.PIPE,
                check=True,
            )
            assert done.stdout.decode().strip() == expected, (how, stdin)
            if stdin:
                stdin.close()


def test_a_device_without_bytes_is_an_empty_file() -> None:
    assert hash_file("/dev/null") == EMPTY


def paths_that_fail(folder: Path) -> Iterator[tuple[str, type[IPFSError]]]:
    yield str(folder / "missing"), PathNotFoundError
    yield "", PathNotFoundError
    yield str(folder / "file" / "below"), PathNotADirectoryError
    yield "x" * 300, FileIOError
    yield "zero\0byte", FileIOError
    yield str(folder / "dangling"), PathNotFoundError
    yield str(folder / "circle"), UnsupportedFileError


def test_paths_that_lead_nowhere_are_errors_that_name_them(file: Path) -> None:
    (file.parent / "dangling").symlink_to("nowhere")
    (file.parent / "circle").symlink_to("circle")
    for path, error in paths_that_fail(file.parent):
        for call in (hash_file, hash_tree, lambda p: list(hash_files([p]))):
            with pytest.raises(error) as failed:
                call(path)
            assert path.replace("\0", "\\0") in str(failed.value).replace("\\x00", "\\0")
            if isinstance(failed.value, OSError):
                assert failed.value.filename == path
                assert failed.value.errno


def test_folders_and_files_are_not_taken_for_each_other(file: Path) -> None:
    with pytest.raises(PathIsADirectoryError, match="hash_tree") as no_file:
        hash_file(file.parent)
    assert no_file.value.filename == str(file.parent)
    with pytest.raises(PathNotADirectoryError, match="hash_file") as no_folder:
        hash_tree(file)
    assert no_folder.value.filename == str(file)


def test_links_given_as_paths_are_followed(file: Path) -> None:
    (file.parent / "link").symlink_to("file")
    assert hash_file(file.parent / "link") == hash_file(file)
    folder = write_tree(file.parent / "folder", {"a": b"1"})
    (file.parent / "other").symlink_to("folder")
    assert hash_tree(file.parent / "other") == hash_tree(folder)


def test_names_that_are_not_utf8_are_errors_that_name_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    bad = os.fsencode(folder) + b"/sub/bad\xff"
    os.close(os.open(bad, os.O_CREAT | os.O_WRONLY))
    for threads in (1, 4):
        with pytest.raises(InvalidNameError, match=r"sub/bad\\xFF"):
            hash_tree(folder, threads=threads)
    with pytest.raises(InvalidNameError, match=r"sub/bad\\xFF"):
        car_pack(folder, tmp_path / "car")
    # Alone it has no name in what is made of it; wrapped it has.
    assert hash_file(os.fsdecode(bad)) == EMPTY
    with pytest.raises(InvalidNameError, match=r"bad\\xFF"):
        hash_file(os.fsdecode(bad), wrap_with_directory=True)


def test_targets_of_links_are_any_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(os.fsdecode(b"to/\xff"))
    reference = Reference()
    link = reference.symlink(b"to/\xff")
    (entry,) = hash_tree(folder, entries=True).entries
    assert entry == ("link", link.cid, link.tsize)


def test_special_files_in_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    pipes = write_tree(tmp_path / "pipes", {"a": b"1", "sub": {}})
    os.mkfifo(pipes / "sub" / "pipe")
    with pytest.raises(UnsupportedFileError, match=r"sub/pipe is a named pipe"):
        hash_tree(pipes)
    sockets = write_tree(tmp_path / "sockets", {})
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(sockets / "socket"))
        with pytest.raises(UnsupportedFileError, match=r"socket is a socket"):
            hash_tree(sockets)


LINKED = {"f": b"1", "d": {"g": b"2"}, "lf": "f", "ld": "d", "again": {"up": "../d"}}


def test_links_are_kept_unless_they_are_to_be_followed(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", LINKED)
    assert hash_tree(folder) == Reference().folder(LINKED).cid
    followed = LINKED | {"lf": b"1", "ld": LINKED["d"], "again": {"up": LINKED["d"]}}
    assert (
        hash_tree(folder, dereference_symlinks=True) == Reference().folder(followed).cid
    )


@pytest.mark.parametrize(
    ("tree", "where"),
    [
        ({"self": "self"}, "self"),
        ({"a": "b", "b": "a"}, "[ab]"),
        ({"here": "."}, "here"),
        ({"a": {"up": ".."}}, "a/up"),
        ({"a": {"b": {"top": "../../a"}}}, "b/top"),
        ({"a": {"over": "../b"}, "b": {"back": "../a"}}, "over|back"),
    ],
    ids=str,
)
def test_links_that_lead_in_a_circle_are_refused_when_followed(
    tree: dict[str, Any], where: str, tmp_path: Path
) -> None:
    folder = write_tree(tmp_path / "folder", tree)
    assert hash_tree(folder) == Reference().folder(tree).cid
    for threads in (1, 4):
        with pytest.raises(UnsupportedFileError, match=rf"{where} leads in a circle"):
            hash_tree(folder, threads=threads, dereference_symlinks=True)


def test_a_link_that_leads_nowhere_is_an_error_when_followed(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", {"a": b"1", "link": "nowhere"})
    with pytest.raises(PathNotFoundError) as failed:
        hash_tree(folder, dereference_symlinks=True)
    assert failed.value.filename == str(folder / "link")


HIDDEN = {"a": b"1", ".h": b"2", ".d": {"x": b"3"}, "d": {".k": b"4", "l": b"5"}}


def test_hidden_names_are_taken_only_if_asked_for(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", HIDDEN)
    assert hash_tree(folder, hidden=True) == Reference().folder(HIDDEN).cid
    shown = {"a": b"1", "d": {"l": b"5"}}
    assert hash_tree(folder) == Reference().folder(shown).cid
    # What is named is taken: hidden are entries alone.
    assert hash_tree(folder / ".d") == Reference().folder({"x": b"3"}).cid
    assert hash_file(folder / ".h") == Reference().file(b"2").cid


@pytest.mark.parametrize(
    ("tree", "taken"),
    [
        ({"a": b"1", "e": {}}, {"a": b"1"}),
        ({"e": {}}, {}),
        ({}, {}),
        # A folder whose only entries are left out has none.
        ({"h": {".x": b"1"}}, {}),
        # One of empty folders has entries, as in Kubo, even if none of them is taken.
        ({"a": {"e": {}}}, {"a": {}}),
        ({"a": {"e": {"f": {}}}}, {"a": {"e": {}}}),
    ],
    ids=str,
)
def test_empty_folders_are_left_out_only_if_asked_for(
    tree: dict[str, Any], taken: dict[str, Any], tmp_path: Path
) -> None:
    folder = write_tree(tmp_path / "folder", tree)
    for threads in (1, 4):
        found = hash_tree(folder, threads=threads, empty_dirs=False)
        assert found == Reference().folder(taken).cid
    assert hash_tree(folder, hidden=True) == Reference().folder(tree).cid


def test_wrapping_puts_the_root_into_a_folder_under_its_name(tmp_path: Path) -> None:
    tree = {"a": b"1", "d": {"b": b"2"}}
    folder = write_tree(tmp_path / "name", tree)
    expected = Reference().folder({"name": tree}).cid
    wrapped = hash_tree(folder, wrap_with_directory=True, entries=True)
    assert wrapped.root == expected
    assert [path for path, _, _ in wrapped.entries] == [
        "name",
        "name/a",
        "name/d",
        "name/d/b",
    ]
    assert hash_tree(f"{folder}/", wrap_with_directory=True) == expected
    assert hash_tree(folder / "d" / "..", wrap_with_directory=True) == expected


@pytest.mark.parametrize(
    "mtime_ns",
    [0, 1, 999_999_999, 10**9, 1_700_000_000_123_456_789, -1, -(10**9), -1_500_000_000],
)
def test_times_of_change_are_kept_to_the_nanosecond(
    mtime_ns: int, tmp_path: Path
) -> None:
    folder = write_tree(tmp_path / "folder", {"f": b"1", "l": "f"})
    for path in (folder / "f", folder / "l", folder):
        os.utime(path, ns=(0, mtime_ns), follow_symlinks=False)
    reference = Reference(mtime_ns=mtime_ns)
    expected = reference.folder({"f": b"1", "l": "f"}).cid
    assert hash_tree(folder, preserve_mtime=True) == expected
    seconds, nanoseconds = divmod(mtime_ns, 10**9)
    assert hash_tree(folder, mtime=seconds, mtime_nsecs=nanoseconds) == expected


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o1777, 0o4755, 0o7777])
def test_permissions_are_kept_with_all_twelve_bits(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1" * 100)
    path.chmod(mode)
    expected = Reference(64, mode=mode).file(b"1" * 100).cid
    assert hash_file(path, chunker="size-64", preserve_mode=True) == expected
    assert hash_file(path, chunker="size-64", mode=mode) == expected


def test_given_metadata_goes_over_kept_metadata(file: Path) -> None:
    given = hash_file(file, mode=0o600, mtime=9)
    kept_too = hash_file(
        file, mode=0o600, mtime=9, preserve_mode=True, preserve_mtime=True
    )
    assert kept_too == given


SHARDED_OR_NOT: list[dict[str, Any]] = [{}, {"hamt_threshold": 9, "max_hamt_fanout": 8}]


def test_order_of_creation_and_threads_change_nothing(tmp_path: Path) -> None:
    tree = random_tree(random.Random(5), depth=3, most=30)
    found = set()
    for seed in range(3):
        names = list(tree)
        random.Random(seed).shuffle(names)
        folder = write_tree(tmp_path / str(seed), {name: tree[name] for name in names})
        for threads in range(1, 5):
            for params in SHARDED_OR_NOT:
                hashed = hash_tree(folder, threads=threads, entries=True, **params)
                found.add((str(params), hashed.root, tuple(hashed.entries)))
    assert len(found) == 2


def test_entries_list_everything_below_by_path_and_only_once(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", {"b": b"1", "a": {"x": b"22"}, "a.b": "b"})
    entries = hash_tree(folder, entries=True).entries
    found = list(entries)
    assert [path for path, _, _ in found] == ["a", "a.b", "a/x", "b"]
    cids = {path: cid for path, cid, _ in found}
    assert cids["b"] == hash_file(folder / "b")
    assert cids["a"] == hash_tree(folder / "a")
    assert list(entries) == []


def test_a_directory_of_a_hash_trie_lists_the_same_entries(tmp_path: Path) -> None:
    folder = numbered_files(tmp_path / "folder", 500, "file-%06d")
    flat = list(hash_tree(folder, entries=True).entries)
    sharded = hash_tree(folder, entries=True, hamt_threshold=0)
    assert list(sharded.entries) == flat
    assert sharded.root != hash_tree(folder)


def test_hash_files_gives_paths_as_given_and_in_order(tmp_path: Path) -> None:
    folder = numbered_files(tmp_path / "folder", 5000, "file-%06d")
    paths: list[str | Path] = list(folder.iterdir())
    random.Random(6).shuffle(paths)
    paths[::2] = map(str, paths[::2])
    found = list(hash_files(iter(paths), threads=4))
    assert all(path is given for (path, _), given in zip(found, paths, strict=True))
    for path, cid in found[::97]:
        assert cid == hash_file(path)


def test_hash_files_takes_endless_paths(file: Path) -> None:
    taken = count()
    paths = (file for _ in taken)
    assert [cid for _, cid in islice(hash_files(paths), 5)] == [hash_file(file)] * 5
    assert next(taken) < 10_000


@pytest.mark.parametrize(
    "params", [{}, {"hash": "blake3"}, {"wrap_with_directory": True}]
)
def test_hash_files_raises_at_the_place_of_the_file_that_failed(
    params: dict[str, Any], file: Path
) -> None:
    missing = file.parent / "missing"
    results = hash_files([file, file, missing, file], **params)
    assert [next(results)[1] for _ in range(2)] == [hash_file(file, **params)] * 2
    with pytest.raises(PathNotFoundError) as failed:
        next(results)
    assert failed.value.filename == str(missing)
    with pytest.raises(StopIteration):
        next(results)


def test_hash_files_of_nothing_is_nothing() -> None:
    assert list(hash_files([])) == []


def test_hash_files_reads_no_folder(file: Path) -> None:
    with pytest.raises(PathIsADirectoryError):
        list(hash_files([file.parent]))


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A file of zeros that takes a second or so to hash."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    return path


def test_progress_counts_up_to_all_bytes_and_files(sparse: Path) -> None:
    seen: list[tuple[int, int]] = []
    cid = hash_file(sparse, progress=lambda done, files: seen.append((done, files)))
    assert cid == hash_file(sparse)
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == (1 << 30, 1)


@pytest.mark.parametrize(
    "params", [{}, {"chunker": "rabin"}, {"hash": "blake3"}], ids=named
)
def test_what_progress_raises_comes_through_and_stops_the_work(
    params: dict[str, Any], sparse: Path
) -> None:
    calls = []

    def refuse(done: int, _files: int) -> None:
        calls.append(done)
        raise LookupError("enough")

    for source in (sparse, sparse.parent):
        calls.clear()
        call = hash_file if source == sparse else hash_tree
        with pytest.raises(LookupError, match="enough"):
            call(source, threads=1, progress=refuse, **params)
        assert len(calls) == 1
        assert calls[0] < 1 << 30


def test_progress_of_a_stream_counts_what_was_read() -> None:
    seen = []
    data = bytes(5_000_000)
    hash_file(io.BytesIO(data), progress=lambda done, files: seen.append((done, files)))
    assert seen[-1] == (len(data), 1)


def test_threads_of_python_can_hash_at_once(tmp_path: Path) -> None:
    folder = numbered_files(tmp_path / "folder", 300, "file-%06d")
    expected = hash_tree(folder)
    found: list[CID] = []

    def work() -> None:
        found.extend(hash_tree(folder, threads=2) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 40


def test_other_threads_run_while_a_file_is_hashed(sparse: Path) -> None:
    worker = threading.Thread(target=hash_file, args=(sparse,), kwargs={"threads": 1})
    worker.start()
    turns = 0
    while worker.is_alive():
        worker.join(0.001)
        turns += 1
    assert turns > 20


PERMISSION_DENIED = """
    import os, sys
    from pathlib import Path
    from ipfs_kit_py import hash_file, hash_files, hash_tree
    from ipfs_kit_py.errors import AccessDeniedError
    if os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    folder = Path(sys.argv[1])
    for call, target, named in (
        (hash_file, folder / "secret", "secret"),
        (hash_tree, folder, "secret"),
        (hash_file, folder / "closed" / "file", "file"),
        (hash_tree, folder / "closed" / "sub", "sub"),
        (lambda p: list(hash_files([p])), folder / "secret", "secret"),
    ):
        try:
            call(target)
        except AccessDeniedError as error:
            assert isinstance(error, PermissionError) and error.errno == 13
            assert error.filename.endswith(named), error.filename
            print("denied")
"""


def test_files_that_may_not_be_read_are_errors_that_name_them() -> None:
    with tempfile.TemporaryDirectory() as above:
        # As root nothing is denied: the program becomes nobody, who has to come here.
        Path(above).chmod(0o755)
        folder = Path(above) / "folder"
        write_tree(folder, {"secret": b"1", "closed": {"file": b"2", "sub": {}}})
        (folder / "secret").chmod(0)
        (folder / "closed").chmod(0)
        try:
            assert run_python(PERMISSION_DENIED, folder).split() == ["denied"] * 5
        finally:
            (folder / "closed").chmod(0o755)
