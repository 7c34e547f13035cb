"""Let the torch of PyPI load on Linux without the gigabytes of CUDA that it links to.

PyPI's wheels for Linux are linked to a dozen libraries of NVIDIA, gigabytes of them, and
the loader wants every one with every function even where there is no GPU. The overrides
in pyproject.toml leave out all but the runtime and the profiler's interface, which torch
calls while it is imported. For each of the others this puts a library of the same name,
whose functions do nothing but end the process, where torch looks for it. Without a GPU
none of them is ever called: torch asks the runtime for a driver first.

Whoever has a GPU makes another environment: `pip install 'ipfs-kit-py[ml]'` brings
the real libraries.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

# What NVIDIA's packages for Python bring. libcuda comes with the driver: torch asks
# whether it is there, and nothing may answer for it.
_NVIDIA = re.compile(r"lib(?!cuda\.)(cu|nccl|nv)")
_NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
_FILE = re.compile(r"Version: 1 +File: (\S+)")
_VERSION = re.compile(r"Name: (\S+) +Flags")
_SYMBOL = re.compile(r"([A-Za-z]) (\w+)(?:@+(\S+))?$")
# How functions begin that come from libraries without versions: nccl, cufile, cusparselt.
_UNVERSIONED = re.compile(r"nccl|cu[A-Zs]")


class Wanted(NamedTuple):
    """What libraries are linked to."""

    libraries: dict[str, set[str]]
    """The names of others, with the versions of symbols that are taken from each."""
    symbols: dict[str, set[str]]
    """Functions that none of them has, by version; those without one by an empty one."""


def main() -> None:
    """Write what is missing."""
    site = Path(sysconfig.get_path("platlib"))
    folder = site / "torch" / "lib"
    libraries = sorted(it for it in folder.glob("*.so*") if not it.is_symlink())
    there = {it.name for it in libraries}
    there |= {it.name for it in (site / "nvidia").glob("*/lib/*.so*")}
    wanted = wants(libraries)
    for name, versions in sorted(wanted.libraries.items()):
        if _NVIDIA.match(name) and name not in there:
            symbols = {it: wanted.symbols.get(it, set()) for it in versions or {""}}
            target = site / "nvidia" / "absent" / name
            write(target, symbols)
            # A link, which no package has: what an older torch was given is found so.
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target)


def wants(libraries: list[Path]) -> Wanted:
    """List what libraries are linked to."""
    needed: dict[str, set[str]] = {}
    absent: dict[str, set[str]] = {}
    own: set[str] = set()
    for library in libraries:
        file = ""
        for line in said("readelf", "-dVW", library):
            if found := _NEEDED.search(line):
                needed.setdefault(found[1], set())
            elif found := _FILE.search(line):
                file = found[1]
            elif found := _VERSION.search(line):
                needed.setdefault(file, set()).add(found[1])
        for line in said("nm", "-D", library):
            if found := _SYMBOL.search(line):
                if found[1] == "U" and (found[3] or _UNVERSIONED.match(found[2])):
                    absent.setdefault(found[3] or "", set()).add(found[2])
                else:
                    own.add(found[2])
    return Wanted(needed, {version: names - own for version, names in absent.items()})


def said(*command: str | Path) -> list[str]:
    """Run a program, and give the lines that it prints."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout.splitlines()


def write(target: Path, symbols: dict[str, set[str]]) -> None:
    """Build a library with functions by version."""
    source = "".join(
        f"void {name}(void) {{ __builtin_trap(); }}\n"
        for names in symbols.values()
        for name in sorted(names)
    )
    versions = "".join(
        f"{version} {{ {' '.join(f'{name};' for name in sorted(names))} }};\n"
        for version, names in symbols.items()
        if version
    )
    with tempfile.TemporaryDirectory() as folder:
        code, script = Path(folder, "code.c"), Path(folder, "versions")
        code.write_text(source)
        script.write_text(versions)
        target.parent.mkdir(parents=True, exist_ok=True)
        said(
            *("cc", "-shared", "-nostdlib", "-fno-builtin", "-w", code, "-o", target),
            f"-Wl,-soname,{target.name}",
            *([f"-Wl,--version-script,{script}"] if versions else []),
        )


if __name__ == "__main__":
    sys.exit(main())
