"""Everything that ipfs_kit_py raises.

Every exception is an `IPFSError`, and most are a builtin as well, so that code which
knows nothing of IPFS catches them too::

    IPFSError
    ├── InvalidInputError (ValueError)
    │   ├── InvalidCIDError
    │   ├── InvalidParameterError
    │   ├── ConfigurationError
    │   ├── InvalidKeyError
    │   ├── InvalidRecordError
    │   ├── InvalidMultiaddrError
    │   │   └── MultiaddrValidationError
    │   ├── InvalidNameError
    │   ├── NamesNotSupportedError (NotImplementedError)
    │   ├── UnsupportedHashError
    │   ├── UnsupportedCodecError
    │   ├── UnsupportedFileError
    │   ├── MalformedDataError
    │   ├── IntegrityError
    │   │   └── ContentDamagedError (OSError)
    │   ├── UnsafePathError
    │   └── LimitExceededError
    ├── NotFoundError
    │   ├── BlockNotFoundError (KeyError)
    │   │   └── ContentNotFoundError (FileNotFoundError)
    │   ├── ContentIncompleteError (OSError)
    │   ├── PathNotFoundError (FileNotFoundError)
    │   ├── RepositoryNotFoundError (FileNotFoundError)
    │   ├── NotPinnedError (LookupError)
    │   ├── KeyNotFoundError (LookupError)
    │   └── NameNotFoundError (LookupError)
    ├── FileIOError (OSError)
    │   ├── FileChangedError
    │   ├── DiskFullError
    │   ├── PathExistsError (FileExistsError)
    │   ├── AccessDeniedError (PermissionError)
    │   ├── PathIsADirectoryError (IsADirectoryError)
    │   └── PathNotADirectoryError (NotADirectoryError)
    ├── RepositoryError
    │   ├── RepositoryNotFoundError
    │   ├── RepositoryVersionError
    │   ├── RepositoryBusyError
    │   ├── RepositoryClosedError (ValueError)
    │   ├── RepositoryFullError (OSError)
    │   ├── ReadOnlyRepositoryError (PermissionError)
    │   ├── IndexDamagedError
    │   ├── UnsafeFileSystemError
    │   ├── ForkedError (RuntimeError)
    │   ├── PinConflictError
    │   ├── BlockInUseError
    │   ├── KeyExistsError
    │   └── ConflictError
    ├── UnreachableError (ConnectionError)
    │   ├── EngineUnavailableError
    │   └── OfflineError
    ├── EngineError
    ├── TimedOutError (TimeoutError)
    ├── RoleError (PermissionError)
    ├── ComponentUnavailableError (AttributeError)
    ├── PinError
    │   ├── NotPinnedError
    │   └── PinConflictError
    ├── CancelledError
    └── InternalError (RuntimeError)

Each instance carries `code`, an `ErrorCode`. Codes are stable: they are added to, never
renamed, so match on them rather than on messages. `recoverable` says whether the same
call may succeed later, with nothing done but waiting or making room.
"""

from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """What went wrong, in a form that programs can rely on."""

    INVALID_CID = "invalid-cid"
    INVALID_PARAMETER = "invalid-parameter"
    UNSUPPORTED_HASH = "unsupported-hash"
    UNSUPPORTED_CODEC = "unsupported-codec"
    INVALID_MULTIADDR = "invalid-multiaddr"
    INVALID_NAME = "invalid-name"
    UNSUPPORTED_FILE = "unsupported-file"
    FILE_CHANGED = "file-changed"
    PATH_NOT_FOUND = "path-not-found"
    PATH_EXISTS = "path-exists"
    ACCESS_DENIED = "access-denied"
    PATH_IS_A_DIRECTORY = "path-is-a-directory"
    PATH_NOT_A_DIRECTORY = "path-not-a-directory"
    FILE_IO = "file-io"
    BLOCK_NOT_FOUND = "block-not-found"
    INTEGRITY = "integrity"
    MALFORMED_DATA = "malformed-data"
    UNSAFE_PATH = "unsafe-path"
    LIMIT_EXCEEDED = "limit-exceeded"
    DISK_FULL = "disk-full"
    NAMES_NOT_SUPPORTED = "names-not-supported"
    REPOSITORY_NOT_FOUND = "repository-not-found"
    REPOSITORY_VERSION = "repository-version"
    REPOSITORY_BUSY = "repository-busy"
    REPOSITORY_READ_ONLY = "repository-read-only"
    REPOSITORY_FULL = "repository-full"
    REPOSITORY_CLOSED = "repository-closed"
    INDEX_DAMAGED = "index-damaged"
    PACK_LOST = "pack-lost"
    UNSAFE_FILE_SYSTEM = "unsafe-file-system"
    FORKED = "forked"
    NOT_PINNED = "not-pinned"
    PIN_CONFLICT = "pin-conflict"
    BLOCK_IN_USE = "block-in-use"
    CONFLICT = "conflict"
    BLOCKS_VANISHED = "blocks-vanished"
    CONFIGURATION = "configuration"
    INVALID_KEY = "invalid-key"
    INVALID_RECORD = "invalid-record"
    KEY_NOT_FOUND = "key-not-found"
    KEY_EXISTS = "key-exists"
    NAME_NOT_FOUND = "name-not-found"
    UNREACHABLE = "unreachable"
    ENGINE_UNAVAILABLE = "engine-unavailable"
    ENGINE = "engine"
    OFFLINE = "offline"
    TIMED_OUT = "timed-out"
    ROLE = "role"
    COMPONENT_UNAVAILABLE = "component-unavailable"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class IPFSError(Exception):
    """Anything that ipfs_kit_py raises on purpose."""

    code: ErrorCode = ErrorCode.INTERNAL
    recoverable: bool = False


