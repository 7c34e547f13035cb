"""`ipfs://` through fsspec: every way of reading, beside the same tree on the disk."""

import asyncio
import errno
import io
import multiprocessing
import os
import pickle
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from operator import methodcaller
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.callbacks import Callback
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import gateway_server as bad
from tests.inputs import Dag, write_tree
from tests.processes import run_python

from ipfs_kit_py import CID, ImportParams, Repository
from ipfs_kit_py.errors import (
    AccessDeniedError,
    ComponentUnavailableError,
    ContentIncompleteError,
    ContentNotFoundError,
    IntegrityError,
    InvalidCIDError,
    InvalidParameterError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    UnsafePathError,
)
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, TreeFile
from ipfs_kit_py.ipfs_kit import ipfs_kit

pytestmark = pytest.mark.usefixtures("no_instances")

ABSENT = "bafkreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
CACHES = (
    *("none", "readahead", "bytes", "mmap", "blockcache", "first", "all", "background"),
)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def fs(store: str) -> Any:
    return fsspec.filesystem("ipfs", ipfs_path=store)


@pytest.fixture
def root(fs: Any, tree: Path) -> str:
    cid = fs.put(str(tree))
    assert isinstance(cid, str)
    return cid


# Beside the disk.

NAMES = st.text("ab .%#é文-", min_size=1, max_size=4).filter(
    lambda name: name.strip(" .") != ""
)
FILES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda size, seed: random.Random(seed).randbytes(size),
        st.sampled_from([1000, 5000, 70_000]),
        st.integers(0, 9),
    ),
)
TREES = st.recursive(
    st.dictionaries(NAMES, FILES, max_size=4),
    lambda below: st.dictionaries(NAMES, st.one_of(FILES, below), max_size=4),
    max_leaves=12,
)


