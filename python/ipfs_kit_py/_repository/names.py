"""Keys, the node's identity, and IPNS names."""

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ipfs_kit_py import _native
from ipfs_kit_py._repository.handle import Handle, IPFSPath
from ipfs_kit_py._repository.reading import checked
from ipfs_kit_py.errors import InvalidParameterError, NameNotFoundError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

KeyFormat: TypeAlias = Literal["libp2p-protobuf-cleartext", "pem-pkcs8-cleartext"]
Span: TypeAlias = "str | float | timedelta"
"""A stretch of time: seconds, or text as Go and Kubo take it (`48h`, `1h30m`, `7d`)."""
Says: TypeAlias = tuple[str, int, tuple[int, int], int | None]

# Kubo's defaults.
LIFETIME = "48h"
_TTL = "5m"
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)"


class Key(NamedTuple):
    """A key of the repository."""

    name: str
    id: str
    """Its IPNS name: `k51...`."""


class Renamed(NamedTuple):
    """A key under its new name."""

    key: Key
    overwritten: bool
    """Whether another key lost this name."""


class Published(NamedTuple):
    """What an IPNS name stands for, as its newest record says."""

    name: str
    """The IPNS name: `k51...`."""
    value: str
    """The path: `/ipfs/...` or `/ipns/...`."""
    sequence: int
    """Grows with every change."""
    valid_until: "datetime"
    """When the record is over, in UTC."""


class RecordInfo(NamedTuple):
    """What an IPNS record says."""

    value: str
    sequence: int
    valid_until: "datetime"
    """When it is over, in UTC, to the microsecond."""
    validity: str
    """The same as text, to the nanosecond."""
    ttl_ns: int | None
    """For how many nanoseconds readers need not ask again."""
    size: int
    """Bytes of the record."""
    signature_type: Literal["V1+V2", "V2"]
    """`V1+V2` if readers from before 2021 understand it."""
    public_key: bytes | None
    """The key that it carries; Ed25519 keys stand in their names instead."""
    error: str | None
    """Why it is not good for the name asked about; `None` also if none was."""

    @property
    def is_expired(self) -> bool:
        """Whether it is over."""
        from datetime import UTC, datetime

        return datetime.now(UTC) > self.valid_until


