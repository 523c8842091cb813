"""Figures of forecasts against values worked out by hand and against plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqtools_forecast.comparing import best_floor, earns, relative, table, verdict
from seqtools_forecast.history import bridged, first_seen, held, padded
from seqtools_forecast.metrics import inside, interval_score, naive_scale, percentage, pinball
from seqtools_forecast.prediction import Prediction
from seqtools_forecast.scoring import KEYS, Tally, owa, score

NAN = math.nan
LEVELS = (0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975)
STEPS = arrays(np.float64, (3, 9), elements=st.one_of(st.just(NAN), st.floats(-50, 50)))


def told(rng: np.random.Generator, rows: int, horizon: int) -> Prediction:
    quantiles = np.sort(rng.normal(0, 3, (rows, horizon, len(LEVELS))), axis=2)
    return Prediction(rng.normal(0, 1, (rows, horizon)), quantiles)


def test_histories_are_padded_on_the_left_and_may_be_cut() -> None:
    whole = padded([[1.0, 2, 3], [], [4.0]])
    assert np.array_equal(whole, [[1, 2, 3], [NAN] * 3, [NAN, NAN, 4]], equal_nan=True)
    assert np.array_equal(padded([[1.0, 2, 3], [4.0]], limit=2), [[2, 3], [NAN, 4]], equal_nan=True)
    assert padded([]).shape == (0, 0) and padded([[], []]).shape == (2, 0)


@settings(derandomize=True, deadline=None)
@given(STEPS)
def test_gaps_are_held_or_bridged_as_a_loop_would(values: np.ndarray) -> None:
    for row, hold, line in zip(values, held(values), bridged(values), strict=True):
        there = np.flatnonzero(~np.isnan(row))
        for step in range(len(row)):
            before = there[there <= step]
            if not len(before):
                assert np.isnan(hold[step]) and np.isnan(line[step])
                continue
            assert hold[step] == row[before[-1]]
            assert line[step] == pytest.approx(np.interp(step, there, row[there]), abs=1e-9)
    assert first_seen(values).tolist() == [
        next((step for step in range(9) if not np.isnan(row[step])), 9) for row in values
    ]


def test_percentages_are_symmetric_and_bounded() -> None:
    found = percentage(np.array([1.0, -1, 0, 3, NAN]), np.array([3.0, 1, 0, 0, 1]))
    assert np.allclose(found, [100, 200, 0, 200, NAN], equal_nan=True)


def test_pinball_and_intervals_by_hand() -> None:
    actual = np.array([[10.0]])
    quantiles = np.array([[[8.0, 9, 13]]])
    assert np.allclose(pinball(actual, quantiles, (0.1, 0.5, 0.9)), [[[0.2, 0.5, 0.3]]])
    low, high = np.array([[0.0, 0, 0, 0]]), np.array([[4.0, 4, 4, 4]])
    came = np.array([[2.0, 5, -0.5, NAN]])
    assert np.allclose(interval_score(came, low, high, 0.95), [[4, 44, 24, NAN]], equal_nan=True)
    assert np.array_equal(inside(came, low, high), [[1, 0, 0, NAN]], equal_nan=True)


def test_the_scale_is_the_mean_seasonal_step() -> None:
    history = padded([[1.0, 5, 2, 7, 4, 8], [3.0, 4, 9], [5.0, 5, 5, 5, 5, 5], [1.0, NAN, 4, 2, NAN, 6]])
    assert np.allclose(naive_scale(history, 2), [np.mean([1, 2, 2, 1]), 6, NAN, 3.5], equal_nan=True)
    assert np.allclose(naive_scale(history), [np.mean([4, 3, 5, 3, 4]), 3, NAN, 2], equal_nan=True)
    assert np.allclose(naive_scale(padded([[1.0, 3, 4]]), 24), 1.5)  # too short for a season: step by step
    assert np.isnan(naive_scale(np.zeros((2, 0)), 3)).all() and np.isnan(naive_scale(padded([[7.0]]))).all()


def test_scores_are_those_of_plain_loops() -> None:
    rng = np.random.default_rng(3)
    rows, horizon = 6, 4
    actual, scale = rng.normal(0, 2, (rows, horizon)), rng.uniform(0.5, 2, rows)
    actual[1, 2] = actual[4, 0] = NAN
    actual[5] = NAN  # nothing came: the row counts nowhere
    scale[3] = NAN  # a series without a scale counts in what needs none
    forecast = told(rng, rows, horizon)
    mae, mase, sql, squares, loss, size, hit, width, msis = [], [], [], [], [], [], [], [], []
    for row in range(5):
        near, ball, caught, wide, winkler = [], [], [], [], []
        for step in range(horizon):
            y, q = actual[row, step], forecast.quantiles[row, step]
            if math.isnan(y):
                continue
            near.append(abs(y - q[3]))
            ball.append(
                2
                * np.mean(
                    [(y - v) * p if y >= v else (v - y) * (1 - p) for p, v in zip(LEVELS, q, strict=True)]
                )
            )
            squares.append((y - forecast.mean[row, step]) ** 2)
            size.append(abs(y))
            caught.append(q[2] <= y <= q[4])
            wide.append(q[4] - q[2])
            winkler.append(q[6] - q[0] + 40 * (max(q[0] - y, 0) + max(y - q[6], 0)))
        mae.append(np.mean(near))
        loss += ball
        hit.append(np.mean(caught))
        width.append(np.mean(wide))
        if row != 3:
            mase.append(np.mean(near) / scale[row])
            sql.append(np.mean(ball) / scale[row])
            msis.append(np.mean(winkler) / scale[row])
    found = score(actual, forecast, LEVELS, scale)
    assert tuple(found) == KEYS
    wanted = {"mae": mae, "mase": mase, "sql": sql, "mse": squares, "coverage_80": hit, "width_80": width}
    for name, parts in {**wanted, "msis": msis}.items():
        assert found[name] == pytest.approx(np.mean(parts)), name
    assert found["rmse"] == pytest.approx(math.sqrt(np.mean(squares)))
    assert found["wql"] == pytest.approx(sum(loss) / sum(size))


def test_chunks_add_up_and_steps_and_groups_are_told() -> None:
    rng = np.random.default_rng(5)
    actual, scale, forecast = rng.normal(0, 2, (8, 3)), rng.uniform(1, 2, 8), told(rng, 8, 3)
    tally, ids, turns = (
        Tally(LEVELS, 3),
        np.array([7, 7, 2, 2, 2, 9, 9, 9]),
        np.array([1, 0, 2, 1, 0, 2, 1, 0]),
    )

    def only(which: Any) -> dict[str, float]:
        return score(actual[which], Prediction(*(one[which] for one in forecast)), LEVELS, scale[which])

    for part in (slice(0, 3), slice(3, 4), slice(4, 8)):
        few = Prediction(*(one[part] for one in forecast))
        tally.add(actual[part], few, scale[part], series=ids[part], turn=turns[part])
    whole = only(slice(None))
    assert tally.scores() == pytest.approx(whole)
    for step, figures in enumerate(tally.steps()):
        ahead = Prediction(forecast.mean[:, [step]], forecast.quantiles[:, [step]])
        assert figures == pytest.approx(score(actual[:, [step]], ahead, LEVELS, scale))
    for group, named in (("series", ids), ("turn", turns)):
        found = tally.by(group)
        assert list(found) == sorted(set(named.tolist()))
        for one, figures in found.items():
            wanted = only(named == one)
            del wanted["wql"]  # a ratio of sums, which groups do not tell
            assert figures == pytest.approx({"windows": (named == one).sum(), **wanted})
    worst = tally.worst(2)
    order = sorted((2, 7, 9), key=lambda one: -only(ids == one)["mase"])
    assert [one["series"] for one in worst] == order[:2]
    assert {one["series"]: one["windows"] for one in tally.worst(9)} == {7: 2, 2: 3, 9: 3}
    assert tally.by("month") == {}


def test_what_has_no_value_is_absent() -> None:
    flat = Prediction(np.full((2, 2), 4.0), np.full((2, 2, 3), 4.0))
    found = score(np.full((2, 2), 4.0), flat, (0.1, 0.5, 0.9), np.full(2, NAN))
    assert found["mae"] == found["smape"] == found["crps"] == 0 and found["coverage_80"] == 1
    assert not {"mase", "sql", "msis", "coverage_95"} & found.keys()
    assert score(np.full((2, 2), NAN), flat, (0.1, 0.5, 0.9), np.ones(2)) == {}
    assert Tally((0.5,), 3).scores() == {} and Tally((0.5,), 3).worst(4) == []
    unscaled = Tally((0.1, 0.5, 0.9), 2)
    unscaled.add(np.array([[5.0, 4], [9, 4]]), flat, np.full(2, NAN), series=np.arange(2))
    assert [one["series"] for one in unscaled.worst(2)] == [1, 0]  # by MAE where nothing has a scale


def test_without_the_median_the_mean_is_the_point() -> None:
    forecast = Prediction(np.array([[3.0]]), np.array([[[1.0, 8.0]]]))
    assert score(np.array([[5.0]]), forecast, (0.1, 0.9), np.ones(1))["mae"] == 2


def test_owa_is_the_mean_of_two_ratios() -> None:
    assert owa({"smape": 9.0, "mase": 1.0}, {"smape": 18.0, "mase": 4.0}) == pytest.approx(0.375)
    assert math.isnan(owa({"smape": 9.0}, {"smape": 18.0, "mase": 4.0}))
    assert math.isnan(owa({"smape": 9.0, "mase": 1.0}, {"smape": 0.0, "mase": 4.0}))


def test_the_verdict_follows_the_quantile_loss() -> None:
    scores = {
        "network": {"sql": 0.5, "mase": 0.8, "smape": 4.0},
        "naive": {"sql": 1.5, "mase": 2.0, "smape": 9.0},
        "seasonal_naive": {"sql": 1.0, "mase": 1.0, "smape": 5.0},
        "theta": {"sql": 0.6, "mase": 1.1},
    }
    assert relative(scores) == pytest.approx(
        {"network": 0.5, "naive": 1.5, "seasonal_naive": 1, "theta": 0.6}
    )
    assert earns(scores, "network") and best_floor(scores, "network") == "theta"
    assert "beats every simple method" in verdict(scores) and "0.600" in verdict(scores)
    head, *lines = table(scores)
    assert head.split() == ["method", "MASE", "sMAPE", "relative"]
    assert [line.split()[-1] for line in lines] == ["0.500", "1.500", "1.000", "0.600"]
    assert lines[3].split() == ["Theta", "1.100", "-", "0.600"]
    scores["theta"]["sql"] = 0.4
    assert not earns(scores, "network") and "does NOT earn its place" in verdict(scores)
    assert "naive's" in verdict({name: scores[name] for name in ("network", "naive")})


def test_the_verdict_tells_figures_apart() -> None:
    near = {"network": {"sql": 0.27841}, "seasonal_naive": {"sql": 1.0}, "ets": {"sql": 0.27838}}
    assert "quantile loss 0.27841 of" in verdict(near) and "ETS has 0.27838." in verdict(near)


def test_series_that_stood_still_are_judged_in_their_own_units() -> None:
    scores = {"network": {"crps": 2.0}, "naive": {"crps": 4.0, "sql": 1.0}}
    assert relative(scores) == {"network": 0.5, "naive": 1.0} and earns(scores, "network")
    still = {"network": {"crps": 0.0}, "naive": {"crps": 0.0}}
    assert relative(still) == {} and "do not move" in verdict(still)
    assert "no simple method" in verdict({"network": {"crps": 1.0}})
