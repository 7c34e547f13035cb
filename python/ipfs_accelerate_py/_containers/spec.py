"""What a container is started with, in the forms that people write it in."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ipfs_kit_py.errors import InvalidParameterError

LOOPBACK: Final = "127.0.0.1"
_Host: TypeAlias = int | str | tuple[str, int] | None
Ports: TypeAlias = Mapping[int | str, _Host] | Iterable[int | str] | None
_REFERENCE: Final = re.compile(r"[a-zA-Z0-9][\w.\-/:@]*")
_PORT: Final = re.compile(r"(\d{1,5})(?:/(tcp|udp|sctp))?")
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)


class Published(NamedTuple):
    """A port of a container, and where it is to be had on this machine.

    Attributes:
        container: Port and protocol: `5001/tcp`.
        address: Where the engine listens.
        port: Its port there; `None` for any that is free.
    """

    container: str
    address: str
    port: int | None


def published(ports: Ports) -> list[Published]:
    """Read which ports are to be published.

    Args:
        ports: A mapping from the container's port (`5001`, `"4001/udp"`) to one of this
            machine (`5001`, `None` for any, `"ADDRESS:PORT"`, `(ADDRESS, PORT)`); or a
            list of the container's ports, each published on any, and of texts like
            `"8080:80"` or `"0.0.0.0:8080:80"`, this machine's first as Docker has it.
            It is the loopback address where none is said.

    Raises:
        InvalidParameterError: One is no port.
    """
    if ports is None:
        return []
    if isinstance(ports, Mapping):
        return [_published(inside, outside) for inside, outside in ports.items()]
    if isinstance(ports, str | int):
        raise InvalidParameterError("ports is neither a mapping nor a list")
    found = []
    for it in ports:
        outside, colon, inside = str(it).rpartition(":")
        found.append(_published(inside, outside if colon else None))
    return found


def _published(inside: int | str, outside: _Host) -> Published:
    address = LOOPBACK
    if isinstance(outside, tuple):
        address, outside = outside
    elif isinstance(outside, str) and ":" in outside:
        address, _, outside = outside.rpartition(":")
    matched = _PORT.fullmatch(str(inside))
    if matched is None:
        raise InvalidParameterError(f"{inside!r} is no port of a container")
    number = None if outside in (None, "") else port_number(outside)
    container = f"{port_number(matched[1])}/{matched[2] or 'tcp'}"
    return Published(container, address.strip("[]"), number or None)


def port_number(value: object, *, least: int = 0) -> int:
    """Read a port.

    Raises:
        InvalidParameterError: It is none.
    """
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not least <= int(text) <= 65535:
        raise InvalidParameterError(f"{value!r} is no port: write {least} to 65535")
    return int(text)


def environment(env: Mapping[str, object] | Iterable[str] | None) -> list[str]:
    """Read variables: a mapping, or texts `NAME=VALUE`."""
    if env is None:
        return []
    pairs = (
        [f"{name}={value}" for name, value in env.items()]
        if isinstance(env, Mapping)
        else list(env)
    )
    for pair in pairs:
        # The value may be secret.
        if not pair.partition("=")[0] or "=" not in pair:
            raise InvalidParameterError("a variable is NAME=VALUE")
    return pairs


def mounts(volumes: Mapping[Any, Any] | Iterable[str] | None) -> list[str]:
    """Read what is mounted where, as the engine writes it.

    Args:
        volumes: A mapping from a folder of this machine, or a volume's name, to a path in
            the container, with `:ro` after it if it is only to be read; or texts
            `SOURCE:TARGET[:ro]`.

    Raises:
        InvalidParameterError: A folder does not exist, or a path is not absolute.
    """
    if volumes is None:
        return []
    if isinstance(volumes, Mapping):
        pairs = [(os.fspath(source), _target(it)) for source, it in volumes.items()]
    else:
        pairs = [(it.partition(":")[0], it.partition(":")[2]) for it in volumes]
    return [_mount(source, target) for source, target in pairs]


def _target(it: object) -> str:
    # As the docker SDK writes it.
    if isinstance(it, Mapping):
        return f"{it.get('bind', '')}:{it.get('mode', 'rw')}"
    return str(it)


def _mount(source: str, target: str) -> str:
    path, _, mode = target.partition(":")
    if not path.startswith("/"):
        raise InvalidParameterError(f"{path!r} is no absolute path in the container")
    if mode not in ("", "ro", "rw", "z", "Z"):
        raise InvalidParameterError(f"a volume is mounted ro or rw, not {mode!r}")
    if os.sep in source or source.startswith((".", "~")):
        source = os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111
        # The engine would make a folder that belongs to root.
        if not os.path.exists(source):  # noqa: PTH110
            raise InvalidParameterError(f"{source} is to be mounted, and does not exist")
    return f"{source}:{path}:{mode or 'rw'}"


def memory_bytes(memory: int | str | None) -> int | None:
    """Read how much memory is allowed: bytes, or text such as `512m` (of 1024s).

    Raises:
        InvalidParameterError: It is no size.
    """
    if memory is None:
        return None
    matched = _MEMORY.fullmatch(str(memory).strip())
    if matched is None or isinstance(memory, bool):
        raise InvalidParameterError(f"memory is no size: {memory!r}; write 512m or 2g")
    return int(float(matched[1]) * 1024 ** " kmgt".index(matched[2].lower() or " "))


def nano_cpus(cpus: float | None) -> int | None:
    """Read how many processors' time is allowed.

    Raises:
        InvalidParameterError: It is not above 0.
    """
    if cpus is None:
        return None
    if isinstance(cpus, bool) or not 0 < cpus < 1 << 20:
        raise InvalidParameterError(f"cpus is a number above 0, such as 1.5: {cpus!r}")
    return int(cpus * 1_000_000_000)


def reference(image: str) -> str:
    """Read an image's name, and give it a tag if it has none.

    Raises:
        InvalidParameterError: No image can have that name.
    """
    if not _REFERENCE.fullmatch(image) or ".." in image:
        raise InvalidParameterError(f"{image!r} can be no image's name")
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def short(image: str) -> str:
    """Leave out what Docker leaves out of an image's name, and Podman writes."""
    return image.removeprefix("docker.io/").removeprefix("library/")
