"""`ModelRegistry`: models by name and version, with what they were made of."""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ipfs_kit_py._closing import Closing
from ipfs_kit_py._datasets.versions import version_cid
from ipfs_kit_py._ml.client import client_of
from ipfs_kit_py._ml.keeping import Keeper, Kept
from ipfs_kit_py._ml.loading import Loader, chain_of
from ipfs_kit_py._ml.names import as_cid, check_label, check_name, divided
from ipfs_kit_py._ml.plain import plain
from ipfs_kit_py._ml.records import (
    MOST_PARENTS,
    NAME_TYPE,
    VERSION_TYPE,
    Dataset,
    ModelName,
    ModelVersion,
)
from ipfs_kit_py._ml.registry import CODEC, Draft, Registry
from ipfs_kit_py._native import CID
from ipfs_kit_py._results import operation
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    NameNotFoundError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import ProgressCallback, StrPath
    from ipfs_kit_py._ml.client import Client
    from ipfs_kit_py._ml.lineage import Lineage

KIND: Final = "models"
_TRIES: Final = 5


class ModelRegistry(Closing):
    """Models by name and version, in the repository of a kit.

    Each version is a record that links the model, its metrics, the dataset that it was
    trained with, the version of the code, and the models that it was made from. A version
    never changes but for its metadata. Any number of processes may use one registry.

    What returns a dictionary says in it whether it worked (`success`), and why not; what
    returns something else raises.

    Args:
        ipfs_client: A kit, its `ipfs`, an `IPFSSimpleAPI` or a `Repository`; a kit with
            the settings of the environment if not given.
        base_path: Where files of models are written to that are asked for as files; the
            platform's folder for caches if not given.

    Raises:
        InvalidParameterError: `ipfs_client` is something else.
    """

    def __init__(
        self, ipfs_client: object | None = None, base_path: "StrPath | None" = None
    ) -> None:
        self._client: Client = client_of(ipfs_client)
        self._owns_client = ipfs_client is None
        self._base_path = None if base_path is None else Path(os.fsdecode(base_path))
        self._registry = Registry(self._client, KIND)

    def close(self) -> None:
        """Let go of the kit, if this has one of its own; closing twice is no error."""
        if self._owns_client and isinstance(self._client, Closing):
            self._client.close()

    @property
    def ipns_name(self) -> str | None:
        """The name under which the registry is signed, `k51...`; `None` while empty."""
        return self._registry.ipns_name

    @operation("add_model")
    def add_model(
        self,
        model: Any,  # noqa: ANN401 - of any framework
        model_name: str,
        version: str | None = None,
        framework: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        metrics: Mapping[str, Any] | None = None,
        dataset: "CID | str | None" = None,
        code_version: str | None = None,
        parents: "Iterable[CID | str] | CID | str" = (),
        stage: str | None = None,
        allow_pickle: bool = False,
        progress: "ProgressCallback | None" = None,
    ) -> dict[str, Any]:
        """Keep a model as a new version.

        Args:
            model: A module or the tensors of torch, an estimator of sklearn, a model of
                ONNX, arrays of numpy by name, values of JSON, the path of a file or
                folder, or the CID of one that is here.
            model_name: Its name.
            version: The version; one more than the greatest number if not given.
            framework: `torch`, `sklearn`, `onnx`, `numpy`, `json`, in any case, which
                `model` has to be of; found out if not given. For files it is said by you,
                and may be any word.
            metadata: What else is to be known of it.
            metrics: What it scored.
            dataset: What it was trained with: a CID, or `NAME` or `NAME@VERSION` of a
                dataset that is registered.
            code_version: What made it: a commit, for example.
            parents: What it was made from: `NAME`, `NAME@VERSION`, `NAME@STAGE`, or CIDs.
            stage: What it is for from now on, as for `promote`.
            allow_pickle: Pickle an estimator that skops cannot hold.
            progress: Called with bytes and files done so far.

        Returns:
            `model_name`, `version`, `framework`, `format`, `cid` and `Hash` (the folder
            that the model is in), `record_cid` (its record), `size`.

        Raises:
            ImportError: What is needed is not installed; the message says what installs
                it.
        """
        check_name(model_name)
        given = None if version is None else check_name(version)
        if framework is not None:
            check_label(framework)
        about = plain(metadata or {}, "metadata")
        scored = plain(metrics or {}, "metrics")
        if not isinstance(about, dict) or not isinstance(scored, dict):
            raise InvalidParameterError("metadata and metrics are tables")
        code = None if code_version is None else str(code_version) or None
        made_from = self._parents(parents)
        trained_with = None if dataset is None else self._dataset(dataset)
        engine = self._client.engine
        self._registry.check_writable()
        keeper = Keeper(engine, allow_pickle=allow_pickle, progress=progress)
        created = datetime.now(UTC).isoformat(timespec="microseconds")

        def add(draft: Draft, kept: Kept) -> tuple[CID, ModelVersion]:
            before = self._model_in(draft.names, model_name)
            before = before or ModelName(model_name, {}, {})
            new = ModelVersion(
                name=model_name,
                version=given or before.following(),
                framework=kept.framework,
                format=kept.format,
                model=kept.cid,
                size=kept.size,
                created=created,
                metrics=scored,
                metadata={**kept.about, **about},
                dataset=trained_with,
                code_version=code,
                parents=made_from,
            )
            draft.keep(kept.cid)
            record = draft.put(new.to_record())
            changed = before.having(new.version, record)
            if stage is not None:
                changed = changed.promoted(new.version, stage)
            draft.names[model_name] = draft.put(changed.to_record())
            return record, new

        for tries in range(_TRIES):
            try:
                kept = keeper.keep(model, framework)
                record, new = self._changed(partial(add, kept=kept))
                break
            except BlockNotFoundError:
                # Of what took more than an hour to write, some may have been collected.
                if tries == _TRIES - 1:
                    raise
        return _added(new, record)

    def get_model(
        self,
        model_name: str,
        version: str | None = None,
        *,
        into: Any = None,  # noqa: ANN401 - a module of torch
        output_path: "StrPath | None" = None,
        allow_pickle: bool = False,
        trusted: Iterable[str] = (),
        progress: "ProgressCallback | None" = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Load a model, and say what is known of it.

        Args:
            model_name: Its name, or `NAME@VERSION` or `NAME@STAGE` without `version`.
            version: A version or a stage; the newest version if not given.
            into: A module of torch to load the tensors into, which is given back.
            output_path: The folder to write its files to; no model is loaded then.
            allow_pickle: Load what runs when it is loaded.
            trusted: Types that an estimator may be made of beside those that skops knows.
            progress: Called with bytes and files done so far.

        Returns:
            The model and a table. The model is tensors by name or `into`, arrays by name,
            an estimator, the bytes of a model of ONNX, values of JSON, or the path of a
            file or folder. The table is what `info` gives.

        Raises:
            NameNotFoundError: There is no such model, or version of it.
            InvalidParameterError: `trusted` is one text, or both `into` and `output_path`
                are given.
            UnsupportedFileError: To load it would run what is in it.
            BlockNotFoundError: Some of it is nowhere.
            ImportError: What is needed is not installed; the message says what installs
                it.
        """
        if isinstance(trusted, str):
            raise InvalidParameterError("`trusted` is a list of names, not one")
        if into is not None and output_path is not None:
            raise InvalidParameterError("give `into` or `output_path`, and not both")
        cid, found = self._version(model_name, version)
        target = None if output_path is None else Path(os.fsdecode(output_path))

        def folder() -> Path | None:
            if target is not None or self._base_path is None:
                return target
            return self._base_path / str(found.model)

        loader = Loader(
            self._client.reader,
            folder,
            allow_pickle=allow_pickle,
            trusted=tuple(trusted),
            progress=progress,
        )
        info = self._told(cid, found)
        if target is not None:
            model: Any = loader.write(found.model, is_file=found.format == "file")
        else:
            model = loader.load(found.format, found.framework, found.model, into)
        if isinstance(model, Path):
            info["local_path"] = str(model)
        return model, info

    store_model = add_model
    load_model = get_model

    @operation("list_models")
    def list_models(self) -> dict[str, Any]:
        """List all models.

        Returns:
            `models`: by name a list of versions, oldest first, each a table of `version`,
            `framework`, `cid`, `metadata` and more; and `count`, how many names.
        """
        names = self._registry.names()
        models = {name: self._listed(names[name]) for name in sorted(names)}
        return {"models": models, "count": len(models)}

    @operation("versions")
    def versions(self, model_name: str) -> dict[str, Any]:
        """List the versions of one model, oldest first.

        Returns:
            `model_name`, `versions` (tables as in `list_models`), `stages`, `count`.
        """
        names = self._registry.names()
        found = self._known(names, model_name)
        listed = self._listed(names[model_name])
        return {
            "model_name": model_name,
            "versions": listed,
            "stages": dict(found.stages),
            "count": len(listed),
        }

    @operation("info")
    def info(self, model_name: str, version: str | None = None) -> dict[str, Any]:
        """Say what is known of a version: `None` for the newest, or a stage.

        Returns:
            `model_name`, `version`, `framework`, `format`, `cid`, `record_cid`, `size`,
            `created`, `stages`, `metrics`, `metadata`, `dataset`, `code_version` and
            `parents`.
        """
        return self._told(*self._version(model_name, version))

    def get_model_cid(self, model_name: str, version: str | None = None) -> str:
        """Give the CID of the folder that a version is in.

        Raises:
            NameNotFoundError: There is no such model, or version of it.
        """
        return str(self._version(model_name, version)[1].model)

    @operation("promote")
    def promote(
        self, model_name: str, version: str, stage: str | None = "production"
    ) -> dict[str, Any]:
        """Say what a version is for from now on.

        Args:
            model_name: The model.
            version: The version, or the stage that it is at.
            stage: Any word; whichever version was at it is no longer. `None` takes the
                version off all stages.

        Returns:
            `model_name`, `version`, `stage`, and `previous`: the version that was at it.
        """

        def change(draft: Draft) -> tuple[str, str | None]:
            before = self._known(draft.names, model_name)
            chosen = before.chosen(version)
            previous = None if stage is None else before.stages.get(stage)
            after = before.promoted(chosen, stage)
            if after != before:
                draft.names[model_name] = draft.put(after.to_record())
            return chosen, previous

        chosen, previous = self._changed(change)
        return {
            "model_name": model_name,
            "version": chosen,
            "stage": stage,
            "previous": previous,
        }

    @operation("update_model_metadata")
    def update_model_metadata(
        self,
        model_name: str,
        version: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        replace: bool = False,
    ) -> dict[str, Any]:
        """Change what else is known of a version; the model itself stays as it is.

        Args:
            model_name: The model.
            version: A version or a stage; the newest version if not given.
            metadata: What is put over what is there; `None` as a value removes a name.
            replace: Forget what is there.

        Returns:
            `model_name`, `version`, `metadata`, `record_cid`.
        """
        given = plain(metadata or {}, "metadata")
        if not isinstance(given, dict):
            raise InvalidParameterError("metadata are a table")

        def change(draft: Draft) -> tuple[CID, ModelVersion]:
            model, chosen = self._chosen(draft.names, model_name, version)
            old = self._read_version(model.versions[chosen])
            put = {**({} if replace else old.metadata), **given}
            new = old._replace(metadata={k: v for k, v in put.items() if v is not None})
            record = draft.put(new.to_record())
            changed = model._replace(versions={**model.versions, chosen: record})
            draft.names[model.name] = draft.put(changed.to_record())
            draft.drop(*self._over(draft.names, [model.versions[chosen]]))
            return record, new

        record, new = self._changed(change)
        return {
            "model_name": new.name,
            "version": new.version,
            "metadata": dict(new.metadata),
            "record_cid": str(record),
        }

    @operation("delete")
    def delete(self, model_name: str, version: str | None = None) -> dict[str, Any]:
        """Forget a version, or the whole model; others keep what they share with it.

        What nothing else keeps is collected with the next collection. A version that
        another was made from is linked by that one's record, and kept by it. Its number
        is not given again, as long as there is another version of the model.

        Args:
            model_name: The model; `NAME@VERSION` and `NAME@STAGE` are one version.
            version: A version or a stage; all of them if not given.

        Returns:
            `model_name`, and `versions`: those that are no longer there.
        """
        if version is None:
            model_name, version = divided(model_name)

        def change(draft: Draft) -> list[str]:
            model = self._known(draft.names, model_name)
            gone = [*model.versions] if version is None else [model.chosen(version)]
            left = model.without(gone)
            if left.versions:
                draft.names[model_name] = draft.put(left.to_record())
            else:
                del draft.names[model_name]
            draft.drop(*self._over(draft.names, [model.versions[it] for it in gone]))
            return gone

        gone = self._changed(change)
        self._registry.tidy()
        return {"model_name": model_name, "versions": gone}

    delete_model = delete

    @operation("share_model")
    def share_model(
        self,
        model_name: str,
        version: str | None = None,
        *,
        output: "StrPath | None" = None,
        progress: "ProgressCallback | None" = None,
    ) -> dict[str, Any]:
        """Say how others get a model, and write it into a CAR file if asked to.

        Nothing is sent anywhere: whoever is to have it reads the CID from a node that has
        it, or imports the CAR.

        Args:
            model_name: The model.
            version: A version or a stage; the newest version if not given.
            output: The CAR file to write, of the model alone.
            progress: Called with bytes done so far, and 0.

        Returns:
            `model_name`, `version`, `cid`, `record_cid`, `url` (`ipfs://...`), and with
            `output` also `output_path`, `blocks` and `bytes`.
        """
        record, found = self._version(model_name, version)
        told: dict[str, Any] = {
            "model_name": found.name,
            "version": found.version,
            "cid": str(found.model),
            "Hash": str(found.model),
            "record_cid": str(record),
            "url": f"ipfs://{found.model}",
        }
        if output is not None:
            reader = chain_of(self._client.reader)
            done = reader.dag_export(found.model, output, progress)
            told |= {"output_path": os.fsdecode(output), **done._asdict()}
        return told

    def lineage(
        self, model_name: str, version: str | None = None, *, max_nodes: int = 1000
    ) -> "Lineage":
        """Walk back through all that a version was made of.

        Args:
            model_name: The model.
            version: A version or a stage; the newest version if not given.
            max_nodes: Go no further than so many models, datasets and code versions.

        Raises:
            NameNotFoundError: There is no such model, or version of it.
        """
        from ipfs_kit_py._ml.lineage import walk

        cid, _ = self._version(model_name, version)
        return walk(self._client, cid, self._stages_of, max_nodes)

    def _changed(self, function: Callable[[Draft], Any]) -> Any:  # noqa: ANN401 - what it gives
        given: list[Any] = []
        self._registry.change(lambda draft: given.append(function(draft)))
        return given[-1]

    def _model_in(self, names: Mapping[str, CID], name: str) -> ModelName | None:
        cid = names.get(name)
        if cid is None:
            return None
        return ModelName.of_record(cid, self._registry.record(cid, NAME_TYPE))

    def _known(self, names: Mapping[str, CID], name: str) -> ModelName:
        found = self._model_in(names, name)
        if found is None:
            raise NameNotFoundError(f"there is no model called {name!r}")
        return found

    def _read_version(self, cid: CID) -> ModelVersion:
        return ModelVersion.of_record(cid, self._registry.record(cid, VERSION_TYPE))

    def _version(self, name: str, version: str | None) -> tuple[CID, ModelVersion]:
        model, chosen = self._chosen(self._registry.names(), name, version)
        cid = model.versions[chosen]
        return cid, self._read_version(cid)

    def _chosen(
        self, names: Mapping[str, CID], name: str, version: str | None
    ) -> tuple[ModelName, str]:
        """Find the version that is meant, by two words or by NAME@VERSION."""
        if version is None:
            name, version = divided(name)
        model = self._known(names, name)
        return model, model.chosen(version)

    def _listed(self, cid: CID) -> list[dict[str, Any]]:
        model = ModelName.of_record(cid, self._registry.record(cid, NAME_TYPE))
        return [
            _shown(record, self._read_version(record), model.stages_of(version))
            for version, record in model.versions.items()
        ]

    def _told(self, cid: CID, found: ModelVersion) -> dict[str, Any]:
        return {
            "model_name": found.name,
            **_shown(cid, found, self._stages_of(found.name, found.version)),
        }

    def _stages_of(self, name: str, version: str) -> list[str]:
        model = self._model_in(self._registry.names(), name)
        return [] if model is None else model.stages_of(version)

    def _over(self, names: Mapping[str, CID], gone: list[CID]) -> list[CID]:
        """List what pins need keep no longer, where names keep nothing.

        A record is used as long as there is a version that it is of, or is a parent of.
        """
        if self._registry.is_kept_by_name:
            return []
        left = [cid for it in names for cid in self._known(names, it).versions.values()]
        versions = [self._read_version(cid) for cid in left]
        used = {*left, *(it.model for it in versions)}
        used.update(parent for it in versions for parent in it.parents)
        over = {*gone}
        for it in map(self._read_version, gone):
            over.add(it.model)
            # Others may be pinned by those who brought them.
            over.update(parent for parent in it.parents if parent.codec == CODEC)
        return [*(over - used)]

    def _parents(self, given: "Iterable[CID | str] | CID | str") -> tuple[CID, ...]:
        one_by_one = [given] if isinstance(given, CID | str) else list(given)
        if len(one_by_one) > MOST_PARENTS:
            raise InvalidParameterError(f"a model has {MOST_PARENTS} parents at most")
        return tuple(dict.fromkeys(self._parent(it) for it in one_by_one))

    def _parent(self, given: object) -> CID:
        if isinstance(given, CID):
            return given
        if not isinstance(given, str):
            kind = type(given).__name__
            raise InvalidParameterError(f"a parent is a name or a CID, not a {kind}")
        names = self._registry.names()
        if divided(given)[0] in names:
            model, chosen = self._chosen(names, given, None)
            return model.versions[chosen]
        return _cid_of(given, "model")

    def _dataset(self, given: CID | str) -> Dataset:
        if isinstance(given, CID):
            return Dataset(given)
        if found := version_cid(self._client, given):
            return Dataset(found, divided(given)[0])
        return Dataset(_cid_of(given, "dataset"))


def _cid_of(text: str, what: str) -> CID:
    found = as_cid(text)
    if found is None:
        raise NameNotFoundError(f"there is no {what} called {text!r}, and it is no CID")
    return found


def _shown(cid: CID, found: ModelVersion, stages: list[str]) -> dict[str, Any]:
    dataset = found.dataset
    return {
        "version": found.version,
        "framework": found.framework,
        "format": found.format,
        "cid": str(found.model),
        "record_cid": str(cid),
        "size": found.size,
        "created": found.created,
        "stages": stages,
        "metrics": dict(found.metrics),
        "metadata": dict(found.metadata),
        "dataset": None
        if dataset is None
        else {"cid": str(dataset.cid), "name": dataset.name},
        "code_version": found.code_version,
        "parents": [str(it) for it in found.parents],
    }


def _added(new: ModelVersion, record: CID) -> dict[str, Any]:
    return {
        "model_name": new.name,
        "version": new.version,
        "framework": new.framework,
        "format": new.format,
        "cid": str(new.model),
        "Hash": str(new.model),
        "record_cid": str(record),
        "size": new.size,
    }
