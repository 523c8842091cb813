"""Simple methods as matrices, against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools_forecast.experts import matrix, names, spoken, together

CONTEXT, HORIZON, SEASON = 24, 9, 6
RNG = np.random.default_rng(1)
WINDOW = RNG.normal(size=CONTEXT).cumsum() + 3


def said(name: str) -> NDArray[np.float64]:
    told: NDArray[np.float64] = matrix(name, HORIZON, CONTEXT).astype(np.float64) @ WINDOW
    return told


def ago(seasons: int) -> NDArray[np.float64]:
    start = CONTEXT - seasons * SEASON
    return np.array([WINDOW[start + ahead % SEASON] for ahead in range(HORIZON)])


def smoothed(alpha: float) -> float:
    level = WINDOW.mean()
    for value in WINDOW:
        level = alpha * value + (1 - alpha) * level
    return float(level)


def close(one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_naive_and_its_seasonal_kin() -> None:
    close(said("naive"), np.full(HORIZON, WINDOW[-1]))
    close(said("seasonal naive 6"), ago(1))
    close(said("season mean 6 3"), (ago(1) + ago(2) + ago(3)) / 3)


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_smoothing_begins_at_the_mean(alpha: float) -> None:
    close(said(f"ses {alpha}"), np.full(HORIZON, smoothed(alpha)))
    slope = np.polyfit(np.arange(CONTEXT), WINDOW, 1)[0]
    ahead = np.arange(HORIZON) + 1 / alpha
    close(said(f"theta {alpha}"), smoothed(alpha) + 0.5 * slope * ahead)


def test_drift_goes_on_along_the_line() -> None:
    slope = (WINDOW[-1] - WINDOW[0]) / (CONTEXT - 1)
    close(said("drift"), WINDOW[-1] + slope * np.arange(1, HORIZON + 1))


def test_shapes_of_seasons_are_lifted() -> None:
    means = [WINDOW[-6 * back : (-6 * (back - 1)) or None].mean() for back in (1, 2)]
    two = (ago(1) + ago(2)) / 2
    close(said("level and season 6 2"), two + means[0] - np.mean(means))
    seasons = 1 + np.arange(HORIZON) // SEASON
    close(said("season and growth 6"), ago(1) + seasons * (means[0] - means[1]))


def test_the_last_value_changes_as_it_did() -> None:
    changes = [ago(back) - WINDOW[CONTEXT - 1 - back * SEASON] for back in (1, 2)]
    close(said("last and change 6 1"), WINDOW[-1] + changes[0])
    close(said("last and change 6 2"), WINDOW[-1] + (changes[0] + changes[1]) / 2)


@pytest.mark.parametrize(("season", "smooth"), [(6, "theta"), (5, "theta"), (6, "ses")])
def test_seasons_are_taken_off_and_put_back(season: int, smooth: str) -> None:
    half = season // 2
    ends = 0.5 if season % 2 == 0 else 1.0
    weights = np.array([ends, *[1.0] * (2 * half - 1), ends]) / season
    trend = np.convolve(WINDOW, weights, "valid")
    apart = WINDOW[half:-half] - trend
    steps = np.arange(half, CONTEXT - half)
    profile = np.array([apart[(steps - CONTEXT) % season == phase].mean() for phase in range(season)])
    profile -= profile.mean()
    rest = WINDOW - profile[np.arange(-CONTEXT, 0) % season]
    plain = matrix(f"{smooth} 0.3", HORIZON, CONTEXT).astype(np.float64) @ rest
    close(said(f"seasonal {smooth} {season} 0.3"), plain + profile[np.arange(HORIZON) % season])


def test_a_pure_season_goes_on() -> None:
    wave = np.tile([3.0, -1.0, 0.5, 2.0, -4.0, -0.5], 4)
    told = matrix("seasonal theta 6 0.3", HORIZON, CONTEXT) @ wave
    close(told, wave[:HORIZON])


def test_methods_together_are_their_mean() -> None:
    name = together(["naive", "drift", "seasonal naive 6"])
    close(said(name), (said("naive") + said("drift") + said("seasonal naive 6")) / 3)
    assert spoken(name) == "mean of 3 methods, naive the first" and spoken("drift") == "drift"


@pytest.mark.parametrize("context", [1, 2, 5, 6, 12, 24, 40])
def test_all_that_a_window_allows_move_with_the_series(context: int) -> None:
    found = names(context, (6, 12))
    assert found[0] == "naive" and len(set(found)) == len(found)
    for name in found:
        rows = matrix(name, HORIZON, context)
        assert rows.shape == (HORIZON, context) and rows.dtype == np.float32
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_an_unknown_method_is_told() -> None:
    with pytest.raises(DataError, match="Did you mean 'naive'"):
        matrix("naife", 2, 3)
