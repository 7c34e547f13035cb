"""The real programs that `make tools` builds are there, and run."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAMS = (
    *("ipfs", "versitygw"),
    *("ipfs-cluster-service", "ipfs-cluster-ctl", "ipfs-cluster-follow"),
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_real_program_says_its_version(
    name: str, require_real: Callable[[str, str], Path]
) -> None:
    program = require_real(name, "`make tools` builds it where Go is installed")
    done = subprocess.run([program, "--version"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b"ersion" in done.stdout
