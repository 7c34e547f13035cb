"""`ipfs_py`: every method once with what it is for, and once with what it must refuse."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from ipfs_kit_py import CID, Repository, cid_of, hash_file, hash_tree
from ipfs_kit_py._ipfs.names import Names
from ipfs_kit_py.errors import InvalidParameterError, IPFSError, NotFoundError
from ipfs_kit_py.ipfs import Result, ipfs_py

Call: TypeAlias = Callable[[ipfs_py], dict[str, Any]]

ALWAYS = {"success", "operation", "timestamp", "correlation_id"}
FAILED = ALWAYS | {"error", "error_type", "error_code", "recoverable"}
ADDED = {
    *("cid", "Hash", "size", "Size", "name", "Name"),
    *("bytes", "files", "new_bytes"),
}
MOVED = {"cid", "blocks", "bytes", "new_blocks", "new_bytes"}
PINNED = {"cid", "Hash", "pins", "count"}
STAT = {
    *("path", "cid", "Hash", "size", "Size", "type"),
    *("cumulative_size", "links", "mode", "mtime"),
}

HELLO = str(cid_of(b"hello world"))
ABSENT = str(cid_of(b"nobody has this"))
NO_CID = "nope"


@pytest.fixture
def ipfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ipfs_py]:
    """A new repository that holds a file and a folder, also as mutable files."""
    monkeypatch.chdir(tmp_path)
    Path("hello.txt").write_bytes(b"hello world")
    Path("folder").mkdir()
    Path("folder/a.txt").write_bytes(b"one\n")
    Path("folder/b.txt").write_bytes(b"two\n")
    with ipfs_py(metadata={"ipfs_path": "store"}) as node:
        node.add("hello.txt").raise_for_error()
        node.add("folder", pin=False).raise_for_error()
        node.files_write("/file", b"mutable").raise_for_error()
        yield node


def other(content: str) -> str:
    """Put a file into another repository."""
    with Repository("other") as repository:
        return str(repository.add(content.encode()).cid)


def folder() -> str:
    return str(hash_tree("folder"))


class Case(NamedTuple):
    """A method: a call that works, what it then gives, and a call that does not."""

    works: Call
    keys: set[str]
    fails: Call | None
    error: str = ""


CASES = {
    "add": Case(
        lambda ipfs: ipfs.add("hello.txt"),
        ADDED,
        lambda ipfs: ipfs.add("none.txt"),
        "PathNotFoundError",
    ),
    "add_directory": Case(
        lambda ipfs: ipfs.add_directory("folder"),
        ADDED | {"file_cids"},
        lambda ipfs: ipfs.add_directory("hello.txt"),
        "PathNotADirectoryError",
    ),
    "add_bytes": Case(
        lambda ipfs: ipfs.add_bytes(b"some bytes"),
        ADDED,
        lambda ipfs: ipfs.add_bytes("text"),  # type: ignore[arg-type] # on purpose
        "InvalidParameterError",
    ),
    "add_str": Case(
        lambda ipfs: ipfs.add_str("some text"),
        ADDED,
        lambda ipfs: ipfs.add_str(b"bytes"),  # type: ignore[arg-type] # on purpose
        "InvalidParameterError",
    ),
    "add_json": Case(
        lambda ipfs: ipfs.add_json({"b": 1, "a": [None, "ü"]}),
        ADDED,
        lambda ipfs: ipfs.add_json({1, 2}),
        "InvalidParameterError",
    ),
    "ipfs_add_path": Case(
        lambda ipfs: ipfs.ipfs_add_path("folder"),
        ADDED | {"path"},
        lambda ipfs: ipfs.ipfs_add_path("none"),
        "PathNotFoundError",
    ),
    "ipfs_add_file": Case(
        lambda ipfs: ipfs.ipfs_add_file("hello.txt"),
        ADDED | {"path"},
        lambda ipfs: ipfs.ipfs_add_file(""),
        "PathNotFoundError",
    ),
    "cat": Case(
        lambda ipfs: ipfs.cat(HELLO),
        {"cid", "content", "data", "size"},
        lambda ipfs: ipfs.cat(ABSENT),
        "BlockNotFoundError",
    ),
    "cat_stream": Case(
        lambda ipfs: ipfs.cat_stream(HELLO),
        {"cid", "size", "chunks"},
        lambda ipfs: ipfs.cat_stream(NO_CID),
        "InvalidCIDError",
    ),
    "get": Case(
        lambda ipfs: ipfs.get(HELLO, "out"),
        {"output_path", "cid", "bytes", "entries"},
        lambda ipfs: ipfs.get(HELLO, "hello.txt"),
        "PathExistsError",
    ),
    "ipfs_get": Case(
        lambda ipfs: ipfs.ipfs_get(HELLO, "out"),
        {"output_path", "cid", "bytes", "entries", "metadata"},
        lambda ipfs: ipfs.ipfs_get(ABSENT, "out"),
        "BlockNotFoundError",
    ),
    "ls": Case(
        lambda ipfs: ipfs.ls(folder()),
        {"cid", "Objects", "count"},
        lambda ipfs: ipfs.ls(HELLO),
        "PathNotADirectoryError",
    ),
    "ipfs_ls_path": Case(
        lambda ipfs: ipfs.ipfs_ls_path("/"),
        {"path", "items", "count"},
        lambda ipfs: ipfs.ipfs_ls_path("/none"),
        "PathNotFoundError",
    ),
    "stat": Case(
        lambda ipfs: ipfs.stat(HELLO),
        STAT,
        lambda ipfs: ipfs.stat(f"{folder()}/none"),
        "PathNotFoundError",
    ),
    "ipfs_stat_path": Case(
        lambda ipfs: ipfs.ipfs_stat_path("/file"),
        STAT,
        lambda ipfs: ipfs.ipfs_stat_path("/none"),
        "PathNotFoundError",
    ),
    "exists": Case(
        lambda ipfs: ipfs.exists(HELLO),
        {"path", "exists"},
        lambda ipfs: ipfs.exists(NO_CID),
        "InvalidCIDError",
    ),
    "resolve": Case(
        lambda ipfs: ipfs.resolve(f"{folder()}/a.txt"),
        {"path", "cid", "Hash"},
        lambda ipfs: ipfs.resolve(f"{folder()}/none"),
        "PathNotFoundError",
    ),
    "dag_put": Case(
        lambda ipfs: ipfs.dag_put({"a": 1}),
        {"cid", "Hash"},
        lambda ipfs: ipfs.dag_put({"a": 1}, codec="nope"),
        "UnsupportedCodecError",
    ),
    "dag_get": Case(
        lambda ipfs: ipfs.dag_get(HELLO),
        {"cid", "value", "data"},
        lambda ipfs: ipfs.dag_get(ABSENT),
        "BlockNotFoundError",
    ),
    "block_put": Case(
        lambda ipfs: ipfs.block_put(b"block"),
        {"cid", "Hash", "size", "Size"},
        lambda ipfs: ipfs.block_put(b"block", codec="nope"),
        "UnsupportedCodecError",
    ),
    "block_get": Case(
        lambda ipfs: ipfs.block_get(HELLO),
        {"cid", "data", "content", "size"},
        lambda ipfs: ipfs.block_get(ABSENT),
        "BlockNotFoundError",
    ),
    "block_stat": Case(
        lambda ipfs: ipfs.block_stat(HELLO),
        {"cid", "size", "Size"},
        lambda ipfs: ipfs.block_stat(ABSENT),
        "BlockNotFoundError",
    ),
    "files_mkdir": Case(
        lambda ipfs: ipfs.files_mkdir("/made"),
        {"path", "cid", "Hash"},
        lambda ipfs: ipfs.files_mkdir("/file"),
        "PathExistsError",
    ),
    "ipfs_mkdir": Case(
        lambda ipfs: ipfs.ipfs_mkdir("/made/below"),
        {"path", "cid", "Hash"},
        lambda ipfs: ipfs.ipfs_mkdir("no slash"),
        "InvalidParameterError",
    ),
    "files_cp": Case(
        lambda ipfs: ipfs.files_cp(HELLO, "/copy"),
        {"source", "dest"},
        lambda ipfs: ipfs.files_cp(HELLO, "/file"),
        "PathExistsError",
    ),
    "files_mv": Case(
        lambda ipfs: ipfs.files_mv("/file", "/moved"),
        {"source", "dest"},
        lambda ipfs: ipfs.files_mv("/none", "/moved"),
        "PathNotFoundError",
    ),
    "files_rm": Case(
        lambda ipfs: ipfs.files_rm("/file"),
        {"path"},
        lambda ipfs: ipfs.files_rm("/none"),
        "PathNotFoundError",
    ),
    "files_write": Case(
        lambda ipfs: ipfs.files_write("/new", b"new"),
        {"path", "cid", "Hash"},
        lambda ipfs: ipfs.files_write("/none/new", b"new"),
        "PathNotFoundError",
    ),
    "files_read": Case(
        lambda ipfs: ipfs.files_read("/file"),
        {"path", "content", "data", "size"},
        lambda ipfs: ipfs.files_read("/"),
        "PathIsADirectoryError",
    ),
    "files_ls": Case(
        lambda ipfs: ipfs.files_ls("/"),
        {"path", "entries", "Entries", "count"},
        lambda ipfs: ipfs.files_ls("/none"),
        "PathNotFoundError",
    ),
    "files_stat": Case(
        lambda ipfs: ipfs.files_stat("/file"),
        {
            *("path", "cid", "Hash", "size", "Size", "type", "Type"),
            *("CumulativeSize", "Blocks"),
        },
        lambda ipfs: ipfs.files_stat("/none"),
        "PathNotFoundError",
    ),
    "files_flush": Case(
        lambda ipfs: ipfs.files_flush("/file"),
        {"path", "cid", "Hash"},
        lambda ipfs: ipfs.files_flush("/none"),
        "PathNotFoundError",
    ),
    "pull": Case(
        lambda ipfs: ipfs.pull(other("pulled"), "other"),
        MOVED,
        lambda ipfs: ipfs.pull(ABSENT, other("none") and "other"),
        "BlockNotFoundError",
    ),
    "push": Case(
        lambda ipfs: ipfs.push(folder(), other("pushed") and "other"),
        MOVED,
        lambda ipfs: ipfs.push(HELLO, "no-folder"),
        "ConfigurationError",
    ),
    "pin_add": Case(
        lambda ipfs: ipfs.pin_add(folder()),
        PINNED,
        lambda ipfs: ipfs.pin_add(ABSENT),
        "BlockNotFoundError",
    ),
    "pin_rm": Case(
        lambda ipfs: ipfs.pin_rm(HELLO),
        PINNED,
        lambda ipfs: ipfs.pin_rm(folder()),
        "NotPinnedError",
    ),
    "pin_ls": Case(
        lambda ipfs: ipfs.pin_ls(),
        {"Keys", "pins", "count"},
        lambda ipfs: ipfs.pin_ls("nope"),  # type: ignore[arg-type] # on purpose
        "InvalidParameterError",
    ),
    "pin_multiple": Case(
        lambda ipfs: ipfs.pin_multiple([HELLO, folder()]),
        {"total", "successful", "failed", "items"},
        lambda ipfs: ipfs.pin_multiple(HELLO),
        "InvalidParameterError",
    ),
    "ipfs_add_pin": Case(
        lambda ipfs: ipfs.ipfs_add_pin(cid=folder()),
        PINNED,
        lambda ipfs: ipfs.ipfs_add_pin(),
        "InvalidParameterError",
    ),
    "ipfs_remove_pin": Case(
        lambda ipfs: ipfs.ipfs_remove_pin(HELLO),
        PINNED,
        lambda ipfs: ipfs.ipfs_remove_pin(ABSENT),
        "NotPinnedError",
    ),
    "ipfs_get_pinset": Case(lambda ipfs: ipfs.ipfs_get_pinset(), {"pins", "count"}, None),
    "ipfs_remove_path": Case(
        lambda ipfs: ipfs.ipfs_remove_path("/file"),
        {"path", "unpinned"},
        lambda ipfs: ipfs.ipfs_remove_path("/none"),
        "PathNotFoundError",
    ),
    "gc": Case(lambda ipfs: ipfs.gc(), {"blocks", "bytes", "freed_bytes"}, None),
}
NO_SWARM: dict[str, Call] = {
    "ipfs_swarm_peers": lambda ipfs: ipfs.ipfs_swarm_peers(),
    "ipfs_swarm_connect": lambda ipfs: ipfs.ipfs_swarm_connect("/ip4/127.0.0.1/tcp/1"),
    "ipfs_swarm_disconnect": lambda ipfs: ipfs.ipfs_swarm_disconnect("nobody"),
}


def test_every_method_has_its_case() -> None:
    public = {name for name in dir(ipfs_py) if not name.startswith("_")}
    of_names = {name for name in vars(Names) if not name.startswith("_")}
    others = {"cache", "close", "config", "engine", "is_valid_cid", "reader"}
    assert public - of_names - others == CASES.keys() | NO_SWARM.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_method_gives_the_keys_that_it_promises(name: str, ipfs: ipfs_py) -> None:
    result = CASES[name].works(ipfs)
    assert isinstance(result, Result)
    assert result["success"] is True, result
    assert result.keys() == ALWAYS | CASES[name].keys
    assert result["operation"] == name
    assert result.raise_for_error() is result
    json.dumps(result, default=repr)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].fails])
def test_a_method_says_why_it_failed(name: str, ipfs: ipfs_py) -> None:
    before = ipfs.pin_ls()["Keys"], ipfs.files_flush()["cid"]
    fails = CASES[name].fails
    assert fails
    result = fails(ipfs)
    assert isinstance(result, Result)
    assert result["success"] is False
    assert result.keys() - {"not_found"} == FAILED
    assert result["operation"] == name
    assert result["error_type"] == CASES[name].error
    assert result["error"]
    assert not result["recoverable"]
    with pytest.raises(IPFSError) as raised:
        result.raise_for_error()
    assert result.get("not_found", False) == isinstance(raised.value, NotFoundError)
    assert type(raised.value).__name__ == CASES[name].error
    assert (ipfs.pin_ls()["Keys"], ipfs.files_flush()["cid"]) == before


@pytest.mark.parametrize("name", NO_SWARM)
def test_the_embedded_engine_says_that_it_has_no_swarm(name: str, ipfs: ipfs_py) -> None:
    result = NO_SWARM[name](ipfs)
    assert result.keys() == FAILED
    assert result["error_type"] == "OfflineError"
    assert "api_url" in result["error"]


def test_a_correlation_id_comes_back(ipfs: ipfs_py) -> None:
    given: dict[str, Any] = {"correlation_id": "request 7"}
    assert ipfs.cat(HELLO, **given)["correlation_id"] == "request 7"
    assert ipfs.cat(ABSENT, **given)["correlation_id"] == "request 7"
    assert ipfs.pin_multiple([HELLO], **given)["correlation_id"] == "request 7"


def test_both_spellings_say_the_same(ipfs: ipfs_py) -> None:
    added = ipfs.add("hello.txt")
    assert added["cid"] == added["Hash"] == str(hash_file("hello.txt"))
    assert (added["size"], added["name"]) == (added["Size"], added["Name"])
    read = ipfs.cat(HELLO)
    assert read["content"] == read["data"] == b"hello world"
    pins = ipfs.pin_ls()
    assert list(pins["Keys"]) == pins["pins"] == [HELLO]


def test_everything_that_can_be_read_can_be_added(ipfs: ipfs_py) -> None:
    with Path("hello.txt").open("rb") as file:
        whole = ipfs.add(file)
    assert (whole["cid"], whole["name"]) == (HELLO, "hello.txt")
    for given in (
        Path("hello.txt"),
        b"hello world",
        bytearray(b"hello world"),
        io.BytesIO(b"hello world"),
        [b"hello ", b"", b"world"],
        (piece for piece in (b"hello", b" world")),
    ):
        assert ipfs.add(given).raise_for_error()["cid"] == HELLO


def test_a_profile_or_parameter_decides_the_cid(ipfs: ipfs_py) -> None:
    old = ipfs.add("hello.txt", profile="unixfs-v0-2015")
    assert old["cid"] == str(hash_file("hello.txt", "unixfs-v0-2015"))
    cut = ipfs.add("hello.txt", chunker="size-4")
    assert cut["cid"] == str(hash_file("hello.txt", chunker="size-4"))
    with ipfs_py(
        metadata={"ipfs_path": "old", "cid_profile": "unixfs-v0-2015"}
    ) as by_default:
        assert by_default.add_directory("folder")["cid"] == str(
            hash_tree("folder", "unixfs-v0-2015")
        )


def test_json_has_one_form(ipfs: ipfs_py) -> None:
    one = ipfs.add_json({"b": 1, "a": 2})
    assert one["cid"] == ipfs.add_json({"a": 2, "b": 1})["cid"]
    assert ipfs.cat(one["cid"])["content"] == b'{"a":2,"b":1}'


def test_text_that_utf8_cannot_hold_is_refused(ipfs: ipfs_py) -> None:
    assert ipfs.add_str("\ud800")["error_type"] == "InvalidParameterError"


def test_bytes_are_no_path_where_a_path_is_asked_for(ipfs: ipfs_py) -> None:
    for call in (ipfs.add_directory, ipfs.ipfs_add_path, ipfs.ipfs_add_file):
        result = call(b"folder")  # type: ignore[arg-type] # on purpose
        assert result["error_type"] == "InvalidParameterError"
    assert not ipfs.exists(str(cid_of(b"folder")))["exists"]


def test_a_folder_is_named_by_its_name_however_it_was_reached(
    ipfs: ipfs_py, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("folder")
    for path in (".", "../folder/", "../folder/."):
        added = ipfs.ipfs_add_path(path)
        assert added["name"] == "folder"
        assert added["files"].keys() == {"folder", "folder/a.txt", "folder/b.txt"}


def test_a_listing_has_what_is_there(ipfs: ipfs_py) -> None:
    links = ipfs.ls(folder())["Objects"][0]["Links"]
    assert [
        (link["Name"], link["Hash"], link["Size"], link["Type"]) for link in links
    ] == [
        ("a.txt", str(cid_of(b"one\n")), 4, 2),
        ("b.txt", str(cid_of(b"two\n")), 4, 2),
    ]
    items = ipfs.ipfs_ls_path(folder())["items"]
    assert [item["cid"] for item in items] == [link["Hash"] for link in links]


def test_existence_is_told_of_content_and_of_mutable_files(ipfs: ipfs_py) -> None:
    for path in (HELLO, CID(HELLO), f"ipfs://{folder()}/a.txt", "/file", "/"):
        assert ipfs.exists(path)["exists"] is True
    for path in (ABSENT, f"{folder()}/none", "/none"):
        assert ipfs.exists(path)["exists"] is False


def test_content_can_be_written_elsewhere_piece_by_piece(ipfs: ipfs_py) -> None:
    output, seen = io.BytesIO(), list[int]()
    result = ipfs.cat(HELLO, output=output, progress=lambda done, _: seen.append(done))
    assert output.getvalue() == b"hello world"
    assert "content" not in result
    assert result["size"] == seen[-1] == 11
    assert b"".join(ipfs.cat_stream(HELLO, 6)["chunks"]) == b"world"


def test_pins_are_found_by_kind_and_by_cid(ipfs: ipfs_py) -> None:
    ipfs.pin_add(folder(), recursive=False, name="the folder").raise_for_error()
    assert ipfs.pin_ls("direct")["Keys"] == {
        folder(): {"Type": "direct", "Name": "the folder"}
    }
    assert ipfs.pin_ls(cid=HELLO)["pins"] == [HELLO]
    assert ipfs.pin_ls("direct", cid=HELLO)["pins"] == []
    assert ipfs.ipfs_get_pinset()["pins"] == {HELLO: "recursive", folder(): "direct"}


def test_of_many_pins_each_has_its_own_result(ipfs: ipfs_py) -> None:
    result = ipfs.pin_multiple([folder(), ABSENT])
    assert (result["total"], result["successful"], result["failed"]) == (2, 1, 1)
    assert not result["success"]
    assert result["items"][folder()]["success"]
    assert result["items"][ABSENT]["not_found"]


def test_a_path_removed_is_a_pin_or_a_mutable_file(ipfs: ipfs_py) -> None:
    assert ipfs.ipfs_remove_path(HELLO)["unpinned"]
    assert not ipfs.ipfs_remove_path("/file")["unpinned"]
    assert ipfs.files_ls()["count"] == ipfs.pin_ls()["count"] == 0


def test_only_what_is_a_cid_is_valid(ipfs: ipfs_py) -> None:
    assert ipfs.is_valid_cid(HELLO)
    assert not any(map(ipfs.is_valid_cid, (NO_CID, f"/ipfs/{HELLO}", "", 5, None)))


def test_a_mistake_in_the_program_is_no_result(ipfs: ipfs_py) -> None:
    with pytest.raises(TypeError):
        ipfs.add(5)  # type: ignore[arg-type] # on purpose
    with pytest.raises(TypeError):
        ipfs.cat(None)  # type: ignore[arg-type] # on purpose
    with pytest.raises(TypeError, match="bogus"):
        ipfs.add("hello.txt", bogus=1)  # type: ignore[call-arg] # on purpose


def test_a_closed_node_says_so(ipfs: ipfs_py) -> None:
    ipfs.close()
    ipfs.close()
    assert ipfs.cat(HELLO)["error_type"] == "RepositoryClosedError"


def test_a_wrong_setting_is_told_when_a_node_is_made() -> None:
    with pytest.raises(ValueError, match="did you mean ipfs_path"):
        ipfs_py(metadata={"ipfs_pth": "store"})
    assert issubclass(InvalidParameterError, ValueError)
