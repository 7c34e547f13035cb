"""The command line: results on stdout, the rest on stderr, exit codes 0, 1 and 2."""

import json
import os
import pkgutil
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from tests.inputs import read_tree, write_tree
from tests.processes import run_python

from ipfs_kit_py import CID, _cli, hash_file, hash_tree
from ipfs_kit_py._cli.groups import COMMANDS, load
from ipfs_kit_py.cli import cli

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


def test_names_that_are_no_unicode_are_printed_as_they_are(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "bad") + b"\xff"
    os.close(os.open(path, os.O_CREAT))
    cid = str(hash_file(os.fsdecode(path)))
    plain = subprocess.run([PROGRAM, b"hash", path], capture_output=True, check=True)
    assert plain.stdout == cid.encode() + b"  " + path + b"\n"
    command: list[bytes | Path] = [PROGRAM, b"hash", b"--json", path]
    line = subprocess.run(command, capture_output=True, check=True).stdout
    # The escape keeps the line valid JSON, and gives the name back to Python.
    assert os.fsencode(json.loads(line.decode())["path"]) == path
    failed = subprocess.run([*command, b"-w"], capture_output=True, check=False)
    assert failed.returncode == 1
    assert b"bad\\xFF" in failed.stderr


def test_names_beyond_ascii_are_printed_in_any_locale(tmp_path: Path) -> None:
    path = tmp_path / "文件 🎈"
    path.write_bytes(b"1")
    for locale in ("C", "C.UTF-8", "POSIX"):
        done = subprocess.run(
            [PROGRAM, "hash", path],
            env=os.environ | {"LC_ALL": locale},
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode() == f"{hash_file(path)}  {path}\n"


def test_json_is_one_object_a_line(folder: Path) -> None:
    (folder / "two\nlines").write_bytes(b"1")
    printed = run("hash", "--json", "-r", "--entries", folder)
    records = [json.loads(line) for line in printed.splitlines()]
    assert f"{folder}/two\nlines" in [record["path"] for record in records]
    assert all("size" in record for record in records[:-1])


def test_an_empty_path_is_no_folder() -> None:
    assert "No such file" in run("hash", "", code=1)
    assert "No such file" in run("hash", "-r", "", code=1)


@pytest.mark.parametrize("closed", ["<&-", "2>&-"])
def test_closed_standard_streams_are_no_crash(closed: str, folder: Path) -> None:
    path = "-" if closed == "<&-" else "a"
    command = f"'{PROGRAM}' hash {path} {closed}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if path == "-" else 0)
    assert ("standard input" in done.stderr) == (path == "-")


def test_a_full_disk_is_an_error_that_says_so(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PROGRAM, "hash", folder / "a"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_pipes_named_as_paths_are_read(folder: Path) -> None:
    command = f"'{PROGRAM}' hash -q a <(cat a) <(printf '') a"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    )
    one, empty = hash_file(folder / "a"), hash_file("/dev/null")
    assert done.stdout.split() == list(map(str, (one, one, empty, one)))


def test_ctrl_c_ends_a_command_with_130(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([PROGRAM, "hash", pipe], stderr=subprocess.PIPE) as child:
        # Returns once the command has opened the other end.
        writer = os.open(pipe, os.O_WRONLY)
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        assert child.stderr.read().strip() == b"Interrupted."
        assert child.wait() == 130
        os.close(writer)


@pytest.mark.parametrize(
    "module", ["click", "ipfs_kit_py.cli", "ipfs_kit_py._cli.version"]
)
def test_ctrl_c_while_the_command_line_loads_ends_it_with_130(module: str) -> None:
    program = f"""
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

from ipfs_kit_py._cli.entry import main
sys.meta_path.insert(0, Interrupting())
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "version"], capture_output=True, check=False
    )
    assert (done.stdout, done.stderr.strip()) == (b"", b"Interrupted.")
    assert done.returncode == 130


def shown_on_a_terminal(*arguments: object) -> tuple[bytes, bytes]:
    """What a command prints to stdout, a pipe, and to stderr, a terminal."""
    terminal, child = pty.openpty()
    try:
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=child,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
            check=True,
        )
        os.set_blocking(terminal, False)
        try:
            return done.stdout, os.read(terminal, 1 << 20)
        except BlockingIOError:
            return done.stdout, b""
    finally:
        os.close(terminal)
        os.close(child)


def test_progress_is_drawn_on_a_terminal_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 29)
    line = f"{hash_file(path)}  {path}\n".encode()
    printed, drawn = shown_on_a_terminal("hash", path)
    assert printed == line
    assert b"hashing" in drawn
    for quiet in ("-q", "--json"):
        printed, drawn = shown_on_a_terminal("hash", quiet, path)
        assert drawn == b""
    assert run("hash", path).encode() == line


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ipfs-kit ", "hash"),
        ("ipfs-kit car ", "unpack"),
        ("ipfs-kit model li", "lineage"),
        ("ipfs-kit hash --inl", "--inline"),
    ],
)
def test_completions_complete(words: str, found: str) -> None:
    env = {
        "_IPFS_KIT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [PROGRAM], env=os.environ | env, capture_output=True, text=True, check=True
    )
    assert f"plain,{found}" in done.stdout.splitlines()


def test_the_program_is_a_module_as_well(folder: Path) -> None:
    command = [sys.executable, "-m", "ipfs_kit_py.cli", "hash", "-q", "a"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == f"{hash_file(folder / 'a')}\n"


def test_limits_and_links_of_unpacking_are_options(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a": b"123", "out": "../x"})
    car, out = tmp_path / "car", tmp_path / "out"
    run("car", "pack", tree, "-o", car, "--car-version", "2")
    assert json.loads(run("car", "verify", "--json", car))["version"] == 2
    assert "leads out" in run("car", "unpack", car, "-o", out, code=1)
    limited = ("car", "unpack", car, "-o", out, "--symlinks", "skip", "--max-bytes")
    assert "limit of 2" in run(*limited, 2, code=1)
    assert "out of range" in run(*limited, -1, code=1)
    run(*limited, 3)
    assert read_tree(out) == {"a": b"123"}
    run("car", "unpack", car, "-o", out, "--symlinks", "follow", code=2)


def commands(found: click.Command) -> Iterator[click.Command]:
    if isinstance(found, click.Group):
        for command in found.commands.values():
            yield from commands(command)
    else:
        yield found


def test_every_option_stands_once_and_every_command_takes_what_all_take() -> None:
    for command in (each for name in COMMANDS for each in commands(load(name))):
        names = [name for option in command.params for name in option.opts]
        assert len(names) == len(set(names)), f"{command.name}: {names}"
        assert {"--json", "-q", "--offline"} <= set(names), command.name
        assert command.help, command.name
        # Marks of how it is to be broken into lines, which help is to have understood.
        assert "\\" not in command.help, command.name


def test_the_table_says_of_every_command_what_it_says_itself() -> None:
    for name, listed in cli.commands.items():
        command = load(name)
        assert command.name == name
        # In the help of `ipfs-kit` itself, and beside what a shell completes.
        for width in (60, 45):
            told = command.get_short_help_str(width)
            assert listed.get_short_help_str(width) == told


def test_the_table_has_every_command() -> None:
    modules = pkgutil.iter_modules(_cli.__path__, f"{_cli.__name__}.")
    made = {
        item
        for module in modules
        for item in vars(import_module(module.name)).values()
        if isinstance(item, click.Command)
    }
    groups = [item for item in made if isinstance(item, click.Group)]
    below = {item for group in groups for item in group.commands.values()}
    assert made - below == {load(name) for name in COMMANDS}


def test_a_command_that_is_misspelt_is_named() -> None:
    assert "version" in run("versoin", code=2)


MODULES = """
import sys
from ipfs_kit_py._cli.entry import main
main()
print(*sys.modules)
"""


def test_a_command_loads_no_other_and_nothing_to_draw_with(tmp_path: Path) -> None:
    shown = set(run_python(MODULES, "version").splitlines()[-1].split())
    ours = {name for name in shown if name.startswith("ipfs_kit_py")}
    assert ours == {
        *("ipfs_kit_py", "ipfs_kit_py._native", "ipfs_kit_py.cli", "ipfs_kit_py._cli"),
        *(
            f"ipfs_kit_py._cli.{name}"
            for name in ("entry", "groups", "output", "repository", "settings", "version")
        ),
    }
    heavy = {"asyncio", "json", "logging", "platformdirs", "rich", "tomlkit", "yaml"}
    assert not shown & (heavy | {"pathlib", "urllib"})
    path = tmp_path / "a"
    path.write_bytes(b"1")
    added = run_python(MODULES, "--repo", tmp_path / "repo", "add", path)
    assert not set(added.splitlines()[-1].split()) & heavy


def test_car_pack_names_its_file_after_the_folder(folder: Path) -> None:
    for path, name, cwd in (
        ("..", "folder", folder / "sub"),
        (".", "folder", folder),
        ("sub/..", "folder", folder),
        ("a", "a", folder),
    ):
        assert run("car", "pack", path, cwd=cwd).endswith(f"  {name}.car\n")
        (cwd / f"{name}.car").unlink()
    assert "-o" in run("car", "pack", "/", code=2)
