"""What the crash tests share: the recording file layer, and memory to work in."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def shim(
    tmp_path_factory: pytest.TempPathFactory, require_real: Callable[[str, str], Path]
) -> Path:
    """Build the file layer that records what a program writes."""
    built = tmp_path_factory.mktemp("shim") / "shim.so"
    compiler = str(require_real("cc", "install a C compiler"))
    command = [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(built)]
    subprocess.run([*command, str(HERE / "shim.c"), "-ldl"], check=True)
    return built


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Give a folder in memory where there is one: these tests sync a great deal."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own below it
    with TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)