class Names(Handle):
    """What keeps keys, publishes and resolves."""

    @property
    def peer_id(self) -> str:
        """The node's identity, `12D3KooW...`; it is made when it is first asked for.

        Raises:
            KeyNotFoundError: There is none yet, and the repository is read-only.
        """
        return _native.repo_identity(self._core)[0]

    def key_gen(self, name: str, type: Literal["ed25519"] = "ed25519") -> Key:  # noqa: A002 - Kubo's name
        """Make a key to publish under.

        Raises:
            KeyExistsError: There is one of this name.
            InvalidKeyError: No key can have this name, which may be any text but `self`.
        """
        if type != "ed25519":
            raise InvalidParameterError(
                f"keys of type {type!r} are not made, but ed25519"
            )
        return Key(*_native.repo_key_gen(self._core, name))

    def key_ls(self) -> list[Key]:
        """List keys: the node's own, which is called `self`, then the others by name."""
        return [Key(*key) for key in _native.repo_key_ls(self._core)]

    def key_rename(self, old: str, new: str, *, force: bool = False) -> Renamed:
        """Give a key another name.

        Args:
            old: Its name.
            new: Its new name.
            force: Remove the key that has this name, for good.

        Raises:
            KeyNotFoundError: There is no such key.
            KeyExistsError: There is one of the new name, and `force` is not given.
        """
        key, overwritten = _native.repo_key_rename(self._core, old, new, force=force)
        return Renamed(Key(*key), overwritten)

    def key_rm(self, name: str) -> Key:
        """Remove a key for good; the records that it signed stay.

        Raises:
            KeyNotFoundError: There is no such key.
        """
        return Key(*_native.repo_key_rm(self._core, name))

    def key_import(
        self,
        name: str,
        data: bytes,
        format: KeyFormat = "libp2p-protobuf-cleartext",  # noqa: A002 - Kubo's name
    ) -> Key:
        """Take a private key that was made elsewhere.

        As `self` it becomes the node's identity, if that has none yet.

        Raises:
            InvalidKeyError: The bytes are no Ed25519 key.
            KeyExistsError: There is one of this name.
        """
        return Key(*_native.repo_key_import(self._core, name, data, format))

    def key_export(
        self,
        name: str,
        format: KeyFormat = "libp2p-protobuf-cleartext",  # noqa: A002 - Kubo's name
    ) -> bytes:
        """Give the private key itself: whoever has it can publish under its name.

        Raises:
            KeyNotFoundError: There is no such key.
        """
        return _native.repo_key_export(self._core, name, format)

    def name_publish(
        self,
        path: IPFSPath,
        *,
        key: str = "self",
        lifetime: Span = LIFETIME,
        ttl: "Span | None" = None,
        sequence: int | None = None,
        v1compat: bool = True,
        resolve: bool = True,
    ) -> Published:
        """Sign and keep a record of what a key's name stands for from now on.

        It is known to this repository alone: nothing is sent to a network. What the path
        leads to is kept from collection, as far as it is here, until the name leads
        elsewhere or is forgotten.

        Args:
            path: What to publish: a path, or another name (`/ipns/...`).
            key: The key's name, or what it is known by.
            lifetime: For how long the record is valid.
            ttl: For how long readers need not ask again; five minutes if not given, and
                never more than `lifetime`.
            sequence: A number greater than the last record's. If not given it is counted
                up when the path changes, as in Kubo, and when the record would otherwise
                be over before the last one.
            v1compat: Let readers from before 2021 understand it.
            resolve: Make sure first that the path leads to a block that is here.

        Raises:
            KeyNotFoundError: There is no such key.
            BlockNotFoundError: The path leads to what is not here.
            PathNotFoundError: There is nothing at the path.
        """
        lifetime_ns, ttl_ns = valid_for(lifetime, ttl)
        checked("sequence", sequence)
        name, says = _native.repo_name_publish(
            self._core,
            path,
            key,
            lifetime_ns=lifetime_ns,
            ttl_ns=ttl_ns,
            sequence=sequence,
            v1compat=v1compat,
            resolve=resolve,
        )
        return _published(name, says)

    def name_resolve(self, name: str = "self", *, recursive: bool = True) -> str:
        """Say which path a name stands for.

        Args:
            name: `k51...`, `12D3KooW...`, `/ipns/...`, `ipns://...`, with a path behind
                it or not, or the name of a key here.
            recursive: Follow names that lead to names.

        Raises:
            NameNotFoundError: No record of the name is known here.
            InvalidRecordError: The record is over.
            NamesNotSupportedError: It is a name of DNS, which is not asked.
        """
        return _native.repo_name_resolve(self._core, name, recursive=recursive)

    def name_get(self, name: str = "self") -> bytes:
        """Give the newest record of a name that is known here, over or not.

        Raises:
            NameNotFoundError: There is none.
        """
        record = _native.repo_name_get(self._core, name)
        if record is None:
            raise NameNotFoundError(f"no record of the name {name} is known here")
        return record

    def name_put(self, name: str, record: bytes) -> Published:
        """Take a record that anyone has signed; the same once more is fine.

        Raises:
            InvalidRecordError: It is not signed by the owner of the name, or is over, or
                older than the one that is known.
        """
        return _published(*_native.repo_name_put(self._core, name, record))

    def name_rm(self, name: str) -> None:
        """Forget the record of a name: what it leads to is no longer kept for it.

        Raises:
            NameNotFoundError: There is none.
        """
        if not _native.repo_name_rm(self._core, name):
            raise NameNotFoundError(f"no record of the name {name} is known here")

    def name_ls(self) -> list[Published]:
        """List every name that has a record here, over or not."""
        return [_published(*found) for found in _native.repo_name_ls(self._core)]

    @staticmethod
    def name_inspect(record: bytes, *, verify: str | None = None) -> RecordInfo:
        """Read a record, wherever it is from.

        Args:
            record: Its bytes.
            verify: A name: `error` tells why the record is not its owner's, or over.

        Raises:
            InvalidRecordError: The bytes are no record.
        """
        found = _native.ipns_inspect(record, verify)
        (value, sequence, until, ttl), validity, size, has_v1, public_key, error = found
        return RecordInfo(
            value,
            sequence,
            _time(until),
            validity,
            ttl,
            size,
            "V1+V2" if has_v1 else "V2",
            public_key,
            error,
        )


def valid_for(lifetime: Span, ttl: "Span | None") -> tuple[int, int]:
    """Give the lifetime and ttl of a record in nanoseconds."""
    lifetime_ns = nanoseconds("lifetime", lifetime)
    if lifetime_ns <= 0:
        raise InvalidParameterError(f"lifetime {lifetime} is not longer than nothing")
    ttl_ns = min(nanoseconds("ttl", _TTL if ttl is None else ttl), lifetime_ns)
    if ttl is not None and ttl_ns != nanoseconds("ttl", ttl):
        raise InvalidParameterError(f"ttl {ttl} is longer than lifetime {lifetime}")
    return lifetime_ns, ttl_ns


def nanoseconds(name: str, given: Span) -> int:
    """Read a stretch of time; refuse what is negative or longer than 292 years."""
    from datetime import timedelta

    count: int | None
    if isinstance(given, timedelta):
        count = given // timedelta(microseconds=1) * 1000
    elif isinstance(given, str):
        count = _parsed(given)
    else:
        # Neither infinite nor no number.
        count = round(given * 10**9) if abs(given) < 1 << 40 else None
    if count is None or not 0 <= count < 1 << 63:
        raise InvalidParameterError(
            f"{name} {given!r} is no stretch of time: seconds, or text like 1h30m"
        )
    return count


def _parsed(text: str) -> int | None:
    import re
    from decimal import Decimal

    parts = re.findall(_PART, text, re.ASCII)
    if text == "0":
        return 0
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(int(Decimal(number) * _UNITS[unit]) for number, unit in parts)


def _published(name: str, says: Says) -> Published:
    value, sequence, until, _ = says
    return Published(name, value, sequence, _time(until))


def _time(until: tuple[int, int]) -> "datetime":
    from datetime import UTC, datetime, timedelta

    # A float has no room for the microseconds of far years.
    seconds, rest = until
    since = timedelta(seconds=seconds, microseconds=rest // 1000)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + since
    except OverflowError:  # year 0
        return datetime.min.replace(tzinfo=UTC)
