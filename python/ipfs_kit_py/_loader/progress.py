"""How far an epoch has come: what is left of it, kept and taken up again.

A state says which places of the epoch were left when it was dealt, and how many steps one
process has taken since. Any number of ranks goes on from there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import Any, NamedTuple, Self, TypeAlias

from ipfs_kit_py._loader.deal import Hand, Seat, Turn, places, steps
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

State: TypeAlias = dict[str, Any]
_VERSION = 1
# More stretches than any run leaves: ranks are a few steps apart.
_MOST = 1 << 20


class Left:
    """Places of an epoch that are left: stretches, in order, apart from each other."""

    def __init__(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Take stretches, each from its first place to behind its last."""
        self.stretches = [(start, stop) for start, stop in stretches if start < stop]
        self.total = sum(stop - start for start, stop in self.stretches)

    def cut(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Give the stretches of places that are left, counted from the first of them.

        What is behind the last begins anew with the first.
        """
        found = []
        while start < stop and self.total:
            turn, start = divmod(start, self.total)
            stop -= turn * self.total
            found += self._cut(start, min(stop, self.total))
            start = max(start, min(stop, self.total))
        return found

    def _cut(self, start: int, stop: int) -> list[tuple[int, int]]:
        found, at = [], 0
        for first, last in self.stretches:
            behind = at + last - first
            if behind > start and at < stop:
                begin, end = max(start, at), min(stop, behind)
                found.append((first + begin - at, first + end - at))
            at = behind
            if at >= stop:
                break
        return found

    def without(self, taken: Iterable[tuple[int, int]]) -> "Left":
        """Give what is left after some stretches were taken."""
        edges = [
            (place, kind)
            for at in self.stretches
            for place, kind in zip(at, (1, -1), strict=True)
        ]
        edges += [
            (place, kind) for at in taken for place, kind in zip(at, (-2, 2), strict=True)
        ]
        found: list[tuple[int, int]] = []
        level, begin = 0, 0
        # Of edges at one place the order does not matter: nothing lies between them.
        for place, kind in sorted(edges):
            if level == 1 and begin < place:
                joined = found and found[-1][1] == begin
                start = found.pop()[0] if joined else begin
                found.append((start, place))
            level, begin = level + kind, place
        return Left(found)


class Run(NamedTuple):
    """What decides which sample stands at which place."""

    dataset: str
    seed: int
    order: Mapping[str, object]
    """How it is shuffled and mixed, as plain values."""


class Progress(NamedTuple):
    """Where one process stands."""

    epoch: int
    left: Left
    """What was left when it was dealt."""
    turn: Turn = Turn()
    """What of it this process has taken since."""

    def ahead(self, hand: Hand, seat: Seat) -> Iterator[list[tuple[int, int]]]:
        """Iterate over the batches that are still to come: the places of each."""
        total = self.left.total
        for step in self.turn.steps(steps(total, hand, seat)):
            yield self.left.cut(*places(total, hand, seat, step))

    def state(self, run: Run, hand: Hand, seat: Seat) -> State:
        """Give it as a dictionary of plain values, as JSON can hold it."""
        return {
            "version": _VERSION,
            **run._asdict(),
            "epoch": self.epoch,
            "left": [list(stretch) for stretch in self.left.stretches],
            **self.turn._asdict(),
            **hand._asdict(),
            **seat._asdict(),
        }

    @classmethod
    def of_state(
        cls,
        given: State | Sequence[State],
        run: Run,
        hand: Hand,
        seat: Seat,
        length: Callable[[int], int],
    ) -> Self:
        """Take up a state, or those of all processes.

        One state of a rank that is still there goes on exactly where it was. With another
        number of ranks, or other batches, one state stands for all ranks, which have then
        taken as many batches each; where they have not, give the states of all of them.

        Args:
            given: The state, or all of them.
            run: What decides the order here.
            hand: How epochs are dealt here.
            seat: Who goes on.
            length: Counts the places of an epoch.

        Raises:
            InvalidParameterError: It is the state of another run.
            MalformedDataError: It is no state.
        """
        try:
            states = [given] if isinstance(given, Mapping) else list(given)
        except TypeError as error:
            raise MalformedDataError(f"this is no state of a loader: {error}") from error
        read = [_Read(state) for state in states]
        if not read:
            raise InvalidParameterError("no state is given")
        first = read[0]
        for one in read:
            one.check(run)
            if (one.epoch, one.left.stretches) != (first.epoch, first.left.stretches):
                raise InvalidParameterError(
                    "these states are of different times: give those of one moment"
                )
        stretches = first.left.stretches
        if stretches and stretches[-1][1] > length(first.epoch):
            raise InvalidParameterError(
                "the state is of a longer epoch: other datasets were mixed, or otherwise"
            )
        if len(read) > 1:
            return cls(first.epoch, _together(read))
        if (first.hand, first.seat) == (hand, seat):
            return cls(first.epoch, first.left, first.turn)
        if first.turn.workers > 1:
            raise InvalidParameterError(
                f"this is the state of worker {first.turn.worker} of "
                f"{first.turn.workers}: go on with as many ranks and as large batches, "
                "or give the states of all workers of all ranks"
            )
        # All ranks stand where this one does: what they took is one stretch.
        count = first.turn.taken * first.hand.batch_size * first.seat.world_size
        taken = first.left.cut(0, min(count, first.left.total))
        return cls(first.epoch, first.left.without(taken))


class _Read:
    """A state, read and looked at."""

    def __init__(self, state: State) -> None:
        try:
            version = state["version"]
            self.run = Run(
                str(state["dataset"]), int(state["seed"]), dict(state["order"])
            )
            self.epoch = index(state["epoch"])
            self.left = Left((index(start), index(stop)) for start, stop in state["left"])
            self.hand = Hand(
                int(state["batch_size"]),
                bool(state["drop_last"]),
                bool(state["pad_last"]),
            )
            self.seat = Seat(*(int(state[name]) for name in Seat._fields))
            self.turn = Turn(*(int(state[name]) for name in Turn._fields))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise MalformedDataError(
                f"this is no state of a loader: {error!r}"
            ) from error
        ends = [place for stretch in self.left.stretches for place in stretch]
        is_good = (
            version == _VERSION
            and min(self.epoch, self.turn.taken, self.turn.own, *ends, 0) >= 0
            and max(self.epoch, *ends, 0) < 1 << 64
            and ends == sorted(ends)
            and len(ends) <= _MOST
            and self.hand.batch_size > 0
            and 0 <= self.seat.rank < self.seat.world_size
            and 0 <= self.turn.worker < self.turn.workers
            and max(self.turn.taken, self.turn.own)
            <= steps(self.left.total, self.hand, self.seat)
        )
        if not is_good:
            raise MalformedDataError("this is no state of a loader of this version")

    def check(self, run: Run) -> None:
        """Refuse what is of another run."""
        if self.run.dataset != run.dataset:
            raise InvalidParameterError(
                f"the state is of dataset {self.run.dataset}, and this is {run.dataset}"
            )
        if self.run.seed != run.seed:
            raise InvalidParameterError(
                f"the state is of seed {self.run.seed}, and this loader has {run.seed}"
            )
        theirs, ours = self.run.order, run.order
        for name in (*ours, *theirs):
            if theirs.get(name) != ours.get(name):
                raise InvalidParameterError(
                    f"the state is of another order: {name} was {theirs.get(name)}, and "
                    f"is {ours.get(name)}"
                )

    def taken(self) -> Iterator[tuple[int, int]]:
        """Iterate over the places that this process took.

        The steps before its workers began are told by each of them.
        """
        total = self.left.total
        for step in (*range(self.turn.taken), *self.turn.past()):
            start, stop = places(total, self.hand, self.seat, step)
            yield from self.left.cut(start, min(stop, total))


def _together(states: list[_Read]) -> Left:
    """Give what is left when all have taken what they say."""
    first = states[0]
    ranks, workers = first.seat.world_size, first.turn.workers
    seats = {(state.seat.rank, state.turn.worker) for state in states}
    is_alike = all(
        (state.seat.world_size, state.turn.workers) == (ranks, workers)
        for state in states
    )
    if not is_alike or not len(seats) == len(states) == ranks * workers:
        raise InvalidParameterError(
            f"these are {len(states)} states, of {len(seats)} of {ranks * workers} "
            "processes: give one of each"
        )
    if any(state.hand != first.hand for state in states):
        raise InvalidParameterError("these states are of batches of different sizes")
    # The workers of a rank all tell of the steps before they began.
    taken = {stretch for state in states for stretch in state.taken()}
    return first.left.without(taken)
