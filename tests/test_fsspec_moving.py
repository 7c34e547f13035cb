"""Copies, moves, removals and downloads: where everything ends up."""

import asyncio
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.callbacks import Callback
from tests.processes import run_python

from ipfs_kit_py.errors import InvalidParameterError
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, MFSFileSystem

FILES = {"/a/x.txt": b"x", "/a/b/y.txt": b"y", "/c.csv": b"c", "/d.csv": b"d"}


@pytest.fixture
def mfs(tmp_path: Path) -> Any:
    path = str(tmp_path / "repository")
    mfs = MFSFileSystem(ipfs_path=path, offline=True, skip_instance_cache=True)
    mfs.pipe(FILES)
    return mfs


@pytest.fixture
def ipfs(tmp_path: Path, mfs: Any) -> Any:
    del mfs
    path = str(tmp_path / "repository")
    return IPFSFileSystem(ipfs_path=path, offline=True, skip_instance_cache=True)


def below(folder: Path) -> list[str]:
    found = folder.rglob("*")
    return sorted(str(one.relative_to(folder)) for one in found if one.is_file())


def test_a_file_by_its_cid_goes_into_a_folder(
    ipfs: Any, mfs: Any, tmp_path: Path
) -> None:
    cid = mfs.checksum("/a/x.txt")
    (tmp_path / "there").mkdir()
    for path, target, name in (
        (cid, "there", f"there/{cid}"),
        (f"ipfs://{cid}", "new/", f"new/{cid}"),
        (cid, "plain", "plain"),
        ([cid], "list", f"list/{cid}"),
    ):
        ipfs.get(path, f"{tmp_path}/{target}")
        assert (tmp_path / name).read_bytes() == b"x"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_by_its_cid_goes_where_others_go(
    ipfs: Any, mfs: Any, tmp_path: Path, end: str
) -> None:
    """As with `cp -r`: below what is there, or what is in it if it ends with a slash."""
    cid = mfs.commit("/a")
    local = tmp_path / "local" / cid
    (local / "b").mkdir(parents=True)
    (local / "x.txt").write_bytes(b"x")
    (local / "b" / "y.txt").write_bytes(b"y")
    other = fsspec.filesystem("file")
    for target in ("there", "there", "new", "made/"):
        for fs, path in ((ipfs, cid), (other, str(local))):
            into = tmp_path / type(fs).__name__
            (into / "there").mkdir(parents=True, exist_ok=True)
            fs.get(path + end, f"{into}/{target}", recursive=True)
    ours, theirs = tmp_path / type(ipfs).__name__, tmp_path / type(other).__name__
    assert below(ours) == below(theirs) != []


def test_what_has_a_cid_is_copied_into_the_mutable_tree(mfs: Any) -> None:
    cid, file = mfs.commit("/a"), mfs.checksum("/c.csv")
    mfs.mkdir("/there")
    for source, target, where in (
        (f"ipfs://{cid}/x.txt", "/one.txt", "/one.txt"),
        (f"ipfs://{cid}/x.txt", "mfs:///there", "/there/x.txt"),
        (f"ipfs://{cid}/x.txt", "/new/", "/new/x.txt"),
        (f"ipfskit://{cid}", "/whole", "/whole/b/y.txt"),
        (f"ipfs://{cid}/*", "/fits", "/fits/b/y.txt"),
        (f"ipfs://{cid}/b/", "/there", "/there/b/y.txt"),
        (f"ipfs://{file}", "/there", f"/there/{file}"),
        ([f"ipfs://{file}", "/d.csv"], "/many", f"/many/{file}"),
        ([f"ipfs://{file}", "/d.csv"], ["/p/1", "/p/2"], "/p/1"),
    ):
        mfs.cp(source, target, recursive=True)
        assert mfs.isfile(where), source
    assert mfs.cat("/many/d.csv") == mfs.cat("/p/2") == b"d"
    with pytest.raises(InvalidParameterError, match="whole"):
        mfs.cp(f"ipfs://{cid}", "/deep", recursive=True, maxdepth=1)
    with pytest.raises(FileNotFoundError):
        mfs.cp(f"ipfs://{cid}/none", "/none")


def test_moves_take_patterns_and_lists(mfs: Any) -> None:
    mfs.mv("/*.csv", "/tables")
    assert mfs.find("/tables") == ["/tables/c.csv", "/tables/d.csv"]
    mfs.mv(["/tables/c.csv", "/a"], "/both/")
    assert mfs.find("/both") == ["/both/a/b/y.txt", "/both/a/x.txt", "/both/c.csv"]
    mfs.mv(["/both/a", "/both/c.csv"], ["/a", "/c.csv"])
    mfs.mv("/tables/d.*", "/d.csv/")
    mfs.mv("/d.csv/d.csv", "/e.csv")
    assert mfs.find("/") == ["/a/b/y.txt", "/a/x.txt", "/c.csv", "/e.csv"]
    # All below goes with what is above it.
    mfs.mv("/a/**", "/flat")
    assert mfs.find("/flat")[0].endswith("y.txt")
    # What has such a name is meant first.
    mfs.pipe("/c*", b"star")
    mfs.mv("/c*", "/star")
    assert mfs.cat("/star") == b"star"
    assert mfs.exists("/c.csv")


