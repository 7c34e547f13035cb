"""A Kubo node as an engine."""

from typing import TYPE_CHECKING, Any, NoReturn

from ipfs_kit_py._config.fields import masked
from ipfs_kit_py._hashing import StrPath
from ipfs_kit_py._kubo.address import (
    Address,
    address_of_repository,
    address_of_socket,
    parse_address,
)
from ipfs_kit_py._kubo.client import CONNECT_SECONDS, STALL_SECONDS, Client
from ipfs_kit_py._kubo.files import Files
from ipfs_kit_py._kubo.importing import Importing
from ipfs_kit_py._kubo.names import Names
from ipfs_kit_py._kubo.swarm import Swarm
from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import ComponentUnavailableError

if TYPE_CHECKING:
    from ipfs_kit_py._config import Config


class KuboEngine(Importing, Files, Names, Swarm):
    """A Kubo node of any version, which is asked over its RPC API.

    It may be started, stopped and started anew elsewhere meanwhile: each call goes to
    where it is then. Nothing is asked of it when the engine is made.

    Args:
        folder: Its repository, whose file `api` tells where it listens.
        api_url: Where it listens, if the repository is not to be asked.
        socket_path: The unix socket that it listens on, likewise.
        auth: `bearer:TOKEN` or `basic:USER:PASSWORD`.
        connect_seconds: How long a connection may take.
        stall_seconds: How long the node may send nothing.
        offline: Refuse every call.

    Raises:
        ConfigurationError: `api_url` or `auth` cannot be understood.
    """

    kind = "kubo"

    def __init__(
        self,
        folder: StrPath,
        *,
        api_url: str | None = None,
        socket_path: StrPath | None = None,
        auth: str | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        offline: bool = False,
    ) -> None:
        self._options = {
            "api_url": api_url,
            "socket_path": socket_path,
            "auth": auth,
            "connect_seconds": connect_seconds,
            "stall_seconds": stall_seconds,
            "offline": offline,
        }
        given: Address | None = None
        if api_url is not None:
            given = parse_address(api_url)
        elif socket_path is not None:
            given = address_of_socket(socket_path)

        def locate() -> Address:
            return given or address_of_repository(folder)

        client = Client(
            locate,
            auth=auth,
            connect_seconds=connect_seconds,
            stall_seconds=stall_seconds,
            offline=offline,
        )
        super().__init__(client, folder)

    @classmethod
    def for_config(cls, config: "Config") -> "KuboEngine":
        """Open the node that a configuration names."""
        return cls(
            config.ipfs_path,
            api_url=config.api_url,
            socket_path=config.socket_path,
            auth=config.api_auth,
            connect_seconds=config.timeouts.peer_connect,
            stall_seconds=config.timeouts.api,
            offline=config.offline,
        )

    def __getattr__(self, name: str) -> NoReturn:
        """Say of what the embedded engine alone can do that this is so."""
        if not name.startswith("_") and hasattr(Repository, name):
            raise ComponentUnavailableError(
                f"a Kubo node has no {name}: that is for the embedded engine"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        """Show the folder, and where the node is if that was said."""
        given = self._options["api_url"] or self._options["socket_path"]
        where = "" if given is None else f", at {masked(str(given))!r}"
        return f"{type(self).__name__}({self.path!r}{where})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by folder and options: who unpickles it opens connections of its own."""
        return _opened, (type(self), self.path, self._options)


def _opened(kind: type[KuboEngine], folder: str, options: dict[str, Any]) -> KuboEngine:
    return kind(folder, **options)
