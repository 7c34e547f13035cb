"""`load_checkpoint_and_dispatch`: tensors by CID, each byte verified before any is used.

    loaded = ipfs_accelerate_py.load_checkpoint_and_dispatch("bafy...")
    loaded["data"]["lm_head.weight"]

With a model as its first argument it is accelerate's function of that name, to which a
checkpoint may be a CID as well.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ipfs_accelerate_py._checkpoint_files import Checkpoint, find_checkpoint
from ipfs_accelerate_py._frameworks import framework_for
from ipfs_accelerate_py._placing import placed
from ipfs_accelerate_py._tensors import Tensors, Wanted, read_header, tensors_in
from ipfs_kit_py.errors import (
    InvalidCIDError,
    InvalidParameterError,
    MalformedDataError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeGuard

    from torch.nn import Module

    from ipfs_accelerate_py._content import Content
    from ipfs_accelerate_py._frameworks import Framework
    from ipfs_accelerate_py._placing import DeviceMap, Names
    from ipfs_accelerate_py._safetensors import Header
    from ipfs_kit_py._hashing import StrPath
    from ipfs_kit_py._repository import IPFSPath
    from ipfs_kit_py._sources import ChainReader


@overload
def load_checkpoint_and_dispatch(
    cid: "IPFSPath | StrPath",
    endpoint: str | None = None,
    *,
    framework: str = "auto",
    dtype: object = None,
    device_map: "DeviceMap" = None,
    names: "Names" = None,
    weights_only: bool = False,
) -> dict[str, Any]: ...
@overload
def load_checkpoint_and_dispatch(
    model: "Module",
    checkpoint: "IPFSPath | StrPath",
    device_map: "str | dict[str, Any] | None" = None,
    max_memory: "dict[int | str, int | str] | None" = None,
    no_split_module_classes: list[str] | None = None,
    offload_folder: "StrPath | None" = None,
    offload_buffers: bool = False,
    dtype: object = None,
    offload_state_dict: bool | None = None,
    skip_keys: str | list[str] | None = None,
    preload_module_classes: list[str] | None = None,
    force_hooks: bool = False,
    strict: bool = False,
    full_state_dict: bool = True,
    broadcast_from_rank0: bool = False,
) -> "Module": ...
def load_checkpoint_and_dispatch(*args: Any, **kwargs: Any) -> Any:
    """Load a checkpoint; into a model, if one is given.

    Without a model (`cid`, `endpoint`, ...): see `Content.load_checkpoint`. With one, as
    accelerate does it, with its parameters, result and exceptions: `checkpoint` may be
    a CID, a path below one, an `ipfs://` URL, or a local path.

    Raises:
        ImportError: What is needed is not installed; the message says what installs it.
    """
    if "model" in kwargs or (args and _is_model(args[0])):
        from ipfs_accelerate_py._dispatching import load_and_dispatch

        return load_and_dispatch(*args, **kwargs)
    from ipfs_accelerate_py.ipfs_accelerate import content

    return content().load_checkpoint(*args, **kwargs)


def loaded(
    content: "Content",
    given: "IPFSPath | StrPath",
    endpoint: str | None,
    *,
    framework: str,
    dtype: object,
    device_map: "DeviceMap",
    names: "Names",
    weights_only: bool,
) -> dict[str, Any]:
    """Load a checkpoint; see `Content.load_checkpoint`."""
    path = content_path(content, given)
    name = os.fspath(given) if isinstance(given, os.PathLike) else str(given)
    reader = content.reader(endpoint)
    before = reader.fetched
    found = find_checkpoint(reader, path, name)
    if found.format == "raw":
        about = _raw(reader, found)
    else:
        if found.format == "pickle":
            framework = _for_pickles(found, framework, allowed=weights_only)
        made_by = framework_for(framework, dtype)
        about = _loader(found.format)(reader, found, made_by, device_map, names)
    return {
        "source": "ipfs" if reader.fetched > before else "cache",
        "cid": str(reader.resolve(path)),
        "format": found.format,
        **about,
    }


def load_tensors(
    reader: "ChainReader", path: "IPFSPath", framework: str
) -> dict[str, Any]:
    """Load the tensors of safetensors, by name.

    Args:
        reader: What reads.
        path: A file, or a folder of files.
        framework: `numpy` or `torch`.

    Raises:
        MalformedDataError: There are none.
        ImportError: The framework is not installed; the message says what installs it.
    """
    found = find_checkpoint(reader, path)
    if found.format != "safetensors":
        raise MalformedDataError(f"{path} has no safetensors, but {found.format}")
    made_by = framework_for(framework, None)
    return dict(_tensors(reader, found, made_by, None, None)["data"])


def content_path(content: "Content", given: "IPFSPath | StrPath") -> "IPFSPath":
    """Give the path by which a checkpoint is read; what is a local one is added.

    Raises:
        PathNotFoundError: It is a local path where there is nothing.
        InvalidCIDError: It is no CID, and there is no file of this name.
    """
    if is_content(given):
        return given
    place = Path(str(given))
    if not place.exists():
        if isinstance(given, os.PathLike):
            raise PathNotFoundError(2, "No such file or folder", str(place))
        raise InvalidCIDError(f"{given!r} is no CID, and there is no such file or folder")
    # A file may change under whoever has it mapped. In the repository it stays as it is.
    return content.kit.engine.add(place, pin=False).cid


def is_content(given: object) -> "TypeGuard[IPFSPath]":
    """Tell whether something is a CID, or a path below one or below a name."""
    from ipfs_kit_py._native import CID, split_path

    if isinstance(given, CID):
        return True
    if not isinstance(given, str):
        return False
    if given.startswith(("ipfs://", "ipns://", "/ipfs/", "/ipns/")):
        return True
    try:
        root, _ = split_path(given)
    except ValueError:
        return False
    return isinstance(root, CID)


def _raw(reader: "ChainReader", found: Checkpoint) -> dict[str, Any]:
    (cid,) = found.files.values()
    data = reader.cat(cid)
    return {"data": data, "metadata": {}, "size": len(data)}


def _loader(kind: str) -> "Callable[..., dict[str, Any]]":
    if kind == "safetensors":
        return _tensors
    from ipfs_accelerate_py import _other_formats

    return _other_formats.arrays if kind == "numpy" else _other_formats.unpickled


def _for_pickles(found: Checkpoint, framework: str, *, allowed: bool) -> str:
    """Give the framework that pickles are loaded with."""
    if not allowed:
        from ipfs_accelerate_py._other_formats import refuse_pickles

        refuse_pickles(found)
    if framework not in ("auto", "torch", "pt"):
        raise InvalidParameterError(f"framework {framework!r} loads no pickles of torch")
    return "torch"


def _tensors(
    reader: "ChainReader",
    found: Checkpoint,
    framework: "Framework",
    device_map: "DeviceMap",
    names: "Names",
) -> dict[str, Any]:
    headers: dict[str, Header] = {}
    if found.weight_map is None:
        headers = {name: read_header(reader, cid) for name, cid in found.files.items()}
        where = {it: name for name, told in headers.items() for it in told.tensors}
    else:
        where = dict(found.weight_map)
    devices = placed(where, device_map, names)
    # Of files in which nothing is wanted, not even the header is.
    for file in dict.fromkeys(where[name] for name in devices):
        if file not in headers:
            headers[file] = read_header(reader, found.files[file])
    wanted: dict[str, list[Wanted]] = {file: [] for file in headers}
    for name, device in devices.items():
        place = headers[where[name]].tensors.get(name)
        if place is None:
            raise MalformedDataError(
                f"the index says that {name!r} is in {where[name]}, which has no such "
                "tensor"
            )
        wanted[where[name]].append(Wanted(place, device))
    every = [it for each in wanted.values() for it in each]
    framework.check((it.place for it in every), {it.device for it in every})
    makers: dict[str, Callable[[], Any]] = {}
    for file, each in wanted.items():
        makers |= tensors_in(reader, found.files[file], each, framework)
    size = sum(it.place.size for it in every if it.device != "meta")
    metadata: dict[str, Any] = {}
    for told in headers.values():
        metadata |= told.metadata
    return {
        "data": Tensors({name: makers[name] for name in devices}, size),
        "metadata": metadata | dict(found.metadata),
        "size": size,
    }


def _is_model(given: object) -> bool:
    """Tell whether something is a torch model; who has one has imported torch."""
    torch = sys.modules.get("torch.nn")
    return torch is not None and isinstance(given, torch.Module)
