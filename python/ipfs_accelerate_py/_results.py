"""Results as dictionaries: `status` is "success" or "error", and `message` says why."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from ipfs_kit_py.errors import IPFSError

P = ParamSpec("P")


def told(work: Callable[P, dict[str, Any]]) -> Callable[P, dict[str, Any]]:
    """Turn what a method gives or raises into a result.

    A failure has `message`, which says what was wrong and what to do, and `error_type`,
    the class of the exception. What is no failure of ours (Ctrl-C, a bug) is raised.
    """

    @functools.wraps(work)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        try:
            return {"status": "success", **work(*args, **kwargs)}
        except (IPFSError, OSError) as error:
            return failed(error)

    return wrapped


def failed(error: Exception) -> dict[str, Any]:
    """Make the result of a failure."""
    return {
        "status": "error",
        "message": str(error),
        "error_type": type(error).__name__,
    }
