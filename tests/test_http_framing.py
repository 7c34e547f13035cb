"""Replies in many chunks are the same in few, however the bytes come in."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_kit_py._http.framing import Framing

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\nTrailer: X-Stream-Error\r\n\r\n"


def chunked(chunks: list[bytes], trailers: bytes = b"") -> bytes:
    framed = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk]
    return CHUNKED + b"".join(framed) + b"0\r\n" + trailers + b"\r\n"


def body(parts: list[bytes]) -> tuple[bytes, dict[str, str], int]:
    """What the HTTP library reads behind the framing: the body, and its pieces."""
    framing, reader = Framing(), h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="POST", target="/", headers=[("Host", "x")]))
    reader.send(h11.EndOfMessage())
    found: list[bytes] = []
    for part in [*parts, b""]:
        if (fed := framing.feed(part)) or not part:
            reader.receive_data(fed)
        while (event := reader.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Data):
                found.append(bytes(event.data))
            if isinstance(event, h11.EndOfMessage):
                return b"".join(found), framing.trailers, len(found)
    raise AssertionError("the body has no end")


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    starts = [0, *ends]
    return [data[a:b] for a, b in zip(starts, ends, strict=False) if a < b]


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"same size!"] * 3)),
    st.sampled_from([b"", b"X-Stream-Error: it broke\r\n", b"A: 1\r\nB: 2\r\n"]),
    st.lists(st.integers(0, 5000)),
)
def test_any_cuts_give_the_same_body(
    chunks: list[bytes], trailers: bytes, places: list[int]
) -> None:
    reply = chunked(chunks, trailers)
    content, found, _ = body(cut(reply, places))
    assert content == b"".join(chunks)
    assert len(found) == trailers.count(b"\r\n")


def test_many_chunks_that_come_at_once_are_one() -> None:
    content, _, pieces = body([chunked([b"x" * 4096] * 50)])
    assert (len(content), pieces) == (50 * 4096, 1)


def test_content_does_not_pass_for_a_trailer() -> None:
    fake = b"\r\n0\r\nX-Stream-Error: made up\r\n\r\n"
    assert body([chunked([fake])])[:2] == (fake, {})


def test_a_reply_with_a_length_is_left_as_it_is() -> None:
    reply = HEAD + b"Content-Length: 5\r\n\r\nhello"
    assert Framing().feed(reply) == reply
    assert body(cut(reply, [*range(100)]))[0] == b"hello"


def test_what_comes_before_the_reply_is_not_the_reply() -> None:
    reply = b"HTTP/1.1 100 Continue\r\n\r\n" + chunked([b"a", b"b"], b"E: 1\r\n")
    assert body([reply])[:2] == (b"ab", {"e": "1"})


@pytest.mark.parametrize(
    "broken",
    [
        b"5\r\nhello",
        b"5\r\nhelloX5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n" * 3 + b"5\r\nhelloX5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n" * 3 + b"5\r\nhel",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"\r\n\r\n",
        b"5" * 100_000,
        b"1\r\na\r\n0\r\n" + b"A: 1\r\n" * 1000,
    ],
)
def test_broken_chunks_are_an_error(broken: bytes) -> None:
    for parts in ([CHUNKED + broken], [CHUNKED, broken], cut(CHUNKED + broken, [150])):
        with pytest.raises(h11.RemoteProtocolError):
            body(parts)


def test_a_head_without_end_is_not_kept_forever() -> None:
    framing = Framing()
    assert framing.feed(b"x" * 100_000)