class InvalidInputError(IPFSError, ValueError):
    """What was given cannot be used."""

    code = ErrorCode.INVALID_PARAMETER


class InvalidCIDError(InvalidInputError):
    """Text or bytes are no CID, or this CID cannot be had in the form asked for."""

    code = ErrorCode.INVALID_CID


class InvalidParameterError(InvalidInputError):
    """A parameter is out of range, unknown, or contradicts another."""


class ConfigurationError(InvalidInputError):
    """A setting is unknown, of the wrong type, or contradicts another."""

    code = ErrorCode.CONFIGURATION


class InvalidKeyError(InvalidInputError):
    """Bytes are no private key, or its name cannot be one."""

    code = ErrorCode.INVALID_KEY


class InvalidRecordError(InvalidInputError):
    """An IPNS record is malformed, badly signed, or no longer valid."""

    code = ErrorCode.INVALID_RECORD


class InvalidMultiaddrError(InvalidInputError):
    """Text or bytes are no multiaddr."""

    code = ErrorCode.INVALID_MULTIADDR


class MultiaddrValidationError(InvalidMultiaddrError):
    """A multiaddr is well formed but of no use for what it is meant for."""


class InvalidNameError(InvalidInputError):
    """A file has no name that UnixFS can hold."""

    code = ErrorCode.INVALID_NAME


class NamesNotSupportedError(InvalidInputError, NotImplementedError):
    """A path begins with a name of DNS, and there is nobody to ask for its CID."""

    code = ErrorCode.NAMES_NOT_SUPPORTED


class UnsupportedHashError(InvalidInputError):
    """The hash function is unknown, or not safe to address content with."""

    code = ErrorCode.UNSUPPORTED_HASH


class UnsupportedCodecError(InvalidInputError):
    """The content codec is unknown, or cannot be read here."""

    code = ErrorCode.UNSUPPORTED_CODEC


class UnsupportedFileError(InvalidInputError):
    """Something is no file, folder or link, or its links lead in a circle."""

    code = ErrorCode.UNSUPPORTED_FILE


class MalformedDataError(InvalidInputError):
    """Bytes are not what their format asks for."""

    code = ErrorCode.MALFORMED_DATA


class IntegrityError(InvalidInputError):
    """Bytes are not what their CID names."""

    code = ErrorCode.INTEGRITY


class ContentDamagedError(OSError, IntegrityError):
    """Bytes that a file system was asked for are not what their CID names."""


class UnsafePathError(InvalidInputError):
    """A name in a DAG would lead out of the output folder, or stands there twice."""

    code = ErrorCode.UNSAFE_PATH


class LimitExceededError(InvalidInputError):
    """Something is larger, deeper or longer than is allowed."""

    code = ErrorCode.LIMIT_EXCEEDED


class NotFoundError(IPFSError):
    """What was asked for is not there."""

    code = ErrorCode.PATH_NOT_FOUND


class BlockNotFoundError(NotFoundError, KeyError):
    """A block is in none of the places that were asked."""

    code = ErrorCode.BLOCK_NOT_FOUND

    def __str__(self) -> str:
        """Show the message; KeyError alone would show its repr."""
        return Exception.__str__(self)


class ContentNotFoundError(BlockNotFoundError, FileNotFoundError):
    """Nobody has the root of what a file system was asked for."""

    def __new__(cls, *args: object) -> Self:
        """Have `errno` and `filename`; `KeyError`, which comes before, knows of none."""
        return OSError.__new__(cls, *args)

    def __str__(self) -> str:
        """Show what `OSError` shows: the number, the message, the path."""
        return OSError.__str__(self)


class ContentIncompleteError(NotFoundError, OSError):
    """Blocks are missing of what a file system was asked for.

    Not a `FileNotFoundError` nor a `KeyError`: to whoever reads arrays in pieces, a piece
    that is there and cannot be had is not a piece that was never written.
    """

    code = ErrorCode.BLOCK_NOT_FOUND


class PathNotFoundError(NotFoundError, FileNotFoundError):
    """A path does not exist."""


class RepositoryError(IPFSError):
    """Something about a repository of blocks."""


class RepositoryNotFoundError(RepositoryError, NotFoundError, FileNotFoundError):
    """There is no repository in a folder."""

    code = ErrorCode.REPOSITORY_NOT_FOUND


