"""A trustless gateway over a repository, which can be told to behave badly.

Run it as a program, `python -m tests.gateway_server REPOSITORY`, and it prints its URL.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._sources import Chain, ChainReader
from ipfs_kit_py.errors import BlockNotFoundError

RAW = "application/vnd.ipld.raw"
CAR = "application/vnd.ipld.car; version=1; order=dfs; dups=n"


class Request(BaseHTTPRequestHandler):
    """One connection's requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "GatewayServer"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        self.cid = url.path.rpartition("/")[2]
        self.is_file = "format" not in self.query and self.headers["Accept"] == "*/*"
        if self.is_file and not self.server.gives_files:
            self.reply(406, b"blocks and CARs alone", "text/plain")
            return
        self.server.note(self.path)
        behave = self.server.behave
        if behave is not None and behave(self):
            return
        self.answer()

    def answer(self) -> None:
        """Answer as one should."""
        url = urlsplit(self.path)
        if url.path.startswith("/routing/v1/providers/"):
            self.reply(404, b"")
            return
        if not url.path.startswith("/ipfs/"):
            self.reply(404, b"nothing here", "text/plain")
            return
        try:
            if self.is_file:
                self.send_file()
            elif self.query.get("format") == "car":
                self.send_car()
            else:
                block = self.block()
                self.reply(200, block, RAW)
                self.server.note_sent(self.cid, len(block))
        except BlockNotFoundError as error:
            self.reply(404, str(error).encode(), "text/plain")

    def send_file(self) -> None:
        """Send the range that is asked for, and note each leaf when it was sent."""
        span = self.span()
        given = {"Content_Range": self.spanned, "Content_Length": len(span)}
        self.head(206, Content_Type="text/plain", **given)
        repository, begin = self.server.repository, -self.start
        for link in repository.refs(self.cid):
            end = begin + repository.stat(link.target).size
            self.wfile.write(span[max(0, begin) : max(0, end)])
            if begin >= 0 and end <= len(span):
                self.server.note_sent(str(link.target), end - begin)
            begin = end

    @property
    def start(self) -> int:
        """Where the range that is asked for begins."""
        first, _, _ = self.headers["Range"].removeprefix("bytes=").partition("-")
        return int(first)

    @property
    def spanned(self) -> str:
        """What a reply to a request for a range says of it."""
        return f"{self.headers['Range'].replace('=', ' ')}/*"

    def span(self) -> bytes:
        """Give the range of a file that is asked for."""
        start, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        count = int(last) + 1 - int(start)
        return self.server.repository.cat(self.cid, int(start), count)

    def block(self) -> bytes:
        return self.server.repository.block_get(self.cid)

    def car(self) -> bytes:
        """Make a CAR of what is asked for, behind the blocks on the way there."""
        return b"".join(data for _, data in self.sections())

    def send_car(self) -> None:
        """Send it, and note each block when it was sent."""
        sections = self.sections()
        size = sum(len(data) for _, data in sections)
        self.head(200, Content_Type=CAR, Content_Length=size)
        for cid, data in sections:
            self.wfile.write(data)
            if cid is not None:
                self.server.note_sent(str(cid), len(data))

    def sections(self) -> "list[tuple[CID | None, bytes]]":
        """Give the parts of the CAR: its head, and each block with its CID."""
        path = unquote(urlsplit(self.path).path).removeprefix("/ipfs/")
        cids = asked_for(self.server.repository, path, self.query)
        get = self.server.repository.block_get
        # The roots in a head mean nothing.
        head = frame(bytes.fromhex("a265726f6f7473806776657273696f6e01"))
        return [(None, head), *((cid, frame(bytes(cid) + get(cid))) for cid in cids)]

    def reply(
        self, status: int, body: bytes, content_type: str = RAW, **headers: object
    ) -> None:
        given = {"Content-Type": content_type, "Content-Length": len(body)}
        self.head(status, **(given | headers))
        self.wfile.write(body)

    def head(self, status: int, **headers: object) -> None:
        """Send a status and headers; underscores stand for hyphens."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def asked_for(repository: Repository, path: str, query: dict[str, str]) -> list[CID]:
    """List the blocks of a CAR by `dag-scope` and `entity-bytes`, by reading them."""
    from tests.far import Far

    source = Far(repository)
    reader = ChainReader(Chain(None, [source]))
    cid = reader.resolve(path)
    scope = query.get("dag-scope", "all")
    reader.block_get(cid)
    if scope == "all":
        below = (link.target for link in repository.refs(cid, recursive=True))
        return [*dict.fromkeys([*chain.from_iterable(source.asked), *below])]
    if scope == "entity":
        read_entity(reader, cid, query.get("entity-bytes", "0:*"))
    return [*dict.fromkeys(chain.from_iterable(source.asked))]


def read_entity(reader: ChainReader, cid: CID, span: str) -> None:
    """Read a file or list a folder, and nothing else."""
    match reader.stat(cid).kind:
        case "directory":
            list(reader.ls(cid, resolve=False))
        case "file":
            start, _, end = span.partition(":")
            count = None if end in ("*", "") else int(end) + 1 - int(start)
            reader.cat(cid, int(start), count)


def frame(data: bytes) -> bytes:
    """Put the length before some bytes, as CARs have it."""
    size, number = len(data), b""
    while size >= 128:
        number += bytes([size & 127 | 128])
        size >>= 7
    return number + bytes([size]) + data


Behaviour: TypeAlias = Callable[[Request], bool]


class GatewayServer(ThreadingHTTPServer):
    """Serves blocks, and remembers what it was asked.

    Args:
        repository: Whose blocks.
        behave: Called with each request; true if it answered it.

    Attributes:
        gives_files: Whether it gives files too; else it is one for blocks and CARs.
        asked: The path of each request; not those for files of one that gives none.
        sent: The CID of each block that was sent as a whole, be it in a CAR or not.
        sent_bytes: The bytes of those.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, repository: Repository, behave: Behaviour | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.repository = repository
        self.behave = behave
        self.gives_files = False
        self.asked: list[str] = []
        self.sent: list[str] = []
        self.sent_bytes = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def cids(self) -> list[str]:
        """What it was asked for, in order."""
        return [urlsplit(path).path.rpartition("/")[2] for path in self.asked]

    def note(self, path: str) -> None:
        with self._lock:
            self.asked.append(path)

    def note_sent(self, cid: str, size: int) -> None:
        with self._lock:
            self.sent.append(cid)
            self.sent_bytes += size

    def forget(self) -> None:
        """Forget what it was asked, and what it sent."""
        with self._lock:
            self.asked.clear()
            self.sent.clear()
            self.sent_bytes = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