def test_a_move_that_fails_moves_nothing(mfs: Any) -> None:
    before = mfs.commit()
    for source, target in (
        ("/none", "/none"),
        ("/none*", "/there"),
        (["/c.csv", "/none"], "/there"),
        (["/c.csv", "/a"], "/a/x.txt"),
    ):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            mfs.mv(source, target)
    with pytest.raises(InvalidParameterError, match="all below"):
        mfs.mv("/a", "/there", maxdepth=1)
    with pytest.raises(InvalidParameterError, match="root"):
        mfs.mv("/", "/there")
    mfs.mv("/c.csv", "/c.csv")
    assert mfs.commit() == before


def test_patterns_of_removals(mfs: Any) -> None:
    mfs.rm(["/*.csv", "/c*"])
    assert mfs.find("/") == ["/a/b/y.txt", "/a/x.txt"]
    mfs.rm("/a/**", recursive=True)
    assert mfs.find("/", withdirs=True) in (["/"], ["/", "/a"])
    mfs.pipe(FILES)
    mfs.rm("/**", recursive=True)
    assert mfs.ls("/") == []


def test_tasks_remove_and_copy_as_threads_do(mfs: Any, tmp_path: Path) -> None:
    async def work() -> None:
        path = str(tmp_path / "repository")
        fs = MFSFileSystem(
            ipfs_path=path, offline=True, skip_instance_cache=True, asynchronous=True
        )
        await fs._rm("/*.csv")
        await fs._copy(f"ipfs://{mfs.commit('/a')}", "/copy", recursive=True)
        await fs._copy("/a", "/again", recursive=True)
        assert await fs._find("/") == [
            f"{top}/{name}"
            for top in ("/a", "/again", "/copy")
            for name in ("b/y.txt", "x.txt")
        ]
        await fs._rm(["/a", "/co*"], recursive=True)
        with pytest.raises(FileNotFoundError):
            await fs._rm("/none*")

    asyncio.run(work())
    assert mfs.find("/") == ["/again/b/y.txt", "/again/x.txt"]


def test_directories_are_made_and_removed_as_on_a_disk(mfs: Any) -> None:
    with pytest.raises(NotADirectoryError) as caught:
        mfs.mkdir("/c.csv/below")
    assert caught.value.filename == "/c.csv/below"
    with pytest.raises(FileExistsError):
        mfs.mkdir("/a")
    with pytest.raises(FileNotFoundError):
        mfs.mkdir("/none/deep", create_parents=False)
    for path, number in (("/a", "not empty"), ("/c.csv", "Not a"), ("/none", "No such")):
        with pytest.raises(OSError, match=number) as failed:
            mfs.rmdir(path)
        assert failed.value.filename == path
    with mfs.transaction:
        mfs.mkdir("/empty/deep")
        mfs.rmdir("/empty/deep")
        mfs.rm("/a/b/y.txt")
        mfs.rmdir("/a/b")
    assert mfs.find("/a", withdirs=True) == ["/a", "/a/x.txt"]
    assert mfs.isdir("/empty")

    def fill_and_remove() -> None:
        with mfs.transaction:
            mfs.rm("/c.csv")
            mfs.pipe("/empty/full", b"")
            mfs.rmdir("/empty")

    with pytest.raises(OSError, match="not empty"):
        fill_and_remove()
    assert mfs.exists("/c.csv")


def test_errors_name_the_path_that_was_asked_for(mfs: Any) -> None:
    """Not the CID that the tree has inside."""
    for call in (mfs.cat, mfs.info, mfs.ls, mfs.open, mfs.rmdir, mfs.rm, mfs.checksum):
        with pytest.raises(FileNotFoundError) as caught:
            call("/a/none")
        assert caught.value.filename == "/a/none", call
    with pytest.raises(FileNotFoundError) as caught:
        mfs.cp("/none", "/there")
    assert caught.value.filename == "/none"


