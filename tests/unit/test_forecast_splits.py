"""Which steps are trained on and which windows are held out; which windows are drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError
from seqtools_forecast.sampling import WindowSampler
from seqtools_forecast.splits import Held, Splits, split

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=6)


def splits_of(lengths: list[int], horizon: int = 4, context: int = 10, held: Held | None = None) -> Splits:
    return split(np.array(lengths), horizon, context, held or Held(2, 1, 4))


def test_windows_lie_at_the_end_of_each_series() -> None:
    found = splits_of([30], held=Held(2, 2, 3))
    assert found.test.origin.tolist() == [23, 26]
    assert found.valid.origin.tolist() == [16, 19]
    assert found.train_end.tolist() == [16]


def test_short_series_lose_test_windows_first_then_those_for_validation() -> None:
    found = splits_of([30, 16, 13, 12, 11, 5], held=Held(1, 1, 4))
    assert found.valid.series.tolist() == [0, 1, 2, 3]
    assert found.test.series.tolist() == [0, 1]
    assert found.train_end.tolist() == [22, 8, 9, 8, 11, 5]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(LENGTHS, st.integers(1, 8), st.integers(0, 4), st.integers(0, 4), st.integers(1, 9))
def test_parts_never_overlap(lengths: list[int], horizon: int, valid: int, test: int, stride: int) -> None:
    if max(lengths) <= horizon:
        with pytest.raises(DataError, match="fewer than one window needs"):
            splits_of(lengths, horizon, held=Held(valid, test, stride))
        return
    found = splits_of(lengths, horizon, held=Held(valid, test, stride))
    for series, length in enumerate(lengths):
        own = [part.origin[part.series == series] for part in (found.valid, found.test)]
        assert len(own[0]) <= valid and len(own[1]) <= test
        ends = [found.train_end[series], *(part[-1] + horizon if len(part) else 0 for part in own)]
        assert max(ends) == length
        assert not len(own[0]) or own[0][0] == found.train_end[series]
        assert not len(own[1]) or own[1][0] == max(ends[:2])
        assert found.train_end[series] >= min(length, 2 * horizon)
        assert all((np.diff(part) == stride).all() for part in own)


def test_every_series_of_two_steps_or_more_is_trained_on() -> None:
    found = splits_of([1, 2, 4, 5, 6, 40])
    assert found.windows().tolist() == [0, 1, 1, 1, 1, 15]
    assert found.first()[1:].tolist() == [1, 1, 1, 2, 10]


def test_all_of_it_is_trained_on_in_the_end() -> None:
    whole = splits_of([30, 8]).whole()
    assert whole.train_end.tolist() == [30, 8]
    assert len(whole.valid) == len(whole.test) == 0


def test_windows_are_thinned_evenly_and_batched_in_order() -> None:
    valid = splits_of([200], held=Held(40, 1, 2)).valid
    few = valid.thinned(5)
    assert len(few) == 5 and few.origin[0] == valid.origin[0] and few.origin[-1] == valid.origin[-1]
    assert [len(part) for part in valid.batches(16)] == [16, 16, 8]
    assert valid.thinned(100) is valid


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 20), st.sampled_from(["windows", "root", "series"]))
def test_a_resumed_draw_goes_on_exactly(steps: int, evenly: str) -> None:
    made = [WindowSampler(splits_of([50, 20, 9]), batch_size=6, seed=3, evenly=evenly) for _ in range(2)]
    for _ in range(steps):
        made[0].next()
    made[1].load_state_dict(made[0].state_dict())
    for _ in range(3):
        (one, ends), (other, others) = made[0].next(), made[1].next()
        assert (one.series == other.series).all() and (one.origin == other.origin).all()
        assert (ends == others).all()


@pytest.mark.parametrize(("evenly", "power"), [("windows", 1.0), ("root", 0.5), ("series", 0.0)])
def test_long_series_are_drawn_as_often_as_asked(evenly: str, power: float) -> None:
    splits = splits_of([4 + 109, 4 + 13], context=10, held=Held(0, 0, 1))
    assert splits.windows().tolist() == [100, 6]
    sampler = WindowSampler(splits, batch_size=40_000, seed=1, evenly=evenly)
    drawn, ends = sampler.next()
    counts = Counter(drawn.series.tolist())
    assert counts[0] / counts[1] == pytest.approx((100 / 6) ** power, rel=0.1)
    assert set(drawn.origin[drawn.series == 1].tolist()) == set(range(*_origins(splits, 1)))
    assert (drawn.origin + 4 <= ends).all()


def _origins(splits: Splits, series: int) -> tuple[int, int]:
    return int(splits.first()[series]), int(splits.last()[series]) + 1


def test_windows_may_begin_where_the_forecast_will() -> None:
    splits = splits_of([101, 62], held=Held(0, 0, 1))
    drawn, _ = WindowSampler(splits, batch_size=300, seed=1, same_phase=1.0, season=7).next()
    lengths = splits.lengths[drawn.series]
    assert ((drawn.origin - lengths) % 7 == 0).all()
    assert (drawn.origin >= splits.first()[drawn.series]).all()
    assert (drawn.origin <= splits.last()[drawn.series]).all()


def test_ranks_draw_other_windows() -> None:
    one, other = (
        WindowSampler(splits_of([50, 20]), batch_size=8, seed=1, rank=rank, size=2).next()[0]
        for rank in (0, 1)
    )
    assert (one.origin != other.origin).any()


def test_nothing_to_draw_is_an_error() -> None:
    splits = splits_of([5])
    single = Splits(4, 10, splits.lengths, np.array([1]), splits.valid, splits.test)
    with pytest.raises(DataError, match="none is long enough"):
        WindowSampler(single, batch_size=2, seed=1)


def test_short_histories_may_be_trained_on() -> None:
    plain, short = (split(np.array([60, 14, 6]), 4, 20, Held(1, 0, 4, shortest)) for shortest in (0, 5))
    assert plain.first().tolist() == [20, 5, 2] and short.first().tolist() == [5, 5, 2]
    assert short.whole().first().tolist() == [5, 5, 2] and short.windows()[0] > plain.windows()[0]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(LENGTHS, st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2))
def test_a_fold_never_trains_on_its_own_block(
    lengths: list[int], horizon: int, count: int, stride: int, test: int
) -> None:
    if max(lengths) <= horizon:
        return
    splits = splits_of(lengths, horizon, held=Held(2, test, stride))
    for number in range(count):
        kept, held = splits.fold(number, count, stride)
        for series in range(len(lengths)):
            total = int(kept.windows()[series])
            places = np.arange(total)
            origins = kept.origins(np.full(total, series), places)
            assert len(set(origins.tolist())) == total
            assert kept.trained(np.full(total, series), origins).all()
            trained = {step for origin in origins.tolist() for step in range(origin, origin + horizon)}
            own = held.origin[held.series == series]
            block = {step for origin in own.tolist() for step in range(origin, origin + horizon)}
            assert not trained & block
            assert not block or max(block) < splits.train_end[series]
            first, behind = int(kept.first()[series]), int(kept.before_test()[series])
            assert all(first <= origin < behind for origin in origins.tolist())


def test_blocks_cover_the_training_part_and_what_lies_around_is_trained_on() -> None:
    splits = splits_of([60], horizon=4, context=8, held=Held(2, 1, 4))
    assert (splits.train_end[0], splits.first()[0]) == (48, 8)
    parts = [splits.fold(number, 4, 2) for number in range(4)]
    assert [held.origin.tolist() for _, held in parts] == [
        [8, 10, 12, 14], [18, 20, 22, 24], [28, 30, 32, 34], [38, 40, 42, 44],
    ]  # fmt: skip
    kept, _ = parts[1]
    origins = kept.origins(np.zeros(int(kept.windows()[0]), np.int64), np.arange(int(kept.windows()[0])))
    assert origins.tolist() == [*range(8, 15), *range(28, 53)]


def test_what_is_drawn_lies_outside_the_block_at_the_same_phase_too() -> None:
    kept, held = splits_of([200], horizon=6, context=12, held=Held(2, 1, 6)).fold(1, 3, 6)
    sampler = WindowSampler(kept, batch_size=400, seed=3, same_phase=0.7, season=5)
    drawn, _ = sampler.next()
    assert kept.trained(drawn.series, drawn.origin).all()
    assert drawn.origin.min() < held.origin.min() and drawn.origin.max() > held.origin.max()
    assert (drawn.origin % 5 == 0).mean() > 0.6
