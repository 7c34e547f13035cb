"""A checkpoint by CID into a torch model, by accelerate itself.

accelerate reads files and nothing else, so those that it needs are laid down, each block
verified, in a folder that lives as long as it reads. It keeps no file of it: what is
offloaded to the disk it copies into `offload_folder`.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipfs_accelerate_py._checkpoint_files import (
    INDEX,
    SAFETENSORS,
    Checkpoint,
    find_checkpoint,
)
from ipfs_accelerate_py._checkpoints import is_content
from ipfs_accelerate_py._frameworks import needed
from ipfs_kit_py._snapshots.parts import part_folder
from ipfs_kit_py.errors import UnsupportedFileError

if TYPE_CHECKING:
    from torch.nn import Module

    from ipfs_accelerate_py._content import Content
    from ipfs_kit_py._hashing import StrPath
    from ipfs_kit_py._repository import IPFSPath
    from ipfs_kit_py._sources import ChainReader

# The names by which accelerate knows a file's format.
_CALLED = {"safetensors": "model.safetensors", "pickle": "pytorch_model.bin"}


def load_and_dispatch(  # noqa: D417 - accelerate describes the rest
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
) -> "Module":
    """Load a checkpoint into a model, as accelerate does.

    Args:
        model: The model, whose parameters may be on the device `meta`.
        checkpoint: A CID, a path below one, an `ipfs://` URL; a local path goes to
            accelerate as it is. Of several files only those are fetched that hold
            something of the model, unless `strict` asks what else there is.
        device_map: This and all others are accelerate's.

    Returns:
        The model.

    Raises:
        ImportError: accelerate is not installed.
        IPFSError: The checkpoint cannot be had, or is not what its CID says.
        ValueError: As accelerate has it.
    """
    needed("torch")
    load = needed("accelerate").load_checkpoint_and_dispatch
    given = {
        "device_map": device_map,
        "max_memory": max_memory,
        "no_split_module_classes": no_split_module_classes,
        "offload_folder": offload_folder,
        "offload_buffers": offload_buffers,
        "dtype": dtype,
        "offload_state_dict": offload_state_dict,
        "skip_keys": skip_keys,
        "preload_module_classes": preload_module_classes,
        "force_hooks": force_hooks,
        "strict": strict,
        "full_state_dict": full_state_dict,
        "broadcast_from_rank0": broadcast_from_rank0,
    }
    if not is_content(checkpoint):
        return load(model, os.fspath(checkpoint), **given)  # type: ignore[arg-type]
    from ipfs_accelerate_py.ipfs_accelerate import content

    found = content()
    reader = found.kit.reader
    wanted = _needed_of(find_checkpoint(reader, checkpoint), model, strict=strict)
    with part_folder(_room(found)) as room:
        folder = room / "files"
        folder.mkdir()
        return load(model, str(_laid_down(reader, wanted, folder)), **given)


def _needed_of(found: Checkpoint, model: "Module", *, strict: bool) -> Checkpoint:
    """Leave out files in which there is nothing of a model."""
    if found.format not in _CALLED:
        listed = ", ".join(found.files)
        raise UnsupportedFileError(
            f"{listed}: this is no checkpoint that accelerate loads, which are "
            "safetensors and what torch.save writes"
        )
    if found.weight_map is None or strict:
        return found
    keys = model.state_dict().keys()
    kept = {file for name, file in found.weight_map.items() if name in keys}
    return found._replace(
        files={name: cid for name, cid in found.files.items() if name in kept},
        weight_map={
            name: file for name, file in found.weight_map.items() if file in kept
        },
    )


def _laid_down(reader: "ChainReader", found: Checkpoint, folder: Path) -> Path:
    """Write the files of a checkpoint, and give what accelerate is to open."""
    if found.weight_map is None:
        (cid,) = found.files.values()
        at = folder / _CALLED[found.format]
        reader.get(cid, at)
        return at
    for name, cid in found.files.items():
        reader.get(cid, folder / name)
    index = folder / f"{'model' + SAFETENSORS}{INDEX}"
    index.write_text(json.dumps({"weight_map": found.weight_map}))
    return index


def _room(content: "Content") -> Path:
    """Give the folder that checkpoints are laid down in."""
    cache = str(content.settings.get("cache", "path"))
    folder = Path(cache).expanduser() / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
