"""The Pinning Service API against a real server, and against ours that fail."""

import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.conftest import PinningServer
from tests.processes import run_python
from tests.scripted_server import STALL, scripted
from tests.soon import PATIENT_SECONDS, SOON_SECONDS

from ipfs_kit_py import CancelToken, cid_of
from ipfs_kit_py._pinning.service import PinningService
from ipfs_kit_py.errors import (
    AccessDeniedError,
    CancelledError,
    ConfigurationError,
    EngineError,
    InvalidCIDError,
    InvalidParameterError,
    IPFSError,
    NotPinnedError,
    OfflineError,
    TimedOutError,
    UnreachableError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit

PROGRAM = Path(sys.executable).parent / "ipfs-kit"
TOKEN = "much-too-secret"  # noqa: S105 - of nobody
NOWHERE = str(cid_of(b"nowhere"))
PEER = "12D3KooWHS3KocADsUixdpdzvKbqPw6GDPwFUpp5TGhwxkC7AAno"
ORIGIN = f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}"


@pytest.fixture
def service(pinning_server: PinningServer) -> Iterator[PinningService]:
    with PinningService(pinning_server.url, pinning_server.token) as made:
        yield made
        for pin in list(made.ls()):
            made.rm(pin.request_id)


def test_a_pin_is_added_waited_for_and_removed(
    service: PinningService, pinning_server: PinningServer
) -> None:
    cid = pinning_server.add(os.urandom(100))
    added = service.add(cid, name="ours", origins=[ORIGIN], meta={"app": "tests"})
    assert added.status in ("queued", "pinning", "pinned")
    assert str(added.cid) == cid
    assert abs((datetime.now(UTC) - added.created).total_seconds()) < 60
    pinned = service.wait(added.request_id, timeout_seconds=30)
    assert pinned.status == "pinned"
    assert (pinned.name, pinned.origins) == ("ours", (ORIGIN,))
    assert pinned.meta == {"app": "tests"}
    assert service.get(added.request_id) == pinned
    service.rm(added.request_id)
    with pytest.raises(NotPinnedError):
        service.get(added.request_id)
    with pytest.raises(NotPinnedError):
        service.rm(added.request_id)


def test_pins_are_listed_by_name_metadata_status_and_root(
    service: PinningService, pinning_server: PinningServer
) -> None:
    cids = [pinning_server.add(os.urandom(100)) for _ in range(3)]
    for number, cid in enumerate(cids):
        pin = service.add(cid, name=f"name {number}", meta={"number": str(number)})
        service.wait(pin.request_id, timeout_seconds=30)
    assert {str(pin.cid) for pin in service.ls()} == set(cids)
    assert [str(pin.cid) for pin in service.ls(name="name 1")] == [cids[1]]
    assert [str(pin.cid) for pin in service.ls(meta={"number": "2"})] == [cids[2]]
    assert [str(pin.cid) for pin in service.ls(cids=[cids[0]])] == [cids[0]]
    assert {pin.name for pin in service.ls(status=["pinned"])} == {
        f"name {number}" for number in range(3)
    }
    assert list(service.ls(status=["failed"])) == []
    assert list(service.ls(before=datetime(2020, 1, 1, tzinfo=UTC))) == []


def test_pages_are_joined_though_times_are_whole_seconds(
    service: PinningService, pinning_server: PinningServer
) -> None:
    cids = [pinning_server.add(os.urandom(100)) for _ in range(12)]
    for at, cid in enumerate(cids):
        service.add(cid)
        if at == 5:
            time.sleep(1.2)
    found = [str(pin.cid) for pin in service.ls(page=5)]
    assert sorted(found) == sorted(cids)


def test_a_pin_is_replaced(
    service: PinningService, pinning_server: PinningServer
) -> None:
    old, new = (pinning_server.add(os.urandom(100)) for _ in range(2))
    before = service.wait(service.add(old).request_id, timeout_seconds=30)
    after = service.replace(before.request_id, new, name="new")
    assert (str(after.cid), after.name) == (new, "new")
    # Not whether it is pinned: the server may have removed the old one before it makes
    # the new one of it, and then says that it failed.
    for _ in range(100):
        if all(str(pin.cid) == new for pin in service.ls()):
            break
        time.sleep(0.1)
    assert [(str(pin.cid), pin.name) for pin in service.ls()] == [(new, "new")]


