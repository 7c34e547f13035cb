"""The same API for tasks: nothing here blocks the event loop, and cancelling is real.

    from ipfs_kit_py import aio

    async with aio.Repository() as repository:
        root = (await repository.add("photos")).cid
        async for entry in repository.ls(root):
            print(entry.name)

Each class is made from the synchronous one of its name, with the same methods and
arguments. Every method is awaited, except those that give iterators, which are for
`async for`, and `open`, which is for `async with`. `await aio.Repository()` opens one
without `async with`; then `await repository.close()` is up to you.

A task that is cancelled stops its call, and ends when that has stopped: a thread of the
object's own does the waiting, and nothing runs on behind the caller's back. Progress
callbacks are called on that thread.

The classes are made as this is imported. Type checkers and editors read `aio.pyi`, which
`python -m ipfs_kit_py._aio.stub` writes from the same sources and a test compares: to
write two hundred methods out by hand would be to have each of them twice.
"""

from ipfs_kit_py._aio.classes import (
    DatasetManager,
    Engine,
    IpfsKit,
    IpfsPy,
    IPFSSimpleAPI,
    Ipget,
    ModelRegistry,
    Repository,
    S3Kit,
    StorachaKit,
)
from ipfs_kit_py._aio.files import File, Opening

__all__ = [
    "DatasetManager",
    "Engine",
    "File",
    "IPFSSimpleAPI",
    "Ipget",
    "ModelRegistry",
    "Opening",
    "Repository",
    "ipfs_kit",
    "ipfs_py",
    "s3_kit",
    "storacha_kit",
]

ipfs_kit = IpfsKit
ipfs_py = IpfsPy
s3_kit = S3Kit
storacha_kit = StorachaKit
