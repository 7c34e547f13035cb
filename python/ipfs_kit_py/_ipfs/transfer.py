"""Whole DAGs from other nodes, and to them."""

from typing import TYPE_CHECKING, Any

from ipfs_kit_py._hashing import ProgressCallback
from ipfs_kit_py._ipfs.node import Node
from ipfs_kit_py._repository import IPFSPath, Repository
from ipfs_kit_py._results import operation
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._sources import Source
    from ipfs_kit_py._sources.pull import Moved


class Transfer(Node):
    """What fetches and sends."""

    @operation("pull")
    def pull(
        self,
        cid: IPFSPath,
        source: str,
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Fetch something with all below it from another node into the repository.

        What is here is not fetched again, and what was fetched stays: a fetch that was
        stopped goes on where it was.

        Args:
            cid: What to fetch.
            source: A Kubo node's API (`http://host:5001`, a multiaddr), or the folder of
                another repository.
            pin: Pin it when all of it is here.
            name: The pin's name.
            progress: Called with bytes done so far, and 0.

        Returns:
            `cid`; `blocks` and `bytes` of all below; `new_blocks` and `new_bytes`.
        """
        from ipfs_kit_py._sources.named import opened, source_of

        with opened(source, self.config, read_only=True) as other:
            return _shown(self._fetch(cid, source_of(other), pin, name, progress))

    @operation("push")
    def push(
        self,
        cid: IPFSPath,
        target: str,
        *,
        pin: bool = True,
        name: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Send something with all below it to another node: what that does not have.

        Args:
            cid: What to send.
            target: A Kubo node's API, or the folder of another repository.
            pin: Have it pinned there.
            name: The pin's name.
            progress: Called with bytes done so far, and 0.

        Returns:
            The same as `pull`.
        """
        from ipfs_kit_py._sources.named import opened

        with opened(target, self.config) as other:
            if isinstance(other, Repository):
                from ipfs_kit_py._sources.pull import pull

                ours = self._reader.sources
                done = pull(other, ours, cid, pin=pin, name=name, progress=progress)
            else:
                from ipfs_kit_py._kubo.push import push

                done = push(
                    other, self._reader, cid, pin=pin, name=name, progress=progress
                )
        return _shown(done)

    def _fetch(
        self,
        cid: IPFSPath,
        source: "Source",
        pin: bool,
        name: str | None,
        progress: ProgressCallback | None,
    ) -> "Moved":
        if not isinstance(self._engine, Repository):
            raise InvalidParameterError(
                "a Kubo node fetches by itself: connect it to the other, or push there"
            )
        from ipfs_kit_py._sources.pull import pull

        seconds = self.config.timeouts.api
        return pull(
            self._engine,
            [source],
            cid,
            pin=pin,
            name=name,
            progress=progress,
            timeout_seconds=seconds,
        )


def _shown(done: "Moved") -> dict[str, Any]:
    return done._asdict() | {"cid": str(done.cid)}
