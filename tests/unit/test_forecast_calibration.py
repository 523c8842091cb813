"""Offsets that make intervals hold what they promise; network and simple method weighed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools.forecaster import ForecastShape
from seqtools_forecast.blending import BELIEVED, MANY, Fitting, blend, certainty
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.conformal import TOLD, caution, coverage, offsets, order_statistic, told_by_others
from seqtools_forecast.restlessness import BOUNDS, Restlessness

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
NORMAL = np.array([-1.95996, -1.28155, 0.0, 1.28155, 1.95996])
SHAPE = ForecastShape(horizon=6, context=24, seasons=(6,), levels=LEVELS)
Floats = NDArray[np.float32]


def drawn(windows: int, spread: float, *, shift: float = 0.0, targets: int = 1, seed: int = 1) -> Floats:
    """Values around zero, wider with each step ahead."""
    rng = np.random.default_rng(seed)
    grows = 1 + np.arange(SHAPE.horizon)[None, :, None] / 3
    values = shift + spread * grows * rng.normal(size=(windows, SHAPE.horizon, targets))
    return values.astype(np.float32)


def told(windows: int, targets: int = 1) -> Floats:
    """What a forecaster says that takes all steps for standard normal."""
    return np.broadcast_to(NORMAL, (windows, SHAPE.horizon, targets, 5)).astype(np.float32)


@pytest.mark.parametrize("kind", ["conformal", "cqr"])
@pytest.mark.parametrize(("windows", "spread"), [(30, 2.0), (400, 2.0), (400, 0.4)])
def test_new_values_are_covered_as_promised(kind: str, windows: int, spread: float) -> None:
    added = offsets(told(windows), drawn(windows, spread), LEVELS, kind)
    new = drawn(4000, spread, seed=2)
    found = coverage(told(4000) + added, new, LEVELS)
    assert found["95"] == pytest.approx(0.95, abs=0.025)
    assert found["80"] == pytest.approx(0.80, abs=0.04 if windows > 30 else 0.07)
    before = coverage(told(4000), new, LEVELS)
    assert abs(before["80"] - 0.8) > 0.1


def test_each_step_ahead_has_its_own_offsets_where_windows_are_many() -> None:
    added = offsets(told(500), drawn(500, 2.0), LEVELS, "cqr")
    assert added.shape == (6, 1, 5) and added.dtype == np.float32
    assert (np.diff(added[:, 0, -1]) > 0).all()
    new = drawn(3000, 2.0, seed=3)
    for step in range(6):
        found = coverage((told(3000) + added)[:, step : step + 1], new[:, step : step + 1], LEVELS)
        assert found["80"] == pytest.approx(0.8, abs=0.06)


def test_levels_by_themselves_mend_a_bias_and_pairs_stay_about_the_median() -> None:
    target = drawn(500, 0.5, shift=3.0)
    alone, paired = (offsets(told(500), target, LEVELS, kind) for kind in ("conformal", "cqr"))
    assert alone[..., 2].mean() == pytest.approx(3.0, abs=0.2)
    assert (paired[..., 2] == 0).all()
    np.testing.assert_allclose(paired[..., 1], -paired[..., 3])


def test_targets_have_their_own_offsets_where_windows_are_many() -> None:
    target = np.concatenate([drawn(200, 1.0), drawn(200, 9.0, seed=4)], axis=2)
    added = offsets(told(200, 2), target, LEVELS, "cqr")
    assert (added[:, 1, 4] > added[:, 0, 4] + 3).all()
    pooled = offsets(told(20, 2), target[:20], LEVELS, "cqr")
    np.testing.assert_allclose(pooled[:, 0], pooled[:, 1])


def test_missing_values_do_not_count() -> None:
    target = drawn(300, 2.0)
    gaps = np.concatenate([target, np.full_like(target, np.nan)])
    np.testing.assert_allclose(
        offsets(told(600), gaps, LEVELS, "cqr"), offsets(told(300), target, LEVELS, "cqr"), atol=0.3
    )
    assert (offsets(told(3), target[:3] * np.nan, LEVELS, "cqr") == 0).all()
    assert (offsets(told(0), target[:0], LEVELS, "cqr") == 0).all()


def test_intervals_narrow_slowly_where_windows_are_few_and_widen_at_once() -> None:
    for kind in ("conformal", "cqr"):
        surely, doubtfully = (
            [offsets(told(20), drawn(20, spread), LEVELS, kind, worth) for spread in (0.1, 9.0)]
            for worth in (1e9, 20.0)
        )
        narrower, wider = (reach(added) for added in surely)
        assert narrower < 1 < wider
        held = (reach(doubtfully[0]) / caution(LEVELS[-1], 20) - 1) / (narrower - 1)
        assert held == pytest.approx(20 / 25, abs=0.02)
        assert reach(doubtfully[1]) / caution(LEVELS[-1], 20) == pytest.approx(wider, rel=0.02)


def reach(added: Floats) -> float:
    """How much wider the outermost quantiles stand than they did."""
    before = np.asarray(told(20)).mean(axis=0)
    after = before + added
    return float(((after[..., -1] - after[..., 0]) / (before[..., -1] - before[..., 0])).mean())


def test_few_windows_make_intervals_those_of_a_normal_sample() -> None:
    scipy = pytest.importorskip("scipy.stats")
    for worth in (1.5, 3.0, 30.0):
        count = TOLD * worth
        for level in (0.025, 0.4, 0.9, 0.975):
            wanted = (1 + 1 / count) ** 0.5 * scipy.t.ppf(level, count) / scipy.norm.ppf(level)
            assert caution(level, worth) == pytest.approx(wanted, rel=0.003)
    assert caution(0.5, 2.0) == caution(0.9, float("inf")) == 1.0
    assert caution(0.9, 0.0) == caution(0.9, 0.4)


def test_ranks_are_those_of_split_conformal_prediction() -> None:
    scores = np.arange(1, 20, dtype=np.float32)  # 19 scores: rank 20 p
    assert order_statistic(scores, 0.95, upwards=True) == 19
    assert order_statistic(scores, 0.8, upwards=True) == 16
    assert order_statistic(scores, 0.1, upwards=False) == 2
    assert order_statistic(scores[:3], 0.95, upwards=True) == 3


def test_each_window_is_told_what_others_say() -> None:
    target = drawn(400, 3.0)
    found = coverage(told(400) + told_by_others(told(400), target, LEVELS, "cqr"), target, LEVELS)
    assert found["80"] == pytest.approx(0.8, abs=0.05) and found["95"] == pytest.approx(0.95, abs=0.03)
    target[:100] *= 9
    block = np.arange(400) // 100
    added = told_by_others(told(400), target, LEVELS, "cqr", block=block)
    np.testing.assert_array_equal(
        added[7], offsets(told(300), target[100:], LEVELS, "cqr", worth_of(block, 0))
    )
    assert added[0, 0, 0, -1] < added[100, 0, 0, -1]
    alone = told_by_others(told(1), drawn(1, 1.0), LEVELS, "cqr")
    np.testing.assert_array_equal(alone[0], offsets(told(1), drawn(1, 1.0), LEVELS, "cqr"))


def worth_of(block: NDArray[np.int64], number: int) -> float:
    """Independent windows left without a block, of infinitely many."""
    return float("inf") * float((block != number).mean())


def restless(windows: int, seed: int = 4) -> tuple[Floats, Floats]:
    """Windows as restless as what comes after them."""
    calm = np.random.default_rng(seed).uniform(0.3, 3.0, (windows, 1, 1)).astype(np.float32)
    return drawn(windows, 1.0, seed=seed)[:, [0] * 24] * 0 + calm * wave(24), calm * drawn(
        windows, 1.0, seed=seed
    )


def wave(steps: int) -> Floats:
    """Of deviation 1."""
    return np.sqrt(2, dtype=np.float32) * np.sin(np.arange(steps) * np.pi / 6).astype(np.float32)[:, None]


def test_intervals_grow_with_how_restless_a_window_is() -> None:
    filled, target = restless(600)
    fit = Restlessness.measured(filled, 1.0, SHAPE)
    assert fit.usual == pytest.approx(filled.std(axis=1).mean(), rel=1e-5)
    added = offsets(told(600), fit.calmed(told(600), target, filled), LEVELS, "cqr")
    new, came = restless(3000, seed=5)
    wide = fit.widened(told(3000), added, new)
    flat = told(3000) + offsets(told(600), target, LEVELS, "cqr")
    deviation = new.std(axis=1)[:, 0]
    for part in (deviation < 0.8, deviation > 2.4):
        assert coverage(wide[part], came[part], LEVELS)["80"] == pytest.approx(0.8, abs=0.05)
        assert abs(coverage(flat[part], came[part], LEVELS)["80"] - 0.8) > 0.06
    np.testing.assert_array_equal(wide[..., 2], told(3000)[..., 2])


def test_a_constant_window_has_intervals_still() -> None:
    filled, _ = restless(50)
    fit = Restlessness.measured(filled, 0.5, SHAPE)
    assert fit.factor(np.zeros((1, 24, 1), np.float32)).item() == BOUNDS[0]
    assert fit.factor(filled[:1] * 1e6).item() == BOUNDS[1]
    still = Restlessness.measured(np.zeros((5, 24, 1), np.float32), 0.5, SHAPE)
    assert np.isfinite(still.factor(filled)).all()
    none = Restlessness.none(SHAPE)
    np.testing.assert_array_equal(none.widened(told(2), told(2), filled[:2]), 2 * told(2))


def test_a_calibration_comes_back_from_json() -> None:
    some = np.random.default_rng(1).normal(size=(6, 1, 5)).astype(np.float32)
    wide = Restlessness(0.5, np.array([0.7], np.float32), 2)
    one = Calibration(some, wide, "seasonal naive 6", -some, some[..., 1], 0.3, {"80": 0.79}, {"windows": 4})
    again = Calibration.from_payload(json.loads(json.dumps(one.payload())), SHAPE)
    filled = drawn(3, 1.0)[:, [0] * 24]
    for mine, other in zip(
        one.apply(told(3), told(3)[..., 2], filled),
        again.apply(told(3), told(3)[..., 2], filled),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, other)
    assert again.coverage == {"80": 0.79} and again.expert_matrix(SHAPE) is not None
    empty = Calibration.from_payload({}, SHAPE)
    assert empty.weight == 1 and empty.expert_matrix(SHAPE) is None and not empty.offsets.any()


def test_a_damaged_calibration_is_told() -> None:
    whole = Calibration.none(SHAPE).payload()
    with pytest.raises(DataError, match="another shape"):
        Calibration.from_payload({**whole, "offsets": [[[1.0]]]}, SHAPE)
    with pytest.raises(DataError, match="another shape"):
        Calibration.from_payload({**whole, "usual": [1.0, 1.0]}, SHAPE)
    older = {name: whole[name] for name in whole if name not in ("usual", "exponent")}
    assert not Calibration.from_payload(older, SHAPE).restlessness.exponent
    with pytest.raises(DataError, match="weight"):
        Calibration.from_payload({name: whole[name] for name in whole if name != "weight"}, SHAPE)


def test_applying_is_a_weighed_mean_then_offsets() -> None:
    rng = np.random.default_rng(2)
    filled, added = rng.normal(size=(2, 24, 1)), rng.normal(size=(6, 1, 5))
    one = Calibration(added, Restlessness.none(SHAPE), "naive", 2 * added, added[..., 3], 0.25)
    quantiles, mean = one.apply(told(2), told(2)[..., 2], filled)
    last = np.repeat(filled[:, -1:], 6, axis=1)
    np.testing.assert_allclose(
        quantiles, 0.25 * told(2) + 0.75 * (last[..., None] + 2 * added) + added, rtol=1e-5
    )
    np.testing.assert_allclose(mean, 0.75 * last + added[..., 3])


class Setting:
    """Windows of a season with noise, and what a network with errors of a given size says of them."""

    def __init__(self, windows: int = 60, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        steps = np.arange(30)
        phase = rng.integers(0, 6, (windows, 1))
        whole = np.sin(2 * np.pi * (steps + phase) / 6) + 0.1 * rng.normal(size=(windows, 30))
        self.filled = whole[:, :24, None].astype(np.float32)
        self.target = whole[:, 24:, None].astype(np.float32)
        self.rng = rng

    def network(self, error: float) -> Floats:
        off = error * self.rng.normal(size=self.target.shape)
        told = (self.target + off)[..., None] + max(error, 0.01) * NORMAL
        return told.astype(np.float32)

    def judge(self, quantiles: Floats) -> NDArray[np.float64]:
        apart = self.target[..., None] - quantiles
        losses = np.maximum(np.array(LEVELS) * apart, (np.array(LEVELS) - 1) * apart)
        mean: NDArray[np.float64] = losses.mean(axis=(1, 2, 3)).astype(np.float64)
        return mean

    @property
    def fitting(self) -> Fitting:
        other = Setting(300, seed=6)
        return Fitting(other.filled, other.target, LEVELS, other.judge)


def test_a_bad_network_leaves_the_say_to_a_simple_method_and_that_is_said() -> None:
    given = Setting()
    found = blend(given.network(3.0), given.filled, given.judge, given.fitting, (6,))
    assert found.weight == 0
    assert "season" in found.expert and "falls back" in found.told and "does not win" in found.told
    assert found.losses["blend"] == pytest.approx(found.losses["expert"])


def test_a_good_network_speaks_alone() -> None:
    given = Setting()
    found = blend(given.network(0.0), given.filled, given.judge, given.fitting, (6,))
    assert found.weight == 1 and found.told.endswith("the network speaks alone")


def test_equals_are_blended() -> None:
    given = Setting()
    found = blend(given.network(0.12), given.filled, given.judge, given.fitting, (6,))
    assert 0.1 < found.weight < 0.9 and "blended" in found.told
    assert found.losses["blend"] < min(found.losses["network"], found.losses["expert"])


def test_few_windows_do_not_decide_alone() -> None:
    given = Setting(windows=2)
    both = [given.network(0.12), given.network(3.0)]
    near, far = (blend(one, given.filled, given.judge, given.fitting, (6,), 1.0) for one in both)
    assert BELIEVED * 0.75 <= near.weight <= 0.5 and far.weight == 0
    assert near.expert.count(" + ") == MANY - 1


def test_unsure_gains_count_less() -> None:
    assert certainty(np.array([1.0, 1.1, 0.9])) == 1
    assert certainty(np.array([-1.0, -2.0])) == 0
    assert certainty(np.array([4.0])) == 0.5
    swinging = np.array([5.0, -4.0, 3.0, -3.0])
    assert 0 < certainty(swinging) < 0.3
    overlapping = np.array([3.0, -1.0] * 8)
    assert certainty(overlapping, 2.0) < certainty(overlapping) == 1
