"""The commands on a repository: Kubo's verbs, flags and words, exit codes, streams."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.inputs import Dag

from ipfs_kit_py import CID, Repository, car_verify, cid_of, hash_tree
from ipfs_kit_py.errors import AccessDeniedError

PROGRAM = Path(sys.executable).parent / "ipfs-kit"


class Shell:
    """Runs commands on one repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "repo"

    def start(self, *arguments: object, stdin: bytes = b"") -> Any:
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=os.environ | {"IPFS_KIT_IPFS_PATH": str(self.repo)},
            check=False,
        )

    def raw(self, *arguments: object, code: int = 0, stdin: bytes = b"") -> bytes:
        done = self.start(*arguments, stdin=stdin)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr.decode()}"
        output: bytes = done.stdout if code == 0 else done.stderr
        return output

    def __call__(self, *arguments: object, code: int = 0, stdin: bytes = b"") -> str:
        return self.raw(*arguments, code=code, stdin=stdin).decode()

    def json(self, *arguments: object, stdin: bytes = b"") -> list[Any]:
        lines = self(*arguments, "--json", stdin=stdin).splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def shell(tmp_path: Path, tree: Path) -> Shell:
    assert tree == tmp_path / "tree"
    return Shell(tmp_path)


@pytest.fixture
def root(shell: Shell, tree: Path) -> CID:
    with Repository(shell.repo) as repository:
        return repository.add(tree).cid


def test_get_writes_nowhere_but_where_it_stands(shell: Shell) -> None:
    """Directories may have names that lead out; no path leads to them."""
    dag = Dag()
    leaf = dag.raw(b"evil")
    root = dag.folder([("%2Fevil", leaf), ("../evil", leaf), ("/evil", leaf)])
    with Repository(shell.repo) as repository:
        for cid, data in dag.blocks.items():
            repository.block_put(data, cid.codec)
    for name in ("../evil", "..%2Fevil", "/evil"):
        shell("get", f"ipfs://{root}/{name}", code=1)
    assert not (shell.folder.parent / "evil").exists()
    shell("get", f"ipfs://{root}/%2Fevil")
    assert (shell.folder / "%2Fevil").read_bytes() == b"evil"


HOSTILE = [
    "a b",
    "a%20b",
    "100%",
    "%zz",
    "q?x=1&y#frag",
    "#",
    "größe, 大.txt",
    "a:b",
    "ipfs:x",
    "mfs:",
    "back\\slash",
    "*[x]",
    "-dash",
    "...",
    " ",
    "new\nline",
    "~",
    "'\"",
]


