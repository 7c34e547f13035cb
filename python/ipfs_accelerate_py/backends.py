"""`backends`: containers, on Docker or Podman.

backends = ipfs_accelerate_py.backends()
backends.start_container("ipfs-node", "ipfs/kubo:latest")
tunnel = backends.docker_tunnel("ipfs-node", 5001, 5001)
"""

import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias

from ipfs_accelerate_py._containers.engine import Engine, name_of
from ipfs_accelerate_py._containers.errors import (
    ContainerNotFoundError,
    ContainersDisabledError,
)
from ipfs_accelerate_py._modules import callable_module
from ipfs_accelerate_py._results import failed, told
from ipfs_kit_py import _forks
from ipfs_kit_py.errors import InvalidParameterError, IPFSError

if TYPE_CHECKING:
    from ipfs_accelerate_py._containers.spec import Ports
    from ipfs_accelerate_py._containers.starting import Health
    from ipfs_accelerate_py._containers.tunnels import Tunnel
    from ipfs_accelerate_py.config import config

__all__ = ["backends"]

P = ParamSpec("P")
_Rows: TypeAlias = list[dict[str, Any]]


def _rows(*columns: str) -> Callable[[Callable[P, _Rows]], Callable[P, _Rows]]:
    """Turn what a method raises into a list whose one row tells of it."""

    def decorate(work: Callable[P, _Rows]) -> Callable[P, _Rows]:
        @functools.wraps(work)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> _Rows:
            try:
                return work(*args, **kwargs)
            except (IPFSError, OSError) as error:
                return [dict.fromkeys(columns) | failed(error)]

        return wrapped

    return decorate


