"""Keys, names and records go from Kubo to us and back, to the bit."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.conftest import Kubo

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._repository.names import KeyFormat

PROGRAM = Path(sys.executable).parent / "ipfs-kit"
NOTHING = "/ipfs/bafkqaaa"
PUBLISH = ("name", "publish", "--allow-offline", "--resolve=false")
FORMATS: tuple[KeyFormat, ...] = ("libp2p-protobuf-cleartext", "pem-pkcs8-cleartext")
Run = Callable[..., bytes]


@pytest.fixture
def ours(repository: Repository) -> Run:
    def run(*arguments: str | Path, stdin: bytes | None = None) -> bytes:
        done = subprocess.run(
            [PROGRAM, "--repo", repository.path, *arguments],
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout

    return run


@pytest.fixture
def key(kubo: Kubo, repository: Repository, tmp_path: Path) -> str:
    """Make a key in Kubo and take it over; its name in both is `tmp_path`'s."""
    name = tmp_path.name
    kubo.run("key", "gen", name)
    kubo.run("key", "export", name, "-o", tmp_path / "key")
    repository.key_import(name, (tmp_path / "key").read_bytes())
    return name


def key_name(repository: Repository, key: str) -> str:
    return dict(repository.key_ls())[key]


def record_of(kubo: Kubo, repository: Repository, key: str) -> bytes:
    """Give the record that Kubo keeps of what it has published."""
    peer = CID(key_name(repository, key)).multihash
    name = base64.b32encode(peer).decode().rstrip("=")
    found = kubo.run("diag", "datastore", "get", "--enc=json", f"/ipns/{name}")
    return base64.b64decode(json.loads(found)["value"])


def test_a_key_of_kubos_is_the_same_here_and_back(
    kubo: Kubo, repository: Repository, key: str, tmp_path: Path
) -> None:
    listed = json.loads(kubo.run("key", "ls", "--enc=json"))["Keys"]
    (theirs,) = (found["Id"] for found in listed if found["Name"] == key)
    assert key_name(repository, key) == theirs
    assert repository.key_export(key) == (tmp_path / "key").read_bytes()
    pem = "pem-pkcs8-cleartext"
    kubo.run("key", "export", key, "-f", pem, "-o", tmp_path / "pem")
    assert (
        repository.key_export(key, "pem-pkcs8-cleartext")
        == (tmp_path / "pem").read_bytes()
    )
    made = repository.key_gen("ours")
    for number, form in enumerate(("libp2p-protobuf-cleartext", pem)):
        (tmp_path / "back").write_bytes(repository.key_export("ours", form))  # type: ignore[arg-type]
        name = f"{key} back {number}"
        taken = kubo.run("key", "import", "-f", form, name, tmp_path / "back")
        assert taken.decode().strip() == made.id


def test_keys_of_openssl_are_taken(repository: Repository) -> None:
    pem = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ED25519"], capture_output=True, check=False
    )
    if pem.returncode:
        pytest.skip("openssl is not here")
    repository.key_import("a", pem.stdout, "pem-pkcs8-cleartext")
    assert repository.key_export("a", "pem-pkcs8-cleartext") == pem.stdout


@pytest.mark.parametrize("flags", [(), ("--v1compat=false",), ("--ttl=90s",)])
def test_records_of_kubo_are_good_here(
    kubo: Kubo, repository: Repository, key: str, flags: tuple[str, ...]
) -> None:
    kubo.run(*PUBLISH, f"--key={key}", *flags, f"{NOTHING}/größe")
    record = record_of(kubo, repository, key)
    done = repository.name_put(key, record)
    assert (done.value, done.sequence) == (f"{NOTHING}/größe", 0)
    assert repository.name_get(key) == record
    info = repository.name_inspect(record, verify=key_name(repository, key))
    assert info.error is None
    assert info.signature_type == ("V2" if "--v1compat=false" in flags else "V1+V2")


def test_our_records_are_good_in_kubo(
    kubo: Kubo, repository: Repository, key: str, tmp_path: Path
) -> None:
    name = key_name(repository, key)
    for v1compat in (True, False):
        path = f"{NOTHING}/{v1compat}"
        repository.name_publish(path, key=key, v1compat=v1compat, resolve=False)
        record = tmp_path / "record"
        record.write_bytes(repository.name_get(key))
        said = kubo.run("name", "inspect", "--enc=json", "--verify", name, record)
        assert json.loads(said)["Validation"]["Valid"] is True
        assert kubo.run("name", "put", "--allow-offline", name, record)
        assert kubo.run("name", "resolve", name).decode().strip() == path


def test_numbers_go_on_where_the_other_ended(
    kubo: Kubo, repository: Repository, key: str, tmp_path: Path
) -> None:
    name = key_name(repository, key)
    repository.name_publish(NOTHING, key=key, sequence=41)
    (tmp_path / "record").write_bytes(repository.name_get(key))
    kubo.run("name", "put", "--allow-offline", name, tmp_path / "record")
    kubo.run(*PUBLISH, f"--key={key}", "--sequence=42", f"{NOTHING}/a")
    repository.name_put(name, record_of(kubo, repository, key))
    for path in (f"{NOTHING}/a", f"{NOTHING}/b", f"{NOTHING}/b"):
        done = repository.name_publish(path, key=key, resolve=False)
        kubo.run(*PUBLISH, f"--key={key}", path)
        theirs = repository.name_inspect(record_of(kubo, repository, key))
        assert done.sequence == theirs.sequence, path


def test_commands_print_what_kubo_prints(
    kubo: Kubo, repository: Repository, key: str, ours: Run, tmp_path: Path
) -> None:
    name, other = key_name(repository, key), repository.key_gen("other").id
    kubo.run(*PUBLISH, f"--key={key}", "--ttl=1h0m0.5s", f'{NOTHING}/größe "1"')
    record = tmp_path / "record"
    record.write_bytes(record_of(kubo, repository, key))
    ours("name", "put", name, record)
    for command in (
        ("name", "inspect", record),
        ("name", "inspect", "--dump=false", record),
        ("name", "inspect", "--verify", name, record),
        ("name", "resolve", name),
        ("name", "resolve", f"/ipns/{name}"),
        ("name", "resolve", f"ipns://{name}/deep/er"),
        (*PUBLISH, f"--key={key}", NOTHING),
        (*PUBLISH, f"--key={name}", "-Q", "bafkqaaa"),
        (*PUBLISH, f"--key={key}", f"/ipns/{other}/a"),
        ("name", "resolve", "--recursive=false", name),
        ("key", "rename", key, f"{key} new"),
        ("key", "rm", "-l", f"{key} new"),
    ):
        # Kubo ends rows of several columns with blanks.
        theirs = [line.rstrip() for line in kubo.run(*command).splitlines()]
        assert ours(*command).splitlines() == theirs, command


def test_the_id_is_printed_with_kubos_keys(kubo: Kubo, ours: Run) -> None:
    theirs = json.loads(kubo.run("id"))
    mine = json.loads(ours("id"))
    assert mine.keys() == theirs.keys()
    peer = theirs["ID"]
    for flags in ((), ("--peerid-base=base36",), ("-f", "<id> <pubkey>\\n")):
        own, seen = kubo.run("id", *flags), ours("id", *flags, peer)
        if flags[:1] == ("-f",):
            assert own == seen
        else:
            assert json.loads(own)["ID"] == json.loads(seen)["ID"]
            assert json.loads(own)["PublicKey"] == json.loads(seen)["PublicKey"]
