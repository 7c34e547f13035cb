"""Hash real files: this repository's own documents, and a large file beside sha256sum."""

import shlex
import subprocess
import sys
import time
from pathlib import Path

import inputs
import peers
from harness import MissingPeerError

DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs")
LARGE_BYTES = 256 << 20


def main() -> None:
    """Show the command on the documents, then time it on the large file."""
    kit = peers.program("ipfs-kit", Path(sys.executable).parent)
    documents = [name for name in DOCUMENTS if (peers.ROOT / name).exists()]
    show(kit, "hash", "-r", *documents)
    large = inputs.file(LARGE_BYTES)
    ours = show(kit, "hash", large)
    try:
        theirs = show(peers.program("sha256sum"), large)
    except MissingPeerError as missing:
        print(f"\nno figure beside it: {missing}")
        return
    print(f"\nipfs-kit {ours:.2f} s, sha256sum {theirs:.2f} s: {theirs / ours:.1f} x")


def show(*command: str | Path) -> float:
    """Run a command as one would type it, and return the seconds it took."""
    words = [str(word) for word in command]
    print(f"\n$ {shlex.join([Path(words[0]).name, *words[1:]])}", flush=True)
    start = time.perf_counter()
    subprocess.run(words, cwd=peers.ROOT, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
