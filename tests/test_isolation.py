"""What a user has set must not reach the tests: they would ask their own gateways."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT

from ipfs_kit_py._config import load
from ipfs_kit_py._gateways import find_gateways

USERS = "http://127.0.0.1:9/of-the-user"


def test_nothing_of_the_user_is_seen() -> None:
    assert find_gateways(load({}).config) == ()
    assert not any("of-the-user" in value for value in os.environ.values())
    assert not [*Path.home().iterdir()]


@pytest.mark.timeout(120)
def test_no_file_or_variable_of_the_user_reaches_a_test(tmp_path: Path) -> None:
    home = tmp_path / "of-the-user"
    for folder in (home / ".ipfs", home / ".config" / "ipfs", home / "xdg" / "ipfs"):
        folder.mkdir(parents=True)
        (folder / "gateway").write_text(USERS)
    (home / "xdg" / "ipfs-kit").mkdir()
    (home / "xdg" / "ipfs-kit" / "config.yaml").write_text(f"gateway_urls: [{USERS}]\n")
    users = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "xdg"),
        "XDG_DATA_HOME": str(home / "xdg"),
        "XDG_CACHE_HOME": str(home / "xdg"),
        "IPFS_GATEWAY": USERS,
        "IPFS_PATH": str(home / ".ipfs"),
        "IPFS_KIT_GATEWAY_URLS": USERS,
        "AWS_PROFILE": "of-the-user",
        "http_proxy": USERS,
        "HTTPS_PROXY": USERS,
        "ALL_PROXY": USERS,
    }
    name = test_nothing_of_the_user_is_seen.__name__
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            f"{__file__}::{name}",
        ],
        cwd=ROOT,
        env=os.environ | users,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
