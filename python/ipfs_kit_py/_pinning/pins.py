"""What a pinning service tells of a pin."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidCIDError

Status: TypeAlias = Literal["queued", "pinning", "pinned", "failed"]
Moment: TypeAlias = datetime
"""A point in time; one without a zone is local."""
STATUSES: Final = cast("tuple[Status, ...]", get_args(Status))


class RemotePin(NamedTuple):
    """A pin of a service: what is asked for, and how far it is."""

    request_id: str
    """Its key in the service."""
    status: Status
    created: datetime
    cid: CID
    name: str | None
    origins: tuple[str, ...]
    """Multiaddresses that the service was told to fetch from."""
    meta: Mapping[str, str]
    delegates: tuple[str, ...]
    """Multiaddresses of the service, to connect to while it fetches."""
    info: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "request_id": self.request_id,
            "status": self.status,
            "created": self.created.isoformat(),
            "cid": str(self.cid),
            "name": self.name,
            "origins": list(self.origins),
            "meta": dict(self.meta),
            "delegates": list(self.delegates),
            "info": dict(self.info),
        }


def pin_of(told: object) -> RemotePin:
    """Read a pin's status as the API has it.

    Raises:
        ValueError: It is none.
    """
    table = _table(told, "a pin's status")
    pin = _table(table.get("pin"), "a pin")
    status = table.get("status")
    if status not in STATUSES:
        raise ValueError("a status is none of the four")
    try:
        cid = CID(_text(pin.get("cid"), "a CID"))
    except InvalidCIDError as error:
        raise ValueError(f"a CID is none: {error}") from error
    name = pin.get("name")
    request_id = _text(table.get("requestid"), "a request's key")
    if not request_id:
        raise ValueError("a request has no key")
    return RemotePin(
        request_id,
        status,
        _time(_text(table.get("created"), "a time")),
        cid,
        _text(name, "a name") or None if name is not None else None,
        _texts(pin.get("origins")),
        _labels(pin.get("meta")),
        _texts(table.get("delegates")),
        _labels(table.get("info")),
    )


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _table(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no table")  # noqa: TRY004 - of data, not of a call
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is no text")  # noqa: TRY004 - of data, not of a call
    return value


def _texts(value: object) -> tuple[str, ...]:
    # Left out, or null where a list is empty.
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError("addresses are no list")  # noqa: TRY004 - of data, not of a call
    return tuple(_text(item, "an address") for item in value)


def _labels(value: object) -> Mapping[str, str]:
    table = {} if value is None else _table(value, "metadata")
    return {key: _text(item, "metadata") for key, item in table.items()}
