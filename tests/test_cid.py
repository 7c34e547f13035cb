"""CIDs: strict to parse, the same in every form."""

import copy
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_kit_py import CID, IPFSError, cid_of
from ipfs_kit_py._native import multibases, multihash_encode
from ipfs_kit_py.errors import ErrorCode, InvalidCIDError

V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
V1 = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


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


@pytest.mark.parametrize("base", [name for name, _ in multibases() if name != "identity"])
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
    assert time.monotonic() - start < 1


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
