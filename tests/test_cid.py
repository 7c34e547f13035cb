"""CIDs: strict to parse, the same in every form."""

import copy
import pickle
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.soon import SOON_SECONDS

from ipfs_kit_py import CID, IPFSError, cid_of
from ipfs_kit_py._native import cid_codecs, hash_functions, multibases, multihash_encode
from ipfs_kit_py.errors import (
    ErrorCode,
    InvalidCIDError,
    InvalidInputError,
    InvalidParameterError,
    UnsupportedCodecError,
    UnsupportedHashError,
)

V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
V1 = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
BASES = [name for name, _ in multibases() if name != "identity"]
HASHES = [name for name, _, _ in hash_functions() if name != "identity"]


def test_both_versions_are_read_and_converted() -> None:
    v0, v1 = CID(V0), CID(V1)
    assert (v0.version, v1.version) == (0, 1)
    assert v0.to_v1() == v1
    assert v1.to_v0() == v0
    assert (str(v0), str(v1)) == (V0, V1)
    assert v0.codec == "dag-pb"
    assert v0.hash_name == "sha2-256"
    assert v0.multihash == bytes(v0)
    assert v0.digest == bytes(v0)[2:]


def test_copies_are_equal_and_hash_alike() -> None:
    cid = CID(V1)
    for other in (
        CID(cid),
        CID(bytes(cid)),
        copy.deepcopy(cid),
        pickle.loads(pickle.dumps(cid)),  # noqa: S301 - our own
    ):
        assert other == cid
        assert hash(other) == hash(cid)
    assert cid != CID(V0)
    assert cid != V1


def test_cids_are_ordered_by_their_bytes() -> None:
    cids = [cid_of(bytes([n])) for n in range(50)] + [CID(V0), CID(V1)]
    assert [bytes(cid) for cid in sorted(cids)] == sorted(bytes(cid) for cid in cids)


def test_a_cid_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        CID(V1).version = 0  # type: ignore[misc]


@pytest.mark.parametrize("base", BASES)
def test_every_multibase_round_trips(base: str) -> None:
    cid = CID(V1)
    assert CID(cid.encode(base)) == cid


def test_the_binary_base_is_refused() -> None:
    with pytest.raises(ValueError, match="binary"):
        CID(V1).encode("identity")


def test_version_0_prints_in_base58btc_alone() -> None:
    assert CID(V0).encode("base58btc") == V0
    with pytest.raises(InvalidCIDError, match="v1"):
        CID(V0).encode("base32")


@pytest.mark.parametrize(
    "damaged",
    [
        bytes(CID(V1)) + b"\0",
        bytes(CID(V1))[:-1],
        b"\x81\x00" + bytes(CID(V1))[1:],
        b"\x01\x55\x12\x1f" + bytes(31),
        b"\x01\x55\x12\x21" + bytes(33),
        b"\x02" + bytes(CID(V1))[1:],
        b"",
    ],
    ids=[
        "trailing",
        "cut",
        "overlong",
        "short digest",
        "long digest",
        "version 2",
        "empty",
    ],
)
def test_damaged_bytes_are_refused(damaged: bytes) -> None:
    with pytest.raises(InvalidCIDError) as caught:
        CID(damaged)
    assert caught.value.code is ErrorCode.INVALID_CID


@pytest.mark.parametrize(
    "text", ["", "x", "Qm", V0[:-1], f"z{V0}", f"b{V1.upper()}", f" {V1}", f"{V1}="]
)
def test_text_that_is_no_cid_is_refused(text: str) -> None:
    with pytest.raises(InvalidCIDError):
        CID(text)


def test_huge_text_is_refused_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(InvalidCIDError):
        CID("z" * 50_000_000)
    assert time.monotonic() - start < SOON_SECONDS


def test_only_dag_pb_under_sha2_256_has_version_0() -> None:
    with pytest.raises(InvalidCIDError, match="dag-pb"):
        cid_of(b"").to_v0()
    with pytest.raises(InvalidCIDError, match="dag-pb"):
        cid_of(b"", codec="dag-pb", hash="blake3").to_v0()


def test_a_cid_is_built_from_its_parts() -> None:
    multihash = multihash_encode(b"data", "sha3-256")
    assert CID.from_multihash(multihash) == cid_of(b"data", hash="sha3-256")
    assert CID.from_multihash(CID(V0).multihash, version=0, codec="dag-pb") == CID(V0)


def test_verify_tells_right_bytes_from_wrong_ones() -> None:
    for name in ("sha2-256", "blake3", "dbl-sha2-256", "sha1", "identity"):
        cid = cid_of(b"data", hash=name)
        assert cid.verify(b"data")
        assert not cid.verify(b"Data")


def test_other_types_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="str, bytes or CID"):
        CID(5)  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_cid_or_an_error(data: bytes) -> None:
    try:
        cid = CID(data)
    except IPFSError:
        return
    assert bytes(cid) == data


@given(st.text(max_size=120))
def test_any_text_is_a_cid_or_an_error(text: str) -> None:
    try:
        cid = CID(text)
    except IPFSError:
        return
    assert CID(str(cid)) == cid