class Pair:
    """A tree on the disk, and the same under a CID; cut into small blocks."""

    def __init__(self, folder: Path, tree: dict[str, Any]) -> None:
        self.folder = write_tree(folder / "tree", tree)
        self.local = LocalFileSystem()
        self.repository = Repository(folder / "store")
        added = self.repository.add(
            self.folder,
            chunker="size-1000",
            raw_leaves=True,
            hidden=True,
            max_directory_links=3,
            max_hamt_fanout=8,
        )
        self.cid = str(added.cid)
        self.fs = IPFSFileSystem(reader=self.repository, skip_instance_cache=True)

    def both(self, name: str, inside: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Call a method of both, with names as they are inside the tree."""
        outcomes = []
        for fs, root in ((self.local, str(self.folder)), (self.fs, self.cid)):
            path = f"{root}/{inside}" if inside else root
            try:
                outcomes.append(
                    self.inside(getattr(fs, name)(path, *args, **kwargs), root)
                )
            except OSError as error:
                outcomes.append(_kind(error))
        return outcomes[0], outcomes[1]

    def inside(self, found: Any, root: str) -> Any:
        """Give what was found without the way to the tree, in one order."""
        match found:
            case str():
                return found.removeprefix(root)
            case {"name": name, "type": kind}:
                is_file = kind == "file"
                return self.inside(name, root), kind, is_file and found["size"]
            case dict():
                pairs = [
                    (self.inside(k, root), self.inside(v, root)) for k, v in found.items()
                ]
                return sorted(pairs, key=repr)
            case list() | tuple():
                return sorted((self.inside(one, root) for one in found), key=repr)
        if hasattr(found, "__next__"):
            return [self.inside(one, root) for one in sorted(found)]
        return found

    def names(self) -> list[str]:
        """List everything inside."""
        found = sorted(self.folder.rglob("*"))
        return ["", *(str(path.relative_to(self.folder)) for path in found)]


def _kind(error: OSError) -> str:
    kinds = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
    return next((kind.__name__ for kind in kinds if isinstance(error, kind)), "OSError")


@pytest.fixture(scope="session")
def pairs_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


# The cache `mmap` of fsspec's leaves its file to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@settings(max_examples=30)
@given(tree=TREES, data=st.data())
def test_every_way_of_reading_gives_what_the_disk_gives(
    pairs_folder: Path, tree: dict[str, Any], data: st.DataObject
) -> None:
    folder = Path(tempfile.mkdtemp(dir=pairs_folder))
    pair = Pair(folder, tree)
    with pair.repository:
        names = pair.names()
        depth = data.draw(st.sampled_from([None, 1, 2]))
        dirs = data.draw(st.booleans())
        pattern = data.draw(
            st.sampled_from(["*", "**", "a*", "**/*a", "?", "*/*", "[ab]*"])
        )
        for inside in [*names[:8], "nothing", f"{names[-1]}/below"]:
            for method in ("exists", "isfile", "isdir", "info"):
                local, ours = pair.both(method, inside)
                assert ours == local, (method, inside)
            for detail in (False, True):
                local, ours = pair.both("ls", inside, detail=detail)
                assert ours == local, (inside, detail)
            find = {"maxdepth": depth, "withdirs": dirs, "detail": True}
            local, ours = pair.both("find", inside, **find)
            assert ours == local, (inside, depth, dirs)
            local, ours = pair.both("walk", inside, maxdepth=depth)
            assert ours == local, (inside, depth)
            local, ours = pair.both("du", inside, maxdepth=depth)
            assert ours == local
            local, ours = pair.both("glob", f"{inside}/{pattern}".lstrip("/"))
            assert ours == local, (inside, pattern)
        files = [name for name in names if (pair.folder / name).is_file()]
        for inside in files[:4]:
            size = (pair.folder / inside).stat().st_size
            place = st.one_of(st.none(), st.integers(-size - 3, size + 3))
            start, end = data.draw(place), data.draw(place)
            whole = (pair.folder / inside).read_bytes()
            path = f"{pair.cid}/{inside}"
            assert pair.fs.cat(path) == whole
            assert pair.fs.cat_file(path, start, end) == whole[start:end]
            assert pair.fs.cat_ranges([path], [start], [end]) == [whole[start:end]]
            count = data.draw(st.integers(0, size + 5))
            assert pair.both("head", inside, count)[1] == whole[:count]
            local, ours = pair.both("tail", inside, count)
            assert ours == local
            assert pair.both("size", inside)[1] == size
            at = min(count, size)
            ours, local = pair.both("read_block", inside, at, 100, b"\0")
            assert ours == local
            reads_alike(pair.fs.open(path), (pair.folder / inside).open("rb"), data, size)
            kind = data.draw(st.sampled_from(CACHES))
            with pair.fs.open(path, cache_type=kind, block_size=777) as file:
                reads_alike(file, io.BytesIO(whole), data, size)


def reads_alike(ours: Any, theirs: Any, data: st.DataObject, size: int) -> None:
    """Read and seek in two files that are the same."""
    with ours, theirs:
        for _ in range(4):
            at = data.draw(st.integers(0, size + 10))
            assert ours.seek(at) == theirs.seek(at)
            match data.draw(st.sampled_from(["read", "line", "into", "all"])):
                case "read":
                    count = data.draw(st.integers(0, size + 10))
                    assert ours.read(count) == theirs.read(count)
                case "line":
                    assert ours.readline() == theirs.readline()
                case "into":
                    here, there = bytearray(500), bytearray(500)
                    assert ours.readinto(here) == theirs.readinto(there)
                    assert here == there
                case _:
                    assert ours.read() == theirs.read()
            if at <= size:
                assert ours.tell() == theirs.tell()


def test_folders_are_copied_to_the_disk_with_callbacks(
    fs: Any, tree: Path, tmp_path: Path
) -> None:
    (tree / "link").unlink()
    cid = fs.put(str(tree))
    callback = Callback()
    fs.get(f"ipfs://{cid}", str(tmp_path / "out"), recursive=True, callback=callback)
    from tests.inputs import read_tree

    assert read_tree(tmp_path / "out") == read_tree(tree)
    assert callback.value == callback.size
    one = Callback()
    fs.get_file(f"{cid}/sub/big", str(tmp_path / "one" / "big"), callback=one)
    assert one.value == one.size == 3_500_000
    buffer = io.BytesIO()
    fs.get_file(f"{cid}/a.txt", buffer)
    assert buffer.getvalue() == b"one\n"


# Paths, entries, files.


def test_all_spellings_of_a_path_are_one(fs: Any, root: str, store: str) -> None:
    for path in (
        f"ipfs://{root}/a.txt",
        f"/ipfs/{root}/a.txt",
        f"{root}/a.txt/",
        f"ipfskit://{root}//a.txt",
    ):
        assert fs.cat(path) == b"one\n"
        assert fs.info(path)["name"] == f"{root}/a.txt"
    assert fsspec.open(f"ipfskit://{root}/a.txt", ipfs_path=store).fs.cat(root + "/a.txt")
    with fsspec.open(f"ipfs://{root}/sub/100% #1?.txt", ipfs_path=store) as file:
        assert file.read() == b"escaped\n"
    name = fs.unstrip_protocol(f"{root}/a.txt")
    assert name == f"ipfs://{root}/a.txt"


@pytest.mark.parametrize("name", ["../evil", "/evil", "..", ".", "", "a/b", "a\0b"])
def test_a_name_that_no_path_can_have_is_refused_where_it_is_listed(
    store: str, tmp_path: Path, name: str
) -> None:
    dag = Dag()
    leaf = dag.raw(b"evil")
    below = dag.folder([("file", leaf)])
    for held in (leaf, below):
        root = dag.folder([(name, held)])
        with Repository(store) as repository:
            for cid, data in dag.blocks.items():
                repository.block_put(data, cid.codec)
            fs = IPFSFileSystem(reader=repository, skip_instance_cache=True)
            for look in (fs.ls, fs.find, fs.du):
                with pytest.raises(UnsafePathError, match="no name of a file"):
                    look(str(root))
            with pytest.raises(UnsafePathError):
                list(fs.walk(str(root)))
            with pytest.raises(UnsafePathError):
                fs.get(str(root), str(tmp_path / "out" / "deep"), recursive=True)
    assert not list(tmp_path.rglob("evil"))


def test_names_are_followed_and_followed_anew(fs: Any, root: str, store: str) -> None:
    with Repository(store) as repository:
        name = repository.name_publish(root).name
        assert fs.cat(f"ipns://{name}/a.txt") == b"one\n"
        assert fs.ls(f"ipns://{name}", detail=False)[0].startswith(f"/ipns/{name}/")
        assert fs.unstrip_protocol(f"/ipns/{name}") == f"ipns://{name}"
        other = repository.add(b"other").cid
        repository.name_publish(other)
        assert fs.cat(f"ipns://{name}") == b"other"


def test_checksums_are_cids(fs: Any, root: str) -> None:
    assert fs.checksum(root) == fs.ukey(root) == root
    cid = fs.info(f"{root}/a.txt")["cid"]
    assert fs.ukey(f"{root}/a.txt") == cid == fs.ukey(f"{root}/sub/deep/same")


def test_times_are_those_that_were_kept(store: str, tree: Path) -> None:
    os.utime(tree / "a.txt", (1_000_000_000, 1_000_000_000))
    with Repository(store) as repository:
        cid = repository.add(tree, preserve_mtime=True, preserve_mode=True).cid
        fs = IPFSFileSystem(reader=repository)
        assert fs.modified(f"{cid}/a.txt").timestamp() == 1_000_000_000
        assert fs.created(f"{cid}/a.txt") == fs.modified(f"{cid}/a.txt")
        assert fs.info(f"{cid}/a.txt")["mtime"] == 1_000_000_000
        plain = repository.add(tree).cid
        assert fs.modified(f"{plain}/a.txt").timestamp() == 0


def test_links_are_followed_inside_the_tree_and_nowhere_else(
    store: str, tmp_path: Path
) -> None:
    folder = write_tree(
        tmp_path / "linked",
        {
            "file": b"bytes",
            "folder": {
                "inner": b"inside",
                "up": "../file",
                "out": "../../..",
                "loop": "loop",
            },
            "to folder": "folder",
            "twice": "to folder/up",
            "odd": "to folder/../file",
            "absolute": "/etc/passwd",
            "dangling": "nothing",
        },
    )
    fs = IPFSFileSystem(ipfs_path=store)
    cid = fs.put(str(folder))
    for path in ("folder/up", "twice", "odd", "to folder/up"):
        assert fs.cat(f"{cid}/{path}") == b"bytes", path
        assert fs.isfile(f"{cid}/{path}")
    assert fs.info(f"{cid}/twice")["destination"] == "to folder/up"
    assert fs.cat(f"{cid}/to folder/inner") == b"inside"
    for path in ("folder/out", "absolute", "folder/out/etc"):
        with pytest.raises(AccessDeniedError, match="out of the tree"):
            fs.cat(f"{cid}/{path}")
    with pytest.raises(PermissionError):
        fs.open(f"{cid}/absolute")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        fs.open(f"{cid}/folder/loop")
    with pytest.raises(PathNotFoundError):
        fs.open(f"{cid}/dangling")
    kinds = {info["name"].rpartition("/")[2]: info["type"] for info in fs.ls(cid)}
    assert kinds == {
        "file": "file",
        "folder": "directory",
        "to folder": "directory",
        "twice": "file",
        "odd": "file",
        "absolute": "other",
        "dangling": "other",
    }
    assert fs.info(f"{cid}/dangling")["type"] == "other"
    walked = [path for path, _, _ in fs.walk(cid)]
    assert walked == [cid, f"{cid}/folder"]


def test_text_lines_and_views(fs: Any, root: str, tree: Path) -> None:
    with fs.open(f"{root}/größe, 大.txt", "r", encoding="utf-8") as file:
        assert file.read() == "ü\n"
    with fs.open(f"{root}/sub/big", use_mmap=True) as file:
        assert isinstance(file, TreeFile)
        big = (tree / "sub" / "big").read_bytes()
        view = file.read_view(1000)
        assert view.readonly
        assert view == big[:1000]
        assert file.tell() == 1000
        assert file.read_view() == big[1000:]
        assert file.size == len(big)
        assert file.info()["cid"] == fs.ukey(file.path)
        assert file.full_name == f"ipfs://{root}/sub/big"
        file.seek(5)
        copy = pickle.loads(pickle.dumps(file))  # noqa: S301 - our own
        assert copy.read(10) == big[5:15]
    assert view == big[:1000]


MEMORY = """
import sys, tracemalloc
from ipfs_kit_py import Repository
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem

def used():
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["RssAnon"].split()[0]) << 10

