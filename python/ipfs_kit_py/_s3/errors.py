"""What obstore and a store say, as exceptions of ours.

What obstore says holds the whole reply, with the name of the key and what was signed in
it. So only the store's code and message are taken out, and the rest is left behind.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ipfs_kit_py.errors import (
    AccessDeniedError,
    EngineError,
    InvalidParameterError,
    IPFSError,
    LimitExceededError,
    PathNotFoundError,
    TimedOutError,
    UnreachableError,
)

_CODE = re.compile(r"<Code>([^<]{1,100})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>")
_STATUS = re.compile(r"(?:status code: |status: )(\d{3})")
_CODES: dict[str, type[IPFSError]] = {
    "NoSuchBucket": PathNotFoundError,
    "NoSuchKey": PathNotFoundError,
    "NoSuchUpload": PathNotFoundError,
    "AccessDenied": AccessDeniedError,
    "SignatureDoesNotMatch": AccessDeniedError,
    "InvalidAccessKeyId": AccessDeniedError,
    "ExpiredToken": AccessDeniedError,
    "InvalidToken": AccessDeniedError,
    "RequestTimeTooSkewed": AccessDeniedError,
    "EntityTooLarge": LimitExceededError,
    "KeyTooLongError": LimitExceededError,
    "InvalidBucketName": InvalidParameterError,
    "RequestTimeout": TimedOutError,
    "SlowDown": UnreachableError,
}
_STATUSES: dict[int, type[IPFSError]] = {
    400: InvalidParameterError,
    401: AccessDeniedError,
    403: AccessDeniedError,
    404: PathNotFoundError,
    408: TimedOutError,
    413: LimitExceededError,
    429: UnreachableError,
}


class PartChangedError(Exception):
    """What is in the bucket is no longer what a part of was fetched; never shown."""


def of_reply(what: str, status: int, body: str) -> IPFSError:
    """Make an exception of a reply whose status is not good.

    Args:
        what: What was to be done, as the beginning of a sentence.
        status: The number.
        body: What the store said: XML, or nothing.
    """
    code, message = _CODE.search(body), _MESSAGE.search(body)
    kind = _CODES.get(code[1]) if code else None
    if kind is None:
        kind = UnreachableError if status >= 500 else _STATUSES.get(status, EngineError)
    why = f"{code[1]}, {message[1]}" if code and message else f"status {status}"
    if kind is PathNotFoundError:
        no_bucket = code is not None and code[1] == "NoSuchBucket"
        why = "there is no such bucket" if no_bucket else "it is not there"
    return kind(f"{what}: {why}")


def of_obstore(what: str, error: Exception) -> IPFSError:
    """Make an exception of one of obstore's."""
    text = str(error)
    if status := _STATUS.search(text):
        return of_reply(what, int(status[1]), text)
    if isinstance(error, FileNotFoundError):
        return PathNotFoundError(f"{what}: it is not there")
    # Names of obstore's own in what it shows of its inside.
    if re.search(r"kind: Timeout|TimedOut|Elapsed|operation timed out", text):
        return TimedOutError(f"{what}: the store does not answer in time")
    first = text.partition("\n")[0][:200]
    if "Config error" in first:
        return EngineError(f"{what}: {first}")
    why = "the connection broke off" if "HTTP error" in first else "the reply is broken"
    if "kind: Connect" in text:
        why = "no store answers there"
    return UnreachableError(f"{what}: {why}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what obstore raises into exceptions of ours."""
    from obstore.exceptions import (
        BaseError,
        NotModifiedError,
        PreconditionError,
    )

    try:
        yield
    except IPFSError:
        raise
    except (PreconditionError, NotModifiedError):
        raise PartChangedError from None
    except FileNotFoundError as error:
        if error.errno is not None:
            # A file of this machine.
            raise
        raise of_obstore(what, error) from None
    except BaseError as error:
        raise of_obstore(what, error) from None