class backends:
    """Containers: started, watched, reached and stopped.

    What goes wrong is a result with `status: "error"`, a `message` that says why and what
    to do, and `error_type`. Containers outlive this object; tunnels do not. Threads may
    share one. A forked process connects to the engine anew, and has none of the tunnels.

    Args:
        config_instance: The configuration; `./config.toml` or defaults if not given. Its
            section `docker` counts.
    """

    def __init__(self, config_instance: "config | None" = None) -> None:
        if config_instance is None:
            from ipfs_accelerate_py.config import config

            config_instance = config()
        self._settings = config_instance
        self._engine = Engine(float(config_instance.get("docker", "timeout")))
        self._lock = threading.Lock()
        self._tunnels: dict[str, Tunnel] = {}
        self._made = 0
        self._finish = weakref.finalize(self, _close_all, self._tunnels, self._engine)
        _forks.remember(self)

    def after_fork(self) -> None:
        """Leave the tunnels to the process that made them."""
        self._lock = threading.Lock()
        _close_all(self._tunnels, None)

    def close(self) -> None:
        """Close all tunnels and connections; containers stay as they are."""
        with self._lock:
            open_ones = dict(self._tunnels)
            self._tunnels.clear()
        _close_all(open_ones, self._engine)

    def __enter__(self) -> "backends":
        """Give itself, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @told
    def start_container(
        self,
        container_name: str,
        image: str,
        ports: "Ports" = None,
        *,
        command: str | Sequence[str] | None = None,
        env: Mapping[str, object] | Iterable[str] | None = None,
        volumes: Mapping[Any, Any] | Iterable[str] | None = None,
        memory: int | str | None = None,
        cpus: float | None = None,
        health: "Health" = None,
        wait_seconds: float | None = None,
        pull: bool = True,
    ) -> dict[str, Any]:
        """Start a container, and wait until it serves. One that fails to is removed.

        Args:
            container_name: Its name, which no other may have.
            image: What it is made of.
            ports: What is published on the loopback address, unless another is named: a
                mapping from the container's port to one of this machine (`None` for any),
                or a list of the container's ports or of texts such as `"8080:80"`.
            command: What runs in it, if not what the image says.
            env: Variables by name, or texts `NAME=VALUE`.
            volumes: Folders of this machine, or names of volumes, and where they are in
                the container, with `:ro` after it if they are only to be read.
            memory: Most that it may take: bytes, or text such as `512m`.
            cpus: Most of the processors' time, such as `1.5`.
            health: When it counts as started: a command that succeeds in it, or one of
                its ports on which somebody listens. If not given, what the image says, or
                that it has not ended after half a second.
            wait_seconds: How long to wait for that; `docker.timeout` if not given, and 0
                does not wait.
            pull: Ask the image's registry for it, if it is not here.

        Returns:
            `container_id`, `name`, `image`, `state`, `health`, `ports` (where each is on
            this machine) and `exit_code`, for a job that has ended with success.
        """
        if not self._settings.get("docker", "enable"):
            raise ContainersDisabledError(
                "docker.enable is false: set it to true to start containers"
            )
        from ipfs_accelerate_py._containers import spec
        from ipfs_accelerate_py._containers.starting import Plan, start

        wait = self._engine.timeout_seconds if wait_seconds is None else wait_seconds
        if wait < 0:
            raise InvalidParameterError(f"wait_seconds is 0 or more: {wait_seconds!r}")
        plan = Plan(
            name=container_name,
            image=spec.reference(image),
            command=command,
            ports=spec.published(ports),
            environment=spec.environment(env),
            mounts=spec.mounts(volumes),
            memory=spec.memory_bytes(memory),
            nano_cpus=spec.nano_cpus(cpus),
            health=health,
            wait_seconds=wait,
            pull=pull,
        )
        about = _described(start(self._engine, plan))
        about["state"] = about.pop("status")
        return {"container_id": about.pop("id"), **about}

    @told
    def stop_container(
        self, container_name: str, *, grace_seconds: int = 10
    ) -> dict[str, Any]:
        """Stop a container, and close its tunnels. It is there until it is removed.

        Args:
            container_name: Its name.
            grace_seconds: How long it may take to end by itself.

        Returns:
            `container_id`, `name` and `exit_code`.
        """
        if grace_seconds < 0:
            raise InvalidParameterError(f"grace_seconds is 0 or more: {grace_seconds}")
        found = self._engine.find(container_name)
        with self._engine.asked(f"stopping the container {container_name}") as api:
            # The client adds its own time to that.
            api.stop(found["Id"], timeout=grace_seconds)
        self._close_tunnels_to(name_of(found))
        about = _described(self._engine.find(str(found["Id"])))
        return {
            "container_id": about["id"],
            "name": about["name"],
            "exit_code": about["exit_code"],
        }

    @told
    def remove_container(
        self, container_name: str, *, force: bool = False
    ) -> dict[str, Any]:
        """Remove a container, its tunnels, and those of its volumes that have no name.

        Args:
            container_name: Its name.
            force: Also if it runs.

        Returns:
            `container_id` and `name`.
        """
        found = self._engine.find(container_name)
        with self._engine.asked(f"removing the container {container_name}") as api:
            api.remove_container(found["Id"], v=True, force=force)
        self._close_tunnels_to(name_of(found))
        return {"container_id": str(found["Id"]), "name": name_of(found)}

    def get_container_status(self, container_name: str) -> dict[str, Any] | None:
        """Describe a container.

        Returns:
            `name`, `id`, `image`, `status` (`created`, `running`, `paused`, `restarting`,
            `exited`, `dead`), `health`, `ports`, `exit_code`, `started`; `None` if there
            is none of that name; `status: "error"` if that cannot be told.
        """
        try:
            return _described(self._engine.find(container_name))
        except ContainerNotFoundError:
            return None
        except (IPFSError, OSError) as error:
            return failed(error)

    @_rows("name", "id", "image")
    def list_containers(self, *, only_running: bool = False) -> list[dict[str, Any]]:
        """List all containers of the engine.

        Args:
            only_running: Leave out those that do not run.

        Returns:
            `name`, `id`, `image` and `status` of each. If they cannot be had: one row
            with `status: "error"`, `message`, `error_type`.
        """
        from ipfs_accelerate_py._containers import spec

        with self._engine.asked("listing the containers") as api:
            listed = api.containers(all=not only_running)
        return [
            {
                "name": str((it.get("Names") or ["/"])[0]).lstrip("/"),
                "id": it["Id"],
                "image": spec.short(it["Image"]),
                "status": _status(it["State"]),
            }
            for it in listed
        ]

    @told
    def logs(self, container_name: str, *, tail: int | None = 100) -> dict[str, Any]:
        """Give what a container wrote.

        Args:
            container_name: Its name.
            tail: The last lines, that many; all if `None`.

        Returns:
            `container_id`, `name` and `logs`, a text.
        """
        if tail is not None and tail < 0:
            raise InvalidParameterError(f"tail is how many lines: {tail}")
        found = self._engine.find(container_name)
        with self._engine.asked(f"reading the logs of {container_name}") as api:
            text = api.logs(found["Id"], tail="all" if tail is None else tail)
        return {
            "container_id": str(found["Id"]),
            "name": name_of(found),
            "logs": text.decode(errors="replace"),
        }

    @told
    def docker_tunnel(
        self,
        container_name: str,
        local_port: int,
        container_port: int,
        *,
        by: str | None = None,
    ) -> dict[str, Any]:
        """Open a tunnel from a port of the loopback address to a port of a container.

        The port need not be published. The tunnel takes any number of connections, until
        `close_tunnel`, `close`, or the container is stopped or removed by this object.

        Args:
            container_name: A container that runs.
            local_port: The port here; 0 for any that is free.
            container_port: The port there.
            by: `network` (the container's address), `published`, or `exec` (a relay in
                the container, which also reaches what listens on its own loopback
                address); the first of them that works if not given.

        Returns:
            `status: "connected"`, `tunnel_id`, `endpoint` (`ADDRESS:PORT`), and what
            `list_tunnels` tells.
        """
        from ipfs_accelerate_py._containers.spec import port_number
        from ipfs_accelerate_py._containers.tunnels import Tunnel

        here = port_number(local_port)
        there = port_number(container_port, least=1)
        found = self._engine.find_running(container_name)
        made = Tunnel(self._engine, found, here, there, by)
        with self._lock:
            self._made += 1
            tunnel_id = f"{made.name}-{there}-{self._made}"
            self._tunnels[tunnel_id] = made
        return {**_of_tunnel(tunnel_id, made), "status": "connected"}

    def list_tunnels(self) -> list[dict[str, Any]]:
        """List the tunnels that are open.

        Returns:
            `tunnel_id`, `endpoint`, `container`, `local_port`, `container_port`, `by`.
        """
        with self._lock:
            found = dict(self._tunnels)
        return [_of_tunnel(tunnel_id, it) for tunnel_id, it in found.items()]

    @told
    def close_tunnel(self, tunnel_id: str) -> dict[str, Any]:
        """Close a tunnel and its connections, and free its port.

        Returns:
            `tunnel_id`.
        """
        with self._lock:
            found = self._tunnels.pop(tunnel_id, None)
        if found is None:
            raise InvalidParameterError(
                f"there is no tunnel {tunnel_id}: list_tunnels() names those there are"
            )
        found.close()
        return {"tunnel_id": tunnel_id}

    @_rows("name", "image", "description", "local")
    def marketplace(self) -> list[dict[str, Any]]:
        """List images that are known by name, those of the user's catalogue among them.

        Returns:
            `name`, `image`, `description`, and `local`: whether the engine has it, or
            `None` if no engine answers.
        """
        from ipfs_accelerate_py._containers import spec
        from ipfs_accelerate_py._containers.catalogue import entries

        named = str(self._settings.get("docker", "catalogue"))
        known = entries(Path(named).expanduser())
        here = self._images()
        return [
            {
                **it._asdict(),
                "local": None if here is None else spec.short(it.image) in here,
            }
            for it in known
        ]

    def list_marketplace_images(self) -> list[dict[str, Any]]:
        """List images that are known by name; see `marketplace`."""
        return self.marketplace()

    def _images(self) -> set[str] | None:
        from ipfs_accelerate_py._containers import spec

        try:
            with self._engine.asked("listing the images") as api:
                listed = api.images()
        except (IPFSError, OSError, ImportError):
            return None
        return {spec.short(tag) for it in listed for tag in it.get("RepoTags") or ()}

    def _close_tunnels_to(self, name: str) -> None:
        with self._lock:
            there = {key: it for key, it in self._tunnels.items() if it.name == name}
            for key in there:
                del self._tunnels[key]
        _close_all(there, None)


def _close_all(tunnels: dict[str, "Tunnel"], engine: Engine | None) -> None:
    while tunnels:
        tunnels.popitem()[1].close()
    if engine is not None:
        engine.close()


def _of_tunnel(tunnel_id: str, it: "Tunnel") -> dict[str, Any]:
    return {
        "tunnel_id": tunnel_id,
        "endpoint": f"127.0.0.1:{it.local_port}",
        "container": it.name,
        "local_port": it.local_port,
        "container_port": it.container_port,
        "by": it.way,
    }


def _status(said: str) -> str:
    # So says Podman for a moment.
    return "exited" if said == "stopped" else said


def _described(found: dict[str, Any]) -> dict[str, Any]:
    from ipfs_accelerate_py._containers import spec

    state = found["State"]
    ports = found["NetworkSettings"].get("Ports") or {}
    health = (state.get("Health") or {}).get("Status")
    return {
        "name": name_of(found),
        "id": str(found["Id"]),
        "image": spec.short(found["Config"]["Image"]),
        "status": _status(state["Status"]),
        "health": None if health in ("", "none") else health,
        "ports": {
            port: [f"{it['HostIp']}:{it['HostPort']}" for it in places or ()]
            for port, places in ports.items()
        },
        "exit_code": None if state["Running"] else int(state["ExitCode"]),
        "started": str(state["StartedAt"]),
    }


callable_module(globals())
