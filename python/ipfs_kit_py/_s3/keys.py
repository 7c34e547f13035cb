"""Keys of objects, folders among them, and the files that they stand for."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from ipfs_kit_py.errors import (
    InvalidNameError,
    InvalidParameterError,
    UnsafePathError,
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_BYTES = 1024


def object_key(key: str) -> str:
    """Give the key of an object that can be read and written here.

    Raises:
        InvalidNameError: S3 knows such keys, and what is used here does not: with an
            empty part, `.` or `..` in it, or a control character.
    """
    parts = key.split("/")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidNameError(f"{key!r} is no Unicode, so no key either") from None
    if not key or size > _MOST_BYTES:
        raise InvalidNameError(f"{key[:60]!r} is no key: it has 1 to {_MOST_BYTES} bytes")
    if {"", ".", ".."} & set(parts) or _CONTROL.search(key):
        raise InvalidNameError(
            f"{key!r} cannot be used as a key: it has an empty part, `.`, `..` or a "
            "control character in it"
        )
    return key


def folder_prefix(path: str) -> str:
    """Give what all keys in a folder begin with: empty for the bucket as a whole."""
    plain = path.strip("/")
    return f"{object_key(plain)}/" if plain else ""


def files_for(folder: Path, prefix: str, keys: Iterable[str]) -> list[tuple[str, Path]]:
    """Find the file of each key below a folder. A key that ends with a slash is a folder.

    Raises:
        UnsafePathError: A key would lead out of the folder, or nowhere.
    """
    return [(key, folder.joinpath(*_steps(key, key[len(prefix) :]))) for key in keys]


def _steps(key: str, rest: str) -> list[str]:
    if not rest:
        return []
    parts = rest.removesuffix("/").split("/")
    foreign = [sep for sep in (os.sep, os.altsep) if sep not in (None, "/")]
    for part in parts:
        is_odd = part in ("", ".", "..") or "\0" in part
        if is_odd or (foreign and (any(it in part for it in foreign) or ":" in part)):
            raise UnsafePathError(f"no file can be made for the key {key!r}")
    return parts


def one_bucket(bucket: str | None, bucket_name: str | None) -> str | None:
    """Give the bucket by either of its names."""
    if bucket is not None and bucket_name is not None and bucket != bucket_name:
        raise InvalidParameterError(
            "bucket and bucket_name are the same, and differ here"
        )
    return bucket if bucket is not None else bucket_name
