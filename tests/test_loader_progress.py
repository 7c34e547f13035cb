"""Epochs that are dealt, kept and taken up again: each sample once, whatever happens."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ipfs_kit_py._loader.deal import Hand, Seat, places, seat_of, steps
from ipfs_kit_py._loader.progress import Left, Progress, Run
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

RUN = Run("cid", 0, {"shuffle": True})
SEVEN = RUN._replace(seed=7)


def any_length(_epoch: int) -> int:
    return 1 << 40


hands = st.builds(Hand, st.integers(1, 9), st.just(False), st.just(False))


def dealt(total: int, hand: Hand, seat: Seat) -> list[tuple[int, int]]:
    return [places(total, hand, seat, step) for step in range(steps(total, hand, seat))]


@given(st.integers(0, 300), hands, st.integers(1, 7))
def test_ranks_share_an_epoch_without_rest(total: int, hand: Hand, ranks: int) -> None:
    seats = [Seat(rank, ranks) for rank in range(ranks)]
    found = [
        at for seat in seats for pair in dealt(total, hand, seat) for at in range(*pair)
    ]
    assert sorted(found) == list(range(total))
    counts = [len(dealt(total, hand, seat)) for seat in seats]
    assert max(counts) - min(counts) <= 1


@given(st.integers(0, 300), hands, st.integers(1, 7))
def test_dropping_leaves_full_batches_and_padding_makes_equal_ones(
    total: int, hand: Hand, ranks: int
) -> None:
    seats = [Seat(rank, ranks) for rank in range(ranks)]
    dropped = [dealt(total, hand._replace(drop_last=True), seat) for seat in seats]
    assert {b - a for pairs in dropped for a, b in pairs} <= {hand.batch_size}
    assert len({len(pairs) for pairs in dropped}) == 1
    padded = [dealt(total, hand._replace(pad_last=True), seat) for seat in seats]
    assert len({tuple(b - a for a, b in pairs) for pairs in padded}) == 1
    found = Counter(at % total for pairs in padded for p in pairs for at in range(*p))
    assert sorted(found) == list(range(total))
    assert sum(found.values()) - total < ranks


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=8),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 30)), max_size=8),
)
def test_what_is_left_is_what_was_not_taken(
    gaps: list[tuple[int, int]], taken: list[tuple[int, int]]
) -> None:
    stretches, at = [], 0
    for gap, length in gaps:
        stretches.append((at + gap, at + gap + length))
        at += gap + length
    left = Left(stretches)
    everything = [place for pair in stretches for place in range(*pair)]
    cut: list[tuple[int, int]] = []
    seen: set[int] = set()
    for start, length in taken:
        stop = min(start + length, left.total)
        inside = range(start, stop)
        if not seen & set(inside):
            seen |= set(inside)
            cut += left.cut(start, stop)
    rest = [place for pair in left.without(cut).stretches for place in range(*pair)]
    assert rest == [place for n, place in enumerate(everything) if n not in seen]


class Training(RuleBasedStateMachine):
    """Ranks that train out of step, save, crash, and go on with others."""

    @initialize(total=st.integers(0, 200), hand=hands, ranks=st.integers(1, 5))
    def begin(self, total: int, hand: Hand, ranks: int) -> None:
        self.total = total
        self.seen: Counter[int] = Counter()
        self._seat(hand, ranks, [Progress(0, Left([(0, total)]))] * ranks)
        self._save()

    def _seat(self, hand: Hand, ranks: int, progress: list[Progress]) -> None:
        self.hand, self.ranks, self.progress = hand, ranks, progress

    def _save(self) -> None:
        states = [
            one.state(RUN, self.hand, Seat(rank, self.ranks))
            for rank, one in enumerate(self.progress)
        ]
        self.saved = json.dumps(states)
        self.seen_at_save = self.seen.copy()

    @rule(rank=st.integers(0, 4), batches=st.integers(1, 6))
    def train(self, rank: int, batches: int) -> None:
        rank %= self.ranks
        one = self.progress[rank]
        ahead = one.ahead(self.hand, Seat(rank, self.ranks))
        for stretches, _ in zip(ahead, range(batches), strict=False):
            self.seen.update(at for pair in stretches for at in range(*pair))
            turn = one.turn._replace(taken=one.turn.taken + 1)
            one = one._replace(turn=turn)
        self.progress[rank] = one

    @rule()
    def save(self) -> None:
        self._save()

    @rule()
    def crash(self) -> None:
        """All ranks go on, each from its own state."""
        self.seen = self.seen_at_save.copy()
        states = json.loads(self.saved)
        hand = Hand(*(states[0][name] for name in Hand._fields))
        ranks = len(states)
        progress = [
            Progress.of_state(state, RUN, hand, Seat(rank, ranks), any_length)
            for rank, state in enumerate(states)
        ]
        self._seat(hand, ranks, progress)

    @rule(hand=hands, ranks=st.integers(1, 5))
    def rescale(self, hand: Hand, ranks: int) -> None:
        """Others go on, from the states of all."""
        self._save()
        states = json.loads(self.saved)
        progress = [
            Progress.of_state(states, RUN, hand, Seat(rank, ranks), any_length)
            for rank in range(ranks)
        ]
        self._seat(hand, ranks, progress)
        self._save()

    @precondition(lambda self: len({one.turn.taken for one in self.progress}) == 1)
    @rule(hand=hands, ranks=st.integers(1, 5))
    def rescale_in_step(self, hand: Hand, ranks: int) -> None:
        """Others go on, from the state of any one."""
        self._save()
        states = json.loads(self.saved)
        if any(
            len(list(one.ahead(self.hand, Seat(rank, self.ranks)))) == 0
            for rank, one in enumerate(self.progress)
        ):
            return  # the last step is shared unevenly
        progress = [
            Progress.of_state(states[0], RUN, hand, Seat(rank, ranks), any_length)
            for rank in range(ranks)
        ]
        self._seat(hand, ranks, progress)
        self._save()

    @invariant()
    def nothing_comes_twice(self) -> None:
        assert not self.seen or max(self.seen.values()) == 1

    def teardown(self) -> None:
        if hasattr(self, "total"):
            for rank in range(self.ranks):
                self.train(rank, self.total + 1)
            self.nothing_comes_twice()
            assert sorted(self.seen) == list(range(self.total))


TestTraining = Training.TestCase
TestTraining.settings = settings(stateful_step_count=20)


def test_states_of_other_runs_are_refused() -> None:
    hand, seat = Hand(4), Seat()
    state = Progress(3, Left([(0, 10)])).state(SEVEN, hand, seat)
    take = Progress.of_state
    with pytest.raises(InvalidParameterError, match="is of dataset cid"):
        take(state, SEVEN._replace(dataset="other"), hand, seat, any_length)
    with pytest.raises(InvalidParameterError, match="is of seed 7"):
        take(state, SEVEN._replace(seed=8), hand, seat, any_length)
    with pytest.raises(InvalidParameterError, match="shuffle was True"):
        take(state, SEVEN._replace(order={"shuffle": False}), hand, seat, any_length)
    with pytest.raises(InvalidParameterError, match="different times"):
        take([state, state | {"epoch": 4}], SEVEN, hand, seat, any_length)
    with pytest.raises(InvalidParameterError, match="give one of each"):
        take([state, state], SEVEN, hand, seat, any_length)
    crowd = state | {"world_size": 10**9, "workers": 10**9}
    with pytest.raises(InvalidParameterError, match="of 10"):
        take([crowd, crowd | {"rank": 1}], SEVEN, hand, seat, any_length)
    other = state | {"world_size": 3, "rank": 1}
    with pytest.raises(InvalidParameterError, match="2 states, of 2 of 2"):
        take([state | {"world_size": 2}, other], SEVEN, hand, seat, any_length)
    with pytest.raises(InvalidParameterError, match="a longer epoch"):
        take(state, SEVEN, hand, seat, lambda epoch: epoch + 6)
    with pytest.raises(InvalidParameterError, match="no state"):
        take([], SEVEN, hand, seat, any_length)
    worker = state | {"workers": 2, "worker": 1}
    with pytest.raises(InvalidParameterError, match="worker 1 of 2"):
        take(worker, SEVEN, hand, Seat(0, 2), any_length)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"left": [[3, 5], [4, 9]]},
        {"left": "all"},
        {"taken": -1},
        # What is more than there was would be counted for days.
        {"taken": 4},
        {"taken": 10**18},
        {"own": 10**18},
        {"batch_size": 0},
        {"rank": 1},
        {"worker": 1},
        {"epoch": None},
    ],
)
def test_what_is_no_state_is_refused(wrong: dict[str, object]) -> None:
    hand, seat = Hand(4), Seat()
    state = Progress(3, Left([(0, 10)])).state(SEVEN, hand, seat)
    with pytest.raises(MalformedDataError, match="no state of a loader"):
        Progress.of_state(state | wrong, SEVEN, hand, seat, any_length)


def test_states_of_workers_are_put_together() -> None:
    hand, seat = Hand(3), Seat()
    begun = Progress(0, Left([(0, 40)]))
    states, seen = [], []
    for worker, own in enumerate((3, 1)):
        turn = begun.turn._replace(worker=worker, workers=2)
        one = begun._replace(turn=turn)
        ahead = one.ahead(hand, seat)
        for stretches, _ in zip(ahead, range(own), strict=False):
            seen += [at for pair in stretches for at in range(*pair)]
        states.append(one._replace(turn=turn._replace(own=own)).state(RUN, hand, seat))
    rest = Progress.of_state(states, RUN, hand, seat, any_length)
    found = [at for pairs in rest.ahead(hand, seat) for p in pairs for at in range(*p)]
    assert sorted(seen + found) == list(range(40))


def test_the_seat_comes_from_arguments_or_the_launcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert seat_of(None, None) == Seat(0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert seat_of(None, None) == Seat(2, 4)
    assert seat_of(1, 3) == Seat(1, 3)
    for rank, world_size in ((3, 3), (-1, 2), (0, None)):
        with pytest.raises(InvalidParameterError):
            seat_of(rank, world_size)
    monkeypatch.setenv("RANK", "two")
    with pytest.raises(InvalidParameterError, match="to be numbers"):
        seat_of(None, None)
