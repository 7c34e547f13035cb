"""Tunnels: a port of this machine's loopback that leads to a container's port.

One thread serves all connections of a tunnel.
"""

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from ipfs_accelerate_py._containers.engine import Engine, name_of
from ipfs_accelerate_py._containers.errors import (
    ContainerError,
    ContainerNotFoundError,
    ContainerNotRunningError,
    PortTakenError,
    TunnelError,
)
from ipfs_accelerate_py._containers.reaching import (
    as_published,
    on_network,
    shares_network,
)
from ipfs_accelerate_py._containers.spec import LOOPBACK
from ipfs_kit_py.errors import IPFSError

_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK: Final = 1 << 16
_DIAL_SECONDS: Final = 5.0
_PROBE_SECONDS: Final = 2.0
_WAYS: Final = ("network", "published", "exec")
# One of these is in most images.
_RELAY: Final = """\
for tool in socat nc busybox; do
  command -v $tool >/dev/null 2>&1 || continue
  test "$1" = test && exit 0
  case $tool in
    socat) exec socat - TCP:127.0.0.1:$1 ;;
    nc) exec nc 127.0.0.1 $1 ;;
    busybox) exec busybox nc 127.0.0.1 $1 ;;
  esac
done
exit 127
"""


class Tunnel:
    """One tunnel, open from when it is made until `close`.

    Args:
        engine: Where the container is.
        found: The container, as the engine describes it.
        local_port: The port here; 0 for any that is free.
        container_port: The port there.
        by: `network`, `published` or `exec`; the first that works if not given.

    Attributes:
        name: The container's name.
        container_port: The port there.
        local_port: The port here.
        way: How it reaches the container: `network`, `published` or `exec`.

    Raises:
        PortTakenError: Somebody listens on the port here.
        TunnelError: There is no way to the container's port.
    """

    def __init__(
        self,
        engine: Engine,
        found: dict[str, Any],
        local_port: int,
        container_port: int,
        by: str | None,
    ) -> None:
        self._engine = engine
        self._container = str(found["Id"])
        self._pid = os.getpid()
        self._tasks: set[asyncio.Task[None]] = set()
        self.name = name_of(found)
        self.container_port = container_port
        self.way = _find_way(engine, found, container_port, by)
        self._listener = _listen(local_port)
        self.local_port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=self._serve, name=f"tunnel-{self.local_port}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it and all its connections. More than once does no harm."""
        if self._pid != os.getpid():
            # The thread stayed in the other process; the port is to be free here.
            self._listener.close()
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._accept())

    async def _accept(self) -> None:
        server = await asyncio.start_server(self._welcome, sock=self._listener)
        try:
            await self._stop.wait()
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            # What was aborted is closed in the next round of the loop.
            await asyncio.sleep(0)

    def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            there, back = await self._reach()
            pump = _pump_frames if self.way == "exec" else _pump
            # Either end may break off, as with any connection.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async with _closing(back), _closing(writer):
                    await _both(pump(there, writer), _pump(reader, back))
        except (OSError, IPFSError, asyncio.IncompleteReadError) as error:
            # Whoever connected sees that it ends; this says why.
            why = str(error) or type(error).__name__
            _log(f"{self.name}:{self.container_port}: {why}")
        finally:
            # What went well is closed by now, with all that was sent.
            writer.transport.abort()

    async def _reach(self) -> _Streams:
        if self.way == "exec":
            made = await asyncio.to_thread(self._relay)
            return await _hijack(self._engine, made)
        # It may have been started anew meanwhile, and another have its address.
        host, port = await asyncio.to_thread(self._place)
        async with asyncio.timeout(_DIAL_SECONDS):
            return await asyncio.open_connection(host, port, limit=_CHUNK)

    def _place(self) -> tuple[str, int]:
        found = self._engine.find_running(self.name)
        return _place(self._engine, found, self.container_port, self.way)

    def _relay(self) -> str:
        words = ["sh", "-c", _RELAY, "sh", str(self.container_port)]
        with self._engine.asked(f"running a relay in {self.name}") as api:
            return str(api.exec_create(self._container, words, stdin=True)["Id"])


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port), backlog=128)
    except OSError as error:
        raise PortTakenError(
            f"port {port} of this machine cannot be had ({error.strerror}): take "
            "another, or 0 for any that is free"
        ) from None


