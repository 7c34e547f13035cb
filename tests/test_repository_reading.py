"""Reading: ranges, views, files, listings, paths, extraction."""

import ctypes
import io
import os
from pathlib import Path
from typing import Any

import pytest
from tests.inputs import Dag

from ipfs_kit_py import CID, Block, Entry, Repository, cid_of, hash_tree
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidCIDError,
    InvalidParameterError,
    LimitExceededError,
    MalformedDataError,
    NameNotFoundError,
    NamesNotSupportedError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
)

SIZE = 3_500_000


@pytest.fixture
def root(repository: Repository, tree: Path) -> CID:
    return repository.add(tree).cid


@pytest.fixture
def big(tree: Path) -> bytes:
    return (tree / "sub" / "big").read_bytes()


def test_paths_are_taken_in_every_form(repository: Repository, root: CID) -> None:
    name = "größe, 大.txt"
    for path in (
        f"{root}/{name}",
        f"/ipfs/{root}/{name}",
        f"ipfs:{root}/{name}",
        f"ipfs:/ipfs/{root}/{name}",
        f"ipfs://{root}/{name}",
        f"IPFS://{root}/{name}",
        f"ipfskit://{root}/{name}",
        f"/ipfs/{root}//./sub/../{name}",
    ):
        assert repository.cat(path) == "ü\n".encode(), path
    assert repository.resolve(root) == repository.resolve(str(root)) == root
    # Names are literal in all of them, as with Kubo.
    for start in (f"{root}", f"/ipfs/{root}", f"ipfs://{root}", f"ipfs:{root}"):
        assert repository.cat(f"{start}/sub/100% #1?.txt") == b"escaped\n"
        with pytest.raises(PathNotFoundError):
            repository.cat(f"{start}/sub/100%25%20%231%3F.txt")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", InvalidCIDError),
        ("nonsense", InvalidCIDError),
        ("/ipfs/", InvalidCIDError),
        ("/ipns/k51", NameNotFoundError),
        ("ipns://docs.ipfs.tech/a", NamesNotSupportedError),
        ("ipns:k51", NameNotFoundError),
        ("https://example.com/ipfs/x", InvalidCIDError),
        ("ipfs://{root}/%zz", PathNotFoundError),
        ("{root}/../..", InvalidParameterError),
        ("{root}/nope", PathNotFoundError),
        ("{root}/a.txt/x", PathNotADirectoryError),
        ("{root}", PathIsADirectoryError),
        ("{root}/link/x", InvalidParameterError),
        ("\ud800", InvalidCIDError),
    ],
)
def test_wrong_paths_are_errors_of_their_kind(
    repository: Repository, root: CID, path: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        repository.cat(path.format(root=root))


def test_a_path_is_text_or_a_cid(repository: Repository) -> None:
    for wrong in (5, b"bytes", None, ["a"]):
        with pytest.raises(TypeError):
            repository.cat(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, None),
        (0, 0),
        (0, 1),
        (1, 10),
        (1_048_575, 2),
        (1_048_576, 1_048_576),
        (SIZE - 1, 10),
        (SIZE, 10),
        (SIZE + 5, None),
        (3, SIZE),
        (0, 1 << 62),
    ],
)
def test_every_way_to_read_a_range_agrees(
    repository: Repository, root: CID, big: bytes, offset: int, length: int | None
) -> None:
    path = f"{root}/sub/big"
    wanted = big[offset:] if length is None else big[offset : offset + length]
    assert repository.cat(path, offset, length) == wanted
    assert repository.cat_view(path, offset, length) == wanted
    assert bytes(memoryview(repository.cat_private(path, offset, length))) == wanted
    assert b"".join(repository.iter_file(path, offset, length)) == wanted
    buffer = bytearray(min(SIZE, length) if length is not None else SIZE)
    count = repository.readinto(path, buffer, offset)
    assert buffer[:count] == wanted


def test_negative_ranges_are_refused(repository: Repository, root: CID) -> None:
    path = f"{root}/a.txt"
    for read in (repository.cat, repository.cat_view, repository.cat_private):
        with pytest.raises(InvalidParameterError):
            read(path, -1)
        with pytest.raises(InvalidParameterError):
            read(path, 0, -1)
    with pytest.raises(InvalidParameterError):
        repository.readinto(path, bytearray(1), 1 << 63)


def test_readinto_wants_a_buffer_that_can_be_filled(
    repository: Repository, root: CID
) -> None:
    path = f"{root}/a.txt"
    for wrong in (b"bytes", "text", 5):
        with pytest.raises(TypeError):
            repository.readinto(path, wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterError):
        repository.readinto(path, memoryview(bytearray(8))[::2])
    assert repository.readinto(path, bytearray()) == 0


