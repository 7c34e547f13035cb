"""Reading what a service has, by a gateway that need not be trusted."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ipfs_kit_py._hashing import ProgressCallback
from ipfs_kit_py._http.waiting import check, sleep
from ipfs_kit_py._native import CID
from ipfs_kit_py._parts import own_part
from ipfs_kit_py._repository.system import typed
from ipfs_kit_py._storacha.errors import of_status
from ipfs_kit_py._storacha.settings import Settings, resolve
from ipfs_kit_py._storacha.shards import car_cid
from ipfs_kit_py._storacha.wire import Wire
from ipfs_kit_py.errors import (
    ConfigurationError,
    IntegrityError,
    IPFSError,
    PathNotFoundError,
    UnreachableError,
)

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._gateways import GatewaySource
    from ipfs_kit_py._sources import ChainReader

NAME: Final = "storacha"
_PAUSES_SECONDS: Final = (0.2, 1.0)
_PIECE_BYTES: Final = 1 << 20
_NOT_HERE: Final = (404, 410)
_PART: Final = 206


def source_of(config: "Config", backend: object) -> "GatewaySource":
    """Make the source that the settings ask for.

    Args:
        config: The kit's settings.
        backend: The table of Storacha in `cache_config.external_backends`; it stands
            over `storacha`.

    Raises:
        ConfigurationError: No gateway is named, or a setting is wrong.
    """
    if backend is not None and not isinstance(backend, Mapping):
        raise ConfigurationError("cache_config.external_backends.storacha is no table")
    settings = resolve(config, backend)
    url = settings.gateway("cache_config.external_backends.storacha")
    return _source(url, config.timeouts.gateway)


def reader_of(settings: Settings, what: str) -> "ChainReader":
    """Make what reads from the service alone.

    Raises:
        OfflineError: Nothing outside this machine is to be asked.
        ConfigurationError: No gateway is named.
    """
    from ipfs_kit_py._sources import ChainReader
    from ipfs_kit_py._sources.chain import Chain

    source = _source(settings.gateway(what), settings.stall_seconds)
    return ChainReader(Chain(None, [source]))


def _source(url: str, stall_seconds: float) -> "GatewaySource":
    from ipfs_kit_py._gateways import GatewaySource
    from ipfs_kit_py._sources.source import cost_of

    return GatewaySource(
        [url], stall_seconds=stall_seconds, name=NAME, cost=cost_of(NAME)
    )


def fetch_shard(
    wire: Wire,
    settings: Settings,
    cid: CID,
    size: int,
    target: Path,
    progress: ProgressCallback | None = None,
) -> None:
    """Fetch a shard into a file, which appears when it is whole and verified.

    What is fetched lies in a part file beside its place. One that was stopped leaves it,
    and the next one goes on behind its end.

    Args:
        wire: The connections.
        settings: Where the gateway is.
        cid: The shard.
        size: How many bytes it has.
        target: Where to.
        progress: Called with bytes that are here so far, and 0.

    Raises:
        PathNotFoundError: The gateway does not have it.
        IntegrityError: It gives other bytes.
    """
    what = f"reading {cid}"
    url = f"{settings.gateway(what)}/ipfs/{cid}?format=raw"
    part = target.with_name(f".{target.name}.{cid}.part")
    try:
        with own_part(part) as file:
            had = os.fstat(file.fileno()).st_size
            _fetch_all(wire, settings, what, url, file, size, progress)
            if had and _cid_of(file) != cid:
                # The part was damaged, or is of a file that was written otherwise.
                file.truncate(0)
                _fetch_all(wire, settings, what, url, file, size, progress)
            if _cid_of(file) != cid:
                raise IntegrityError(f"{what}: the gateway gives other bytes")  # noqa: TRY301 - the part goes
            file.flush()
            Path(file.name).replace(target)
    except (PathNotFoundError, IntegrityError):
        # To go on from here would never come to an end.
        part.unlink(missing_ok=True)
        raise
    except IPFSError:
        raise
    except OSError as error:
        raise typed(error, target) from error


def _fetch_all(
    wire: Wire,
    settings: Settings,
    what: str,
    url: str,
    file: IO[bytes],
    size: int,
    progress: ProgressCallback | None,
) -> None:
    """Append all that is not here yet; where it breaks off, it goes on."""
    for pause in (*_PAUSES_SECONDS, None):
        try:
            _fetch(wire, settings, what, url, file, size, progress)
        except UnreachableError as error:
            if pause is None or not error.recoverable:
                raise
            sleep(pause)
        else:
            return


def _fetch(
    wire: Wire,
    settings: Settings,
    what: str,
    url: str,
    file: IO[bytes],
    size: int,
    progress: ProgressCallback | None,
) -> None:
    """Append what is not here yet."""
    file.seek(0, os.SEEK_END)
    begin = file.tell()
    if begin >= size:
        return
    headers = {"Accept": "application/vnd.ipld.raw"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
    with wire.ask(what, "GET", url, headers, settings.stall_seconds) as reply:
        if reply.status in _NOT_HERE:
            raise PathNotFoundError(f"{what}: the gateway does not have it")
        if reply.status not in (200, _PART):
            raise of_status(what, reply.status, "")
        is_rest = reply.headers.get("content-range", "").startswith(f"bytes {begin}-")
        if reply.status != _PART or not is_rest:
            file.truncate(0)
        for piece in reply.pieces:
            file.write(piece)
            if file.tell() > size:
                raise IntegrityError(f"{what}: the gateway gives more than {size} bytes")
            if progress:
                progress(file.tell(), 0)
        file.flush()


def _cid_of(file: IO[bytes]) -> CID:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        check()
        digest.update(piece)
    return car_cid(digest.digest())