folder, cid, call = sys.argv[1:]
with Repository(folder) as repository:
    fs = IPFSFileSystem(reader=repository)
    fs.info(cid)
    before, most = used(), 0
    for number, _ in enumerate(fs.scan(cid)):
        if number % 1000 == 0:
            most = max(most, used() - before)
    assert number + 1 == int(call)
    print(most)
    tracemalloc.start()
    for find in (
        lambda: sum(1 for _ in fs.scan(cid)),
        lambda: fs.du(cid),
        lambda: len(fs.glob(f"{cid}/*99")),
        lambda: len(fs.ls(cid, detail=False)),
        lambda: len(fs.find(cid)),
    ):
        tracemalloc.reset_peak()
        start = tracemalloc.get_traced_memory()[0]
        found = find()
        print(found, tracemalloc.get_traced_memory()[1] - start)
"""


def test_one_entry_of_a_trie_takes_one_path_of_it(store: str, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    count = 20_000
    for number in range(count):
        (folder / f"entry-{number:015}").touch()
    with Repository(store) as repository:
        cid = repository.add(folder).cid
        asked: list[CID] = []
        fs = IPFSFileSystem(reader=counted(repository, asked))
        assert fs.info(f"{cid}/entry-{1234:015}")["size"] == 0
        assert fs.exists(f"{cid}/entry-{4321:015}")
        assert not fs.exists(f"{cid}/nothing")
        # Of 256 children a level, three levels, the root and the second in common.
        assert len(set(asked)) <= 8
        small = repository.add(folder, max_directory_links=10, max_hamt_fanout=8).cid
        del asked[:]
        assert fs.info(f"{small}/entry-{1234:015}")["size"] == 0
        assert len(set(asked)) <= 10
    streams(store, str(cid), count)


@pytest.mark.soak
def test_a_directory_of_a_million_entries_is_a_stream(
    store: str, tmp_path: Path, scaled: Callable[[int], int]
) -> None:
    count = scaled(1_000_000)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(count):
        (folder / f"entry-{number:015}").touch()
    with Repository(store) as repository:
        cid = repository.add(folder).cid
        asked: list[CID] = []
        fs = IPFSFileSystem(reader=counted(repository, asked))
        assert fs.info(f"{cid}/entry-{1234:015}")["size"] == 0
        assert len(set(asked)) <= 6
    streams(store, str(cid), count)


def streams(store: str, cid: str, count: int) -> None:
    """Look through a directory in a process of its own, within bounds of memory."""
    most, *lines = run_python(MEMORY, store, cid, count, timeout=1000).splitlines()
    assert int(most) < 16 << 20
    found = [tuple(map(int, line.split())) for line in lines]
    assert [number for number, _ in found] == [count, 0, count // 100, count, count]
    scanned, summed, matched, listed, below = (used for _, used in found)
    # However long it is.
    assert max(scanned, summed) < 2 << 20
    assert matched < (2 << 20) + count * 10
    # Nothing but the names.
    assert max(listed, below) < (2 << 20) + count * 250


def counted(repository: Repository, asked: list[CID]) -> Any:
    """Read from a repository through a source that notes what it is asked for."""
    from ipfs_kit_py._sources import Chain, ChainReader, RepositorySource

    class Noting(RepositorySource):
        def get_blocks(self, cids: Any) -> Any:
            asked.extend(cids)
            return super().get_blocks(cids)

    return ChainReader(Chain(None, [Noting(repository)]))


def test_ranges_are_those_of_slices(fs: Any, root: str, tree: Path) -> None:
    big = (tree / "sub" / "big").read_bytes()
    rng = random.Random(7)
    paths, starts, ends = [], [], []
    for _ in range(3000):
        start = rng.randrange(len(big))
        paths.append(f"{root}/sub/big" if rng.random() < 0.9 else f"{root}/a.txt")
        starts.append(start if rng.random() < 0.9 else -start)
        ends.append(starts[-1] + rng.randrange(5000) if rng.random() < 0.9 else None)
    found = fs.cat_ranges(paths, starts, ends)
    for path, start, end, data in zip(paths, starts, ends, found, strict=True):
        whole = big if path.endswith("big") else b"one\n"
        assert data == whole[start:end]
    assert fs.cat_ranges([f"{root}/a.txt"] * 2, 0, 2) == [b"on", b"on"]
    assert fs.cat_ranges([], [], []) == []
    missing = fs.cat_ranges([f"{root}/nothing", f"{root}/a.txt"], 0, None)
    assert isinstance(missing[0], FileNotFoundError)
    assert missing[1] == b"one\n"
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([f"{root}/nothing"], 0, None, on_error="raise")


@given(data=st.data())
def test_any_ranges_of_any_file_are_those_of_slices(
    ranged: tuple[Any, list[tuple[str, bytes]]], data: st.DataObject
) -> None:
    fs, files = ranged
    cid, whole = data.draw(st.sampled_from(files))
    place = st.integers(0, len(whole) + 50)
    ranges = data.draw(st.lists(st.tuples(place, place), max_size=30))
    starts, ends = [start for start, _ in ranges], [end for _, end in ranges]
    found = fs.cat_ranges([cid] * len(ranges), starts, ends, on_error="raise")
    assert found == [whole[start:end] for start, end in ranges]


@pytest.fixture(scope="module")
def ranged(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Any, list[tuple[str, bytes]]]]:
    """Files of several layouts."""
    rng = random.Random(3)
    layouts: tuple[ImportParams, ...] = (
        {"chunker": "size-1000", "max_file_links": 4},
        {"chunker": "size-900", "trickle": True},
        {},
    )
    with Repository(tmp_path_factory.mktemp("ranged")) as repository:
        files = []
        for size in (0, 1, 999, 1000, 5001, 300_000):
            whole = rng.randbytes(size)
            for options in layouts:
                cid = repository.add(whole, **options).cid
                files.append((str(cid), whole))
        yield IPFSFileSystem(reader=repository, skip_instance_cache=True), files


def test_adding_takes_what_the_kit_takes(fs: Any, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "some", {".hidden": b"1", "shown": b"2"})
    assert len(fs.ls(fs.put(str(folder)))) == 1
    assert len(fs.ls(fs.put(str(folder), hidden=True))) == 2
    assert fs.put(str(folder / "shown"), profile="unixfs-v0-2015").startswith("Qm")
    old = IPFSFileSystem(ipfs_path=str(tmp_path / "old"), cid_profile="unixfs-v0-2015")
    assert old.put([str(folder / "shown")])[0].startswith("Qm")
    with pytest.raises((TypeError, ValueError), match="nonsense"):
        fs.put(str(folder), nonsense=1)


def test_ranges_that_lie_far_apart_touch_only_their_blocks(
    store: str,
) -> None:
    data = os.urandom(3_000_000)
    with Repository(store) as repository:
        cid = repository.add(data, chunker="size-100000").cid
        asked: list[CID] = []
        fs = IPFSFileSystem(reader=counted(repository, asked))
        starts = [2_950_000, 5, 1_500_010, 10]
        found = fs.cat_ranges([str(cid)] * 4, starts, [start + 50 for start in starts])
        assert found == [data[start : start + 50] for start in starts]
        leaves = {one for one in asked if str(one) != str(cid)}
        assert len(leaves) == 3


def test_a_mapper_reads_as_a_dictionary(fs: Any, root: str) -> None:
    mapper = fs.get_mapper(f"ipfs://{root}")
    assert mapper["a.txt"] == b"one\n"
    assert sorted(mapper) == sorted(
        [
            "a.txt",
            "empty",
            "link",
            "größe, 大.txt",
            "sub/100% #1?.txt",
            "sub/big",
            "sub/deep/same",
        ]
    )
    with pytest.raises(KeyError):
        mapper["nothing"]


def test_caches_of_files_never_ask_again(
    fs: Any, root: str, store: str, tmp_path: Path
) -> None:
    for kind in ("simplecache", "filecache"):
        url = f"{kind}::ipfs://{root}/sub/big"
        options = {
            "ipfs": {"ipfs_path": store},
            kind: {"cache_storage": str(tmp_path / kind)},
        }
        for _ in range(2):
            with fsspec.open(url, **options) as file:
                assert file.read(100) == fs.cat_file(f"{root}/sub/big", 0, 100)


# Failures.


def test_errors_are_the_builtins_and_ours(fs: Any, root: str) -> None:
    cases: tuple[tuple[Callable[[], object], type[Exception], type[Exception]], ...] = (
        (lambda: fs.open(f"{root}/no"), PathNotFoundError, FileNotFoundError),
        (lambda: fs.info(f"{root}/no"), PathNotFoundError, FileNotFoundError),
        (lambda: fs.ls(f"{root}/no"), PathNotFoundError, FileNotFoundError),
        (lambda: fs.cat(f"{root}/a.txt/b"), PathNotADirectoryError, NotADirectoryError),
        (lambda: fs.open(f"{root}/sub"), PathIsADirectoryError, IsADirectoryError),
        (lambda: fs.cat(f"{root}/sub"), PathIsADirectoryError, IsADirectoryError),
        (lambda: fs.cat(ABSENT), ContentNotFoundError, FileNotFoundError),
        (lambda: fs.cat("nonsense"), InvalidCIDError, ValueError),
        (lambda: fs.ls(""), AccessDeniedError, PermissionError),
        (lambda: fs.open(f"{root}/a.txt", "w"), AccessDeniedError, PermissionError),
        (lambda: fs.open(f"{root}/a.txt", "r+b"), AccessDeniedError, PermissionError),
    )
    for call, mine, builtin in cases:
        with pytest.raises(mine) as caught:
            call()
        assert isinstance(caught.value, builtin)
    assert not fs.exists("nonsense")
    assert not fs.exists(ABSENT)
    with pytest.raises(NotImplementedError, match="no secret"):
        fs.sign(root)
    with pytest.raises(ValueError, match="mode"):
        fs.open(f"{root}/a.txt", "z")


def test_a_missing_piece_is_no_missing_file(store: str) -> None:
    dag = Dag()
    leaf = dag.raw(b"x" * 100)
    root = dag.folder([("there", dag.file([(leaf, 100)])), ("bare", leaf)])
    del dag.blocks[leaf]
    with Repository(store) as repository:
        for block in dag.blocks.values():
            repository.block_put(block, "dag-pb")
        fs = IPFSFileSystem(reader=repository)
        for call in (
            lambda: fs.cat(f"{root}/there"),
            lambda: fs.open(f"{root}/there").read(),
            lambda: fs.open(f"{root}/there").read_view(),
            lambda: fs.open(f"{root}/there", cache_type="all").read(),
            lambda: fs.cat(f"{root}/bare"),
            lambda: fs.exists(f"{root}/bare"),
            lambda: fs.get_mapper(str(root))["there"],
        ):
            with pytest.raises(ContentIncompleteError) as caught:
                call()
            assert not isinstance(caught.value, FileNotFoundError | KeyError)
        found = fs.cat_ranges([f"{root}/there"], [0], [10])
        assert isinstance(found[0], ContentIncompleteError)


def test_damage_is_never_data(store: str, tree: Path) -> None:
    with Repository(store) as repository:
        cid = repository.add(tree).cid
    for pack in (Path(store) / "embedded" / "packs").glob("*.car"):
        bytes_ = pack.read_bytes()
        big = (tree / "sub" / "big").read_bytes()
        pack.write_bytes(bytes_.replace(big[1_000_000:1_000_010], b"0123456789"))
    fs = IPFSFileSystem(ipfs_path=store)
    path = f"{cid}/sub/big"
    for call in (
        lambda: fs.cat(path),
        lambda: fs.open(path).read(),
        lambda: fs.open(path, cache_type="readahead").read(),
        lambda: fs.cat_ranges([path], [0], [None], on_error="raise"),
    ):
        with pytest.raises((IntegrityError, OSError)):
            call()
    # The rest is whole.
    found = fs.cat_ranges([path, path], [1_000_000, 3_499_990], [1_000_005, 3_500_000])
    assert isinstance(found[0], Exception)
    assert found[1] == big[-10:]


def test_everything_that_writes_is_refused_and_told_where_to(fs: Any, root: str) -> None:
    path = f"{root}/new"
    calls: tuple[Callable[[], object], ...] = (
        lambda: fs.pipe(path, b"x"),
        lambda: fs.pipe_file(path, b"x"),
        lambda: fs.rm(path),
        lambda: fs.mkdir(path),
        lambda: fs.makedirs(path),
        lambda: fs.touch(path),
        lambda: fs.mv(path, path),
        lambda: fs.cp(path, path),
        lambda: fs.put(__file__, path),
        lambda: fs.open(path, "wb"),
        lambda: fs.open(path, "a"),
        lambda: asyncio.run(fs._pipe_file(path, b"x")),
        lambda: asyncio.run(fs._copy(path, path)),
    )
    for call in calls:
        with pytest.raises(PermissionError, match="mfs://"):
            call()


def test_options_that_nobody_knows_are_refused(
    repository: Repository,
) -> None:
    for options in (
        {"nonsense": 1},
        {"metrics_config": {"a": 1}},
        {"cache_options": {"nonsense": 1}},
        {"gateway_only": True, "offline": True},
        {"reader": repository, "offline": True},
    ):
        with pytest.raises(InvalidParameterError):
            IPFSFileSystem(**options)
    with pytest.raises(ValueError, match="engine"):
        IPFSFileSystem(engine="nonsense").info(ABSENT)


def test_all_options_of_the_contract_are_taken(store: str, tmp_path: Path) -> None:
    fs = fsspec.filesystem(
        "ipfs",
        ipfs_path=store,
        role="leecher",
        use_mmap=False,
        enable_metrics=True,
        metrics_config={},
        gateway_only=False,
        gateway_urls=[],
        offline=True,
        engine="embedded",
        cache_config={"disk_cache_path": str(tmp_path / "cache")},
        cache_type="tiered",
        cache_options={"memory_cache_size": "50MB"},
    )
    cid = fs.put(__file__)
    assert fs.cat(cid) == Path(__file__).read_bytes()
    assert "memory_hit_rate" in fs.get_metrics()
    assert cid in fs.get_pins()
    assert fs.unpin(cid) == cid
    assert cid not in fs.get_pins()
    assert fs.pin(cid) == cid
    fs.clear_cache()
    quiet = IPFSFileSystem(ipfs_path=store, enable_metrics=False)
    with pytest.raises(InvalidParameterError):
        quiet.get_metrics()


def test_gateways_alone_open_no_repository(
    server: Any, far: Repository, tmp_path: Path
) -> None:
    data = os.urandom(3_000_000)
    cid = far.add(data).cid
    fs = IPFSFileSystem(
        ipfs_path=str(tmp_path / "none"),
        gateway_only=True,
        gateway_urls=server.url,
        cache_config={"disk_cache_path": str(tmp_path / "cache")},
    )
    assert fs.cat_ranges([str(cid)] * 2, [5, 2_900_000], [10, 2_900_100]) == [
        data[5:10],
        data[2_900_000:2_900_100],
    ]
    assert fs.cat(str(cid)) == data
    assert not (tmp_path / "none").exists()
    with pytest.raises(ComponentUnavailableError):
        fs.put(__file__)


# A kit's, and who else has it.


def test_a_kit_has_a_file_system(store: str, tree: Path) -> None:
    with ipfs_kit(metadata={"ipfs_path": store}) as kit:
        cid = kit.ipfs_add_path(tree)["cid"]
        fs = kit.get_filesystem()
        assert fs.cat(f"{cid}/a.txt") == b"one\n"
        assert fs.reader is kit.reader
        assert kit("get_filesystem").cat(f"{cid}/a.txt") == b"one\n"
        other = kit.get_filesystem(use_mmap=False, offline=True)
        assert other.reader is not kit.reader
        assert other.cat(f"{cid}/a.txt") == b"one\n"
        copy = pickle.loads(pickle.dumps(fs))  # noqa: S301 - our own
        assert copy.cat(f"{cid}/a.txt") == b"one\n"
        with pytest.raises(InvalidParameterError, match="nonsense"):
            kit.get_filesystem(nonsense=1)
        with pytest.raises(InvalidParameterError, match="protocol"):
            kit.get_filesystem("http")


def test_making_one_is_cheap_and_opens_nothing(store: str) -> None:
    first = fsspec.filesystem("ipfs", ipfs_path=store)
    assert first is fsspec.filesystem("ipfs", ipfs_path=store)
    assert not Path(store).exists()
    other = IPFSFileSystem(ipfs_path=store, skip_instance_cache=True)
    assert other is not first
    assert other.reader is first.reader
    program = """
        import fsspec, sys
        fsspec.filesystem("ipfs")
        late = {"ipfs_kit_py._kit.kit", "ipfs_kit_py._config", "numpy", "yaml"}
        print(*late & set(sys.modules))
    """
    assert run_python(program).split() == []


def test_settings_of_another_environment_are_those_of_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    for name in ("one", "two"):
        monkeypatch.setenv("IPFS_KIT_IPFS_PATH", str(tmp_path / name))
        kept.append(IPFSFileSystem(skip_instance_cache=True))
        assert kept[-1].put(__file__)
        assert (tmp_path / name).exists()
    assert kept[0].reader is not kept[1].reader


def test_it_is_found_without_an_import_and_with_one_whoever_else_is_there() -> None:
    program = """
        import fsspec
        for name in ("ipfskit", "mfs"):
            print(fsspec.get_filesystem_class(name).__module__)
        fsspec.get_filesystem_class("ipfs")  # perhaps another package's
        import ipfs_kit_py.ipfs_fsspec
        for name in ("ipfs", "ipns"):
            print(fsspec.get_filesystem_class(name).__module__)
    """
    found = set(run_python(program).split())
    assert found == {"ipfs_kit_py._fsspec.immutable", "ipfs_kit_py._fsspec.mutable"}


@pytest.mark.parametrize("way", ["spawn", "fork", "forkserver"])
def test_other_processes_read_with_it(fs: Any, root: str, way: str) -> None:
    if way not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {way}")
    # What a child may find in any state.
    assert fs.cat([f"{root}/a.txt", f"{root}/empty"])[f"{root}/empty"] == b""
    with multiprocessing.get_context(way).Pool(2) as pool:
        one = pool.map(methodcaller("cat", f"{root}/a.txt"), [fs, fs])
        many = pool.map(methodcaller("cat", [f"{root}/a.txt", f"{root}/empty"]), [fs])
    assert one == [b"one\n", b"one\n"]
    assert many == [{f"{root}/a.txt": b"one\n", f"{root}/empty": b""}]


def test_threads_share_it(fs: Any, root: str, tree: Path) -> None:
    big = (tree / "sub" / "big").read_bytes()
    wrong: list[object] = []

    def read(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(30):
            start = rng.randrange(len(big))
            got = fs.cat_file(f"{root}/sub/big", start, start + 9999)
            if got != big[start : start + 9999]:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_tasks_read_with_it(store: str, tree: Path) -> None:
    cid = IPFSFileSystem(ipfs_path=store).put(str(tree))

    async def read() -> None:
        fs = fsspec.filesystem("ipfs", ipfs_path=store, asynchronous=True)
        path = f"{cid}/a.txt"
        assert await fs._cat_file(path) == b"one\n"
        assert await fs._cat_file(path, 1, 3) == b"ne"
        found = await fs._cat([path, f"{cid}/empty"])
        assert found == {path: b"one\n", f"{cid}/empty": b""}
        assert (await fs._info(path))["size"] == 4
        assert await fs._isfile(path)
        assert await fs._isdir(cid)
        assert not await fs._exists(f"{cid}/no")
        assert len(await fs._ls(cid)) == 6
        assert len(await fs._find(cid)) == 7
        assert [one async for one in fs._walk(cid)] == list(fs.walk(cid))
        assert await fs._glob(f"{cid}/*.txt") == fs_glob(fs, cid)
        assert await fs._cat_ranges([path], [0], [2]) == [b"on"]
        assert await fs._size(path) == 4
        assert await fs._du(f"{cid}/sub/deep") == 4
        with pytest.raises(FileNotFoundError):
            await fs._cat_file(f"{cid}/no")

    asyncio.run(read())


def fs_glob(fs: Any, cid: str) -> list[str]:
    return sorted(name for name in fs.ls(cid, detail=False) if name.endswith(".txt"))


def test_tasks_open_files(store: str, tree: Path) -> None:
    async def read() -> None:
        fs = fsspec.filesystem("ipfs", ipfs_path=store, asynchronous=True)
        root = await fs._put(str(tree))
        big = (tree / "sub" / "big").read_bytes()
        async with await fs.open_async(f"ipfs://{root}/sub/big") as file:
            assert file.size == len(big)
            assert await file.read(10) == big[:10]
            assert file.tell() == 10
            file.seek(-5, 2)
            assert await file.read(100) == big[-5:]
            assert await file.read() == b""
            file.seek(1_000_000)
            pieces = [await file.read(700_000) for _ in range(5)]
            assert b"".join(pieces) == big[1_000_000:]
            file.seek(0)
            assert await file.read() == big
            assert file.details["cid"] == await fs.run(fs.ukey, file.path)
        with pytest.raises(ValueError, match="closed"):
            await file.read(1)
        # Many at once, of one file and of many.
        files = [await fs.open_async(f"{root}/sub/big") for _ in range(10)]
        assert await asyncio.gather(*(one.read() for one in files)) == [big] * 10
        await asyncio.gather(*(one.close() for one in files))
        with pytest.raises(PathNotFoundError):
            await fs.open_async(f"{root}/nothing")
        with pytest.raises(PathIsADirectoryError):
            await fs.open_async(f"{root}/sub")
        for wrong in ("r", "wb"):
            with pytest.raises(ValueError, match="mode"):
                await fs.open_async(f"{root}/a.txt", wrong)

    asyncio.run(read())


def test_a_task_that_is_cancelled_stops_reading(
    server: Any, far: Repository, tmp_path: Path
) -> None:
    cid = far.add(os.urandom(3_000_000)).cid
    server.behave = bad.slow(20)

    async def read() -> None:
        fs = IPFSFileSystem(
            gateway_only=True,
            gateway_urls=server.url,
            cache_config={"disk_cache_path": str(tmp_path / "cache")},
            asynchronous=True,
        )
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), await fs.open_async(str(cid)) as file:
                await file.read()

    began = time.monotonic()
    asyncio.run(read())
    assert time.monotonic() - began < 10


def test_ranges_come_from_numpy_and_may_end_beyond_all(store: str) -> None:
    with Repository(store) as repository:
        cid = str(repository.add(b"0123456789").cid)
        np = pytest.importorskip("numpy")
        fs = IPFSFileSystem(reader=repository)
        starts, ends = np.array([0, 3]), np.array([2, 5], dtype=np.uint16)
        assert fs.cat_ranges([cid] * 2, starts, ends) == [b"01", b"34"]
        assert fs.cat_ranges([cid] * 2, np.int64(8), None) == [b"89"] * 2
        assert fs.cat_ranges([cid] * 2, 8, 1 << 70) == [b"89"] * 2
        assert fs.cat_ranges([cid] * 2, [0, 1 << 65], [1 << 64, 1 << 66]) == [
            b"0123456789",
            b"",
        ]
        with pytest.raises(ValueError, match="as many"):
            fs.cat_ranges([cid] * 3, starts, ends)


def test_what_is_no_place_is_nowhere(store: str) -> None:
    with Repository(store) as repository:
        root = repository.add(b"no folder").cid
        fs = IPFSFileSystem(reader=repository)
        for path in ("no-cid/a", f"{root}/../a", f"ipfs://{root}/a/../../../b"):
            assert not fs.exists(path)
            assert not fs.isfile(path)
            assert not fs.isdir(path)
        for path in (f"{root}/../a", f"ipfs://{root}/a/../../../b"):
            with pytest.raises(PermissionError, match="leads out"):
                fs.cat(path)
        assert list(fs.walk("no-cid/a")) == fs.find("no-cid/a") == []
        with pytest.raises(InvalidCIDError, match="no-cid"):
            list(fs.walk("no-cid/a", on_error="raise"))