def test_a_view_outlives_its_repository(tmp_path: Path) -> None:
    data = os.urandom(500_000)
    with Repository(tmp_path / "r") as repository:
        root = repository.add(data, pin=False).cid
        view = repository.cat_view(root)
        many = list(repository.block_get_many([root, cid_of(b"no"), str(root)]))
    with Repository(tmp_path / "r", _clock_offset_seconds=7200) as repository:
        repository.gc()
        repository.compact()
        assert not repository.has(root)
    assert isinstance(view, Block)
    assert len(view) == len(data)
    assert view == data
    assert view == many[0]
    assert many[1] is None
    memory = memoryview(view)
    assert memory.readonly
    assert (memory.format, memory.shape, memory.strides) == ("B", (500_000,), (1,))
    with pytest.raises(TypeError, match="writable"):
        ctypes.c_char.from_buffer(view)
    assert memory[10:20] == data[10:20]
    assert view != b"other"
    assert view != 5
    with pytest.raises(TypeError):
        hash(view)


@pytest.mark.parametrize("leaf_bytes", [9, 11])
def test_a_file_that_lies_about_its_size_is_refused(
    repository: Repository, leaf_bytes: int
) -> None:
    """What nobody wrote must not be seen, nor anything be written behind the end."""
    dag = Dag()
    root = dag.file([(dag.raw(bytes([at]) * leaf_bytes), 10) for at in range(3)])
    for cid, data in dag.blocks.items():
        assert repository.block_put(data, cid.codec) == cid
    with pytest.raises(MalformedDataError):
        repository.cat(root)
    with pytest.raises(MalformedDataError):
        repository.cat(root, offset=5, length=20)
    with pytest.raises(MalformedDataError):
        repository.cat_view(root)
    with pytest.raises(MalformedDataError):
        repository.cat_private(root)
    with pytest.raises(MalformedDataError):
        repository.readinto(root, bytearray(30))


def test_files_are_files(repository: Repository, root: CID, big: bytes) -> None:
    with repository.open(f"{root}/sub/big") as file:
        assert file.size == len(big)
        assert file.cid == repository.resolve(f"{root}/sub/big")
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        assert file.read(10) == big[:10]
        assert file.tell() == 10
        assert file.seek(-5, io.SEEK_CUR) == 5
        assert file.seek(-7, io.SEEK_END) == len(big) - 7
        assert file.read() == big[-7:]
        assert file.read(1) == b""
        assert file.seek(0) == 0
        assert file.readall() == big
        with pytest.raises(ValueError, match="before"):
            file.seek(-1)
        with pytest.raises(ValueError, match="whence"):
            file.seek(0, 9)
        with pytest.raises(io.UnsupportedOperation):
            file.truncate(1)
    with pytest.raises(ValueError, match="closed"):
        file.read()
    with repository.open(f"{root}/sub/100% #1?.txt", buffer_bytes=4096) as lines:
        assert isinstance(lines, io.BufferedReader)
        assert list(lines) == [b"escaped\n"]
    assert io.TextIOWrapper(repository.open(f"{root}/a.txt")).read() == "one\n"


def test_listing_gives_names_kinds_and_sizes(repository: Repository, root: CID) -> None:
    entries = {entry.name: entry for entry in repository.ls(root)}
    assert entries.keys() == {
        *("a.txt", "empty", "empty folder", "größe, 大.txt", "link", "sub")
    }
    assert entries["a.txt"] == Entry(
        "a.txt", repository.resolve(f"{root}/a.txt"), 4, "file", 4
    )
    assert entries["empty"].file_size == 0
    assert entries["link"].kind == "symlink"
    assert entries["sub"].kind == "directory"
    assert entries["sub"].size > SIZE
    assert {entry.kind for entry in repository.ls(root, resolve=False)} == {None}
    with pytest.raises(PathNotADirectoryError):
        repository.ls(f"{root}/a.txt")


def test_a_large_directory_streams_and_resolves(
    repository: Repository, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2000):
        (folder / f"{number:05}").write_text(str(number))
    root = repository.add(folder, hamt_threshold=1000).cid
    assert sorted(entry.name for entry in repository.ls(root)) == [
        f"{number:05}" for number in range(2000)
    ]
    assert repository.cat(f"{root}/01234") == b"1234"
    with pytest.raises(PathNotFoundError):
        repository.cat(f"{root}/2000")
    # Left in the middle, it stops.
    assert next(repository.ls(root)).kind == "file"
    assert repository.get(root, tmp_path / "copy").entries == 2001
    assert hash_tree(tmp_path / "copy", hamt_threshold=1000) == root


