"""`save_checkpoint`: models in the repository, of which versions share what is equal."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from ipfs_accelerate_py._checkpoint_files import PICKLES, SAFETENSORS
from ipfs_accelerate_py._laying_out import Shape, lay_out
from ipfs_accelerate_py._saved_tensors import FileTensors, StateTensors, Tensors
from ipfs_kit_py._native import CID
from ipfs_kit_py._pieces import PieceReader
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    LimitExceededError,
    PathNotFoundError,
    UnsupportedFileError,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._hashing import Readable, StrPath
    from ipfs_kit_py._repository import AddResult

# Files that run what they hold when they are loaded.
_PICKLES: Final = (*PICKLES, ".pkl", ".pickle")
# What transformers ask of a file before they load it.
_METADATA: Final = {"format": "pt"}
# As huggingface_hub has it.
_SHARD_BYTES: Final = 5_000_000_000
# How often it begins anew, after garbage was collected between a block and its pin.
_TRIES = 3
# The UnixFS data of a directory, and most that a node of one may be without shards.
_DIRECTORY = b"\x08\x01"
_MOST_DIRECTORY_BYTES = 256 << 10


class SavedCheckpoint(NamedTuple):
    """What was saved."""

    cid: CID
    """The folder."""
    new_bytes: int
    """Bytes of blocks that the repository did not have."""
    shared_bytes: int
    """Bytes of blocks that it had: from an earlier version, for example."""


def save_checkpoint(
    state_or_folder: "Mapping[str, Any] | StrPath",
    *,
    metadata: Mapping[str, str] | None = None,
    max_shard_bytes: int = _SHARD_BYTES,
    pickles: bool = False,
    name: str | None = None,
) -> SavedCheckpoint:
    """Save a model, so that tensors which it shares with what is there cost nothing.

    It becomes a folder of ordinary files. Only their blocks are cut between tensors, not
    anywhere in them, so that an unchanged tensor has the same blocks in every version. It
    is pinned when all of it is there; who is stopped before leaves nothing that is kept.

    Args:
        state_or_folder: Tensors by name, of torch or numpy, such as a model's
            `state_dict()`; or a folder as `save_pretrained` writes it, or one file. In a
            folder, safetensors are laid out anew under their names; all else is added as
            it is, but for names that begin with a dot.
        metadata: Text by text for the header of each file. If not given, a file keeps its
            own, and tensors get `{"format": "pt"}`, which transformers ask for.
        max_shard_bytes: Tensors of more than this are several files and an index, as
            huggingface_hub has them.
        pickles: Add files that are pickles (`.bin`, `.pt`, ...) too. Those who load one
            run what is in it, so they are refused otherwise.
        name: Name of the pin.

    Returns:
        The CID of the folder, and how much of it was new.

    Raises:
        InvalidParameterError: Something given is no tensor, or not of a type that
            safetensors have.
        MalformedDataError: A file that is called so is no safetensors file.
        PathNotFoundError: There is nothing, or a link leads nowhere or in a circle.
        UnsupportedFileError: There is a pickle, or what is neither file nor folder.
        FileChangedError: A file changed while it was read.
    """
    from ipfs_accelerate_py.ipfs_accelerate import content

    if max_shard_bytes < 1:
        raise InvalidParameterError(f"max_shard_bytes {max_shard_bytes} is less than 1")
    saving = _Saving(content().kit.engine, metadata, pickles=pickles)
    for _ in range(_TRIES - 1):
        try:
            return saving.run(state_or_folder, max_shard_bytes, name)
        except BlockNotFoundError:
            continue
    return saving.run(state_or_folder, max_shard_bytes, name)


def save_tensors(engine: "Engine", state: Mapping[str, Any]) -> SavedCheckpoint:
    """Save tensors by name as `save_checkpoint` does, and pin nothing.

    Raises:
        InvalidParameterError: Something given is no tensor, or not of a type that
            safetensors have.
    """
    return _Saving(engine, None, pickles=False).write(state, _SHARD_BYTES)


class _Entry(NamedTuple):
    """A link of a directory."""

    cid: CID
    tsize: int


class _Saving:
    """One call."""

    def __init__(
        self, engine: "Engine", metadata: Mapping[str, str] | None, *, pickles: bool
    ) -> None:
        self._engine = engine
        self._metadata = metadata
        self._pickles = pickles
        self._new = self._shared = 0

    def run(
        self,
        source: "Mapping[str, Any] | StrPath",
        max_shard_bytes: int,
        name: str | None,
    ) -> SavedCheckpoint:
        done = self.write(source, max_shard_bytes)
        self._engine.pin_add(done.cid, name=name)
        return done

    def write(
        self, source: "Mapping[str, Any] | StrPath", max_shard_bytes: int
    ) -> SavedCheckpoint:
        self._new = self._shared = 0
        if isinstance(source, Mapping):
            entries = self._state(StateTensors(source), max_shard_bytes)
        elif isinstance(source, str | os.PathLike):
            entries = self._path(Path(os.fsdecode(source)))
        else:
            raise InvalidParameterError(
                f"{type(source).__name__} is neither tensors by name nor a path: of a "
                "model, give `model.state_dict()`"
            )
        root = self._directory(entries).cid
        return SavedCheckpoint(root, self._new, self._shared)

    def _state(self, tensors: StateTensors, max_shard_bytes: int) -> dict[str, _Entry]:
        metadata = _METADATA if self._metadata is None else self._metadata
        shards = list(_shards(tensors.shapes(), max_shard_bytes))
        if len(shards) == 1:
            return {"model.safetensors": self._tensors(tensors, shards[0], metadata)}
        entries: dict[str, _Entry] = {}
        weights: dict[str, str] = {}
        for number, shard in enumerate(shards, 1):
            name = f"model-{number:05}-of-{len(shards):05}.safetensors"
            entries[name] = self._tensors(tensors, shard, metadata)
            weights |= {it.name: name for it in shard}
        total = sum(it.size for shard in shards for it in shard)
        index = {"metadata": {"total_size": total}, "weight_map": weights}
        text = json.dumps(index, indent=2, sort_keys=True) + "\n"
        entries["model.safetensors.index.json"] = self._added(text.encode())
        return entries

    def _path(self, path: Path) -> dict[str, _Entry]:
        if path.is_dir():
            return dict(self._folder(path))
        return {path.name: self._file(path)}

    def _folder(self, folder: Path) -> Iterator[tuple[str, _Entry]]:
        with os.scandir(folder) as found:
            inside = sorted(it.name for it in found if not it.name.startswith("."))
        for name in inside:
            path = folder / name
            if path.is_dir():
                if path.is_symlink():
                    raise UnsupportedFileError(f"{path} is a link to a folder")
                yield name, self._directory(dict(self._folder(path)))
            else:
                yield name, self._file(path)

    def _file(self, path: Path) -> _Entry:
        # In huggingface's cache, files are links.
        real = Path(os.path.realpath(path))
        if not real.exists():
            raise PathNotFoundError(2, "No such file or directory", str(path))
        if not real.is_file():
            raise UnsupportedFileError(f"{path} is neither a file nor a folder")
        if path.name.endswith(_PICKLES) and not self._pickles:
            raise UnsupportedFileError(
                f"{path} is a pickle: whoever loads it runs what is in it. Save the "
                "tensors as safetensors, or give pickles=True to add it as it is"
            )
        if not path.name.endswith(SAFETENSORS):
            return self._added(real)
        with FileTensors(real) as tensors:
            given = tensors.metadata if self._metadata is None else self._metadata
            return self._tensors(tensors, tensors.shapes(), given)

    def _tensors(
        self, tensors: Tensors, shapes: Iterable[Shape], metadata: Mapping[str, str]
    ) -> _Entry:
        layout = lay_out(shapes, metadata)

        def pieces() -> "Iterator[Buffer]":
            yield layout.head
            for it in layout.tensors:
                yield from tensors.pieces(it)

        lengths = ",".join(map(str, layout.lengths))
        with ExitStack() as stack:
            stream = PieceReader(pieces())
            stack.callback(stream.close)
            source = cast("Readable", stream)
            return self._counted(
                self._engine.add(source, pin=False, chunker=f"lengths-{lengths}")
            )

    def _added(self, source: Path | bytes) -> _Entry:
        return self._counted(self._engine.add(source, pin=False))

    def _counted(self, done: "AddResult") -> _Entry:
        self._new += done.new_bytes
        self._shared += done.known_bytes + done.unchanged_bytes
        return _Entry(done.cid, done.size)

    def _directory(self, entries: Mapping[str, _Entry]) -> _Entry:
        from ipfs_kit_py._native import cid_of, ipld_encode

        links = [
            {"Hash": it.cid, "Name": name, "Tsize": it.tsize}
            for name, it in sorted(entries.items(), key=lambda pair: pair[0].encode())
        ]
        node = ipld_encode({"Data": _DIRECTORY, "Links": links}, "dag-pb")
        if len(node) > _MOST_DIRECTORY_BYTES:
            raise LimitExceededError(
                f"a folder of {len(links):,} entries is more than a checkpoint has"
            )
        cid = cid_of(node, codec="dag-pb")
        if self._engine.has(cid):
            self._shared += len(node)
        else:
            self._new += len(node)
        self._engine.block_put(node, codec="dag-pb")
        return _Entry(cid, len(node) + sum(it.tsize for it in entries.values()))


def _shards(tensors: Iterable[Shape], max_bytes: int) -> Iterator[list[Shape]]:
    """Fill files in the order in which tensors come; each has one at least."""
    shard: list[Shape] = []
    total = 0
    for it in tensors:
        if shard and total + it.size > max_bytes:
            yield shard
            shard, total = [], 0
        shard.append(it)
        total += it.size
    yield shard
