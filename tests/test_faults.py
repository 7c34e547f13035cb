"""What becomes of a call when a store, a pinning service or a node fails.

The tables of `docs/s3.md`, `docs/remote-pinning.md` and `docs/kubo.md` have a row for
each fault: what is done here, and which error each call gives. Each is done to a real
server on loopback, through a kit, in bounded time; a row without a test, or one that
names another error, fails. Gateways have a table and tests of their own.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.scripted_server import ENDLESS, STALL, scripted
from tests.soon import PATIENT_SECONDS

from ipfs_kit_py import cid_of
from ipfs_kit_py._results import Result
from ipfs_kit_py.errors import IPFSError
from ipfs_kit_py.ipfs_kit import ipfs_kit

DOCS = Path(__file__).parents[1] / "docs"
CONTENT = str(cid_of(b"content"))
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG_HEAD = b"X-More: " + b"x" * 60_000 + b"\r\n"

Call = Callable[[Any], object]
Answer = list[bytes] | None


def reply(
    body: bytes = b"", status: str = "200 OK", length: int | None = None, more: str = ""
) -> list[bytes]:
    """Make a reply that says it has `length` bytes."""
    size = len(body) if length is None else length
    head = (
        f'HTTP/1.1 {status}\r\nETag: "{"0" * 32}"\r\n'
        f"Last-Modified: Sun, 22 Nov 2026 07:00:00 GMT\r\n{more}"
        f"Content-Length: {size}\r\n\r\n"
    )
    return [head.encode() + body]


class Adapter(NamedTuple):
    """What is tested: its page, its settings by URL, and calls through a kit."""

    page: str
    settings: Callable[[str], dict[str, Any]]
    calls: Mapping[str, Call]


ADAPTERS = {
    "S3": Adapter(
        "s3.md",
        lambda url: {
            "s3cfg": {"endpoint": url, "anonymous": True, "bucket": "b", "prefix": "p"}
        },
        {
            "list": lambda kit: kit.s3_kit.s3_ls_dir("a"),
            "get": lambda kit: kit.s3_kit.s3_get_object("b", "a"),
            "put": lambda kit: kit.s3_kit.s3_ul_file(b"x", "a"),
            "remove": lambda kit: kit.s3_kit.s3_rm_file("a"),
            "read a block": lambda kit: kit.ipfs.cat(CONTENT),
        },
    ),
    "pinning": Adapter(
        "remote-pinning.md",
        lambda url: {"pinning_services": {"one": {"endpoint": url, "token": "x"}}},
        {
            "list": lambda kit: kit.ipfs_pin_remote_ls(),
            "add": lambda kit: kit.ipfs_pin_remote_add(CONTENT),
            "look": lambda kit: kit.ipfs_pin_remote_get("key"),
            "replace": lambda kit: kit.ipfs_pin_remote_replace("key", CONTENT),
            "remove": lambda kit: kit.ipfs_pin_remote_rm("key"),
        },
    ),
    "Kubo": Adapter(
        "kubo.md",
        lambda url: {"api_url": url, "engine": "kubo"},
        {
            "cat": lambda kit: kit.ipfs.cat(CONTENT),
            "list pins": lambda kit: kit.ipfs.pin_ls(),
            "add": lambda kit: kit.ipfs.add_bytes(b"x"),
            "read a block": lambda kit: kit.reader.block_get(CONTENT),
            "stat": lambda kit: kit.engine.stats(),
        },
    ),
}

FAULTS: dict[str, Answer] = {
    "nobody listens": None,
    "takes the request and says nothing": [STALL],
    "stops in the middle of a reply": [*reply(b"half", length=1000), STALL],
    "hangs up without a word": [b""],
    "cuts a reply off": reply(b"half", length=1000),
    "sends more than it says": reply(b"more than it says", length=7),
    "answers with a web page": reply(b"<html>welcome</html>"),
    "sends other bytes": reply(b"other bytes"),
    "sends a body without end": [CHUNKED, ENDLESS],
    "sends a head without end": [b"HTTP/1.1 200 OK\r\n", *[LONG_HEAD] * 40],
    "speaks no HTTP": [b"220 this is a mail server\r\n\r\n"],
    "answers 500": reply(status="500 Oh"),
    "answers 429": reply(status="429 Later"),
    "answers 403": reply(status="403 No"),
    "answers 404": reply(status="404 None"),
    "redirects": reply(status="302 Found", more="Location: http://127.0.0.1:1/\r\n"),
}


def rows(page: str) -> dict[str, set[str]]:
    """Read the table of a page: each fault, and the errors that it names."""
    text = (DOCS / page).read_text(encoding="utf-8")
    table = text.partition("| fault |")[2].partition("\n\n")[0]
    found = {}
    for line in table.splitlines()[2:]:
        fault, told = [cell.strip() for cell in line.strip("|").split("|")][:2]
        found[fault] = set(re.findall(r"`(\w+Error)`", told))
    return found


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_row_of_a_table_is_tested(name: str) -> None:
    assert rows(ADAPTERS[name].page).keys() == FAULTS.keys()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ADAPTERS)
def test_a_fault_gives_the_error_of_its_row(
    name: str, fault: str, tmp_path: Path
) -> None:
    adapter, answer = ADAPTERS[name], FAULTS[fault]
    api = 0.5 if STALL in (answer or []) else PATIENT_SECONDS
    came: dict[str, str] = {}
    with ExitStack() as stack:
        url = "http://127.0.0.1:9"
        if answer is not None:
            url = stack.enter_context(scripted(answer)).url
        given = {
            "ipfs_path": str(tmp_path / "repository"),
            "cache_config": {"disk_cache_path": str(tmp_path / "cache")},
            "timeouts": {"api": api},
        }
        for what, call in adapter.calls.items():
            start = time.monotonic()
            with ipfs_kit(metadata=given | adapter.settings(url)) as kit:
                came[what] = outcome(call, kit)
            assert time.monotonic() - start < 15, what
    failed = {error for error in came.values() if error != "nothing"}
    told = rows(adapter.page)[fault]
    assert failed == told, came
    # What is removed is told by the status alone.
    calm = {what for what, error in came.items() if error == "nothing"}
    assert calm <= {"remove"}, came


def outcome(call: Call, kit: object) -> str:
    """Say how a call ends: in a result dictionary, or by raising."""
    try:
        result = call(kit)
    except IPFSError as error:
        return type(error).__name__
    if isinstance(result, Result) and not result["success"]:
        return str(result["error_type"])
    return "nothing"
