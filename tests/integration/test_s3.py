"""`s3_kit` and the S3 source against a real server."""

import asyncio
import hashlib
import io
import logging
import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import S3Gateway
from tests.scripted_server import STALL, scripted
from tests.soon import PATIENT_SECONDS, SOON_SECONDS, wait_until
from tests.test_closing import sockets

from ipfs_kit_py import CID, CancelToken, Repository, aio, cid_of
from ipfs_kit_py.errors import (
    AccessDeniedError,
    CancelledError,
    ConfigurationError,
    FileChangedError,
    ForkedError,
    IntegrityError,
    InvalidNameError,
    InvalidParameterError,
    IPFSError,
    OfflineError,
    PathNotFoundError,
    TimedOutError,
    UnreachableError,
    UnsafePathError,
    UnsupportedFileError,
)
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.s3_kit import s3_kit

LARGE_BYTES = 64 << 20
MD5_OF_HELLO = "5d41402abc4b2a76b9719d911017c592"


@pytest.fixture(autouse=True)
def plain_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own keys, regions and profiles."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "IPFS_KIT_S3"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def s3(s3_gateway: S3Gateway) -> Iterator[s3_kit]:
    kit = opened(s3_gateway)
    yield kit
    kit.close()


def opened(gateway: S3Gateway, **settings: Any) -> s3_kit:
    given = {"s3cfg": gateway.settings, "timeouts": {"api": PATIENT_SECONDS}} | settings
    return s3_kit(metadata=given)


def keys(listed: list[dict[str, Any]]) -> list[str]:
    return [it["key"] for it in listed]


def test_an_object_goes_up_and_comes_down(s3: s3_kit, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"hello")
    put = s3.s3_ul_file(file, "folder/a.txt", "tests")
    assert put.keys() == {"key", "last_modified", "size", "e_tag", "local_path"}
    assert (put["key"], put["size"], put["e_tag"]) == ("folder/a.txt", 5, MD5_OF_HELLO)
    assert abs(put["last_modified"] - time.time()) < 60
    looked = s3.s3_ls_file("folder/a.txt", "tests")
    assert looked == {key: it for key, it in put.items() if key != "local_path"}
    got = s3.s3_dl_file("folder/a.txt", tmp_path / "b.txt", "tests")
    assert got == looked | {"local_path": str(tmp_path / "b.txt")}
    assert (tmp_path / "b.txt").read_bytes() == b"hello"
    assert s3.s3_get_object("tests", "folder/a.txt") == b"hello"
    assert s3.s3_rm_file("folder/a.txt", "tests") == looked
    assert s3.s3_ls_dir() == []


def test_methods_are_called_by_name_with_settings_of_their_own(
    s3_gateway: S3Gateway, tmp_path: Path
) -> None:
    kit = ipfs_kit(metadata={"ipfs_path": str(tmp_path / "store")})
    given = s3_gateway.settings
    other = {
        "aws_access_key_id": given["accessKey"],
        "aws_secret_access_key": given["secretKey"],
        "endpoint_url": given["endpoint"],
    }
    kit.s3_kit("ul_file", upload_file=b"x", path="x", bucket="tests", s3cfg=given)
    assert keys(kit.s3_kit("s3_ls_dir", dir="", bucket_name="tests", s3cfg=other)) == [
        "x"
    ]
    assert kit("s3_ls_file", filekey="x", bucket="tests", s3cfg=given)["size"] == 1
    assert kit.s3_ls_file("x", s3cfg=given)["size"] == 1
    assert kit.s3_kit.ls_file("x", s3cfg=given)["size"] == 1
    with pytest.raises(ValueError, match="Unknown method: format"):
        kit.s3_kit("format")
    with pytest.raises(ConfigurationError, match="accesKey"):
        kit.s3_kit.ls_dir(s3cfg={"accesKey": "x"})
    copy = pickle.loads(pickle.dumps(kit.s3_kit))  # noqa: S301 - our own
    assert copy.ls_file("x", s3cfg=given)["size"] == 1
    kit.close()