MULTIHASHES = st.one_of(
    st.builds(multihash_encode, st.binary(max_size=100), st.sampled_from(HASHES)),
    st.builds(lambda data: multihash_encode(data, "identity"), st.binary(max_size=128)),
    st.builds(
        lambda data, length: multihash_encode(data, "blake3", length),
        st.binary(max_size=100),
        st.integers(20, 128),
    ),
)
CIDS = st.builds(
    lambda multihash, codec: CID.from_multihash(multihash, codec=codec),
    MULTIHASHES,
    st.sampled_from([name for name, _ in cid_codecs()]),
)


@given(cid=CIDS, base=st.sampled_from(BASES))
def test_any_cid_is_read_back_from_every_form(cid: CID, base: str) -> None:
    for other in (CID(str(cid)), CID(bytes(cid)), CID(cid.encode(base)), cid.to_v1()):
        assert other == cid
        assert (other.codec, other.multihash) == (cid.codec, cid.multihash)
    assert bytes(cid).endswith(cid.multihash)
    assert cid.multihash.endswith(cid.digest)


@given(data=st.binary(max_size=100))
def test_versions_0_and_1_name_the_same_block(data: bytes) -> None:
    cid = cid_of(data, codec="dag-pb")
    assert cid.to_v0().to_v1() == cid
    assert cid.to_v0() != cid
    assert CID(str(cid.to_v0())).to_v0() == cid.to_v0()
    assert str(cid.to_v0()).startswith("Qm")


@pytest.mark.parametrize("place", range(4))
def test_overlong_numbers_are_refused_wherever_they_stand(place: int) -> None:
    # Version, codec, hash function, length: one byte each, here spread over two.
    numbers = [bytes([number]) for number in bytes(cid_of(b""))[:4]]
    numbers[place] = bytes([numbers[place][0] | 0x80, 0])
    with pytest.raises(InvalidCIDError):
        CID(b"".join(numbers) + cid_of(b"").digest)


@given(cid=CIDS, data=st.data())
def test_no_changed_letter_gives_the_same_cid(cid: CID, data: st.DataObject) -> None:
    text = str(cid)
    place = data.draw(st.integers(1, len(text) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567018=-\n "))
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        with suppress(InvalidInputError):
            assert CID(changed) != cid


@given(cid=CIDS, extra=st.binary(min_size=1, max_size=5))
def test_no_cid_takes_bytes_more_or_fewer(cid: CID, extra: bytes) -> None:
    for wrong in (bytes(cid) + extra, bytes(cid)[: -len(extra)]):
        with pytest.raises(InvalidInputError):
            CID(wrong)


def test_text_that_is_no_unicode_is_no_cid() -> None:
    for text in ("\ud800", f"{V1}\udcff", "b\ud800"):
        with pytest.raises(InvalidCIDError):
            CID(text)


@pytest.mark.parametrize("letter", ["1", "9", "k", "z", "b", "f", "m", "🚀", "0"])
def test_huge_text_in_any_base_is_refused_at_once(letter: str) -> None:
    start = time.monotonic()
    with pytest.raises(InvalidCIDError):
        CID(letter * 5_000_000)
    with pytest.raises(InvalidCIDError):
        CID(b"\x01\x55\x00" + b"\xff" * 5_000_000)
    assert time.monotonic() - start < SOON_SECONDS


def test_cids_compare_with_cids_alone() -> None:
    cid = CID(V1)
    assert (cid == V1, cid == bytes(cid), cid == None) == (False,) * 3  # noqa: E711
    with pytest.raises(TypeError):
        cid < V1  # type: ignore[operator]  # noqa: B015
    assert {cid: 1}[CID(bytes(cid))] == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_keeps_a_cid(protocol: int) -> None:
    for cid in (CID(V0), CID(V1), cid_of(b"", hash="sha2-512")):
        assert pickle.loads(pickle.dumps(cid, protocol)) == cid  # noqa: S301 - our own


def test_functions_and_codecs_without_a_name_are_shown_as_numbers() -> None:
    cid = CID(b"\x01\x99\x99\x01\x99\x99\x01\x04abcd")
    assert (cid.codec, cid.hash_name) == ("0x4c99", "0x4c99")
    assert (cid.codec_code, cid.hash_code) == (0x4C99, 0x4C99)
    assert CID(str(cid)) == cid
    with pytest.raises(UnsupportedHashError, match="0x4c99"):
        cid.verify(b"")
    md5 = CID(b"\x01\x55\xd5\x01\x10" + bytes(16))
    with pytest.raises(UnsupportedHashError, match="md5"):
        md5.verify(b"")


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"version": 2}, InvalidCIDError, "version 2"),
        ({"version": 0}, InvalidCIDError, "dag-pb"),
        ({"codec": "no-such"}, UnsupportedCodecError, "no-such"),
    ],
)
def test_parts_that_make_no_cid_are_refused(
    arguments: dict[str, Any], error: type[IPFSError], named: str
) -> None:
    with pytest.raises(error, match=named):
        CID.from_multihash(cid_of(b"").multihash, **arguments)
    with pytest.raises(InvalidCIDError):
        CID.from_multihash(b"\x12\x20")


def test_an_unknown_base_is_named() -> None:
    with pytest.raises(InvalidParameterError, match="base99"):
        CID(V1).encode("base99")
