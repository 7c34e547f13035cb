"""`ipfs-kit model`: what it prints, takes and refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py import Repository
from ipfs_kit_py.ai_ml_integration import ModelRegistry

PROGRAM = Path(sys.executable).parent / "ipfs-kit"


class Shell:
    """Runs commands on one repository, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [PROGRAM, "model", *map(str, arguments), "--repo", self.folder / "repo"],
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
        )

    def __call__(self, *arguments: object, code: int = 0) -> str:
        done = self.start(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout

    def json(self, *arguments: object) -> list[Any]:
        return [json.loads(it) for it in self(*arguments, "--json").splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights.bin").write_bytes(os.urandom(300_000))
    (tmp_path / "run" / "config.json").write_text("{}")
    return Shell(tmp_path)


def test_a_model_goes_in_and_comes_out(shell: Shell) -> None:
    added = shell("add", "run", "net", "--framework", "jax", "--metric", "acc=0.5")
    cid = added.split()[-1]
    assert added == f"added net 1 {cid}\n"
    shell("add", "run", "net", "--meta", "who=me", "--parent", "net", "--code", "c1")
    listed = shell("ls").splitlines()
    assert [line.split()[:4] for line in listed] == [
        [cid, "net", "1", "jax"],
        [cid, "net", "2", "files"],
    ]
    assert shell("ls", "-q") == "net\n"
    assert shell("ls", "net", "-q") == "1\n2\n"
    (one, two) = shell.json("ls", "net")
    assert (one["metrics"], two["metadata"]) == ({"acc": 0.5}, {"who": "me"})
    assert shell("info", "net@1", "-q").strip() == cid
    told = shell("info", "net@1")
    assert "metrics.acc: 0.5" in told
    assert "framework: jax" in told
    assert shell("get", "net") == "saved net 2 to net\n"
    for name in ("weights.bin", "config.json"):
        there = (shell.folder / "net" / name).read_bytes()
        assert there == (shell.folder / "run" / name).read_bytes()
    (info,) = shell.json("get", "net@1", "-o", "out")
    assert info["local_path"] == str(shell.folder / "out")


def test_stages_and_removal(shell: Shell) -> None:
    for _ in range(2):
        shell("add", "run", "net", "--stage", "newest")
    assert shell("promote", "net@1") == "net 1 is at production\n"
    said = shell("promote", "net@newest", "production")
    assert said == "net 2 is at production, in the place of 1\n"
    assert shell("promote", "net@2", "--off", "-q") == "2\n"
    assert shell("rm", "net@1") == "removed net 1\n"
    assert shell.json("rm", "net", "--all") == [{"model_name": "net", "version": "2"}]
    assert shell("ls") == ""


def test_lineage_is_text_a_picture_or_json(shell: Shell) -> None:
    shell("add", "run", "base", "--code", "c1")
    shell("add", "run", "net", "--parent", "base@1")
    tree = "net 1 files\n└── base 1 files\n    └── code c1\n"
    assert shell("lineage", "net") == tree
    assert shell("lineage", "net", "--svg", "net.svg") == ""
    drawn = (shell.folder / "net.svg").read_text()
    assert drawn.startswith("<svg ")
    assert shell("lineage", "net", "--svg", "-") == drawn
    (told,) = shell.json("lineage", "net")
    assert [it["relation"] for it in told["edges"]] == ["parent", "code"]
    assert len(shell("lineage", "net", "-q").splitlines()) == 3
    assert shell("lineage", "net", "--max-nodes", "1").endswith("… and more\n")


def test_links_and_bytes_of_a_record_are_shown_as_json_has_them(shell: Shell) -> None:
    with Repository(shell.folder / "repo") as repository:
        link = repository.add(b"x").cid
        ModelRegistry(repository).add_model(
            {"a": 1}, "net", metadata={"card": link}, metrics={"roc": [b"\1", 0.5]}
        ).raise_for_error()
    metadata = {"card": {"/": str(link)}}
    metrics = {"roc": [{"/": {"bytes": "AQ"}}, 0.5]}
    for it in (*shell.json("info", "net"), *shell.json("ls"), *shell.json("ls", "net")):
        assert (it["metadata"], it["metrics"]) == (metadata, metrics)
    (drawn,) = shell.json("lineage", "net")
    assert drawn["nodes"][0]["metrics"] == metrics
    assert f"metadata.card: {{'/': '{link}'}}" in shell("info", "net")


def test_a_cid_may_be_a_model(shell: Shell) -> None:
    with Repository(shell.folder / "repo") as repository:
        cid = repository.add(shell.folder / "run").cid
    assert shell("add", f"ipfs://{cid}", "net") == f"added net 1 {cid}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "nowhere", "net"), 1, "No such file"),
        (("add", "run", "a@b"), 1, "is no name: an @"),
        (("add", "run", "net", "--metric", "acc"), 2, "NAME=VALUE"),
        (("add", "run", "net", "--metric", "acc=NaN"), 1, "no record holds"),
        (("add", "run", "net", "--metric", "acc=nan"), 1, "no record holds"),
        (("add", "run", "net", "--metric", "acc=-inf"), 1, "no record holds"),
        (("add", "run", "net", "--version", "1"), 1, "already"),
        (("info", "other"), 1, "no model called 'other'"),
        (("get", "net@9"), 1, "no version or stage"),
        (("lineage", "other"), 1, "no model called"),
        (("info", "net@"), 2, "NAME@VERSION"),
        (("promote", "net"), 2, "which version"),
        (("promote", "net@1", "best", "--off"), 2, "or --off"),
        (("rm", "net"), 2, "--all"),
        (("rm", "net@1", "--all"), 2, "--all"),
        (("lineage", "net", "--svg", "no/folder/a.svg"), 1, "No such file"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: tuple[str, ...], code: int, said: str, shell: Shell
) -> None:
    shell("add", "run", "net", "--version", "1")
    error = shell(*arguments, code=code)
    assert said in error
    assert "Traceback" not in error


def test_where_there_is_no_repository_none_is_made_to_read(shell: Shell) -> None:
    for command in (("ls",), ("info", "net"), ("rm", "net", "--all")):
        assert "repository" in shell(*command, code=1)
    assert not (shell.folder / "repo").exists()


def test_a_name_leads_to_no_folder_elsewhere(shell: Shell) -> None:
    shell("add", "run", "../up")
    assert shell("get", "../up", "-q") == f"{shell.folder / 'up'}\n"
    shell("add", "run", "..")
    assert "--output" in shell("get", "..", code=2)
    assert not (shell.folder.parent / "up").exists()


def test_escapes_in_a_name_do_not_reach_the_terminal(shell: Shell) -> None:
    shell("add", "run", "net", "--meta", "a=\x1b[2J", "--code", "\x1b[31m")
    for command in (("info", "net"), ("lineage", "net"), ("ls",)):
        assert "\x1b" not in shell(*command)
