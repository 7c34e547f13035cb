"""Kubo's own repository: whether there is one, whether it is in use, making one."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py.errors import EngineUnavailableError, RepositoryBusyError, TimedOutError

# No port of these is chosen by us, so that many daemons live side by side; the file `api`
# tells which one it became.
_LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"
_INIT_SECONDS: Final = 120
_LOCKED: Final = re.compile(r"\block\b|\.lock\b")


def is_kubo_repository(folder: StrPath) -> bool:
    """Tell whether Kubo has made a repository in a folder."""
    return all((Path(folder) / name).exists() for name in ("config", "datastore_spec"))


def is_in_use(folder: StrPath) -> bool:
    """Tell whether any Kubo has the repository open. Never true on Windows."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        lock = (Path(folder) / "repo.lock").open("r+b")
    except OSError:
        return False
    with lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def make_repository(
    program: Path, folder: StrPath, *, profile: str, bootstrap_peers: Sequence[str] = ()
) -> None:
    """Make a repository whose daemon listens at home only, and asks nobody unknown.

    Args:
        program: Kubo's `ipfs`.
        folder: Where to.
        profile: The CID profile that Kubo's own commands import with.
        bootstrap_peers: Multiaddresses of peers to begin with; with none the node
            connects to those alone that it is told to.

    Raises:
        EngineUnavailableError: Kubo failed.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    run_kubo(program, folder, "init", f"--profile={profile}", "--empty-repo")
    configure(folder, bootstrap_peers)


def configure(folder: StrPath, bootstrap_peers: Sequence[str]) -> None:
    """Write into a repository that we made what a daemon of ours goes by."""
    path = Path(folder) / "config"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EngineUnavailableError(f"{path} is no configuration: {error}") from error
    addresses = {"Swarm": [_LOOPBACK], "API": _LOOPBACK, "Gateway": _LOOPBACK}
    _merge(
        config,
        {
            "Addresses": addresses,
            "Bootstrap": list(bootstrap_peers),
            "AutoConf": {"Enabled": False},
            "AutoTLS": {"Enabled": False},
            "DNS": {"Resolvers": {}},
            "Discovery": {"MDNS": {"Enabled": False}},
            "Ipns": {"DelegatedPublishers": []},
            "Routing": {"DelegatedRouters": []},
            "Swarm": {"DisableNatPortMap": True},
        },
    )
    part = path.with_name(f"config.{os.urandom(4).hex()}.part")
    # It holds the private key.
    try:
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as out:
            json.dump(config, out, indent=2)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def authorization_of(folder: StrPath) -> str | None:
    """Find among the settings of a repository what lets one ask its daemon for all.

    Returns:
        As `Client` takes it; `None` if the daemon asks nobody.
    """
    try:
        config = json.loads((Path(folder) / "config").read_bytes())
        for who in (config["API"].get("Authorizations") or {}).values():
            if {"/api", "/api/v0", "/api/v0/version"} & set(who["AllowedPaths"]):
                return str(who["AuthSecret"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    return None


def _merge(config: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and value and isinstance(config.get(name), dict):
            _merge(config[name], value)
        else:
            config[name] = value


def run_kubo(program: Path, folder: StrPath, *args: str) -> str:
    """Run one of Kubo's commands on a repository, and give what it printed.

    Raises:
        EngineUnavailableError: It failed.
        RepositoryBusyError: A daemon has the repository open.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the program that was found
            [program, *args],
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOutError(f"ipfs {args[0]} took over {_INIT_SECONDS} s") from error
    except OSError as error:
        why = error.strerror or "unknown"
        raise EngineUnavailableError(f"{program} cannot be run: {why}") from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        kind = RepositoryBusyError if _LOCKED.search(said) else EngineUnavailableError
        raise kind(f"ipfs {args[0]} failed on {os.fspath(folder)}: {said[-500:]}")
    return done.stdout


def environment(folder: StrPath) -> dict[str, str]:
    """Give the variables that Kubo runs with on a repository."""
    return os.environ | {
        "IPFS_PATH": os.path.abspath(folder),  # noqa: PTH100 - a text in, a text out
        "IPFS_TELEMETRY": "off",
    }
