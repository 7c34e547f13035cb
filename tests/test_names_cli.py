"""`ipfs-kit key`, `name` and `id`: Kubo's verbs, flags and words."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest
from tests.test_repository_cli import Shell

from ipfs_kit_py import Repository

VECTORS = json.loads((Path(__file__).parent / "vectors/ipns.json").read_text())
KEY = VECTORS["keys"][0]
RECORD = bytes.fromhex(VECTORS["records"][0]["record"])
NOTHING = "/ipfs/bafkqaaa"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    Repository(tmp_path / "repo").close()
    return Shell(tmp_path)


def test_keys_go_through_their_life(shell: Shell) -> None:
    made = shell("key", "gen", "a").strip()
    assert made.startswith("k51qzi5uqu5d")
    (other,) = shell.json("key", "gen", "--type=ed25519", "b")
    assert other["name"] == "b"
    own = shell("id", "--peerid-base=base36", "-q").strip()
    assert shell("key", "ls") == shell("key", "list") == "self\na\nb\n"
    assert shell("key", "ls", "-l") == f"{own} self\n{made} a\n{other['id']} b\n"
    (peer, *_) = shell("key", "ls", "-l", "--ipns-base=b58mh").split()
    assert peer == shell("id", "-f", "<id>")
    assert shell("key", "rename", "a", "c") == f"Key {made} renamed to c\n"
    again = shell("key", "rename", "-f", "c", "b")
    assert again == f"Key {made} renamed to b with overwriting\n"
    assert shell("key", "rm", "-l", "b") == f"{made} b\n"
    assert "there is no key" in shell("key", "rm", "b", code=1)
    shell("key", "gen", "--type=rsa", "d", code=2)


def test_keys_are_exported_for_their_owner_alone(shell: Shell, tmp_path: Path) -> None:
    pem = tmp_path / "given.pem"
    pem.write_text(KEY["pem"])
    form = "--format=pem-pkcs8-cleartext"
    assert shell("key", "import", form, "a/b", pem).strip() == KEY["name"]
    os.umask(os.umask(0))
    assert shell("key", "export", "a/b") == ""
    assert shell("key", "export", "-f", "pem-pkcs8-cleartext", "a/b") == ""
    for name, data in (
        ("b.key", bytes.fromhex(KEY["protobuf"])),
        ("b.pem", KEY["pem"].encode()),
    ):
        assert (tmp_path / name).read_bytes() == data
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert shell.raw("key", "export", "a/b", "-o", "/dev/stdout") == data_of("protobuf")
    # What was there before is replaced, its permissions too; a link stays one.
    pem.chmod(0o644)
    (tmp_path / "link").symlink_to("given.pem")
    shell("key", "export", "a/b", "-o", "link")
    assert (tmp_path / "link").is_symlink()
    assert pem.read_bytes() == data_of("protobuf")
    assert stat.S_IMODE(pem.stat().st_mode) == 0o600
    shell("key", "export", "a/b", "-o", tmp_path, code=2)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def data_of(form: str) -> bytes:
    return bytes.fromhex(KEY[form])


def test_names_are_published_and_followed(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    cid = shell("add", "-q", "file").strip()
    own = shell("id", "--peerid-base=k", "-f", "<id>")
    said = shell("name", "publish", "--allow-offline", "--ttl=1m", cid)
    assert said == f"Published to {own}: /ipfs/{cid}\n"
    assert shell("name", "publish", "-Q", f"/ipfs/{cid}") == f"{own}\n"
    assert shell("name", "resolve") == shell("name", "resolve", own) == f"/ipfs/{cid}\n"
    assert shell("cat", f"/ipns/{own}") == shell("cat", "ipns://self") == "hello"
    shell("get", f"/ipns/{own}")
    assert (tmp_path / own).read_text() == "hello"
    assert shell("name", "ls") == f"{own} /ipfs/{cid}\n"
    record = shell.raw("name", "get", own)
    assert shell("name", "rm", own) == f"forgot {own}\n"
    assert "nothing is known" in shell("name", "resolve", code=1)
    assert shell("name", "put", own, stdin=record) == f"{own}\n"
    (found,) = shell.json("name", "resolve", "self")
    assert found == {"path": f"/ipfs/{cid}"}
    shell("name", "publish", "--lifetime=never", cid, code=1)
    assert "DNS" in shell("name", "resolve", "docs.ipfs.tech", code=1)


def test_records_are_shown_as_they_are(shell: Shell) -> None:
    for arguments in (["name", "inspect"], ["name", "inspect", "-"]):
        text = shell(*arguments, stdin=RECORD)
        assert f'Value:          "{NOTHING}"\nValidity Type:  0\n' in text
        assert "TTL:            5m0s\n" in text
        assert "was not verified" in text
        assert "|../ipfs/bafkqaaa|" in text
    verified = shell("name", "inspect", "--verify", KEY["name"], stdin=RECORD)
    assert f" Valid: true\n Name:  {KEY['name']}\n" in verified
    other = VECTORS["keys"][1]["peer_id"]
    done = shell.start("name", "inspect", "--dump=false", "--verify", other, stdin=RECORD)
    assert done.returncode == 1
    assert b" Valid:  false\n Reason: the signature" in done.stdout
    assert b"Hex" not in done.stdout
    (found,) = shell.json("name", "inspect", stdin=RECORD)
    assert found["value"] == NOTHING
    assert (found["ttl_ns"], found["signature_type"]) == (300 * 10**9, "V1+V2")
    assert "no IPNS record" in shell("name", "inspect", stdin=b"x", code=1)


def test_the_node_says_who_it_is(shell: Shell) -> None:
    (found,) = shell.json("id")
    assert json.loads(shell("id")) == found
    assert found["ID"].startswith("12D3KooW")
    assert base64.b64decode(found["PublicKey"])[:4] == b"\x08\x01\x12\x20"
    assert found["AgentVersion"].startswith("ipfs-kit-py/")
    assert found["Addresses"] == found["Protocols"] == []
    assert shell("id", "-f", "<id>\\n<aver>").split() == [
        found["ID"],
        found["AgentVersion"],
    ]
    (other,) = shell.json("id", KEY["name"])
    assert other["ID"] == KEY["peer_id"]
    assert base64.b64decode(other["PublicKey"]) == data_of("protobuf")[:0] + (
        b"\x08\x01\x12\x20" + data_of("protobuf")[36:]
    )
    shell("id", "nobody", code=1)
