"""Who takes which part of an epoch: ranks by turns, and the workers of each by turns.

An epoch is a row of places. A step deals `world_size * batch_size` of them, to each rank
`batch_size` in a row; what is left at the end of an epoch is dealt evenly. The steps of a
rank go to its workers one after the other, as the `DataLoader` of torch asks for them.
"""

import os
import sys
from typing import NamedTuple

from ipfs_kit_py.errors import InvalidParameterError


class Seat(NamedTuple):
    """Which rank of how many."""

    rank: int = 0
    world_size: int = 1


class Turn(NamedTuple):
    """Where a worker stands among the steps of its rank."""

    taken: int = 0
    """Steps that the rank had taken when its workers began."""
    worker: int = 0
    workers: int = 1
    own: int = 0
    """Batches that this worker has taken since."""

    def steps(self, behind: int) -> range:
        """List the steps that are still this worker's, before another one."""
        first = self.taken + self.worker + self.own * self.workers
        return range(first, behind, self.workers)

    def past(self) -> range:
        """List the steps that this worker has taken since its rank's workers began."""
        first = self.taken + self.worker
        return range(first, first + self.own * self.workers, self.workers)


class Hand(NamedTuple):
    """How an epoch is dealt."""

    batch_size: int
    drop_last: bool = False
    """Leave out what does not fill a batch of every rank."""
    pad_last: bool = False
    """Give each rank as many samples: some come twice."""


def seat_of(rank: int | None, world_size: int | None) -> Seat:
    """Find the rank of this process: as given, as torch.distributed or its launcher says.

    Raises:
        InvalidParameterError: There is no such rank.
    """
    if (rank is None) != (world_size is None):
        raise InvalidParameterError("rank and world_size go together")
    if rank is None or world_size is None:
        rank, world_size = _around()
    if not 0 <= rank < world_size:
        raise InvalidParameterError(f"there is no rank {rank} of {world_size}")
    return Seat(rank, world_size)


def is_distributed() -> bool:
    """Whether this process is of a group of torch.distributed."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    if distributed is None or not distributed.is_available():
        return False
    return bool(distributed.is_initialized())


def _around() -> tuple[int, int]:
    if is_distributed():
        distributed = sys.modules["torch"].distributed
        return distributed.get_rank(), distributed.get_world_size()
    texts = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    try:
        return int(texts[0]), int(texts[1])
    except ValueError:
        raise InvalidParameterError(
            f"RANK={texts[0]!r} and WORLD_SIZE={texts[1]!r} are to be numbers"
        ) from None


def steps(total: int, hand: Hand, seat: Seat) -> int:
    """Count the steps in which a rank has a batch."""
    together = hand.batch_size * seat.world_size
    full, rest = divmod(total, together)
    start, stop = _last(rest, hand, seat)
    return full + (stop > start)


def places(total: int, hand: Hand, seat: Seat, step: int) -> tuple[int, int]:
    """Give a rank's places of a step: from which to which; none behind the last step.

    Places behind the end stand for the first ones again.
    """
    together = hand.batch_size * seat.world_size
    full, rest = divmod(total, together)
    if step < full:
        start = step * together + seat.rank * hand.batch_size
        return start, start + hand.batch_size
    start, stop = _last(rest, hand, seat) if step == full else (0, 0)
    return full * together + start, full * together + stop


def _last(rest: int, hand: Hand, seat: Seat) -> tuple[int, int]:
    """Deal what fills no step."""
    if rest == 0 or hand.drop_last:
        return 0, 0
    each, more = divmod(rest, seat.world_size)
    if hand.pad_last:
        each, more = each + (more > 0), 0
    start = seat.rank * each + min(seat.rank, more)
    return start, start + each + (seat.rank < more)
