"""Keys, the node's identity and IPNS names of a repository."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.processes import run_python

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._repository import Key, Published
from ipfs_kit_py._repository.names import KeyFormat, nanoseconds
from ipfs_kit_py.errors import (
    AccessDeniedError,
    BlockNotFoundError,
    InvalidKeyError,
    InvalidParameterError,
    InvalidRecordError,
    KeyExistsError,
    KeyNotFoundError,
    LimitExceededError,
    NameNotFoundError,
    NamesNotSupportedError,
    PathNotFoundError,
    ReadOnlyRepositoryError,
)

VECTORS = json.loads((Path(__file__).parent / "vectors/ipns.json").read_text())
KEYS: dict[str, dict[str, str]] = {key["key"]: key for key in VECTORS["keys"]}
NOTHING = "/ipfs/bafkqaaa"
PROTOBUF = "libp2p-protobuf-cleartext"
PEM: KeyFormat = "pem-pkcs8-cleartext"


def key_file(repository: Repository) -> Path:
    (path,) = Path(repository.path, "embedded/keystore").glob("key_*")
    return path


@pytest.fixture
def root(repository: Repository, tree: Path) -> CID:
    return repository.add(tree, pin=False).cid


def test_the_identity_is_made_once_and_stays(repository: Repository) -> None:
    peer_id = repository.peer_id
    assert re.fullmatch(r"12D3KooW[1-9A-HJ-NP-Za-km-z]{44}", peer_id)
    assert repository.peer_id == peer_id
    with Repository(repository.path, read_only=True) as again:
        assert again.peer_id == peer_id
    (own,) = repository.key_ls()
    assert own.name == "self"
    assert own.id.startswith("k51qzi5uqu5d")
    assert stat.S_IMODE(key_file(repository).stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file(repository).parent.stat().st_mode) == 0o700


def test_a_read_only_repository_makes_no_key(repository: Repository) -> None:
    with Repository(repository.path, read_only=True) as reader:
        with pytest.raises(KeyNotFoundError):
            _ = reader.peer_id
        assert reader.key_ls() == []
        for change in (
            lambda: reader.key_gen("a"),
            lambda: reader.key_import("a", bytes.fromhex(KEYS["k0"]["protobuf"])),
            lambda: reader.name_put(KEYS["k0"]["name"], b""),
            lambda: reader.name_rm(KEYS["k0"]["name"]),
        ):
            with pytest.raises((ReadOnlyRepositoryError, InvalidRecordError)):
                change()
    assert not Path(repository.path, "embedded/keystore").exists()


@pytest.mark.parametrize("which", ["k0", "k1", "k2"])
def test_kubos_keys_are_the_same_here(repository: Repository, which: str) -> None:
    vector = KEYS[which]
    protobuf, pem = bytes.fromhex(vector["protobuf"]), vector["pem"].encode()
    key = repository.key_import("a", protobuf)
    assert key == Key("a", vector["name"])
    assert repository.key_import("b", pem, PEM).id == key.id
    for name in ("a", "b"):
        assert repository.key_export(name) == protobuf
        assert repository.key_export(name, PEM) == pem
    # A node that moves here brings its identity along.
    assert repository.key_import("self", protobuf).id == key.id
    assert repository.peer_id == vector["peer_id"]


def test_keys_are_listed_renamed_and_removed(repository: Repository) -> None:
    odd = "../größe/ 大\n"
    made = repository.key_gen(odd)
    other = repository.key_gen("b")
    assert [key.name for key in repository.key_ls()] == ["self", odd, "b"]
    with pytest.raises(KeyExistsError):
        repository.key_gen("b")
    with pytest.raises(KeyExistsError):
        repository.key_rename(odd, "b")
    assert repository.key_rename(odd, "c") == (Key("c", made.id), False)
    assert repository.key_rename("c", "b", force=True) == (Key("b", made.id), True)
    assert other.id not in [key.id for key in repository.key_ls()]
    assert repository.key_rm("b") == Key("b", made.id)
    for missing in (
        lambda: repository.key_rm("b"),
        lambda: repository.key_rename("b", "c"),
        lambda: repository.key_export("b"),
        lambda: repository.name_publish(NOTHING, key="b"),
    ):
        with pytest.raises(KeyNotFoundError, match='"b"'):
            missing()


@pytest.mark.parametrize("name", ["", "self", "x" * 151])
def test_some_names_no_key_can_have(repository: Repository, name: str) -> None:
    with pytest.raises(InvalidKeyError):
        repository.key_gen(name)
    repository.key_gen("x" * 150)


def test_the_nodes_own_key_stays(repository: Repository) -> None:
    peer_id = repository.peer_id
    repository.key_gen("a")
    for change in (
        lambda: repository.key_rm("self"),
        lambda: repository.key_rename("self", "b"),
        lambda: repository.key_rename("a", "self", force=True),
    ):
        with pytest.raises(InvalidKeyError):
            change()
    with pytest.raises(KeyExistsError):
        repository.key_import("self", repository.key_export("a"))
    assert repository.peer_id == peer_id


@pytest.mark.parametrize(
    ("data", "form", "says"),
    [
        (b"", PROTOBUF, "no type"),
        (b"\x08\x01\x12\x40" + bytes(63), PROTOBUF, "cut short"),
        (b"\x08\x01\x12\x40" + bytes(64), PROTOBUF, "another key"),
        (b"\x08\x01\x12\x00", PROTOBUF, "64 bytes"),
        (b"\x08\x00\x12\x02\x30\x00", PROTOBUF, "RSA"),
        (b"\x08\x02\x12\x02\x30\x00", PROTOBUF, "secp256k1"),
        (b"-----BEGIN PRIVATE KEY-----", PROTOBUF, PEM),
        (b"", PEM, "PEM"),
        (b"\xff", PEM, "no text"),
        (b"x" * 40_000, PROTOBUF, "too long"),
        (b"x" * 40_000, PEM, "too long"),
    ],
)
def test_what_is_no_key_is_said_to_be_none(
    repository: Repository, data: bytes, form: Any, says: str
) -> None:
    with pytest.raises(InvalidKeyError, match=says):
        repository.key_import("a", data, form)


def test_other_kinds_of_keys_are_not_made(repository: Repository) -> None:
    with pytest.raises(InvalidParameterError, match="rsa"):
        repository.key_gen("a", "rsa")  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterError, match="format"):
        repository.key_export("self", "der")  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0, 1, 40, 67])
def test_a_key_that_is_cut_is_an_error(repository: Repository, length: int) -> None:
    peer_id = repository.peer_id
    path = key_file(repository)
    whole = path.read_bytes()
    path.write_bytes(whole[:length])
    with pytest.raises(InvalidKeyError, match=re.escape(str(path))):
        _ = repository.peer_id
    path.write_bytes(whole)
    assert repository.peer_id == peer_id


def test_a_key_that_others_can_read_is_refused(repository: Repository) -> None:
    _ = repository.peer_id
    key_file(repository).chmod(0o640)
    with pytest.raises(InvalidKeyError, match="0640"):
        _ = repository.peer_id


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_cannot_be_read_is_an_error(repository: Repository) -> None:
    _ = repository.peer_id
    key_file(repository).chmod(0)
    with pytest.raises(AccessDeniedError):
        _ = repository.peer_id


def test_a_published_name_leads_to_its_path(repository: Repository, root: CID) -> None:
    before = datetime.now(UTC)
    done = repository.name_publish(f"{root}/sub")
    assert done == Published(
        repository.key_ls()[0].id, f"/ipfs/{root}/sub", 0, done.valid_until
    )
    assert (
        timedelta(0)
        <= done.valid_until - before - timedelta(hours=48)
        < timedelta(minutes=5)
    )
    peer_id = repository.peer_id
    for name in (
        *(done.name, peer_id, "self", f"/ipns/{done.name}", f"ipns://{peer_id}"),
        *(f"ipns:{done.name}", f"/ipns/{peer_id}/", CID(done.name).encode("base32")),
    ):
        assert repository.name_resolve(name) == f"/ipfs/{root}/sub", name
    assert repository.name_resolve("/ipns/self/deep/../x") == f"/ipfs/{root}/sub/x"
    assert repository.name_ls() == [done]


def test_every_reader_follows_names(
    repository: Repository, root: CID, tmp_path: Path
) -> None:
    name = repository.name_publish(root).name
    paths = (
        f"/ipns/{name}",
        f"ipns://{repository.peer_id}",
        f"ipns:{name}",
        "/ipns/self",
    )
    for path in paths:
        assert repository.resolve(path) == root
        assert repository.cat(f"{path}/a.txt") == b"one\n"
        assert {entry.name for entry in repository.ls(path)} > {"a.txt", "sub"}
    path = paths[0]
    assert repository.cat(f"ipns://{name}/sub/100% #1?.txt") == b"escaped\n"
    assert repository.open(f"{path}/a.txt").read() == b"one\n"
    assert repository.stat(path).cid == root
    assert repository.readlink(f"{path}/link") == "sub/big"
    assert repository.block_get(f"ipns:{name}") == repository.block_get(root)
    assert repository.dag_get(path) == repository.dag_get(root)
    assert repository.dag_stat(path).roots[0].cid == root
    assert next(repository.refs(path)).source == root
    repository.get(path, tmp_path / "copy")
    assert (tmp_path / "copy/a.txt").read_text() == "one\n"
    repository.dag_export(path, tmp_path / "copy.car")
    repository.files_cp(path, "/copy")
    assert repository.files_read("/copy/a.txt") == b"one\n"
    assert repository.pin_add(path) == root
    found = repository.pin_find(path)
    assert found is not None
    assert found.cid == root
    assert repository.pin_rm(path) == root


def test_a_colon_in_a_name_is_no_scheme(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a:b").write_text("colon")
    root = repository.add(tmp_path / "folder").cid
    name = repository.name_publish(root).name
    for start in (f"{root}", f"/ipfs/{root}", f"ipfs://{root}", f"/ipns/{name}"):
        assert repository.cat(f"{start}/a:b") == b"colon"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (f"/ipns/{KEYS['k0']['name']}/a", NameNotFoundError),
        (f"ipns://{KEYS['rsa']['peer_id']}", NameNotFoundError),
        ("/ipns/self", NameNotFoundError),
        ("ipns:nobody", NameNotFoundError),
        ("/ipns/", InvalidParameterError),
        ("ipns://", InvalidParameterError),
        ("/ipns/docs.ipfs.tech/a", NamesNotSupportedError),
        ("ipns://docs.ipfs.tech", NamesNotSupportedError),
    ],
)
def test_unknown_names_are_errors_of_their_kind(
    repository: Repository, path: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        repository.cat(path)
    with pytest.raises(error):
        repository.name_resolve(path)


def test_no_name_resolves_to_what_is_no_name(repository: Repository) -> None:
    for path in (NOTHING, "bafkqaaa/a:b", "ipfs://bafkqaaa"):
        with pytest.raises((InvalidParameterError, NameNotFoundError)):
            repository.name_resolve(path)
    for path in ("/ipns/self/a", NOTHING):
        with pytest.raises(InvalidParameterError):
            repository.name_get(path)


def test_a_path_is_looked_at_before_it_is_published(
    repository: Repository, root: CID
) -> None:
    absent = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
    for path, error in (
        (absent, BlockNotFoundError),
        (f"{root}/nope", PathNotFoundError),
        (f"/ipns/{KEYS['k0']['name']}", NameNotFoundError),
    ):
        with pytest.raises(error):
            repository.name_publish(path)
    assert repository.name_ls() == []
    assert repository.name_publish(absent, resolve=False).value == f"/ipfs/{absent}"
    with pytest.raises(BlockNotFoundError):
        repository.cat("/ipns/self")


def test_sequence_numbers_grow_as_in_kubo(repository: Repository, root: CID) -> None:
    def publish(path: object, **options: Any) -> int:
        return repository.name_publish(str(path), **options).sequence

    assert publish(root) == 0
    assert publish(root) == 0
    assert publish(f"{root}/sub") == 1
    assert publish(root, sequence=7) == 7
    for old in (0, 6, 7):
        with pytest.raises(InvalidParameterError, match="not greater"):
            publish(root, sequence=old)
    assert publish(f"{root}/sub") == 8
    # The same for less long would be the older one to everybody else.
    assert publish(f"{root}/sub", lifetime="1h") == 9


def test_times_are_kept_to(repository: Repository) -> None:
    def info(**options: Any) -> tuple[float, int | None]:
        done = repository.name_publish(NOTHING, **options)
        record = repository.name_inspect(repository.name_get())
        assert record.valid_until == done.valid_until
        return (done.valid_until - datetime.now(UTC)).total_seconds(), record.ttl_ns

    for options, lifetime, ttl in (
        ({}, 48 * 3600, 300 * 10**9),
        ({"lifetime": "1h30m", "ttl": 1.5}, 5400, 1_500_000_000),
        ({"lifetime": 100}, 100, 100 * 10**9),
        ({"lifetime": timedelta(days=7), "ttl": "0"}, 7 * 86400, 0),
        ({"lifetime": "876000h", "ttl": "1µs"}, 876000 * 3600, 1000),
    ):
        seconds, found = info(**options)
        assert lifetime - 60 < seconds <= lifetime
        assert found == ttl
    for wrong in (
        {"lifetime": 0},
        {"lifetime": -1},
        {"lifetime": "soon"},
        {"lifetime": "1h "},
        {"lifetime": float("nan")},
        {"lifetime": float("inf")},
        {"lifetime": "99999999h"},
        {"lifetime": timedelta(days=300_000)},
        {"lifetime": "1m", "ttl": "2m"},
        {"ttl": -1},
        {"sequence": -1},
        {"sequence": 1 << 63},
    ):
        with pytest.raises(InvalidParameterError):
            repository.name_publish(NOTHING, **wrong)


@given(st.integers(0, (1 << 63) - 1))
def test_stretches_of_time_are_read_to_the_nanosecond(count: int) -> None:
    hours, rest = divmod(count, 3600 * 10**9)
    seconds, rest = divmod(rest, 10**9)
    assert nanoseconds("ttl", f"{hours}h{seconds}.{rest:09}s") == count
    assert nanoseconds("ttl", f"{count}ns") == count


def test_a_record_that_is_over_leads_nowhere(repository: Repository) -> None:
    done = repository.name_publish(NOTHING, lifetime="1h")
    with Repository(repository.path, _clock_offset_seconds=7200) as later:
        over = done.valid_until.strftime("%Y-%m-%dT%H:%M:%S")
        for call in (later.name_resolve, lambda: later.cat("/ipns/self")):
            with pytest.raises(InvalidRecordError, match=over):
                call()
        assert later.name_ls() == [done]
        assert later.name_publish(NOTHING).sequence == 0
        later.name_resolve()


def test_names_lead_to_names(repository: Repository, root: CID) -> None:
    names = {name: repository.key_gen(name).id for name in ("a", "b")}
    repository.name_publish(f"{root}/sub", key="a")
    done = repository.name_publish("/ipns/a/deep", key="b")
    assert done.value == f"/ipns/{names['a']}/deep"
    assert repository.name_resolve("b", recursive=False) == done.value
    assert repository.name_resolve("b") == f"/ipfs/{root}/sub/deep"
    assert repository.cat("/ipns/b/same") == b"one\n"
    repository.name_publish(f"/ipns/{names['b']}", key="a", resolve=False)
    with pytest.raises(LimitExceededError, match="no end"):
        repository.name_resolve("a")


@pytest.mark.parametrize(
    "vector",
    [record for record in VECTORS["records"] if KEYS[record["key"]]["type"] == "ed25519"],
    ids=lambda record: " ".join(record["publish"])[:40],
)
def test_records_of_kubo_are_taken(
    repository: Repository, vector: dict[str, Any]
) -> None:
    name, record = KEYS[vector["key"]]["name"], bytes.fromhex(vector["record"])
    info = repository.name_inspect(record)
    assert info.value == vector["value"]
    assert info.validity == vector["validity"]
    assert (info.sequence, info.ttl_ns) == (vector["sequence"], vector["ttl"])
    assert info.signature_type == vector["signature_type"]
    assert (info.size, info.public_key) == (len(record), None)
    if info.is_expired:
        with pytest.raises(InvalidRecordError, match=vector["validity"]):
            repository.name_put(name, record)
        return
    assert repository.name_inspect(record, verify=name).error is None
    done = repository.name_put(name, record)
    assert (done.name, done.value) == (name, vector["value"])
    assert repository.name_get(name) == record
    repository.name_put(name, record)


@pytest.mark.parametrize("which", ["rsa", "secp"])
def test_what_cannot_be_checked_is_refused(repository: Repository, which: str) -> None:
    (vector,) = (record for record in VECTORS["records"] if record["key"] == which)
    record = bytes.fromhex(vector["record"])
    with pytest.raises(InvalidRecordError, match="only Ed25519 names can be checked"):
        repository.name_put(KEYS[which]["peer_id"], record)
    info = repository.name_inspect(record, verify=KEYS[which]["name"])
    assert info.value == vector["value"]
    assert "only Ed25519" in (info.error or "")


def test_the_newer_record_stays(repository: Repository, tmp_path: Path) -> None:
    with Repository(tmp_path / "other") as other:
        name = other.key_ls()[0].id
        records = []
        for path in (NOTHING, f"{NOTHING}/a"):
            other.name_publish(path, resolve=False)
            records.append(other.name_get())
    for record in records:
        repository.name_put(name, record)
    with pytest.raises(InvalidRecordError, match="newer"):
        repository.name_put(name, records[0])
    assert repository.name_get(name) == records[1]
    with pytest.raises(InvalidRecordError, match="signature"):
        repository.name_put(KEYS["k0"]["name"], records[1])
    repository.name_rm(name)
    for missing in (repository.name_get, repository.name_rm, repository.name_resolve):
        with pytest.raises(NameNotFoundError):
            missing(name)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        Repository.name_inspect(data)


def test_a_record_of_more_than_ten_kib_is_refused(repository: Repository) -> None:
    with pytest.raises(InvalidRecordError, match="10240"):
        repository.name_inspect(bytes(10_241))
    with pytest.raises(InvalidRecordError, match="10240"):
        repository.name_publish(f"{NOTHING}/{'x' * 6000}", resolve=False)


def test_what_a_name_leads_to_is_kept(
    repository: Repository, later: Repository, root: CID
) -> None:
    repository.name_publish(f"{root}/sub")
    later.gc()
    assert repository.cat(f"{root}/a.txt") == b"one\n"
    repository.name_publish(NOTHING)
    later.gc()
    assert not repository.has(root)


def test_names_outlive_a_rebuild(repository: Repository, root: CID) -> None:
    done = repository.name_publish(root)
    repository.close()
    Repository.rebuild(repository.path)
    with Repository(repository.path) as again:
        assert again.name_ls() == [done]
        assert again.name_publish("/ipfs/bafkqaaa").sequence == 1


def together(work: str, arguments: list[tuple[object, ...]]) -> list[str]:
    """Run a program in several processes, all of which begin at the same moment."""
    program = "import sys\nfrom ipfs_kit_py import Repository\n"
    program += f"print('ready', flush=True)\ninput()\n{work}"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, *map(str, given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for given in arguments
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    printed = [child.communicate(timeout=60)[0] for child in children]
    assert {child.returncode for child in children} == {0}
    return printed


def test_processes_that_ask_at_once_get_one_identity(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(10)]
    for folder in folders:
        Repository(folder).close()
    work = "for folder in sys.argv[1:]: print(Repository(folder).peer_id)"
    assert len(set(together(work, [tuple(folders)] * 8))) == 1
    for folder in folders:
        assert len(list((folder / "embedded/keystore").iterdir())) == 1


def test_those_who_publish_at_once_get_numbers_of_their_own(
    repository: Repository,
) -> None:
    _ = repository.peer_id
    work = f"""
