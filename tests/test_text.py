"""Half of a surrogate pair is no text: wherever it stands, the error is one of ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ipfs_kit_py import (
    Repository,
    car_pack,
    car_roots,
    car_unpack,
    cid_of,
    hash_file,
    hash_files,
    hash_tree,
)
from ipfs_kit_py.errors import InvalidInputError, InvalidNameError, InvalidParameterError

HALF = "a\ud800b"
CONTENT = cid_of(b"content")

AS_A_NAME: list[Callable[[Repository], object]] = [
    lambda r: r.add(HALF),
    lambda r: r.add(Path(HALF)),
    lambda r: r.dag_import(HALF),
    lambda r: r.dag_export(CONTENT, HALF),
    lambda r: r.get(CONTENT, HALF),
    lambda r: r.files_mkdir(f"/{HALF}"),
    lambda r: r.files_write(f"/{HALF}", b"", create=True),
    lambda r: r.files_read(f"/{HALF}"),
    lambda r: r.files_cp(CONTENT, f"/{HALF}"),
    lambda r: r.files_mv("/file", f"/{HALF}"),
    lambda r: r.files_rm(f"/{HALF}", force=True),
    lambda r: r.files_truncate(f"/{HALF}", 1),
    lambda _: Repository(HALF),
    lambda _: hash_file(HALF),
    lambda _: hash_tree(HALF),
    lambda _: list(hash_files([HALF])),
    lambda _: car_pack(HALF, "out"),
    lambda _: car_pack("/dev/null", HALF),
    lambda _: car_roots(HALF),
    lambda _: car_unpack(HALF, "out"),
]
AS_A_PARAMETER: list[Callable[[Repository], object]] = [
    lambda r: r.add(b"", name=HALF),
    lambda r: r.pin_add(CONTENT, name=HALF),
    lambda r: r.add(b"", profile=HALF),
    lambda r: r.add(b"", chunker=HALF),
    lambda r: r.add(b"", hash=HALF),
    lambda r: r.block_put(b"", HALF),
    lambda r: r.dag_put(1, HALF),
    lambda _: cid_of(b"", HALF),
    lambda _: CONTENT.encode(HALF),
]


@pytest.fixture
def filled(repository: Repository) -> Repository:
    repository.add(b"content")
    repository.files_write("/file", b"", create=True)
    return repository


@pytest.mark.parametrize("call", AS_A_NAME)
def test_as_the_name_of_a_file(
    call: Callable[[Repository], object], filled: Repository
) -> None:
    with pytest.raises(InvalidNameError) as caught:
        call(filled)
    assert "\\ud800" in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize("call", AS_A_PARAMETER)
def test_as_a_parameter(call: Callable[[Repository], object], filled: Repository) -> None:
    with pytest.raises(InvalidParameterError, match="surrogate"):
        call(filled)


def test_in_a_path_of_content(filled: Repository) -> None:
    for call in (filled.cat, filled.stat, filled.pin_add, filled.block_get):
        with pytest.raises(InvalidInputError):
            call(HALF)
