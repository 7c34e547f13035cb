"""What httpx2 and httpcore2 raise, as exceptions of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from ipfs_kit_py.errors import TimedOutError, UnreachableError


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn what the HTTP libraries raise into exceptions of ours.

    Args:
        place: Whom they are about.
    """
    import httpcore2
    import httpx2

    try:
        yield
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
        raise UnreachableError(f"{place} cannot be reached: {error}") from error
    except httpcore2.TimeoutException as error:
        raise TimedOutError(f"{place} is too slow: {error}") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise UnreachableError(f"{place} broke off: {error}") from error
    except (httpx2.TransportError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise UnreachableError(f"{place} failed: {error}") from error
