"""Libraries of models, which are imported when a model is of them."""

from importlib import import_module
from typing import Any


def needed(module: str, package: str) -> Any:  # noqa: ANN401 - a module that has no types
    """Import a module.

    Raises:
        ImportError: It is not installed; the message says what installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{package} is needed for this: pip install {package} ({error})", name=package
        ) from error