class RepositoryVersionError(RepositoryError):
    """A newer version of this program made the repository."""

    code = ErrorCode.REPOSITORY_VERSION


class RepositoryBusyError(RepositoryError):
    """Another process holds what is needed for too long."""

    code = ErrorCode.REPOSITORY_BUSY
    recoverable = True


class RepositoryClosedError(RepositoryError, ValueError):
    """The handle was closed."""

    code = ErrorCode.REPOSITORY_CLOSED


class RepositoryFullError(RepositoryError, OSError):
    """The repository would outgrow the limit that it was opened with."""

    code = ErrorCode.REPOSITORY_FULL
    recoverable = True


class ReadOnlyRepositoryError(RepositoryError, PermissionError):
    """The repository was opened to be read, or its folder cannot be written."""

    code = ErrorCode.REPOSITORY_READ_ONLY


class IndexDamagedError(RepositoryError):
    """The index is lost or damaged; `Repository.rebuild` makes it anew."""

    code = ErrorCode.INDEX_DAMAGED


class UnsafeFileSystemError(RepositoryError):
    """The folder lies on a network file system, whose locks cannot be relied on."""

    code = ErrorCode.UNSAFE_FILE_SYSTEM


class ForkedError(RepositoryError, RuntimeError):
    """Something belongs to the process that this one was forked from."""

    code = ErrorCode.FORKED


class PinError(IPFSError):
    """Something about pins."""

    code = ErrorCode.PIN_CONFLICT


class PinConflictError(RepositoryError, PinError):
    """Another pin of the same CID is in the way."""

    code = ErrorCode.PIN_CONFLICT


class BlockInUseError(RepositoryError):
    """A block cannot be removed: a pin or the mutable files need it."""

    code = ErrorCode.BLOCK_IN_USE


class ConflictError(RepositoryError):
    """Someone else changed the same thing at the same time: try again."""

    code = ErrorCode.CONFLICT
    recoverable = True


class NotPinnedError(NotFoundError, PinError, LookupError):
    """A CID is not pinned, or not in this way."""

    code = ErrorCode.NOT_PINNED


class KeyNotFoundError(NotFoundError, LookupError):
    """The repository has no key of this name."""

    code = ErrorCode.KEY_NOT_FOUND


class NameNotFoundError(NotFoundError, LookupError):
    """Nothing is known to be published under an IPNS name."""

    code = ErrorCode.NAME_NOT_FOUND


class KeyExistsError(RepositoryError):
    """The repository has a key of this name already."""

    code = ErrorCode.KEY_EXISTS


class UnreachableError(IPFSError, ConnectionError):
    """Another program or machine could not be reached, or broke off."""

    code = ErrorCode.UNREACHABLE
    recoverable = True


class EngineUnavailableError(UnreachableError):
    """The engine that the repository belongs to does not answer."""

    code = ErrorCode.ENGINE_UNAVAILABLE


class EngineError(IPFSError):
    """The engine refused, for a reason of its own that the message tells."""

    code = ErrorCode.ENGINE


class OfflineError(UnreachableError):
    """It would need the network, which was ruled out."""

    code = ErrorCode.OFFLINE
    recoverable = False


class TimedOutError(IPFSError, TimeoutError):
    """It took longer than was allowed."""

    code = ErrorCode.TIMED_OUT
    recoverable = True


class RoleError(IPFSError, PermissionError):
    """A node of this role does not do this."""

    code = ErrorCode.ROLE


class ComponentUnavailableError(IPFSError, AttributeError):
    """The part that does this is not enabled, or not there."""

    code = ErrorCode.COMPONENT_UNAVAILABLE


class FileIOError(IPFSError, OSError):
    """The system failed to read or write a file."""

    code = ErrorCode.FILE_IO


class FileChangedError(FileIOError):
    """A file changed while it was being read, so that no CID is right for it."""

    code = ErrorCode.FILE_CHANGED
    recoverable = True


class DiskFullError(FileIOError):
    """The disk has no room left."""

    code = ErrorCode.DISK_FULL
    recoverable = True


class PathExistsError(FileIOError, FileExistsError):
    """A path exists that was to be made."""

    code = ErrorCode.PATH_EXISTS


class AccessDeniedError(FileIOError, PermissionError):
    """The system does not allow a file to be read or written."""

    code = ErrorCode.ACCESS_DENIED


class PathIsADirectoryError(FileIOError, IsADirectoryError):
    """A folder stands where a file was expected."""

    code = ErrorCode.PATH_IS_A_DIRECTORY


class PathNotADirectoryError(FileIOError, NotADirectoryError):
    """Something else stands where a folder was expected."""

    code = ErrorCode.PATH_NOT_A_DIRECTORY


class CancelledError(IPFSError):
    """The work was stopped before it was done."""

    code = ErrorCode.CANCELLED


class InternalError(IPFSError, RuntimeError):
    """The native core failed in a way that is a bug: please report it."""