repository = Repository(sys.argv[1])
for number in range(20):
    path = f"{NOTHING}/{{sys.argv[2]}}/{{number}}"
    print(repository.name_publish(path, resolve=False).sequence)
"""
    printed = together(work, [(repository.path, number) for number in range(2)])
    assert sorted(map(int, "".join(printed).split())) == list(range(40))

    def publish(path: str) -> int:
        return repository.name_publish(path, resolve=False).sequence

    with ThreadPoolExecutor(4) as threads:
        paths = [f"{NOTHING}/{number}" for number in range(20)]
        assert sorted(threads.map(publish, paths)) == list(range(40, 60))


def test_a_forked_child_has_the_same_identity(repository: Repository) -> None:
    repository.key_gen("a")
    program = """
        import os, sys
        from ipfs_kit_py import Repository
        repository = Repository(sys.argv[1])
        before = repository.peer_id
        child = os.fork()
        if not child:
            done = repository.name_publish("/ipfs/bafkqaaa", key="a").sequence
            os._exit(repository.peer_id != before or done)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run_python(program, repository.path) == "0\n"


KILLED = """
import sys
from ipfs_kit_py import Repository
repository = Repository(sys.argv[1])
print("ready", flush=True)
for number in range(10_000):
    repository.key_gen(f"key {sys.argv[2]} {number}")
    print(number, flush=True)
"""


def test_a_killed_process_leaves_whole_keys(repository: Repository) -> None:
    _ = repository.peer_id
    for attempt in range(6):
        command = [sys.executable, "-c", KILLED, repository.path, str(attempt)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.003 * attempt)
            child.send_signal(signal.SIGKILL)
            acknowledged = len([line for line in child.stdout if line.endswith("\n")])
        names = {key.name for key in repository.key_ls()}
        assert {f"key {attempt} {number}" for number in range(acknowledged)} <= names
        assert len([name for name in names if name.startswith(f"key {attempt} ")]) <= (
            acknowledged + 1
        )
