"""Result dictionaries: what the kit's operations return in place of raising.

One decorator, `operation`, stands at the kit's boundary. It turns `IPFSError` and
`OSError` into a dictionary; role and presence checks raise through it, and so do mistakes
such as a `TypeError`, and work that was stopped: who stopped it knows.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from ipfs_kit_py.errors import (
    CancelledError,
    ComponentUnavailableError,
    ErrorCode,
    IPFSError,
    NotFoundError,
    RoleError,
)

P = ParamSpec("P")


class Result(dict[str, Any]):
    """What an operation of the kit came to.

    Always there: `success`, `operation`, `timestamp` (seconds since 1970),
    `correlation_id`. After a failure also `error` (a sentence), `error_type` (the class),
    `error_code` (stable), `recoverable`, and `timeout` or `not_found` where true.
    """

    __slots__ = ("exception",)

    exception: BaseException | None

    def raise_for_error(self) -> "Result":
        """Raise what went wrong, if anything did; else give the result itself."""
        if not self.get("success"):
            exception = getattr(self, "exception", None)
            raise exception or IPFSError(self.get("error", "it failed"))
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what is in it; the exception stays behind."""
        return Result, (dict(self),)


def succeeded(name: str, correlation_id: str | None = None, /, **values: Any) -> Result:  # noqa: ANN401 - whatever the operation returns
    """Make the result of an operation that was done."""
    return Result(
        success=True,
        operation=name,
        timestamp=time.time(),
        correlation_id=correlation_id,
        **values,
    )


def failed(
    name: str, error: IPFSError | OSError, correlation_id: str | None = None
) -> Result:
    """Make the result of an operation that raised."""
    result = Result(
        success=False,
        operation=name,
        timestamp=time.time(),
        correlation_id=correlation_id,
    )
    return describe(result, error)


def describe(result: Result, error: BaseException) -> Result:
    """Write into a result what went wrong."""
    result["success"] = False
    result["error"] = message_of(error)
    result["error_type"] = type(error).__name__
    result["error_code"] = str(getattr(error, "code", ErrorCode.FILE_IO))
    result["recoverable"] = bool(getattr(error, "recoverable", False))
    if isinstance(error, TimeoutError):
        result["timeout"] = True
    if isinstance(error, NotFoundError | FileNotFoundError):
        result["not_found"] = True
    result.exception = error
    return result


def message_of(error: BaseException) -> str:
    """Say what went wrong in the words of the system, without error numbers."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def operation(
    name: str,
) -> Callable[[Callable[P, dict[str, Any]]], Callable[P, Result]]:
    """Make a method that raises into one that returns a `Result`.

    The method returns what the result is to hold beside what every result holds. It may
    be called with `correlation_id`, which comes back in the result.
    """

    def decorate(work: Callable[P, dict[str, Any]]) -> Callable[P, Result]:
        @wraps(work)
        def run(*args: P.args, **kwargs: P.kwargs) -> Result:
            given = kwargs.pop("correlation_id", None)
            correlation_id = None if given is None else str(given)
            try:
                values = work(*args, **kwargs)
            except (RoleError, ComponentUnavailableError, CancelledError):
                raise
            except (IPFSError, OSError) as error:
                return failed(name, error, correlation_id)
            return succeeded(name, correlation_id, **values)

        return run

    return decorate
