"""Connections that are kept, by what they are for."""

from typing import TYPE_CHECKING

from ipfs_kit_py._forks import remember

if TYPE_CHECKING:
    import httpx2


class Pools:
    """Pools of connections; threads may share them, and a forked process makes its own.

    Args:
        kept: How many connections of each pool are kept when nobody uses them.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self.after_fork()
        remember(self)

    def after_fork(self) -> None:
        """Leave the connections to the process that this one was forked from."""
        self._pools: dict[tuple[str, bool], httpx2.BaseTransport] = {}

    def close(self) -> None:
        """Close all connections; those that are needed again are made again."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def __del__(self) -> None:
        """Close all connections: sockets that are left behind complain."""
        self.close()

    def send(
        self, request: "httpx2.Request", *, public_only: bool = False
    ) -> "httpx2.Response":
        """Send a request and wait for the head of the reply.

        Args:
            request: The request.
            public_only: Connect to no address of this machine or of a private network.
        """
        key = (request.url.scheme, public_only)
        found = self._pools.get(key)
        if found is None:
            from ipfs_kit_py._http.network import Transport

            made = Transport(
                kept=self._kept, tls=key[0] == "https", public_only=public_only
            )
            # Of two threads that make one at a time, both use the same.
            found = self._pools.setdefault(key, made)
        return found.handle_request(request)


def is_public(reply: "httpx2.Response") -> bool:
    """Tell whether who answered is one that all the world can reach."""
    try:
        return bool(reply.extensions["network_stream"].get_extra_info("is_public"))
    except OSError:
        # It is closed already.
        return True
