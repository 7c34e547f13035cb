"""Makes the many small chunks of a reply into few, and keeps its trailers.

Kubo sends what it streams in chunks of 4 KiB. Each of them costs the HTTP library far
more than its bytes, and it throws away the trailers behind the last one, in which Kubo
tells what went wrong on the way. So this stands between it and the socket: bytes as they
came in one end, the same reply in large chunks out of the other.
"""

from typing import Final, Literal, TypeAlias

from ipfs_kit_py._native import http_chunks

_State: TypeAlias = Literal["head", "size", "data", "trailers", "end", "bad", "plain"]
_CHUNKED: Final = ("size", "data", "trailers")

# No honest head or line is longer.
_MOST_BYTES: Final = 64 << 10
_MOST_TRAILERS: Final = 100
_LINE_END: Final = b"\r\n"


class Framing:
    """One reply. What makes no sense is passed on: the HTTP library complains of it."""

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0
        self._state: _State = "head"
        self._left = 0
        self._trailers: list[bytes] = []

    @property
    def has_begun(self) -> bool:
        """Whether any byte of the reply came."""
        return self._state != "head" or bool(self._buffer)

    @property
    def trailers(self) -> dict[str, str]:
        """What stood behind the last chunk."""
        lines = (line.decode("utf-8", "replace") for line in self._trailers)
        pairs = (line.partition(":") for line in lines)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the socket, and give those for the library, if any yet."""
        if self._state == "plain":
            return data
        self._buffer += data
        out = self._head() if self._state == "head" else b""
        return out + self._body() if self._state in _CHUNKED else out

    def _head(self) -> bytes:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return self._rest() if len(self._buffer) > _MOST_BYTES else b""
        head, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
        lines = head.lower().split(_LINE_END)
        if lines[0].startswith(b"http/1.1 1"):
            # "Go on" is not the reply.
            return head + self._head()
        if b"transfer-encoding: chunked" in lines:
            self._state = "size"
            return head
        return head + self._rest()

    def _rest(self) -> bytes:
        rest, self._buffer, self._state = self._buffer, b"", "plain"
        return rest

    def _body(self) -> bytes:
        """Take the chunks off all that is here, and put one around it."""
        found: list[bytes] = []
        while self._take_data(found) if self._state == "data" else self._take_line():
            if self._state == "size":
                # Nothing that the other two do not do, but far quicker.
                content, self._at = http_chunks(self._buffer, self._at)
                found.append(content)
        self._buffer, self._at = self._buffer[self._at :], 0
        content = b"".join(found)
        out = b"%x\r\n%b\r\n" % (len(content), content) if content else b""
        match self._state:
            case "end":
                return out + b"0\r\n\r\n" + self._rest()
            case "bad":
                # Whatever may follow, this is no chunk.
                return out + b"bad chunk\r\n" + self._rest()
            case _:
                return out

    def _take_data(self, found: list[bytes]) -> bool:
        """Take what is here of a chunk; tell whether to go on."""
        part = self._buffer[self._at : self._at + self._left]
        found.append(part)
        self._at += len(part)
        self._left -= len(part)
        line_end = self._buffer[self._at : self._at + 2]
        if self._left or len(line_end) < 2:
            return False
        self._at += 2
        self._state = "size" if line_end == _LINE_END else "bad"
        return self._state == "size"

    def _take_line(self) -> bool:
        """Take the size of a chunk, or a trailer; tell whether to go on."""
        end = self._buffer.find(_LINE_END, self._at, self._at + _MOST_BYTES)
        if end < 0:
            if len(self._buffer) - self._at >= _MOST_BYTES:
                self._state = "bad"
            return False
        line, self._at = self._buffer[self._at : end], end + 2
        if self._state == "size":
            size = _size(line)
            self._left = size or 0
            self._state = "bad" if size is None else "data" if size else "trailers"
        elif not line:
            self._state = "end"
        elif len(self._trailers) < _MOST_TRAILERS:
            self._trailers.append(line)
        else:
            self._state = "bad"
        return self._state in _CHUNKED


def _size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or not digits.isalnum():
        return None
    try:
        return int(digits, 16)
    except ValueError:
        return None
