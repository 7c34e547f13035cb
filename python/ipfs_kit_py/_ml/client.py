"""What datasets and models are read from, and written to."""

from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from ipfs_kit_py._repository import Repository
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Engine
    from ipfs_kit_py._repository.reading import Reading


@runtime_checkable
class Client(Protocol):
    """What reads and writes: a kit, for one."""

    @property
    def reader(self) -> "Reading":
        """What reads, wherever the blocks are."""

    @property
    def engine(self) -> "Engine":
        """What writes, pins, and keeps names."""


class Pair:
    """What reads, and what writes, of which nobody has made a kit."""

    def __init__(self, reader: "Reading", engine: "Engine") -> None:
        """Keep them."""
        self.reader = reader
        self.engine = engine


def client_of(given: object | None) -> Client:
    """Give the client that a caller means.

    Args:
        given: A kit, its `ipfs`, an `IPFSSimpleAPI`, or a `Repository`; `None` for a kit
            with the settings of the environment and the configuration file.

    Raises:
        InvalidParameterError: It is none of these.
    """
    if given is None:
        from ipfs_kit_py._kit.kit import IpfsKit

        return IpfsKit()
    given = getattr(given, "kit", given)
    if isinstance(given, Repository):
        # It reads and writes all by itself, and has all of an engine but a swarm.
        return Pair(given, cast("Engine", given))
    # An instance of a class, not the class: its properties would be there, too.
    if isinstance(given, Client) and not isinstance(given, type):
        return given
    raise InvalidParameterError(
        f"ipfs_client is a {type(given).__name__}: give an ipfs_kit, its `ipfs`, an "
        "IPFSSimpleAPI or a Repository"
    )
