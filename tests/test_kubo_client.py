"""The RPC client on servers that fail in every way: typed errors, no short results."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scripted_server import PAUSE, STALL, ScriptedServer, scripted
from tests.soon import PATIENT_SECONDS, SOON_SECONDS

from ipfs_kit_py._kubo.address import (
    Address,
    address_of_repository,
    address_of_socket,
    parse_address,
)
from ipfs_kit_py._kubo.client import Ask, Client, ask, look
from ipfs_kit_py._kubo.errors import of_message
from ipfs_kit_py._kubo.multipart import one_file
from ipfs_kit_py._native import CancelToken
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    CancelledError,
    ConfigurationError,
    EngineError,
    EngineUnavailableError,
    InvalidParameterError,
    IPFSError,
    NotPinnedError,
    OfflineError,
    PinConflictError,
    RepositoryClosedError,
    TimedOutError,
    UnreachableError,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\nTrailer: X-Stream-Error\r\n\r\n"
JSON = OK + b"Content-Length: 8\r\n\r\n" + b'{"a": 1}'


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    made: list[Client] = []
    yield made
    for client in made:
        client.close()


def client_of(server: ScriptedServer, clients: list[Client], **options: Any) -> Client:
    address = parse_address(server.url)
    options = {"stall_seconds": PATIENT_SECONDS, **options}
    clients.append(Client(lambda: address, **options))
    return clients[-1]


@pytest.mark.parametrize(
    ("text", "url", "socket"),
    [
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001", None),
        ("http://127.0.0.1:5001/api/v0/", "http://127.0.0.1:5001", None),
        ("https://node.example/kubo/", "https://node.example/kubo", None),
        ("http://[::1]:5001", "http://[::1]:5001", None),
        ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001", None),
        ("/ip4/0.0.0.0/tcp/5001/http", "http://127.0.0.1:5001", None),
        ("/ip6/::1/tcp/5001\n", "http://[::1]:5001", None),
        ("/dns4/node.example/tcp/443/https", "https://node.example:443", None),
        ("/dns/node.example/tcp/443/tls/http", "https://node.example:443", None),
        ("/unix/run/kubo.sock", "http://localhost", "/run/kubo.sock"),
        ("/unix//run/kubo.sock", "http://localhost", "/run/kubo.sock"),
        ("unix:///run/kubo.sock", "http://localhost", "/run/kubo.sock"),
    ],
)
def test_addresses_have_many_forms(text: str, url: str, socket: str | None) -> None:
    assert parse_address(text) == Address(url, socket)


@pytest.mark.parametrize(
    "text",
    [
        *("", "127.0.0.1:5001", "ftp://host:1", "http://", "http://host:99999"),
        *("/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/1", "/ip4/127.0.0.1/tcp/1/ws"),
        *("/nothing/1", "unix://", "/unix/", "/p2p/12D3KooW"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no address of an RPC API"):
        parse_address(text)


def test_a_password_in_a_url_is_used_and_never_shown() -> None:
    found = parse_address("http://me:se%3Acret@host:5001")
    assert found == Address("http://host:5001", None, "basic:me:se:cret")
    assert "cret" not in str(found)
    with pytest.raises(ConfigurationError) as raised:
        parse_address("ftp://me:secret@host:5001")
    assert "secret" not in str(raised.value)


def test_the_repository_says_where_its_daemon_is(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="daemon start"):
        address_of_repository(tmp_path)
    for text in ("", "garbage"):
        (tmp_path / "api").write_text(text)
        with pytest.raises(EngineUnavailableError):
            address_of_repository(tmp_path)
    (tmp_path / "api").write_text("/ip4/127.0.0.1/tcp/5001\n")
    assert address_of_repository(tmp_path).url == "http://127.0.0.1:5001"


def test_a_command_is_a_post_with_its_options_in_the_query(
    clients: list[Client],
) -> None:
    with scripted([JSON]) as server:
        client = client_of(server, clients)
        asked = ask("pin/add", "a b", "/ipfs/ü", pin_roots=True, name="x&y", depth=None)
        assert client.call(asked) == {"a": 1}
        client.call(ask("add", body=one_file([b"one", b"two"])))
    line, _, head = server.requests[0].partition(b"\r\n")
    query = b"arg=a+b&arg=%2Fipfs%2F%C3%BC&pin-roots=true&name=x%26y"
    assert line == b"POST /api/v0/pin/add?" + query + b" HTTP/1.1"
    assert b"gzip" not in head
    assert b"one" in server.requests[1]
    assert b"multipart/form-data; boundary=" in server.requests[1]


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ("bearer:token", b"Authorization: Bearer token"),
        ("basic:me:secret", b"Authorization: Basic bWU6c2VjcmV0"),
        ("basic:bWU6c2VjcmV0", b"Authorization: Basic bWU6c2VjcmV0"),
    ],
)
def test_the_way_in_is_told(auth: str, header: bytes, clients: list[Client]) -> None:
    with scripted([JSON]) as server:
        client_of(server, clients, auth=auth).call(look("id"))
    assert header in server.requests[0]


@pytest.mark.parametrize("auth", ["token", "bearer:", "digest:a:b"])
def test_another_way_in_is_refused(auth: str) -> None:
    with pytest.raises(ConfigurationError, match="api_auth"):
        Client(lambda: Address("http://localhost"), auth=auth)


CUT: list[list[bytes]] = [
    [CHUNKED + b"5\r\nhello\r\n"],
    [CHUNKED + b"5\r\nhel"],
    [CHUNKED, b"5\r\nhello\r\n0\r\n"],
    [OK + b"Content-Length: 100\r\n\r\nhello"],
    [OK],
    [b"garbage\r\n\r\n"],
    [b"\x00" * 100_000],
    [CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n"],
]


@pytest.mark.parametrize("answer", CUT)
def test_a_reply_that_is_cut_is_an_error(
    answer: list[bytes], clients: list[Client]
) -> None:
    with scripted(answer) as server:
        client = client_of(server, clients)
        for asked in (look("cat"), ask("cat")):
            with pytest.raises(UnreachableError):
                client.read(asked)
            with pytest.raises(UnreachableError):
                list(client.stream(asked))
    # What only reads is asked three times, what writes once; a reply that breaks off
    # once its bytes have been given out is not begun anew.
    begins = answer[0].startswith(OK + b"T") or answer[0].startswith(OK + b"C")
    assert len(server.requests) == 3 + (1 if begins else 3) + 2


def test_reading_goes_on_when_the_node_is_back(clients: list[Client]) -> None:
    with scripted([OK], [CHUNKED + b"2\r\n{}\r\n"], [JSON]) as server:
        assert client_of(server, clients).call(look("id")) == {"a": 1}


def test_an_error_in_the_trailer_is_an_error(clients: list[Client]) -> None:
    trailer = b"0\r\nX-Stream-Error: block was not found locally (offline)\r\n\r\n"
    with scripted([CHUNKED + b"5\r\nhello\r\n" + trailer]) as server:
        client = client_of(server, clients)
        with pytest.raises(BlockNotFoundError):
            client.read(look("cat"))
        given = client.stream(look("cat"))
        assert next(given) == b"hello"
        with pytest.raises(BlockNotFoundError):
            next(given)


def test_an_error_in_a_line_is_an_error(clients: list[Client]) -> None:
    line = b'{"Message":"it is not pinned","Code":0,"Type":"error"}\n'
    body = b'{"a":1}\n' + line
    answer = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with scripted([answer]) as server:
        given = client_of(server, clients).lines(look("pin/ls"))
        assert next(given) == {"a": 1}
        with pytest.raises(NotPinnedError):
            next(given)


@pytest.mark.parametrize("body", [b"<html>", b"{", b'{"a":1}{', b"\xff"])
def test_what_is_no_json_is_an_error(body: bytes, clients: list[Client]) -> None:
    answer = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with scripted([answer]) as server:
        client = client_of(server, clients)
        with pytest.raises(UnreachableError, match="JSON"):
            client.call(look("id"))
        with pytest.raises(UnreachableError, match="JSON"):
            list(client.lines(look("id")))


@pytest.mark.parametrize("answer", [[STALL], [OK, STALL], [CHUNKED + b"5\r\nhe", STALL]])
def test_a_node_that_stalls_is_left(answer: list[bytes], clients: list[Client]) -> None:
    with scripted(answer) as server:
        client = client_of(server, clients, stall_seconds=0.3)
        began = time.monotonic()
        with pytest.raises(TimedOutError, match=r"no byte for 0\.3 seconds"):
            client.read(look("cat"))
        assert time.monotonic() - began < SOON_SECONDS


def test_a_slow_reply_is_no_stall(clients: list[Client]) -> None:
    pieces = [b"1\r\na\r\n"] * 250
    with scripted([CHUNKED, *pieces, b"0\r\n\r\n"]) as server:
        client = client_of(server, clients, stall_seconds=2)
        assert client.read(look("cat")) == b"a" * 250


def test_a_node_that_works_for_long_is_waited_for_while_it_lives(
    clients: list[Client],
) -> None:
    with scripted([PAUSE, PAUSE, PAUSE, JSON], [JSON]) as server:
        client = client_of(server, clients, stall_seconds=2)
        assert client.call(look("repo/stat", patient=True))
    with scripted([STALL]) as server:
        client = client_of(server, clients, stall_seconds=0.3)
        with pytest.raises(TimedOutError):
            client.call(look("repo/stat", patient=True))


@pytest.mark.parametrize(
    ("status", "words", "times"),
    [
        (401, "api_auth", 1),
        (403, "api_auth", 1),
        (404, "no command id", 1),
        (405, "no command id", 1),
        (301, "with 301", 1),
        (502, "with 502", 3),
    ],
)
def test_other_servers_are_told_apart(
    status: int, words: str, times: int, clients: list[Client]
) -> None:
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 4\r\n\r\npage" % status
    with (
        scripted([answer]) as server,
        pytest.raises(EngineUnavailableError, match=words),
    ):
        client_of(server, clients).call(look("id"))
    assert len(server.requests) == times


def test_nobody_there_is_said_with_what_to_do(clients: list[Client]) -> None:
    with scripted([JSON]) as server:
        client = client_of(server, clients)
    for asked in (look("id"), ask("pin/add")):
        with pytest.raises(
            EngineUnavailableError, match=r"daemon start.*engine=embedded"
        ):
            client.call(asked)


def test_a_socket_that_is_not_there_is_nobody(
    tmp_path: Path, clients: list[Client]
) -> None:
    clients.append(Client(lambda: address_of_socket(tmp_path / "none")))
    with pytest.raises(EngineUnavailableError, match="unix://"):
        clients[-1].call(ask("id"))


def test_offline_no_socket_is_opened(clients: list[Client]) -> None:
    with scripted([JSON]) as server:
        client = client_of(server, clients, offline=True)
        for call in (client.call, client.read, lambda asked: list(client.lines(asked))):
            with pytest.raises(OfflineError):
                call(look("id"))
        client = client_of(server, clients)
        client.close()
        client.close()
        with pytest.raises(RepositoryClosedError):
            client.call(look("id"))
    assert server.requests == []


@pytest.mark.parametrize("asked", [look("cat"), ask("cat")])
def test_a_token_ends_waiting(asked: Ask, clients: list[Client]) -> None:
    with scripted([CHUNKED + b"5\r\nhe", STALL]) as server:
        client = client_of(server, clients, stall_seconds=30)
        token = CancelToken()
        timer = threading.Timer(0.2, token.cancel)
        timer.start()
        began = time.monotonic()
        with token, pytest.raises(CancelledError):
            client.read(asked)
        assert time.monotonic() - began < SOON_SECONDS
        timer.join()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_ctrl_c_ends_waiting(clients: list[Client]) -> None:
    with scripted([STALL]) as server:
        client = client_of(server, clients, stall_seconds=30)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            client.read(look("cat"))
        timer.join()


def test_bodies_are_sent_as_they_are_read(clients: list[Client]) -> None:
    given: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            given.append(number)
            yield os.urandom(1000)

    with scripted([JSON]) as server:
        client_of(server, clients).call(ask("block/put", body=one_file(pieces())))
    assert given == [*range(100)]

    class Broken(io.BytesIO):
        def __iter__(self) -> Iterator[bytes]:
            yield b"one"
            raise OSError("the disk is gone")

    with scripted([JSON]) as server, pytest.raises(OSError, match="disk is gone"):
        client_of(server, clients).call(ask("block/put", body=one_file(Broken())))


def test_threads_share_a_client(clients: list[Client]) -> None:
    with scripted([JSON]) as server:
        client = client_of(server, clients, stall_seconds=10)
        found: list[Any] = []

        def work() -> None:
            found.extend(client.call(look("id")) for _ in range(20))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [{"a": 1}] * 120


def test_the_http_library_is_loaded_with_the_first_call() -> None:
    program = (
        "import sys, ipfs_kit_py._engine.kubo as kubo;"
        "kubo.KuboEngine('.', api_url='http://127.0.0.1:1').close();"
        "print(sorted({'httpx2', 'httpcore2', 'ssl', 'asyncio'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("not pinned or pinned indirectly", NotPinnedError),
        ("pin: X already pinned recursively", PinConflictError),
        ("X is pinned indirectly under Y", PinConflictError),
        ('argument "key" is required', InvalidParameterError),
        ("something new", EngineError),
        ("", EngineError),
    ],
)
def test_words_become_classes(message: str, kind: type[IPFSError]) -> None:
    assert type(of_message(message)) is kind
    assert type(of_message("something new", 1)) is InvalidParameterError
