"""What a thread receives is what it was given, and it ends with its reader."""

import gc
import threading
import time
from collections.abc import Generator
from functools import partial

import pytest
from tests.soon import SOON_SECONDS, wait_until

from ipfs_kit_py import CancelToken
from ipfs_kit_py._http.apart import received_apart
from ipfs_kit_py._http.waiting import sleep
from ipfs_kit_py.errors import CancelledError, UnreachableError

Items = Generator[int, None, None]


@pytest.fixture(autouse=True)
def _alone() -> None:
    """End what other tests left."""
    gc.collect()


def readers() -> int:
    return sum(it.name == "ipfs-kit-receiving" for it in threading.enumerate())


def test_all_items_come_in_their_order() -> None:
    def begin() -> Items:
        yield from range(1000)

    assert list(received_apart(begin)) == list(range(1000))
    assert readers() == 0


def test_an_error_comes_behind_what_came_before_it() -> None:
    def begin() -> Items:
        yield 1
        yield 2
        raise UnreachableError("it broke off")

    found = received_apart(begin)
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(UnreachableError, match="it broke off"):
        next(found)
    assert readers() == 0


def test_one_is_made_while_one_is_looked_at_and_none_beyond() -> None:
    closed = threading.Event()
    made: list[int] = []

    def begin() -> Items:
        try:
            while True:
                made.append(len(made))
                yield made[-1]
        finally:
            closed.set()

    def is_ahead_of(number: int) -> bool:
        return len(made) >= number + 2

    found = received_apart(begin)
    for number in range(3):
        assert next(found) == number
        wait_until(partial(is_ahead_of, number))
        time.sleep(0.1)
        assert len(made) == number + 2
    found.close()
    assert closed.is_set()
    assert readers() == 0


@pytest.mark.timeout(2 * SOON_SECONDS)
def test_a_token_ends_waiting_for_one_that_hangs() -> None:
    def begin() -> Items:
        yield 1
        while True:
            sleep(1)

    found, token = received_apart(begin), CancelToken()
    assert next(found) == 1
    threading.Timer(0.2, token.cancel).start()
    with token, pytest.raises(CancelledError):
        next(found)
    assert readers() == 0