def test_open_files_stream_and_tell_their_steps(s3: s3_kit) -> None:
    data = os.urandom(20 << 20)
    steps: list[int] = []

    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self.rest.read(size)

    found = s3.s3_upload_object(
        Unseekable(),  # type: ignore[arg-type] # it only reads
        "tests",
        "stream",
        progress_callback=steps.append,
    )
    assert found["size"] == sum(steps) == len(data)
    assert len(steps) > 10
    out, steps = io.BytesIO(), []
    s3.s3_download_object(out, "tests", "stream", progress_callback=steps.append)
    assert out.getvalue() == data
    assert sum(steps) == len(data)


def test_large_files_go_in_parts_and_are_verified(s3: s3_kit, tmp_path: Path) -> None:
    file, told = tmp_path / "large", []
    data = os.urandom(LARGE_BYTES)
    file.write_bytes(data)
    put = s3.s3_ul_file(file, "large", progress=lambda *at: told.append(at))
    assert put["e_tag"].endswith("-8")
    assert told[-1] == (LARGE_BYTES, 0)
    s3.s3_dl_file("large", tmp_path / "again")
    found = hashlib.sha256((tmp_path / "again").read_bytes()).digest()
    assert found == hashlib.sha256(data).digest()
    assert not list(tmp_path.glob(".*"))


def test_a_changed_object_is_found_by_the_hash_kept_with_it(
    s3: s3_kit, s3_gateway: S3Gateway, tmp_path: Path
) -> None:
    data = os.urandom(12 << 20)
    (tmp_path / "file").write_bytes(data)
    s3.s3_ul_file(tmp_path / "file", "parts")
    s3.s3_ul_file(b"whole", "whole")
    for name in ("parts", "whole"):
        stored = s3_gateway.bucket("tests") / name
        with stored.open("r+b") as file:
            file.write(b"changed")
        with pytest.raises(IntegrityError, match=name):
            s3.s3_dl_file(name, tmp_path / f"{name}.out")
        with pytest.raises(IntegrityError):
            s3.s3_get_object("tests", name)
        assert not (tmp_path / f"{name}.out").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_changes_meanwhile_is_not_put(s3: s3_kit, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(40 << 20))

    def change(_bytes: int, _files: int) -> None:
        with file.open("r+b") as out:
            out.seek(-1, os.SEEK_END)
            out.write(b"x")

    with pytest.raises(FileChangedError):
        s3.s3_ul_file(file, "changing", progress=change)
    with pytest.raises(PathNotFoundError):
        s3.s3_ls_file("changing")


def test_a_download_goes_on_where_it_was_stopped(s3: s3_kit, tmp_path: Path) -> None:
    data = os.urandom(24 << 20)
    s3.s3_ul_file(data, "large")
    target, token, is_over = tmp_path / "out", CancelToken(), threading.Event()
    fetching: list[threading.Thread] = []

    def stop(done: int, _files: int) -> None:
        if done >= 8 << 20:
            fetching.append(threading.current_thread())
            token.cancel()
            is_over.wait(SOON_SECONDS)

    with token, pytest.raises(CancelledError):
        s3.s3_dl_file("large", target, progress=stop)
    # The thread that fetches sees it a moment later.
    is_over.set()
    fetching[0].join()
    [part] = tmp_path.glob(".out.*.part")
    kept = part.stat().st_size
    assert 8 << 20 <= kept < len(data)
    assert not target.exists()
    steps: list[int] = []
    s3.s3_dl_file("large", target, progress=lambda done, _: steps.append(done))
    assert target.read_bytes() == data
    assert not part.exists()
    # What was there is read again in larger pieces than what comes.
    assert steps[-1] == len(data)


