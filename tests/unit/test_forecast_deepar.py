"""DeepAR in torch: its likelihood, its paths, what it refuses, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from seqtools.errors import ConfigError, DataError
from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.deepar import DeepAR, quantiles_of
from seqtools.nn.forecasting.distributions import DISTRIBUTIONS
from seqtools.nn.forecasting.lags import first_step, lags_of, start_of
from seqtools.nn.forecasting.window import Window, make_window
from seqtools.nn.layer import RecurrentLayer

LEVELS = (0.1, 0.5, 0.9)
HEADS = tuple(DISTRIBUTIONS)


def shape(**given: Any) -> ForecastShape:
    return ForecastShape(**{"horizon": 5, "context": 30, "seasons": (6,), "levels": LEVELS, **given})


def rich(**given: Any) -> ForecastShape:
    more = {"past": 1, "future": 2, "numbers": 1, "categories": (3,), "periods": ((6, 1),), "targets": 2}
    return shape(**{**more, **given})


def network(head: str = "student", of: ForecastShape | None = None, **given: Any) -> DeepAR:
    torch.manual_seed(0)
    told = {"location": "zero", "scale": "mean_abs", "width": 6, "samples": 40, "cell": "lstm.v1", **given}
    model = DeepAR(ForecasterConfig(kind="deepar", head=head, **told), of or shape())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def window(of: ForecastShape, rows: int = 3, time: int = 0, ahead: int = 0) -> Window:
    draw = torch.Generator().manual_seed(1)
    time = time or of.context

    def random(*sizes: int) -> Tensor:
        return torch.rand(*sizes, generator=draw)

    return make_window(
        (random(rows, time, of.targets) * 10).round(),
        position=torch.arange(rows) * 100 - 3,
        past=random(rows, time, of.past),
        future=random(rows, time + (ahead or of.horizon) if of.future else 0, of.future),
        numbers=random(rows, of.numbers),
        categories=torch.ones(rows, len(of.categories), dtype=torch.int64),
    )


def uniforms(rows: int, samples: int, steps: int, targets: int = 1, seed: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(rows, samples, steps, 2 * targets, generator=draw)


def test_lags_are_the_last_steps_and_seasons_within_the_window() -> None:
    config = ForecasterConfig(lags=2)
    assert lags_of(config, shape()) == (1, 2, 3, 4, 5, 6, 7, 12)
    assert lags_of(config, shape(seasons=(24, 168), context=200)) == (
        1, 2, 3, 4, 5, 6, 7, 23, 24, 25, 47, 48, 49, 167, 168, 169,
    )  # fmt: skip
    assert lags_of(config, shape(context=1)) == (1,)
    assert lags_of(replace(config, lags=0), shape(context=4)) == (1, 2, 3)


def test_reading_starts_where_lags_lie_within_the_window_or_half_way() -> None:
    assert first_step((1, 2, 12), 30) == 12
    assert first_step((1, 25), 30) == 15
    assert first_step((1,), 1) == 0


@pytest.mark.parametrize("head", HEADS)
def test_teacher_forcing_is_feeding_one_step_after_the_other(head: str) -> None:
    model, given = network(head, rich()), window(rich())
    target = torch.arange(30.0).reshape(3, 5, 2)
    losses, there = model.loss(given, target)
    assert losses.shape == there.shape == (3, 30 - model.first + 5, 2)
    begun = model.begin(given, 5)
    history = torch.cat([given.history, target], dim=1).transpose(1, 2).flatten(0, 1)
    z = history / begun.size
    state, step = model._read(begun), 30 - model.first
    for ahead in range(5):
        lagged = z[:, [30 + ahead - lag for lag in model.lags]]
        x = torch.cat([lagged, torch.ones(6, 1), begun.known[:, step + ahead]], dim=1)
        y, state = model.stack(x[None], state)
        raw = model._outputs(y[0], lagged)
        wanted = -model.distribution.log_prob(raw, z[:, 30 + ahead], begun.size[:, 0])
        told = losses[:, step + ahead].flatten()
        torch.testing.assert_close(told, wanted, rtol=1e-4, atol=1e-5)


def test_what_is_missing_is_no_part_of_the_likelihood() -> None:
    model, given = network(), window(shape())
    target = torch.full((3, 5, 1), 4.0)
    target[0, 2:] = float("nan")
    given.history[1, 20:25] = float("nan")
    losses, there = model.loss(given, target)
    read = 30 - model.first
    assert not bool(there[0, read + 2 :].any()) and not bool(
        there[1, 20 - model.first : 25 - model.first].any()
    )
    assert int((~there).sum()) == 8
    assert bool((losses[~there] == 0).all()) and bool(losses.isfinite().all())
    target[0, 3] = 1e6
    assert bool(model.loss(given, target)[0].isfinite().all())


def test_counts_below_zero_are_refused() -> None:
    model, given = network("negbin"), window(shape())
    with pytest.raises(DataError, match="a count is below zero"):
        model.loss(given, torch.tensor([-1.0]).expand(3, 5, 1))


@pytest.mark.parametrize("head", HEADS)
def test_paths_are_a_function_of_history_and_noise(head: str) -> None:
    of = rich()
    model, given, noise = network(head, of), window(of, ahead=9), uniforms(3, 4, 9, 2)
    paths = model.sample(given, noise)
    assert paths.shape == (3, 4, 9, 2) and bool(paths.isfinite().all())
    assert torch.equal(paths, model.sample(given, noise))
    assert not torch.equal(paths, model.sample(given, uniforms(3, 4, 9, 2, seed=3)))
    for row in range(3):
        alone = model.sample(Window(*(part[row : row + 1] for part in given)), noise[row : row + 1])
        torch.testing.assert_close(alone[0], paths[row], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.sample(given, noise[:, :2]), paths[:, :2], rtol=1e-4, atol=1e-4)


def test_a_path_begins_like_a_longer_one() -> None:
    model, given, noise = network(), window(shape()), uniforms(3, 4, 12)
    torch.testing.assert_close(model.sample(given, noise[:, :, :5]), model.sample(given, noise)[:, :, :5])


def test_counts_are_counts() -> None:
    paths = network("negbin").sample(window(shape()), uniforms(3, 20, 5))
    assert bool((paths >= 0).all())
    torch.testing.assert_close(paths, paths.round(), rtol=1e-5, atol=1e-5)


def test_targets_are_not_drawn_together() -> None:
    of = shape(targets=2)
    model, given = network(of=of), window(of)
    given = given._replace(history=given.history[..., :1].expand(-1, -1, 2).contiguous())
    assert model.covariates.names is not None
    with torch.no_grad():
        model.covariates.names.weight.copy_(model.covariates.names.weight[:1].expand(2, -1))
    paths = model.sample(given, uniforms(3, 200, 5, 2))
    both = torch.corrcoef(paths[0, :, 0].T)[0, 1]
    assert abs(float(both)) < 0.3


def test_the_forecast_is_that_of_its_paths() -> None:
    model, given = network(transform="log"), window(shape())
    given = given._replace(history=given.history + 1)
    noise = uniforms(3, 60, 5)
    forecast, paths = model(given, noise), model.sample(given, noise)
    quantiles = model.restore(forecast.quantiles, forecast)
    # Interpolated between logarithms, and in the middle of an even number of paths.
    assert bool((quantiles[..., 1] >= paths.sort(dim=1).values[:, 29]).all())
    assert bool((quantiles[..., 1] <= paths.sort(dim=1).values[:, 30]).all())
    torch.testing.assert_close(model.restore(forecast.mean, forecast), paths.mean(dim=1))
    assert bool((quantiles.diff(dim=-1) >= 0).all())


def test_quantiles_of_paths_are_torchs() -> None:
    paths, levels = torch.randn(3, 17, 4), torch.tensor([0.05, 0.5, 0.93])
    wanted = paths.quantile(levels, dim=1).permute(1, 2, 0)
    torch.testing.assert_close(quantiles_of(paths, levels), wanted)


def test_without_noise_it_is_always_the_same_noise() -> None:
    model, given = network(), window(shape())
    torch.testing.assert_close(model(given).quantiles, model(given).quantiles, rtol=0, atol=0)
    few = model(Window(*(part[1:2] for part in given)))
    torch.testing.assert_close(few.quantiles[0], model(given).quantiles[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_odd_histories_give_numbers(head: str) -> None:
    model = network(head)
    history = window(shape(), rows=4).history
    history[0] = float("nan")
    history[1] = 0.0
    history[2, :29] = float("nan")
    history[3] *= 1e9
    assert bool(model.sample(make_window(history), uniforms(4, 3, 5)).isfinite().all())
    short = make_window(history[:, -1:])
    assert bool(model.sample(short, uniforms(4, 3, 5)).isfinite().all())


def test_scales_go_through() -> None:
    # Without the one feature that tells sizes apart, a series a billion times as large has such a forecast.
    model, given, noise = network(), window(shape()), uniforms(3, 4, 5)
    with torch.no_grad():
        first = model.stack.layers[0]
        assert isinstance(first, RecurrentLayer)
        first.weight_ih[:, -1] = 0
    paths = model.sample(given, noise)
    larger = model.sample(given._replace(history=given.history * 2.0**30), noise)
    torch.testing.assert_close(larger, paths * 2.0**30, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"head": "quantile"}, "'quantile' is none"),
        ({"linear": True}, "network.linear"),
        ({"affine": True}, "network.affine"),
        ({"mixing": True}, "network.mixing"),
        ({"deep": True}, "network.deep"),
        ({"normalise": True}, "network.normalise"),
        ({"head": "negbin", "transform": "log"}, "network.transform"),
        ({"head": "negbin", "location": "last"}, "network.location"),
    ],
)
def test_what_does_not_go_with_sampling_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        network(**given)


@pytest.mark.parametrize("head", HEADS)
def test_it_learns_what_comes_next(head: str) -> None:
    of = shape(horizon=6)
    model = network(head, of, residual="none", width=10).train()
    steps = torch.arange(36) % 6
    series = (steps * 4.0 + 2).expand(8, -1)[..., None] * torch.arange(1, 9)[:, None, None]
    given, target = make_window(series[:, :30]), series[:, 30:]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    first = last = 0.0
    for turn in range(80):
        losses, there = model.loss(given, target)
        loss = losses.sum() / there.sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        first, last = (float(loss.detach()) if turn == 0 else first), float(loss.detach())
    assert last < first - 0.7
    assert all(parameter.grad is not None for parameter in model.parameters())
    forecast = model.eval()(given)
    median = model.restore(forecast.quantiles, forecast)[..., 1]
    assert float((median - target).abs().sum() / target.sum()) < 0.25


def test_the_mix_of_lags_starts_as_a_fair_forecast() -> None:
    assert start_of((1, 2, 6, 7), 6) == [0.5, 0.0, 1.0, -0.5]
    assert start_of((1, 2, 12), 12) == [0.0, 0.0, 1.0]
    assert start_of((1, 2, 3), 12) == start_of((1, 2, 3), 0) == [1.0, 0.0, 0.0]
    assert network(residual="seasonal").mix is not None
    assert network(residual="none").mix is None
