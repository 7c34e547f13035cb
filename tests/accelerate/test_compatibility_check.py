"""The check of what is installed says what is true, and by its exit code too."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("workplace")
SCRIPT = Path(__file__).with_name("compatibility_check.py")


def run(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    env = os.environ | {"DOCKER_HOST": "unix:///no/such/socket"} | env
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def checks(**env: str) -> tuple[int, dict[str, Any]]:
    done = run("--json", **env)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["compatible"] == (done.returncode == 0)
    return done.returncode, {it["name"]: it for it in found["checks"]}


def test_what_is_installed_here_fits() -> None:
    code, found = checks()
    assert code == 0, [it for it in found.values() if not it["holds"]]
    assert found["Python"]["holds"]
    assert found["load_checkpoint_and_dispatch"]["kind"] == "needed"
    assert found["numpy"]["kind"] == "optional"
    # That there is none does not make the package unfit.
    assert not found["a container engine"]["holds"]
    assert "start Docker or Podman" in found["a container engine"]["said"]


def test_an_older_package_and_a_missing_call_do_not_fit(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "click-1.0.dist-info").mkdir(parents=True)
    (other / "click-1.0.dist-info" / "METADATA").write_text("Name: click\nVersion: 1.0\n")
    (other / "ipfs_accelerate_py").mkdir()
    (other / "ipfs_accelerate_py" / "__init__.py").write_text("__version__ = '0'\n")
    code, found = checks(PYTHONPATH=str(other))
    assert code == 1
    assert not found["click"]["holds"]
    assert found["config.get"]["said"].startswith("AttributeError: ")


def test_people_can_read_it() -> None:
    done = run()
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "compatible"
    assert "ok  needed    Python: " in done.stdout