def _find_way(engine: Engine, found: dict[str, Any], port: int, by: str | None) -> str:
    where = f"port {port} of the container {name_of(found)}"
    if by not in (None, *_WAYS):
        raise TunnelError(f"a tunnel goes by {', '.join(_WAYS)}, not by {by!r}")
    if by in (None, "network") and shares_network(engine):
        place = on_network(found, port)
        if place is not None and (by is not None or _is_reachable(place)):
            return "network"
    if by == "network":
        raise TunnelError(f"{where} is in a network that cannot be reached from here")
    if by in (None, "published") and as_published(engine, found, port) is not None:
        return "published"
    if by == "published":
        raise TunnelError(f"{where} is not published: start it with ports=[{port}]")
    _check_relay(engine, found, where)
    return "exec"


def _place(engine: Engine, found: dict[str, Any], port: int, way: str) -> tuple[str, int]:
    place = (
        on_network(found, port) if way == "network" else as_published(engine, found, port)
    )
    if place is None:
        raise TunnelError(f"the container {name_of(found)} has no address any more")
    return place


def _check_relay(engine: Engine, found: dict[str, Any], where: str) -> None:
    words = ["sh", "-c", _RELAY, "sh", "test"]
    what = f"looking for a relay in {name_of(found)}"
    try:
        with engine.asked(what) as api:
            made = api.exec_create(found["Id"], words)["Id"]
            api.exec_start(made)
            has_relay = api.exec_inspect(made)["ExitCode"] == 0
    except (ContainerNotFoundError, ContainerNotRunningError):
        raise
    except ContainerError:
        # Some engines refuse where others give an exit status: there is no shell.
        has_relay = False
    if not has_relay:
        raise TunnelError(
            f"{where} is in a network that cannot be reached from here, and the image "
            "has neither socat nor nc to relay with: publish the port when it is started"
        )


def _is_reachable(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=_PROBE_SECONDS).close()
    except ConnectionRefusedError:
        # The container answered: nobody listens there yet.
        return True
    except OSError:
        return False
    return True


async def _hijack(engine: Engine, made: str) -> _Streams:
    """Start a command in a container, with its input and output as streams.

    The SDK's own socket loses what arrives together with the head of the reply.
    """
    reader, writer = await _to_engine(engine)
    try:
        body = json.dumps({"Detach": False, "Tty": False}).encode()
        version = engine.api.api_version
        writer.write(
            f"POST /v{version}/exec/{made}/start HTTP/1.1\r\nHost: docker\r\n"
            "Content-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        async with asyncio.timeout(engine.timeout_seconds):
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
    except BaseException:
        writer.close()
        raise
    status = head.split(None, 2)[1]
    if status not in (b"101", b"200"):
        writer.close()
        raise TunnelError(f"the engine does not start a relay: {status.decode()}")
    return reader, writer


async def _to_engine(engine: Engine) -> _Streams:
    api = engine.api
    adapter = getattr(api, "_custom_adapter", None)
    path = getattr(adapter, "socket_path", None)
    if path is not None and hasattr(asyncio, "open_unix_connection"):
        return await asyncio.open_unix_connection(path)
    parts = urlsplit(api.base_url)
    if parts.scheme != "http" or parts.hostname is None:
        raise TunnelError(
            f"no relay goes through {parts.scheme}: publish the port when it is started"
        )
    return await asyncio.open_connection(parts.hostname, parts.port)


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Send what is left and close; at once if something went wrong."""
    try:
        yield
    except BaseException:
        writer.transport.abort()
        raise
    writer.close()
    await writer.wait_closed()


async def _both(first: Awaitable[None], second: Awaitable[None]) -> None:
    """Do both; if one fails, the other is ended too."""
    tasks = [asyncio.ensure_future(it) for it in (first, second)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    _end(target)


async def _pump_frames(
    source: asyncio.StreamReader, target: asyncio.StreamWriter
) -> None:
    """Pass on what a command writes; the engine puts a head before each piece."""
    while head := await source.read(8):
        head += await source.readexactly(8 - len(head))
        data = await source.readexactly(int.from_bytes(head[4:], "big"))
        # 1 is its output, 2 are its complaints.
        if head[0] == 1:
            target.write(data)
            await target.drain()
    _end(target)


def _end(target: asyncio.StreamWriter) -> None:
    """Say that nothing more comes; the other way stays open."""
    with contextlib.suppress(OSError):
        if target.can_write_eof():
            target.write_eof()


def _log(message: str) -> None:
    import logging

    logging.getLogger("ipfs_accelerate_py").warning("tunnel to %s", message)
