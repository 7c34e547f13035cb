"""A server that answers every request with bytes that a test wrote, good or bad."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

STALL = b"<stall>"
"""In an answer: say nothing more, and keep the connection."""
PAUSE = b"<pause>"
"""In an answer: say nothing for a second."""

ENDLESS = b"<endless>"
"""In an answer: chunks, as long as anybody takes them."""
CHUNK = b"10000\r\n" + bytes(0x10000) + b"\r\n"


@dataclass
class ScriptedServer:
    """See above.

    Attributes:
        answers: What to answer, in order; the last one again and again.
        requests: The requests as they came, each as a whole.
    """

    listener: socket.socket
    answers: list[list[bytes]]
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{host}:{port}"

    def serve(self) -> None:
        """Answer until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := _request(connection):
                self.requests.append(request)
                answer = self.answers[0]
                if len(self.answers) > 1:
                    self.answers.pop(0)
                for piece in answer:
                    if piece == STALL:
                        while connection.recv(65536):
                            pass
                        return
                    while piece == ENDLESS:
                        connection.sendall(CHUNK)
                    if piece == PAUSE:
                        time.sleep(1)
                        continue
                    connection.sendall(piece)
                    time.sleep(0.01)
                if not _is_whole(b"".join(answer).replace(PAUSE, b"")):
                    return


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return b""
        data += more
    if b"transfer-encoding: chunked" in data.lower():
        while not data.endswith(b"0\r\n\r\n"):
            if not (more := connection.recv(65536)):
                return b""
            data += more
    head, _, body = data.partition(b"\r\n\r\n")
    _, named, length = head.lower().partition(b"content-length: ")
    left = int(length.partition(b"\r\n")[0]) - len(body) if named else 0
    while left > 0:
        if not (more := connection.recv(65536)):
            return b""
        data, left = data + more, left - len(more)
    return data


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    _, named, length = head.partition(b"Content-Length: ")
    if named:
        return int(length.partition(b"\r\n")[0]) == len(body)
    return body.endswith(b"\r\n\r\n")


@contextlib.contextmanager
def scripted(*answers: list[bytes]) -> Iterator[ScriptedServer]:
    """Run a server on loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = ScriptedServer(listener, list(answers))
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        # Closing alone does not wake the one who waits in it.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
