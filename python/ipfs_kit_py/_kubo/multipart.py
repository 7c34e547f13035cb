"""Bodies of several files that are sent as they are read."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Part(NamedTuple):
    """A file of a body."""

    name: str
    content: Iterable[bytes]


class Multipart:
    """Files, one after the other; none is ever in memory as a whole.

    It can be iterated over as often as the contents of its parts can.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = parts
        # Long enough that no content has it in it by chance.
        self._boundary = os.urandom(24).hex()

    @property
    def content_type(self) -> str:
        """What the request's header says."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the bytes of the body."""
        for number, part in enumerate(self._parts):
            name = part.name.replace("\\", "%5C").replace('"', "%22")
            head = (
                f"--{self._boundary}\r\n"
                f'Content-Disposition: form-data; name="file{number}"; filename="{name}"'
                "\r\nContent-Type: application/octet-stream\r\n\r\n"
            )
            yield head.encode()
            yield from part.content
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()


def one_file(content: Iterable[bytes]) -> Multipart:
    """Make a body of one file, whose name means nothing."""
    return Multipart([Part("data", content)])
