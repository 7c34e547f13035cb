"""Starting a container: its image, its making, and the wait until it serves.

What does not come to run is removed again, whatever was the matter.
"""

import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ipfs_accelerate_py._containers.engine import Engine, check_name
from ipfs_accelerate_py._containers.errors import (
    ContainerError,
    ContainerExistsError,
    ContainerStartError,
    ImageNotFoundError,
    ImagePullError,
    PortTakenError,
)
from ipfs_accelerate_py._containers.reaching import on_network, shares_network
from ipfs_accelerate_py._containers.spec import Published, port_number
from ipfs_kit_py.errors import InvalidParameterError, IPFSError, TimedOutError

if TYPE_CHECKING:
    from docker import APIClient

Health: TypeAlias = str | Sequence[str] | int | None
# What dies at once, dies within this time.
_SETTLE_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.1
_LAST_LINES: Final = 20
_LABEL: Final = "ipfs_accelerate_py.start"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be started.

    Attributes:
        name: The container's name.
        image: The image's, with a tag.
        command: What runs in it, if not what the image says.
        ports: What is published.
        environment: Variables, as `NAME=VALUE`.
        mounts: Folders and volumes, as `SOURCE:TARGET:MODE`.
        memory: Most bytes that it may take.
        nano_cpus: Most of the processors' time, in billionths of one.
        health: When it counts as started: a command that succeeds in it, or one of its
            ports on which somebody listens; what the image says if it is `None`.
        wait_seconds: How long to wait for that; 0 does not wait.
        pull: Whether an image that is not here is asked for.
    """

    name: str
    image: str
    command: str | Sequence[str] | None
    ports: list[Published]
    environment: list[str]
    mounts: list[str]
    memory: int | None
    nano_cpus: int | None
    health: Health
    wait_seconds: float
    pull: bool


def start(engine: Engine, plan: Plan) -> dict[str, Any]:
    """Start a container, and describe it as the engine does.

    Raises:
        ContainerError: It could not be; the class says what was in the way.
        TimedOutError: It did not become healthy in time.
    """
    check_name(plan.name)
    if isinstance(plan.health, int):
        _check_port(engine, plan.health)
    _have_image(engine, plan)
    mark = uuid.uuid4().hex
    try:
        with engine.asked(f"making the container {plan.name}") as api:
            made = _create(api, plan, mark)
        _run(engine, plan, made)
        return _waited(engine, plan, made)
    except ContainerExistsError:
        # The other's stays.
        raise
    except BaseException:
        _discard(engine, plan.name, mark)
        raise


def _check_port(engine: Engine, health: int) -> None:
    port_number(health, least=1)
    if not shares_network(engine):
        raise InvalidParameterError(
            "the network of this engine cannot be reached from here: name a command as "
            "health, not a port"
        )


def _have_image(engine: Engine, plan: Plan) -> None:
    try:
        with engine.asked(f"looking for the image {plan.image}") as api:
            api.inspect_image(plan.image)  # type: ignore[no-untyped-call]
    except ImageNotFoundError:
        if plan.pull:
            _pull(engine, plan.image)
            return
        raise ImageNotFoundError(
            f"the image {plan.image} is not here: pull=True asks its registry, or "
            "load it with `docker load`, `docker import` or `docker build`"
        ) from None


def _pull(engine: Engine, image: str) -> None:
    what = f"pulling {image}"
    said = None
    try:
        with engine.asked(what) as api:
            for line in api.pull(image, stream=True, decode=True):
                said = line.get("error") or said
    except TimedOutError:
        raise
    except ContainerError as error:
        said = str(error).removeprefix(f"{what}: ")
    if said is not None:
        raise ImagePullError(f"{what}: {said}; {_remedy(said)}")


def _remedy(said: str) -> str:
    low = said.lower()
    if "manifest" in low and ("unknown" in low or "not found" in low):
        return "there is no such tag: see which there are"
    if "denied" in low or "unauthorized" in low or "forbidden" in low:
        return (
            "see that the name is right, and log in with `docker login` if it is private"
        )
    return (
        "see that its registry can be reached, or bring the image here with `docker "
        "load` or `docker import`"
    )


def _create(api: "APIClient", plan: Plan, mark: str) -> str:
    bindings: dict[str, list[tuple[str, int | None]]] = {}
    for it in plan.ports:
        bindings.setdefault(it.container, []).append((it.address, it.port))
    options: dict[str, Any] = {"port_bindings": bindings, "binds": plan.mounts}
    if plan.memory is not None:
        options["mem_limit"] = plan.memory
    if plan.nano_cpus is not None:
        options["nano_cpus"] = plan.nano_cpus
    made = api.create_container(
        plan.image,
        plan.command if plan.command is None else _words(plan.command),
        name=plan.name,
        environment=plan.environment,
        ports=[tuple(port.split("/")) for port in bindings],
        labels={_LABEL: mark},
        healthcheck=_healthcheck(plan.health),
        host_config=api.create_host_config(**options),
    )
    return str(made["Id"])


def _words(command: str | Sequence[str]) -> str | list[str]:
    return command if isinstance(command, str) else list(command)


def _healthcheck(health: Health) -> dict[str, Any] | None:
    if health is None or isinstance(health, int):
        return None
    test = ["CMD-SHELL", health] if isinstance(health, str) else ["CMD", *health]
    second = 1_000_000_000
    # Older engines ask no sooner than the interval, so that it has to be short.
    return {
        "Test": test,
        "Interval": second // 2,
        "Timeout": 10 * second,
        "Retries": 3,
        "StartPeriod": 3600 * second,
    }


def _run(engine: Engine, plan: Plan, made: str) -> None:
    what = f"starting the container {plan.name}"
    try:
        with engine.asked(what) as api:
            api.start(made)
    except (PortTakenError, ContainerExistsError):
        raise
    except ContainerError as error:
        raise ContainerStartError(str(error)) from None


def _waited(engine: Engine, plan: Plan, made: str) -> dict[str, Any]:
    begun = time.monotonic()
    while True:
        with engine.asked(f"waiting for the container {plan.name}") as api:
            found: dict[str, Any] = api.inspect_container(made)
        seconds = time.monotonic() - begun
        if not plan.wait_seconds:
            return found
        state = found["State"]
        if not state["Running"] and state["Status"] not in ("created", "restarting"):
            # A job that has done its work is no failure.
            if state["ExitCode"] == 0 and plan.health is None and not _checked(state):
                return found
            raise ContainerStartError(_death(engine, plan.name, made, state))
        if _is_healthy(found, plan.health, seconds):
            return found
        if seconds > plan.wait_seconds:
            raise TimedOutError(
                f"the container {plan.name} was not healthy after {plan.wait_seconds} s, "
                "and is removed: wait longer, or see what its health asks for"
                f"{_last_lines(engine, made)}"
            )
        time.sleep(_POLL_SECONDS)


def _checked(state: dict[str, Any]) -> bool:
    status = state.get("Health", {}).get("Status", "none")
    return status not in ("none", "")


def _is_healthy(found: dict[str, Any], health: Health, seconds: float) -> bool:
    if isinstance(health, int):
        return _listens(found, health)
    state = found["State"]
    if _checked(state):
        return bool(state["Health"]["Status"] == "healthy")
    return bool(state["Running"]) and seconds >= _SETTLE_SECONDS


def _listens(found: dict[str, Any], port: int) -> bool:
    place = on_network(found, port)
    if place is None:
        return False
    try:
        socket.create_connection(place, timeout=1).close()
    except OSError:
        return False
    return True


def _death(engine: Engine, name: str, made: str, state: dict[str, Any]) -> str:
    how = f"with exit status {state['ExitCode']}"
    if state.get("OOMKilled"):
        how += ", for want of memory (raise the limit)"
    if state.get("Error"):
        how += f" ({state['Error']})"
    return (
        f"the container {name} ended {how} when it was started, and is removed"
        f"{_last_lines(engine, made)}"
    )


def _last_lines(engine: Engine, made: str) -> str:
    with suppress(IPFSError), engine.asked("reading the last lines") as api:
        lines = api.logs(made, tail=_LAST_LINES).decode(errors="replace").strip()
        if lines:
            return f"; its last lines:\n{lines[-4000:]}"
    return "; it wrote nothing"


def _discard(engine: Engine, name: str, mark: str) -> None:
    """Remove what was made, even if the engine said so to nobody."""
    with suppress(IPFSError):
        with engine.asked(f"looking for the container {name}") as api:
            found = api.inspect_container(name)
        # It may be another's of the same name.
        if (found["Config"]["Labels"] or {}).get(_LABEL) == mark:
            with engine.asked(f"removing the container {name}") as api:
                api.remove_container(found["Id"], v=True, force=True)
