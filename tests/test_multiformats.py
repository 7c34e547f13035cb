"""`ipfs_multiformats`: CIDs, multihashes and multiaddrs under the names of old."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_kit_py import cid_of, hash_file, hash_tree
from ipfs_kit_py.ipfs_multiformats import (
    MultiaddrParseError,
    MultiaddrPart,
    MultiaddrValidationError,
    add_protocol,
    decode_multihash,
    get_protocol_value,
    ipfs_multiformats_py,
    is_valid_cid,
    is_valid_multiaddr,
    multiaddr_from_bytes,
    multiaddr_to_bytes,
    multiaddr_to_string,
    parse_multiaddr,
    remove_protocol,
    replace_protocol,
)

PEER = "QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ"
ADDRESSES = [
    "/ip4/127.0.0.1/tcp/4001",
    f"/ip4/104.131.131.82/tcp/4001/p2p/{PEER}",
    f"/ip6/::1/udp/4001/quic-v1/p2p/{PEER}",
    "/dns4/example.com/tcp/443/wss",
    "/dnsaddr/bootstrap.libp2p.io",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_round_trip(address: str) -> None:
    assert multiaddr_to_string(parse_multiaddr(address)) == address
    assert multiaddr_from_bytes(multiaddr_to_bytes(address)) == address
    assert is_valid_multiaddr(address)


def test_parts_carry_protocol_and_value() -> None:
    parts = parse_multiaddr("/ip4/1.2.3.4/udp/9/quic-v1")
    assert parts == [
        {"protocol": "ip4", "value": "1.2.3.4"},
        {"protocol": "udp", "value": "9"},
        {"protocol": "quic-v1", "value": None},
    ]
    assert get_protocol_value(parts, "udp") == "9"
    assert get_protocol_value(parts, "tcp") is None


@pytest.mark.parametrize(
    "text",
    ["", "ip4/1.2.3.4", "/ip4/300.1.1.1", "/ip4", "/tcp/99999", "/nonsense/1", "/p2p/x"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not is_valid_multiaddr(text)
    with pytest.raises(MultiaddrParseError):
        parse_multiaddr(text)


def test_contexts_ask_for_more() -> None:
    assert is_valid_multiaddr(ADDRESSES[1], context="peer")
    assert is_valid_multiaddr(ADDRESSES[0], context="listen")
    for address, context in [
        (ADDRESSES[0], "peer"),
        (ADDRESSES[1], "listen"),
        (f"/p2p/{PEER}", "dial"),
        (ADDRESSES[0], "nonsense"),
    ]:
        with pytest.raises(MultiaddrValidationError):
            is_valid_multiaddr(address, context=context)


def test_protocols_are_added_replaced_and_removed() -> None:
    address = add_protocol("/ip4/127.0.0.1", "tcp", "4001")
    assert address == "/ip4/127.0.0.1/tcp/4001"
    assert replace_protocol(address, "tcp", "80") == "/ip4/127.0.0.1/tcp/80"
    assert remove_protocol(address, "tcp") == "/ip4/127.0.0.1"
    assert remove_protocol(address, "udp") == address
    with pytest.raises(MultiaddrValidationError):
        replace_protocol(address, "udp", "1")
    with pytest.raises(MultiaddrParseError):
        add_protocol(address, "tcp", "x")
    part = MultiaddrPart(protocol="quic-v1", value=None)
    assert multiaddr_to_string([*parse_multiaddr("/ip4/1.1.1.1/udp/1"), part]).endswith(
        "quic-v1"
    )


def test_multihashes_are_taken_apart_in_every_form() -> None:
    cid = cid_of(b"data", codec="dag-pb").to_v0()
    decoded = decode_multihash(cid.multihash)
    assert (decoded["code"], decoded["name"], decoded["length"]) == (0x12, "sha2-256", 32)
    assert decode_multihash(cid.multihash.hex()) == decoded
    assert decode_multihash(str(cid)) == decoded


# Surrogates stand in text that was read from names which are no Unicode.
ANY_TEXT = st.text(st.characters())


@given(st.one_of(ANY_TEXT, st.binary(), st.none(), st.integers()))
def test_validity_never_raises(value: object) -> None:
    assert is_valid_cid(value) in {True, False}
    if isinstance(value, str):
        assert is_valid_multiaddr(value) in {True, False}


def test_text_that_is_no_unicode_is_no_address() -> None:
    for text in ("\ud800", "/dns/\udcff", "/unix/\udcff"):
        assert not is_valid_multiaddr(text)
        with pytest.raises(MultiaddrParseError, match="surrogate"):
            multiaddr_to_bytes(text)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_address_or_an_error(data: bytes) -> None:
    try:
        text = multiaddr_from_bytes(data)
    except MultiaddrParseError:
        return
    assert multiaddr_from_bytes(multiaddr_to_bytes(text)) == text


def test_the_class_hashes_content_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    kit = ipfs_multiformats_py()
    assert kit.get_cid(b"content") == kit.get_cid("content") == str(cid_of(b"content"))
    assert kit.get_cid(str(tmp_path / "file")) == str(hash_file(tmp_path / "file"))
    assert kit.get_cid(tmp_path) == str(hash_tree(tmp_path))
    old = ipfs_multiformats_py(metadata={"cid_profile": "unixfs-v0-2015"})
    assert old.get_cid(b"content").startswith("Qm")
    assert kit.is_valid_cid(old.get_cid(b"content"))
