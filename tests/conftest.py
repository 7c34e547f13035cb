"""What every test may ask for: real components, the traces, the size to run at.

Environment:
    IPFS_KIT_REQUIRE_REAL: `1` turns a skip for want of a real component into a failure.
    IPFS_KIT_TRACES: Folder of the cache traces, from the root of the repository.
    IPFS_KIT_SCALE: Share of a soak test's full size to run at; a twentieth by default.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.container_engine import ContainerEngine
    from tests.gateway_server import Behaviour, GatewayServer, Serve

    from ipfs_kit_py import Repository

ROOT = Path(__file__).parents[1]
SLOW_MACHINE = (HealthCheck.too_slow,)

# Examples are new in every run of a person, and the same in every run of CI, which is to
# tell whether a change is at fault.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=SLOW_MACHINE
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure() -> None:
    """Hear Ctrl-C, and refuse to test the source tree: what users get is the wheel."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Shells begin what runs in the background so, and what is begun here inherits it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    spec = importlib.util.find_spec("ipfs_kit_py")
    if spec and spec.origin and Path(spec.origin).is_relative_to(ROOT / "python"):
        raise pytest.UsageError(
            f"ipfs_kit_py is imported from {spec.origin}; run `make install` and pytest"
            " without PYTHONPATH, so that the installed wheel is tested"
        )


