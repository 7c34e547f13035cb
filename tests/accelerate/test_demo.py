"""The demo: real steps, and an exit code that says what became of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.container_engine import ContainerEngine

pytestmark = pytest.mark.usefixtures("workplace")
COMMAND = Path(sys.executable).with_name("demo_ipfs_accelerate")


def run(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ipfs_accelerate_py.demo", *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_settings_are_shown_and_nothing_is_left(workplace: Path) -> None:
    done = run("--config")
    assert (done.returncode, done.stderr) == (0, "")
    assert "saved custom_config.toml with cache.max_size_mb = 2000" in done.stdout
    assert "at line 2, column 15" in done.stdout
    assert "backends" not in done.stdout
    place = Path(done.stdout.splitlines()[0].removeprefix("in "))
    assert not place.exists()
    assert list(workplace.iterdir()) == []


def test_files_and_checkpoints_go_through_a_repository_of_its_own(
    workplace: Path,
) -> None:
    done = run("--ipfs", "--folder", "here")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    new = done.stdout.partition("new bytes: ")[2].split()[0].replace(",", "")
    assert int(new) < 1_100_000
    assert "loaded it as raw, from cache" in done.stdout
    there = workplace / "here"
    assert (there / "copy.bin").read_bytes() == (there / "my_file.bin").read_bytes()
    assert (there / "model" / "model.safetensors").stat().st_size > 10_000_000
    assert not (workplace.parent / "repository").exists()


def test_without_an_engine_it_says_what_is_missing_and_goes_on() -> None:
    nowhere = "unix:///no/such/socket"
    done = run("--backends", "--config", DOCKER_HOST=nowhere)
    assert done.returncode == 3
    assert "not done: " in done.stdout
    assert "start Docker or Podman" in done.stdout
    assert "read again" in done.stdout


def test_a_step_that_fails_is_told(workplace: Path) -> None:
    (workplace / "config.toml").mkdir()
    done = run("--config", "--folder", str(workplace))
    assert done.returncode == 1, done.stdout
    assert "not done: " in done.stdout
    assert "Traceback" not in done.stderr


def test_without_a_part_it_says_which_there_are() -> None:
    done = run()
    assert done.returncode == 2
    assert "--all, --config, --backends or --ipfs" in done.stderr
    assert "--folder" in run("--help").stdout


def test_all_of_it_runs_with_a_real_engine(kubo_image: ContainerEngine) -> None:
    done = subprocess.run(
        [COMMAND, "--all"],
        env=os.environ | {"DOCKER_HOST": kubo_image.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "the node there is kubo/" in done.stdout
    for part in ("config", "backends", "ipfs"):
        assert f"\n{part}: " in done.stdout
