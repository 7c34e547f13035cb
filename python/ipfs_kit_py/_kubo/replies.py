"""What stands in a reply, checked: nothing is taken for granted of what others send."""

from typing import Any

from ipfs_kit_py._kubo.errors import broken
from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import IPFSError


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
