"""Operations of the kit on pins of services elsewhere."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._native import CID
from ipfs_kit_py._results import operation

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._pinning.pins import Moment, RemotePin, Status
    from ipfs_kit_py._pinning.service import PinningService


class RemotePinning:
    """Pins of the services in `pinning_services`. `service` may be left out if one is.

    A result holds a pin as `request_id`, `status` (queued, pinning, pinned, failed),
    `created`, `cid` and `Hash`, `name`, `origins`, `meta`, `delegates` and `info`.
    """

    @property
    def config(self) -> "Config":
        """The settings."""
        raise NotImplementedError

    @operation("ipfs_pin_remote_service_ls")
    def ipfs_pin_remote_service_ls(self) -> dict[str, Any]:
        """List the services: `services`, tables of `name` and `endpoint`; `count`."""
        from ipfs_kit_py._pinning.configured import known_services

        found = known_services(self.config)
        services = [{"name": it.name, "endpoint": it.endpoint} for it in found]
        return {"services": services, "count": len(services)}

    @operation("ipfs_pin_remote_add")
    def ipfs_pin_remote_add(
        self,
        cid: CID | str,
        service: str | None = None,
        *,
        name: str | None = None,
        origins: Iterable[str] = (),
        meta: Mapping[str, str] | None = None,
        background: bool = True,
        timeout_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Ask a service to pin a DAG.

        Args:
            cid: Its root.
            service: The service.
            name: The pin's name.
            origins: Multiaddresses of nodes that have it, with their peer IDs.
            meta: Whatever the service is to keep with the pin.
            background: Whether not to wait until it is pinned.
            timeout_seconds: How long to wait, if not for ever.
        """
        with self._service(service) as at:
            pin = at.add(cid, name=name, origins=origins, meta=meta)
            if not background:
                pin = at.wait(pin.request_id, timeout_seconds=timeout_seconds)
            return _told(pin)

    @operation("ipfs_pin_remote_ls")
    def ipfs_pin_remote_ls(
        self,
        service: str | None = None,
        *,
        cids: Iterable[CID | str] = (),
        name: str | None = None,
        match: str | None = None,
        status: "Iterable[Status]" = ("pinned",),
        before: "Moment | None" = None,
        after: "Moment | None" = None,
        meta: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """List pins of a service: `pins` and `count`.

        Args:
            service: The service.
            cids: Only those of these roots, at most ten.
            name: Only those of this name.
            match: How names are compared: exact, iexact, partial, ipartial.
            status: Only those that are so.
            before: Only those asked for earlier.
            after: Only those asked for later.
            meta: Only those with all of these.
            limit: At most so many.
        """
        from itertools import islice

        with self._service(service) as at:
            found = at.ls(
                cids=cids,
                name=name,
                match=match,
                status=status,
                before=before,
                after=after,
                meta=meta,
            )
            pins = [_told(pin) for pin in islice(found, limit)]
        return {"pins": pins, "count": len(pins)}

    @operation("ipfs_pin_remote_get")
    def ipfs_pin_remote_get(
        self, request_id: str, service: str | None = None
    ) -> dict[str, Any]:
        """Look at a pin of a service."""
        with self._service(service) as at:
            return _told(at.get(request_id))

    @operation("ipfs_pin_remote_replace")
    def ipfs_pin_remote_replace(
        self,
        request_id: str,
        cid: CID | str,
        service: str | None = None,
        *,
        name: str | None = None,
        origins: Iterable[str] = (),
        meta: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Put a pin in the place of another."""
        with self._service(service) as at:
            return _told(
                at.replace(request_id, cid, name=name, origins=origins, meta=meta)
            )

    @operation("ipfs_pin_remote_rm")
    def ipfs_pin_remote_rm(
        self, request_id: str, service: str | None = None
    ) -> dict[str, Any]:
        """Remove a pin of a service: `request_id`."""
        with self._service(service) as at:
            at.rm(request_id)
        return {"request_id": request_id}

    @operation("ipfs_pin_remote_wait")
    def ipfs_pin_remote_wait(
        self,
        request_id: str,
        service: str | None = None,
        *,
        timeout_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Wait until a pin of a service is pinned."""
        with self._service(service) as at:
            return _told(at.wait(request_id, timeout_seconds=timeout_seconds))

    def _service(self, name: str | None) -> "PinningService":
        from ipfs_kit_py._pinning.configured import service_of

        return service_of(self.config, name)


def _told(pin: "RemotePin") -> dict[str, Any]:
    found = pin.as_dict()
    return found | {"Hash": found["cid"]}
