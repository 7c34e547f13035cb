"""How models of each framework are kept: a folder of files that others read as well.

Nothing that is kept so runs when it is loaded, but for pickles, which have to be asked
for by `allow_pickle=True` both to be written and to be read.
"""

import json
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ipfs_kit_py._ml.libraries import needed
from ipfs_kit_py._ml.protobuf import check_onnx
from ipfs_kit_py._native import CID, ipld_encode
from ipfs_kit_py.errors import (
    InvalidParameterError,
    MalformedDataError,
    PathIsADirectoryError,
    PathNotFoundError,
    UnsupportedFileError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._hashing import ProgressCallback

# The UnixFS data of a directory.
_DIRECTORY: Final = b"\x08\x01"
_SPELLINGS: Final = {
    "pytorch": "torch",
    "pt": "torch",
    "np": "numpy",
    "scikit-learn": "sklearn",
    "transformers": "torch",
}


class Kept(NamedTuple):
    """What was written of a model."""

    framework: str
    format: str
    cid: CID
    """The folder."""
    size: int
    """Bytes of all blocks below it."""
    about: Mapping[str, Any] = {}
    """What the registry notes of it by itself."""


class Keeper:
    """Writes models.

    Args:
        engine: Where to.
        allow_pickle: Pickle what nothing else can hold.
        progress: Called with bytes and files done so far.
    """

    def __init__(
        self,
        engine: "Engine",
        *,
        allow_pickle: bool = False,
        progress: "ProgressCallback | None" = None,
    ) -> None:
        self._engine = engine
        self._allow_pickle = allow_pickle
        self._progress = progress

    def keep(self, model: object, framework: str | None) -> Kept:
        """Write a model, by the framework that is named or that it is of.

        Raises:
            InvalidParameterError: It is of no framework that is known, or of another one;
                or it is a folder without files.
            MalformedDataError: A file is called safetensors and is none.
            ImportError: What is needed is not installed; the message says what installs
                it.
        """
        word = None if framework is None else framework.lower()
        named = _SPELLINGS.get(word, word) if word else None
        # Of files any word may be said.
        said = named if named in _WRITERS else framework
        if isinstance(model, CID):
            return self._there(model, said or "files")
        if not isinstance(model, str | os.PathLike):
            return _WRITERS[_writer_of(model, named)](self, model)
        if not os.fspath(model):
            # To a disk it is the folder where the process is.
            raise PathNotFoundError(2, "No such file or folder", "")
        if (named or framework_of(model)) == "onnx":
            return self._onnx(model)
        return self._files(model)._replace(framework=said or "files")

    def _there(self, cid: CID, framework: str) -> Kept:
        if cid.codec not in ("dag-pb", "raw"):
            raise InvalidParameterError(
                f"{cid} is {cid.codec}, and no folder or file: add what it stands for"
            )
        found = self._engine.stat(cid)
        if found.kind == "file":
            # Its name is with the folder that it came from: Kubo calls it so, too.
            return self._wrapped(framework, "file", str(cid), cid, found.cumulative_size)
        if found.kind != "directory":
            raise InvalidParameterError(f"{cid} is a {found.kind}, and no folder or file")
        return Kept(framework, "files", cid, found.cumulative_size)

    def _torch(self, model: Any) -> Kept:  # noqa: ANN401 - torch has no types here
        state, about = model, {}
        if not isinstance(model, Mapping):
            if not callable(getattr(model, "state_dict", None)):
                raise _not_of("torch", model, "a module, or what `state_dict()` gives")
            kind = type(model)
            about = {"class": f"{kind.__module__}.{kind.__qualname__}"}
            state = model.state_dict()
        return self._tensors("torch", state)._replace(about=about)

    def _numpy(self, model: Any) -> Kept:  # noqa: ANN401 - arrays
        if not isinstance(model, Mapping):
            raise _not_of("numpy", model, "arrays by name")
        return self._tensors("numpy", model)

    def _tensors(self, framework: str, state: Mapping[str, Any]) -> Kept:
        if not state:
            raise InvalidParameterError("there is not one tensor in it")
        from ipfs_accelerate_py._saving import save_tensors

        cid = save_tensors(self._engine, state).cid
        return Kept(framework, "safetensors", cid, self._size(cid))

    def _sklearn(self, model: object) -> Kept:
        # What sklearn itself goes by.
        if not callable(getattr(model, "get_params", None)):
            raise _not_of("sklearn", model, "an estimator")
        about = {"class": f"{type(model).__module__}.{type(model).__qualname__}"}
        try:
            skops = needed("skops.io", "skops")
            data, form = skops.dumps(model), "skops"
            _check_named(skops.get_untrusted_types(data=data))
        except Exception as error:
            # Of ImportError and skops' own, the first says what to do.
            if not self._allow_pickle:
                if isinstance(error, ImportError):
                    raise
                raise InvalidParameterError(
                    f"skops cannot hold this {type(model).__name__} ({error}): give "
                    f"allow_pickle=True to pickle it; whoever loads it runs what is in it"
                ) from error
            data, form = _pickled(model), "joblib"
        return self._bytes("sklearn", form, f"model.{form}", data)._replace(about=about)

    def _onnx(self, model: Any) -> Kept:  # noqa: ANN401 - bytes, a path or onnx' own
        if isinstance(model, str | os.PathLike):
            path = Path(os.fsdecode(model))
            if path.is_file():
                with path.open("rb") as file:
                    check_onnx(file)
            return self._file(path, "onnx", "onnx")
        if isinstance(model, bytes | bytearray | memoryview):
            data = bytes(model)
        elif callable(getattr(model, "SerializeToString", None)):
            data = model.SerializeToString(deterministic=True)
        else:
            raise _not_of("onnx", model, "a ModelProto, its bytes, or a path")
        if not data:
            raise InvalidParameterError("there is not one byte in this model of ONNX")
        check_onnx(BytesIO(data))
        return self._bytes("onnx", "onnx", "model.onnx", data)

    def _json(self, model: object) -> Kept:
        try:
            text = json.dumps(model, ensure_ascii=False, indent=1, allow_nan=False)
            data, same = text.encode(), json.loads(text) == model
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidParameterError(
                f"these are no values of JSON: {error}"
            ) from error
        if not same:
            raise InvalidParameterError(
                "these values would not come back from JSON as they are: names have to "
                "be text, and rows of values lists"
            )
        return self._bytes("json", "json", "model.json", data)

    def _files(self, model: Any) -> Kept:  # noqa: ANN401 - a path
        if not isinstance(model, str | os.PathLike):
            raise _not_of("files", model, "a path")
        path = Path(os.fsdecode(model))
        if not path.exists():
            raise PathNotFoundError(2, "No such file or folder", str(path))
        if not path.is_dir():
            kept = self._file(path, "files", "file")
            _check_safetensors([path])
            return kept
        # Where files are links, as in huggingface's cache, their content is meant.
        done = self._engine.add(
            path, pin=False, progress=self._progress, dereference_symlinks=True
        )
        if not done.files:
            raise InvalidParameterError(f"{path} has no files but hidden ones, if any")
        # Now that it is known that links lead somewhere.
        found = path.rglob("*.safetensors")
        _check_safetensors(it for it in found if not _is_hidden(it.relative_to(path)))
        return Kept("files", "files", done.cid, done.size)

    def _file(self, path: Path, framework: str, form: str) -> Kept:
        # Links lead to a file, as in huggingface's cache; its name is that of the link.
        real = Path(os.path.realpath(path))
        if real.is_dir():
            raise PathIsADirectoryError(
                21, "it is a folder: name the file, or keep all as files", str(path)
            )
        if not real.exists():
            raise PathNotFoundError(2, "No such file", str(path))
        if not real.is_file():
            raise UnsupportedFileError(f"{path} is neither a file nor a folder")
        done = self._engine.add(real, pin=False, progress=self._progress)
        return self._wrapped(framework, form, path.name, done.cid, done.size)

    def _bytes(self, framework: str, form: str, name: str, data: bytes) -> Kept:
        done = self._engine.add(data, pin=False, progress=self._progress)
        return self._wrapped(framework, form, name, done.cid, done.size)

    def _wrapped(
        self, framework: str, form: str, name: str, file: CID, size: int
    ) -> Kept:
        link = {"Hash": file, "Name": name, "Tsize": size}
        node = ipld_encode({"Data": _DIRECTORY, "Links": [link]}, "dag-pb")
        cid = self._engine.block_put(node, codec="dag-pb")
        return Kept(framework, form, cid, size + len(node))

    def _size(self, cid: CID) -> int:
        return self._engine.stat(cid).cumulative_size


_WRITERS: Final[dict[str, Callable[[Keeper, Any], Kept]]] = {
    "torch": Keeper._torch,
    "numpy": Keeper._numpy,
    "sklearn": Keeper._sklearn,
    "onnx": Keeper._onnx,
    "json": Keeper._json,
    "files": Keeper._files,
}


def _writer_of(model: object, named: str | None) -> str:
    """Say by which framework an object is kept."""
    if named is not None and named not in _WRITERS:
        raise InvalidParameterError(
            f"{named!a} is no framework whose objects are known: those are "
            f"{', '.join(_WRITERS)}. Of others, save the model and add its files"
        )
    # Classes have the methods of their objects, and nothing that is to be kept.
    found = None if isinstance(model, type) else named or framework_of(model)
    if found is None:
        kind = "class" if isinstance(model, type) else type(model).__name__
        raise InvalidParameterError(
            f"a {kind} is of no framework that is known: give a module or tensors of "
            "torch, an estimator of sklearn, a model of ONNX, arrays of numpy, values of "
            "JSON, or the path of a file or folder"
        )
    return found


def framework_of(model: object) -> str | None:
    """Say which framework an object is of, importing none; `None` if of none known."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    if isinstance(model, Mapping) and model:
        values = list(model.values())
        if torch is not None and all(isinstance(it, torch.Tensor) for it in values):
            return "torch"
        if numpy is not None and all(isinstance(it, numpy.ndarray) for it in values):
            return "numpy"
    if isinstance(model, str | os.PathLike):
        is_onnx = Path(os.fsdecode(model)).suffix == ".onnx" and Path(model).is_file()
        return "onnx" if is_onnx else "files"
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(model).__mro__]
    if any(it.startswith("onnx.") and it.endswith(".ModelProto") for it in kinds):
        return "onnx"
    if "sklearn.base.BaseEstimator" in kinds:
        return "sklearn"
    is_value = model is None or isinstance(model, dict | list | int | float)
    return "json" if is_value else None


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _check_safetensors(paths: Iterable[Path]) -> None:
    """Refuse files that are called safetensors and are none, or not all of one."""
    from ipfs_accelerate_py._saved_tensors import FileTensors

    for path in paths:
        if path.suffix == ".safetensors" and path.is_file():
            try:
                with FileTensors(path):
                    pass
            except MalformedDataError as error:
                raise MalformedDataError(f"{path}: {error}") from error


def _pickled(model: object) -> bytes:
    joblib = needed("joblib", "joblib")
    file = BytesIO()
    try:
        # Whoever imports dill has joblib's pickler, and not this one, write functions and
        # classes whole, which loads where dill is, alone. Arrays are not copied for this.
        pickle.dumps(model, 5, buffer_callback=lambda _: None)
        joblib.dump(model, file)
    except Exception as error:
        # Whatever the methods raise that a pickle calls.
        raise InvalidParameterError(
            f"this {type(model).__name__} cannot be pickled either: {error}"
        ) from error
    return file.getvalue()


def _check_named(types: Iterable[str]) -> None:
    """Refuse functions and classes that nobody finds again by their names."""
    for name in types:
        where, _, last = name.rpartition(".")
        # Of functions inside others the name says no more than that of the module.
        module = sys.modules.get(where)
        if "<" in name or (module is not None and not hasattr(module, last)):
            raise ValueError(f"{name} can be found by nobody: define it in a module")


def _not_of(framework: str, model: object, wanted: str) -> InvalidParameterError:
    kind = type(model).__name__
    return InvalidParameterError(f"a {kind} is no model of {framework}: give {wanted}")
