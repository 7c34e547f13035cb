"""The bridge of an upload service: tasks as JSON, by those who sign nothing themselves.

A task is an ability, a space and arguments. The service answers with a receipt for each,
which it signs; that it is the service is taken from the connection.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ipfs_kit_py._http.waiting import sleep
from ipfs_kit_py._native import CID
from ipfs_kit_py._storacha.errors import broken, of_outcome, of_status
from ipfs_kit_py._storacha.settings import Settings, said
from ipfs_kit_py._storacha.wire import Wire
from ipfs_kit_py.errors import EngineError, IPFSError, UnreachableError

_MOST_BYTES: Final = 64 << 20
_PAUSES_SECONDS: Final = (0.2, 1.0)
_NOT_FOUND: Final = 404


class Task(NamedTuple):
    """What is to be done in a space."""

    ability: str
    space: str
    arguments: Mapping[str, Any]


class Outcome(NamedTuple):
    """What came of a task."""

    task: Task
    ok: dict[str, Any] | None
    error: IPFSError | None

    def value(self) -> dict[str, Any]:
        """Give what the service gave.

        Raises:
            IPFSError: The task failed.
        """
        if self.ok is None:
            raise self.error or EngineError(f"{self.task.ability} failed")
        return self.ok


class Answer(NamedTuple):
    """What a request to the bridge came to."""

    outcomes: list[Outcome]
    receipts: list[Any]
    """As the service wrote them, with CIDs as text."""
    is_public: bool
    """Whether the service is one that all the world can reach."""


def run(wire: Wire, settings: Settings, task: Task) -> tuple[dict[str, Any], bool]:
    """Have a task done that may be done twice, and tell whether the service is public.

    Raises:
        IPFSError: It failed.
    """
    headers = settings.headers()
    for pause in _PAUSES_SECONDS:
        try:
            answer = ask(wire, settings, headers, _body(task))
            break
        except UnreachableError as error:
            if not error.recoverable:
                raise
            sleep(pause)
    else:
        answer = ask(wire, settings, headers, _body(task))
    if len(answer.outcomes) != 1:
        raise broken(_about(settings, task.ability), "it is not about one task")
    outcome = answer.outcomes[0]
    return outcome.value(), answer.is_public


def ask(
    wire: Wire,
    settings: Settings,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    timeout_seconds: float | None = None,
) -> Answer:
    """Send tasks, once.

    Args:
        wire: The connections.
        settings: Where the service is.
        headers: What lets one in.
        body: `tasks`, a list of ability, space and arguments each.
        timeout_seconds: How long the service may be silent, if not as the settings say.

    Raises:
        IPFSError: There is no answer; of a task that failed, its outcome tells.
    """
    tasks = [_task(it) for it in body["tasks"]]
    what = _about(settings, ", ".join(dict.fromkeys(task.ability for task in tasks)))
    url = f"{settings.service(what)}/bridge"
    kind = {"Content-Type": "application/json", "Accept": "application/json"}
    stall = timeout_seconds or settings.stall_seconds
    content = json.dumps(body, default=_linked).encode()
    with wire.ask(what, "POST", url, {**headers, **kind}, stall, content) as reply:
        text = reply.read(_MOST_BYTES)
        status, is_public = reply.status, reply.is_public
    if status == _NOT_FOUND:
        raise EngineError(f"{what}: there is no bridge")
    if not 200 <= status < 300:
        raise of_status(what, status, said(text.decode("utf-8", "replace"), headers))
    try:
        receipts = json.loads(text, object_hook=_unlinked)
    except (ValueError, RecursionError) as error:
        raise broken(what, "it is no JSON") from error
    if not isinstance(receipts, list) or len(receipts) != len(tasks):
        raise broken(what, "it has not a receipt for each task")
    outcomes = [
        _outcome(settings, task, receipt, headers)
        for task, receipt in zip(tasks, receipts, strict=True)
    ]
    return Answer(outcomes, receipts, is_public)


def _about(settings: Settings, ability: str) -> str:
    return f"{ability} at {settings.endpoint}" if settings.endpoint else ability


def _body(task: Task) -> dict[str, Any]:
    return {"tasks": [list(task)]}


def _task(given: Any) -> Task:  # noqa: ANN401 - whatever a caller gives
    ability, space, *rest = given
    return Task(ability, space, rest[0] if rest else {})


def _outcome(
    settings: Settings,
    task: Task,
    receipt: Any,  # noqa: ANN401 - whatever JSON holds
    headers: Mapping[str, str],
) -> Outcome:
    what = _about(settings, task.ability)
    try:
        out = receipt["p"]["out"]
        ok, error = out.get("ok"), out.get("error")
    except (KeyError, TypeError, AttributeError) as problem:
        raise broken(what, "it is no list of receipts") from problem
    if isinstance(ok, dict) and error is None:
        return Outcome(task, ok, None)
    if not isinstance(error, dict):
        raise broken(what, "a receipt tells no outcome")
    text = said(str(error.get("message", "")), headers)
    return Outcome(task, None, of_outcome(what, error, text))


def _linked(value: object) -> dict[str, str]:
    """Write a CID as DAG-JSON does."""
    if isinstance(value, CID):
        return {"/": str(value)}
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")


def _unlinked(value: dict[str, Any]) -> Any:  # noqa: ANN401 - a table, or a CID's text
    return value["/"] if value.keys() == {"/"} else value
