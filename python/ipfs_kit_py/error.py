"""The exceptions under the names of earlier versions, and result dictionaries.

The classes are those of `ipfs_kit_py.errors`: what catches one name catches the other.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ipfs_kit_py._results import Result, describe
from ipfs_kit_py.errors import (
    ComponentUnavailableError,
    ConfigurationError,
    ErrorCode,
    InvalidInputError,
    InvalidParameterError,
    IPFSError,
    NotFoundError,
    PinError,
    RoleError,
    TimedOutError,
    UnreachableError,
)

__all__ = [
    "ComponentUnavailableError",
    "ErrorCode",
    "IPFSConfigurationError",
    "IPFSConnectionError",
    "IPFSContentNotFoundError",
    "IPFSError",
    "IPFSPinningError",
    "IPFSTimeoutError",
    "IPFSValidationError",
    "Result",
    "RoleError",
    "create_result_dict",
    "handle_error",
    "perform_with_retry",
]

IPFSConnectionError = UnreachableError
IPFSTimeoutError = TimedOutError
IPFSContentNotFoundError = NotFoundError
IPFSValidationError = InvalidInputError
IPFSConfigurationError = ConfigurationError
IPFSPinningError = PinError

T = TypeVar("T")


def create_result_dict(
    operation: str,
    success: bool = False,
    **values: Any,  # noqa: ANN401 - whatever the operation returns
) -> Result:
    """Begin the result of an operation of your own.

    Args:
        operation: Its name.
        success: Whether it is done.
        **values: What the result holds beside; `correlation_id` among them.
    """
    result = Result(
        success=success,
        operation=operation,
        timestamp=time.time(),
        correlation_id=values.pop("correlation_id", None),
    )
    result.update(values)
    return result


def handle_error(
    result: Result | dict[str, Any], error: BaseException, error_type: str | None = None
) -> Result:
    """Write an exception into a result, as the kit's own operations do.

    Args:
        result: The result, which is changed if it is a `Result`, else copied.
        error: What was raised.
        error_type: What to put for the name of its class.
    """
    kept = result if isinstance(result, Result) else Result(result)
    describe(kept, error)
    if error_type is not None:
        kept["error_type"] = error_type
    return kept


def perform_with_retry(
    work: Callable[..., T],
    *args: Any,  # noqa: ANN401 - handed through
    max_retries: int = 3,
    backoff_factor: float = 2.0,
    retry_exceptions: tuple[type[BaseException], ...] = (UnreachableError, TimedOutError),
    **kwargs: Any,  # noqa: ANN401 - handed through
) -> T:
    """Call something again while it fails in ways that may pass.

    Args:
        work: What to call; it must be safe to repeat.
        *args: Handed through.
        max_retries: How often to call it again after it failed.
        backoff_factor: Seconds to wait before the first repetition are a tenth of this,
            and each wait is this factor longer than the one before.
        retry_exceptions: What makes it worth another try.
        **kwargs: Handed through.

    Raises:
        InvalidParameterError: `max_retries` or `backoff_factor` is negative.
    """
    if max_retries < 0 or backoff_factor < 0:
        raise InvalidParameterError("max_retries and backoff_factor cannot be negative")
    for attempt in range(max_retries):
        try:
            return work(*args, **kwargs)
        except retry_exceptions:
            time.sleep(backoff_factor / 10 * backoff_factor**attempt)
    return work(*args, **kwargs)
