"""Deterministic inputs, made once and kept in the user's cache."""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20
FILES_A_FOLDER = 1000


def cache() -> Path:
    """Return the folder of the inputs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "ipfs-kit" / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def buffers(count: int, size: int) -> list[bytes]:
    """Return distinct random buffers of one size."""
    source = random.Random(size)
    return [source.randbytes(size) for _ in range(count)]


def file(size: int) -> Path:
    """Return a random file that has just been read, so that it is in the page cache."""
    path = cache() / f"random-{size}"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as out:
            out.writelines(pieces(size))
        partial.rename(path)
    with path.open("rb", buffering=0) as source:
        while source.read(MIB):
            pass
    return path


def tree(files: int, size: int) -> Path:
    """Return a folder of random files of one size, a thousand in each of its folders."""
    path = cache() / f"tree-{files}x{size}"
    if not path.exists():
        partial = path.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        source = random.Random(files)
        for number in range(files):
            folder = partial / f"{number // FILES_A_FOLDER:04}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:07}").write_bytes(source.randbytes(size))
        partial.rename(path)
    return path


def pieces(size: int) -> Iterator[bytes]:
    """Yield random bytes up to a size, a MiB at a time."""
    source = random.Random(size)
    for start in range(0, size, MIB):
        yield source.randbytes(min(MIB, size - start))
