"""Caution that windows left out show to be too much."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from seqtools_forecast.slack import BELIEVED, OUTSIDE, less, slack

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def told(scale: float, windows: int = 4000) -> np.ndarray:
    return np.broadcast_to((scale * NORMAL).astype(np.float32), (windows, 2, 1, len(LEVELS)))


def came(windows: int = 4000) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (windows, 2, 1)).astype(np.float32)


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_intervals_that_hold_what_they_promise_stay(scale: float) -> None:
    np.testing.assert_array_equal(slack(told(scale), came(), LEVELS), 1.0)


def test_of_intervals_twice_too_wide_a_third_is_believed() -> None:
    found = slack(told(2.0), came(), LEVELS)
    for low, high, share in ((1, 3, 0.8), (0, 4, 0.95)):
        inner = NormalDist().inv_cdf(1 - OUTSIDE * (1 - share) / 2)
        assert found[low] == found[high] == pytest.approx((inner / (2 * NORMAL[high])) ** BELIEVED, rel=0.02)
    assert found[2] == 1


def test_missing_values_and_flat_intervals_say_nothing() -> None:
    target = came()
    target[::2] = np.nan
    wide = slack(told(2.0), target, LEVELS)
    assert (wide[[0, 1, 3, 4]] < 1).all()
    np.testing.assert_array_equal(slack(told(2.0), np.full_like(target, np.nan), LEVELS), 1.0)
    np.testing.assert_array_equal(slack(told(0.0), target, LEVELS), 1.0)


def test_levels_without_a_partner_stay() -> None:
    levels = (0.1, 0.5, 0.8)
    np.testing.assert_array_equal(slack(np.full((9, 2, 1, 3), [-9.0, 0, 9]), came(9), levels), 1.0)


def test_what_is_added_brings_quantiles_nearer_to_their_median() -> None:
    quantiles = 7 + 2 * NORMAL[None, None]
    factors = np.array([0.5, 0.8, 1, 0.8, 0.5], np.float32)
    np.testing.assert_allclose(
        quantiles + less(quantiles, factors, LEVELS), 7 + 2 * factors * NORMAL[None, None]
    )
