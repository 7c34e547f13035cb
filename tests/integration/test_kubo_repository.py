"""What the repository does is what a real Kubo does with the same input."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import Kubo

from ipfs_kit_py import Repository, car_blocks

PROGRAM = Path(sys.executable).parent / "ipfs-kit"
V0 = "unixfs-v0-2015"
Run = Callable[..., bytes]


@pytest.fixture
def both(kubo: Kubo, repository: Repository, tree: Path) -> Iterator[tuple[Run, Run]]:
    """Give both programs, with the same tree in both repositories."""
    (kubo.repo / "config").write_text(
        json.dumps(kubo.config | {"Import": kubo.imports[V0]})
    )
    kubo.run("add", "-r", "-Q", tree)
    repository.add(tree, profile=V0)

    def ours(*arguments: str | os.PathLike[str], stdin: bytes | None = None) -> bytes:
        done = subprocess.run(
            [PROGRAM, "--repo", repository.path, *arguments],
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout

    yield ours, kubo.run
    kubo.run("files", "rm", "-r", "--force", "/t")


@pytest.fixture
def root(repository: Repository, tree: Path) -> str:
    return str(repository.add(tree, profile=V0).cid)


def test_commands_print_what_kubo_prints(both: tuple[Run, Run], root: str) -> None:
    ours, theirs = both
    commands = (
        ("ls", root),
        ("ls", "-v", f"{root}/sub"),
        ("ls", "--size=false", root),
        ("cat", f"{root}/sub/big"),
        ("cat", "-o", "300000", "-l", "300000", f"/ipfs/{root}/sub/big"),
        ("refs", root),
        ("refs", "-r", root),
        ("refs", "-r", "-u", root),
        ("refs", "-r", "--max-depth=1", root),
        ("refs", "-e", root),
        ("refs", "-r", "--format=<src> <dst> <linkname>", root),
        ("dag", "get", root),
        ("dag", "export", "--progress=false", root),
        ("block", "get", root),
        ("block", "stat", root),
        ("pin", "ls", "-t", "recursive", root),
        ("files", "stat", f"/ipfs/{root}"),
    )
    for command in commands:
        assert ours(*command) == theirs(*command), command


def test_entries_are_added_as_in_kubo(both: tuple[Run, Run], tree: Path) -> None:
    ours, theirs = both
    mine = ours("add", "-r", "--profile", V0, tree).splitlines()
    assert sorted(mine) == sorted(theirs("add", "-r", tree).splitlines())


def test_values_have_the_cids_that_kubo_gives(both: tuple[Run, Run], root: str) -> None:
    ours, theirs = both
    text = (
        b'{"b":[1,-2,1.5,null,true,"\xc3\xbc"],"a":{"/":"%s"},"c":{"/":{"bytes":"eA"}}}'
    )
    for codec in ("dag-cbor", "dag-json"):
        put = ("dag", "put", f"--store-codec={codec}")
        cid = ours(*put, stdin=text % root.encode())
        assert cid == theirs(*put, stdin=text % root.encode())
        name = cid.decode().strip()
        assert ours("dag", "get", name) == theirs("dag", "get", name)
        assert ours("dag", "get", f"{name}/b/5") == theirs("dag", "get", f"{name}/b/5")
    for format_ in ("raw", "dag-pb"):
        put = ("block", "put", f"--cid-codec={format_}")
        assert ours(*put, stdin=b"\x0a\x00") == theirs(*put, stdin=b"\x0a\x00")


def test_mutable_files_have_kubos_cids(both: tuple[Run, Run], root: str) -> None:
    ours, theirs = both
    new = ("--profile", V0)
    data = os.urandom(600_000)
    steps: list[tuple[tuple[str, ...], tuple[str, ...], bytes | None]] = [
        (("files", "mkdir", "-p", "/t/a/b"), new, None),
        (("files", "cp", f"/ipfs/{root}", "/t/tree"), (), None),
        (("files", "write", "-e", "/t/big"), new, data),
        (("files", "write", "-o", "100", "/t/big"), new, b"in the middle"),
        (("files", "write", "-o", "599990", "/t/big"), new, data[:400_000]),
        (("files", "write", "-t", "/t/tree/a.txt"), new, b"short"),
        (("files", "mv", "/t/tree/sub", "/t/a"), (), None),
        (("files", "cp", "/t/a/sub/big", "/t/"), (), None),
        (("files", "rm", "/t/tree/link"), (), None),
        (("files", "chmod", "0640", "/t/tree/empty"), (), None),
        (("files", "touch", "--mtime=1000000000", "/t/a"), (), None),
    ]
    for command, extra, stdin in steps:
        failed: list[bool] = []
        for run, more in ((ours, extra), (theirs, ())):
            try:
                run(*command, *more, stdin=stdin)
                failed.append(False)
            except (subprocess.CalledProcessError, RuntimeError):
                failed.append(True)
        assert failed[0] == failed[1], command
        stat = ("files", "stat", "--hash", "/t")
        # Kubo prints it in the base that its root has.
        assert ours(*stat) == theirs(*stat), command
    assert ours("files", "stat", "/t/a") == theirs("files", "stat", "/t/a")
    for path in ("/t", "/t/a", "/t/big"):
        assert ours("files", "ls", "-l", path) == theirs("files", "ls", "-l", path)
    assert ours("files", "read", "/t/big") == theirs("files", "read", "/t/big")


def test_cars_go_from_one_to_the_other(
    kubo: Kubo, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    root = repository.add(tree).cid
    repository.dag_export(root, tmp_path / "ours.car")
    assert kubo.dag_import((tmp_path / "ours.car").read_bytes()) == [str(root)]
    theirs = kubo.add_cid(tree, "--pin=false", profile=V0)
    kubo.run("add", "-r", "--pin=false", "-Q", tree)
    (tmp_path / "theirs.car").write_bytes(kubo.dag_export(theirs))
    with Repository(tmp_path / "new") as new:
        assert [str(cid) for cid in new.dag_import(tmp_path / "theirs.car").roots] == [
            theirs
        ]
        assert new.cat(f"{theirs}/a.txt") == b"one\n"


def test_a_pack_is_a_car_that_kubo_takes_as_it_is(kubo: Kubo, tmp_path: Path) -> None:
    data = random.Random(5).randbytes(3_000_000)
    roots = []
    with Repository(tmp_path / "r") as repository:
        for chunk_bytes in (5000, 65_536, 70_000, 262_144, 1 << 20):
            added = repository.add(data, chunker=f"size-{chunk_bytes}", pin=False)
            roots.append(str(added.cid))
    (pack,) = (tmp_path / "r").rglob("packs/*.car")
    assert kubo.dag_import(pack.read_bytes()) == []
    for root in roots:
        assert kubo.run("cat", root) == data
    # Whatever moves blocks to their places is nothing that a node keeps.
    found = [block.cid for block in car_blocks(pack)]
    stored = [cid for cid in found if cid.hash_name != "identity"]
    assert len(stored) < len(found)
    assert len({cid.digest for cid in stored}) == len(stored)
