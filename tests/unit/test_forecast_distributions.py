"""Likelihoods against torch.distributions, and values drawn from even uniforms against scipy's quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from seqtools.nn.forecasting.counts import draw_count, grid, probabilities
from seqtools.nn.forecasting.distributions import (
    DISTRIBUTIONS,
    FARTHEST,
    freedom_of,
    rates_of,
    spread_of,
)


def even_noise(samples: int) -> Tensor:
    """Points that fill the unit square evenly."""
    return torch.quasirandom.SobolEngine(2, scramble=True, seed=0).draw(samples)  # type: ignore[no-untyped-call]


def draws(head: str, raw: list[float], scale: float = 1.0, samples: int = 20_000) -> NDArray[np.float64]:
    given = torch.tensor(raw).expand(samples, -1)
    drawn = DISTRIBUTIONS[head].draw(given, even_noise(samples), torch.full((samples,), scale))
    return drawn.double().numpy()


@pytest.mark.parametrize("head", ["normal", "student"])
def test_log_density_is_torchs(head: str) -> None:
    kind = DISTRIBUTIONS[head]
    raw = torch.randn(40, kind.outputs, generator=torch.Generator().manual_seed(0)) * 2
    z = torch.linspace(-9, 9, 40)
    spread = spread_of(raw[:, 1])
    theirs: torch.distributions.Distribution = torch.distributions.Normal(raw[:, 0], spread)
    if head == "student":
        theirs = torch.distributions.StudentT(freedom_of(raw[:, 2]), raw[:, 0], spread)
    torch.testing.assert_close(
        kind.log_prob(raw, z, torch.ones(40)), theirs.log_prob(z), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0, 1e5])
def test_log_probability_of_counts_is_torchs(scale: float) -> None:
    raw = torch.randn(50, 2, generator=torch.Generator().manual_seed(1)) * 2
    counts = torch.arange(50.0) * max(1, round(scale / 10))
    told = DISTRIBUTIONS["negbin"].log_prob(raw, counts / scale, torch.full((50,), scale))
    mean, dispersion = (part.double() for part in rates_of(raw, torch.tensor(scale)))
    odds = (mean * dispersion).log()
    theirs = torch.distributions.NegativeBinomial(1 / dispersion, logits=odds)
    wanted = theirs.log_prob(counts.double())  # type: ignore[no-untyped-call]
    torch.testing.assert_close(told.double(), wanted, rtol=1e-4, atol=1e-4)


def test_counts_are_as_likely_as_all_of_them_together() -> None:
    raw = torch.tensor([1.0, 0.5]).expand(400, -1)
    each = DISTRIBUTIONS["negbin"].log_prob(raw, torch.arange(400.0) / 7, torch.full((400,), 7.0)).exp()
    assert float(each.sum()) == pytest.approx(1, abs=1e-4)


def test_normal_draws() -> None:
    drawn = draws("normal", [0.7, -0.3])
    spread = float(spread_of(torch.tensor(-0.3)))
    assert drawn.mean() == pytest.approx(0.7, abs=0.01)
    assert drawn.std() == pytest.approx(spread, rel=0.01)
    assert stats.kstest(drawn, stats.norm(0.7, spread).cdf).statistic < 0.01


@pytest.mark.parametrize("raw", [-3.0, 0.0, 4.0, 60.0, 3000.0])
def test_student_draws(raw: float) -> None:
    drawn = draws("student", [-1.0, 1.0, raw])
    freedom, spread = float(freedom_of(torch.tensor(raw))), float(spread_of(torch.tensor(1.0)))
    assert stats.kstest(drawn, stats.t(freedom, -1.0, spread).cdf).statistic < 0.01
    assert np.abs(drawn + 1).max() <= FARTHEST * spread * 1.001


@pytest.mark.parametrize("given", [0.5, 10.0, 1e4, 1e6])
def test_student_keeps_its_digits_where_it_is_almost_normal(given: float) -> None:
    raw, noise = torch.tensor([[0.0, 1.0, given]]), torch.tensor([[0.3, 0.1]])
    freedom = float(freedom_of(torch.tensor(given)))
    drawn = float(DISTRIBUTIONS["student"].draw(raw, noise, torch.ones(1))[0])
    radius = math.sqrt(freedom * math.expm1(-2 / freedom * math.log(0.3)))
    assert drawn == pytest.approx(float(spread_of(raw[0, 1])) * radius * math.cos(0.2 * math.pi), rel=1e-5)


@pytest.mark.parametrize("head", DISTRIBUTIONS)
def test_every_uniform_gives_a_number(head: str) -> None:
    kind = DISTRIBUTIONS[head]
    last = 1 - 2.0**-24
    noise = torch.tensor([[0.0, 0.0], [0.0, last], [last, 0.5], [last, last]])
    raw = torch.tensor([[-90.0], [90.0]]).expand(2, kind.outputs).repeat_interleave(4, dim=0)
    drawn = kind.draw(raw, noise.repeat(2, 1), torch.full((8,), 3.0))
    assert bool(drawn.isfinite().all())


@pytest.mark.parametrize("dispersion", [1e-6, 0.01, 0.3, 0.9, 2.0, 20.0])
@pytest.mark.parametrize("mean", [1e-3, 0.1, 5.0, 31.0, 60.0, 1e3, 1e6])
def test_counts_invert_the_distribution_function(mean: float, dispersion: float) -> None:
    uniform = (torch.arange(400) + 0.5) / 400
    counts = draw_count(torch.full((400,), mean), torch.full((400,), dispersion), uniform).double().numpy()
    theirs = stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))
    level = uniform.double().numpy()
    assert (counts == np.round(counts)).all()
    assert (theirs.cdf(counts) >= level - 2e-3).all()
    assert (theirs.cdf(counts - 1) <= level + 2e-3).all()


def test_small_counts_are_exact() -> None:
    uniform = (torch.arange(1000) + 0.5) / 1000
    counts = draw_count(torch.full((1000,), 3.0), torch.full((1000,), 0.4), uniform).numpy()
    theirs = stats.nbinom.ppf(uniform.double().numpy(), 1 / np.float32(0.4), 1 / (1 + np.float32(0.4) * 3.0))
    assert np.array_equal(counts, theirs)


def test_counts_in_raw_units_have_their_moments() -> None:
    drawn = draws("negbin", [0.3, 0.2], scale=50.0, samples=2000) * 50
    mean, dispersion = (float(part) for part in rates_of(torch.tensor([0.3, 0.2]), torch.tensor(50.0)))
    assert drawn.mean() == pytest.approx(mean, rel=0.01)
    assert drawn.var() == pytest.approx(mean + dispersion * mean**2, rel=0.03)


def test_the_grid_ascends_to_all_of_the_probability() -> None:
    mean = torch.logspace(-3, 6, 30, dtype=torch.float64)[:, None]
    for dispersion in (1e-5, 0.5, 7.0):
        spread = torch.full_like(mean, dispersion)
        counts = grid(mean, spread)
        reached = probabilities(counts, mean, spread)
        assert bool((counts.diff() >= 0).all())
        assert bool((reached.diff() >= -1e-12).all())
        beyond = stats.nbinom.sf(
            counts[:, -1:].numpy(), 1 / dispersion, (1 / (1 + dispersion * mean)).numpy()
        )
        assert beyond.max() < 2.0**-24


@pytest.mark.parametrize("head", DISTRIBUTIONS)
def test_likelihood_has_a_gradient_everywhere(head: str) -> None:
    kind = DISTRIBUTIONS[head]
    raw = torch.tensor([[-20.0], [0.0], [20.0]]).repeat(1, kind.outputs).requires_grad_()
    kind.log_prob(raw, torch.tensor([0.0, 1.0, 5.0]), torch.ones(3)).sum().backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None and bool(raw.grad.isfinite().all())
    assert bool((raw.grad[1] != 0).any())
