"""The Kubo that is here still gives what Kubo 0.22 gave, but where `docs/kubo.md` says.

What takes long is a soak test: large files, and folders of thousands of entries under all
their options. One of each of those folders is added at every run.
"""

import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Kubo
from tests.integration.kubo_vectors import OLD, Vector, files_again, folder_again

MIB = 1 << 20
_FILES = OLD["files"]
# Kubo 0.22 shards a folder that has exactly the threshold, newer ones and we do not.
_ON_THRESHOLD = 3
# 0.43 refuses to inline more than 128 bytes.
_MOST_INLINE = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("inputs")
    yield made
    shutil.rmtree(made)


@pytest.fixture(autouse=True)
def at_full_size_only(
    request: pytest.FixtureRequest, scaled: Callable[[int], int]
) -> None:
    if request.node.get_closest_marker("soak") and scaled(100) < 100:
        pytest.skip("at full size only: a part of it says nothing about the rest")


SOAK = pytest.mark.soak


@pytest.mark.parametrize(
    ("above", "most", "version"),
    [
        pytest.param(-1, MIB, 0, id="small, version 0"),
        pytest.param(-1, MIB, 1, id="small, version 1"),
        pytest.param(MIB, 11 * MIB, 0, id="to 10 MiB, version 0", marks=SOAK),
        pytest.param(MIB, 11 * MIB, 1, id="to 10 MiB, version 1", marks=SOAK),
        pytest.param(11 * MIB, 50 * MIB, None, id="to 50 MiB", marks=SOAK),
        pytest.param(50 * MIB, 1 << 40, None, id="100 MiB", marks=SOAK),
    ],
)
def test_files_have_the_cids_of_kubo_0_22(
    above: int, most: int, version: int | None, kubo: Kubo, folder: Path
) -> None:
    vectors = [
        vector
        for vector in _FILES
        if above < vector["size"] <= most
        and version in (None, vector["options"].get("cid_version", 0))
    ]
    different = [
        (vector["options"], now)
        for vector, now in files_again(kubo, vectors, folder)
        if now != vector["cid"]
    ]
    assert all(now is None for _, now in different), different
    assert {options["inline_limit"] for options, _ in different} <= {_MOST_INLINE + 1}


def folders() -> Iterator[Any]:
    """The folders by their names; of large ones the first, and then the others."""
    named: defaultdict[str, list[Vector]] = defaultdict(list)
    for vector in OLD["directories"]:
        named[vector["name"]].append(vector)
    for name, vectors in named.items():
        count = name.rpartition("_")[2]
        if name != "nested_hamt" and (not count.isdigit() or int(count) < 3000):
            yield pytest.param(vectors, id=name)
            continue
        marks = [SOAK] if count == "70000" else []
        yield pytest.param(vectors[:1], id=name, marks=marks)
        yield pytest.param(vectors[1:], id=f"{name} more", marks=SOAK)


@pytest.mark.parametrize("vectors", [*folders()])
def test_folders_have_the_cids_of_kubo_0_22(
    vectors: list[Vector], kubo: Kubo, folder: Path
) -> None:
    for vector in vectors:
        now = folder_again(kubo, vector, folder)
        # A link that was named 0.22 followed, to nowhere; newer ones add it as it is.
        differs = vector.get("differs_in_newer_kubo", False) or vector["cid"] is None
        assert (now != vector["cid"]) is differs, vector
        assert now is not None


def test_what_differs_is_what_the_docs_say() -> None:
    folders = OLD["directories"]
    assert sum(v.get("differs_in_newer_kubo", False) for v in folders) == _ON_THRESHOLD
    assert sum(v["cid"] is None for v in folders) == sum(
        v["name"] == "slink" for v in folders
    )
    inlined = [v["options"].get("inline_limit", 0) > _MOST_INLINE for v in _FILES]
    refused = sum(inlined)
    page = (Path(__file__).parents[2] / "docs" / "kubo.md").read_text(encoding="utf-8")
    for text in (
        f"| files | {len(_FILES)}",
        f"none of the {len(_FILES) - refused} that both take",
        f"| {refused} of them",
        f"| folders | {len(folders)}",
    ):
        assert text in page


def test_the_generator_says_how_it_is_used() -> None:
    command = [sys.executable, "-m", "tests.integration.kubo_vectors"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "OUTPUT.json" in done.stderr
