"""All pins of a service are listed once, whatever order it gives its pages in."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from ipfs_kit_py import cid_of
from ipfs_kit_py._pinning.pins import RemotePin
from ipfs_kit_py._pinning.service import PinningService

START = datetime(2026, 1, 1, tzinfo=UTC)


class Remembered(PinningService):
    """A service that is asked without a network: of these pins, in this order."""

    def __init__(self, pins: list[RemotePin], *, is_ordered: bool) -> None:
        super().__init__("http://127.0.0.1:1", "token")
        self.pins, self.is_ordered, self.asked = pins, is_ordered, 0

    def _page(self, query: Mapping[str, str]) -> tuple[list[RemotePin], int]:
        self.asked += 1
        before = datetime.fromisoformat(query.get("before", "2100-01-01T00:00:00Z"))
        after = datetime.fromisoformat(query.get("after", "2000-01-01T00:00:00Z"))
        found = [pin for pin in self.pins if after < pin.created < before]
        if self.is_ordered:
            found.sort(key=lambda pin: pin.created, reverse=True)
        return found[: int(query["limit"])], len(found)


def pins_of(count: int, seconds: float, *, whole: bool) -> list[RemotePin]:
    rng, pins = random.Random(count), []
    for at in range(count):
        created = START + timedelta(seconds=rng.uniform(0, seconds))
        created = created.replace(microsecond=0) if whole else created
        pin = RemotePin(str(at), "pinned", created, CID_OF_IT, None, (), {}, (), {})
        pins.append(pin)
    return pins


CID_OF_IT = cid_of(b"it")


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("page", [1, 7, 1000])
@pytest.mark.parametrize(("count", "seconds"), [(0, 1), (1, 1), (50, 5), (3500, 7200)])
def test_every_pin_is_listed_once(
    count: int, seconds: float, page: int, *, whole: bool, is_ordered: bool
) -> None:
    pins = pins_of(count, seconds, whole=whole)
    if page == 1 and count > 50:
        pins = pins[:100]
    service = Remembered(pins, is_ordered=is_ordered)
    found = [pin.request_id for pin in service.ls(page=page)]
    assert len(found) == len(set(found))
    assert set(found) == {pin.request_id for pin in pins}
    later = START + timedelta(seconds=seconds / 2)
    half = {pin.request_id for pin in service.ls(page=page, after=later)}
    assert half == {pin.request_id for pin in pins if pin.created > later}
