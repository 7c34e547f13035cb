"""Names of datasets and models, and of their versions."""

from collections.abc import Iterable
from typing import Final

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidCIDError, InvalidParameterError

MOST_NAME_BYTES: Final = 255
_MOST_DIGITS: Final = 16


def check_label(name: object) -> str:
    """Refuse what cannot be what something is called.

    Raises:
        InvalidParameterError: It is no text of 1 to 255 bytes, or has control characters.
    """
    if not isinstance(name, str):
        raise InvalidParameterError(f"a name is text, not a {type(name).__name__}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise InvalidParameterError(f"the name {name!a} is no Unicode") from error
    if not 0 < size <= MOST_NAME_BYTES or not name.isprintable():
        raise InvalidParameterError(
            f"{name!a} is no name: that is 1 to {MOST_NAME_BYTES} bytes of text to print"
        )
    return name


def check_name(name: object) -> str:
    """Refuse what cannot be the name of a dataset or model, a version or a stage.

    Raises:
        InvalidParameterError: It is a CID, has an `@`, or is no label at all.
    """
    text = check_label(name)
    if "@" in text or text.strip() != text:
        raise InvalidParameterError(
            f"{text!a} is no name: an @ divides names from versions, and spaces stand "
            "inside alone"
        )
    if as_cid(text) is not None:
        raise InvalidParameterError(f"{text} is a CID, and no name")
    return text


def as_cid(text: object) -> CID | None:
    """Give the CID that a text is, if it is one."""
    if isinstance(text, CID):
        return text
    if not isinstance(text, str):
        return None
    try:
        return CID(text.removeprefix("ipfs://").removeprefix("/ipfs/").removesuffix("/"))
    except InvalidCIDError:
        return None


def divided(name: object) -> tuple[str, str | None]:
    """Divide a name from the version behind it.

    Raises:
        InvalidParameterError: It is no label.
    """
    text = check_label(name)
    before, at, version = text.rpartition("@")
    return (before, version) if at else (text, None)


def check_version(version: object) -> None:
    """Refuse what no version is called by.

    Raises:
        InvalidParameterError: It is no text.
    """
    if not isinstance(version, str):
        raise InvalidParameterError(
            f"versions are texts, so give {str(version)!r} and not {version!r}"
        )


def following(versions: Iterable[str], last: int) -> str:
    """Give the version after these: 1, 2, 3, whatever else is between them.

    Args:
        versions: Those that are there.
        last: The greatest number of one that was deleted.
    """
    return str(max(last, greatest(versions)) + 1)


def greatest(versions: Iterable[str]) -> int:
    """Give the greatest number that a version is called by; 0 if there is none."""
    numbers = [
        int(it)
        for it in versions
        if it.isascii() and it.isdecimal() and len(it) < _MOST_DIGITS
    ]
    return max(numbers, default=0)