def test_the_part_of_an_older_object_is_thrown_away(s3: s3_kit, tmp_path: Path) -> None:
    s3.s3_ul_file(b"new content", "file")
    (tmp_path / ".out.0123456789abcdef.part").write_bytes(b"old")
    s3.s3_dl_file("file", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"new content"
    assert not list(tmp_path.glob(".out*"))


def test_a_damaged_part_is_fetched_anew(s3: s3_kit, tmp_path: Path) -> None:
    found = s3.s3_ul_file(b"content", "file")
    tag = hashlib.sha256(found["e_tag"].encode()).hexdigest()[:16]
    for part in (b"wrong", b"content", b"longer than it"):
        (tmp_path / f".out.{tag}.part").write_bytes(part)
        s3.s3_dl_file("file", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == b"content"
        assert not list(tmp_path.glob(".out*"))


def test_two_downloads_of_one_file_do_not_mix(s3: s3_kit, tmp_path: Path) -> None:
    data = os.urandom(16 << 20)
    s3.s3_ul_file(data, "large")
    threads = [
        threading.Thread(target=s3.s3_dl_file, args=("large", tmp_path / "out"))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "out").read_bytes() == data
    assert not list(tmp_path.glob(".out*"))


def test_folders_go_both_ways_with_all_their_names(
    s3: s3_kit, tree: Path, tmp_path: Path
) -> None:
    done = s3.s3_ul_dir(tree, "trees/one")
    assert "trees/one/sub/100% #1?.txt" in keys(done)
    assert "trees/one/empty folder/" in keys(done)
    assert keys(s3.s3_ls_dir("trees/one")) == sorted(keys(done), key=str.encode)
    files: list[int] = []
    s3.s3_dl_dir(
        "/trees/one/", tmp_path / "back", progress=lambda _, count: files.append(count)
    )
    names = {path.relative_to(tree) for path in tree.rglob("*")}
    assert {
        it.relative_to(tmp_path / "back") for it in (tmp_path / "back").rglob("*")
    } == (names)
    for name in names:
        if (tree / name).is_file():
            assert (tmp_path / "back" / name).read_bytes() == (tree / name).read_bytes()
    assert files[-1] == sum(path.is_file() for path in tree.rglob("*"))


def test_folders_are_copied_moved_and_removed(s3: s3_kit, tree: Path) -> None:
    count = len(s3.s3_ul_dir(tree, "a"))
    assert len(s3.s3_cp_dir("a", "b/c")) == count
    assert len(s3.s3_mv_dir("b/c", "d")) == count
    assert s3.s3_ls_dir("b") == []
    assert len(s3.s3_rm_dir("a")) == count
    assert len(s3.s3_ls_dir("")) == len(s3.s3_ls_dir("d")) == count
    s3.s3_cp_file("d/a.txt", "e")
    assert s3.s3_mv_file("e", "f")["key"] == "f"
    assert s3.s3_get_object("tests", "f") == b"one\n"
    with pytest.raises(PathNotFoundError):
        s3.s3_ls_file("e")
    with pytest.raises(InvalidParameterError, match="lie in each other"):
        s3.s3_cp_dir("d", "d/e")
    with pytest.raises(InvalidParameterError, match="whole bucket"):
        s3.s3_rm_dir("")


def test_an_empty_folder_can_be_made_and_comes_down(s3: s3_kit, tmp_path: Path) -> None:
    assert s3.s3_mk_dir("new/empty")["key"] == "new/empty/"
    assert keys(s3.s3_ls_dir("new")) == ["new/empty/"]
    assert s3.s3_ls_dir("new/empty") == []
    s3.s3_dl_dir("new", tmp_path / "out")
    assert (tmp_path / "out" / "empty").is_dir()


def test_a_list_goes_over_many_pages(s3: s3_kit, s3_gateway: S3Gateway) -> None:
    folder = s3_gateway.bucket("tests") / "many"
    s3.s3_ul_file(b"x", "many/first")
    for number in range(1199):
        (folder / f"{number:04}").write_bytes(b"")
    listed = s3.s3_ls_dir("many")
    assert len(set(keys(listed))) == 1200
    assert keys(listed) == sorted(keys(listed))
    assert len(s3.s3_rm_dir("many")) == 1200


@pytest.mark.parametrize(
    "key",
    ["ü/ 大.txt", "a+b & c=d;e", "100% #1?.txt", "a\\b", "emoji😀", "~*()!'\"<>|:,@$"],
)
def test_odd_keys_are_kept_as_they_are(s3: s3_kit, tmp_path: Path, key: str) -> None:
    s3.s3_ul_file(b"odd", f"odd/{key}")
    assert keys(s3.s3_ls_dir("odd")) == [f"odd/{key}"]
    s3.s3_dl_dir("odd", tmp_path / "out")
    assert (tmp_path / "out" / key).read_bytes() == b"odd"
    assert s3.s3_rm_file(f"odd/{key}")["size"] == 3


@pytest.mark.parametrize(
    "key", ["", "a//b", "../a", "a/./b", "a/..", "a/", "a\nb", "x" * 1025]
)
def test_keys_that_cannot_be_used_are_refused(s3: s3_kit, key: str) -> None:
    with pytest.raises(InvalidNameError):
        s3.s3_ul_file(b"x", key)
    with pytest.raises(InvalidNameError):
        s3.s3_ls_file(key)


@pytest.mark.parametrize("key", ["evil/../../out.txt", "evil//x", "evil/./x"])
def test_no_key_leads_out_of_the_folder(s3: s3_kit, tmp_path: Path, key: str) -> None:
    s3.s3_ul_file(b"good", "evil/good")
    s3.s3_get_session().rest.put_mark("tests", "evil/fine/")
    page = s3.s3_get_session().rest

    def objects(bucket: str, prefix: str) -> Any:
        yield from type(page).objects(page, bucket, prefix)
        first = next(iter(type(page).objects(page, bucket, prefix)))
        yield first._replace(key=key)

    page.objects = objects  # type: ignore[method-assign] # what a hostile store would list
    with pytest.raises(UnsafePathError):
        s3.s3_dl_dir("evil", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_key_that_cannot_be_used_does_not_hide_the_others(s3: s3_kit) -> None:
    s3.s3_ul_file(b"x", "mixed/plain")
    rest = s3.s3_get_session().rest
    rest.put_mark("tests", "mixed/new\nline")
    assert keys(s3.s3_ls_dir("mixed")) == ["mixed/new\nline", "mixed/plain"]
    assert len(s3.s3_rm_dir("mixed")) == 2
    assert s3.s3_ls_dir("mixed") == []


def test_what_is_no_file_is_refused_before_anything_is_put(
    s3: s3_kit, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"x")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    with pytest.raises(UnsupportedFileError, match="loop"):
        s3.s3_ul_dir(tmp_path / "in", "in")
    assert s3.s3_ls_dir() == []
    with pytest.raises(PathNotFoundError):
        s3.s3_ul_dir(tmp_path / "none", "in")


CALLS: list[Callable[[s3_kit, Path], object]] = [
    lambda s3, _: s3.s3_ls_dir("a"),
    lambda s3, _: s3.s3_ls_file("a"),
    lambda s3, _: s3.s3_rm_file("a"),
    lambda s3, _: s3.s3_rm_dir("a"),
    lambda s3, _: s3.s3_cp_file("a", "b"),
    lambda s3, _: s3.s3_cp_dir("a", "b"),
    lambda s3, _: s3.s3_mk_dir("a"),
    lambda s3, at: s3.s3_dl_file("a", at / "out"),
    lambda s3, at: s3.s3_dl_dir("a", at / "out"),
    lambda s3, _: s3.s3_get_object("tests", "a"),
    lambda s3, _: s3.s3_ul_file(b"x", "a"),
    lambda s3, _: s3.s3_ul_file(io.BytesIO(bytes(1 << 20)), "a"),
]


def test_what_is_not_there_is_not_found(s3: s3_kit, tmp_path: Path) -> None:
    for call in CALLS[1:6] + CALLS[7:10]:
        with pytest.raises(PathNotFoundError) as raised:
            call(s3, tmp_path)
        assert isinstance(raised.value, FileNotFoundError)
        assert s3.s3_ls_dir() == []


def test_a_bucket_that_is_not_there_is_named(
    s3_gateway: S3Gateway, tmp_path: Path
) -> None:
    s3 = opened(s3_gateway, s3cfg=s3_gateway.settings | {"bucket": "no-such-bucket"})
    for call in (CALLS[0], *CALLS[6:9], *CALLS[10:]):
        with pytest.raises(PathNotFoundError, match="no-such-bucket"):
            call(s3, tmp_path)


@pytest.mark.parametrize("key", ["accessKey", "secretKey"])
def test_a_wrong_key_is_denied_and_never_shown(
    s3_gateway: S3Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "much-too-secret"  # noqa: S105 - of nobody
    settings = s3_gateway.settings | {key: secret}
    s3 = opened(s3_gateway, s3cfg=settings)
    for call in CALLS:
        with pytest.raises(AccessDeniedError) as raised:
            call(s3, tmp_path)
        assert isinstance(raised.value, PermissionError)
        shown = repr(raised.value) + repr(raised.value.__cause__) + repr(s3) + caplog.text
        assert not raised.value.__suppress_context__ or raised.value.__cause__ is None
        assert secret not in shown
    assert secret not in repr(s3.s3_get_session().settings)


def test_a_closed_store_is_unreachable(s3_gateway: S3Gateway, tmp_path: Path) -> None:
    s3_gateway.stop()
    for call in CALLS:
        with pytest.raises(UnreachableError) as raised:
            call(opened(s3_gateway), tmp_path)
        assert raised.value.recoverable


@pytest.mark.parametrize("at", range(len(CALLS)))
def test_a_silent_store_is_given_up(
    s3_gateway: S3Gateway, tmp_path: Path, at: int
) -> None:
    s3_gateway.signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(TimedOutError):
        CALLS[at](opened(s3_gateway, timeouts={"api": 1}), tmp_path)
    assert time.monotonic() - started < 15


def test_a_stopped_call_ends_at_once(s3_gateway: S3Gateway, tmp_path: Path) -> None:
    s3_gateway.signal(signal.SIGSTOP)
    s3 = opened(s3_gateway, timeouts={"api": 60})
    for call in CALLS[:3]:
        token = CancelToken()
        threading.Timer(0.2, token.cancel).start()
        started = time.monotonic()
        with token, pytest.raises(CancelledError):
            call(s3, tmp_path)
        assert time.monotonic() - started < SOON_SECONDS


def reply(body: bytes, *, length: int | None = None, status: str = "200 OK") -> bytes:
    size = len(body) if length is None else length
    head = (
        f'HTTP/1.1 {status}\r\nETag: "{"0" * 32}-2"\r\n'
        "Last-Modified: Sun, 22 Nov 2026 07:00:00 GMT\r\n"
        f"Content-Length: {size}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize(
    "answer",
    [
        [reply(b"short", length=5000)],
        [reply(b"short", length=5000), STALL],
        [b"nonsense\r\n\r\n"],
        [b""],
        [STALL],
        [reply(b"", status="500 Internal Server Error")],
        [reply(b"", status="503 Slow Down")],
    ],
)
def test_broken_replies_are_no_objects(tmp_path: Path, answer: list[bytes]) -> None:
    with scripted(answer) as server:
        s3 = s3_kit(
            metadata={
                "s3cfg": {"endpoint": server.url, "bucket": "tests", "anonymous": True},
                "timeouts": {"api": 1},
            }
        )
        for call in (CALLS[0], CALLS[7], CALLS[9]):
            with pytest.raises((UnreachableError, TimedOutError)):
                call(s3, tmp_path)
        assert not (tmp_path / "out").exists()


def page(keys: str, token: str = "") -> bytes:
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return reply(
        f"<ListBucketResult><IsTruncated>{str(bool(token)).lower()}</IsTruncated>"
        f"{more}{keys}</ListBucketResult>".encode()
    )


@pytest.mark.parametrize(
    "answer",
    [
        page("<Contents><Key>a</Key></Contents>"),
        page("", "again"),
        reply(b"<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>"),
        reply(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
        reply(b"{}"),
        reply(b"<html>welcome</html>"),
    ],
)
def test_broken_lists_are_no_lists(answer: bytes) -> None:
    with scripted([answer]) as server:
        s3cfg = {"endpoint": server.url, "bucket": "tests", "anonymous": True}
        s3 = s3_kit(metadata={"s3cfg": s3cfg, "timeouts": {"api": PATIENT_SECONDS}})
        with pytest.raises(UnreachableError):
            s3.s3_ls_dir()


def test_nothing_is_asked_offline(s3_gateway: S3Gateway, tmp_path: Path) -> None:
    s3 = opened(s3_gateway, offline=True)
    for call in CALLS:
        with pytest.raises(OfflineError):
            call(s3, tmp_path)


def test_keys_come_from_variables_and_profiles(
    s3_gateway: S3Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = s3_gateway.ACCESS_KEY, s3_gateway.SECRET_KEY
    given = {"s3cfg": {"endpoint": s3_gateway.url, "bucket": "tests"}}
    with pytest.raises(ConfigurationError, match="no access key"):
        s3_kit(metadata=given).s3_ls_dir()
    aws = tmp_path / "home" / ".aws"
    aws.mkdir(parents=True)
    (aws / "credentials").write_text(
        "[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n"
        f"[ours]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    (aws / "config").write_text(
        f"[profile ours]\nregion = us-east-1\nendpoint_url = {s3_gateway.url}\n"
    )
    with pytest.raises(AccessDeniedError):
        s3_kit(metadata=given).s3_ls_dir()
    monkeypatch.setenv("AWS_PROFILE", "ours")
    assert s3_kit(metadata={"s3cfg": {"bucket": "tests"}}).s3_ls_dir() == []
    monkeypatch.delenv("AWS_PROFILE")
    assert s3_kit(metadata=given).s3_ls_dir(s3cfg={"profile": "ours"}) == []
    with pytest.raises(ConfigurationError, match="profile none"):
        s3_kit(metadata=given).s3_ls_dir(s3cfg={"profile": "none"})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    with pytest.raises(ConfigurationError, match="secret_access_key is not given"):
        s3_kit(metadata=given).s3_ls_dir()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    # What obstore would read by itself.
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert s3_kit(metadata=given).s3_ls_dir() == []
    assert s3_kit(metadata=given).s3_ul_file(b"x", "x")["size"] == 1
    boto = s3_kit(metadata=given).s3_config_to_boto()
    assert boto["aws_secret_access_key"] == secret
    assert boto["endpoint_url"] == s3_gateway.url
    (aws / "credentials").write_text("nonsense: of many [kinds\n= x")
    with pytest.raises(ConfigurationError, match="no file of AWS profiles"):
        s3_kit(metadata=given).s3_ls_dir(s3cfg={"profile": "ours"})


@pytest.mark.parametrize(
    "endpoint", ["ftp://host", "host", "http://", "http://u:p@host", "http://h:x"]
)
def test_an_address_that_is_none_is_refused_unseen(endpoint: str) -> None:
    keys = {"accessKey": "a", "secretKey": "b", "endpoint": endpoint}
    with pytest.raises(ConfigurationError, match="endpoint_url"):
        s3_kit(metadata={"s3cfg": keys}).s3_ls_dir()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_says_that_it_cannot(s3: s3_kit) -> None:
    s3.s3_ul_file(b"x", "x")
    child = os.fork()
    if not child:
        code = 1
        try:
            s3.s3_ls_file("x")
        except ForkedError:
            code = 0
        except BaseException:  # noqa: BLE001 - the child must not run the tests
            code = 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert s3.s3_ls_file("x")["size"] == 1


@pytest.fixture
def kit(s3_gateway: S3Gateway, tmp_path: Path) -> Iterator[Any]:
    """A kit with nothing of its own, that reads out of a bucket."""
    made = ipfs_kit(
        metadata={
            "ipfs_path": str(tmp_path / "reader"),
            "cache_config": {
                "disk_cache_path": str(tmp_path / "cache"),
                "external_backends": {"s3": s3_gateway.settings | {"prefix": "ipfs/v1"}},
            },
            "timeouts": {"api": 5},
        }
    )
    yield made
    made.close()


def test_the_blocks_of_the_page_run(
    s3_gateway: S3Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_gateway.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_gateway.SECRET_KEY)
    Path("example.txt").write_text("hello world")
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("one\n")
    page = (Path(__file__).parents[2] / "docs" / "s3.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python s3\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names = {"endpoint": s3_gateway.url}
    for block in blocks:
        exec(compile(block, "s3.md", "exec"), names)  # noqa: S102 - our own page
    assert len(blocks) == 2


def source_of(kit: Any) -> Any:
    [found] = [it for it in kit.reader.sources if it.name == "s3"]
    return found


def test_connections_end_with_the_kit(kit: Any, s3_gateway: S3Gateway) -> None:
    before = sockets()
    kit.s3_kit.s3_ul_file(b"x", "x", s3cfg=s3_gateway.settings)
    kit.s3_kit.s3_ls_dir(s3cfg=s3_gateway.settings)
    assert kit.ipfs.cat(str(cid_of(b"nowhere")))["not_found"]
    assert sockets() - before
    kit.close()
    # obstore's threads close theirs a moment later.
    wait_until(lambda: not sockets() - before)


def test_a_dag_is_put_as_a_car_and_read_by_ranges(
    kit: Any, tree: Path, repository: Repository, s3_gateway: S3Gateway
) -> None:
    root = repository.add(tree).cid
    assert kit.ipfs.cat(f"{root}/sub/big")["not_found"]
    source = source_of(kit)
    told: list[int] = []
    put = source.put_dag(repository, root, progress=lambda done, _: told.append(done))
    stored = s3_gateway.bucket("tests") / put.key
    assert put.size == stored.stat().st_size == told[-1]
    assert put.blocks == repository.dag_stat([root]).blocks
    assert kit.ipfs.cat(f"{root}/sub/big")["content"] == (tree / "sub/big").read_bytes()
    for cid in repository.blocks():
        assert bytes(kit.reader.block_get(cid)) == repository.block_get(cid)
    # A second time nothing is put.
    before = stored.stat().st_mtime_ns
    assert source.put_dag(repository, root) == put
    assert stored.stat().st_mtime_ns == before


def test_cars_that_others_put_are_found(
    kit: Any, tree: Path, s3_gateway: S3Gateway, tmp_path: Path
) -> None:
    writer = ipfs_kit(
        metadata={
            "ipfs_path": str(tmp_path / "writer"),
            "s3cfg": s3_gateway.settings | {"prefix": "ipfs/v1"},
        }
    )
    cid = writer.ipfs.add(tree)["cid"]
    put = writer("s3_put_dag", path=cid, prefix="ipfs/v1")
    assert put["cid"] == cid
    assert [it.name for it in writer.reader.sources].count("s3") == 1
    writer.close()
    assert kit.ipfs.cat(f"{cid}/a.txt")["content"] == b"one\n"


def test_single_blocks_are_found_by_any_cid_of_theirs(kit: Any) -> None:
    blocks = [os.urandom(1000) for _ in range(30)]
    cids = [cid_of(block) for block in blocks]
    source_of(kit).put_blocks(dict(zip(cids, blocks, strict=True)))
    assert kit.reader.block_get(cids[0]) == blocks[0]
    cbor = CID.from_multihash(cids[1].multihash, codec="dag-cbor")
    assert kit.reader.block_get(cbor) == blocks[1]
    found = source_of(kit).get_blocks([*cids, cid_of(b"nowhere")])
    assert found == dict(zip(cids, blocks, strict=True))


def test_wrong_bytes_in_the_bucket_are_never_given_out(
    kit: Any, repository: Repository, s3_gateway: S3Gateway
) -> None:
    data = os.urandom(2_000_000)
    root = repository.add(data).cid
    put = source_of(kit).put_dag(repository, root)
    stored = s3_gateway.bucket("tests") / put.key
    with stored.open("r+b") as file:
        file.seek(1_000_000)
        file.write(bytes(100))
    result = kit.ipfs.cat(str(root))
    assert not result["success"]
    assert result["error_code"] == "integrity"


def test_an_index_that_is_none_is_passed_over(
    kit: Any, repository: Repository, s3_gateway: S3Gateway
) -> None:
    root = repository.add(b"content").cid
    source = source_of(kit)
    put = source.put_dag(repository, root)
    index = s3_gateway.bucket("tests") / put.index_key
    good = index.read_bytes()
    for bad in (b"", b"nonsense", good[:-1], good + b"x", good[:20]):
        s3_kit(metadata={"s3cfg": s3_gateway.settings}).s3_ul_file(bad, put.index_key)
        again = type(source)(source._store, "tests", "ipfs/v1")
        assert again.get_blocks([root]) == {}


def test_a_car_that_was_removed_is_no_error(
    kit: Any, repository: Repository, s3_gateway: S3Gateway
) -> None:
    root = repository.add(b"content").cid
    put = source_of(kit).put_dag(repository, root)
    (s3_gateway.bucket("tests") / put.key).unlink()
    assert source_of(kit).get_blocks([root]) == {}


def test_an_incomplete_dag_is_not_put(
    kit: Any, repository: Repository, s3_gateway: S3Gateway
) -> None:
    root = repository.add(os.urandom(3_000_000), pin=False).cid
    leaf = next(cid for cid in repository.blocks() if cid != root)
    repository.block_rm(leaf)
    with pytest.raises(IPFSError):
        source_of(kit).put_dag(repository, root)
    s3 = s3_kit(metadata={"s3cfg": s3_gateway.settings})
    assert s3.s3_ls_dir("ipfs") == []


def test_a_closed_store_is_an_error_of_the_source(
    kit: Any, s3_gateway: S3Gateway
) -> None:
    s3_gateway.stop()
    result = kit.ipfs.cat(str(cid_of(b"nowhere")))
    assert result["error_code"] == "unreachable"
    assert "s3" in result["error"]


def test_a_silent_store_is_given_up_by_the_chain(kit: Any, s3_gateway: S3Gateway) -> None:
    s3_gateway.signal(signal.SIGSTOP)
    result = kit.ipfs.cat(str(cid_of(b"nowhere")))
    assert result["timeout"]
    assert result["error_code"] == "timed-out"


def test_tasks_use_it_too(s3_gateway: S3Gateway, tmp_path: Path) -> None:
    data = os.urandom(10 << 20)
    (tmp_path / "file").write_bytes(data)

    async def work() -> None:
        async with aio.s3_kit(metadata={"s3cfg": s3_gateway.settings}) as s3:
            put = await s3.s3_ul_file(tmp_path / "file", "file")
            assert await s3("ls_file", filekey="file") == {
                key: it for key, it in put.items() if key != "local_path"
            }
            parts = await asyncio.gather(
                *(s3.dl_file("file", tmp_path / f"{at}") for at in range(4))
            )
            assert len(parts) == 4
            with pytest.raises(PathNotFoundError):
                await s3.s3_ls_file("none")
        settings = {"ipfs_path": str(tmp_path / "repo"), "s3cfg": s3_gateway.settings}
        async with aio.ipfs_kit(metadata=settings) as kit:
            assert await kit.s3_kit.s3_get_object("tests", "file") == data
            cid = (await kit.ipfs.add(b"content"))["cid"]
            await kit.ipget.ipget_download_object(cid=cid, path=tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == b"content"

    asyncio.run(work())
    assert (tmp_path / "3").read_bytes() == data
