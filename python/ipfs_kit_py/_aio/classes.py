"""The asynchronous twins themselves."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from ipfs_kit_py import _repository, high_level_api, ipget
from ipfs_kit_py._aio.twin import Twin
from ipfs_kit_py._datasets import datasets
from ipfs_kit_py._engine import engine
from ipfs_kit_py._ipfs.node import Node
from ipfs_kit_py._kit import kit
from ipfs_kit_py._kit.learning import GATED
from ipfs_kit_py._kit.methods import METHODS, PARTS
from ipfs_kit_py._ml import models
from ipfs_kit_py._s3 import kit as s3
from ipfs_kit_py._storacha import kit as storacha
from ipfs_kit_py.ipfs import ipfs_py as synchronous_ipfs_py

__all__ = [
    "DatasetManager",
    "Engine",
    "IPFSSimpleAPI",
    "IpfsKit",
    "IpfsPy",
    "Ipget",
    "ModelRegistry",
    "Repository",
    "S3Kit",
    "StorachaKit",
]


# It makes a key when it is first asked for.
_AWAITED = ("peer_id",)


class Repository(Twin, of=_repository.Repository, awaited=_AWAITED):
    __doc__ = _repository.Repository.__doc__


class Engine(Twin, of=engine.Engine, awaited=_AWAITED):
    __doc__ = engine.Engine.__doc__


class IpfsPy(Twin, of=synchronous_ipfs_py, parts={"engine": Engine}):
    __doc__ = Node.__doc__


class S3Kit(Twin, of=s3.S3Kit):
    __doc__ = s3.S3Kit.__doc__

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Give a method by its name without `s3_`."""
        if name.startswith("_") or not hasattr(type(self), f"s3_{name}"):
            kind = type(self).__name__
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
        return cast("Callable[..., Awaitable[Any]]", getattr(self, f"s3_{name}"))


class StorachaKit(Twin, of=storacha.StorachaKit):
    __doc__ = storacha.StorachaKit.__doc__


class Ipget(Twin, of=ipget.Ipget):
    __doc__ = ipget.Ipget.__doc__


class DatasetManager(Twin, of=datasets.DatasetManager):
    __doc__ = datasets.DatasetManager.__doc__


# It asks the node which keys there are.
class ModelRegistry(Twin, of=models.ModelRegistry, awaited=("ipns_name",)):
    __doc__ = models.ModelRegistry.__doc__


_COMPONENTS: dict[str, type[Twin]] = {
    "dataset_manager": DatasetManager,
    "engine": Engine,
    "ipfs": IpfsPy,
    "ipget": Ipget,
    "model_registry": ModelRegistry,
    "s3_kit": S3Kit,
    "storacha_kit": StorachaKit,
}


class IpfsKit(Twin, of=kit.IpfsKit, parts=_COMPONENTS):
    __doc__ = kit.IpfsKit.__doc__

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Give what is called by name; say why if a component is not there."""
        if name not in METHODS and name not in PARTS:
            kind = type(self).__name__
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
        self._read(name)

        async def method(*args: object, **kwargs: object) -> object:
            return await self._call(name, *args, **kwargs)

        method.__name__ = name
        return method

    def __dir__(self) -> list[str]:
        """List the methods that are there, those called by name among them."""
        absent = {*PARTS, *GATED}
        if self._inner is not None:
            absent -= set(dir(self._inner))
        here = [name for name, at in METHODS.items() if at.component not in absent]
        return sorted({*super().__dir__(), *here} - absent)


class IPFSSimpleAPI(Twin, of=high_level_api.IPFSSimpleAPI, parts={"kit": IpfsKit}):
    __doc__ = high_level_api.IPFSSimpleAPI.__doc__