def test_paths_are_those_of_the_file_systems(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a name is, it is the same in a shell, in fsspec and in a listing."""
    folder = shell.folder / "hostile"
    (folder / "sub dir%").mkdir(parents=True)
    for number, name in enumerate(HOSTILE):
        (folder / name).write_bytes(b"%d" % number)
        (folder / "sub dir%" / name).write_bytes(b"%d" % number)
    with Repository(shell.repo) as repository:
        root = repository.add(folder, hidden=True).cid
        key = repository.name_publish(root).name
        repository.files_cp(root, "/tree")
    monkeypatch.chdir(shell.folder)
    fs = fsspec.filesystem("ipfs", ipfs_path=str(shell.repo), skip_instance_cache=True)
    mfs = fsspec.filesystem("mfs", ipfs_path=str(shell.repo), skip_instance_cache=True)
    starts = [
        (fs, f"ipfs://{root}"),
        (fs, f"ipfskit://{root}"),
        (fs, f"/ipfs/{root}"),
        (fs, f"{root}"),
        (fs, f"ipns://{key}"),
        (fs, f"/ipns/{key}"),
        (mfs, "mfs://tree"),
    ]
    for above in ("", "/sub dir%"):
        for system, start in starts:
            paths = [f"{start}{above}/{name}" for name in HOSTILE]
            wanted = [b"%d" % number for number in range(len(HOSTILE))]
            assert [system.cat_file(path) for path in paths] == wanted
            assert [system.open(path).read() for path in paths] == wanted
            assert shell.raw("cat", *paths) == b"".join(wanted)
    names = {name for name in HOSTILE if not (folder / name).is_dir()}
    listed = fs.ls(f"ipfs://{root}/sub dir%", detail=False)
    assert {path.rpartition("/")[2] for path in listed} == names
    # What one shows, the other takes.
    assert shell.raw("cat", *listed) == b"".join(fs.cat_file(path) for path in listed)
    shown = shell.json("ls", f"ipfs://{root}/sub dir%")
    assert {entry["name"] for entry in shown} == names
    for entry in shown:
        assert fs.ukey(f"{root}/sub dir%/{entry['name']}") == entry["cid"]
    shell("get", "mfs://tree/sub dir%/q?x=1&y#frag")
    assert (shell.folder / "q?x=1&y#frag").read_bytes() == b"4"
    shell("get", f"ipfs://{root}/sub dir%", "-o", "got")
    assert {path.name for path in (shell.folder / "got").iterdir()} == names
    for wrong in ("%61 b", "a+b", "q", "sub%20dir%25"):
        assert not fs.exists(f"ipfs://{root}/{wrong}")
        assert "No such file" in shell("cat", f"ipfs://{root}/{wrong}", code=1)
    assert "No such file" in shell("cat", "mfs://nothing", code=1)
    for same in (f"{root}/./sub dir%/../a b", f"{root}//a b/"):
        assert shell.raw("cat", same) == fs.cat_file(same) == b"0"
    with pytest.raises(AccessDeniedError):
        fs.cat_file(f"{root}/..")
    shell("cat", f"{root}/..", code=1)


def test_times_that_no_calendar_has_are_shown_as_numbers(shell: Shell) -> None:
    shell("files", "write", "/f", "--create", stdin=b"x")
    for seconds in ("99999999999999", "-99999999999999", str((1 << 63) - 1)):
        shell("files", "touch", "/f", f"--mtime={seconds}")
        assert f"Mtime: {seconds}" in shell("files", "stat", "/f")
        folder = shell("files", "stat", "/", "--hash").strip()
        assert " f" in shell("ls", "-l", folder)
    assert "range" in shell("files", "touch", "/f", f"--mtime={1 << 63}", code=1)
    assert "range" in shell("files", "chmod", "77777777777777", "/f", code=1)


def test_what_is_added_has_its_own_name(shell: Shell, tree: Path) -> None:
    shell("files", "mkdir", "/d", "-p")
    shell("add", "-", "--to-files", "/d/", stdin=b"x")
    shell("add", "-r", f"{tree}/sub/..", "--to-files", "/d/")
    assert shell("files", "ls", "/d").split() == [str(cid_of(b"x")), "tree"]


def test_an_export_to_a_folder_is_refused(shell: Shell, root: CID) -> None:
    for output in (".", "", "/"):
        assert "directory" in shell("dag", "export", root, "-o", output, code=1)


def test_init_makes_a_repository_once(shell: Shell) -> None:
    assert "ipfs-kit init" in shell("cat", "bafkqaaa", code=1)
    assert shell("init") == f"the repository is at {shell.repo}\n"
    assert shell("init", "-q") == f"{shell.repo}\n"
    other = shell.folder / "other"
    assert shell.json("init", "--repo", other)[0]["path"] == str(other)
    assert shell("repo", "version", "-q") == "ipfs-kit-repo@1\n"
    assert shell("--repo", other, "repo", "version") == (
        "ipfs-kit repo version ipfs-kit-repo@1\n"
    )


def test_add_says_what_it_added(shell: Shell, tree: Path) -> None:
    cid = hash_tree(tree)
    assert "add -r" in shell("add", "tree", code=2)
    done = shell.start("add", "-r", "tree")
    lines = done.stdout.decode().splitlines()
    assert lines[-1] == f"added {cid} tree"
    assert len(lines) == len(list(tree.rglob("*"))) + 1
    assert "7 files, 3.5 MB; 14 new blocks" in done.stderr.decode()
    assert shell("add", "-r", "-Q", tree) == f"{cid}\n"
    assert shell("add", "-r", "-q", tree).splitlines()[-1] == str(cid)
    assert shell("add", "-r", "--silent", tree) == ""
    record = shell.json("add", "-r", tree)[-1]
    assert (record["cid"], record["name"], record["new_blocks"]) == (str(cid), "tree", 0)
    assert shell("pin", "ls", "-t", "recursive", "-q") == f"{cid}\n"


def test_add_reads_standard_input_and_takes_kubos_flags(shell: Shell) -> None:
    cid = shell("add", "-q", "-", stdin=b"one\n").strip()
    assert shell("cat", cid) == "one\n"
    loose = shell("add", "-q", "--pin=false", "-", stdin=b"two\n").strip()
    assert shell("pin", "ls", "-q") == f"{cid}\n"
    assert shell("add", "-Q", "--pin=true", "--pin-name=mine", "-", stdin=b"two\n") == (
        f"{loose}\n"
    )
    assert f"{loose} recursive mine" in shell("pin", "ls", "--names")
    old = shell("add", "-Q", "--profile", "unixfs-v0-2015", "-", stdin=b"one\n")
    assert old.startswith("Qm")
    shell("add", "-Q", "--to-files", "/here", "-", stdin=b"one\n")
    assert shell("files", "read", "/here") == "one\n"
    for unknown in ("--only-hash=maybe", "--fscache", "--local"):
        shell("add", unknown, "tree", code=2)
    shell("add", "nope", code=1)
    shell("add", code=2)


def test_readding_says_what_was_skipped(shell: Shell, tree: Path) -> None:
    for path in tree.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    with Repository(shell.repo, _clock_offset_seconds=60) as repository:
        repository.add(tree)
    said = shell.start("add", "-r", "tree").stderr.decode()
    assert "6 files unchanged and not read, 3.5 MB" in said
    assert "0 new blocks" in said
    said = shell.start("add", "-r", "--trust-stat=false", "tree").stderr.decode()
    assert "unchanged" not in said
    assert "15 blocks there already" in said


def test_cat_prints_ranges_of_files(shell: Shell, root: CID, tree: Path) -> None:
    big = (tree / "sub" / "big").read_bytes()
    path = f"/ipfs/{root}/sub/big"
    assert shell.raw("cat", path) == big
    assert shell.raw("cat", "-o", 1_048_570, "-l", 100, path) == big[1_048_570:][:100]
    assert shell.raw("cat", f"ipfs://{root}/a.txt", f"{root}/größe, 大.txt") == (
        "one\nü\n".encode()
    )
    both = shell.raw("cat", "-o", 2, "-l", 4, f"{root}/a.txt", f"{root}/a.txt")
    assert both == b"e\non"
    assert shell.json("cat", path)[0]["size"] == len(big)
    assert "nope" in shell("cat", f"{root}/nope", code=1)
    shell("cat", root, code=1)
    shell("cat", "/ipns/x", code=1)
    shell("cat", "-o", -1, path, code=2)


def test_get_writes_to_disk(shell: Shell, root: CID, tree: Path) -> None:
    assert shell("get", root) == f"Saving file(s) to {root}\n"
    assert hash_tree(shell.folder / str(root)) == root
    assert shell("get", f"/ipfs/{root}/sub/big", "-o", "out") == "Saving file(s) to out\n"
    out = (shell.folder / "out").read_bytes()
    assert out == (tree / "sub" / "big").read_bytes()
    assert "exist" in shell("get", root, "-o", "out", code=1).lower()
    assert shell.json("get", f"{root}/a.txt")[0] == {
        "output": "a.txt",
        "entries": 1,
        "bytes": 4,
    }


def test_ls_lists_directories(shell: Shell, root: CID) -> None:
    lines = shell("ls", root).splitlines()
    assert lines[0].split() == [str(CID(lines[0].split()[0])), "4", "a.txt"]
    assert lines[-1].endswith("- sub/")
    assert len({line.index(" ") for line in lines}) == 1
    assert shell("ls", "-v", root).split()[:3] == ["Hash", "Size", "Name"]
    records = {record["name"]: record for record in shell.json("ls", root)}
    assert records["sub"]["type"] == "directory"
    assert records["größe, 大.txt"]["size"] == 3
    assert shell("ls", "-q", root).splitlines()[0] == records["a.txt"]["cid"]
    assert shell("ls", "--size=false", root).splitlines()[0].endswith("a.txt")
    assert "3.5 MB" in shell("ls", "-H", f"{root}/sub")
    two = shell("ls", f"{root}/sub", f"{root}/sub/deep")
    assert f"{root}/sub/deep:\n" in two
    assert shell("ls", f"{root}/a.txt").endswith("4 a.txt\n")
    shell("ls", f"{root}/nope", code=1)


def test_refs_list_links_and_blocks(shell: Shell, root: CID) -> None:
    with Repository(shell.repo) as repository:
        near = [str(link.target) for link in repository.refs(root)]
        everything = {str(cid) for cid in repository.blocks()}
        far = [str(link.target) for link in repository.refs(root, recursive=True)]
    assert shell("refs", root).split() == near
    assert shell("refs", "-r", root).split() == far
    assert set(shell("refs", "-r", "-u", root).split()) == set(far)
    assert shell("refs", "-e", root).splitlines()[0] == f"{root} -> {near[0]}"
    assert shell("refs", "--format=<linkname>", root).splitlines()[0] == "a.txt"
    assert set(shell("refs", "local").split()) == everything


def test_pin_commands(shell: Shell, root: CID) -> None:
    leaf = shell("refs", root).split()[0]
    assert shell("pin", "add", "-r=false", leaf) == f"pinned {leaf} directly\n"
    assert shell("pin", "rm", leaf) == f"unpinned {leaf}\n"
    assert "not pinned" in shell("pin", "rm", leaf, code=1)
    assert shell("pin", "add", "-n", "name", root) == f"pinned {root} recursively\n"
    assert shell("pin", "ls", leaf) == f"{leaf} indirect through {root}\n"
    assert shell("pin", "ls", "-n", "am") == f"{root} recursive name\n"
    assert shell("pin", "ls", "-n", "other") == ""
    assert shell("pin", "verify") == ""
    assert shell("pin", "verify", "-v") == f"{root} ok\n"
    new = shell("add", "-Q", "--no-pin", "-", stdin=b"new").strip()
    assert shell("pin", "update", root, new) == f"updated {root} to {new}\n"
    assert shell.json("pin", "ls", "-t", "recursive") == [
        {"cid": new, "type": "recursive", "name": "name"}
    ]
    shell("pin", "ls", "-t", "other", code=2)
    shell("pin", "ls", leaf, code=1)


def test_block_commands(shell: Shell) -> None:
    cid = shell("block", "put", stdin=b"abc").strip()
    assert shell.raw("block", "get", cid) == b"abc"
    assert shell("block", "stat", cid) == f"Key: {cid}\nSize: 3\n"
    assert shell.json("block", "get", cid)[0]["hex"] == "616263"
    assert shell("block", "rm", cid) == f"removed {cid}\n"
    assert "missing" in shell("block", "rm", cid, code=1)
    assert shell("block", "rm", "-f", cid) == f"removed {cid}\n"
    (shell.folder / "file").write_bytes(b"\x01")
    other = shell(
        *("block", "put", "--cid-codec=dag-cbor", "--mhtype=blake3", "--pin", "file")
    )
    assert CID(other.strip()).hash_name == "blake3"
    assert "in use" in shell("block", "rm", other.strip(), code=1)
    assert "missing" in shell("block", "get", cid, code=1)


def test_dag_commands(shell: Shell, root: CID) -> None:
    text = b'{"a":[1,{"/":"%s"}]}' % str(root).encode()
    cid = shell("dag", "put", stdin=text).strip()
    assert shell.raw("dag", "get", cid) == text
    assert shell("dag", "get", f"{cid}/a/0") == "1"
    assert shell("dag", "resolve", f"{cid}/a/0") == f"{cid}/a/0\n"
    assert shell("dag", "resolve", f"{cid}/a/1") == f"{root}\n"
    car = shell.raw("dag", "export", root)
    assert shell("dag", "export", root, "-o", "x.car").startswith("x.car: 14 blocks")
    assert (shell.folder / "x.car").read_bytes() == car
    assert car_verify(shell.folder / "x.car").is_complete
    other = ("--repo", shell.folder / "other")
    assert shell("dag", "import", *other, "--stats", "x.car").splitlines() == [
        f"Pinned root\t{root}\tsuccess",
        f"Imported 14 blocks ({car_verify(shell.folder / 'x.car').bytes} bytes)",
    ]
    assert shell("cat", *other, f"{root}/a.txt") == "one\n"
    assert shell("dag", "import", "--pin-roots=false", stdin=car) == ""
    stat = shell("dag", "stat", root)
    assert "Unique Blocks: 14" in stat
    assert shell.json("dag", "stat", root)[0]["unique_blocks"] == 14
    shell("dag", "put", stdin=b"{", code=1)
    shell("dag", "import", stdin=b"no car", code=1)


def test_files_commands(shell: Shell, root: CID) -> None:
    shell("files", "mkdir", "-p", "/a/b")
    shell("files", "write", "-e", "/a/f", stdin=b"hello")
    shell("files", "write", "-o", 5, "-n", 3, "/a/f", stdin=b" world")
    assert shell.raw("files", "read", "/a/f") == b"hello wo"
    assert shell.raw("files", "read", "-o", 1, "-n", 2, "/a/f") == b"el"
    shell("files", "cp", f"/ipfs/{root}", "/a/copy")
    assert shell("files", "ls", "/a") == "b\ncopy\nf\n"
    assert f"copy/\t{root}\t0\n" in shell("files", "ls", "-l", "/a")
    stat = shell("files", "stat", "/a/copy").splitlines()
    assert stat[0] == str(root)
    assert stat[4:] == ["Type: directory", "Mode: not set (not set)", "Mtime: not set"]
    assert shell("files", "stat", "--hash", "/a/copy") == f"{root}\n"
    assert shell("files", "stat", "--format=<type> <size>", "/a/f") == "file 8\n"
    shell("files", "mv", "/a/f", "/a/g")
    shell("files", "chmod", "0640", "/a/g")
    shell("files", "touch", "--mtime=5", "/a/g")
    record = shell.json("files", "stat", "/a/g")[0]
    assert (record["mode"], record["mtime_ns"]) == (0o640, 5_000_000_000)
    assert "directory" in shell("files", "rm", "/a", code=1)
    before = shell("files", "flush").strip()
    assert shell.json("files", "rm", "-r", "/a/copy")[0]["root"] != before
    shell("files", "rm", "--force", "/a", "/nope")
    assert shell("files", "ls") == ""
    shell("files", "chmod", "0999", "/", code=2)
    shell("files", "mkdir", "relative", code=1)


def test_repo_commands(shell: Shell, root: CID) -> None:
    assert "NumObjects: 14\n" in shell("repo", "stat")
    assert shell("repo", "stat") == shell("stats", "repo")
    assert "RepoSize:   3.5 MB\n" in shell("repo", "stat", "-H", "-s")
    assert shell.json("repo", "stat")[0]["pins"] == 1
    assert shell("repo", "verify").startswith("verify complete, all blocks validated")
    with Repository(shell.repo, _clock_offset_seconds=-7200) as before:
        gone = before.block_put(b"gone")
    assert shell("repo", "gc") == f"removed {gone}\n"
    assert shell("repo", "gc", "-q") == ""
    assert shell("repo", "compact").endswith("given back\n")
    assert "14 blocks in 1 packs, 1 pins kept" in shell("repo", "rebuild")
    assert shell("cat", f"{root}/a.txt") == "one\n"
    (pack,) = shell.repo.rglob("*.car")
    whole = bytearray(pack.read_bytes())
    whole[1_000_000] ^= 1
    pack.write_bytes(whole)
    done = shell.start("repo", "verify")
    assert done.returncode == 1
    assert b" is bad in " in done.stdout
    assert shell.start("repo", "verify", "--drop").returncode == 1
    assert shell("repo", "verify").startswith("verify complete, all")
    assert "broken" in shell.start("pin", "verify").stdout.decode()
    shell("repo", "nope", code=2)


def test_add_draws_on_a_terminal(shell: Shell) -> None:
    (shell.folder / "many").mkdir()
    for number in range(20):
        (shell.folder / "many" / f"{number}").write_bytes(os.urandom(3_000_000))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [PROGRAM, "add", "-r", "--chunker=size-4096", "--repo", shell.repo, "many"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=shell.folder,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
        check=True,
    )
    os.close(theirs)
    drawn = b""
    try:
        while piece := os.read(ours, 65536):
            drawn += piece
    except OSError:
        pass
    os.close(ours)
    shown = drawn.decode(errors="replace")
    assert done.stdout.decode().splitlines()[-1].endswith(" many")
    assert "adding" in shown
    # Where nothing was drawn between begin and end, how fast it goes is not known.
    assert re.search(r"[Bs]/s|m\?\x1b", shown)
    assert "20 files, 60 MB" in shown
