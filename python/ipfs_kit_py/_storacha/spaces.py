"""What all calls of `storacha_kit` stand on: settings, connections, spaces and tasks."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ipfs_kit_py._closing import Closing
from ipfs_kit_py._results import operation
from ipfs_kit_py._storacha.bridge import Task, run
from ipfs_kit_py._storacha.delegation import space_of, spaces_of
from ipfs_kit_py._storacha.errors import NO_SUCH_ABILITY, broken
from ipfs_kit_py._storacha.settings import Settings, resolve
from ipfs_kit_py._storacha.wire import Wire
from ipfs_kit_py.errors import ConfigurationError, EngineError, InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config
    from ipfs_kit_py._repository import Repository

_PAGE: Final = 1000
_UNITS: Final = ("B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")


class Spaces(Closing):
    """What looks at spaces. See `StorachaKit`."""

    def __init__(
        self,
        resources: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        config: "Config | None" = None,
        repository: "Repository | None" = None,
    ) -> None:
        if config is None:
            from ipfs_kit_py._config import load
            from ipfs_kit_py._ipfs.node import with_resources

            config = load(with_resources(metadata, resources)).config
        self._config = config
        self._repository = repository
        self._wire = Wire()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle all but connections."""
        return vars(self) | {"_wire": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make connections of its own."""
        vars(self).update(state, _wire=Wire())

    def close(self) -> None:
        """Close all connections; they are made anew when they are needed."""
        self._wire.close()

    @cached_property
    def _settings(self) -> Settings:
        return resolve(self._config)

    @operation("space_ls")
    def space_ls(self) -> dict[str, Any]:
        """List the spaces that the token lets one into, as it says; nobody is asked.

        Returns:
            `spaces`, the DID of each by its name; `count`; `details` by DID, with `name`,
            `abilities` and `expires` (seconds since 1970, or `None`).
        """
        token = self._settings.authorization
        if not token:
            raise ConfigurationError("storacha_token is not given")
        known = spaces_of(token)
        names = [it.name for it in known]
        # Of several that are called the same, none has the name.
        spaces = {
            it.name if names.count(it.name) == 1 else it.did: it.did for it in known
        }
        details = {
            it.did: {
                "name": it.name,
                "abilities": list(it.abilities),
                "expires": it.expires,
            }
            for it in known
        }
        return {"spaces": spaces, "count": len(known), "details": details}

    @operation("space_info")
    def space_info(self, space: str | None = None) -> dict[str, Any]:
        """Ask the service about a space: `space` and `providers`, who pays for it."""
        did = self._space(space)
        told = self._run("space/info", did)
        return {"space": did, "providers": _texts(told.get("providers"))}

    @operation("space_allocate")
    def space_allocate(
        self, space: str | None, amount: float, unit: str = "GiB"
    ) -> dict[str, Any]:
        """Ask the service to set room aside.

        Services know the ability `space/allocate` and may not do it for callers: a space
        has as much room as its account's plan. This then fails, and says so.

        Args:
            space: The space.
            amount: How much.
            unit: Of what: B, KB, MB, GB, TB, KiB, MiB, GiB, TiB.

        Returns:
            `space`, `allocated` (bytes) and `providers`.
        """
        if unit not in _UNITS:
            raise InvalidParameterError(f"{unit!r} is none of {', '.join(_UNITS)}")
        base = 1024 if "i" in unit else 1000
        size = round(amount * base ** " KMGT".index(unit[0])) if unit != "B" else amount
        if isinstance(amount, bool) or not 0 < size < 1 << 63 or size != int(size):
            raise InvalidParameterError(f"{amount} {unit} is no number of bytes")
        did = self._space(space)
        try:
            told = self._run("space/allocate", did, size=int(size))
        except EngineError as error:
            if not str(error).endswith(NO_SUCH_ABILITY):
                raise
            raise EngineError(
                f"{self._settings.endpoint} sets no room aside: a space has as much as "
                "the plan of its account gives, and `space_info` tells who provides it"
            ) from error
        providers = _texts(told.get("providers"))
        return {"space": did, "allocated": int(size), "providers": providers}

    def _space(self, space: str | None) -> str:
        settings = self._settings
        return space_of(space, settings.space, settings.authorization)

    def _run(self, ability: str, space: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - as the task
        task = Task(ability, space, arguments)
        return run(self._wire, self._settings, task)[0]

    def _listed(self, ability: str, space: str) -> Iterator[dict[str, Any]]:
        """Iterate over all that a service lists, page by page."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            told = self._run(ability, space, size=_PAGE, **more)
            found, cursor = told.get("results"), told.get("cursor")
            if not isinstance(found, list) or not all(
                isinstance(it, dict) for it in found
            ):
                raise broken(ability, "it is no list")
            yield from found
            if not found or cursor is None:
                return
            if not isinstance(cursor, str) or cursor in seen:
                raise broken(ability, "its pages lead nowhere")
            seen.add(cursor)


def _texts(told: object) -> list[str]:
    return [it for it in told if isinstance(it, str)] if isinstance(told, list) else []
