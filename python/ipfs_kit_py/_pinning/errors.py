"""What a pinning service and the way to it say, as exceptions of ours."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from ipfs_kit_py.errors import (
    AccessDeniedError,
    EngineError,
    InvalidParameterError,
    IPFSError,
    NotPinnedError,
    PinConflictError,
    TimedOutError,
    UnreachableError,
)

TOO_MANY = 429
_STATUSES: dict[int, type[IPFSError]] = {
    400: InvalidParameterError,
    401: AccessDeniedError,
    403: AccessDeniedError,
    404: NotPinnedError,
    408: TimedOutError,
    409: PinConflictError,
    TOO_MANY: UnreachableError,
}
_SHOWN = 300


def of_reply(what: str, status: int, body: bytes) -> IPFSError:
    """Make an exception of a reply whose status is not good.

    Args:
        what: What was asked of whom, as the beginning of a sentence.
        status: The number.
        body: What the service said: JSON with a reason, or anything.
    """
    kind = _STATUSES.get(status, UnreachableError if status >= 500 else EngineError)
    return kind(f"{what}: {_reason(body) or f'status {status}'}")


def _reason(body: bytes) -> str:
    try:
        said = json.loads(body)
        error = said["error"]
        parts = [error["reason"], error.get("details")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    text = ": ".join(str(part) for part in parts if part)
    return "".join(char for char in text if char.isprintable())[:_SHOWN]


def broken(what: str, why: str) -> UnreachableError:
    """Say that a reply is not what it ought to be."""
    return UnreachableError(f"{what}: the reply is broken: {why}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what httpx2 and httpcore2 raise into exceptions of ours."""
    import httpcore2
    import httpx2

    try:
        yield
    except (httpcore2.TimeoutException, httpx2.TimeoutException) as error:
        raise TimedOutError(f"{what}: {error}") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise UnreachableError(f"{what}: {error}") from error
    except (httpx2.TransportError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise UnreachableError(f"{what}: {error}") from error
