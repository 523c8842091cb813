"""Batches without end."""

from __future__ import annotations

import numpy as np
import pytest

from seqtools.training.batch_walk import BatchWalk


class Letters(BatchWalk[str]):
    """Five letters, in another order each pass."""

    def plan(self, number: int) -> list[str]:
        """The letters of a pass."""
        return [str(one) for one in np.random.default_rng([self.seed, number]).permutation(list("abcde"))]


def drawn(walk: Letters, steps: int) -> list[tuple[str, float]]:
    return [(letter, float(rng.random())) for letter, rng in (walk.take() for _ in range(steps))]


def test_every_pass_has_every_batch_in_an_order_of_its_own() -> None:
    letters = [letter for letter, _ in drawn(Letters(seed=1), 10)]
    assert sorted(letters[:5]) == sorted(letters[5:]) == list("abcde")
    assert letters[:5] != letters[5:]


@pytest.mark.parametrize("done", [0, 3, 5, 7])
def test_what_is_taken_back_goes_on_exactly(done: int) -> None:
    walk, other = Letters(seed=2), Letters(seed=2)
    drawn(walk, done)
    state = walk.state_dict()
    wanted = drawn(walk, 8)
    drawn(other, 4)
    other.load_state_dict(state)
    assert drawn(other, 8) == wanted


def test_processes_share_a_pass_without_a_batch_twice() -> None:
    walks = [Letters(seed=3, rank=rank, size=2) for rank in range(2)]
    assert [walk.steps_per_epoch for walk in walks] == [2, 2]
    first, second = (drawn(walk, 2) for walk in walks)
    assert len({letter for letter, _ in [*first, *second]}) == 4


def test_more_processes_than_batches_take_some_twice() -> None:
    taken = [Letters(seed=4, rank=rank, size=7).take()[0] for rank in range(7)]
    assert set(taken) == set("abcde")
    assert Letters(seed=4, size=7).steps_per_epoch == 1
