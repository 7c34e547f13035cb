"""The container engine: which one it is, and what it says as exceptions of ours."""

import os
import re
import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ipfs_accelerate_py._containers.errors import (
    ContainerEngineUnavailableError,
    ContainerError,
    ContainerExistsError,
    ContainerNotFoundError,
    ContainerNotRunningError,
    ImageNotFoundError,
    PortTakenError,
)
from ipfs_kit_py import _forks
from ipfs_kit_py.errors import InvalidParameterError, IPFSError, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import APIClient

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_TAKEN: Final = re.compile(
    r"address already in use|port is already allocated|ports are not available",
    re.IGNORECASE,
)
_NO_IMAGE: Final = re.compile(r"no such image|image not known", re.IGNORECASE)
_START_ONE: Final = (
    "start Docker or Podman's service, or set DOCKER_HOST to where one listens"
)


class Engine:
    """One engine, found and connected to when it is first needed.

    Threads share one. A forked process connects anew.

    Args:
        timeout_seconds: How long it may keep silent.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._client: APIClient | None = None
        _forks.remember(self)

    def after_fork(self) -> None:
        """Leave the connections to the process that made them."""
        self._lock = threading.Lock()
        self._client = None

    @property
    def api(self) -> "APIClient":
        """What speaks to it.

        Raises:
            ContainerEngineUnavailableError: None answers.
            ImportError: The docker SDK is not installed.
        """
        with self._lock:
            if self._client is None:
                self._client = _connected(self.timeout_seconds)
            return self._client

    def close(self) -> None:
        """Close the connections; what is asked for later makes new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def asked(self, what: str) -> "Iterator[APIClient]":
        """Give what speaks to it, and turn what that raises into exceptions of ours.

        Args:
            what: What is tried, for the messages.
        """
        client = self.api
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException, Timeout
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        try:
            yield client
        except IPFSError:
            raise
        except APIError as error:
            raise of_engine(what, str(error.explanation or error)) from None
        except (Timeout, ReadTimeoutError):
            raise TimedOutError(
                f"{what}: the container engine did not answer within "
                f"{self.timeout_seconds:g} s; raise docker.timeout, or see what it is at"
            ) from None
        except (RequestException, HTTPError) as error:
            raise ContainerEngineUnavailableError(
                f"{what}: {_reason(error)}; {_START_ONE}"
            ) from None
        except DockerException as error:
            raise ContainerError(f"{what}: {error}") from None

    def find(self, name: str) -> dict[str, Any]:
        """Describe a container, as the engine does.

        Args:
            name: Its name, or at least twelve digits of its ID.

        Raises:
            ContainerNotFoundError: There is none.
            InvalidParameterError: No container can have that name.
        """
        check_name(name)
        with self.asked(f"looking for the container {name}") as api:
            found: dict[str, Any] = api.inspect_container(name)
        # The engine takes the beginning of an ID too, however short.
        if name_of(found) == name or (len(name) >= 12 and found["Id"].startswith(name)):
            return found
        raise no_container(name)

    def find_running(self, name: str) -> dict[str, Any]:
        """Describe a container that runs.

        Raises:
            ContainerNotFoundError: There is none.
            ContainerNotRunningError: It does not run.
        """
        found = self.find(name)
        if not found["State"]["Running"]:
            raise ContainerNotRunningError(
                f"the container {name} does not run, it is {found['State']['Status']}: "
                "remove it, and start another"
            )
        return found


def check_name(name: str) -> None:
    """Refuse what can be no container's name: it would become part of a URL."""
    if not _NAME.fullmatch(name):
        raise InvalidParameterError(
            f"{name!r} can be no container's name: write letters, digits and _ . - "
            "after a letter or digit, two at least"
        )


def name_of(found: dict[str, Any]) -> str:
    """Give the name of a container that was described."""
    return str(found["Name"]).lstrip("/")


def no_container(name: str) -> ContainerNotFoundError:
    """Say that there is no such container."""
    return ContainerNotFoundError(
        f"there is no container {name}: list_containers() names those there are"
    )


def of_engine(what: str, said: str) -> ContainerError:
    """Make an exception of what the engine says."""
    said = said.strip()
    low = said.lower()
    if "no such container" in low or "no container with" in low:
        return ContainerNotFoundError(f"{what}: {said}; see list_containers()")
    if _NO_IMAGE.search(said):
        return ImageNotFoundError(f"{what}: {said}")
    if _TAKEN.search(said):
        return PortTakenError(
            f"{what}: {said}; publish another port of this machine, or None for any"
        )
    if "already in use" in low:
        return ContainerExistsError(
            f"{what}: a container of that name is there; remove_container() it, or take "
            "another name"
        )
    if "running container" in low or "running or paused container" in low:
        return ContainerError(f"{what}: it runs; stop_container() it, or force=True")
    if "is not running" in low:
        return ContainerNotRunningError(f"{what}: {said}")
    return ContainerError(f"{what}: {said}")


def addresses() -> list[str]:
    """List where an engine may listen, as `DOCKER_HOST` would say it."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return [named]
    if sys.platform == "win32":
        return ["npipe:////./pipe/docker_engine"]
    home = os.path.expanduser("~")  # noqa: PTH111 - a string is what is needed
    run = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    sockets = (
        "/var/run/docker.sock",
        f"{run}/docker.sock",
        f"{home}/.docker/run/docker.sock",
        f"{home}/.docker/desktop/docker.sock",
        f"{run}/podman/podman.sock",
        "/run/podman/podman.sock",
    )
    return [f"unix://{path}" for path in sockets if os.path.exists(path)]  # noqa: PTH110


def _connected(timeout_seconds: float) -> "APIClient":
    try:
        from docker import APIClient
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env
    except ImportError as error:
        if str(error.name).partition(".")[0] != "docker":
            raise
        raise ImportError(
            "containers need the docker SDK: pip install 'ipfs-kit-py[docker]'",
            name="docker",
        ) from None

    class Client(APIClient):
        def __init__(self, **options: Any) -> None:  # noqa: ANN401 - of the SDK
            try:
                super().__init__(**options)
            except BaseException:
                self.close()
                raise

        def send(self, request: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - of requests
            # The SDK would wait for ever for the first word of a registry.
            kwargs["timeout"] = kwargs.get("timeout") or self.timeout
            return super().send(request, **kwargs)

    found = addresses()
    if not found:
        raise ContainerEngineUnavailableError(
            f"no container engine is running here: {_START_ONE}"
        )
    reasons = []
    for address in found:
        try:
            _try_socket(address)
            options = {**kwargs_from_env(), "base_url": address}
            return Client(version="auto", timeout=timeout_seconds, **options)
        except (DockerException, OSError) as error:
            reasons.append(f"{address}: {_reason(error)}")
    raise ContainerEngineUnavailableError(
        f"no container engine answers at {'; '.join(reasons)}: {_START_ONE}"
    )


def _try_socket(address: str) -> None:
    """Connect once before the SDK does, which loses a socket that leads nowhere."""
    if address.startswith("unix://") and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(address.removeprefix("unix://"))


def _reason(error: BaseException) -> str:
    """Say in a few words why nobody answers; libraries wrap it many times over."""
    text = f"{type(error).__name__}: {error}"
    if "PermissionError" in text or "Permission denied" in text:
        return "access is denied (be root, or of the group docker)"
    if "FileNotFoundError" in text:
        return "there is no such socket"
    if "ConnectionRefusedError" in text or "Connection refused" in text:
        return "nobody listens"
    if "timed out" in text.lower():
        return "it does not answer in time"
    return str(error).partition("\n")[0][:300]
