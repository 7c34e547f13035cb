"""Every code block of the README and the docs runs, and prints what it says it prints."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.gateway_server import serving
from tests.ml import needs_ml

from ipfs_kit_py import Repository

REPOSITORY = Path(__file__).parent.parent
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Blocks that set a machine up rather than show what the library does.
NOT_RUN = {"bash", "text", "toml"}
# Pages that are tables alone.
NO_CODE = {"benchmark.md", "seed-status.md"}
# Pages about the reader's own repository.
AT_HOME = {"checkpoints.md", "content.md", "integration.md", "saving.md"}
# Pages that start a daemon, in the folder `node`.
WITH_KUBO = {"kubo.md"}
# Pages with torch or transformers.
WITH_ML = {"integration.md", "training.md"}
# Pages that start containers.
WITH_CONTAINERS = {"containers.md"}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the pages speak of, and no user's repository."""
    for name in [name for name in os.environ if name.startswith("IPFS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    (tmp_path / "example.txt").write_text("hello world")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("one\n")
    (tmp_path / "folder" / "b.txt").write_text("two\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gateway(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve those files by a gateway, and keep what is fetched among them."""
    with Repository(workplace / "served") as repository:
        repository.add(workplace / "example.txt")
        repository.add(workplace / "folder")
        with serving(repository) as server:
            monkeypatch.setenv("IPFS_GATEWAY", server.url)
            monkeypatch.setenv("IPFS_KIT_DISK_CACHE_PATH", str(workplace / "cache"))
            yield


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match[1] not in NOT_RUN:
            yield match[1], match[2]


def run_console(text: str, folder: Path) -> None:
    """Runs each line that begins with `$`, and compares what follows it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == expected, f"{command}\n{done.stderr}"
        assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.fixture
def kubo(
    page: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    require_real: Callable[[str, str], Path],
) -> Iterator[None]:
    """Kubo for the pages that speak of one, stopped whatever becomes of them."""
    if page.name not in WITH_KUBO:
        yield
        return
    if os.name == "nt":
        pytest.skip("the kit starts no daemon on Windows")
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    monkeypatch.setenv("IPFS_KIT_BIN_DIR", str(program.parent))
    try:
        yield
    finally:
        from ipfs_kit_py._kubo.daemon import Daemon

        Daemon(workplace / "node", program=program).stop()


@pytest.mark.usefixtures("kubo")
@pytest.mark.parametrize(
    "page",
    [pytest.param(it, marks=needs_ml if it.name in WITH_ML else ()) for it in PAGES],
    ids=lambda page: page.name,
)
def test_code_blocks_run(
    page: Path, workplace: Path, request: pytest.FixtureRequest
) -> None:
    if page.name == "gateways.md":
        request.getfixturevalue("gateway")
    if page.name in WITH_CONTAINERS:
        request.getfixturevalue("kubo_image")
    names: dict[str, object] = {}
    found = 0
    for language, text in blocks(page):
        found += 1
        if language == "python":
            exec(compile(text, str(page), "exec"), names)  # noqa: S102 - our own pages
        elif language == "console":
            run_console(text, workplace)
        else:
            pytest.fail(f"{page.name} has a block of {language!r}, which nothing runs")
    assert bool(found) != (page.name in NO_CODE), f"{page.name}: {found} blocks run"
    is_at_home = (workplace / "home").exists()
    assert is_at_home == (page.name in AT_HOME), "a page uses the reader's own repository"
