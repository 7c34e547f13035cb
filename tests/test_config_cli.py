"""`ipfs-kit config` and the page that is made from the same table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ipfs_kit_py._config import load
from ipfs_kit_py._config.names import names, preferred_variable
from ipfs_kit_py._config.reference import reference
from ipfs_kit_py._config.schema import OTHER_VARIABLES
from ipfs_kit_py.cli import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with nothing set."""
    import os

    for name in os.environ:
        if name.startswith("IPFS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(capsys)


class Run:
    """Runs `ipfs-kit config`; keeps what it says on stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.errors = ""

    def __call__(self, *arguments: object, code: int = 0) -> str:
        assert main(["config", *map(str, arguments)]) == code
        output, self.errors = self.capsys.readouterr()
        return output


def test_show_prints_what_is_set_and_by_whom(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("show") == ""
    assert "--all" in run.errors
    file = home / ".ipfs_kit" / "config.yaml"
    run("set", "cluster_config.state_sync_interval", "30s")
    monkeypatch.setenv("IPFS_KIT_ROLE", "worker")
    assert run("show") == (
        f"role                                worker  IPFS_KIT_ROLE\n"
        f"cluster_config.state_sync_interval  30s     {file}  inactive\n"
    )
    assert run("show", "-q") == "role=worker\ncluster_config.state_sync_interval=30.0\n"
    role, api = map(json.loads, run("show", "--json").splitlines())
    assert role == {
        "key": "role",
        "value": "worker",
        "source": "environment",
        "where": "IPFS_KIT_ROLE",
        "inactive": False,
    }
    assert (api["value"], api["source"], api["inactive"]) == (30.0, "file", True)
    every = [
        json.loads(line)["key"] for line in run("show", "--all", "--json").splitlines()
    ]
    assert every == list(names().leaves)


def test_get_prints_a_value_as_programs_read_it(run: Run) -> None:
    assert run("get", "role") == "leecher\n"
    assert run("get", "cache.memory_size") == f"{100 << 20}\n"
    assert run("get", "offline") == "false\n"
    assert run("get", "cluster_name") == "\n"
    assert run("get", "bootstrap_peers") == "[]\n"
    assert json.loads(run("get", "--json", "engine"))["value"] == "auto"
    assert run("get", "-q", "timeouts").splitlines() == [
        "timeouts.api=60.0",
        "timeouts.peer_connect=10.0",
        "timeouts.gateway=30.0",
    ]
    assert run("get", "rol", code=1) == ""
    assert run.errors == "Error: rol is no key of the kit; did you mean role?\n"


def test_set_writes_the_file_in_use(run: Run, home: Path) -> None:
    file = home / ".ipfs_kit" / "config.yaml"
    assert run("set", "role", "MASTER") == f"role is set in {file}\n"
    run("set", "cache.memory_size", "512 MB")
    run("set", "bootstrap_peers", "/ip4/1.2.3.4, /ip4/5.6.7.8")
    run("set", "enable_libp2p", "yes")
    assert yaml.safe_load(file.read_text()) == {
        "role": "master",
        "cache_config": {"memory_cache_size": "512 MB"},
        "bootstrap_peers": ["/ip4/1.2.3.4", "/ip4/5.6.7.8"],
        "enable_libp2p": True,
    }
    file.rename(other := file.with_suffix(".toml"))
    other.write_text('role = "worker" # so far\n')
    assert run("set", "-q", "role", "leecher") == f"{other}\n"
    assert other.read_text() == 'role = "leecher" # so far\n'
    assert json.loads(run("set", "--json", "engine", "kubo")) == {
        "key": "engine",
        "path": str(other),
    }


def test_set_takes_the_place_of_other_spellings(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(
        '{"cache": {"disk_size": 1}, "cache_config": {"local_cache_size": 1},'
        ' "resources.max_storage": 1}'
    )
    run("set", "cache.disk_size", "2000000", "--config", file)
    run("set", "worker_resources.storage_quota", "3GB", "--config", file)
    assert json.loads(file.read_text()) == {
        "cache_config": {"disk_cache_size": 2000000},
        "storage_quota": "3GB",
    }


def test_two_who_set_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    keys = [key for key in names().leaves if key.startswith("enable_")]
    program = (
        "import sys\nfrom ipfs_kit_py._config.changing import set_value\n"
        "for key in sys.argv[2:]: set_value(key, 'yes', sys.argv[1], {})"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, file, *keys[start::2]])
        for start in (0, 1)
    ]
    assert [child.wait() for child in children] == [0, 0]
    assert yaml.safe_load(file.read_text()) == dict.fromkeys(keys, True)


def test_set_says_when_a_variable_counts_more(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPFS_KIT_ROLE", "worker")
    run("set", "role", "master")
    assert run.errors == "IPFS_KIT_ROLE is set too, and counts more.\n"


def test_set_writes_nothing_that_is_wrong(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("offlin: true\nrole: x\n")
    run("set", "role", "workr", "--config", file, code=1)
    assert "did you mean worker?" in run.errors
    run("set", "role", "worker", "--config", file, code=1)
    assert "did you mean offline?" in run.errors
    run("set", "config_path", "x", code=1)
    assert "cannot stand in one" in run.errors
    run("set", "rle", "x", code=1)
    assert "did you mean role?" in run.errors
    assert file.read_text() == "offlin: true\nrole: x\n"
    file.write_text("- 1")
    run("set", "role", "worker", "--config", file, code=1)
    assert "is not a table of keys" in run.errors
    run("set", "role", "worker", "--config", tmp_path / "x.ini", code=1)
    assert "ends in .yaml" in run.errors


def test_path_lists_what_is_looked_at(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / ".ipfs_kit"
    folder.mkdir()
    (folder / "config.yml").write_text("")
    (folder / "config.toml").write_text("")
    assert run("path").splitlines()[:4] == [
        f"{folder}/config.yaml  missing",
        f"{folder}/config.yml  used",
        f"{folder}/config.json  missing",
        f"{folder}/config.toml  hidden",
    ]
    assert run("path", "-q") == f"{folder}/config.yml\n"
    monkeypatch.setenv("IPFS_KIT_CONFIG_PATH", "~/mine.yaml")
    assert run("path") == f"{home}/mine.yaml  missing, and named\n"
    assert json.loads(run("path", "--json", "--config", "other.json")) == {
        "path": "other.json",
        "state": "missing, and named",
        "named_by": "config_path",
    }


def test_validate_tells_all_problems(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.yaml"
    assert run("validate") == "no file: no problems\n"
    file.write_text("role: worker\nenable_libp2p: true\n")
    assert run("validate", file) == f"{file}: no problems\n"
    assert run.errors == "enable_libp2p has no effect yet\n"
    assert run("validate", "-q", file) == ""
    file.write_text("role: workr\nofflin: true\n")
    monkeypatch.setenv("IPFS_KIT_ENGINE", "go")
    lines = run("validate", file, code=1).splitlines()
    assert [line.removeprefix(f"{file}: ") for line in lines] == [
        'role = "workr" is not leecher, worker or master; did you mean worker?',
        "offlin is no key of the kit; did you mean offline?",
    ]
    records = run("validate", "--json", "--config", file, code=1).splitlines()
    assert [json.loads(line)["key"] for line in records] == [
        "role",
        "offlin",
        "IPFS_KIT_ENGINE",
    ]
    run("validate", tmp_path / "none.yaml", code=1)


def test_the_program_has_the_commands() -> None:
    program = Path(sys.executable).parent / "ipfs-kit"
    done = subprocess.run(
        [program, "config", "get", "role"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "leecher\n"


def test_the_reference_is_up_to_date() -> None:
    page = ROOT / "docs" / "configuration.md"
    assert page.read_text(encoding="utf-8") == reference(), (
        "run: python -m ipfs_kit_py._config.reference > docs/configuration.md"
    )


def test_the_reference_names_every_key_and_variable() -> None:
    page = reference()
    for key, leaf in names().leaves.items():
        assert f"| `{key}` |" in page
        assert f"| `{preferred_variable(leaf)}` |" in page or key == "config_path"
        assert names().variables[preferred_variable(leaf)] == key
    for name in OTHER_VARIABLES:
        assert f"| `{name}` |" in page


def test_the_file_in_the_reference_is_right(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(reference().partition("```text\n")[2].partition("```")[0])
    config = load(config_path=file).config
    assert config.role == "worker"
    assert config.cache_config.memory_cache_size == 512 << 20
