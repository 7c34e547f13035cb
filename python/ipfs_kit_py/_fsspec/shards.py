"""webdataset's own way of opening URLs, for `ipfs://` and `mfs://`."""

from functools import partial
from importlib import import_module
from typing import Any

import fsspec

_SCHEMES = ("ipfs", "ipfskit", "ipns", "mfs")


def register_webdataset(_worker: object = None, /, **options: Any) -> None:
    """Have `webdataset.WebDataset("ipfs://CID/shard.tar")` and its like open such URLs.

    Processes that are spawned have to be told as well:
    `DataLoader(..., worker_init_fn=register_webdataset)`.

    Args:
        **options: As `IPFSFileSystem` takes them: `ipfs_path`, `kit` and others.

    Raises:
        ImportError: webdataset is not installed.
    """
    # The package shows a function under the name of the module.
    schemes: dict[str, Any] = import_module("webdataset.gopen").gopen_schemes
    schemes.update(dict.fromkeys(_SCHEMES, partial(_opened, options)))


def _opened(
    options: dict[str, Any], url: str, mode: str = "rb", bufsize: int = 0, **kwargs: Any
) -> Any:
    del bufsize, kwargs
    scheme = url.partition(":")[0]
    return fsspec.filesystem(scheme, **options).open(url, mode)
