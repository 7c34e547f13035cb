"""Keep the fuzzers' inputs as text: one file a target, one input a line, in hexadecimal.

python tests/fuzz/corpus.py unpack   # into corpus/, where cargo-fuzz looks
python tests/fuzz/corpus.py pack     # back, after `cargo fuzz cmin`
"""

import hashlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
TARGETS = sorted(path.stem for path in (FOLDER / "fuzz_targets").glob("*.rs"))


def pack() -> None:
    """Write every input of `corpus/` to its target's file, shortest first."""
    for target in TARGETS:
        inputs = {path.read_bytes() for path in (FOLDER / "corpus" / target).iterdir()}
        lines = [data.hex() + "\n" for data in sorted(inputs, key=lambda d: (len(d), d))]
        (FOLDER / f"{target}.hex").write_text("".join(lines))


def unpack() -> None:
    """Write every input to a file of its own in `corpus/`."""
    for target in TARGETS:
        folder = FOLDER / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for line in (FOLDER / f"{target}.hex").read_text().splitlines():
            data = bytes.fromhex(line)
            (folder / hashlib.sha256(data).hexdigest()[:40]).write_bytes(data)


if __name__ == "__main__":
    {"pack": pack, "unpack": unpack}[sys.argv[1]]()