def test_stat_says_what_is_known(repository: Repository, tree: Path) -> None:
    (tree / "a.txt").chmod(0o640)
    os.utime(tree / "a.txt", ns=(0, 1_500_000_000_123_456_789))
    root = repository.add(tree, preserve_mode=True, preserve_mtime=True).cid
    found = repository.stat(f"{root}/a.txt")
    assert (found.kind, found.size, found.mode) == ("file", 4, 0o640)
    assert found.mtime_ns == 1_500_000_000_123_456_789
    assert found.mtime == pytest.approx(1_500_000_000.123)
    plain = repository.stat(repository.add(tree).cid)
    assert (plain.kind, plain.size, plain.mode, plain.mtime) == (
        *("directory", 0, None, None),
    )
    assert plain.links == 6


def test_links_are_data(repository: Repository, root: CID) -> None:
    assert repository.readlink(f"{root}/link") == "sub/big"
    assert repository.stat(f"{root}/link").kind == "symlink"
    with pytest.raises(InvalidParameterError):
        repository.readlink(f"{root}/a.txt")


def test_resolving_says_what_is_left(repository: Repository, root: CID) -> None:
    value = repository.dag_put({"a": [root, {"b": 1}]})
    assert repository.resolve(f"{value}/a/0/a.txt") == repository.resolve(f"{root}/a.txt")
    found = repository.dag_resolve(f"{value}/a/1/b")
    assert (found.cid, found.remainder) == (value, "a/1/b")
    with pytest.raises(InvalidParameterError, match="a/1/b"):
        repository.resolve(f"{value}/a/1/b")


def test_refs_follow_links(repository: Repository, tree: Path, root: CID) -> None:
    near = list(repository.refs(root))
    assert [link.name for link in near] == sorted(
        (path.name for path in tree.iterdir()), key=str.encode
    )
    assert {(link.source, link.depth) for link in near} == {(root, 1)}
    all_links = list(repository.refs(root, recursive=True))
    targets = [link.target for link in all_links]
    unique = [link.target for link in repository.refs(root, recursive=True, unique=True)]
    assert set(unique) == set(targets)
    assert len(unique) == len(set(unique)) < len(targets)
    two = list(repository.refs(root, recursive=True, max_depth=2))
    assert {link.depth for link in two} == {1, 2}
    assert len(two) < len(all_links)


def test_extraction_is_safe_and_whole(
    repository: Repository, root: CID, tmp_path: Path, big: bytes
) -> None:
    done = repository.get(f"{root}/sub", tmp_path / "out")
    assert (done.entries, done.bytes) == (5, len(big) + 8 + 4)
    with pytest.raises(PathExistsError):
        repository.get(root, tmp_path / "out")
    repository.get(f"{root}/sub/big", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == big
    with pytest.raises(LimitExceededError):
        repository.get(root, tmp_path / "small", max_bytes=1000)
    with pytest.raises(LimitExceededError):
        repository.get(root, tmp_path / "few", max_entries=2)
    repository.get(root, tmp_path / "no links", symlinks="skip")
    assert not (tmp_path / "no links" / "link").exists()
    assert not (tmp_path / "small").exists()
    assert not (tmp_path / "few").exists()


def test_what_is_not_here_is_named(repository: Repository, tmp_path: Path) -> None:
    nowhere = cid_of(b"nowhere")
    for use in (
        repository.cat,
        repository.open,
        repository.stat,
        repository.block_get,
        repository.dag_get,
        repository.pin_add,
        lambda cid: repository.get(cid, tmp_path / "out"),
        lambda cid: list(
            repository.ls(cid.from_multihash(cid.multihash, codec="dag-pb"))
        ),
    ):
        with pytest.raises(BlockNotFoundError) as caught:
            use(nowhere)
        assert isinstance(caught.value, KeyError)
    assert list(repository.refs(nowhere)) == []


def test_blocks_may_lie_in_the_cid_itself(repository: Repository) -> None:
    done = repository.add(b"tiny", inline=True)
    assert done.cid.hash_name == "identity"
    assert repository.cat(done.cid) == b"tiny"
    assert repository.block_get(done.cid) == b"tiny"
    assert repository.has(done.cid)


def test_old_files_are_read_too(repository: Repository, big: bytes) -> None:
    forms: list[dict[str, Any]] = [
        {"profile": "unixfs-v0-2015"},
        {"trickle": True},
        {"chunker": "size-1000", "max_file_links": 3},
        {"chunker": "buzhash", "raw_leaves": False},
    ]
    for form in forms:
        cid = repository.add(big, **form).cid
        assert repository.cat(cid) == big
        assert repository.cat(cid, 1_234_567, 89) == big[1_234_567:][:89]


def test_lines_are_read_without_a_call_for_each_byte(repository: Repository) -> None:
    lines = [b"x" * length + b"\n" for length in (0, 1, 4095, 4096, 9000)] + [b"end"]
    with repository.open(repository.add(b"".join(lines)).cid) as file:
        assert file.peek() == b"".join(lines)[:4096]
        assert file.tell() == 0
        assert list(file) == lines
        assert file.peek() == b""
    with pytest.raises(ValueError, match="closed"):
        file.peek()