def test_what_nobody_has_is_waited_for_no_longer_than_asked(
    service: PinningService,
) -> None:
    pin = service.add(NOWHERE)
    started = time.monotonic()
    with pytest.raises((TimedOutError, EngineError)):
        service.wait(pin.request_id, timeout_seconds=1)
    assert time.monotonic() - started < SOON_SECONDS


def test_a_wrong_token_is_denied_and_never_shown(
    pinning_server: PinningServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service = PinningService(pinning_server.url, TOKEN)
    for call in CALLS:
        with pytest.raises(AccessDeniedError) as raised:
            call(service)
        shown = repr(raised.value) + repr(raised.value.__cause__) + repr(service)
        assert TOKEN not in shown + caplog.text
    service.close()


def test_what_makes_no_sense_is_refused(service: PinningService) -> None:
    with pytest.raises(InvalidCIDError):
        service.add("nonsense")
    with pytest.raises(InvalidParameterError):
        service.get("nonsense")
    with pytest.raises(InvalidParameterError):
        service.get("")
    with pytest.raises(InvalidParameterError):
        list(service.ls(status=["bogus"]))  # type: ignore[list-item] # on purpose
    with pytest.raises(InvalidParameterError):
        list(service.ls(page=0))


CALLS: list[Callable[[PinningService], object]] = [
    lambda service: service.add(NOWHERE),
    lambda service: service.get(NOWHERE),
    lambda service: service.replace(NOWHERE, NOWHERE),
    lambda service: service.rm(NOWHERE),
    lambda service: list(service.ls()),
    lambda service: service.wait(NOWHERE, timeout_seconds=1),
]


def reply(
    value: object, status: str = "200 OK", *, headers: str = "", cut: int = 0
) -> bytes:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body[: len(body) - cut]


def told(
    key: str = "key", status: str = "pinned", created: datetime | None = None
) -> dict[str, Any]:
    when = created or datetime.now(UTC)
    return {
        "requestid": key,
        "status": status,
        "created": when.isoformat(),
        "pin": {"cid": NOWHERE},
        "delegates": [],
    }


def test_a_closed_service_is_unreachable() -> None:
    for call in CALLS:
        with (
            PinningService("http://127.0.0.1:1", TOKEN) as service,
            pytest.raises(UnreachableError) as raised,
        ):
            call(service)
        assert raised.value.recoverable


NO_STATUS = (reply(b"{nonsense"), reply(b"[" * 100_000))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            reply({"error": {"reason": "X", "details": "the reason"}}, "401 No"),
            AccessDeniedError,
        ),
        (reply({"error": {"reason": "the reason"}}, "400 No"), InvalidParameterError),
        (reply(b"<html>the reason", "500 Oh"), UnreachableError),
        (
            reply(b"", "302 Found", headers="Location: http://127.0.0.1:1/\r\n"),
            EngineError,
        ),
        (reply(told(), cut=5), UnreachableError),
        (NO_STATUS[0], UnreachableError),
        (NO_STATUS[1], UnreachableError),
        (STALL, TimedOutError),
        (b"nonsense\r\n\r\n", UnreachableError),
    ],
    ids=["401", "400", "500", "302", "cut", "nonsense", "deep", "stall", "no-http"],
)
def test_a_failing_service_is_an_error_of_a_kind(
    call: Callable[[PinningService], object], answer: bytes, kind: type[IPFSError]
) -> None:
    if call is CALLS[3] and answer in NO_STATUS:
        # Of what is removed no status is read.
        return
    stall = 0.5 if answer is STALL else PATIENT_SECONDS
    with (
        scripted([answer]) as server,
        PinningService(server.url, TOKEN, stall_seconds=stall) as service,
        pytest.raises(kind) as raised,
    ):
        call(service)
    if b"reason" in answer and b"html" not in answer:
        assert "the reason" in str(raised.value)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {"status": "pinned"},
        told() | {"status": "well"},
        told() | {"created": "yesterday"},
        told() | {"pin": {"cid": "none"}},
        told() | {"pin": {"cid": NOWHERE, "name": 5}},
        told() | {"delegates": "none"},
        told() | {"requestid": ""},
    ],
)
def test_a_status_that_is_none_is_refused(wrong: object) -> None:
    page = {"count": 1, "results": [wrong]}
    for value, call in ((wrong, CALLS[1]), (page, CALLS[4])):
        with (
            scripted([reply(value)]) as server,
            PinningService(server.url, TOKEN) as service,
            pytest.raises(UnreachableError, match="broken"),
        ):
            call(service)


