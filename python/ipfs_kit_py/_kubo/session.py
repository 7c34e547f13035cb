"""A node as an engine sees it: where it is, and how its replies are read."""

import os
from typing import Any

from ipfs_kit_py import _native
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._kubo.client import Client, ask, look
from ipfs_kit_py._kubo.errors import broken, of_message
from ipfs_kit_py._native import CID
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py.errors import InvalidParameterError, IPFSError

__all__ = ["Session", "ask", "cid_in", "look", "of_message", "value_in"]


class Session:
    """An open way to a node, without what can be done with it.

    Args:
        client: Its RPC API.
        folder: Its repository, as far as that is known.
    """

    def __init__(self, client: Client, folder: StrPath) -> None:
        self._client = client
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - a text in, a text out

    @property
    def path(self) -> str:
        """The repository's folder."""
        return self._folder

    def close(self) -> None:
        """Close the connections; closing twice is no error."""
        self._client.close()

    def _resolve(self, path: IPFSPath) -> tuple[CID, list[str]]:
        """Follow a path to the last block on the way, and say what is left of it."""
        root, names = _native.split_path(path)
        if isinstance(root, CID) and not names:
            return root, []
        asked = look("dag/resolve", _text(root, names))
        found = self._client.call(asked)
        rest = value_in(found, asked.command, str, "RemPath")
        return cid_in(found, asked.command, "Cid"), [
            name for name in rest.split("/") if name
        ]

    def _block(self, path: IPFSPath) -> CID:
        """Follow a path to a block."""
        cid, rest = self._resolve(path)
        if rest:
            raise InvalidParameterError(
                f"{path} is no block: {'/'.join(rest)!r} is left of it"
            )
        return cid


def _text(root: CID | str, names: list[str]) -> str:
    kind = "ipfs" if isinstance(root, CID) else "ipns"
    return "/".join([f"/{kind}/{root}", *names])


def value_in(reply: Any, command: str, kind: type, *names: str) -> Any:  # noqa: ANN401 - checked here
    """Find something in a reply, of the type that it is to have.

    Raises:
        UnreachableError: It is not there: this is no reply of Kubo's.
    """
    found = reply
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise broken(command, f"it has no {'.'.join(names)}: {str(reply)[:100]}")
    return found


def cid_in(reply: Any, command: str, *names: str) -> CID:  # noqa: ANN401 - checked here
    """Find a CID in a reply: a text, or a link as dag-json has it.

    Raises:
        UnreachableError: There is none.
    """
    last = reply
    for name in names:
        last = last.get(name) if isinstance(last, dict) else None
    is_link = isinstance(last, dict)
    text = value_in(reply, command, str, *names, *(["/"] if is_link else []))
    try:
        return CID(text)
    except IPFSError as error:
        raise broken(command, f"{text[:100]!r} is no CID") from error
