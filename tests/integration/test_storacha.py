"""`storacha_kit` and its source against a real upload service."""

import asyncio
import hashlib
import json
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import UploadService
from tests.scripted_server import STALL, scripted
from tests.soon import PATIENT_SECONDS, SOON_SECONDS

from ipfs_kit_py import (
    CID,
    CancelToken,
    Repository,
    aio,
    car_blocks,
    car_pack,
    car_roots,
    car_verify,
    cid_of,
    hash_file,
    hash_tree,
)
from ipfs_kit_py.errors import CancelledError, ConfigurationError
from ipfs_kit_py.ipfs_kit import ipfs_kit
from ipfs_kit_py.storacha_kit import storacha_kit

MIB = 1 << 20
SHARD = 4 * MIB
# What a service of our own script lets anybody in with.
ANYBODY = {"secret": "uAAAA", "authorization": "uBBBB", "space": "did:key:z6Mk"}


@pytest.fixture(autouse=True)
def plain_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own tokens and settings."""
    ours = ("W3_", "IPFS_KIT_STORACHA", "IPFS_GATEWAY", "IPFS_PATH", "XDG_")
    for name in [name for name in os.environ if name.startswith(ours)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def storacha(upload_service: UploadService) -> Iterator[storacha_kit]:
    kit = made(upload_service.settings())
    yield kit
    kit.close()


def made(settings: dict[str, Any], **more: Any) -> storacha_kit:
    given = {"storacha": settings, "timeouts": {"api": PATIENT_SECONDS}} | more
    return storacha_kit(metadata=given)


def timeouts(answer: list[bytes]) -> dict[str, float]:
    """Wait for a second only where a server is silent."""
    return {"api": 1 if STALL in answer else PATIENT_SECONDS}


def good(result: Any) -> Any:
    assert result["success"], result
    return result


def cids(listed: dict[str, Any], key: str) -> list[str]:
    return [it["cid"] for it in good(listed)[key]]


def fill(file: Path, size: int) -> bytes:
    data = os.urandom(size)
    file.write_bytes(data)
    return data


def test_a_folder_goes_up_is_listed_and_is_read_back(
    storacha: storacha_kit, tree: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    put = good(storacha.upload_add("photos", tree, progress=lambda *at: told.append(at)))
    root = str(hash_tree(tree))
    assert put["cid"] == put["Hash"] == root
    assert put["space"].startswith("did:key:z6Mk")
    assert put["size"] == put["sent_bytes"] == told[-1][0] > 3_500_000
    assert told[-1][1] == len(put["shards"]) == 1
    assert told == sorted(told)
    [listed] = good(storacha.upload_list("photos"))["uploads"]
    assert (listed["cid"], listed["shards"]) == (root, put["shards"])
    assert listed["inserted_at"] <= listed["updated_at"]
    [shard] = good(storacha.store_list("photos"))["shards"]
    assert (shard["cid"], shard["size"]) == (put["shards"][0], put["size"])
    got = good(storacha.get_content(f"{root}/sub/big"))
    assert got["content"] == got["data"] == (tree / "sub/big").read_bytes()
    assert got["size"] == 3_500_000
    good(storacha.get_content(root, tmp_path / "back"))
    assert str(hash_tree(tmp_path / "back")) == root
    again = storacha.get_content(root, tmp_path / "back")
    assert again["error_type"] == "PathExistsError"


def test_a_second_upload_sends_nothing(
    storacha: storacha_kit, upload_service: UploadService, tmp_path: Path
) -> None:
    fill(tmp_path / "file", 10 * MIB)
    first = good(storacha.upload_add("photos", tmp_path / "file"))
    second = good(storacha.upload_add(None, str(tmp_path / "file")))
    assert second["sent_bytes"] == 0
    assert second["shards"] == first["shards"]
    assert sorted(upload_service.puts) == sorted(first["shards"])
    assert len(good(storacha.upload_list())["uploads"]) == 1


def test_shards_are_cars_that_together_are_the_whole(
    storacha: storacha_kit, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(9):
        fill(folder / f"{number}", 1_500_000)
    fill(folder / "9", 5 * MIB)
    put = good(storacha.upload_add("photos", folder))
    assert len(put["shards"]) >= 4
    blocks: list[CID] = []
    for number, shard in enumerate(put["shards"]):
        path = tmp_path / f"{number}.car"
        got = good(storacha.store_get("photos", shard, path))
        assert got["output_path"] == str(path)
        assert got["size"] == path.stat().st_size <= SHARD
        digest = hashlib.sha256(path.read_bytes()).digest()
        assert str(CID.from_multihash(b"\x12\x20" + digest, codec="car")) == shard
        is_last = shard == put["shards"][-1]
        assert [str(it) for it in car_roots(path)] == [put["cid"]] * is_last
        blocks += [it.cid for it in car_blocks(path)]
    car_pack(folder, tmp_path / "whole.car")
    assert blocks == [it.cid for it in car_blocks(tmp_path / "whole.car")]


def test_two_versions_of_a_folder_share_their_first_shards(
    storacha: storacha_kit, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(8):
        fill(folder / f"{number}", 3 * MIB)
    first = good(storacha.upload_add("photos", folder))
    fill(folder / "new", 1000)
    second = good(storacha.upload_add("photos", folder))
    common = set(first["shards"]) & set(second["shards"])
    assert len(common) >= len(first["shards"]) - 1
    assert second["sent_bytes"] <= SHARD


def test_what_has_one_block_larger_than_a_shard_goes_up(
    upload_service: UploadService, tmp_path: Path
) -> None:
    data = fill(tmp_path / "file", 3 * MIB)
    kit = made(upload_service.settings() | {"shard_size": 1000})
    put = good(kit.upload_add("photos", tmp_path / "file"))
    assert len(put["shards"]) == 4
    assert good(kit.get_content(put["cid"]))["content"] == data


@pytest.mark.parametrize("content", [b"", b"x"])
def test_small_files_go_up(
    storacha: storacha_kit, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    put = good(storacha.upload_add("photos", tmp_path / "file"))
    assert put["cid"] == str(hash_file(tmp_path / "file"))
    assert good(storacha.get_content(put["cid"]))["content"] == content


def test_the_profile_decides_the_cid(
    upload_service: UploadService, tmp_path: Path
) -> None:
    fill(tmp_path / "file", MIB)
    kit = made(upload_service.settings(), cid_profile="unixfs-v0-2015")
    put = good(kit.upload_add("photos", tmp_path / "file"))
    assert put["cid"] == str(hash_file(tmp_path / "file", profile="unixfs-v0-2015"))


UPLOAD = """
import json, sys
from ipfs_kit_py.storacha_kit import storacha_kit

