"""Make the vectors of `kubo-0.22.json` again, with whichever Kubo is here.

    python -m tests.integration.kubo_vectors .tools/bin/ipfs OUTPUT.json

Nothing is kept of what it adds. `test_kubo_vectors` does this at every run, and compares.
"""

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.inputs import kubo_input, kubo_tree, load_vectors
from tests.integration.conftest import Kubo
from tests.integration.test_kubo import V0, added

Vector = dict[str, Any]

OLD = load_vectors("kubo-0.22.json")


def files_again(
    kubo: Kubo, vectors: list[Vector], folder: Path
) -> Iterator[tuple[Vector, str | None]]:
    """Ask Kubo what it calls some files; `None` where it refuses.

    Those with the same options are added by one command: starting it takes longer than
    most of them do.
    """
    folder.mkdir(exist_ok=True)
    groups: defaultdict[str, list[Vector]] = defaultdict(list)
    for vector in vectors:
        groups[json.dumps(vector["options"])].append(vector)
    for group in groups.values():
        # Kubo sorts what it is given.
        same = sorted(group, key=_name)
        paths = [_file(folder, vector) for vector in same]
        yield from zip(same, _answers(kubo, paths, same[0]["options"]), strict=True)


def folder_again(kubo: Kubo, vector: Vector, folder: Path) -> str | None:
    """Ask Kubo what it calls a folder; `None` if it refuses."""
    path = folder / vector["name"]
    if vector["name"] == "slink":
        if not path.is_symlink():
            path.symlink_to("some/target")
    elif not path.exists():
        kubo_tree(path, vector["name"])
    return _answers(kubo, [path], vector["options"])[-1]


def _answers(kubo: Kubo, paths: list[Path], options: Vector) -> list[str | None]:
    try:
        return [*added(kubo, paths, V0, options, "--only-hash")]
    except RuntimeError:
        if len(paths) == 1:
            return [None]
    # Which of them it was says only Kubo itself.
    return [_answers(kubo, [path], options)[-1] for path in paths]


def _name(vector: Vector) -> str:
    return f"{vector['input']}-{vector['size']:09}"


def _file(folder: Path, vector: Vector) -> Path:
    path = folder / _name(vector)
    if not path.exists():
        path.write_bytes(kubo_input(vector["input"], vector["size"]))
    return path


def main(program: str, output: str) -> None:
    """Make all of them again."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        kubo = Kubo.create(Path(program).absolute(), folder / "repo")
        files = [v | {"cid": cid} for v, cid in files_again(kubo, OLD["files"], folder)]
        directories = [
            vector | {"cid": folder_again(kubo, vector, folder)}
            for vector in OLD["directories"]
        ]
        version = kubo.run("version", "--number").decode().strip()
    made = {"kubo": version, "how": "as kubo-0.22.json", "inputs": OLD["meta"]["inputs"]}
    found = {"files": files, "directories": directories, "meta": made}
    Path(output).write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
