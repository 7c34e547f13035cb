"""All gateways of a source: those of the settings, and those that routers named."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from ipfs_kit_py._forks import remember
from ipfs_kit_py._gateways.address import Address
from ipfs_kit_py._gateways.gateway import Gateway
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._gateways.client import Client
    from ipfs_kit_py._gateways.routing import Router

_MOST_FOUND: Final = 16
# How long a router is not asked again about the same block.
_ASKED_SECONDS: Final = 60.0
_MOST_ASKED: Final = 10_000


class Pool:
    """The gateways that may be asked; threads may share it.

    Args:
        addresses: Those of the settings.
        routers: Who finds more, when these do not have a block.
        client: The connections to use.
    """

    def __init__(
        self, addresses: Iterable[Address], routers: "Sequence[Router]", client: "Client"
    ) -> None:
        self._own = [Gateway(address, client) for address in dict.fromkeys(addresses)]
        self._found: list[Gateway] = []
        self._routers = routers
        self._client = client
        self._asked: dict[CID, float] = {}
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Make a lock that nobody holds."""
        self._lock = threading.Lock()
        for gateway in self.gateways:
            gateway.after_fork()

    @property
    def gateways(self) -> list[Gateway]:
        """Everyone who may be asked."""
        return [*self._own, *self._found]

    def may_find_more(self, cid: CID) -> bool:
        """Tell whether to ask the routers about a block; who hears yes must."""
        if not self._routers:
            return False
        now = time.monotonic()
        with self._lock:
            if self._asked.get(cid, 0.0) > now:
                return False
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            self._asked[cid] = now + _ASKED_SECONDS
        return True

    def find_more(self, cid: CID) -> None:
        """Ask the routers who has a block.

        Raises:
            IPFSError: None of them answered.
        """
        failures: list[IPFSError] = []
        for router in self._routers:
            try:
                found = router.gateways_for(cid)
            except IPFSError as error:
                failures.append(error)
            else:
                self._add(found)
        if len(failures) == len(self._routers):
            # What was not answered may be asked again.
            self._asked.pop(cid, None)
            raise failures[0]

    def _add(self, found: "Iterable[tuple[Address, bool]]") -> None:
        with self._lock:
            known = {gateway.address.url for gateway in self.gateways}
            for address, public_only in found:
                if address.url not in known:
                    known.add(address.url)
                    made = Gateway(address, self._client, public_only=public_only)
                    self._found.append(made)
            if len(self._found) > _MOST_FOUND:
                # Those that do worst, and of equals the oldest, make room.
                self._found.sort(key=_merit)
                del self._found[_MOST_FOUND:]


def _merit(gateway: Gateway) -> tuple[float, float]:
    return gateway.health.pause_seconds, gateway.health.rank
