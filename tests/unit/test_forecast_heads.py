"""Heads: quantiles that never cross, likelihoods; and the baseline that they are told about."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import ConfigError
from seqtools.forecaster import ForecasterConfig
from seqtools.nn.forecasting.baseline import Baseline
from seqtools.nn.forecasting.heads import HEADS, NormalHead, StudentHead, make_head

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_forecast_network.py"))))
LEVELS = tiny.LEVELS


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from(list(HEADS)), st.floats(-30, 30), st.integers(0, 10))
def test_quantiles_never_cross(kind: str, size: float, seed: int) -> None:
    head = HEADS[kind](LEVELS)
    outputs = size * torch.randn(20, head.outputs, generator=torch.Generator().manual_seed(seed))
    told = head(outputs)
    assert told.quantiles.shape == (20, len(LEVELS)) and told.mean.shape == (20,)
    assert bool((told.quantiles.diff(dim=-1) >= 0).all())
    moved = told.moved(torch.full((20,), 3.0), torch.full((20,), 2.0))
    torch.testing.assert_close(moved.quantiles, (told.quantiles + 3) / 2)
    torch.testing.assert_close(moved.mean, (told.mean + 3) / 2)


def test_quantiles_start_as_those_of_a_normal_distribution() -> None:
    for kind in ("quantile", "normal"):
        head = HEADS[kind](LEVELS)
        told = head(head.start()).quantiles
        torch.testing.assert_close(
            told, 0.5 * torch.tensor([-1.6449, -1.2816, 0, 1.2816, 1.6449]), atol=1e-3, rtol=0
        )


def test_likelihoods_are_those_of_torch() -> None:
    outputs, target = torch.randn(6, 2), torch.randn(6)
    normal, student = NormalHead(LEVELS), StudentHead(LEVELS)
    location, scale = normal(outputs).parameters.unbind(-1)
    expected = torch.distributions.Normal(location, scale).log_prob(target)
    torch.testing.assert_close(normal.log_prob(normal(outputs).parameters, target), expected)
    degrees = student.degrees()
    expected = torch.distributions.StudentT(degrees, location, scale).log_prob(target)
    told = student.log_prob(student(outputs).parameters, target)
    torch.testing.assert_close(told, expected)
    told.sum().backward()
    assert student.freedom.grad is not None and float(student.freedom.grad) != 0
    # The density of moved parameters is that of a moved variable.
    moved = student(outputs).moved(torch.ones(6), torch.full((6,), 2.0))
    again = student.log_prob(moved.parameters, (target + 1) / 2)
    torch.testing.assert_close(again, told + math.log(2))


def test_students_quantiles_have_wider_tails() -> None:
    normal, student = NormalHead(LEVELS).standard(), StudentHead(LEVELS).standard()
    assert student[2] == 0 and float(student[4]) > float(normal[4])
    assert float(student[4]) == pytest.approx(-float(student[0]), rel=1e-5)


def test_heads_that_do_not_fit_are_told() -> None:
    with pytest.raises(ConfigError, match=r"network\.head"):
        make_head("negbin", tiny.shape())
    with pytest.raises(ConfigError, match="likelihood"):
        make_head("quantile", tiny.shape()).log_prob(torch.zeros(1, 0), torch.zeros(1))


def baseline(residual: str, **given: Any) -> Baseline:
    return Baseline(ForecasterConfig(residual=residual), tiny.shape(**given), 5)


def test_copies_are_the_same_phase_of_past_seasons() -> None:
    part = baseline("seasonal")
    values = torch.arange(22.0)[None]
    told, known = part.experts(values, torch.ones(1, 22, dtype=torch.bool))
    assert told.shape == known.shape == (1, 7, 5)
    assert told[0, :, 0].tolist() == [18, 19, 20, 21, 18, 19, 20]
    assert told[0, 0].tolist() == [18, 14, 10, 6, 2]
    # The last season and the same phase of the longer one weigh most at the start.
    assert part.bias[0].tolist() == [1, 1, -2, 0, -2]
    assert part.bias[4].tolist() == [1, -2, 0, -2, 0]


def test_levels_and_changes() -> None:
    part = baseline("level", seasons=(8,))
    values = torch.randn(1, 22, generator=torch.Generator().manual_seed(1))
    told, _ = part.experts(values, torch.ones(1, 22, dtype=torch.bool))
    assert part.spans == (1, 2, 4) and part.changes == 2 and told.shape == (1, 7, 5)
    torch.testing.assert_close(told[0, 3, :3], torch.stack([values[0, -n:].mean() for n in (1, 2, 4)]))
    torch.testing.assert_close(told[0, 3, 3], values[0, 21] + values[0, 17] - values[0, 13])
    assert baseline("both", seasons=(8,)).bias.shape == (7, 7)


def test_without_a_season_the_last_value_stands() -> None:
    values, seen = torch.randn(2, 22), torch.ones(2, 22, dtype=torch.bool)
    for seasons in ((), (23,)):
        part = baseline("seasonal", seasons=seasons)
        told = part(values, seen, torch.zeros(2, 7, 1))
        torch.testing.assert_close(told, values[:, -1:].expand(-1, 7))


@pytest.mark.parametrize("residual", ["seasonal", "level", "both"])
def test_what_was_not_observed_hardly_counts(residual: str) -> None:
    part = baseline(residual, seasons=(4,))
    values = torch.randn(1, 22, generator=torch.Generator().manual_seed(1))
    seen = torch.ones(1, 22, dtype=torch.bool)
    seen[0, 18] = False
    gates = torch.zeros(1, 7, part.bias.shape[1])
    before = part(values, seen, gates)
    values[0, 18] += 1
    after = part(values, seen, gates)
    untouched = torch.tensor([1, 2, 3, 5, 6])
    if residual == "seasonal":
        torch.testing.assert_close(after, before, atol=1e-3, rtol=0)
        torch.testing.assert_close(after[:, untouched], before[:, untouched])
    # Nothing at all observed is a mean like any other, not NaN.
    assert bool(part(values, torch.zeros_like(seen), gates).isfinite().all())


def test_gates_choose() -> None:
    part = baseline("seasonal")
    values, seen = torch.randn(1, 22), torch.ones(1, 22, dtype=torch.bool)
    gates = torch.zeros(1, 7, 5)
    gates[..., 3] = 50
    torch.testing.assert_close(part(values, seen, gates), part.experts(values, seen)[0][..., 3])
