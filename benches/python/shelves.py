"""The same samples, in the form that each loader of data reads.

Run as a program, it makes one form: some of the peers start processes, and all of them
print as they go.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import inputs
from harness import Program

CHUNK_BYTES = 64 << 20
# Workers share shards, so a few samples are to be several.
SHARDS = 8
MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Shelf:
    """Where samples lie.

    Attributes:
        place: A folder with the forms.
        tree: The samples as files.
        batch: Samples of a batch.
        count: How many samples there are.
        few: How many of them peers are given that take long.
        cid: Of the folder of files.
    """

    place: str
    tree: str
    batch: int
    count: int
    few: int
    cid: str = ""

    def paths(self) -> list[str]:
        """List the files, sorted."""
        folders = sorted(folder.path for folder in os.scandir(self.tree))
        return [
            path
            for folder in folders
            for path in sorted(file.path for file in os.scandir(folder))
        ]

    def at(self, name: str) -> str:
        """Give the place of a form."""
        return str(Path(self.place, name))

    def program(self, script: str, name: str, **env: str) -> Program:
        """Make a process of a script that is given a name and this."""
        path = Path(__file__).with_name(script)
        words = json.dumps(asdict(self))
        return Program(sys.executable, path, name, words, env=env)


def shelf(place: Path, count: int, size: int, batch: int, few: int) -> Shelf:
    """Make the files."""
    tree = inputs.tree(count, size)
    return Shelf(str(place), str(tree), batch, count, min(few, count))


def given() -> tuple[str, Shelf]:
    """Read the arguments of this process."""
    return sys.argv[1], Shelf(**json.loads(sys.argv[2]))


def content(path: str) -> bytes:
    """Read a file."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - the fastest way
        return file.read()


def contents(folder: str) -> Iterator[bytes]:
    """Read the files of a folder."""
    for path in sorted(file.path for file in os.scandir(folder)):
        yield content(path)


def arrow(shelf: Shelf) -> None:
    """Convert Parquet to the cache of Hugging Face's datasets."""
    pa: Any = importlib.import_module("pyarrow")
    pq: Any = importlib.import_module("pyarrow.parquet")
    datasets: Any = importlib.import_module("datasets")
    parquet = shelf.at("samples.parquet")
    schema = pa.schema({"data": pa.large_binary()})
    paths = shelf.paths()
    with pq.ParquetWriter(parquet, schema, compression="none") as out:
        for start in range(0, len(paths), 1000):
            group = [content(path) for path in paths[start : start + 1000]]
            out.write_table(pa.table({"data": group}, schema))
    made = datasets.Dataset.from_parquet(parquet, cache_dir=shelf.at("cache"))
    Path(shelf.at("arrow")).write_text(
        "\n".join(file["filename"] for file in made.cache_files)
    )
    Path(parquet).unlink()


def litdata(shelf: Shelf) -> None:
    """Optimise for LitData."""
    optimize: Any = importlib.import_module("litdata").optimize
    folders = sorted(folder.path for folder in os.scandir(shelf.tree))
    optimize(
        contents,
        folders,
        output_dir=shelf.at("litdata"),
        chunk_bytes=CHUNK_BYTES,
        num_workers=1,
    )


def tars(shelf: Shelf) -> None:
    """Write tar shards."""
    writer: Any = importlib.import_module("webdataset").ShardWriter
    folder = Path(shelf.at("tars"))
    folder.mkdir()
    most = {"maxcount": -(-shelf.few // SHARDS), "maxsize": CHUNK_BYTES}
    with writer(f"{folder}/%05d.tar", verbose=0, **most) as out:
        for number, path in enumerate(shelf.paths()[: shelf.few]):
            out.write({"__key__": f"{number:07}", "bin": content(path)})


def mosaic(shelf: Shelf) -> None:
    """Write shards of MosaicML's."""
    writer: Any = importlib.import_module("streaming").MDSWriter
    columns = {"data": "bytes"}
    with writer(out=shelf.at("mds"), columns=columns, size_limit=CHUNK_BYTES) as out:
        for path in shelf.paths()[: shelf.few]:
            out.write({"data": content(path)})


MAKERS: dict[str, Callable[[Shelf], None]] = {
    "arrow": arrow,
    "litdata": litdata,
    "mosaic": mosaic,
    "tars": tars,
}

if __name__ == "__main__":
    name, where = given()
    MAKERS[name](where)
