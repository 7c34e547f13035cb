"""What the package does, step by step and for real.

    python -m ipfs_accelerate_py.demo --all
    demo_ipfs_accelerate --config

Everything is done in a folder of its own, with a repository of its own, which are gone
afterwards. The exit code is 0 if all was done, 1 if a step failed, and 3 if something
that a step needs is not here, such as a container engine.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import ipfs_accelerate_py
from ipfs_kit_py.errors import IPFSError

FAILED, MISSING = 1, 3
_IMAGE = "ipfs/kubo:latest"
_API_PORT = 5001
# What says that something is missing, not wrong.
_ABSENT: Final = ("ContainerEngineUnavailableError", "ImagePullError", "ImportError")


class _StepError(Exception):
    """A step did not do what it is there for."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that are asked for, each to its end or its first failure.

    Args:
        arguments: Those of the command line if not given.

    Returns:
        The exit code.
    """
    wanted = _parser().parse_args(arguments)
    parts = [part for part in _PARTS if wanted.all or getattr(wanted, part)]
    if not parts:
        _parser().error("say which part: --all, --config, --backends or --ipfs")
    with _workplace(wanted.folder):
        return max(_run(part) for part in parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo_ipfs_accelerate",
        description="Show what ipfs_accelerate_py does.",
        epilog="Exit codes: 0 all done, 1 a step failed, 3 something needed is missing.",
    )
    parser.add_argument("--all", action="store_true", help="all parts")
    for name, part in _PARTS.items():
        parser.add_argument(f"--{name}", action="store_true", help=part.shows)
    parser.add_argument("--folder", help="where to do it, and leave what was made")
    return parser


@contextmanager
def _workplace(folder: str | None) -> Iterator[None]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory(
        prefix="ipfs-accelerate-demo-", ignore_cleanup_errors=True
    ) as made:
        place = Path(folder or made).absolute()
        place.mkdir(parents=True, exist_ok=True)
        os.environ["IPFS_KIT_IPFS_PATH"] = str(place / "repository")
        os.environ["IPFS_ACCELERATE_CACHE_PATH"] = str(place / "cache")
        os.chdir(place)
        try:
            _say(f"in {place}")
            yield
        finally:
            ipfs_accelerate_py.ipfs_accelerate.close()
            os.chdir(before)


def _run(part: str) -> int:
    _say(f"\n{part}: {_PARTS[part].shows}")
    try:
        _PARTS[part].run()
    except _StepError as error:
        _say(f"  not done: {error}")
        return error.code
    except (IPFSError, OSError, ImportError) as error:
        _say(f"  not done: {error}")
        return MISSING if isinstance(error, ImportError) else FAILED
    return 0


def _config() -> None:
    config = ipfs_accelerate_py.config()
    _done("general.debug is", config.get("general", "debug", False))
    config.set("cache", "max_size_mb", 2000)
    path = config.save("custom_config.toml")
    _done(f"saved {path} with cache.max_size_mb =", 2000)
    again = ipfs_accelerate_py.config(path)
    _check(again.get("cache", "max_size_mb") == 2000, "the file says something else")
    _done("read again, with the sections", ", ".join(again.sections()))
    Path("broken.toml").write_text("[cache]\nmax_size_mb = = 3\n", encoding="utf-8")
    try:
        ipfs_accelerate_py.config("broken.toml")
    except IPFSError as error:
        _done("a broken file is told by its place:", error)
        return
    _fail("a broken file was taken for a good one")


def _backends() -> None:
    name = f"ipfs-accelerate-demo-{os.getpid()}"
    with ipfs_accelerate_py.backends() as backends:
        listed = [row["image"] for row in backends.list_marketplace_images()]
        _done("the marketplace has", ", ".join(listed))
        _succeeded(backends.start_container(name, _IMAGE, health=_API_PORT))
        try:
            _done(f"started {name} of", _IMAGE)
            tunnel = _succeeded(backends.docker_tunnel(name, 0, _API_PORT))
            url = f"http://{tunnel['endpoint']}"
            _done("a tunnel leads to its API:", url)
            _done("the node there is", _agent(url))
            names = [row["name"] for row in backends.list_containers()]
            _check(name in names, f"{name} is not among the containers")
            _done("the containers are", ", ".join(names))
            _succeeded(backends.stop_container(name))
            _done("stopped", name)
        finally:
            backends.remove_container(name, force=True)
        _done("removed", name)


def _agent(url: str) -> str:
    from ipfs_kit_py.ipfs_kit import ipfs_kit

    with ipfs_kit(metadata={"ipfs_path": "node", "api_url": url}) as kit:
        return kit.engine.agent_version


def _ipfs() -> None:
    accelerate = ipfs_accelerate_py.ipfs_accelerate
    data = os.urandom(3_000_000)
    Path("my_file.bin").write_bytes(data)
    added = _succeeded(accelerate.add_file("my_file.bin"))
    cid = added["cid"]
    _done(f"added {added['size']:,} bytes:", cid)
    _check(accelerate.cid_exists(cid), "what was added is not there")
    about = _succeeded(accelerate.get_cid_metadata(cid))
    _done("its layout and blocks are", f"{about['layout']}, {about['blocks']}")
    _succeeded(accelerate.get_file(cid, "copy.bin"))
    _check(Path("copy.bin").read_bytes() == data, "the copy is another file")
    _done("wrote it to", "copy.bin")
    result = _succeeded(ipfs_accelerate_py.load_checkpoint_and_dispatch(cid))
    _done("loaded it as", f"{result['format']}, from {result['source']}")
    _checkpoints()


def _checkpoints() -> None:
    from ipfs_accelerate_py._frameworks import needed

    np = needed("numpy")
    rng = np.random.default_rng(1)
    state = {
        f"layers.{number}.weight": rng.standard_normal((512, 512), dtype=np.float32)
        for number in range(10)
    }
    first = ipfs_accelerate_py.save_checkpoint(state)
    _done(f"saved a model, {first.new_bytes:,} bytes:", first.cid)
    state["layers.4.weight"] += 1
    tuned = ipfs_accelerate_py.save_checkpoint(state)
    _done("saved it with one layer changed; new bytes:", f"{tuned.new_bytes:,}")
    result = _succeeded(
        ipfs_accelerate_py.load_checkpoint_and_dispatch(tuned.cid, framework="numpy")
    )
    found: Mapping[str, Any] = result["data"]
    same = all((found[name] == tensor).all() for name, tensor in state.items())
    _check(found.keys() == state.keys() and same, "the tensors are others")
    _done("loaded tensors:", len(found))
    _done("wrote its folder to", ipfs_accelerate_py.from_ipfs(tuned.cid, "model"))


def _succeeded(result: dict[str, Any]) -> dict[str, Any]:
    if result["status"] == "error":
        is_absent = result.get("error_type") in _ABSENT
        raise _StepError(result["message"], MISSING if is_absent else FAILED)
    return result


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        _fail(otherwise)


def _fail(message: str) -> NoReturn:
    raise _StepError(message)


def _done(what: str, result: object) -> None:
    _say(f"  {what} {result}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _Part(NamedTuple):
    """One part of it."""

    shows: str
    run: Callable[[], None]


_PARTS: Final = {
    "config": _Part("settings in a TOML file", _config),
    "backends": _Part("a container with a Kubo node, and a tunnel into it", _backends),
    "ipfs": _Part("files and checkpoints by CID", _ipfs),
}

if __name__ == "__main__":
    sys.exit(main())
