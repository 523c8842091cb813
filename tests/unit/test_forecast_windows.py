"""Windows out of a store, what is trained on them, and what the series settle."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from seqtools import config
from seqtools.errors import ConfigError, DataError
from seqtools.nn.forecasting.ensemble import build
from seqtools.training.world import World
from seqtools_forecast.choices import choose, parse_levels, with_values
from seqtools_forecast.facts import found_season, look
from seqtools_forecast.judging import Judge, seasonal_naive
from seqtools_forecast.objectives import Objective, pinball, squares
from seqtools_forecast.predicting import predict, window_losses
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.ridge import fit_linear
from seqtools_forecast.scales import naive2_errors, series_scales
from seqtools_forecast.splits import Held, WindowList, split
from seqtools_forecast.spreads import training_figures
from seqtools_forecast.store import from_arrays
from seqtools_forecast.train import ForecastExperiment
from seqtools_forecast.train_run import rates
from seqtools_forecast.windows import WindowSource

TINY = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_series.py"))))
CPU = torch.device("cpu")


def recipe(**values: Any) -> ForecastRecipe:
    named = {path.replace("__", "."): value for path, value in values.items()}
    small = {"network.width": 5, "training.batch_size": 4, "training.steps": 3}
    return config.build(config.Layer("test", {**small, **named}), kind=ForecastRecipe)


def test_windows_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    store = TINY.rich(tmp_path)
    windows = WindowList(np.array([0, 1, 2, 0, 1]), np.array([1, 40, 41, 66, 90]))
    ends = np.array([60, 42, 41, 68, 90])
    window, raw = WindowSource(store, horizon=4, context=12).gather(windows, ends)
    for row, (place, origin, end) in enumerate(zip(windows.series, windows.origin, ends, strict=True)):
        one = store[int(place)]
        for step in range(-12, 4):
            at = origin + step
            there = 0 <= at < end
            value = one.values[at] if there else np.full(2, np.nan)
            mine = window.history[row, 12 + step] if step < 0 else raw[row, step]
            np.testing.assert_allclose(mine, value.astype(np.float32))
            known = one.future[at] if 0 <= at < len(one.future) else np.full(2, np.nan)
            np.testing.assert_allclose(window.future[row, 12 + step], known.astype(np.float32))
            if step < 0:
                past = one.past[at] if there else np.full(1, np.nan)
                np.testing.assert_allclose(window.past[row, 12 + step], past.astype(np.float32))
        assert int(window.position[row]) == one.start + origin
        assert window.numbers[row].tolist() == one.numbers.tolist()
        assert store.category_values[0][int(window.categories[row, 0]) - 1] == one.categories[0]


def test_figures_are_of_the_training_part(tmp_path: Path) -> None:
    store = TINY.rich(tmp_path)
    splits = split(store.lengths, 4, 12, Held(2, 1, 4))
    found = training_figures(store, splits)
    rows = np.concatenate(
        [one.values[:end] for one, end in zip(store, splits.train_end, strict=True)], axis=0
    )
    np.testing.assert_allclose(found["values"][0], np.nanmean(rows, axis=0))
    np.testing.assert_allclose(found["values"][1], np.nanstd(rows, axis=0))
    assert found["numbers"][0].tolist() == pytest.approx([7 / 3])
    assert [len(found[name][0]) for name in ("past", "future")] == [1, 2]
    scales = series_scales(store, splits, 1)
    one = store[1].values[: splits.train_end[1]]
    np.testing.assert_allclose(scales[1], np.abs(np.diff(one, axis=0)).mean(axis=0))


def test_constant_series_have_a_scale_above_zero(tmp_path: Path) -> None:
    store = from_arrays([np.full(30, 5.0), np.zeros(30)], tmp_path)
    splits = split(store.lengths, 3, 6, Held(1, 1, 3))
    assert series_scales(store, splits, 1).tolist() == [[5.0], [1.0]]
    assert naive2_errors(store, splits, 1) == (1.0, 1.0)


def test_objectives_are_plain_formulas(tmp_path: Path) -> None:
    store = TINY.store(tmp_path)
    source = WindowSource(store, 4, 12)
    windows = WindowList(np.array([0, 1, 2]), np.array([20, 30, 40]))
    window, raw = source.gather(windows)
    raw[0, 1] = torch.nan
    units, levels = torch.tensor([[2.0], [3.0], [4.0]]), (0.1, 0.5, 0.9)
    for transform in ("none", "log", "asinh"):
        chosen = choose(
            recipe(network__transform=transform, data__levels="0.1,0.5,0.9", data__horizon=4), store
        )
        network = build(chosen.recipe.network, replace(chosen.shape, context=12, seasons=(6,))).eval()
        forecast = network(window)
        told = network.restore(forecast.quantiles, forecast)
        there = ~raw.isnan()
        naive = (pinball(raw.nan_to_num(), told, levels) / units[:, None])[there].mean()
        found = Objective(levels, transform, "naive").loss(network, forecast, raw, units)
        torch.testing.assert_close(found, naive, rtol=1e-3, atol=1e-5)
        level = Objective(levels, transform, "level").loss(network, forecast, raw, units)
        relative = (pinball(raw.nan_to_num(), told, levels) / raw.nan_to_num(1.0))[there].mean()
        torch.testing.assert_close(level, relative, rtol=0.35 if transform == "log" else 1e-3, atol=1e-5)
        both = Objective(levels, transform, "owa", naive2=(0.2, 1.5)).loss(network, forecast, raw, units)
        torch.testing.assert_close(both, 0.5 * (level / 0.2 + naive / 1.5), rtol=1e-3, atol=1e-5)
        mean = Objective(levels, transform, mean_weight=0.5).loss(network, forecast, raw, units)
        none = Objective(levels, transform).loss(network, forecast, raw, units)
        target = network.scaled(raw, forecast)
        squares = (forecast.mean - target).square()[there].mean()
        plain = Objective(levels, transform, mean_weight=0.5, squared=False).loss(
            network, forecast, raw, units
        )
        absolute = (forecast.mean - target).abs()[there].mean()
        torch.testing.assert_close(plain, none + 0.5 * absolute, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(mean, none + 0.5 * squares, rtol=1e-3, atol=1e-5)


def test_squares_of_far_errors_grow_like_a_line() -> None:
    error = torch.tensor([-30.0, -10, 0, 3, 10, 1000], requires_grad=True)
    found = squares(error)
    assert found.tolist() == [500, 100, 0, 9, 100, 19_900]
    found.sum().backward()
    assert error.grad is not None and error.grad.tolist() == [-20, -20, 0, 6, 20, 20]


def test_the_linear_map_starts_as_a_ridge_regression(tmp_path: Path) -> None:
    store = TINY.store(tmp_path, count=3, steps=60)
    values = {"network__linear": True, "network__residual": "none", "network__location": "last"}
    asked = recipe(
        data__horizon=3, data__context=8, network__scale="none", network__transform="none", **values
    )
    chosen = choose(asked, store)
    splits = split(store.lengths, 3, 8, Held(1, 1, 3))
    source, network = WindowSource(store, 3, 8), build(chosen.recipe.network, chosen.shape)
    assert fit_linear(network.forecasters(), source, splits, 0.01)
    rows, ahead = [], []
    for place, one in enumerate(store):
        for origin in range(8, int(splits.train_end[place]) - 2):
            last = one.values[origin - 1, 0]
            rows.append([*(one.values[origin - 8 : origin, 0] - last), 1.0])
            ahead.append(one.values[origin : origin + 3, 0] - last)
    x, y = np.array(rows), np.array(ahead)
    penalty = np.diag([0.01 * len(x)] * 8 + [0.0])
    solved = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    linear = network.members[0].linear
    np.testing.assert_allclose(linear.weight.detach().T, solved[:-1], atol=1e-3)
    np.testing.assert_allclose(linear.bias.detach(), solved[-1], atol=1e-3)
    assert not network.members[0].output.weight.any()
    window, _ = source.gather(WindowList(np.array([1]), np.array([30])))
    past = store[1].values[22:30, 0]
    mean = network.eval()(window).mean * network.members[0].standard + past[-1]
    wanted = past[-1] + np.append(past - past[-1], 1.0) @ solved  # before training: the regression itself
    np.testing.assert_allclose(mean[0, :, 0].detach(), wanted, atol=1e-3)
    slower = rates(network, chosen.recipe)
    assert set(slower) == {"members.0.linear.weight", "members.0.linear.bias"}
    assert set(slower.values()) == {0.1}
    thin = build(replace(chosen.recipe.network, linear_rank=2), chosen.shape)
    assert fit_linear(thin.forecasters(), source, splits, 0.01)
    narrow, wide = thin.members[0].linear
    main = np.linalg.svd(x[:, :-1] @ solved[:-1])[2][:2]  # of what the whole map tells of these windows
    np.testing.assert_allclose(
        (wide.weight @ narrow.weight).detach().T, solved[:-1] @ main.T @ main, atol=1e-3
    )
    assert len(rates(thin, chosen.recipe)) == 3
    without = build(replace(chosen.recipe.network, linear=False), chosen.shape)
    assert not fit_linear(without.forecasters(), source, splits, 0.01)


def test_the_judge_measures_by_the_seasonal_naive(tmp_path: Path) -> None:
    store = TINY.store(tmp_path, noise=0.3)
    chosen = choose(recipe(data__horizon=4, data__season="6"), store)
    splits = split(store.lengths, 4, chosen.shape.context, Held(3, 0, 4))
    source, units = WindowSource(store, 4, chosen.shape.context), series_scales(store, splits, 6)
    judge = Judge(source, splits.valid, chosen.shape, units, 6)
    window, raw = source.gather(splits.valid)
    told = seasonal_naive(window.history.numpy(), 4, 6)
    np.testing.assert_allclose(told[:, :, 0], window.history[:, -6:-2, 0])
    losses = judge.losses(raw.numpy(), told[..., None])
    assert losses.mean() == pytest.approx(1.0)
    network = build(chosen.recipe.network, chosen.shape).eval()
    figures = judge.figures(predict(network, source, splits.valid, chosen.shape, CPU))
    assert figures.keys() == {"valid_loss", "mase", "coverage_80"} and figures["valid_loss"] > 0
    gap = raw.numpy().copy()
    gap[0] = np.nan
    assert window_losses(gap, told[..., None], units[splits.valid.series], (0.5,))[0] == 0


@pytest.mark.parametrize(
    "values",
    [
        {"network__members": 2, "training__weights": "owa", "training__noise": 0.1},
        {"network__head": "student", "training__loss": "likelihood", "training__missing": 0.2},
        {"network__kind": "recurrent", "training__sampling": "root", "training__same_phase": 0.5},
        {"network__kind": "seq2seq", "training__weights": "level", "network__calendar": True},
        {"network__linear": True, "training__mean_error": "absolute"},
        {"network__kind": "smoothing", "training__wiggle": 10.0},
        {"network__kind": "deepar", "training__sampling": "series"},
    ],
    ids=lambda values: "-".join(str(value) for value in values.values()),
)
def test_every_way_of_training_gives_a_loss_and_gradients(tmp_path: Path, values: dict[str, Any]) -> None:
    store = TINY.store(tmp_path)
    chosen = choose(recipe(data__horizon=4, data__season="6", **values), store)
    splits = split(store.lengths, 4, chosen.shape.context, chosen.held)
    torch.manual_seed(1)
    network = build(chosen.recipe.network, chosen.shape)
    experiment = ForecastExperiment(
        network, store, splits, chosen.recipe, chosen.shape, units=series_scales(store, splits, 6), unit=6,
        naive2=(0.2, 1.5), world=World(0, 1, CPU),
    )  # fmt: skip
    network.train()
    loss = experiment.loss()
    loss.objective.backward()
    assert torch.isfinite(loss.objective) and loss.count == 4 * len(network.members)
    moved = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert sum(float(grad.abs().sum()) for grad in moved) > 0
    network.eval()
    with torch.no_grad():
        assert np.isfinite(list(experiment.evaluate().values())).all()


def test_what_is_open_the_series_settle(tmp_path: Path) -> None:
    chosen = choose(recipe(), TINY.store(tmp_path, count=3, steps=400))
    network, data = chosen.recipe.network, chosen.recipe.data
    assert (data.horizon, data.season, data.frequency) == (48, "24,168", "h")
    assert (network.kind, network.transform) == ("segment", "log")
    assert chosen.shape.context % 24 == 0 and chosen.shape.non_negative
    assert chosen.recipe.training.steps == 3
    assert any("horizon 48" in line for line in chosen.told)
    again = choose(chosen.recipe, TINY.store(tmp_path / "again", count=3, steps=400))
    assert again.recipe == chosen.recipe and again.shape == chosen.shape


def test_what_is_told_stays(tmp_path: Path) -> None:
    asked = recipe(
        data__horizon=5, data__context=17, data__season="none", data__valid_windows=2, data__test_windows=0,
        data__stride=3, network__transform="asinh", network__location="mean", network__kind="recurrent",
        data__non_negative="no",
    )  # fmt: skip
    chosen = choose(asked, TINY.store(tmp_path))
    assert (chosen.shape.horizon, chosen.shape.context, chosen.shape.seasons) == (5, 17, ())
    assert chosen.held == Held(2, 0, 3) and not chosen.shape.non_negative
    network = chosen.recipe.network
    assert (network.transform, network.location, network.kind) == ("asinh", "mean", "recurrent")
    assert chosen.unit == 1


def test_blocks_are_foretold_where_validation_windows_tell_too_little(tmp_path: Path) -> None:
    def blocks(count: int, steps: int, **values: object) -> int:
        store = TINY.store(tmp_path / str(len(list(tmp_path.iterdir()))), count=count, steps=steps)
        asked = recipe(data__horizon=12, data__season="6", **values)
        return choose(asked, store).recipe.calibration.folds

    assert blocks(1, 200) == 4
    assert blocks(1, 90) == 0  # all of it is needed to train
    assert blocks(20, 200) == 0
    assert blocks(1, 200, training__max_time="5s") == 0
    assert blocks(1, 200, network__kind="deepar") == 0
    assert blocks(1, 90, calibration__folds=2) == 2
    assert blocks(1, 200, calibration__folds=0) == 0
    assert blocks(1, 200, calibration__kind="none", calibration__blend=False) == 0


def test_a_wave_without_stamps_has_its_season_found(tmp_path: Path) -> None:
    wave = np.sin(2 * np.pi * np.arange(500) / 37)
    store = from_arrays([wave], tmp_path)
    assert found_season(look(store)) == 37
    chosen = choose(recipe(), store)
    assert chosen.shape.seasons == (37,) and chosen.recipe.network.transform == "none"
    assert chosen.recipe.network.residual == "seasonal"
    noise = np.random.default_rng(1).normal(size=500)
    assert found_season(look(from_arrays([noise], tmp_path / "noise"))) == 0


def test_a_season_is_not_taken_for_its_repetition(tmp_path: Path) -> None:
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(0, 0.1, 200)
        wave = np.sin(2 * np.pi * np.arange(200) / 10) + noise
        assert found_season(look(from_arrays([wave], tmp_path / str(seed)))) == 10
    slow = np.sin(2 * np.pi * np.arange(400) / 50) + 0.5 * np.sin(2 * np.pi * np.arange(400) / 10)
    assert found_season(look(from_arrays([slow], tmp_path / "slow"))) == 50


def test_what_means_nothing_for_series_is_refused() -> None:
    layer = config.Layer("--set", {"training.label_smoothing": 0.1})
    with pytest.raises(ConfigError, match=r"label_smoothing = 0\.1 is outside 0 to 0"):
        config.build(layer, kind=ForecastRecipe)


def test_levels_ascend_with_the_median_among_them() -> None:
    assert parse_levels("0.9, 0.1") == (0.1, 0.5, 0.9)
    for wrong in ("0.1,x", "0,0.5", "1.5", ""):
        with pytest.raises(ConfigError, match="no list of numbers between 0 and 1"):
            parse_levels(wrong)


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"network__transform": "log"}, "logarithms are of values above zero"),
        ({"network__kind": "deepar", "network__head": "negbin"}, "counts are not below zero"),
        ({"data__horizon": 60}, "fewer than one window needs to forecast 60"),
    ],
)
def test_series_that_a_model_cannot_take_are_told(tmp_path: Path, values: dict[str, Any], cause: str) -> None:
    low = np.arange(50.0) - 3
    with pytest.raises(DataError, match=cause):
        chosen = choose(recipe(**values), from_arrays([low + 9, low], tmp_path))
        split(np.array([50, 50]), chosen.shape.horizon, chosen.shape.context, chosen.held)


def test_seasons_that_are_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no list of whole numbers above 1"):
        choose(recipe(data__season="weekly"), TINY.store(tmp_path))


@pytest.mark.parametrize("name", config.preset_names(ForecastRecipe))
def test_presets_make_small_networks(tmp_path: Path, name: str) -> None:
    preset = config.build(config.preset(name, ForecastRecipe), kind=ForecastRecipe)
    rng = np.random.default_rng(1)
    walk = 500 + rng.normal(size=2000).cumsum()
    chosen = choose(with_values(preset, {"data.valid_windows": 1}), from_arrays([walk + 99], tmp_path))
    with torch.device("meta"):
        network = build(chosen.recipe.network, chosen.shape)
    assert sum(weight.numel() for weight in network.parameters()) <= 1_000_000
