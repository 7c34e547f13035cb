"""Files by CID, over a kit that a configuration describes."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipfs_accelerate_py._endpoints import Endpoint, endpoint
from ipfs_accelerate_py._results import told
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py.errors import BlockNotFoundError

if TYPE_CHECKING:
    from ipfs_accelerate_py._placing import DeviceMap, Names
    from ipfs_accelerate_py.config import config
    from ipfs_kit_py._cache.manager import TieredCacheManager
    from ipfs_kit_py._kit.kit import IpfsKit
    from ipfs_kit_py._repository import IPFSPath
    from ipfs_kit_py._sources import ChainReader

_MEGABYTE = 1_000_000


class Content:
    """What is added, found and read. Threads may share one, and forked processes too.

    What is added is kept in the repository of `ipfs_kit_py`, so that other programs find
    it, and the next run. What comes from elsewhere is verified, and kept in the cache of
    the configuration.

    Args:
        settings: The configuration.
    """

    def __init__(self, settings: "config") -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._kit: IpfsKit | None = None
        self._endpoint: Endpoint | None = None
        self._readers: dict[str, tuple[Endpoint, ChainReader]] = {}

    @property
    def settings(self) -> "config":
        """The configuration."""
        return self._settings

    @property
    def kit(self) -> "IpfsKit":
        """The kit below, opened when it is first needed."""
        with self._lock:
            if self._kit is None:
                name = str(self._settings.get("endpoints", "default"))
                self._endpoint = endpoint(self._settings, name)
                self._kit = _opened(self._settings, self._endpoint)
            return self._kit

    @property
    def cache(self) -> "TieredCacheManager":
        """What was read lately, in memory and on the disk."""
        return self.kit.tiered_cache

    def reader(self, name: str | None = None) -> "ChainReader":
        """Give what reads, and asks an endpoint before all others that are far away.

        Args:
            name: The endpoint; if not given, the default one.

        Raises:
            ConfigurationError: There is no such endpoint.
        """
        kit = self.kit
        with self._lock:
            known = None if name is None else self._readers.get(name)
            if known is not None:
                return known[1]
            found = None if name is None else endpoint(self._settings, name)
            if name is None or found is None:
                return kit.reader
            from ipfs_kit_py._sources import reader_for

            config = kit.ipfs.config
            made = reader_for(kit.engine, kit.tiered_cache, config, [found.source])
            self._readers[name] = found, made
            return made

    def close(self) -> None:
        """Close what was opened; what is asked for later opens it again."""
        with self._lock:
            kit, self._kit = self._kit, None
            first, self._endpoint = self._endpoint, None
            readers, self._readers = self._readers, {}
        for asked, reader in readers.values():
            reader.close()
            asked.close()
        if kit is not None:
            kit.close()
        if first is not None:
            first.close()

    @told
    def add_file(self, path: StrPath, *, pin: bool = True) -> dict[str, Any]:
        """Add a file, or a folder with all below it.

        Args:
            path: What is added.
            pin: Keep it when garbage is collected.

        Returns:
            `status`, `cid`, `file` (the path), `size` (bytes) and `new_bytes`, which the
            repository did not have before; or `status: "error"` and `message`.
        """
        done = self.kit.engine.add(path, pin=pin)
        return {
            "cid": str(done.cid),
            "file": os.fsdecode(path),
            "size": done.bytes,
            "new_bytes": done.new_bytes,
        }

    @told
    def get_file(
        self, cid: "IPFSPath", output_path: StrPath | None = None
    ) -> dict[str, Any]:
        """Write a file or folder, from wherever it can be had; every block is verified.

        It appears whole or not at all. A file that is there is replaced.

        Args:
            cid: A CID, or a path below one.
            output_path: Where to; in the working folder by its last name if not given.

        Returns:
            `status`, `cid`, `file` and `size` (bytes); or `status: "error"`, `message`.
        """
        last = str(cid).rstrip("/").rpartition("/")[2]
        target = Path(last if output_path is None else os.fsdecode(output_path))
        done = self.kit.ipget.ipget_download_object(cid, target)
        size = done.raise_for_error()["metadata"]["filesize"]
        return {"cid": str(cid), "file": str(target), "size": size}

    def cid_exists(self, cid: "IPFSPath") -> bool:
        """Tell whether a block is here, or with somebody who is asked.

        Raises:
            InvalidCIDError: It is no CID.
            IPFSError: Somebody who may have it could not be asked.
        """
        try:
            self.kit.reader.block_view(self.kit.reader.resolve(cid))
        except BlockNotFoundError:
            return False
        return True

    @told
    def get_cid_metadata(self, cid: "IPFSPath") -> dict[str, Any]:
        """Describe what a CID names. Of a file's leaves only those are read that must be.

        Returns:
            `cid`; `size`, bytes of a file, or of all blocks of a folder; `blocks`, how
            many different ones it is made of; `codec`; `layout` (`raw`, `file`,
            `directory`, `hamt-sharded-directory`, `symlink`, or `data` where it is no
            UnixFS); `mime`, by its name or its first bytes, `None` for what is no file;
            `local`, whether all blocks are here; `pinned`.
        """
        from ipfs_accelerate_py._describing import described

        return described(self.kit, cid)

    @told
    def load_checkpoint(
        self,
        cid: "IPFSPath | StrPath",
        endpoint: str | None = None,
        *,
        framework: str = "auto",
        dtype: object = None,
        device_map: "DeviceMap" = None,
        names: "Names" = None,
        weights_only: bool = False,
    ) -> dict[str, Any]:
        """Load a checkpoint: tensors by name, or the bytes of what is none.

        All that is wanted is fetched and verified before this returns; nothing else is.
        Tensors may be written into: that changes nothing but them.

        Args:
            cid: A file or folder: a CID, a path below one, an `ipfs://` URL; or a local
                path, which is added to the repository first, unpinned.
            endpoint: Who is asked first for what is not here: the name of an
                `[endpoints.NAME]`, or a URL.
            framework: `numpy`, `torch`, or `auto` for torch where it is installed.
            dtype: What floating-point numbers become; as they are if not given.
            device_map: Devices by names and prefixes of names, as accelerate has them
                (`""` for all), or one device for all. `disk` is the CPU: a tensor lies
                on the disk until it is read. `meta` makes one without bytes. Tensors that
                a map does not name are left out. All on the CPU if not given.
            names: The tensors that are wanted: a name, names, or what says of a name
                whether it is wanted. All if not given.
            weights_only: Load pickles too, tensors and plain values out of them alone.

        Returns:
            `status`; `source`, which is `cache` if nothing had to be fetched, else
            `ipfs`; `cid`; `format` (`safetensors`, `numpy`, `pickle` or `raw`); `data`:
            tensors by name, each made when it is asked for, or the bytes of a file that
            is no checkpoint; `metadata`, `size` (bytes of the tensors).

        Raises:
            ImportError: What is needed is not installed; the message says what is.
        """
        from ipfs_accelerate_py._checkpoints import loaded

        return loaded(
            self,
            cid,
            endpoint,
            framework=framework,
            dtype=dtype,
            device_map=device_map,
            names=names,
            weights_only=weights_only,
        )


def _opened(settings: "config", first: "Endpoint | None") -> "IpfsKit":
    from ipfs_kit_py._kit.kit import IpfsKit

    _start_logging(settings)
    cache = settings.section("cache")
    size = int(cache["max_size_mb"]) * _MEGABYTE if cache["enabled"] else 0
    return IpfsKit(
        metadata={
            "cache_config": {
                "disk_cache_path": os.path.expanduser(str(cache["path"])),  # noqa: PTH111
                "disk_cache_size": size,
            }
        },
        sources=[] if first is None else [first.source],
    )


def _start_logging(settings: "config") -> None:
    import logging

    debug = settings.get("general", "debug")
    level = "DEBUG" if debug else str(settings.get("general", "log_level"))
    logging.getLogger("ipfs_accelerate_py").setLevel(level)
