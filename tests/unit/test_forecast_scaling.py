"""Gaps, units, transforms, locations, scales: from raw windows to scaled ones and back."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.forecaster import FORECASTER_CHOICES, ForecasterConfig
from seqtools.nn.forecasting import calendar, filling
from seqtools.nn.forecasting.scaling import CONSTANT, SOFT, Scaling
from seqtools.nn.forecasting.window import fitted, from_rows, make_window, to_rows

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_forecast_network.py"))))
shape, window = tiny.shape, tiny.window

NAN, INF = float("nan"), float("inf")
TRANSFORMS = FORECASTER_CHOICES["network.transform"]
LOCATIONS, SCALES = FORECASTER_CHOICES["network.location"], FORECASTER_CHOICES["network.scale"]
OF = shape(context=8, seasons=(2, 4))


def scale(values: list[float], **given: str) -> tuple[float, float, float]:
    """Location, scale and unit of a window without a transform, the first two in raw units."""
    told = Scaling(ForecasterConfig(**given), OF)(torch.tensor([values]), torch.tensor([[3.0]]))
    unit = float(told.unit)
    return float(told.location) * unit, float(told.scale) * unit, unit


def test_gaps_hold_what_was_before_them_and_those_at_the_beginning_what_comes() -> None:
    values = torch.tensor([[NAN, NAN, 1.0, NAN, INF, 2.0, NAN], [NAN] * 7])
    seen = filling.observed(values)
    assert seen.sum(dim=1).tolist() == [2, 0]
    assert filling.fill(values, seen).tolist() == [[1, 1, 1, 1, 1, 2, 2], [0] * 7]
    assert filling.count(seen).tolist() == [[2], [1]]
    assert filling.mean(values, seen).tolist() == [[1.5], [0]]
    assert filling.quantile(values, seen, 0.25).tolist() == [[1.25], [0]]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.floats(-5, 5, width=32)), min_size=1, max_size=9), st.floats(0, 1))
def test_quantiles_are_those_of_torch(values: list[float | None], level: float) -> None:
    x = torch.tensor([[NAN if value is None else value for value in values]])
    seen = filling.observed(x)
    expected = x.nanquantile(level, dim=1, keepdim=True).nan_to_num()
    torch.testing.assert_close(filling.quantile(x, seen, level), expected, atol=1e-5, rtol=1e-5)


def test_locations() -> None:
    values = [NAN, 9.0, 1.0, 2.0, NAN, NAN, 4.0, NAN]
    assert scale(values, location="zero")[0] == 0
    assert scale(values, location="last")[0] == pytest.approx(4)
    assert scale(values, location="mean")[0] == pytest.approx(4)
    assert scale(values, location="median")[0] == pytest.approx(3)
    assert scale(values, location="season")[0] == pytest.approx(4)
    assert scale([3.0, 9.0, 1.0, 2.0, 5.0, 7.0, 4.0, NAN], location="seasons")[0] == pytest.approx(16 / 3)
    assert scale([5.0, 3.0] + [NAN] * 6, location="season")[0] == pytest.approx(3), "no step of it is seen"


def test_scales() -> None:
    values = [NAN, 8.0, 1.0, 2.0, NAN, 5.0, 4.0, NAN]
    assert scale(values, scale="none", location="zero") == pytest.approx((0, 3, 3))
    assert scale(values, scale="mean_abs", location="zero")[1] == pytest.approx(4)
    assert scale(values, scale="std")[1] == pytest.approx(6**0.5)
    assert scale(values, scale="robust")[1] == pytest.approx(3)
    assert scale(values, scale="difference")[1] == pytest.approx((6 + 3) / 2), "two steps back"
    assert scale(values, scale="step")[1] == pytest.approx((7 + 1 + 1) / 3)
    lonely = [NAN, 8.0, NAN, 2.0, NAN, NAN, 5.0, NAN]
    assert scale(lonely, scale="step")[1] == pytest.approx(6**0.5), "no neighbours: that of std"


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("kind", SCALES)
def test_constants_zeros_and_nothing_have_a_scale(kind: str, transform: str) -> None:
    config = ForecasterConfig(scale=kind, transform=transform)
    rows = torch.tensor([[7.0] * 8, [0.0] * 8, [NAN] * 8, [-2e-12] * 8, [NAN] * 7 + [3e12]])
    told = Scaling(config, OF)(rows, torch.ones(5, 1))
    assert all(bool(part.isfinite().all()) for part in told[:-1])
    assert bool((told.scale > 0).all())
    same = torch.tensor([[7.0], [0.0], [NAN], [-2e-12], [NAN]], dtype=torch.float32).double()
    torch.testing.assert_close(told.steady, same, rtol=0, atol=0, equal_nan=True)
    if kind != "none":
        wanted = torch.full((5, 1), SOFT if transform == "log" else CONSTANT, dtype=torch.float64)
        torch.testing.assert_close(told.scale, wanted)
        assert not told.values.any()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from(TRANSFORMS),
    st.sampled_from(LOCATIONS),
    st.sampled_from(SCALES[1:]),
    st.integers(-12, 12),
)
def test_back_again_is_where_it_came_from(transform: str, location: str, kind: str, power: int) -> None:
    scaling = Scaling(ForecasterConfig(transform=transform, location=location, scale=kind), OF)
    values = (torch.rand(4, 8, generator=torch.Generator().manual_seed(3)) + 0.1) * 10.0**power
    told = scaling(values, torch.ones(4, 1))
    z = told.values * told.scale + told.location
    torch.testing.assert_close(scaling.backward(z, told.unit), values.double(), rtol=1e-5, atol=0)
    plain = scaling(values / 10.0**power, torch.ones(4, 1))
    torch.testing.assert_close(told.values, plain.values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_series_that_hardly_moves_keeps_every_digit(transform: str) -> None:
    values = 1e6 + torch.tensor([[0.0, 0.125, 0.5, 0.25, 0.0, 0.375, 0.25, 0.5]])
    told = Scaling(ForecasterConfig(transform=transform, scale="mean_abs"), OF)(values, torch.ones(1, 1))
    wanted = (values - 1e6 - 0.5) / told.scale / told.unit
    if transform == "none":
        torch.testing.assert_close(told.values, wanted.float(), rtol=1e-6, atol=0)
    assert told.values.dtype is torch.float32 and told.location.dtype is torch.float64
    assert told.values[0, 0] == told.values[0, 4] and told.values[0, 2] == told.values[0, 7] == 0


def test_nothing_overflows_on_the_way_back() -> None:
    for transform in ("log", "asinh"):
        scaling = Scaling(ForecasterConfig(transform=transform), OF)
        far = scaling.backward(torch.tensor([[1e30, -1e30]]), torch.tensor([[1e12]]))
        assert bool(far.isfinite().all()), transform


def test_peaks_are_drawn_in_by_asinh() -> None:
    scaling = Scaling(ForecasterConfig(transform="asinh"), OF)
    peaked = torch.tensor([[1.0, 1.2, 0.9, 1.1, 1.0, 100.0, 1.0, 0.8]])
    told = scaling(peaked, torch.ones(1, 1))
    plain = Scaling(ForecasterConfig(), OF)(peaked, torch.ones(1, 1))
    assert float(told.values[0, 1] / told.values[0, 5]) > 3 * float(plain.values[0, 1] / plain.values[0, 5])
    assert float(told.unit) == 1


def test_windows_are_cut_and_padded_to_the_context() -> None:
    of = shape(past=1, future=1)
    long, short = window(of, time=30), window(of, time=5)
    assert fitted(long, of).history.equal(long.history[:, 8:])
    assert fitted(long, of).future.equal(long.future[:, 8:])
    told = fitted(short, of)
    assert told.history[:, :17].isnan().all() and told.history[:, 17:].equal(short.history)
    assert told.future.shape == (3, 29, 1) and told.past.shape == (3, 22, 1)
    assert fitted(make_window(short.history), shape()).future.shape == (3, 0, 0)


def test_rows_are_targets_of_a_series_next_to_each_other() -> None:
    values = torch.arange(24).view(2, 4, 3)
    rows = to_rows(values)
    assert rows[1].tolist() == values[0, :, 1].tolist()
    assert from_rows(rows, 3).equal(values)
    assert from_rows(torch.zeros(6, 4, 0), 3).shape == (2, 4, 3, 0)


def test_a_year_of_days_is_exact_and_steps_before_1970_count() -> None:
    positions = torch.tensor([[0, 1461, 1461 * 10**6, -1461]])
    told = calendar.phases(positions, ((7, 1), (1461, 4)))
    assert told.shape == (1, 4, 4)
    torch.testing.assert_close(told[0, :, 2:], torch.tensor([[0.0, 1.0]] * 4), atol=1e-6, rtol=0)
    week = calendar.phases(torch.arange(-7, 7)[None], ((7, 1),))
    torch.testing.assert_close(week[:, :7], week[:, 7:])
    assert len({tuple(row) for row in week[0, :7].round(decimals=4).tolist()}) == 7
    assert calendar.steps_about(torch.tensor([5]), 2, 3).tolist() == [[3, 4, 5, 6, 7]]
