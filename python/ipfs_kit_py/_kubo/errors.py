"""What Kubo and the way to it raise, as exceptions of ours.

Kubo tells kinds of errors apart by their text alone, so this looks for the words that its
versions have in common. What it does not know becomes an `EngineError` with those words.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ipfs_kit_py.errors import (
    AccessDeniedError,
    BlockNotFoundError,
    DiskFullError,
    EngineError,
    EngineUnavailableError,
    InvalidCIDError,
    InvalidKeyError,
    InvalidMultiaddrError,
    InvalidParameterError,
    InvalidRecordError,
    IPFSError,
    KeyExistsError,
    KeyNotFoundError,
    LimitExceededError,
    NameNotFoundError,
    NotPinnedError,
    OfflineError,
    PathExistsError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    PinConflictError,
    RepositoryBusyError,
    TimedOutError,
    UnreachableError,
    UnsupportedCodecError,
    UnsupportedHashError,
)

# The first that is found decides, so what is more special stands first.
_WORDS: tuple[tuple[str, type[IPFSError]], ...] = (
    (r"pinned (recursively|directly)|pinned indirectly under", PinConflictError),
    (r"not (recursively )?pinned|was not recursively pinned", NotPinnedError),
    (r"no space left on device|disk quota exceeded", DiskFullError),
    (r"read-only file system|permission denied|access denied", AccessDeniedError),
    (r"no key (named|by the given name)|key not found in keystore", KeyNotFoundError),
    (r"key (by that name|with name .*) already exists", KeyExistsError),
    (r"cannot (create|rename|remove|import) key", InvalidKeyError),
    (r"unable to unmarshall format|PEM block|parsing PKCS8", InvalidKeyError),
    (r"older one|existing IPNS record|record validation", InvalidRecordError),
    (r"sequence number must be greater", InvalidParameterError),
    (r"parse multiaddr|found no ipfs peers at", InvalidMultiaddrError),
    (r"failed to dial", UnreachableError),
    (r"could not resolve name|routing: not found", NameNotFoundError),
    (r"must be run in online mode|node is offline", OfflineError),
    (r"could not find|block was not found|block not found", BlockNotFoundError),
    (r"merkledag: not found|blockservice: key not found", BlockNotFoundError),
    (r"no link named|no link by that name|file does not exist", PathNotFoundError),
    (r"no such (file|link)|on wrong kind", PathNotFoundError),
    (r"is not a directory|not a directory|must be directories", PathNotADirectoryError),
    (r"directory already has|already exists|file exists", PathExistsError),
    (
        r"is a directory|was not a file|use -r to remove directories",
        PathIsADirectoryError,
    ),
    (r"over 2MiB|bigger than 2MiB|bigger than 1MiB|too (large|big)", LimitExceededError),
    (r"invalid (cid|path)|(selected )?encoding not supported", InvalidCIDError),
    (r"invalid cid|cid too short|illegal base|bad prefix", InvalidCIDError),
    (r"(unknown|unrecognized) (multi)?hash|insecure hash", UnsupportedHashError),
    (r"(unknown|unrecognized) (multi)?codec|no (de|en)coder", UnsupportedCodecError),
    (r"context deadline exceeded|timed? ?out", TimedOutError),
    (r"someone else has the lock|lock .* held", RepositoryBusyError),
    (r"is required|unrecognized option|unknown option", InvalidParameterError),
    (r"invalid (argument|duration|option|value|multiaddr)", InvalidParameterError),
)
_KNOWN = tuple((re.compile(words, re.IGNORECASE), kind) for words, kind in _WORDS)
_BAD_ARGUMENT = 1


def of_message(message: str, code: int = 0) -> IPFSError:
    """Make an exception of what Kubo said.

    Args:
        message: Its words.
        code: Its number for a kind of error; only "bad argument" tells anything.
    """
    text = message.strip() or "Kubo failed without a word"
    for words, kind in _KNOWN:
        if words.search(text):
            return kind(text)
    return InvalidParameterError(text) if code == _BAD_ARGUMENT else EngineError(text)


def of_reply(status: int, body: bytes, command: str, place: str) -> IPFSError:
    """Make an exception of a reply whose status is not good."""
    import json

    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if isinstance(said, dict) and "Message" in said:
        code = said.get("Code")
        return of_message(str(said["Message"]), code if isinstance(code, int) else 0)
    shown = body[:200].decode("utf-8", "replace").strip()
    refused = EngineUnavailableError(f"{place} answers {command} with {status}: {shown}")
    if status in (401, 403):
        refused = EngineUnavailableError(
            f"the node at {place} lets nobody in without the right `api_auth`: {shown}"
        )
    if status in (404, 405):
        refused = EngineUnavailableError(
            f"the node at {place} has no command {command}: {shown}"
        )
    # Waiting changes nothing about it, unless the server itself has trouble.
    refused.recoverable = status >= 500
    return refused


def broken(command: str, why: str) -> UnreachableError:
    """Say that a reply is not whole, or not what it ought to be."""
    return UnreachableError(f"the reply to {command} is broken: {why}")


@contextmanager
def translated(command: str, place: str) -> Iterator[None]:
    """Turn what httpx2 and httpcore2 raise into exceptions of ours."""
    import httpcore2
    import httpx2

    try:
        yield
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
        raise EngineUnavailableError(
            f"no Kubo node answers at {place} ({error}): start one (`ipfs-kit daemon"
            " start`, `ipfs daemon`), or use the setting engine=embedded"
        ) from error
    except httpcore2.TimeoutException as error:
        raise TimedOutError(f"{command} at {place}: {error}") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise UnreachableError(f"{command} at {place} broke off: {error}") from error
    except (httpx2.TransportError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise UnreachableError(f"{command} at {place}: {error}") from error
