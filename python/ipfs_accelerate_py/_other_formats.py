"""Checkpoints that are no safetensors: arrays of numpy, and pickles of torch."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipfs_accelerate_py._frameworks import needed
from ipfs_accelerate_py._placing import devices, placed
from ipfs_kit_py.errors import (
    IPFSError,
    MalformedDataError,
    UnsupportedFileError,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from ipfs_accelerate_py._checkpoint_files import Checkpoint
    from ipfs_accelerate_py._frameworks import Framework
    from ipfs_accelerate_py._placing import DeviceMap, Names
    from ipfs_kit_py._native import CID, Block
    from ipfs_kit_py._sources import ChainReader

_BUFFER_BYTES = 1 << 20


class _Shown(io.RawIOBase):
    """Verified bytes as a file."""

    def __init__(self, block: "Block") -> None:
        self._bytes = memoryview(block)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = (0, self._at, len(self._bytes))[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        room = memoryview(buffer).cast("B")
        piece = self._bytes[self._at : self._at + len(room)]
        room[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def arrays(
    reader: "ChainReader",
    found: "Checkpoint",
    framework: "Framework",
    device_map: "DeviceMap",
    names: "Names",
) -> dict[str, Any]:
    """Read `.npz`, arrays by name, or `.npy`, one array.

    Raises:
        UnsupportedFileError: An array holds Python objects, which are pickles.
        MalformedDataError: It is neither.
    """
    (cid,) = found.files.values()
    read = _numpy_load(reader, cid, device_map, names)
    if not isinstance(read, dict):
        where = devices(device_map).get("", "cpu")
        framework.check((), {where})
        made = framework.from_numpy(read, where)
        return {"data": made, "metadata": {}, "size": read.nbytes}
    placing = placed(read, device_map, None)
    framework.check((), set(placing.values()))
    return {
        "data": {
            name: framework.from_numpy(read[name], device)
            for name, device in placing.items()
        },
        "metadata": {},
        "size": sum(read[name].nbytes for name in placing),
    }


def unpickled(
    reader: "ChainReader",
    found: "Checkpoint",
    framework: "Framework",
    device_map: "DeviceMap",
    names: "Names",
) -> dict[str, Any]:
    """Read what `torch.save` wrote, as far as it is tensors and plain values.

    Raises:
        UnsupportedFileError: It holds more than those.
        MalformedDataError: torch cannot read it.
    """
    files = list(found.files)
    if found.weight_map is not None:
        wanted = placed(found.weight_map, device_map, names)
        files = list(dict.fromkeys(found.weight_map[name] for name in wanted))
    parts = [_torch_load(reader, found.files[name], name) for name in files]
    about: dict[str, Any] = {"metadata": dict(found.metadata)}
    if not all(_is_state(part) for part in parts):
        if len(parts) > 1:
            raise MalformedDataError("a part of it is no dictionary of tensors")
        return {"data": parts[0], **about, "size": 0}
    state = {name: value for part in parts for name, value in part.items()}
    where = placed(state, device_map, names)
    framework.check((), set(where.values()))
    data = {
        name: framework.adopted(state[name], device) for name, device in where.items()
    }
    size = sum(getattr(state[name], "nbytes", 0) for name in where)
    return {"data": data, **about, "size": size}


def refuse_pickles(found: "Checkpoint") -> None:
    """Say why pickles are not loaded unless that is asked for."""
    listed = ", ".join(sorted(found.files)[:5])
    raise UnsupportedFileError(
        f"{listed}: this is a pickle, which can run any program when it is loaded. "
        "Convert it to safetensors; or pass weights_only=True, and torch takes tensors "
        "and plain values out of it and nothing else"
    )


def _is_state(part: object) -> bool:
    return isinstance(part, Mapping) and all(isinstance(name, str) for name in part)


def _numpy_load(
    reader: "ChainReader", cid: "CID", device_map: "DeviceMap", names: "Names"
) -> Any:  # noqa: ANN401 - an array, or arrays by name
    import zipfile
    import zlib

    numpy = needed("numpy")
    try:
        with io.BufferedReader(_Shown(reader.cat_view(cid)), _BUFFER_BYTES) as file:
            found = numpy.load(file, allow_pickle=False)
            if isinstance(found, numpy.ndarray):
                return found
            return {name: found[name] for name in placed(found, device_map, names)}
    except IPFSError:
        raise
    except (
        ValueError,
        TypeError,
        EOFError,
        MemoryError,
        OverflowError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = str(error)
    if "allow_pickle" in reason:
        raise UnsupportedFileError(f"{cid} has an array of Python objects: a pickle")
    raise MalformedDataError(f"numpy cannot read {cid}: {reason}")


def _torch_load(reader: "ChainReader", cid: "CID", name: str) -> Any:  # noqa: ANN401
    import pickle

    torch = needed("torch")
    try:
        # All of it is verified before torch looks at any of it.
        with io.BufferedReader(_Shown(reader.cat_view(cid)), _BUFFER_BYTES) as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise UnsupportedFileError(f"{name} is not tensors alone: {reason}") from error
    except (RuntimeError, ValueError, EOFError, KeyError, AttributeError) as error:
        if isinstance(error, IPFSError):
            raise
        reason = str(error).partition("\n")[0]
        raise MalformedDataError(f"torch cannot read {name}: {reason}") from error
