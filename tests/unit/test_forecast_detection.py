"""Scores of unexpected values."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from seqtools_forecast.detection import scores, threshold

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
NORMAL = np.array([NormalDist(10, 2).inv_cdf(level) for level in LEVELS])


def test_scores_of_a_normal_forecast_are_its_standard_deviations() -> None:
    values = np.array([10.0, 12, 8, 16, 0, 10.5, 30])
    found = scores(values, np.tile(NORMAL, (len(values), 1)), LEVELS)
    assert found == pytest.approx((values - 10) / 2, abs=1e-6)


def test_missing_values_and_certain_forecasts() -> None:
    sure = np.full((4, len(LEVELS)), 5.0)
    found = scores(np.array([5.0, 5.1, 4.9, np.nan]), sure, LEVELS)
    assert found[0] == pytest.approx(0, abs=3) and found[1] == np.inf and found[2] == -np.inf
    assert np.isnan(found[3])


def test_a_skewed_forecast_is_judged_on_each_side_by_itself() -> None:
    rows = np.array([[9.0, 9.5, 9.8, 10, 12, 15, 20]])
    far_above, far_below = (scores(np.array([value]), rows, LEVELS)[0] for value in (30.0, 8.0))
    assert far_above == pytest.approx(2 * NormalDist().inv_cdf(0.975))
    assert far_below == pytest.approx(-2 * NormalDist().inv_cdf(0.975))


def test_the_threshold_leaves_the_share_on_both_sides() -> None:
    drawn = np.random.default_rng(0).normal(size=200_000)
    for share in (0.1, 0.01, 0.001):
        assert (np.abs(drawn) > threshold(share)).mean() == pytest.approx(share, rel=0.2)