def test_local_patterns_are_added(
    ipfs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    for name in ("1.csv", "2.csv", "3.txt", "[4]"):
        (folder / name).write_text(name)
    callback = Callback()
    found = ipfs.put(f"{folder}/*.csv", callback=callback)
    assert [ipfs.cat(cid) for cid in found] == [b"1.csv", b"2.csv"]
    assert (callback.size, callback.value) == (2, 2)
    assert ipfs.cat(ipfs.put(f"{folder}/[4]")) == b"[4]"
    assert ipfs.put([str(folder / "1.csv")]) == found[:1]
    assert ipfs.put(folder / "1.csv") == found[0]
    assert ipfs.put(f"file://{folder}/1.csv") == found[0]
    with pytest.raises(FileNotFoundError):
        ipfs.put(f"{folder}/*.none")
    with pytest.raises(InvalidParameterError):
        ipfs.put(str(folder), maxdepth=1)
    monkeypatch.chdir(folder)
    assert ipfs.put("?.csv") == found


def test_nothing_is_lost_where_two_would_go_to_one_place(mfs: Any) -> None:
    mfs.pipe({"/1/s/n": b"1", "/2/s/n": b"2", "/file": b"F", "/b/s/k": b"k"})
    before = mfs.commit()
    for source, target, kind in (
        ("/?/s", "/t/", FileExistsError),
        (["/1/s/n", "/2/s/n"], "/t", FileExistsError),
        (["/1", "/2"], ["/t", "mfs://t/"], FileExistsError),
        # Nor what is there, if it is of another kind or not empty.
        ("/1", "/file", NotADirectoryError),
        ("/1/s", "/b", OSError),
        (["/c.csv"], ["/b"], IsADirectoryError),
    ):
        with pytest.raises(kind):
            mfs.mv(source, target)
        assert mfs.commit() == before, source
    root = mfs.commit("/a")
    for target in ("/file", "/c.csv"):
        with pytest.raises(FileExistsError):
            mfs.cp(f"ipfs://{root}", target)
    with pytest.raises(FileExistsError):
        mfs.cp([f"ipfs://{root}/x.txt", "/1/../a/x.txt"], "/t")
    assert mfs.commit() == before
    mfs.mkdir("/empty")
    mfs.mv("/1", "/empty")
    assert mfs.cat("/empty/1/s/n") == b"1"
    mfs.mkdir("/e2/s")
    mfs.mv("/2/s", "/e2")
    assert mfs.find("/e2") == ["/e2/s/n"]
    mfs.mv("/c.csv", "/d.csv")
    assert mfs.cat("/d.csv") == b"c"


def test_paths_that_look_like_those_of_cids_are_paths(mfs: Any) -> None:
    root = mfs.commit("/a")
    mine = {f"/ipfs/{root}/x.txt": b"mine", "/ipns/k": b"k", "/ipfs/a": b"a"}
    mfs.pipe(mine)
    mfs.cp(f"mfs://ipfs/{root}/x.txt", "/got")
    assert mfs.cat("/got") == b"mine"
    mfs.cp("/ipns/k", "/k")
    mfs.cp("mfs://", "/all", recursive=True)
    assert {path: mfs.cat(f"/all{path}") for path in mine} == mine


def test_errors_of_copies_are_left_out_if_asked(mfs: Any) -> None:
    root = mfs.commit("/a")
    sources = [f"ipfs://{root}/none", f"ipfs://{root}/x.txt", "/nowhere"]
    with pytest.raises(FileNotFoundError):
        mfs.cp(sources, "/t")
    assert not mfs.exists("/t")
    mfs.cp(sources, "/t", on_error="ignore")
    assert mfs.find("/t") == ["/t/x.txt"]


def test_a_depth_that_would_not_be_kept_to_is_refused(mfs: Any) -> None:
    before = mfs.commit()
    for path in ("/a", "/a/*"):
        with pytest.raises(InvalidParameterError, match="all below"):
            mfs.rm(path, recursive=True, maxdepth=1)
    assert mfs.commit() == before
    mfs.rm(["/a", "/a/*", "/a/b/y.txt"], recursive=True)
    assert not mfs.exists("/a")


INTERRUPTED_PUT = """
import os, signal, sys, threading, time
from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, MFSFileSystem
store, folder, out = sys.argv[1:]
mfs = MFSFileSystem(ipfs_path=store, offline=True)
ipfs = IPFSFileSystem(ipfs_path=store, offline=True)
root = ipfs.put(folder)


def interrupted(work):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        while True:
            work()
    except KeyboardInterrupt:
        pass


def put():
    mfs.put(folder, "/put", recursive=True)
    mfs.rm("/put", recursive=True)


interrupted(put)
interrupted(lambda: ipfs.get(root, out, recursive=True))
seen = [sorted(os.listdir(out)), mfs.commit()]
time.sleep(0.5)
assert seen == [sorted(os.listdir(out)), mfs.commit()]
assert len(mfs.find("/put")) in (0, len(os.listdir(folder)))
assert not [name for name in os.listdir(out) if name.endswith(".part")]
"""


def test_ctrl_c_ends_what_is_done_to_many_files(tmp_path: Path) -> None:
    """Nothing goes on behind the back of who pressed it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(500):
        (folder / str(number)).write_text(str(number))
    (tmp_path / "out").mkdir()
    said = run_python(INTERRUPTED_PUT, tmp_path / "store", folder, tmp_path / "out")
    assert said == ""
