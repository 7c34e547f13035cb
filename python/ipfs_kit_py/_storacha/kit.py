"""`storacha_kit`: uploads and shards of a space, by the names that the kit calls them."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository.system import checked_path
from ipfs_kit_py._results import Result, describe, failed, operation, succeeded
from ipfs_kit_py._storacha.bridge import ask
from ipfs_kit_py._storacha.program import run_program
from ipfs_kit_py._storacha.reading import fetch_shard, reader_of
from ipfs_kit_py._storacha.settings import access_headers
from ipfs_kit_py._storacha.uploads import Uploads, car_of
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._repository import IPFSPath

_METHODS: Final = """
    space_ls space_info space_allocate upload_add upload_dag upload_add_https upload_list
    upload_remove store_add store_get store_list store_remove get_content batch_operations
    storacha_http_request run_w3_command
"""
_SECONDS: Final = 60.0


class StorachaKit(Uploads):
    """Files and folders in an upload service of Storacha, over its UCAN bridge.

    Every method gives a result dictionary, which says what went wrong, if anything did.
    `space` is the name or the DID of a space; `None` is `storacha.space`, else the only
    one that the token is for. `progress` is called with bytes and shards that the service
    has so far.

    Args:
        resources: Limits, as in the kit.
        metadata: Settings over those of the environment and the configuration file.
        config: Settings that are loaded already.
        repository: Where `upload_dag` takes DAGs from.

    Raises:
        ConfigurationError: A setting is unknown or makes no sense.
    """

    def __call__(self, method: str, /, **arguments: Any) -> Any:  # noqa: ANN401 - as the method
        """Call a method by its name, with or without `storacha_` before it.

        Raises:
            ValueError: There is no method of this name.
        """
        return getattr(self, _method(method))(**arguments)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Give a method by its name with `storacha_` before it."""
        plain = name.removeprefix("storacha_")
        if plain != name and plain in _METHODS.split():
            return cast("Callable[..., Any]", getattr(self, plain))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @operation("store_get")
    def store_get(
        self,
        space: str | None,
        cid: CID | str,
        output: StrPath | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Read a CAR of a space, verified.

        Args:
            space: The space.
            cid: The CID of the CAR.
            output: The file to write, which appears when it is whole; one that was
                stopped goes on where it was.
            progress: Called with bytes so far, and 0.

        Returns:
            `cid`, `size`, `space`, and `output_path`, or the bytes as `content` and
            `data`.
        """
        did, car = self._space(space), car_of(cid)
        size = self._stored(did, car)
        found: dict[str, Any] = {"space": did, "cid": str(car), "size": size}
        if output is not None:
            target = checked_path(output)
            fetch_shard(self._wire, self._settings, car, size, target, progress)
            return found | {"output_path": str(target)}
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, "car")
            fetch_shard(self._wire, self._settings, car, size, target, progress)
            data = target.read_bytes()
        return found | {"content": data, "data": data}

    @operation("store_list")
    def store_list(self, space: str | None = None) -> dict[str, Any]:
        """List the CARs of a space.

        Returns:
            `shards`, tables of `cid`, `size` and `inserted_at`; `count`; `space`.
        """
        did = self._space(space)
        shards = [
            {
                "cid": it.get("link"),
                "size": it.get("size"),
                "inserted_at": it.get("insertedAt"),
            }
            for it in self._listed("store/list", did)
        ]
        return {"space": did, "shards": shards, "count": len(shards)}

    @operation("store_remove")
    def store_remove(self, space: str | None, cid: CID | str) -> dict[str, Any]:
        """Remove a CAR from a space: `cid` and `space`."""
        did, car = self._space(space), car_of(cid)
        # Some services do not say that it was not there.
        self._stored(did, car)
        self._run("store/remove", did, link=car)
        return {"space": did, "cid": str(car)}

    @operation("get_content")
    def get_content(
        self,
        cid: "IPFSPath",
        output: StrPath | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Read a file from the service's gateway, each block verified.

        Args:
            cid: The file: a CID, or a path below one.
            output: What to write, a folder too; it must not exist.
            progress: Called with bytes and entries done so far.

        Returns:
            `cid`, and the bytes as `content` and `data`, with `size`; or `output_path`
            with `size` and `entries`.
        """
        reader = reader_of(self._settings, f"reading {cid}")
        if output is None:
            data = reader.cat(cid)
            return {"cid": str(cid), "content": data, "data": data, "size": len(data)}
        done = reader.get(cid, output, progress)
        told = {"cid": str(cid), "size": done.bytes, "entries": done.entries}
        return told | {"output_path": str(output)}

    def batch_operations(
        self,
        space: str | None,
        files: Iterable[StrPath] | None = None,
        cids: "Iterable[IPFSPath] | None" = None,
        *,
        correlation_id: str | None = None,
    ) -> Result:
        """Upload many, and read many, each by itself.

        Args:
            space: The space.
            files: What to upload.
            cids: What to read.
            correlation_id: Comes back in the results.

        Returns:
            `upload_results` and `get_results`, the result of each in order; `total`,
            `successful`, `failed`. `success` only if none failed.
        """
        name = "batch_operations"
        if isinstance(files, str) or isinstance(cids, str | CID):
            problem = InvalidParameterError("files and cids are lists")
            return failed(name, problem, correlation_id)
        given: dict[str, Any] = {"correlation_id": correlation_id}
        uploads = [self.upload_add(space, it, **given) for it in files or ()]
        gets = [self.get_content(it, **given) for it in cids or ()]
        result = succeeded(name, correlation_id, upload_results=uploads, get_results=gets)
        return _counted(result, [*uploads, *gets])

    def storacha_http_request(
        self,
        auth_secret: str,
        authorization: str,
        method: str,
        data: Mapping[str, Any] | None = None,
        timeout: float = _SECONDS,
        *,
        correlation_id: str | None = None,
    ) -> Result:
        """Send tasks to the bridge with headers of one's own.

        Args:
            auth_secret: What goes into `X-Auth-Secret`.
            authorization: What goes into `Authorization`.
            method: The ability, such as `upload/list`.
            data: `{"tasks": [[ability, space, arguments], ...]}`, which is sent as it is;
                else the arguments of `method`, with the space as `space`.
            timeout: Seconds in which nothing may come.
            correlation_id: Comes back in the result.

        Returns:
            `receipts` as the service wrote them; `results`, a result for each task, whose
            `value` is what it gave; `total`, `successful`, `failed`. `success` only if
            none failed.
        """
        name = "storacha_http_request"
        outcomes: list[Result] = []

        @operation(name)
        def send() -> dict[str, Any]:
            headers = access_headers(auth_secret, authorization)
            if not timeout > 0:
                raise InvalidParameterError(f"timeout {timeout} is no number of seconds")
            body = {"tasks": self._tasks(method, data or {})}
            answer = ask(self._wire, self._settings, headers, body, timeout)
            for it in answer.outcomes:
                done = succeeded(it.task.ability, correlation_id, value=it.ok)
                outcomes.append(describe(done, it.error) if it.error else done)
            return {"receipts": answer.receipts, "results": outcomes}

        given: dict[str, Any] = {"correlation_id": correlation_id}
        result = send(**given)
        return _counted(result, outcomes) if result["success"] else result

    @operation("run_w3_command")
    def run_w3_command(
        self, args: str | Sequence[str], timeout: float = _SECONDS
    ) -> dict[str, Any]:
        """Run the program `storacha` or `w3`, if it is installed.

        Args:
            args: What to call it with; a text is split as a shell does it.
            timeout: How many seconds it may take.

        Returns:
            `command`, `stdout`, `stderr` and `returncode`.
        """
        done = run_program(self._settings, args, timeout)
        return done._asdict() | {"returncode": 0}

    def _tasks(self, method: str, data: Mapping[str, Any]) -> list[list[Any]]:
        if "tasks" in data:
            tasks = data["tasks"]
            is_list = isinstance(tasks, Sequence) and not isinstance(tasks, str)
            if not is_list or not all(map(_is_task, tasks)):
                raise InvalidParameterError(
                    "tasks is no list of [ability, space, arguments]"
                )
            return [list(it) for it in tasks]
        space = data.get("space", data.get("with"))
        if "/" not in method or (space is not None and not isinstance(space, str)):
            raise InvalidParameterError(f"{method!r} is no ability such as upload/list")
        rest = {key: it for key, it in data.items() if key not in ("space", "with")}
        return [[method, self._space(space), rest]]


def _method(name: str) -> str:
    known = _METHODS.split()
    plain = name if name in known else name.removeprefix("storacha_")
    if plain not in known:
        raise ValueError(f"Unknown method: {name}")
    return plain


def _is_task(given: Any) -> bool:  # noqa: ANN401 - whatever a caller gives
    is_list = isinstance(given, Sequence) and not isinstance(given, str)
    if not is_list or len(given) not in (2, 3):
        return False
    return all(isinstance(it, str) for it in given[:2]) and (
        len(given) == 2 or isinstance(given[2], Mapping)
    )


def _counted(result: Result, items: Sequence[Result]) -> Result:
    """Say how many of several succeeded, and what the first that did not says."""
    bad = [it for it in items if not it["success"]]
    good = len(items) - len(bad)
    result.update(total=len(items), successful=good, failed=len(bad))
    if bad:
        keys = ("error_type", "error_code", "recoverable", "timeout", "not_found")
        result.update({key: bad[0][key] for key in keys if key in bad[0]})
        first = bad[0]["error"]
        result.update(success=False, error=f"{len(bad)} of {len(items)} failed: {first}")
        result.exception = bad[0].exception
    return result
