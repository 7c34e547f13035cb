"""What an upload service says, as exceptions of ours."""

from collections.abc import Mapping
from typing import Any, Final

from ipfs_kit_py.errors import (
    AccessDeniedError,
    EngineError,
    InvalidParameterError,
    IPFSError,
    LimitExceededError,
    PathNotFoundError,
    TimedOutError,
    UnreachableError,
)

_STATUSES: dict[int, type[IPFSError]] = {
    400: InvalidParameterError,
    401: AccessDeniedError,
    403: AccessDeniedError,
    408: TimedOutError,
    413: LimitExceededError,
    429: UnreachableError,
}
# By the names that the service gives what goes wrong with a task.
_NAMES: dict[str, type[IPFSError]] = {
    "Unauthorized": AccessDeniedError,
    "InsufficientStorage": LimitExceededError,
    "StoreItemNotFound": PathNotFoundError,
    "UploadNotFound": PathNotFoundError,
    "RecordNotFound": PathNotFoundError,
    "SpaceUnknown": PathNotFoundError,
    "MalformedCapability": InvalidParameterError,
    "InvalidCapability": InvalidParameterError,
}

NO_SUCH_ABILITY: Final = "the service knows no such ability"


def of_status(what: str, status: int, text: str) -> IPFSError:
    """Make an exception of a status that is not good.

    Args:
        what: What was to be done, as the beginning of a sentence.
        status: The number.
        text: What was said, in a form that can be shown.
    """
    kind = _STATUSES.get(status, UnreachableError if status >= 500 else EngineError)
    return kind(f"{what}: status {status}{f', {text}' if text else ''}")


def of_outcome(what: str, error: Mapping[str, Any], text: str) -> IPFSError:
    """Make an exception of a task that failed.

    Args:
        what: What was to be done, as the beginning of a sentence.
        error: What the service says of it.
        text: Its message, in a form that can be shown.
    """
    kind = _NAMES.get(str(error.get("name")), EngineError)
    if kind is AccessDeniedError and "expired" in str(error.get("message")):
        text = "what lets us in has expired"
    if error.get("name") == "HandlerNotFound":
        text = NO_SUCH_ABILITY
    return kind(f"{what}: {text or 'the service does not say why not'}")


def broken(what: str, why: str) -> UnreachableError:
    """Say that a reply is not what it ought to be."""
    return UnreachableError(f"{what}: the reply is broken: {why}")
