"""Loading models from what they are kept as."""

import json
from collections.abc import Callable
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ipfs_kit_py._ml.libraries import needed
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import (
    InvalidParameterError,
    MalformedDataError,
    UnsupportedFileError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import ProgressCallback
    from ipfs_kit_py._repository import Entry
    from ipfs_kit_py._repository.reading import Reading
    from ipfs_kit_py._sources import ChainReader


class Loader:
    """Reads models.

    Args:
        reader: Where from.
        folder: Where files are written that are wanted as such.
        allow_pickle: Load what runs when it is loaded.
        trusted: Types that skops may make beside those that it knows.
        progress: Called with bytes and files done so far.
    """

    def __init__(
        self,
        reader: "Reading",
        folder: Callable[[], "Path | None"],
        *,
        allow_pickle: bool = False,
        trusted: "list[str] | tuple[str, ...]" = (),
        progress: "ProgressCallback | None" = None,
    ) -> None:
        self._reader = reader
        self._folder = folder
        self._allow_pickle = allow_pickle
        self._trusted = trusted
        self._progress = progress

    def load(self, form: str, framework: str, cid: CID, into: object = None) -> Any:  # noqa: ANN401 - a model
        """Read a model.

        Raises:
            UnsupportedFileError: To load it would run what is in it.
            ImportError: What is needed is not installed.
            MalformedDataError: It is not what its record says.
        """
        if into is not None and form != "safetensors":
            raise InvalidParameterError(f"`into` is for tensors, and this is {form}")
        match form:
            case "safetensors":
                return self._tensors(framework, cid, into)
            case "skops":
                return self._skops(self._only(cid))
            case "joblib":
                return self._joblib(self._only(cid))
            case "onnx":
                return self._only(cid)
            case "json":
                return _parsed(self._only(cid), cid)
            case "file" | "files":
                return self.write(cid, is_file=form == "file")
        raise MalformedDataError(f"{cid} is kept as {form!r}, which is not known here")

    def write(self, cid: CID, *, is_file: bool = False) -> Path:
        """Write a model's files to disk, and say where they are."""
        from ipfs_kit_py._snapshots import snapshot_download

        target = self._folder()
        found = snapshot_download(
            cid,
            local_dir=target,
            reader=chain_of(self._reader),
            progress=self._progress,
        )
        if not is_file:
            return Path(found)
        return Path(found, self._only_entry(cid).name)

    def _tensors(self, framework: str, cid: CID, into: Any) -> Any:  # noqa: ANN401
        from ipfs_accelerate_py._checkpoints import load_tensors

        made_by = "numpy" if framework == "numpy" else "torch"
        state = load_tensors(cast("ChainReader", self._reader), cid, made_by)
        if into is None:
            return state
        if not callable(getattr(into, "load_state_dict", None)):
            raise InvalidParameterError(
                f"a {type(into).__name__} takes no tensors: it has no `load_state_dict`"
            )
        try:
            into.load_state_dict(state)
        except RuntimeError as error:
            # Torch's, which lists all that is missing, too much or of another shape.
            raise InvalidParameterError(f"the tensors do not fit: {error}") from error
        return into

    def _skops(self, data: bytes) -> Any:  # noqa: ANN401 - an estimator
        skops = needed("skops.io", "skops")
        try:
            unknown = sorted({*skops.get_untrusted_types(data=data)} - {*self._trusted})
        except Exception as error:
            raise MalformedDataError(f"skops cannot read this model: {error}") from error
        if unknown and not self._allow_pickle:
            raise UnsupportedFileError(
                f"this model is made of types that skops does not know: {unknown}. Give "
                "those that you trust as `trusted`"
            )
        try:
            return skops.loads(data, trusted=[*unknown, *self._trusted])
        except Exception as error:
            raise MalformedDataError(f"skops cannot load this model: {error}") from error

    def _joblib(self, data: bytes) -> Any:  # noqa: ANN401 - an estimator
        if not self._allow_pickle:
            raise UnsupportedFileError(
                "this model is a pickle: whoever loads it runs what is in it. Give "
                "allow_pickle=True if you trust who made it"
            )
        return needed("joblib", "joblib").load(BytesIO(data))

    def _only_entry(self, cid: CID) -> "Entry":
        entries = list(islice(self._reader.ls(cid), 2))
        if len(entries) != 1 or entries[0].kind != "file":
            raise MalformedDataError(f"{cid} is no folder with one file in it")
        return entries[0]

    def _only(self, cid: CID) -> bytes:
        """Read the one file of a folder."""
        return self._reader.cat(self._only_entry(cid).cid)


def _parsed(data: bytes, cid: CID) -> Any:  # noqa: ANN401 - values of JSON
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedDataError(f"{cid} is no JSON: {error}") from error


def chain_of(reader: "Reading") -> "ChainReader":
    """Give what reads a repository alone, if it is not a chain already."""
    from ipfs_kit_py._repository import Repository
    from ipfs_kit_py._sources import ChainReader
    from ipfs_kit_py._sources.chain import Chain

    if isinstance(reader, Repository):
        return ChainReader(Chain(None, ()), reader)
    return cast("ChainReader", reader)