kit = storacha_kit(metadata={"storacha": json.loads(sys.argv[1])})
print(json.dumps(kit.upload_add("photos", sys.argv[2])))
"""


@pytest.mark.parametrize("kill_at", [1, 4, 9])
def test_an_upload_that_was_killed_goes_on_at_its_shard(
    upload_service: UploadService, tmp_path: Path, kill_at: int
) -> None:
    file = tmp_path / "file"
    fill(file, 24 * MIB)
    settings = upload_service.settings() | {"shard_size": "3MiB"}
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOAD, json.dumps(settings), file],
        stdout=subprocess.DEVNULL,
    )
    while len(upload_service.puts) < kill_at:
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    before = upload_service.puts
    assert len(before) >= kill_at
    kit = made(settings)
    assert good(kit.upload_list())["uploads"] == []
    put = good(kit.upload_add("photos", file))
    assert len(put["shards"]) == 12
    # Of those that had begun, only the last may not have been whole.
    after = upload_service.puts[len(before) :]
    assert not set(before[:-1]) & set(after)
    assert set(before) | set(after) == set(put["shards"])
    assert len(after) == len(set(after)) >= 12 - len(before)
    assert put["cid"] == str(hash_file(file))
    assert good(kit.get_content(put["cid"]))["content"] == file.read_bytes()


def test_a_file_that_changes_meanwhile_is_not_listed(
    upload_service: UploadService, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    # More than the core reads ahead.
    fill(file, 160 * MIB)

    def change(done: int, shards: int) -> None:
        del done, shards
        with file.open("r+b") as changed:
            changed.seek(-10, os.SEEK_END)
            changed.write(os.urandom(10))

    kit = made(upload_service.settings() | {"shard_size": "16MiB"})
    result = kit.upload_add("photos", file, progress=change)
    assert result["error_type"] == "FileChangedError"
    assert good(kit.upload_list())["uploads"] == []


def test_a_dag_of_the_repository_goes_up(
    upload_service: UploadService, tree: Path, tmp_path: Path
) -> None:
    settings = upload_service.settings()
    with ipfs_kit(
        metadata={"ipfs_path": str(tmp_path / "store"), "storacha": settings}
    ) as kit:
        root = kit.ipfs.add(str(tree))["cid"]
        put = good(kit.storacha_kit.upload_dag("photos", root))
        assert put["cid"] == root
        assert good(kit("storacha_upload_dag", space=None, path=root))["sent_bytes"] == 0
        missing = kit.storacha_kit.upload_dag("photos", str(cid_of(b"nowhere")))
        assert missing["not_found"]
        assert cids(kit.storacha_upload_list(), "uploads") == [root]
    assert good(made(settings).get_content(f"{root}/a.txt"))["content"] == b"one\n"
    alone = made(settings).upload_dag("photos", root)
    assert alone["error_type"] == "InvalidParameterError"


def test_a_car_is_stored_as_it_is_and_read_back(
    storacha: storacha_kit, tree: Path, tmp_path: Path
) -> None:
    car = tmp_path / "tree.car"
    root = car_pack(tree, car)
    put = good(storacha.store_add("photos", car))
    assert put["shards"] == [put["cid"]]
    assert put["size"] == car.stat().st_size
    assert good(storacha.upload_list())["uploads"] == []
    assert cids(storacha.store_list(), "shards") == [put["cid"]]
    got = good(storacha.store_get("photos", put["cid"]))
    assert got["content"] == got["data"] == car.read_bytes()
    listed = good(storacha.upload_add_https("photos", tree, shards=[put["cid"]]))
    assert (listed["cid"], listed["sent_bytes"]) == (str(root), 0)
    assert cids(storacha.upload_list(), "uploads") == [str(root)]
    # What is no CAR is packed, and not listed.
    packed = good(storacha.store_add("photos", tree / "a.txt"))
    assert packed["cid"] == str(hash_file(tree / "a.txt"))
    assert len(good(storacha.upload_list())["uploads"]) == 1
    good(storacha.store_remove("photos", put["cid"]))
    assert put["cid"] not in cids(storacha.store_list(), "shards")
    for result in (
        storacha.store_get("photos", put["cid"]),
        storacha.store_remove("photos", put["cid"]),
        storacha.upload_add_https("photos", tree, shards=[put["cid"]]),
    ):
        assert result["error_type"] == "PathNotFoundError"
        assert result["not_found"]


def test_a_damaged_car_is_not_stored(storacha: storacha_kit, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    car_pack(tmp_path / "file", tmp_path / "file.car")
    data = bytearray((tmp_path / "file.car").read_bytes())
    data[-1] ^= 1
    (tmp_path / "file.car").write_bytes(data)
    result = storacha.store_add("photos", tmp_path / "file.car")
    assert result["error_type"] == "IntegrityError"
    car_pack(tmp_path / "file", tmp_path / "two.car", version=2)
    result = storacha.store_add("photos", tmp_path / "two.car")
    assert "CARv2" in result["error"]
    assert good(storacha.store_list())["shards"] == []


def test_a_car_that_changes_while_it_goes_up_is_not_stored(
    storacha: storacha_kit, tmp_path: Path
) -> None:
    for change in (-10, 0, 10):
        fill(tmp_path / "file", 3 * MIB)
        car = tmp_path / f"{change}.car"
        car_pack(tmp_path / "file", car)

        def alter(done: int, shards: int, car: Path = car, change: int = change) -> None:
            del done, shards
            size = car.stat().st_size
            os.truncate(car, size - 10)
            with car.open("ab") as file:
                file.write(os.urandom(10 + change))

        result = storacha.store_add("photos", car, progress=alter)
        assert result["error_type"] == "FileChangedError", result


def _note(told: list[tuple[int, int]], *at: int) -> None:
    told.append((at[0], at[1]))


def test_a_shard_that_was_stopped_goes_on_where_it_was(
    upload_service: UploadService, tmp_path: Path
) -> None:
    kit = made(upload_service.settings() | {"shard_size": "64MiB"})
    fill(tmp_path / "file", 16 * MIB)
    [shard] = good(kit.upload_add("photos", tmp_path / "file"))["shards"]
    whole = good(kit.store_get("photos", shard))["content"]
    target, part = tmp_path / "out.car", tmp_path / f".out.car.{shard}.part"
    for there in (whole[: 8 * MIB], b"wrong", whole, whole + b"more", b"w" * len(whole)):
        part.write_bytes(there)
        told: list[tuple[int, int]] = []
        note = partial(_note, told)
        good(kit.store_get("photos", shard, target, progress=note))
        steps = [done for done, _ in told]
        if there == whole[: 8 * MIB]:
            assert 8 * MIB < steps[0] < 10 * MIB
        assert steps == [] if there == whole else steps[-1] == len(whole)
        assert target.read_bytes() == whole
        assert not part.exists()
        target.unlink()
    assert not list(tmp_path.glob(".out*"))


def test_uploads_are_removed_with_shards_that_no_other_has(
    storacha: storacha_kit, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(4):
        fill(folder / f"{number}", 3 * MIB)
    first = good(storacha.upload_add("photos", folder))
    fill(folder / "new", 1000)
    second = good(storacha.upload_add("photos", folder))
    own = set(first["shards"]) - set(second["shards"])
    gone = good(storacha.upload_remove("photos", first["cid"], shards=True))
    assert set(gone["removed_shards"]) == own
    assert set(cids(storacha.store_list(), "shards")) == set(second["shards"])
    assert cids(storacha.upload_list(), "uploads") == [second["cid"]]
    assert good(storacha.upload_remove("photos", second["cid"]))["removed_shards"] == []
    assert set(cids(storacha.store_list(), "shards")) == set(second["shards"])
    for shards in (True, False):
        again = storacha.upload_remove("photos", second["cid"], shards=shards)
        assert again["error_type"] == "PathNotFoundError"


def test_lists_go_over_many_pages(
    storacha: storacha_kit,
    upload_service: UploadService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ipfs_kit_py._storacha.spaces._PAGE", 8)
    token = upload_service.tokens()
    roots = [str(cid_of(b"%d" % number)) for number in range(24)]
    tasks = [["upload/add", token["space"], {"root": {"/": it}}] for it in roots]
    done = storacha.storacha_http_request(
        token["auth_secret"], token["authorization"], "upload/add", {"tasks": tasks}
    )
    assert (good(done)["total"], done["successful"]) == (24, 24)
    listed = cids(storacha.upload_list(), "uploads")
    assert sorted(listed) == sorted(roots)
    assert len(upload_service.requests) >= 4


def test_a_file_may_be_said_in_two_parts(storacha: storacha_kit, tree: Path) -> None:
    put = good(storacha.upload_add_https("photos", "sub/deep/same", tree))
    assert put["cid"] == str(cid_of(b"one\n"))
    assert good(storacha.get_content(put["cid"]))["content"] == b"one\n"
    absent = storacha.upload_add_https("photos", "nowhere", tree)
    assert absent["error_type"] == "PathNotFoundError"
    assert str(tree / "nowhere") in absent["error"]


def test_many_go_up_and_come_down_each_by_itself(
    storacha: storacha_kit, tree: Path
) -> None:
    done = storacha.batch_operations("photos", [tree / "a.txt", tree / "sub"])
    roots = [it["cid"] for it in good(done)["upload_results"]]
    assert roots == [str(hash_file(tree / "a.txt")), str(hash_tree(tree / "sub"))]
    got = storacha.batch_operations("photos", cids=[f"{roots[1]}/deep/same"])
    assert good(got)["get_results"][0]["content"] == b"one\n"
    part = storacha.batch_operations(
        "photos", [tree / "nowhere", tree / "empty"], [roots[0]], correlation_id="it"
    )
    assert not part["success"]
    assert (part["total"], part["successful"], part["failed"]) == (3, 2, 1)
    assert part["error_type"] == "PathNotFoundError"
    assert part["upload_results"][1]["correlation_id"] == "it"
    assert [it["success"] for it in part["upload_results"]] == [False, True]
    assert storacha.batch_operations("photos", "a.txt")["error_type"]
    assert good(storacha.batch_operations("photos"))["total"] == 0


def test_methods_are_called_by_name(upload_service: UploadService, tree: Path) -> None:
    settings = upload_service.settings()
    for role in ("leecher", "worker", "master"):
        kit = ipfs_kit(
            metadata={
                "ipfs_path": str(tree.parent / "store"),
                "storacha": settings,
                "role": role,
            }
        )
        put = kit.storacha_kit("upload_add", space="photos", file=tree / "a.txt")
        assert good(put)["operation"] == "upload_add"
        put = kit.storacha_kit("storacha_upload_add", space=None, file=tree / "a.txt")
        assert good(put)["sent_bytes"] == 0
        assert good(kit("storacha_upload_list"))["count"] == 1
        assert good(kit.storacha_space_ls())["count"] == 1
        assert kit.storacha_kit.storacha_space_ls == kit.storacha_kit.space_ls
        with pytest.raises(ValueError, match="Unknown method: format"):
            kit.storacha_kit("format")
        with pytest.raises(AttributeError, match="no attribute 'storacha_format'"):
            _ = kit.storacha_kit.storacha_format
        copy = pickle.loads(pickle.dumps(kit.storacha_kit))  # noqa: S301 - our own
        assert good(copy.upload_list())["count"] == 1
        kit.close()

    async def listed() -> Any:
        metadata = {"ipfs_path": str(tree.parent / "store"), "storacha": settings}
        async with aio.ipfs_kit(metadata=metadata) as twin:
            return await twin.storacha_upload_list(correlation_id="x")

    found = good(asyncio.run(listed()))
    assert (found["count"], found["correlation_id"]) == (1, "x")


def test_spaces_are_those_of_the_token(upload_service: UploadService) -> None:
    settings = upload_service.settings(lifetime=1000, can=["space/*", "upload/list"])
    did = upload_service.tokens()["space"]
    listed = good(made(settings).space_ls())
    assert (listed["spaces"], listed["count"]) == ({"photos": did}, 1)
    detail = listed["details"][did]
    assert detail["abilities"] == ["space/*", "upload/list"]
    assert abs(detail["expires"] - time.time() - 1000) < 60
    unnamed = upload_service.settings(None)
    [(name, other)] = good(made(unnamed).space_ls())["spaces"].items()
    assert name == other != did
    for space in (None, did, "photos"):
        assert good(made(settings).upload_list(space))["space"] == did
    assert good(made(settings | {"space": "photos"}).upload_list())["space"] == did
    unknown = made(settings).upload_list("pictures")
    assert (unknown["error_type"], unknown["not_found"]) == ("PathNotFoundError", True)
    foreign = made(settings).upload_list(other)
    assert foreign["error_type"] == "AccessDeniedError"
    info = good(made(settings).space_info("photos"))
    assert info["providers"] == ["did:web:test.up.storacha.network"]


def test_no_room_is_set_aside_by_a_service_that_does_not(
    upload_service: UploadService,
) -> None:
    kit = made(upload_service.settings(can=["space/*"]))
    result = kit.space_allocate("photos", 5)
    assert result["error_type"] == "EngineError"
    assert "sets no room aside" in result["error"]
    for amount, unit in (
        (5, "parsecs"),
        (0, "GiB"),
        (-1, "GiB"),
        (1.5, "B"),
        (9e99, "B"),
    ):
        wrong = kit.space_allocate("photos", amount, unit)
        assert wrong["error_type"] == "InvalidParameterError"


def test_a_service_that_sets_room_aside_is_believed() -> None:
    out = {"ok": {"providers": ["did:web:example.com"]}}
    with scripted([reply([{"p": {"out": out}}])]) as server:
        done = good(
            made(ANYBODY | {"endpoint": server.url}).space_allocate(None, 2, "KiB")
        )
    assert (done["allocated"], done["providers"]) == (2048, ["did:web:example.com"])
    sent = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert sent["tasks"][0][0] == "space/allocate"
    assert sent["tasks"][0][2] == {"size": 2048}


def test_one_may_ask_with_headers_of_ones_own(
    storacha: storacha_kit, upload_service: UploadService, tmp_path: Path
) -> None:
    token = upload_service.tokens("others", can=["upload/list"])
    access = (token["auth_secret"], token["authorization"])
    ask = storacha.storacha_http_request
    tasks = {"tasks": [["upload/list", token["space"], {}]]}
    done = good(ask(*access, "upload/list", tasks))
    assert done["results"][0]["value"] == {"results": [], "size": 0}
    told = done["receipts"][0]["p"]
    assert told["out"] == {"ok": {"results": [], "size": 0}}
    # The service keeps the receipt.
    where = f"{upload_service.url}/receipt/{told['ran']}"
    with urllib.request.urlopen(where, timeout=60) as kept:  # noqa: S310 - our own
        (tmp_path / "receipt.car").write_bytes(kept.read())
    assert car_verify(tmp_path / "receipt.car").roots
    good(ask(*access, "upload/list", {"space": token["space"], "size": 10}))
    tasks["tasks"].append(["store/list", token["space"], {}])
    part = ask(*access, "upload/list", tasks)
    assert (part["success"], part["error_type"]) == (False, "AccessDeniedError")
    assert [it["success"] for it in part["results"]] == [True, False]
    assert len(part["receipts"]) == 2
    for wrong in ({"tasks": "x"}, {"tasks": [["a"]]}, {"tasks": [["a/b", "did:x", 1]]}):
        assert ask(*access, "upload/list", wrong)["error_type"] == "InvalidParameterError"
    assert ask(*access, "list")["error_type"] == "InvalidParameterError"
    assert ask(*access, "a/b", tasks, 0)["error_type"] == "InvalidParameterError"
    none = ask(*access, "a/b", {"space": token["space"]})
    assert (none["error_type"], none["failed"]) == ("EngineError", 1)
    assert "knows no such ability" in none["error"]


@pytest.mark.parametrize(
    ("secret", "authorization", "kind"),
    [
        ("uAAAA", None, "AccessDeniedError"),
        (None, "uAAAA", "AccessDeniedError"),
        ("no multibase", None, "ConfigurationError"),
        ("m!!", None, "InvalidParameterError"),
        ("", None, "ConfigurationError"),
        (None, "ü", "ConfigurationError"),
    ],
)
def test_who_is_not_let_in_is_told_so(
    storacha: storacha_kit,
    upload_service: UploadService,
    secret: str | None,
    authorization: str | None,
    kind: str,
) -> None:
    token = upload_service.tokens()
    result = storacha.storacha_http_request(
        token["auth_secret"] if secret is None else secret,
        token["authorization"] if authorization is None else authorization,
        "upload/list",
        {"tasks": [["upload/list", token["space"], {}]]},
    )
    assert (result["success"], result["error_type"]) == (False, kind)


def test_a_token_that_is_too_little_or_over_is_told_of(
    upload_service: UploadService, tree: Path
) -> None:
    few = made(upload_service.settings(can=["upload/list"]))
    good(few.upload_list())
    assert few.upload_add(None, tree)["error_type"] == "AccessDeniedError"
    over = made(upload_service.settings(lifetime=-10)).upload_list()
    assert over["error_type"] == "AccessDeniedError"
    assert "has expired" in over["error"]
    poor = made(upload_service.settings("poor", provisioned=False))
    full = poor.upload_add("poor", tree)
    assert full["error_type"] == "LimitExceededError"
    assert "no storage provider" in full["error"]


@pytest.mark.parametrize(
    "token", ["x", "u", "u!!", "uAAAA", "mAAAA", "u" + "A" * 10_000, "uOqJl"]
)
def test_a_token_that_is_none_is_refused_unseen(token: str) -> None:
    result = made({"authorization": token}).space_ls()
    assert result["error_type"] == "ConfigurationError"
    assert "is no delegation" in result["error"]
    assert len(token) < 2 or token not in result["error"]


def test_what_is_not_said_is_asked_for() -> None:
    kit = storacha_kit(metadata={})
    for result in (kit.upload_list("did:key:x"), kit.space_info("did:key:x")):
        assert result["error_type"] == "ConfigurationError"
        assert "storacha.secret is not given" in result["error"]
    assert "storacha_token" in kit.space_ls()["error"]
    assert "storacha.gateway" in kit.get_content(cid_of(b"x"))["error"]
    half = made({"secret": "x", "authorization": "y"}).upload_list("did:key:x")
    assert "the hosted service of Storacha ended" in half["error"]
    none = made({"secret": "x"}).upload_list("did:key:x")
    assert "storacha_token is not given" in none["error"]
    assert "name one" in kit.upload_list()["error"]


@pytest.mark.parametrize(
    "url",
    ["ftp://host", "host", "http://", "http://u:p@host", "http://h:x", "http://h?q"],
)
def test_an_address_that_is_none_is_refused_unseen(url: str) -> None:
    for name in ("endpoint", "gateway"):
        result = made({name: url}).upload_list("did:key:x")
        assert result["error_type"] == "ConfigurationError"
        assert f"storacha.{name} is no URL" in result["error"]
        assert "p@host" not in result["error"]


def test_settings_come_from_the_environment_too(
    upload_service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = upload_service.tokens()
    monkeypatch.setenv("IPFS_KIT_STORACHA_ENDPOINT", f"{upload_service.url}/bridge/")
    monkeypatch.setenv("IPFS_KIT_STORACHA_SECRET", token["auth_secret"])
    monkeypatch.setenv("W3_STORE_TOKEN", token["authorization"])
    assert good(storacha_kit().upload_list())["space"] == token["space"]
    with pytest.raises(ConfigurationError, match="endpont"):
        made({"endpont": "x"})


def test_secrets_are_shown_nowhere(
    upload_service: UploadService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = upload_service.settings()
    secrets = (settings["secret"], settings["authorization"])
    (tmp_path / "file").write_bytes(b"x")
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        kit = made(settings)
        shown += [repr(kit), repr(kit._settings), repr(good(kit.upload_list()))]
        shown.append(repr(good(kit.upload_add(None, tmp_path / "file"))))
        echo = f"{secrets[0]} and {secrets[1]}"
        for status in (400, 401, 500):
            with scripted([head(status, echo.encode())]) as server:
                result = made(settings | {"endpoint": server.url}).upload_list()
            assert "*** and ***" in result["error"]
            shown.append(repr(result) + str(result.exception))
        error = {"p": {"out": {"error": {"name": "Odd", "message": echo}}}}
        with scripted([reply([error])]) as server:
            result = made(settings | {"endpoint": server.url}).upload_list()
        assert result["error_type"] == "EngineError"
        shown.append(repr(result) + str(result.exception))
        # The address to put to is signed.
        address = "http://127.0.0.1:1/a?X-Amz-Signature=hidden"
        with scripted([reply([receipt(url=address)])]) as server:
            far = made(settings | {"endpoint": server.url})
            result = far.upload_add(None, tmp_path / "file")
        assert result["error_type"] == "UnreachableError"
        shown.append(repr(result) + str(result.exception))
    shown.append(caplog.text)
    for secret in (*secrets, "hidden"):
        assert secret not in "".join(shown)


def head(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def reply(receipts: Any) -> bytes:
    return head(200, json.dumps(receipts).encode())


def receipt(**ok: Any) -> dict[str, Any]:
    return {"p": {"out": {"ok": {"status": "upload", "headers": {}} | ok}}}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ([head(200, b"")], "UnreachableError"),
        ([head(200, b"<html>")], "UnreachableError"),
        ([head(200, b"[" * 100_000)], "UnreachableError"),
        ([head(200, b'"\xff"')], "UnreachableError"),
        ([reply({})], "UnreachableError"),
        ([reply([])], "UnreachableError"),
        ([reply([1])], "UnreachableError"),
        ([reply([{}, {}])], "UnreachableError"),
        ([reply([{"p": {"out": []}}])], "UnreachableError"),
        ([reply([{"p": {"out": {}}}])], "UnreachableError"),
        ([reply([{"p": {"out": {"ok": 1}}}])], "UnreachableError"),
        ([reply([{"p": {"out": {"ok": {"results": 5}}}}])], "UnreachableError"),
        ([reply([{"p": {"out": {"error": {}}}}])], "EngineError"),
        (
            [reply([{"p": {"out": {"ok": {"results": [{}], "cursor": "x"}}}}])],
            "UnreachableError",
        ),
        ([head(302, b"")], "EngineError"),
        ([head(404, b"")], "EngineError"),
        ([head(413, b"")], "LimitExceededError"),
        ([head(429, b"")], "UnreachableError"),
        ([head(503, b"")], "UnreachableError"),
        ([b"nonsense\r\n\r\n"], "UnreachableError"),
        ([b""], "UnreachableError"),
        ([b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\n["], "UnreachableError"),
        ([b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\n[", STALL], "TimedOutError"),
        ([STALL], "TimedOutError"),
    ],
)
def test_a_broken_reply_is_an_error(answer: list[bytes], kind: str) -> None:
    started = time.monotonic()
    with scripted(answer) as server:
        given = ANYBODY | {"endpoint": server.url}
        result = made(given, timeouts=timeouts(answer)).upload_list()
    assert (result["success"], result["error_type"]) == (False, kind)
    assert time.monotonic() - started < SOON_SECONDS


def test_a_service_that_hiccups_is_asked_again() -> None:
    empty = reply([{"p": {"out": {"ok": {"results": []}}}}])
    with scripted([head(503, b"")], [b""], [empty]) as server:
        kit = made(ANYBODY | {"endpoint": server.url})
        assert good(kit.upload_list())["count"] == 0
    assert len(server.requests) == 3


def test_a_service_that_is_closed_or_stalls_is_told_of(
    upload_service: UploadService, tree: Path, tmp_path: Path
) -> None:
    settings = upload_service.settings()
    [shard] = good(made(settings).upload_add(None, tree / "a.txt"))["shards"]
    kit = made(settings, timeouts={"api": 1})
    root = hash_file(tree / "a.txt")
    calls: list[Callable[[], Any]] = [
        lambda: kit.upload_list(),
        lambda: kit.store_list(),
        lambda: kit.space_info(),
        lambda: kit.space_allocate(None, 1),
        lambda: kit.upload_add(None, tree),
        lambda: kit.upload_add_https(None, "a.txt", tree),
        lambda: kit.upload_remove(None, root),
        lambda: kit.store_add(None, tree),
        lambda: kit.store_get(None, shard, tmp_path / "out"),
        lambda: kit.store_remove(None, shard),
        lambda: kit.batch_operations(None, [tree], [root]),
        lambda: kit.storacha_http_request("uA", "uA", "a/b", {"space": "did:x"}, 1),
    ]

    def read() -> Any:
        return kit.get_content(root)

    with ThreadPoolExecutor(len(calls)) as pool:
        upload_service.signal(signal.SIGSTOP)
        started = time.monotonic()
        for result in pool.map(lambda call: call(), calls):
            assert (result["error_type"], result["timeout"]) == ("TimedOutError", True)
        assert time.monotonic() - started < SOON_SECONDS
        assert read()["error_type"] == "TimedOutError"
        upload_service.signal(signal.SIGCONT)
        upload_service.stop()
        for result in pool.map(lambda call: call(), [*calls, read]):
            assert result["error_type"] == "UnreachableError"
            assert result["recoverable"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"url": "file:///etc/passwd"}, "UnreachableError"),
        ({"url": "http://"}, "UnreachableError"),
        ({"url": "http://h:x/"}, "UnreachableError"),
        ({"url": 5}, "UnreachableError"),
        ({"url": None}, "UnreachableError"),
        ({"status": "odd", "url": "http://127.0.0.1:1"}, "UnreachableError"),
        ({"url": "http://127.0.0.1:1", "headers": 5}, "UnreachableError"),
        ({"url": "http://127.0.0.1:1", "headers": {"a": "b\r\nc"}}, "UnreachableError"),
        ({"url": "http://127.0.0.1:1"}, "UnreachableError"),
    ],
)
def test_a_service_that_says_nonsense_about_where_to_put_is_refused(
    tree: Path, told: dict[str, Any], kind: str
) -> None:
    with scripted([reply([receipt(**told)])]) as server:
        result = made(ANYBODY | {"endpoint": server.url}).upload_add(None, tree)
    assert (result["success"], result["error_type"]) == (False, kind)


@pytest.mark.parametrize(
    ("answer", "kind", "times"),
    [
        ([head(400, b"checksum")], "InvalidParameterError", 1),
        ([head(403, b"")], "AccessDeniedError", 1),
        (
            [head(403, b"<E><Code>Expired</Code><Signed>hidden</Signed></E>")],
            "AccessDeniedError",
            1,
        ),
        ([head(302, b"")], "EngineError", 1),
        ([head(500, b"")], "UnreachableError", 3),
        ([b""], "UnreachableError", 3),
        ([b"nonsense\r\n\r\n"], "UnreachableError", 3),
        ([STALL], "TimedOutError", 1),
    ],
)
def test_a_place_that_does_not_take_a_shard_is_told_of(
    tree: Path,
    answer: list[bytes],
    kind: str,
    times: int,
) -> None:
    with scripted(answer) as place:
        told = receipt(url=f"{place.url}/x?sig=hidden", headers={"x-a": "b"})
        with scripted([reply([told])]) as server:
            given = ANYBODY | {"endpoint": server.url}
            kit = made(given, timeouts=timeouts(answer))
            result = kit.upload_add(None, tree / "a.txt")
    assert (result["success"], result["error_type"]) == (False, kind)
    assert "hidden" not in result["error"]
    assert len(place.requests) == times
    request = place.requests[0]
    assert request.startswith(b"PUT /x?sig=hidden ")
    assert b"\r\nx-a: b\r\n" in request
    # What lets us in goes to the service alone.
    assert ANYBODY["secret"].encode() not in request
    assert ANYBODY["authorization"].encode() not in request


def test_a_place_that_hiccups_is_tried_again(tree: Path) -> None:
    with scripted([b""], [head(503, b"")], [head(200, b"")]) as place:
        told = receipt(url=place.url)
        with scripted([reply([told])]) as server:
            kit = made(ANYBODY | {"endpoint": server.url})
            put = good(kit.upload_add(None, tree / "a.txt"))
    assert put["sent_bytes"] == put["size"]
    assert len(place.requests) == 3


def test_a_lying_gateway_gives_no_wrong_byte(
    upload_service: UploadService, tmp_path: Path
) -> None:
    settings = upload_service.settings()
    (tmp_path / "file").write_bytes(b"right")
    kit = made(settings)
    put = good(kit.upload_add(None, tmp_path / "file"))
    [shard] = put["shards"]
    size = put["size"]
    for body, kind in (
        (b"w" * size, "IntegrityError"),
        (b"w" * (size + 1), "IntegrityError"),
        (b"w", "IntegrityError"),
        (b"", "IntegrityError"),
    ):
        with scripted([head(200, body)]) as gateway:
            lying = made(settings | {"gateway": gateway.url})
            for output in (None, tmp_path / "out"):
                result = lying.store_get(None, shard, output)
                assert (result["success"], result["error_type"]) == (False, kind)
                assert "content" not in result
            result = lying.get_content(put["cid"])
            assert (result["success"], result["error_type"]) == (False, kind)
            assert "content" not in result
    assert not list(tmp_path.glob(".out*"))
    assert not list(tmp_path.glob("out"))
    for answer, kind in (
        ([head(404, b"")], "PathNotFoundError"),
        ([head(500, b"")], "UnreachableError"),
        ([b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nx"], "UnreachableError"),
        ([b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nx", STALL], "TimedOutError"),
    ):
        with scripted(answer) as gateway:
            given = settings | {"gateway": gateway.url}
            broken = made(given, timeouts=timeouts(answer))
            result = broken.store_get(None, shard)
        assert (result["success"], result["error_type"]) == (False, kind)
    missing = kit.get_content(cid_of(b"nowhere"))
    assert (missing["error_type"], missing["not_found"]) == ("BlockNotFoundError", True)


def test_a_download_that_breaks_off_goes_on(
    upload_service: UploadService, tmp_path: Path
) -> None:
    settings = upload_service.settings()
    fill(tmp_path / "file", 300_000)
    [shard] = good(made(settings).upload_add(None, tmp_path / "file"))["shards"]
    whole = good(made(settings).store_get(None, shard))["content"]
    size = len(whole)
    cut = b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % size
    rest = b"HTTP/1.1 206 X\r\nContent-Range: bytes 100000-%d/%d\r\n" % (size - 1, size)
    rest += b"Content-Length: %d\r\n\r\n" % (size - 100_000)
    with scripted([cut + whole[:100_000]], [rest + whole[100_000:]]) as gateway:
        kit = made(settings | {"gateway": gateway.url})
        assert good(kit.store_get(None, shard))["content"] == whole
    assert b"range: bytes=100000-\r\n" in gateway.requests[1].lower()


def test_offline_nobody_is_asked(
    upload_service: UploadService, tree: Path, tmp_path: Path
) -> None:
    settings = upload_service.settings()
    kit = made(settings, offline=True)
    before = upload_service.requests
    shard = CID.from_multihash(cid_of(b"x").multihash, codec="car")
    for result in (
        kit.upload_add(None, tree),
        kit.upload_add_https(None, tree),
        kit.upload_list(),
        kit.upload_remove(None, shard),
        kit.store_add(None, tree),
        kit.store_get(None, shard, tmp_path / "out"),
        kit.store_list(),
        kit.store_remove(None, shard),
        kit.space_info(),
        kit.space_allocate(None, 1),
        kit.get_content(shard),
        kit.batch_operations(None, [tree]),
        kit.storacha_http_request("uA", "uA", "a/b", {"space": "did:x"}),
        kit.run_w3_command(["ls"]),
    ):
        assert (result["success"], result["error_type"]) == (False, "OfflineError")
    assert upload_service.requests == before
    # What the token says is here.
    assert good(kit.space_ls())["count"] == 1


def test_a_cancel_token_ends_an_upload_that_stalls(
    upload_service: UploadService, tree: Path
) -> None:
    kit = made(upload_service.settings())
    upload_service.signal(signal.SIGSTOP)
    token = CancelToken()
    threading.Timer(0.3, token.cancel).start()
    started = time.monotonic()
    with pytest.raises(CancelledError), token:
        kit.upload_add(None, tree)
    assert time.monotonic() - started < SOON_SECONDS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_connections_of_its_own(
    storacha: storacha_kit, tree: Path
) -> None:
    good(storacha.upload_list())
    child = os.fork()
    if not child:
        code = 1
        try:
            done = storacha.upload_add(None, tree)
            code = 0 if done["success"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert good(storacha.upload_list())["count"] == 1


def test_threads_share_a_kit(storacha: storacha_kit, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}" for number in range(6)]
    for file in files:
        fill(file, 2 * MIB)
    results: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda it: results.append(storacha.upload_add(None, it)), args=(file,)
        )
        for file in files
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {good(it)["cid"] for it in results} == {str(hash_file(it)) for it in files}
    assert good(storacha.upload_list())["count"] == 6


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `w3` of ours, alone on the path, that does what its first word says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "w3"
    script.write_text(
        "#!/bin/sh\ncase $1 in\nfail) echo 'no such thing' >&2; exit 3;;\n"
        'hang) while :; do :; done;;\n*) echo "did $*"; echo noted >&2;;\nesac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return script


def test_the_program_is_run_and_waited_for(program: Path) -> None:
    kit = storacha_kit(metadata={})
    for args in (["ls", "--json"], "ls --json", "w3 ls '--json'", ["w3", "ls", "--json"]):
        done = good(kit.run_w3_command(args))
        assert done["stdout"] == "did ls --json\n"
        assert (done["stderr"], done["returncode"]) == ("noted\n", 0)
        assert done["command"] == [str(program), "ls", "--json"]
    odd = good(kit.run_w3_command(["a b", "$HOME", "; ls"]))
    assert odd["stdout"] == "did a b $HOME ; ls\n"
    bad = kit.run_w3_command(["fail"])
    assert bad["error_type"] == "EngineError"
    assert "status 3: no such thing" in bad["error"]
    started = time.monotonic()
    late = kit.run_w3_command(["hang"], timeout=0.5)
    assert (late["error_type"], late["timeout"]) == ("TimedOutError", True)
    assert time.monotonic() - started < SOON_SECONDS
    for args in ([], "", ["a\0b"], "'"):
        assert kit.run_w3_command(args)["error_type"] == "InvalidParameterError"


def test_a_program_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = storacha_kit(metadata={}).run_w3_command(["space", "ls"])
    assert result["error_type"] == "EngineUnavailableError"
    assert "npm install --global @storacha/cli" in result["error"]


def test_a_kit_reads_from_there(
    upload_service: UploadService, tree: Path, tmp_path: Path, repository: Repository
) -> None:
    settings = upload_service.settings()
    root = repository.add(tree).cid
    metadata: dict[str, Any] = {
        "ipfs_path": str(tmp_path / "reader"),
        "cache_config": {
            "disk_cache_path": str(tmp_path / "cache"),
            "external_backends": {"storacha": {"gateway": upload_service.url}},
        },
    }
    with ipfs_kit(metadata=metadata) as kit:
        assert [it.name for it in kit.reader.sources][-1] == "storacha"
        assert kit.ipfs.cat(f"{root}/sub/big")["not_found"]
        good(made(settings).upload_add("photos", tree))
        got = kit.ipfs.cat(f"{root}/sub/big")
        assert good(got)["content"] == (tree / "sub/big").read_bytes()
        asked = len(upload_service.requests)
        good(kit.ipfs.cat(f"{root}/sub/big"))
        assert len(upload_service.requests) == asked
        good(kit.ipfs.get(str(root), str(tmp_path / "out")))
        assert hash_tree(tmp_path / "out") == root
        upload_service.stop()
        nowhere = kit.ipfs.cat(cid_of(b"nowhere"))
        assert nowhere["error_type"] == "UnreachableError"
        assert "storacha" in nowhere["error"]


def test_the_blocks_of_the_page_run(
    upload_service: UploadService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    token = upload_service.tokens()
    monkeypatch.setenv("IPFS_KIT_STORACHA_SECRET", token["auth_secret"])
    monkeypatch.setenv("IPFS_KIT_STORACHA_TOKEN", token["authorization"])
    Path("example.txt").write_text("hello world")
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("one\n")
    page = Path(__file__).parents[2] / "docs" / "storacha.md"
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```python storacha\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names = {"endpoint": upload_service.url}
    for block in found:
        exec(compile(block, "storacha.md", "exec"), names)  # noqa: S102 - our own page
    assert len(found) == 3
