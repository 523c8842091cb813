"""ES-RNN in torch: smoothing against a plain loop over steps, missing values, what gradients reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.ensemble import Ensemble, build
from seqtools.nn.forecasting.smoother import Smoother, seasons_of
from seqtools.nn.forecasting.smoothing import Smoothing
from seqtools.nn.forecasting.window import make_window

WINDOWS: dict[str, tuple[int, tuple[int, ...]]] = {
    "no season": (40, ()),
    "one season": (50, (12,)),
    "two seasons, whole blocks": (96, (4, 24)),
    "two seasons, the longer is no multiple": (100, (7, 30)),
    "a season too long": (23, (24,)),
    "one step": (1, ()),
}


def shape(**given: Any) -> ForecastShape:
    return ForecastShape(
        **{"horizon": 6, "context": 48, "seasons": (12,), "levels": (0.1, 0.5, 0.9), **given}
    )


def smoother(of: ForecastShape) -> Smoother:
    torch.manual_seed(0)
    made = Smoother(of)
    nn.init.normal_(made.rates.weight, std=0.5)
    return made


def windows(context: int, rows: int = 4, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Values and where they were observed: all of them, most, only late ones, none."""
    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, context, generator=draw)
    seen = torch.rand(rows, context, generator=draw) > 0.2
    seen[0] = True
    seen[2, : 2 * context // 3] = False
    seen[3] = False
    return values, seen


def network(of: ForecastShape, **given: Any) -> Ensemble:
    torch.manual_seed(0)
    return build(ForecasterConfig(kind="smoothing", width=8, **given), of)


def by_steps(
    made: Smoother, values: Tensor, seen: Tensor, row: int
) -> tuple[NDArray[np.float64], float, NDArray[np.float64], NDArray[np.float64]]:
    """Residuals, spread, levels and what is ahead, a step after the other."""
    there = seen.float()
    x, o = (nn.functional.pad(part, (made.pad, 0)) for part in (values, there))
    begun = made.begin(x, o)
    level = float(begun.level[row])
    rings = [part[row].tolist() for part in begun.seasons]
    rate, *gains = made.rates(made.figures(values, there))[row].sigmoid().tolist()
    bare, errors, levels = [], [], []
    for value, known in zip(x[row].tolist(), o[row].tolist(), strict=True):
        alone = value - sum(ring[0] for ring in rings)
        errors.append((alone - level) * known)
        level += rate * known * (alone - level)
        for ring, gain in zip(rings, gains, strict=True):
            ring.append(ring.pop(0) + gain * known * (alone - level))
        bare.append(alone)
        levels.append(level)
    count = max(float(o[row].sum()), 1)
    spread = float(np.abs(errors).sum() / count) + 1e-3
    residuals = (np.array(bare) - level) * o[row].numpy() / spread
    ahead = [level + sum(ring[h % len(ring)] for ring in rings) for h in range(made.horizon)]
    return residuals[made.pad :], spread, np.array(levels)[made.pad :], np.array(ahead)


@pytest.mark.parametrize("which", WINDOWS)
def test_blocks_are_steps_one_after_the_other(which: str) -> None:
    context, seasons = WINDOWS[which]
    made = smoother(shape(context=context, seasons=seasons, horizon=31))
    values, seen = windows(context)
    with torch.no_grad():
        told = made(values, seen)
        for row in range(4):
            residuals, spread, levels, ahead = by_steps(made, values, seen, row)
            np.testing.assert_allclose(told.spread[row, 0], spread, rtol=1e-5)
            np.testing.assert_allclose(told.residuals[row], residuals, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(told.levels[row], levels, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(told.ahead[row], ahead, rtol=1e-4, atol=1e-5)


def test_seasons_are_those_the_window_holds_twice() -> None:
    assert seasons_of(shape(context=336, seasons=(24, 168))) == (24, 168)
    assert seasons_of(shape(context=335, seasons=(24, 168))) == (24,)
    assert seasons_of(shape(context=100, seasons=(50, 7, 12))) == (50,)
    assert seasons_of(shape(context=100, seasons=(7, 12, 50))) == (7, 50)
    assert seasons_of(shape(context=10, seasons=(12, 1))) == ()


def test_a_season_repeated_is_told_as_it_is() -> None:
    made = smoother(shape(context=48, horizon=20))
    season = torch.randn(12, generator=torch.Generator().manual_seed(3))
    values = (season + 5).repeat(4)[None]
    told = made(values, torch.ones_like(values, dtype=torch.bool))
    torch.testing.assert_close(told.ahead[0].float(), values.repeat(1, 2)[0, :20], rtol=1e-4, atol=1e-4)
    assert float(told.spread.detach()) < 1.1e-3 and float(told.residuals.detach().abs().max()) < 0.01


def test_two_seasons_are_taken_apart() -> None:
    made = smoother(shape(context=96, seasons=(4, 24), horizon=24))
    steps = torch.arange(120.0)
    both = torch.sin(steps * 2 * torch.pi / 4) + 2 * torch.sin(steps * 2 * torch.pi / 24)
    told = made(both[None, :96], torch.ones(1, 96, dtype=torch.bool))
    assert float((told.ahead[0] - both[96:]).detach().abs().max()) < 0.05


def test_missing_values_change_nothing() -> None:
    made = smoother(shape())
    values, seen = windows(48)
    other = torch.where(seen, values, 77.0)
    for a, b in zip(made(values, seen), made(other, seen), strict=True):
        torch.testing.assert_close(a, b)


def test_it_moves_with_the_values() -> None:
    made = smoother(shape())
    values, seen = windows(48)
    values, seen = values[:3], seen[:3]
    told, moved = made(values, seen), made(values + 8, seen)
    torch.testing.assert_close(moved.ahead, told.ahead + 8, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(moved.residuals, told.residuals, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [-200.0, 200.0])
def test_coefficients_at_their_ends_give_numbers(size: float) -> None:
    made = smoother(shape(context=96, seasons=(4, 24)))
    with torch.no_grad():
        made.rates.bias.fill_(size)
    values, seen = windows(96)
    told = made(values, seen)
    (told.ahead.sum() + told.residuals.sum()).backward()
    assert all(bool(part.isfinite().all()) for part in told)
    assert made.rates.bias.grad is not None and bool(made.rates.bias.grad.isfinite().all())


def test_gradients_reach_every_coefficient_and_weight() -> None:
    of = shape(seasons=(4, 12), targets=2, numbers=1, periods=((12, 1),))
    model = network(of, calendar=True, layers=2, dilations="1,2", segment=5)
    given = make_window(torch.rand(3, 48, 2) * 9 + 1, numbers=torch.rand(3, 1))
    forecast = model(given)
    (forecast.quantiles.square().sum() + forecast.mean.square().sum()).backward()
    silent = [name for name, part in model.named_parameters() if part.grad is None]
    assert silent == []
    rates = model.members[0].smoother.rates  # type: ignore[union-attr]
    assert bool((rates.bias.grad != 0).all())  # type: ignore[union-attr]


def test_the_penalty_is_the_wiggle_of_the_levels() -> None:
    model = network(shape())
    member = model.members[0]
    assert isinstance(member, Smoothing)
    given = make_window(torch.rand(3, 48, 1))
    model(given)
    scaled = member.scale_window(given)
    levels = member.smoother(scaled.values, scaled.seen).levels
    wanted = (levels[:, 2:] - 2 * levels[:, 1:-1] + levels[:, :-2]).square().mean()
    torch.testing.assert_close(member.penalty, wanted.float())
    member.penalty.backward()  # type: ignore[no-untyped-call]
    assert member.smoother.rates.bias.grad is not None
    assert float(member.smoother.rates.bias.grad[0]) > 0
    assert float(network_of_one_step().penalty) == 0


def network_of_one_step() -> Smoothing:
    model = network(shape(context=1, seasons=()))
    model(make_window(torch.rand(2, 1, 1)))
    member = model.members[0]
    assert isinstance(member, Smoothing)
    return member


@pytest.mark.parametrize("transform", ["none", "log", "asinh"])
@pytest.mark.parametrize("head", ["quantile", "normal", "student"])
def test_quantiles_ascend_whatever_the_history(head: str, transform: str) -> None:
    model = network(shape(), head=head, transform=transform).eval()
    history = torch.rand(5, 48, 1) * 9 + 1
    history[0] = float("nan")
    history[1] = 3.0
    history[2, :47] = float("nan")
    history[3] *= 1e9
    for given in (make_window(history), make_window(history[:, -3:])):
        forecast = model(given)
        raw = model.restore(forecast.quantiles, forecast)
        assert bool(raw.isfinite().all())
        assert bool((raw.diff(dim=-1) >= 0).all())


def test_logarithms_make_it_multiplicative() -> None:
    model = network(shape(), transform="log", location="zero", scale="mean_abs").eval()
    season = torch.linspace(1, 4, 12).repeat(5)
    growing = season * 1.005 ** torch.arange(60)
    given = make_window(torch.stack([growing[:48], growing[:48] * 3])[..., None])
    forecast = model(given)
    told = model.restore(forecast.quantiles, forecast)[..., 0, 1]
    torch.testing.assert_close(told[1], told[0] * 3, rtol=1e-3, atol=1e-3)
    assert float((told[0] / growing[48:54] - 1).detach().abs().max()) < 0.1


def test_it_forecasts_a_series_it_has_never_seen() -> None:
    of = shape(context=36, seasons=(6,))
    model = network(of).train()
    draw = torch.Generator().manual_seed(5)
    seasons = torch.randn(24, 6, generator=draw).repeat(1, 7)
    series = seasons * torch.rand(24, 1, generator=draw) * 20 + 0.3 * torch.randn(24, 42, generator=draw)
    given, target = make_window(series[:, :36, None]), series[:, 36:, None]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    (member,) = model.members
    assert isinstance(member, Smoothing)
    for _ in range(40):
        forecast = model(few(given, 16))
        aim = model.scaled(target[:16], forecast)
        apart = aim[..., None] - forecast.quantiles
        level = torch.tensor(of.levels)
        loss = torch.maximum(level * apart, (level - 1) * apart).mean() + 0.1 * member.penalty
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        forecast = model.eval()(given)
        told = model.restore(forecast.quantiles, forecast)[16:, ..., 1]
    naive = given.history[16:, 30:36]
    assert float((told - target[16:]).abs().mean()) < float((naive - target[16:]).abs().mean())


def few(given: Any, rows: int) -> Any:
    return type(given)(*(part[:rows] for part in given))
