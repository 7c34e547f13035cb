"""Members of tar shards: those that Python's own `tarfile` finds, and no others."""

import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_kit_py import CID, Repository
from ipfs_kit_py._datasets.tars import samples_of
from ipfs_kit_py._native import Chain, FileReader, TarMembers, repo_view_many
from ipfs_kit_py.errors import LimitExceededError, MalformedDataError

Found = list[tuple[str, int, int]]
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
CHUNKERS = ("size-16", "size-100", "size-512", "size-1000", "size-262144")
KINDS = (
    tarfile.REGTYPE,
    tarfile.AREGTYPE,
    tarfile.CONTTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    b"Z",
)
WITH_DATA = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, b"Z")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with Repository(tmp_path_factory.mktemp("shelf")) as repository:
        yield repository


class Archive(bytes):
    """Bytes that are mostly zeros, shown as what differs from that."""

    def __repr__(self) -> str:
        return f"zlib.decompress({zlib.compress(self)!r})"


def by_tarfile(data: bytes) -> Found:
    """Say where the regular files of an archive lie, if it has an end."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8") as tar:
        found = [
            (it.name, it.offset_data, it.offset_data + it.size)
            for it in tar
            if it.isreg() and not it.issparse()
        ]
        # Tarfile takes what is no head for the end.
        end = data[tar.offset :][:512]
        if end.strip(b"\0") or len(end) % 512:
            raise tarfile.ReadError("cut off")
    return found


def by_us(core: object, cid: object, most_bytes: int = 4 << 20) -> Found:
    """Say the same, so much of the archive at once."""
    given: Any = core, cid
    tar, found = TarMembers(FileReader(*given)), list[tuple[str, int, int]]()
    while (stretch := tar.next(most_bytes)) is not None:
        for name, start, stop in stretch[0]:
            found.append((name.decode("utf-8", "surrogateescape"), start, stop))
    assert tar.next(most_bytes) is None
    return found


def listed(
    repository: Repository, data: bytes, chunker: str = "size-512", most: int = 4 << 20
) -> Found:
    cid = repository.add(data, pin=False, chunker=chunker).cid
    return by_us(repository._core, cid, most)


def head(name: bytes, size: bytes, kind: bytes = b"0", patch: bytes = b"") -> bytes:
    """Make a head as it stands, with something patched into its end."""
    fields = [name.ljust(100, b"\0"), b"0000644\0" * 3, size.ljust(12, b"\0")]
    block = b"".join([*fields, b"00000000000\0", b" " * 8, kind]).ljust(512, b"\0")
    block = block[: 512 - len(patch)] + patch
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def pax(**records: str) -> bytes:
    """Make a pax header."""
    return said_by_pax("x", records)


def said_by_pax(kind: str, records: dict[str, str]) -> bytes:
    body = b""
    for key, value in records.items():
        record = f" {key}={value}\n".encode()
        length = len(record) + len(str(len(record)))
        length += len(str(length)) - len(str(len(record)))
        body += b"%d" % length + record
    return head(b"pax", octal(len(body)), kind.encode()) + filled(body)


NAMES = st.lists(
    st.text(st.sampled_from("ab.é漢\udcff "), min_size=1, max_size=60), max_size=6
).map("/".join)


@st.composite
def archives(draw: st.DrawFn) -> Archive:
    """Write archives as Python does: any format, any kind of member."""
    out, kind_of_tar = io.BytesIO(), draw(st.sampled_from(FORMATS))
    members = draw(st.integers(0, 6))
    # Tarfile takes no archive that says something of all members and has none.
    comment = {"comment": "of all"} if members and draw(st.booleans()) else {}
    with tarfile.open(
        fileobj=out, mode="w", format=kind_of_tar, encoding="utf-8", pax_headers=comment
    ) as tar:
        for _ in range(members):
            info = tarfile.TarInfo(draw(NAMES) or "x")
            info.type = draw(st.sampled_from(KINDS))
            info.mtime = draw(st.sampled_from((0, 1.5, 1 << 40)))
            if info.type in WITH_DATA:
                info.size = draw(st.sampled_from((0, 1, 511, 512, 513, 2000)))
            elif draw(st.booleans()):
                info.linkname = draw(NAMES)
            if draw(st.booleans()):
                info.pax_headers = {"size": str(info.size)}
            try:
                tar.addfile(info, io.BytesIO(b"d" * info.size))
            except ValueError:
                # Too long, or too great a number, for this format.
                continue
    return Archive(out.getvalue())


@given(archives(), st.sampled_from(CHUNKERS), st.sampled_from((0, 1, 700, 4 << 20)))
def test_members_are_those_that_tarfile_finds(
    shelf: Repository, data: bytes, chunker: str, most_bytes: int
) -> None:
    assert listed(shelf, data, chunker, most_bytes) == by_tarfile(data)


BODY = filled(b"d" * 700)
SPARSE = b"00000000000\0" * 2 * 4
ONE = head(b"a.x", octal(700)) + BODY


@pytest.mark.parametrize(
    "data",
    [
        bytes(1024),
        bytes(512) + b"anything",
        ONE,
        ONE + bytes(512) + b"anything",
        head(b"a.x", b"\x80" + (700).to_bytes(11, "big")) + BODY + bytes(1024),
        head(b"a.x", b"       1274 ") + BODY,
        head(b"folder/", octal(0), b"\0") + ONE,
        # Links may name the size of what they lead to.
        head(b"link.x", octal(700), b"1") + ONE,
        # Long names and links, in any order.
        head(b"L", octal(5), b"L") + filled(b"b.y\0z") + ONE,
        head(b"K", octal(600), b"K") + filled(b"k" * 600) + ONE,
        head(b"L", octal(3), b"L") + filled(b"b.y") + pax(path="c.z") + ONE,
        pax(path="c.z") + head(b"L", octal(3), b"L") + filled(b"b.y") + ONE,
        pax(path="c.z", size="700") + head(b"a.x", octal(0)) + BODY + ONE,
        said_by_pax("g", {"comment": "of all"}) + ONE + ONE,
        said_by_pax("g", {"path": "g.x"}) + ONE + pax(path="c.z") + ONE,
        said_by_pax("X", {"path": "solaris.x"}) + ONE,
        # Sparse: the old way, with a map that goes on, and the ways of pax.
        head(b"s.x", octal(700), b"S", SPARSE + bytes(30)) + BODY + ONE,
        head(b"s.x", octal(700), b"S", SPARSE + b"\1" + b"00000010000\0" + bytes(17))
        + bytes(504) + b"\1" + bytes(7) + bytes(512) + BODY + ONE,
        pax(**{"GNU.sparse.size": "9000", "GNU.sparse.numblocks": "1"}) + ONE + ONE,
        pax(**{"GNU.sparse.map": "0,700"}) + ONE + ONE,
        pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})
        + head(b"s.x", octal(1024)) + filled(b"1\n0\n512\n") + bytes(512) + ONE,
    ],
)  # fmt: skip
def test_what_others_write_is_read_as_tarfile_reads_it(
    shelf: Repository, data: bytes
) -> None:
    found = by_tarfile(data)
    for chunker in CHUNKERS:
        assert listed(shelf, data, chunker) == found


def test_an_archive_may_say_something_of_members_it_has_not(shelf: Repository) -> None:
    of_all = said_by_pax("g", {"comment": "of all"})
    assert listed(shelf, of_all) == listed(shelf, of_all + bytes(1024)) == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "byte 0"),
        (b"no tar" * 200, "no head"),
        (bytes(100), "byte 0"),
        (ONE[:-1], "a.x is not whole"),
        (ONE + b"x" * 512, "no head of a member at byte 1536"),
        (ONE + bytes(100), "byte 1536"),
        (head(b"a.x", b"\x80" + b"\xff" * 11) + BODY, "a.x is not whole"),
        (head(b"a.x", b"\xff" + b"\xff" * 11) + BODY, "no number"),
        (head(b"a.x", b"9") + BODY, "no number"),
        (head(b"L", b"\x80" + b"\xff" * 11, b"L") + BODY, "byte 0"),
        (head(b"L", octal(3), b"L") + filled(b"b.y"), "byte 1024"),
        (head(b"L", octal(3), b"L") + filled(b"b.y") + bytes(1024), "byte 1024"),
        (pax(size="18446744073709551616") + ONE, "not whole"),
        (pax(size="-1") + ONE, "malformed pax records"),
        (head(b"pax", octal(7), b"x") + filled(b"99 a=b\n") + ONE, "malformed pax"),
        (head(b"s.x", octal(0), b"S", SPARSE + b"\1" + bytes(29)), "byte 512"),
    ],
)
def test_what_is_no_tar_or_is_cut_off_is_named(
    shelf: Repository, data: bytes, says: str
) -> None:
    cid = shelf.add(data, pin=False, chunker="size-512").cid
    what = rf"^a\.tar is no tar, or is cut off: .*{says}"
    with pytest.raises(MalformedDataError, match=what):
        list(samples_of(shelf, cid, "a.tar"))


LONG = head(b"pax", octal((1 << 20) + 1), b"x") + filled(bytes((1 << 20) + 1))
MAP = bytes(504) + b"\1" + bytes(7)


@pytest.mark.parametrize(
    "data",
    [
        LONG + ONE,
        pax(path="a") * 64 + ONE,
        said_by_pax("g", {"path": "a"}) * 64 + ONE,
        head(b"s.x", octal(0), b"S", SPARSE + b"\1" + bytes(29)) + MAP * (1 << 16) + ONE,
    ],
)
def test_what_stands_before_a_member_is_bounded(shelf: Repository, data: bytes) -> None:
    cid = shelf.add(data, pin=False).cid
    with pytest.raises(LimitExceededError, match=r"a\.tar: .* exceeds the limit"):
        list(samples_of(shelf, cid, "a.tar"))


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_cut_off_anywhere_has_its_members_or_is_an_error(
    shelf: Repository, kind: int
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name in ("a.x", "f" * 90 + "/" + "n" * 90 + ".y", "é.z"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 10, 1.5
            tar.addfile(info, io.BytesIO(b"d" * 10))
    whole = out.getvalue()
    end = by_tarfile(whole)[-1][2]
    cuts = range(min(len(whole), end + 1200))
    cids = shelf.block_put_many(whole[:length] for length in cuts)
    for length, cid in zip(cuts, cids, strict=True):
        expected: Found | None = None
        with suppress(tarfile.TarError):
            expected = by_tarfile(whole[:length])
        if expected is None:
            with pytest.raises(MalformedDataError):
                by_us(shelf._core, cid)
        else:
            assert by_us(shelf._core, cid) == expected


@given(archives(), st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4))))
@settings(max_examples=200)
def test_what_is_damaged_is_an_error_or_has_members_inside_the_file(
    shelf: Repository, data: bytes, damage: list[tuple[int, bytes]]
) -> None:
    room = bytearray(data)
    for at, some in damage:
        at %= max(len(room), 1)
        room[at : at + len(some)] = some
    try:
        found = listed(shelf, bytes(room))
    except (MalformedDataError, LimitExceededError):
        return
    ends = [0, *(end for _, _, end in found)]
    assert ends[-1] <= len(room)
    for (_, start, stop), before in zip(found, ends, strict=False):
        assert before + 512 <= start <= stop


def shard(sizes: list[int]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"{number}.x")
            info.size = size
            tar.addfile(info, io.BytesIO(bytes([number % 251]) * size))
    return out.getvalue()


def test_the_data_of_members_is_not_fetched(shelf: Repository) -> None:
    cid = shelf.add(shard([100_000] * 20), pin=False, chunker="size-4096").cid
    asked = list[CID]()

    def fetch(cids: list[CID]) -> Any:
        asked.extend(cids)
        return repo_view_many(shelf._core, cids)

    def resolve(name: str, rest: list[str]) -> str:
        raise NotImplementedError

    assert len(by_us(Chain(fetch, resolve), cid)) == 20
    # A head may lie in two blocks; of 500 there are.
    assert len(asked) < 50


class Told(Repository):
    """Notes where reads were said to be."""

    def _ahead(self, reader: FileReader) -> Any:
        del reader
        self.reads: list[tuple[int, int]] = []
        return lambda start, count: self.reads.append((start, count))


def test_who_reads_ahead_hears_where_heads_lie_close_together(tmp_path: Any) -> None:
    with Told(tmp_path / "it") as repository:
        cid = repository.add(shard([1000] * 8000)).cid
        assert sum(1 for _ in samples_of(repository, cid, "a.tar")) == 8000
        reads = repository.reads
        assert len(reads) == 3
        for (start, count), (following, _) in pairwise(reads):
            assert 0 < following - (start + count) <= 1024
        # Nobody is told of what long members have between their heads.
        cid = repository.add(shard([3 << 20] * 3)).cid
        assert sum(1 for _ in samples_of(repository, cid, "a.tar")) == 3
        assert {count for _, count in repository.reads} == {512, 0}