Serve: TypeAlias = Callable[..., GatewayServer]
"""What the fixture `serve` gives: takes a behaviour and a repository."""


@contextmanager
def serving(
    repository: Repository, behave: Behaviour | None = None
) -> Iterator[GatewayServer]:
    """Run a gateway on a thread."""
    server = GatewayServer(repository, behave)
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def lie(request: Request) -> bool:
    data = request.block()
    request.reply(200, bytes([data[0] ^ 1]) + data[1:])
    return True


def lie_with_another_block(request: Request) -> bool:
    request.reply(200, b"a block that nobody asked for")
    return True


def cut(request: Request) -> bool:
    """Send half of a block, and hang up."""
    data = request.block()
    request.head(200, Content_Type=RAW, Content_Length=len(data))
    request.wfile.write(data[: len(data) // 2])
    request.wfile.flush()
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True
    return True


def cut_chunks(request: Request) -> bool:
    data = request.block()
    request.head(200, Content_Type=RAW, Transfer_Encoding="chunked")
    request.wfile.write(b"%x\r\n%b" % (len(data), data[: len(data) // 2]))
    request.wfile.flush()
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True
    return True


def hang_up(request: Request) -> bool:
    """Hang up without a word."""
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True
    return True


def stall(request: Request) -> bool:
    """Take the question, and say nothing."""
    _wait(request, 60)
    return True


def stall_within(request: Request) -> bool:
    """Stop in the middle of a block."""
    data = request.block()
    request.head(200, Content_Type=RAW, Content_Length=len(data))
    request.wfile.write(data[: len(data) // 2])
    request.wfile.flush()
    _wait(request, 60)
    return True


def cut_car(request: Request) -> bool:
    data = request.car()
    request.head(200, Content_Type=CAR, Transfer_Encoding="chunked")
    half = data[: len(data) // 2]
    request.wfile.write(b"%x\r\n%b\r\n" % (len(half), half))
    return hang_up(request)


def stall_car(request: Request) -> bool:
    data = request.car()
    request.head(200, Content_Type=CAR, Content_Length=len(data))
    request.wfile.write(data[: len(data) // 2])
    request.wfile.flush()
    return stall(request)


def drip(request: Request) -> bool:
    """Send a byte now and then."""
    data = request.block()
    request.head(200, Content_Type=RAW, Content_Length=len(data))
    for at in range(len(data)):
        request.wfile.write(data[at : at + 1])
        request.wfile.flush()
        _wait(request, 0.1)
    return True


def endless(request: Request) -> bool:
    """Never end."""
    request.head(200, Content_Type=RAW, Transfer_Encoding="chunked")
    while True:
        request.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def endless_head(request: Request) -> bool:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")


def too_long(request: Request) -> bool:
    """Say that a huge body comes."""
    request.head(200, Content_Type=RAW, Content_Length=1 << 40)
    request.wfile.write(bytes(100))
    return True


def length_lie(request: Request) -> bool:
    """Send more than was said: what is too much must not be taken for the next reply."""
    data = request.block()
    request.head(200, Content_Type=RAW, Content_Length=len(data) - 1)
    request.wfile.write(data)
    return True


def no_http(request: Request) -> bool:
    request.wfile.write(b"220 this is a mail server\r\n")
    return hang_up(request)


def circle(request: Request) -> bool:
    request.reply(302, b"", Location=request.path)
    return True


def to(location: str) -> Behaviour:
    """Redirect to a place; `{cid}` in it stands for the block."""

    def redirect(request: Request) -> bool:
        request.reply(301, b"", Location=location.replace("{cid}", request.cid))
        return True

    return redirect


def status(code: int, **headers: object) -> Behaviour:
    """Answer with a status."""

    def answer(request: Request) -> bool:
        request.reply(code, b"<p>sorry</p>", "text/html", **headers)
        return True

    return answer


def page(request: Request) -> bool:
    """Answer as a server that is no trustless gateway: with a page."""
    request.reply(200, b"<html>welcome</html>", "text/html")
    return True


def wrong_type(request: Request) -> bool:
    """The right bytes, called something else."""
    request.reply(200, request.block(), "text/html")
    return True


def slow(seconds: float) -> Behaviour:
    """Answer, later."""

    def wait(request: Request) -> bool:
        _wait(request, seconds)
        return False

    return wait


def at_first(times: int, behave: Behaviour) -> Behaviour:
    """Behave badly so many times, and then well."""
    left = times
    lock = threading.Lock()

    def some(request: Request) -> bool:
        nonlocal left
        with lock:
            left -= 1
            bad = left >= 0
        return bad and behave(request)

    return some


def empty(request: Request) -> bool:
    """Have nothing."""
    request.reply(404, b"not here", "text/plain")
    return True


def _wait(request: Request, seconds: float) -> None:
    """Wait, but not beyond the end of the client."""
    end = time.monotonic() + seconds
    request.connection.setblocking(False)
    try:
        while time.monotonic() < end:
            time.sleep(min(0.02, seconds))
            try:
                if not request.connection.recv(1, socket.MSG_PEEK):
                    raise ConnectionResetError
            except BlockingIOError:
                continue
    finally:
        request.connection.setblocking(True)


def main() -> None:
    with serving(Repository(sys.argv[1])) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
