"""The command line: results on stdout, the rest on stderr, exit codes 0, 1 and 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipfs_kit_py import CID, hash_file, hash_tree

PROGRAM = Path(sys.executable).parent / "ipfs-kit"


def run(
    *arguments: object, code: int = 0, stdin: bytes = b"", cwd: Path | None = None
) -> str:
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        check=False,
    )
    output = done.stdout.decode()
    assert done.returncode == code, f"{output}\n{done.stderr.decode()}"
    assert (code == 0) == (not done.stderr)
    return output if code == 0 else done.stderr.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_bytes(b"one")
    (folder / "sub" / "b").write_bytes(b"two" * 100_000)
    (folder / ".hidden").write_bytes(b"dot")
    return folder


def test_hash_prints_cid_and_path(folder: Path) -> None:
    path = folder / "a"
    assert run("hash", path) == f"{hash_file(path)}  {path}\n"
    assert run("hash", "-q", path) == f"{hash_file(path)}\n"
    record = {"path": str(path), "cid": str(hash_file(path))}
    assert json.loads(run("hash", "--json", path)) == record


def test_hash_takes_folders_when_asked(folder: Path) -> None:
    assert "add -r" in run("hash", folder, code=2)
    assert run("hash", "-qr", folder) == f"{hash_tree(folder)}\n"
    lines = [
        json.loads(line)
        for line in run("hash", "-r", "--entries", "--json", folder).splitlines()
    ]
    assert [line["path"] for line in lines] == [
        f"{folder}/{name}" for name in ("a", "sub", "sub/b")
    ] + [str(folder)]


def test_hash_reads_standard_input(folder: Path) -> None:
    data = (folder / "a").read_bytes()
    assert run("hash", "-q", "-", stdin=data) == f"{hash_file(folder / 'a')}\n"


@pytest.mark.parametrize(
    ("flags", "params"),
    [
        (["--profile", "unixfs-v0-2015"], {"profile": "unixfs-v0-2015"}),
        (["--cid-version", "0"], {"cid_version": 0}),
        (["--no-raw-leaves"], {"raw_leaves": False}),
        (["--hash", "blake3"], {"hash": "blake3"}),
        (["-s", "size-1000"], {"chunker": "size-1000"}),
        (["-t"], {"trickle": True}),
        (["--inline", "--inline-limit", "64"], {"inline": True, "inline_limit": 64}),
        (
            ["-s", "size-9", "--max-file-links", "3"],
            {"chunker": "size-9", "max_file_links": 3},
        ),
        (["--max-directory-links", "1"], {"max_directory_links": 1}),
        (
            ["--hamt-threshold", "0", "--max-hamt-fanout", "8"],
            {"hamt_threshold": 0, "max_hamt_fanout": 8},
        ),
        (
            ["--hamt-size-estimation", "links-bytes", "--hamt-threshold", "50"],
            {"hamt_size_estimation": "links-bytes", "hamt_threshold": 50},
        ),
        (["-H"], {"hidden": True}),
        (["--no-empty-dirs"], {"empty_dirs": False}),
        (["--dereference-symlinks"], {"dereference_symlinks": True}),
        (
            ["--preserve-mode", "--preserve-mtime"],
            {"preserve_mode": True, "preserve_mtime": True},
        ),
        (
            ["--mode", "0755", "--mtime", "7", "--mtime-nsecs", "8"],
            {"mode": 0o755, "mtime": 7, "mtime_nsecs": 8},
        ),
        (["-w"], {"wrap_with_directory": True}),
        (["--threads", "1"], {"threads": 1}),
    ],
)
def test_every_parameter_is_a_flag(
    folder: Path, flags: list[str], params: dict[str, int | str | bool]
) -> None:
    expected = hash_tree(folder, **params)  # type: ignore[call-overload]
    assert run("hash", "-qr", *flags, folder) == f"{expected}\n"


def test_failures_say_what_and_end_in_1(folder: Path) -> None:
    assert "nothing: No such file" in run("hash", folder / "nothing", code=1)
    assert "not between" in run("hash", "--max-file-links", "1", folder / "a", code=1)
    assert "not a CID" in run("cid", "inspect", "nonsense", code=1)
    run("hash", code=2)
    run("nonsense", code=2)
    run("hash", "--mode", "rwx", folder / "a", code=2)


def test_results_before_a_failure_are_printed(folder: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "hash", "-q", folder / "a", folder / "nothing"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.decode() == f"{hash_file(folder / 'a')}\n"


def test_a_closed_pipe_ends_quietly(folder: Path) -> None:
    command = f"'{PROGRAM}' hash -q {'a ' * 3000} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{hash_file(folder / 'a')}\n"
    assert not done.stderr


def test_cid_commands() -> None:
    text = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
    v1 = str(CID(text).to_v1())
    assert run("cid", "base32", text) == f"{v1}\n"
    assert run("cid", "format", "-v", "0", v1) == f"{text}\n"
    assert run("cid", "format", "-b", "base36", text) == f"{CID(v1).encode('base36')}\n"
    record = json.loads(run("cid", "inspect", "--json", text))
    assert (record["v0"], record["v1"], record["hash"]) == (text, v1, "sha2-256")
    assert "dag-pb" in run("cid", "codecs", "-q").split()
    assert "blake3" in run("cid", "hashes", "-q").split()
    assert {"name": "base32", "code": "b"} in [
        json.loads(line) for line in run("cid", "bases", "--json").splitlines()
    ]


def test_car_commands(folder: Path, tmp_path: Path) -> None:
    car = tmp_path / "folder.car"
    root = str(hash_tree(folder))
    assert run("car", "pack", folder, "-o", car).startswith(root)
    assert run("car", "roots", car) == f"{root}\n"
    assert root in run("car", "ls", "-q", car).split()
    assert json.loads(run("car", "verify", "--json", car))["complete"] is True
    assert (
        run("car", "unpack", "-q", car, "-o", tmp_path / "out") == f"{tmp_path / 'out'}\n"
    )
    assert str(hash_tree(tmp_path / "out")) == root
    assert "exists" in run("car", "unpack", car, "-o", tmp_path / "out", code=1)
    run("car", "pack", folder, cwd=tmp_path)
    run("car", "unpack", car, cwd=tmp_path)
    assert (tmp_path / root / "a").read_bytes() == b"one"


def test_a_car_without_a_block_fails_verification(folder: Path, tmp_path: Path) -> None:
    car = tmp_path / "folder.car"
    run("car", "pack", folder, "-o", car)
    # The last block is the root, which names the first, here left out.
    whole = car.read_bytes()
    start = 1 + whole[0]
    cut = whole[:start] + whole[start + 1 + whole[start] :]
    car.write_bytes(cut)
    done = subprocess.run(
        [PROGRAM, "car", "verify", car], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"1 blocks missing" in done.stdout


def test_version_and_completions() -> None:
    assert "sha2-256 by" in run("version")
    assert set(json.loads(run("version", "--json"))) >= {"version", "sha256_kernel"}
    for shell in ("bash", "zsh", "fish"):
        assert "_IPFS_KIT_COMPLETE" in run("completions", shell)


def test_help_is_there_for_every_command() -> None:
    for command in ([], ["hash"], ["cid"], ["car"], ["car", "pack"], ["version"]):
        assert "Usage: ipfs-kit" in run(*command, "--help")


def test_a_forced_kernel_that_cannot_be_had_is_an_error(folder: Path) -> None:
    env = os.environ | {"IPFS_KIT_SHA256_KERNEL": "abacus"}
    done = subprocess.run(
        [PROGRAM, "hash", folder / "a"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "abacus" in done.stderr