# What tests are run with, and no test asks a user's settings for.
_OF_TESTS = ("IPFS_KIT_REQUIRE_REAL", "IPFS_KIT_TRACES", "IPFS_KIT_SCALE")
_OF_USERS = ("IPFS_", "AWS_", "XDG_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# Compilers that some tests run are found from the real home.
_OF_TOOLS = {"CARGO_HOME": ".cargo", "RUSTUP_HOME": ".rustup", "PYENV_ROOT": ".pyenv"}
_homes = count()


@pytest.fixture(autouse=True)
def nothing_configured_left() -> "Iterator[None]":
    """Forget the configuration of `ipfs_accelerate`: its folders are gone by then."""
    yield
    module: Any = sys.modules.get("ipfs_accelerate_py.ipfs_accelerate")
    if module is not None and module._content is not None:
        module.close()
        module._content = None


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder in which each test has a home of its own."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def nobody(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user without settings: no files, no variables, no gateways, no proxies."""
    for name in list(os.environ):
        own = name.startswith(_OF_USERS) and name not in _OF_TESTS
        if own or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    for name, folder in _OF_TOOLS.items():
        if name not in os.environ and (place := Path.home() / folder).is_dir():
            monkeypatch.setenv(name, str(place))
    home = homes / str(next(_homes))
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Give the call that ends a test whose real component is not here."""

    def end(reason: str) -> NoReturn:
        if os.environ.get("IPFS_KIT_REQUIRE_REAL") == "1":
            pytest.fail(f"IPFS_KIT_REQUIRE_REAL=1, and {reason}", pytrace=False)
        pytest.skip(reason)

    return end


@pytest.fixture(scope="session")
def require_real(
    unavailable: Callable[[str], NoReturn],
) -> Callable[[str, str], Path]:
    """Give the look-up of a real program: in `.tools/bin`, else on PATH.

    It takes the program's name and what to do to have it, which the skip tells.
    """

    def find(name: str, reason: str) -> Path:
        path = os.pathsep.join([str(ROOT / ".tools/bin"), os.environ.get("PATH", "")])
        if found := shutil.which(name, path=path):
            return Path(found)
        return unavailable(f"{name} is neither in .tools/bin nor on PATH: {reason}")

    return find


@pytest.fixture(scope="session")
def container_engine(
    unavailable: Callable[[str], NoReturn],
) -> "Iterator[ContainerEngine]":
    """Give a real Docker engine of this session's own, with a busybox image."""
    # No program that could be installed would change that.
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("an engine of the tests' own takes root on Linux")
    from tests import container_engine as engines

    # Where there are no packages of Debian's, no call of ours makes one.
    dockerd, busybox = (ROOT / ".tools/bin" / name for name in ("dockerd", "busybox"))
    if not (dockerd.exists() and busybox.exists()):
        pytest.skip("`make tools` unpacks an engine where there are Debian's packages")
    try:
        engine = engines.start(dockerd.resolve(), busybox.resolve())
    except engines.EngineImpossibleError as error:
        pytest.skip(f"this machine lets nobody start a container engine: {error}")
    except (RuntimeError, OSError) as error:
        unavailable(f"dockerd does not run: {error}")
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def containers(
    container_engine: "ContainerEngine", monkeypatch: pytest.MonkeyPatch
) -> "Iterator[ContainerEngine]":
    """Give the engine with no container in it, and let it be found."""
    container_engine.wipe()
    monkeypatch.setenv("DOCKER_HOST", container_engine.url)
    try:
        yield container_engine
    finally:
        container_engine.wipe()


@pytest.fixture
def kubo_image(
    containers: "ContainerEngine", require_real: Callable[[str, str], Path]
) -> "ContainerEngine":
    """Give the engine with a real image of Kubo, `ipfs/kubo:latest`."""
    program = require_real("ipfs", "`make tools` builds Kubo where Go is installed")
    containers.import_kubo(program)
    return containers


@pytest.fixture(scope="session")
def traces() -> Path:
    """Give the folder of real cache traces; skip where none is named."""
    named = os.environ.get("IPFS_KIT_TRACES")
    if not named:
        pytest.skip("IPFS_KIT_TRACES names no folder of cache traces")
    folder = ROOT / named
    if not folder.is_dir():
        pytest.fail(f"IPFS_KIT_TRACES names {folder}, which is no folder", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def scaled() -> Callable[[int], int]:
    """Give the map from a soak test's full size to the size to run at now."""
    share = float(os.environ.get("IPFS_KIT_SCALE", "0.05"))
    return lambda full: max(1, round(full * share))


@pytest.fixture
def repository(tmp_path: Path) -> "Iterator[Repository]":
    """Give a new repository."""
    from ipfs_kit_py import Repository

    with Repository(tmp_path / "repository", threads=2) as opened:
        yield opened


@pytest.fixture
def far(tmp_path: Path) -> "Iterator[Repository]":
    """Give a repository that others have."""
    from ipfs_kit_py import Repository

    with Repository(tmp_path / "far") as opened:
        yield opened


@pytest.fixture
def near(tmp_path: Path) -> "Iterator[Repository]":
    """Give a repository to put things into that others have."""
    from ipfs_kit_py import Repository

    with Repository(tmp_path / "near") as opened:
        yield opened


@pytest.fixture
def serve(far: "Repository") -> "Iterator[Serve]":
    """Run gateways over `far`, or over another repository, till the end of the test."""
    from tests.gateway_server import serving

    with ExitStack() as stack:

        def run(
            behave: "Behaviour | None" = None, repository: "Repository" = far
        ) -> "GatewayServer":
            return stack.enter_context(serving(repository, behave))

        yield run


@pytest.fixture
def server(serve: "Serve") -> "GatewayServer":
    """Give a gateway over `far`."""
    return serve()


@pytest.fixture
def env(tmp_path: Path, server: "GatewayServer") -> dict[str, str]:
    """Give the variables of a user with nothing but that gateway."""
    home = tmp_path / "home"
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
    return os.environ | own | {"IPFS_GATEWAY": server.url}


@pytest.fixture
def later(repository: "Repository") -> "Iterator[Repository]":
    """Give another handle on it, for which it is two hours later."""
    from ipfs_kit_py import Repository

    with Repository(repository.path, _clock_offset_seconds=7200) as opened:
        yield opened


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a folder of files, some of several blocks, with names of many kinds."""
    folder = tmp_path / "tree"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "empty folder").mkdir()
    (folder / "a.txt").write_text("one\n")
    (folder / "empty").write_bytes(b"")
    (folder / "größe, 大.txt").write_text("ü\n")
    (folder / "sub" / "100% #1?.txt").write_text("escaped\n")
    (folder / "sub" / "big").write_bytes(os.urandom(3_500_000))
    (folder / "sub" / "deep" / "same").write_text("one\n")
    (folder / "link").symlink_to("sub/big")
    return folder


@pytest.fixture
def mounted(
    tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> "Iterator[Callable[..., Path]]":
    """Give the call that mounts something, unmounted at the end of the test."""
    mounts: list[Path] = []

    def mount(*options: str, place: Path | None = None) -> Path:
        target = place or tmp_path / "mounted"
        target.mkdir(exist_ok=True)
        command = ["mount", *options, str(target)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            unavailable("nothing can be mounted here: run the tests as root")
        if target not in mounts:
            mounts.append(target)
        return target

    yield mount
    for target in reversed(mounts):
        subprocess.run(["umount", "--lazy", str(target)], check=True)


@pytest.fixture
def small_disk(mounted: Callable[..., Path]) -> Path:
    """Give a disk of 6 MiB."""
    return mounted("-t", "tmpfs", "-o", "size=6m", "small")


@pytest.fixture
def no_instances() -> "Iterator[None]":
    """Let no test have the file system of another."""
    from ipfs_kit_py.ipfs_fsspec import IPFSFileSystem, MFSFileSystem

    kinds = (IPFSFileSystem, MFSFileSystem)
    for kind in kinds:
        kind.clear_instance_cache()
    yield
    for kind in kinds:
        kind.clear_instance_cache()
