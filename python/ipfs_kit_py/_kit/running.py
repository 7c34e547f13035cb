"""What a kit starts and stops: the daemon of a Kubo repository."""

from typing import TYPE_CHECKING, Any

from ipfs_kit_py._results import operation
from ipfs_kit_py.errors import IPFSError

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._kubo.daemon import Daemon
    from ipfs_kit_py.ipfs import ipfs_py


class Running:
    """Starting, stopping, and what is ready."""

    ipfs: "ipfs_py"
    _engine: "Engine"
    _daemon: "Daemon | None" = None

    @operation("ipfs_kit_start")
    def ipfs_kit_start(self) -> dict[str, Any]:
        """Start what this kit manages, and say what each component does: `ipfs`.

        On a Kubo repository that is its daemon, unless it runs already or `api_url` names
        one; it ends with the kit, and with the process however that ends. The embedded
        engine is no process: it is there as long as the kit is open.
        """
        config = self.ipfs.config
        if self._engine.kind == "kubo" and config.api_url is None:
            from ipfs_kit_py._kubo.daemon import Daemon

            self._daemon = self._daemon or Daemon.for_config(config)
            self._daemon.start()
        state = self._state()
        return {"ipfs": {"success": state["running"], **state}}

    @operation("ipfs_kit_stop")
    def ipfs_kit_stop(self) -> dict[str, Any]:
        """Stop what this kit started. The kit itself stays open: see `close`."""
        self._stop()
        return {"ipfs": {"success": True, **self._state()}}

    @operation("ipfs_kit_ready")
    def ipfs_kit_ready(self) -> dict[str, Any]:
        """Tell what is ready: `ready`, and `ipfs_ready`; the others are `None`."""
        ready = self._is_ready()
        return {
            "ready": ready,
            "ipfs_ready": ready,
            "cluster_ready": None,
            "libp2p_ready": None,
            "cluster_manager_ready": None,
        }

    def _stop(self) -> None:
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.stop()

    def _is_ready(self) -> bool:
        if self._engine.kind != "kubo":
            return not getattr(self._engine, "closed", False)
        try:
            self._engine.addresses()
        except IPFSError:
            return False
        return True

    def _state(self) -> dict[str, Any]:
        state = {"engine": self._engine.kind, "running": self._is_ready()}
        if self._daemon is None:
            return state
        status = self._daemon.status()
        return state | {"api": status.api, "pid": status.kubo_pid}

    def __getstate__(self) -> dict[str, Any]:
        """Pickle all but a daemon, which stays with who started it, and what reads."""
        left = {"_daemon", "ipget"}
        return {name: it for name, it in vars(self).items() if name not in left}
