"""Files of this machine that go up."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipfs_kit_py._car import car_roots, car_verify
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._http.waiting import check
from ipfs_kit_py._repository.system import checked_path
from ipfs_kit_py._storacha.shards import car_cid
from ipfs_kit_py.errors import (
    FileChangedError,
    InvalidParameterError,
    IPFSError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._native import CID

_PIECE_BYTES: Final = 1 << 20


class CarFile:
    """A CAR file that goes up as it is.

    Args:
        path: The file.

    Attributes:
        cid: The CID of the CAR.
        size: How many bytes it has.

    Raises:
        IntegrityError: A block in it is not what its CID names.
        InvalidParameterError: It is a CARv2, which services do not take.
    """

    def __init__(self, path: str) -> None:
        if car_verify(path).version != 1:
            raise InvalidParameterError(f"{path} is a CARv2: services take CARv1")
        self._path = Path(path)
        digest = hashlib.sha256()
        self.size = 0
        for piece in self._read():
            digest.update(piece)
            self.size += len(piece)
        self.cid: CID = car_cid(digest.digest())

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes, from the beginning.

        Raises:
            FileChangedError: It is no longer what it was; not all of it was given.
        """
        digest, held, left = hashlib.sha256(), b"", self.size
        for piece in self._read():
            digest.update(piece)
            left -= len(piece)
            if left < 0:
                break
            if held:
                yield held
            held = piece
        if digest.digest() != self.cid.digest:
            raise FileChangedError(f"{self._path} changed while it was read")
        yield held

    def _read(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                check()
                yield piece

    def close(self) -> None:
        """Do nothing: it is open only while it is read."""


def path_of(file: StrPath, folder: StrPath | None = None) -> str:
    """Give the path of a file, which may be said in two parts.

    Raises:
        PathNotFoundError: There is nothing.
    """
    path = checked_path(file)
    if folder is not None and not path.is_absolute():
        path = checked_path(folder) / path
    if not os.path.lexists(path):
        raise PathNotFoundError(2, os.strerror(2), str(path))
    return str(path)


def is_car(path: str) -> bool:
    """Tell whether a file is a CAR."""
    try:
        car_roots(path)
    except (IPFSError, OSError):
        return False
    return True
