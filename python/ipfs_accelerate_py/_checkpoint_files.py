"""Which files a checkpoint is made of, and of what format they are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn

from ipfs_accelerate_py._safetensors import (
    MAX_HEADER_BYTES,
    may_be_header,
    parse_json,
)
from ipfs_kit_py.errors import (
    MalformedDataError,
    PathNotFoundError,
    UnsupportedFileError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._native import CID
    from ipfs_kit_py._repository import IPFSPath
    from ipfs_kit_py._sources import ChainReader

Format = Literal["safetensors", "numpy", "pickle", "raw"]

SAFETENSORS = ".safetensors"
INDEX = ".index.json"
# Those that `torch.save` writes, of which the index of several has one of these endings.
PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt")
_NUMPY: Final = (".npz", ".npy")
# What files are called that hold a model, where a folder has others beside it.
_USUAL: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_ZIP = b"PK\x03\x04"
_NPY = b"\x93NUMPY"


class Checkpoint(NamedTuple):
    """Files that belong together."""

    format: Format
    files: "Mapping[str, CID]"
    """By name; a file that has none is called by its CID."""
    weight_map: Mapping[str, str] | None = None
    """By tensor, the file that it is in, where an index says so."""
    metadata: Mapping[str, Any] = {}
    """What the index says beside that."""


def find_checkpoint(
    reader: "ChainReader", path: "IPFSPath", called: str | None = None
) -> Checkpoint:
    """Look at a file or folder, and read as much of it as tells what it is.

    Args:
        reader: What reads.
        path: Where it is.
        called: What the caller calls it, if that is something else: its last name says
            what a file would be.

    Raises:
        UnsupportedFileError: It is a folder without a checkpoint, or with several.
        MalformedDataError: Its index is none.
    """
    root = reader.resolve(path)
    name = (called or str(path)).rstrip("/").rpartition("/")[2]
    if reader.stat(root).kind != "directory":
        if name.endswith(INDEX):
            return find_checkpoint_of_index(reader, path, name)
        return Checkpoint(_format_of(reader, root, name), {name: root})
    names = {entry.name: entry.cid for entry in reader.ls(root, resolve=False)}
    chosen = _choose(list(names), str(path))
    if chosen.endswith(INDEX):
        return _indexed(reader, names, chosen)
    return Checkpoint(_format_of(reader, names[chosen], chosen), {chosen: names[chosen]})


def find_checkpoint_of_index(
    reader: "ChainReader", path: "IPFSPath", name: str
) -> Checkpoint:
    """Look at the folder that an index lies in."""
    folder = str(path).rstrip("/").removesuffix(name).rstrip("/")
    if not folder or folder.endswith(":"):
        raise UnsupportedFileError(f"{path}: an index needs the folder that it is in")
    entries = reader.ls(folder, resolve=False)
    return _indexed(reader, {entry.name: entry.cid for entry in entries}, name)


def read_small(reader: "ChainReader", cid: "CID", name: str) -> bytes:
    """Read a file that is no larger than any header."""
    size = reader.stat(cid).size
    if size > MAX_HEADER_BYTES:
        raise MalformedDataError(f"{name} has {size:,} bytes: that is no index")
    return reader.cat(cid)


def _choose(names: list[str], path: str) -> str:
    for usual in _USUAL:
        if usual in names:
            return usual
    endings = (SAFETENSORS, *_NUMPY, *PICKLES)
    for ending in ((INDEX,), *((it,) for it in endings)):
        found = sorted(name for name in names if name.endswith(ending))
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(found[:5])
            raise UnsupportedFileError(
                f"{path} holds {len(found)} checkpoints and no index of them: name one "
                f"of them in the path: {listed}"
            )
    raise UnsupportedFileError(
        f"{path} is a folder that holds no checkpoint: none of its {len(names)} entries "
        f"ends in {', '.join((INDEX, *endings))}"
    )


def _indexed(reader: "ChainReader", names: "Mapping[str, CID]", index: str) -> Checkpoint:
    if index not in names:
        raise PathNotFoundError(2, "No such file", index)
    told = parse_json(read_small(reader, names[index], index))
    if not isinstance(told, dict):
        _refuse(index, "it is no JSON object")
    # Older ones are the map alone.
    weight_map = told.get("weight_map", told)
    metadata = told.get("metadata") or {}
    if not isinstance(weight_map, dict) or not isinstance(metadata, dict):
        _refuse(index, "its weight_map or metadata is no JSON object")
    files = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str):
            _refuse(index, f"{tensor!r} is in no file")
        # Names of a directory may be anything, and some would lead out of a folder.
        if name not in names or name in (".", "..") or set(name) & set("/\\:\0"):
            _refuse(index, f"{tensor!r} is in {name!r}, which is not beside it")
        files[name] = names[name]
    kind: Format = "pickle"
    if all(name.endswith(SAFETENSORS) for name in files):
        kind = "safetensors"
    return Checkpoint(kind, files, weight_map, metadata)


def _format_of(reader: "ChainReader", cid: "CID", name: str) -> Format:
    """Tell a format, by the bytes wherever they do."""
    size = reader.stat(cid).size
    head = reader.cat(cid, 0, 9)
    if name.endswith(SAFETENSORS) or may_be_header(head, size):
        return "safetensors"
    if head.startswith(_NPY):
        return "numpy"
    if head.startswith(_ZIP):
        return _format_of_zip(reader, cid)
    # The first byte says that it is a pickle, the second of which version.
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    return "raw"


def _format_of_zip(reader: "ChainReader", cid: "CID") -> Format:
    import zipfile

    try:
        with (
            reader.open(cid, buffer_bytes=1 << 16) as file,
            zipfile.ZipFile(file) as members,
        ):
            names = members.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "raw"
    if any(name.endswith("data.pkl") for name in names):
        return "pickle"
    if names and all(name.endswith(".npy") for name in names):
        return "numpy"
    return "raw"


def _refuse(index: str, reason: str) -> NoReturn:
    raise MalformedDataError(f"{index} is no index of a checkpoint: {reason}")
