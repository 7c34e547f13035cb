"""pyarrow, which is not everyone's."""

from importlib import import_module
from typing import Any


def arrow(module: str = "") -> Any:  # noqa: ANN401 - a module without types
    """Give pyarrow, or a module of it.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return import_module(f"pyarrow.{module}" if module else "pyarrow")
    except ImportError as error:
        raise ImportError(
            "tables and Parquet files take pyarrow: pip install 'ipfs-kit-py[arrow]'"
        ) from error