def test_a_busy_service_is_asked_again_when_it_says() -> None:
    busy = reply(b"", "429 Too Many Requests", headers="Retry-After: 1\r\n")
    with (
        scripted([busy], [reply(told())]) as server,
        PinningService(server.url, TOKEN) as service,
    ):
        started = time.monotonic()
        assert service.add(NOWHERE).status == "pinned"
        assert time.monotonic() - started >= 1
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for told_time in ("3600", later):
        busy = reply(b"", "429 Busy", headers=f"Retry-After: {told_time}\r\n")
        with (
            scripted([busy]) as server,
            PinningService(server.url, TOKEN) as service,
            pytest.raises(UnreachableError) as raised,
        ):
            service.add(NOWHERE)
        assert raised.value.recoverable
        assert len(server.requests) == 1


def test_what_changes_something_is_not_sent_twice() -> None:
    with scripted([b""]) as server, PinningService(server.url, TOKEN) as service:
        for call in (CALLS[0], CALLS[2], CALLS[3]):
            server.requests.clear()
            with pytest.raises(UnreachableError):
                call(service)
            assert len(server.requests) == 1
        server.requests.clear()
        with pytest.raises(UnreachableError):
            CALLS[1](service)
        assert len(server.requests) == 3


@pytest.mark.parametrize("kind", ["same", "none", "newer"])
def test_pages_that_never_end_do(kind: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    answers = [
        [
            reply(
                {
                    "count": 100,
                    "results": {
                        "same": [told("same", created=now)],
                        "none": [],
                        "newer": [told(str(at), created=now + timedelta(seconds=at))],
                    }[kind],
                }
            )
        ]
        for at in range(20)
    ]
    with (
        scripted(*answers) as server,
        PinningService(server.url, TOKEN) as service,
        pytest.raises(UnreachableError, match="lead nowhere"),
    ):
        list(service.ls())


def test_a_failed_pin_says_why() -> None:
    failed = told(status="failed") | {"info": {"status_details": "the disk is full"}}
    answers = [[reply(told(status="queued"))], [reply(failed)]]
    with (
        scripted(*answers) as server,
        PinningService(server.url, TOKEN) as service,
        pytest.raises(EngineError, match="the disk is full"),
    ):
        service.wait("key")


def test_waiting_can_be_stopped() -> None:
    with scripted([reply(told(status="queued"))]) as server:
        service, token = PinningService(server.url, TOKEN), CancelToken()
        threading.Timer(0.3, token.cancel).start()
        with token, pytest.raises(CancelledError):
            service.wait("key")
        service.close()


def test_nothing_is_asked_offline() -> None:
    service = PinningService("http://127.0.0.1:1", TOKEN, offline=True)
    for call in CALLS:
        with pytest.raises(OfflineError):
            call(service)


@pytest.mark.parametrize("url", ["ftp://host", "host", "http://u:p@host", "http://h?a=b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        PinningService(url, TOKEN)


@pytest.mark.parametrize("token", ["", "a b", "a\r\nb", "ü"])
def test_a_token_that_is_no_header_is_refused_unseen(token: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        PinningService("http://host", token)
    assert not token or token not in str(raised.value)


def test_the_kit_gives_results(pinning_server: PinningServer, tmp_path: Path) -> None:
    services = {"ours": {"endpoint": pinning_server.url, "token": pinning_server.token}}
    settings = {"ipfs_path": str(tmp_path / "store"), "pinning_services": services}
    with ipfs_kit(metadata=settings) as kit:
        listed = kit.ipfs_pin_remote_service_ls()
        assert listed["services"] == [{"name": "ours", "endpoint": pinning_server.url}]
        assert pinning_server.token not in str(kit.ipfs_get_config())
        cid = pinning_server.add(os.urandom(100))
        added = kit("ipfs_pin_remote_add", cid=cid, name="kit", background=False)
        assert added["success"]
        assert added["cid"] == added["Hash"] == cid
        assert added["status"] == "pinned"
        key = added["request_id"]
        assert kit.ipfs_pin_remote_get(key, "ours")["name"] == "kit"
        assert kit.ipfs_pin_remote_wait(key)["success"]
        assert kit.ipfs_pin_remote_ls(name="kit")["count"] == 1
        other = pinning_server.add(os.urandom(100))
        replaced = kit.ipfs_pin_remote_replace(key, other)
        assert kit.ipfs_pin_remote_rm(replaced["request_id"])["success"]
        gone = kit.ipfs_pin_remote_rm(key)
        assert gone["not_found"]
        assert gone["error_type"] == "NotPinnedError"
        assert kit.ipfs_pin_remote_ls("none")["error_code"] == "configuration"


def test_the_command_line_adds_lists_and_removes(
    pinning_server: PinningServer, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    plain = {key: it for key, it in os.environ.items() if not key.startswith("IPFS_")}

    def run(*args: str, stdin: str | None = None, code: int = 0) -> str:
        done = subprocess.run(
            [PROGRAM, "--config", config, "pin", "remote", *args],
            input=stdin,
            capture_output=True,
            text=True,
            env=plain | {"HOME": str(tmp_path)},
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert pinning_server.token not in done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    config.write_text("# ours\nrole: leecher\n")
    endpoint = pinning_server.url
    run("service", "add", "one", endpoint, stdin=pinning_server.token + "\n")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert config.read_text().startswith("# ours\n")
    found = yaml.safe_load(config.read_text())["pinning_services"]
    assert found == {"one": {"endpoint": endpoint, "token": pinning_server.token}}
    assert run("service", "ls") == f"one {endpoint}\n"
    assert json.loads(run("service", "ls", "--json")) == {
        "name": "one",
        "endpoint": endpoint,
    }
    assert "already" in run("service", "add", "one", endpoint, "t", code=1)
    cid = pinning_server.add(os.urandom(100))
    assert (
        run("add", "-q", "--name", "by hand", "--meta", "a=b", f"/ipfs/{cid}")
        == f"{cid}\n"
    )
    shown = json.loads(run("ls", "--service", "one", "--name", "by hand", "--json"))
    assert (shown["cid"], shown["status"], shown["meta"]) == (cid, "pinned", {"a": "b"})
    assert run("ls", "--cid", cid).startswith(
        f"{cid} pinned {shown['request_id']} by hand"
    )
    assert run("rm", "-q", "--name", "by hand") == f"{shown['request_id']}\n"
    assert "no such pin" in run("rm", "--name", "by hand", code=1)
    assert "either REQUEST_ID" in run("rm", code=2)
    assert run("service", "rm", "-q", "one") == "one\n"
    assert "no pinning services" in run("ls", code=1)


# Each adds pins that the other does not; a reply to the other would show.
FORKED = """
import os, sys, warnings
from ipfs_kit_py import cid_of
from ipfs_kit_py._pinning.service import PinningService

warnings.filterwarnings("ignore", category=DeprecationWarning)
service = PinningService(sys.argv[1], sys.argv[2])
list(service.ls())
pid = os.fork()
for n in range(20):
    cid = cid_of(f"{pid == 0} {n}".encode())
    assert service.add(cid).cid == cid
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.usefixtures("service")
def test_a_forked_process_has_connections_of_its_own(
    pinning_server: PinningServer,
) -> None:
    run_python(FORKED, pinning_server.url, pinning_server.token)
