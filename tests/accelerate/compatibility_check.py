"""Whether what is installed here fits what ipfs_accelerate_py needs and offers.

    python tests/accelerate/compatibility_check.py [--json]

Checks are of three kinds: `needed` ones have to hold, `optional` packages may be absent
but not too old, and `machine` says what is here. The exit code is 0 if all that is needed
holds, else 1.
"""

import argparse
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

NAME = "ipfs-kit-py"
SIGNATURES = {
    "config": ("config_path",),
    "config.get": ("section", "key", "default"),
    "config.set": ("section", "key", "value"),
    "config.save": ("path",),
    "backends.start_container": ("container_name", "image"),
    "backends.stop_container": ("container_name",),
    "backends.docker_tunnel": ("container_name", "local_port", "container_port"),
    "backends.list_containers": (),
    "backends.list_marketplace_images": (),
    "ipfs_accelerate.add_file": ("path",),
    "ipfs_accelerate.get_file": ("cid", "output_path"),
    "ipfs_accelerate.cid_exists": ("cid",),
    "ipfs_accelerate.get_cid_metadata": ("cid",),
    "ipfs_accelerate.load_checkpoint_and_dispatch": (),
    "load_checkpoint_and_dispatch": (),
    "save_checkpoint": ("state_or_folder",),
    "from_ipfs": ("cid", "local_dir"),
    "get_system_info": (),
}
"""The calls of the documents, and how their parameters begin."""

_REQUIREMENT = re.compile(r"([\w.-]+)\s*>=\s*([\d.]+)(?:.*extra == ['\"](\w+)['\"])?")

Kind = Literal["needed", "optional", "machine"]


class Check(NamedTuple):
    """One check."""

    kind: Kind
    name: str
    holds: bool
    said: str


def main() -> int:
    """Check everything, print it, and say by the exit code whether it fits."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    checks = list(all_checks())
    fits = all(it.holds for it in checks if it.kind != "machine")
    if as_json:
        rows = [it._asdict() for it in checks]
        sys.stdout.write(json.dumps({"compatible": fits, "checks": rows}, indent=2))
        sys.stdout.write("\n")
    else:
        for it in checks:
            mark = "ok" if it.holds else "--" if it.kind == "machine" else "NO"
            sys.stdout.write(f"{mark:2}  {it.kind:8}  {it.name}: {it.said}\n")
        sys.stdout.write("compatible\n" if fits else "NOT compatible\n")
    return 0 if fits else 1


def all_checks() -> Iterator[Check]:
    """Check everything."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("needed", "Python", sys.version_info >= (3, 11), version)
    yield _tried("needed", "ipfs_accelerate_py", _import)
    for name, parameters in SIGNATURES.items():
        yield _tried("needed", name, lambda: _signature(name, parameters))  # noqa: B023
    yield _tried("needed", "a configuration", _configuration)
    yield from _packages()
    yield _tried("machine", "a container engine", _engine)
    yield _tried("machine", "a GPU", _gpu)


def _tried(kind: Kind, name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(kind, name, True, look())
    except Exception as error:  # noqa: BLE001 - whatever it is, it does not fit
        return Check(kind, name, False, f"{type(error).__name__}: {error}")


def _import() -> str:
    import ipfs_accelerate_py

    return (
        f"{ipfs_accelerate_py.__version__} in {Path(ipfs_accelerate_py.__file__).parent}"
    )


def _signature(name: str, parameters: tuple[str, ...]) -> str:
    import ipfs_accelerate_py

    found: object = ipfs_accelerate_py
    for part in name.split("."):
        found = getattr(found, part)
        # A module that is called as the class in it.
        found = getattr(found, "_class", found)
    if not callable(found):
        raise TypeError(f"{name} cannot be called")
    there = [it for it in inspect.signature(found).parameters if it != "self"]
    if tuple(there[: len(parameters)]) != parameters:
        raise TypeError(f"it has the parameters {there}, not {list(parameters)}")
    return f"({', '.join(there[: len(parameters)])}, ...)"


def _configuration() -> str:
    import ipfs_accelerate_py

    return f"sections {', '.join(ipfs_accelerate_py.config().sections())}"


def _packages() -> Iterator[Check]:
    """Compare what is installed with what the package says that it takes."""
    for line in metadata.requires(NAME) or ():
        found = re.match(
            r"([\w.-]+)\s*>=\s*([\d.]+)(?:.*extra == ['\"](\w+)['\"])?", line
        )
        if found is None:
            continue
        name, least, extra = found.groups()
        kind: Kind = "optional" if extra else "needed"
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            said = f"not installed (pip install '{NAME}[{extra}]')"
            yield Check(kind, name, bool(extra), said)
            continue
        yield Check(
            kind, name, _parts(have) >= _parts(least), f"{have}, {least} or later"
        )


def _parts(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _engine() -> str:
    import ipfs_accelerate_py

    with ipfs_accelerate_py.backends() as backends:
        rows = backends.list_containers()
    failed = next((row["message"] for row in rows if row.get("status") == "error"), None)
    if failed:
        raise LookupError(failed)
    return f"{len(rows)} containers"


def _gpu() -> str:
    # Not by torch: to import it takes longer than all the rest.
    said = subprocess.run(
        ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True
    )
    return said.stdout.strip() or "none"


if __name__ == "__main__":
    sys.exit(main())
