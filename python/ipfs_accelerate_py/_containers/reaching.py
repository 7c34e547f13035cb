"""Ways from this machine to a container's port."""

import sys
from typing import Any, Final
from urllib.parse import urlsplit

from ipfs_accelerate_py._containers.engine import Engine
from ipfs_accelerate_py._containers.spec import LOOPBACK

_EVERYWHERE: Final = {"0.0.0.0", "::", ""}  # noqa: S104 - as engines say it


def host_of(engine: Engine) -> str:
    """Give the machine that the engine is on; nothing for this one."""
    url = engine.api.base_url
    if url.startswith("http+docker://"):
        return ""
    host = urlsplit(url).hostname or ""
    return "" if host in (LOOPBACK, "localhost", "::1") else host


def shares_network(engine: Engine) -> bool:
    """Tell whether this machine is in the network of the engine's containers."""
    if sys.platform != "linux" or host_of(engine):
        return False
    with engine.asked("asking the engine about its network") as api:
        about = api.info()
    # Elsewhere addresses are of a network that this machine is not in, though it may have
    # another with the same ones.
    rootless = any("name=rootless" in it for it in about.get("SecurityOptions") or ())
    return not rootless and about.get("OperatingSystem") != "Docker Desktop"


def on_network(found: dict[str, Any], port: int) -> tuple[str, int] | None:
    """Give the address of a container's port on its network, if it has one.

    Args:
        found: The container, as the engine describes it.
        port: The port.
    """
    if found["HostConfig"].get("NetworkMode") == "host":
        return LOOPBACK, port
    settings = found["NetworkSettings"]
    for it in (*(settings.get("Networks") or {}).values(), settings):
        address = it.get("IPAddress") or it.get("GlobalIPv6Address")
        if address:
            return str(address), port
    return None


def as_published(
    engine: Engine, found: dict[str, Any], port: int
) -> tuple[str, int] | None:
    """Give where a container's port is published, if it is and can be reached."""
    host = host_of(engine)
    for it in (found["NetworkSettings"].get("Ports") or {}).get(f"{port}/tcp") or ():
        address = it["HostIp"]
        if address in _EVERYWHERE:
            return host or LOOPBACK, int(it["HostPort"])
        if not host or not address.startswith("127."):
            return address, int(it["HostPort"])
    return None
